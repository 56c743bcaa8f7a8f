//! A self-contained HTML page about a kernel or a fitted model.
//!
//! [`Report`] is plain numbers and text; [`Report::render`] turns it into one file without
//! scripts and without anything loaded from elsewhere. Parts that are absent leave no trace.

mod escape;
mod page;
mod palette;
mod plots;
mod scale;
mod svg;
mod tables;

pub use scale::short;

/// Everything a page can show.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// One line under the heading.
    pub subtitle: String,
    /// Few figures set large: value, label.
    pub highlights: Vec<(String, String)>,
    /// Methods side by side.
    pub comparison: Vec<Method>,
    /// Eigenvalues of kernels.
    pub spectra: Vec<Spectrum>,
    /// Leave-one-out error along the ridge.
    pub ridge_path: Option<RidgePath>,
    /// Counts of true against predicted classes.
    pub confusion: Option<Confusion>,
    /// Predicted against true values.
    pub scatter: Option<Scatter>,
    /// How clearly the true class won.
    pub margins: Option<Margins>,
    /// Tables of names and values: title, rows.
    pub facts: Vec<(String, Vec<(String, String)>)>,
    /// The network as JSON.
    pub network: Option<String>,
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Method {
    /// Name.
    pub name: String,
    /// Share of test rows classified rightly.
    pub accuracy: f64,
    /// Wall time from the data in memory to the predictions.
    pub seconds: f64,
    /// Peak resident memory of the process that did it, where known.
    pub peak_bytes: Option<u64>,
}

/// Eigenvalues of one kernel.
#[derive(Clone, Debug)]
pub struct Spectrum {
    /// What the kernel is called.
    pub name: String,
    /// Eigenvalues in any order.
    pub values: Vec<f64>,
    /// Ridge added to them, in the same units.
    pub ridge: Option<f64>,
    /// Magnitude below which they are rounding.
    pub rounding: f64,
}

impl Spectrum {
    /// The number of eigenvalues that are negative beyond rounding; a kernel has none.
    pub fn negative(&self) -> usize {
        self.values.iter().filter(|v| **v < -self.rounding).count()
    }
}

/// Leave-one-out error over candidate ridges.
#[derive(Clone, Debug)]
pub struct RidgePath {
    /// Candidates, increasing.
    pub ridges: Vec<f64>,
    /// Their errors.
    pub errors: Vec<f64>,
    /// Index of the chosen one.
    pub chosen: usize,
    /// What the error is.
    pub measure: String,
}

/// Counts of true (rows) against predicted (columns) classes.
#[derive(Clone, Debug)]
pub struct Confusion {
    /// Class names.
    pub classes: Vec<String>,
    /// `counts[truth][predicted]`.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of class codes; `None` where a code has no class.
    pub fn count(classes: &[String], truth: &[usize], predicted: &[usize]) -> Option<Confusion> {
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (&t, &p) in truth.iter().zip(predicted) {
            *counts.get_mut(t)?.get_mut(p)? += 1;
        }
        Some(Confusion { classes: classes.to_vec(), counts })
    }
}

/// Predicted against true values.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// What the predictions are (`predictions on 200 test rows`).
    pub what: String,
    /// True values.
    pub truth: Vec<f64>,
    /// Predictions, as many.
    pub predicted: Vec<f64>,
}

/// For each row the score of its true class less the best score of any other.
#[derive(Clone, Debug)]
pub struct Margins {
    /// What the rows are (`5000 test rows`).
    pub what: String,
    /// The margins; positive where the class is right.
    pub values: Vec<f64>,
}

impl Report {
    /// The page.
    pub fn render(&self) -> String {
        page::render(self)
    }
}

#[cfg(test)]
mod tests;
