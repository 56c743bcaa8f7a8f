//! A page about the square kernels of a file: their entries, their spectrum, and what keeps a
//! matrix from being a kernel.

use std::path::Path;

use ndarray::{Array2, ArrayView1, Axis};
use widelimit::Precision;
use widelimit::data::{ArrayFile, Npz, Source, peek};
use widelimit::linalg::symmetric_eigenvalues;

use super::data;
use crate::failure::Failure;
use crate::report::{Report, Spectrum, short};
use crate::session::Session;

/// Rows of a kernel whose spectrum is computed; larger ones are thinned.
const SPECTRUM_ROWS: usize = 2000;

/// Matrices alive while eigenvalues are computed: the kernel and a workspace of its size.
const EIGENVALUE_MATRICES: u64 = 2;

/// The page.
pub fn of_kernels(path: &Path, session: &Session) -> Result<Report, Failure> {
    let file = Npz::open(path)?;
    let mut page = Report {
        title: format!("Kernel {}", path.file_name().unwrap_or_default().to_string_lossy()),
        ..Report::default()
    };
    let mut remarks = Vec::new();
    let known = ["ntk", "nngp"].into_iter().filter(|name| file.names().iter().any(|n| n == name));
    for name in known {
        let (matrix, precision) = read(&file.array(name)?, path, name, session)?;
        let rows = matrix.nrows();
        let title = name.to_uppercase();
        let kernel = Kernel::new(matrix, precision);
        let mut facts = kernel.facts();
        remarks.extend(kernel.remark().map(|remark| format!("{title} {remark}")));
        let values = kernel.spectrum(session)?;
        let spectrum = Spectrum {
            name: title.clone(),
            rounding: rounding(ArrayView1::from(&values), precision),
            values,
            ridge: None,
        };
        facts.extend(extremes(&spectrum));
        remarks.extend(indefinite(&spectrum).map(|remark| format!("{title} {remark}")));
        page.facts.push((format!("{title} kernel"), facts));
        page.spectra.push(spectrum);
        if rows > SPECTRUM_ROWS {
            page.subtitle =
                format!("The spectrum is that of {SPECTRUM_ROWS} of {rows} rows, evenly spread.");
        }
    }
    if page.spectra.is_empty() {
        return Err(Failure::data(format!(
            "{} holds no kernel: expected arrays `ntk` or `nngp`, found {}",
            path.display(),
            file.names().join(", ")
        )));
    }
    for remark in remarks {
        session.note(&remark);
        page.subtitle = format!("{} {remark}", page.subtitle).trim_start().to_owned();
    }
    Ok(page)
}

/// A square matrix of finite doubles, and the precision of its file.
fn read(
    array: &ArrayFile,
    path: &Path,
    name: &str,
    session: &Session,
) -> Result<(Array2<f64>, Precision), Failure> {
    let [rows, columns] = *array.shape() else {
        return Err(Failure::data(format!(
            "{}:{name} has {} axes; a report needs a matrix, one number a pair of inputs",
            path.display(),
            array.shape().len()
        )));
    };
    if rows != columns {
        return Err(Failure::data(format!(
            "{}:{name} is {rows} x {columns}; a report needs the kernel of inputs with themselves",
            path.display()
        )));
    }
    let peek = peek(&Source::new(path, Some(name))?)?;
    session.less(memory(rows as u64, peek.bytes, peek.reading))?;
    let read = array.read()?;
    let precision = match read {
        widelimit::data::Array::F32(_) => Precision::F32,
        widelimit::data::Array::F64(_) => Precision::F64,
    };
    let matrix = data::doubles(read, name)?;
    match matrix.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), value)) => {
            Err(Failure::data(format!("{name} holds {value} at row {row}, column {column}")))
        }
        None => Ok((matrix, precision)),
    }
}

/// Bytes at the peak of a page about a kernel of `n` rows that takes `bytes` as it is read, and
/// `reading` meanwhile.
fn memory(n: u64, bytes: u64, reading: u64) -> u64 {
    let square = |n: u64| n.saturating_mul(n).saturating_mul(8);
    let part = n.min(SPECTRUM_ROWS as u64);
    let doubled = if bytes < square(n) { bytes.saturating_add(square(n)) } else { square(n) };
    // Rows are chosen first, then columns.
    let thinned = if part < n {
        square(n).saturating_add(8 * part * n).saturating_add(square(part))
    } else {
        0
    };
    reading.max(doubled).max(thinned).max(EIGENVALUE_MATRICES * square(part))
}

/// Magnitude below which an eigenvalue of a kernel with entries of this precision is rounding.
pub fn rounding(eigenvalues: ArrayView1<f64>, precision: Precision) -> f64 {
    let largest = eigenvalues.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    largest * eigenvalues.len() as f64 * epsilon(precision)
}

fn epsilon(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => f64::from(f32::EPSILON),
        Precision::F64 => f64::EPSILON,
    }
}

/// A matrix, and how far it is from its transpose.
struct Kernel {
    matrix: Array2<f64>,
    /// Largest difference of an entry from its mirror image.
    asymmetry: f64,
    /// Where that is.
    place: (usize, usize),
    /// Whether the difference can be rounding.
    rounding: bool,
}

impl Kernel {
    /// Roundings of the largest entry that two ways to compute an entry may differ by.
    const ROUNDINGS: f64 = 1000.0;

    fn new(matrix: Array2<f64>, precision: Precision) -> Kernel {
        let largest = matrix.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let (mut asymmetry, mut place) = (0.0, (0, 0));
        for ((i, j), value) in matrix.indexed_iter().filter(|((i, j), _)| i < j) {
            let difference = (value - matrix[[j, i]]).abs();
            if difference > asymmetry {
                (asymmetry, place) = (difference, (i, j));
            }
        }
        let rounding = asymmetry <= Self::ROUNDINGS * epsilon(precision) * largest;
        Kernel { matrix, asymmetry, place, rounding }
    }

    fn facts(&self) -> Vec<(String, String)> {
        let kernel = &self.matrix;
        let n = kernel.nrows() as f64;
        let diagonal = kernel.diag();
        let (low, high) =
            diagonal.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        let asymmetry = match (self.asymmetry, self.rounding) {
            (0.0, _) => "none".into(),
            (value, true) => format!("{} (rounding)", short(value)),
            (value, false) => format!("{} (not symmetric)", short(value)),
        };
        vec![
            ("Rows".into(), kernel.nrows().to_string()),
            ("Mean of the diagonal".into(), short(diagonal.sum() / n)),
            ("Smallest on the diagonal".into(), short(low)),
            ("Largest on the diagonal".into(), short(high)),
            ("Mean of all entries".into(), short(kernel.sum() / (n * n))),
            ("Largest asymmetry".into(), asymmetry),
        ]
    }

    /// What there is to say about a matrix that is not symmetric.
    fn remark(&self) -> Option<String> {
        let (i, j) = self.place;
        let (one, other) = (self.matrix[[i, j]], self.matrix[[j, i]]);
        (!self.rounding).then(|| {
            format!(
                "is not symmetric and so no kernel: row {i}, column {j} holds {} but row {j}, \
                 column {i} holds {}; the spectrum is that of its symmetric part.",
                short(one),
                short(other)
            )
        })
    }

    /// Eigenvalues of the symmetric part, of evenly spread rows where there are many.
    fn spectrum(self, session: &Session) -> Result<Vec<f64>, Failure> {
        let n = self.matrix.nrows();
        let mut part = self.matrix;
        if n > SPECTRUM_ROWS {
            let rows: Vec<usize> = (0..SPECTRUM_ROWS).map(|k| k * n / SPECTRUM_ROWS).collect();
            part = part.select(Axis(0), &rows).select(Axis(1), &rows);
        }
        for i in 0..part.nrows() {
            for j in 0..i {
                // Halves first: the sum of two entries may overflow.
                let mean = 0.5 * part[[i, j]] + 0.5 * part[[j, i]];
                (part[[i, j]], part[[j, i]]) = (mean, mean);
            }
        }
        let values = symmetric_eigenvalues(part, &session.par).map_err(widelimit::Error::from)?;
        Ok(values.to_vec())
    }
}

/// The ends of a spectrum.
fn extremes(spectrum: &Spectrum) -> Vec<(String, String)> {
    let (low, high) =
        spectrum.values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    vec![
        ("Largest eigenvalue".into(), short(high)),
        ("Smallest eigenvalue".into(), short(low)),
        ("Negative eigenvalues".into(), spectrum.negative().to_string()),
    ]
}

/// What there is to say about a matrix with negative eigenvalues.
fn indefinite(spectrum: &Spectrum) -> Option<String> {
    let count = spectrum.negative();
    let lowest = spectrum.values.iter().copied().fold(f64::MAX, f64::min);
    let noun = if count == 1 {
        "a negative eigenvalue".into()
    } else {
        format!("{count} negative eigenvalues, the lowest")
    };
    (count > 0)
        .then(|| format!("has {noun} {} and so is no kernel, which has none.", short(lowest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn asymmetry_is_told_from_rounding() {
        let wrong = Kernel::new(array![[1.0, 100.0], [0.0, 1.0]], Precision::F64);
        let remark = wrong.remark().unwrap();
        assert!(
            remark.contains("row 0, column 1 holds 100 but row 1, column 0 holds 0"),
            "{remark}"
        );
        let close = array![[1.0, 0.5], [0.5 + 1e-6, 1.0]];
        assert!(Kernel::new(close.clone(), Precision::F32).remark().is_none());
        assert!(Kernel::new(close, Precision::F64).remark().is_some());
        assert!(Kernel::new(array![[0.0]], Precision::F64).remark().is_none());
    }

    #[test]
    fn the_peak_is_reading_or_thinning_or_the_eigenvalues() {
        // Read as doubles in place: the eigenvalues take most.
        assert_eq!(memory(1000, 8_000_000, 8_000_000), 16_000_000);
        // Single precision beside its doubles, then rows chosen from all.
        assert_eq!(memory(10_000, 400_000_000, 400_000_000), 1_200_000_000);
        assert_eq!(memory(2000, 32_000_000, 64_000_000), 64_000_000);
    }
}
