//! From the bytes of an array to its values.

use super::{Header, Kind};
use crate::Error;
use std::io::{self, Read};

/// Values in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Text(Vec<String>),
}

impl Values {
    /// The number of values.
    #[cfg(feature = "parquet")]
    pub(crate) fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::Bool(v) => v.len(),
            Values::Int(v) => v.len(),
            Values::Text(v) => v.len(),
        }
    }
}

/// Reads `count` elements as numbers: `float32` stays, every other type becomes `float64`.
pub(crate) fn numbers(
    reader: &mut dyn Read,
    header: &Header,
    count: usize,
    what: &str,
) -> Result<Values, Error> {
    let mut source = Elements { reader, count, big_endian: header.big_endian, what };
    let float = |v: f64| v;
    Ok(match header.kind {
        Kind::Float(4) => Values::F32(source.collect(f32::from_le_bytes)?),
        Kind::Float(8) => Values::F64(source.collect(f64::from_le_bytes)?),
        Kind::Float(_) => Values::F64(source.collect(|b| half(u16::from_le_bytes(b)))?),
        Kind::Bool => Values::F64(source.collect(|[b]| float(f64::from(u8::from(b != 0))))?),
        Kind::Int(1) => Values::F64(source.collect(|b| float(i8::from_le_bytes(b).into()))?),
        Kind::Int(2) => Values::F64(source.collect(|b| float(i16::from_le_bytes(b).into()))?),
        Kind::Int(4) => Values::F64(source.collect(|b| float(i32::from_le_bytes(b).into()))?),
        Kind::Int(_) => Values::F64(source.collect(|b| i64::from_le_bytes(b) as f64)?),
        Kind::Uint(1) => Values::F64(source.collect(|b| float(u8::from_le_bytes(b).into()))?),
        Kind::Uint(2) => Values::F64(source.collect(|b| float(u16::from_le_bytes(b).into()))?),
        Kind::Uint(4) => Values::F64(source.collect(|b| float(u32::from_le_bytes(b).into()))?),
        Kind::Uint(_) => Values::F64(source.collect(|b| u64::from_le_bytes(b) as f64)?),
        Kind::Bytes(_) | Kind::Unicode(_) => {
            return Err(Error::ElementType {
                what: what.to_owned(),
                found: header.kind.name(),
                wanted: "real numbers or booleans",
            });
        }
    })
}

/// Reads `count` elements as they are: integers, booleans and text keep their nature.
pub(crate) fn values(
    reader: &mut dyn Read,
    header: &Header,
    count: usize,
    what: &str,
) -> Result<Values, Error> {
    let mut source = Elements { reader, count, big_endian: header.big_endian, what };
    Ok(match header.kind {
        Kind::Float(_) => return numbers(reader, header, count, what),
        Kind::Bool => Values::Bool(source.collect(|[b]| b != 0)?),
        Kind::Int(1) => Values::Int(source.collect(|b| i8::from_le_bytes(b).into())?),
        Kind::Int(2) => Values::Int(source.collect(|b| i16::from_le_bytes(b).into())?),
        Kind::Int(4) => Values::Int(source.collect(|b| i32::from_le_bytes(b).into())?),
        Kind::Int(_) => Values::Int(source.collect(i64::from_le_bytes)?),
        Kind::Uint(1) => Values::Int(source.collect(|b| u8::from_le_bytes(b).into())?),
        Kind::Uint(2) => Values::Int(source.collect(|b| u16::from_le_bytes(b).into())?),
        Kind::Uint(4) => Values::Int(source.collect(|b| u32::from_le_bytes(b).into())?),
        Kind::Uint(_) => {
            let values = source.collect(u64::from_le_bytes)?;
            match values.iter().map(|v| i64::try_from(*v)).collect() {
                Ok(values) => Values::Int(values),
                Err(_) => Values::F64(values.into_iter().map(|v| v as f64).collect()),
            }
        }
        Kind::Bytes(_) | Kind::Unicode(_) => Values::Text(source.texts(header.kind)?),
    })
}

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

struct Elements<'a> {
    reader: &'a mut dyn Read,
    count: usize,
    big_endian: bool,
    what: &'a str,
}

impl Elements<'_> {
    /// Makes room for the next elements: at most double, never beyond all. So memory follows the
    /// bytes that came, whatever the header announced.
    fn grow<T>(&self, values: &mut Vec<T>, next: usize) -> Result<(), Error> {
        let len = values.len();
        if values.capacity() - len >= next {
            return Ok(());
        }
        let wanted = (2 * len).max(len + next).min(self.count);
        values.try_reserve_exact(wanted - len).map_err(|_| Error::OutOfMemory {
            what: self.what.to_owned(),
            bytes: (wanted as u64).saturating_mul(size_of::<T>() as u64),
        })
    }

    /// Reads all elements of `N` bytes; `convert` gets them little-endian.
    fn collect<const N: usize, T>(
        &mut self,
        convert: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut left = self.count;
        while left > 0 {
            let n = left.min(CHUNK / N);
            let bytes = &mut buffer[..n * N];
            self.reader.read_exact(bytes).map_err(|e| read_error(e, self.what))?;
            self.grow(&mut values, n)?;
            let (elements, _) = bytes.as_chunks::<N>();
            if self.big_endian {
                values.extend(elements.iter().map(|b| {
                    let mut b = *b;
                    b.reverse();
                    convert(b)
                }));
            } else {
                values.extend(elements.iter().map(|b| convert(*b)));
            }
            left -= n;
        }
        Ok(values)
    }

    /// Reads all elements as text, without the zeros that pad it.
    fn texts(&mut self, kind: Kind) -> Result<Vec<String>, Error> {
        let mut values = Vec::new();
        if self.count == 0 {
            // The header was not held against any bytes: an element may claim gigabytes.
            return Ok(values);
        }
        let mut bytes = vec![0u8; kind.size() as usize];
        for row in 0..self.count {
            self.reader.read_exact(&mut bytes).map_err(|e| read_error(e, self.what))?;
            let text = match kind {
                Kind::Unicode(_) => utf32(&bytes, self.big_endian),
                _ => {
                    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
                    String::from_utf8(bytes[..end].to_vec()).ok()
                }
            };
            values.push(text.ok_or_else(|| {
                Error::malformed(self.what, "npy", format!("element {row} is not valid text"))
            })?);
        }
        Ok(values)
    }
}

fn utf32(bytes: &[u8], big_endian: bool) -> Option<String> {
    let (units, _) = bytes.as_chunks::<4>();
    let code =
        |b: &[u8; 4]| if big_endian { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) };
    let end = units.iter().rposition(|b| code(b) != 0).map_or(0, |i| i + 1);
    units[..end].iter().map(|b| char::from_u32(code(b))).collect()
}

/// IEEE 754 half precision, exactly.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match i32::from((bits >> 10) & 0x1f) {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        e => sign * (1024.0 + fraction) * 2f64.powi(e - 25),
    }
}

/// A failed read as an error: bytes that ran out or do not inflate are the file's fault.
pub(crate) fn read_error(error: io::Error, what: &str) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::malformed(what, "npy", "it ends before the data that its header announces")
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Error::malformed(what, "npz", format!("its compressed data is damaged ({error})"))
        }
        _ => Error::Io { action: "read", path: what.into(), source: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2f64.powi(-14)),
            (0x0001, 2f64.powi(-24)),
            (0x3555, 0.333251953125),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }
}
