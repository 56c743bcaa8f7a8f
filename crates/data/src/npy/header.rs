//! The header of an `.npy` array: a Python dictionary of three known keys.

use crate::Error;
use std::io::Read;

/// NumPy's own headers are below 200 bytes unless the type has fields.
const LONGEST: u64 = 1 << 16;

/// NumPy's own limit on the number of axes.
const MOST_AXES: usize = 64;

/// What the elements are. Sizes are in bytes (for `Unicode`, in characters of four bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int(u8),
    Uint(u8),
    Float(u8),
    Bytes(u32),
    Unicode(u32),
}

impl Kind {
    /// Bytes of one element.
    pub(crate) fn size(self) -> u64 {
        match self {
            Kind::Bool => 1,
            Kind::Int(n) | Kind::Uint(n) | Kind::Float(n) => u64::from(n),
            Kind::Bytes(n) => u64::from(n),
            Kind::Unicode(n) => 4 * u64::from(n),
        }
    }

    /// NumPy's name of the type.
    pub(crate) fn name(self) -> String {
        match self {
            Kind::Bool => "bool".to_owned(),
            Kind::Int(n) => format!("int{}", 8 * n),
            Kind::Uint(n) => format!("uint{}", 8 * n),
            Kind::Float(n) => format!("float{}", 8 * n),
            Kind::Bytes(n) => format!("bytes of length {n}"),
            Kind::Unicode(n) => format!("text of length {n}"),
        }
    }
}

/// A checked header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) big_endian: bool,
    pub(crate) fortran_order: bool,
    pub(crate) shape: Vec<usize>,
    /// Number of elements.
    pub(crate) count: usize,
    /// Bytes before the first element.
    pub(crate) offset: u64,
}

impl Header {
    /// Bytes of all elements.
    pub(crate) fn data_bytes(&self) -> u64 {
        // Cannot overflow: checked in `parse`.
        self.count as u64 * self.kind.size()
    }

    /// Reads a header of an array of `len` bytes in all.
    pub(crate) fn read(reader: &mut dyn Read, len: u64, what: &str) -> Result<Self, Error> {
        let cut = |expected: u64| Error::Truncated { what: what.to_owned(), expected, got: len };
        let bad = |reason: &str| Error::malformed(what, "npy", reason);
        let mut fixed = [0u8; 12];
        if len < 10 {
            let mut start = vec![0; len as usize];
            fill(reader, &mut start, what)?;
            let magic = b"\x93NUMPY";
            let same = start.iter().zip(magic).all(|(a, b)| a == b);
            return Err(if same { cut(10) } else { bad("it does not start with \\x93NUMPY") });
        }
        fill(reader, &mut fixed[..10], what)?;
        if &fixed[..6] != b"\x93NUMPY" {
            return Err(bad("it does not start with \\x93NUMPY"));
        }
        let (prefix, text_len) = match fixed[6] {
            1 => (10, u64::from(u16::from_le_bytes([fixed[8], fixed[9]]))),
            2 | 3 => {
                if len < 12 {
                    return Err(cut(12));
                }
                fill(reader, &mut fixed[10..12], what)?;
                let n = u32::from_le_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]);
                (12, u64::from(n))
            }
            v => return Err(bad(&format!("version {v} is not known (1, 2 and 3 are)"))),
        };
        if prefix + text_len > len {
            return Err(cut(prefix + text_len));
        }
        if text_len > LONGEST {
            return Err(bad(&format!("a header of {text_len} bytes, {LONGEST} at most")));
        }
        let mut text = vec![0; text_len as usize];
        fill(reader, &mut text, what)?;
        // Version 1 and 2 headers are Latin-1, version 3 UTF-8; numeric types need neither.
        let text = std::str::from_utf8(&text).map_err(|_| bad("the header is not UTF-8"))?;
        let header = parse(text, prefix + text_len, what)?;
        let expected = header.offset.checked_add(header.data_bytes());
        match expected {
            Some(e) if e <= len => Ok(header),
            _ => Err(cut(expected.unwrap_or(u64::MAX))),
        }
    }
}

/// Fills `buffer`; an early end means that the bytes ran out although they were announced.
fn fill(reader: &mut dyn Read, buffer: &mut [u8], what: &str) -> Result<(), Error> {
    reader.read_exact(buffer).map_err(|e| super::decode::read_error(e, what))
}

/// Parses the dictionary's text; `offset` is where the elements start.
fn parse(text: &str, offset: u64, what: &str) -> Result<Header, Error> {
    let bad = |reason: String| Error::malformed(what, "npy", reason);
    let mut scan = Scan { rest: text.trim_end() };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    scan.expect('{').map_err(bad)?;
    while !scan.eat('}') {
        let key = scan.string().map_err(bad)?;
        scan.expect(':').map_err(bad)?;
        let twice = match key {
            "descr" => {
                if scan.rest.trim_start().starts_with('[') {
                    return Err(element_type(what, "structured (with fields)"));
                }
                descr.replace(scan.string().map_err(bad)?).is_some()
            }
            "fortran_order" => fortran.replace(scan.boolean().map_err(bad)?).is_some(),
            "shape" => shape.replace(scan.shape().map_err(bad)?).is_some(),
            other => return Err(bad(format!("unknown key '{other}' in the header"))),
        };
        if twice {
            return Err(bad(format!("key '{key}' twice in the header")));
        }
        if !scan.eat(',') {
            scan.expect('}').map_err(bad)?;
            break;
        }
    }
    if !scan.rest.trim().is_empty() {
        return Err(bad("text after the header's dictionary".to_owned()));
    }
    let missing = |key: &str| bad(format!("key '{key}' is missing in the header"));
    let descr = descr.ok_or_else(|| missing("descr"))?;
    let fortran_order = fortran.ok_or_else(|| missing("fortran_order"))?;
    let shape = shape.ok_or_else(|| missing("shape"))?;
    let (kind, big_endian) = element_kind(descr, what)?;

    // The array library wants the product of the non-zero lengths to fit, whatever is zero.
    let span =
        shape.iter().try_fold(kind.size().max(8) as usize, |n, d| n.checked_mul((*d).max(1)));
    if span.is_none_or(|n| n > isize::MAX as usize) {
        return Err(bad(format!("shape {shape:?} is larger than any memory")));
    }
    let count = shape.iter().product();
    Ok(Header { kind, big_endian, fortran_order, shape, count, offset })
}

fn element_type(what: &str, found: &str) -> Error {
    Error::ElementType {
        what: what.to_owned(),
        found: found.to_owned(),
        wanted: "real numbers, booleans or text",
    }
}

/// Reads a type such as `<f8`, `|b1`, `>U7`.
fn element_kind(descr: &str, what: &str) -> Result<(Kind, bool), Error> {
    let unknown = || element_type(what, &format!("'{}'", descr.escape_debug()));
    let mut chars = descr.chars();
    let order = chars.next().ok_or_else(unknown)?;
    let letter = chars.next().ok_or_else(unknown)?;
    let digits = chars.as_str();
    if !matches!(order, '<' | '>' | '|' | '=') {
        return Err(unknown());
    }
    match letter {
        'O' => return Err(element_type(what, "object (Python objects are never loaded)")),
        'c' => return Err(element_type(what, "complex")),
        'M' | 'm' => return Err(element_type(what, "datetime or timedelta")),
        'V' => return Err(element_type(what, "void (raw bytes)")),
        _ => {}
    }
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(unknown());
    }
    let size: u32 = digits.parse().map_err(|_| unknown())?;
    let kind = match (letter, size) {
        ('b', 1) => Kind::Bool,
        ('i', 1 | 2 | 4 | 8) => Kind::Int(size as u8),
        ('u', 1 | 2 | 4 | 8) => Kind::Uint(size as u8),
        ('f', 2 | 4 | 8) => Kind::Float(size as u8),
        ('f', 12 | 16) => return Err(element_type(what, "long double")),
        // Text of length 0 would make any number of elements fit into no bytes.
        ('S' | 'a', 1..) => Kind::Bytes(size),
        ('U', 1..) if size <= u32::MAX / 4 => Kind::Unicode(size),
        _ => return Err(unknown()),
    };
    let big = match order {
        '>' => true,
        '=' => cfg!(target_endian = "big"),
        _ => false,
    };
    Ok((kind, big))
}

/// A cursor over the header's text.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn eat(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.eat(wanted) { Ok(()) } else { Err(self.unexpected(&format!("'{wanted}'"))) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.rest.chars().next() {
            Some(c) => format!("{wanted} expected in the header, '{}' found", c.escape_debug()),
            None => format!("{wanted} expected in the header, which ends there"),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.eat('\'') {
            '\''
        } else if self.eat('"') {
            '"'
        } else {
            return Err(self.unexpected("a string"));
        };
        let end = self.rest.find(quote).ok_or("a string without an end in the header")?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False"))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            shape.push(self.length()?);
            if shape.len() > MOST_AXES {
                return Err(format!("more than {MOST_AXES} axes"));
            }
            if !self.eat(',') {
                // In Python, "(3)" is a number and not a tuple.
                if shape.len() == 1 {
                    return Err(self.unexpected("','"));
                }
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn length(&mut self) -> Result<usize, String> {
        self.rest = self.rest.trim_start();
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if end == 0 {
            return Err(self.unexpected("an axis length"));
        }
        let digits = &self.rest[..end];
        let length =
            digits.parse().map_err(|_| format!("an axis of length {digits} in the header"))?;
        // Files of Python 2 may say 3L.
        self.rest = self.rest[end..].strip_prefix('L').unwrap_or(&self.rest[end..]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Header, Error> {
        parse(text, 64, "a.npy")
    }

    #[test]
    fn reads_what_numpy_writes() {
        let h = parsed("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n").unwrap();
        assert_eq!((h.kind, h.big_endian, h.fortran_order), (Kind::Float(8), false, false));
        assert_eq!((h.shape, h.count), (vec![3, 4], 12));
        let h = parsed("{\"descr\":\">i2\",\"shape\":(7L,),\"fortran_order\":True}").unwrap();
        assert_eq!((h.kind, h.big_endian, h.fortran_order), (Kind::Int(2), true, true));
        assert_eq!(h.shape, [7]);
        let h = parsed("{'descr': '|b1', 'fortran_order': False, 'shape': (), }").unwrap();
        assert_eq!((h.kind, h.count, h.shape.len()), (Kind::Bool, 1, 0));
        let h = parsed("{'descr': '<U5', 'fortran_order': False, 'shape': (2, 0), }").unwrap();
        assert_eq!((h.kind.size(), h.count), (20, 0));
    }

    #[test]
    fn refuses_types_without_meaning_here() {
        for (descr, word) in [
            ("'|O'", "object"),
            ("'<c16'", "complex"),
            ("'<M8[ns]'", "datetime"),
            ("'|V8'", "void"),
            ("[('a', '<f8'), ('b', '<i4')]", "fields"),
            ("'<f16'", "long double"),
            ("'<f3'", "'<f3'"),
            ("'f8'", "'f8'"),
            ("'<i99999999999'", "99999999999"),
            ("'<U4294967295'", "U4294967295"),
            ("'|S0'", "S0"),
            ("'é'", "é"),
            ("''", "''"),
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}");
            let error = parsed(&text).unwrap_err();
            assert!(matches!(error, Error::ElementType { .. }), "{error:?}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn refuses_broken_dictionaries() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "{'descr'",
            "{'descr: 1}",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': 3}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3 4)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3,,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}",
            "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
        ] {
            assert!(matches!(parsed(text), Err(Error::Malformed { .. })), "{text}");
        }
        let axes = "1, ".repeat(65);
        let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({axes})}}");
        assert!(parsed(&text).is_err());
    }
}
