//! Whole kernels by pairs, and how good they are.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;
use widelimit_linalg::{GramScratch, Par, matmul, symmetric_eigen, symmetric_eigenvalues};
use widelimit_sketch::random::Stream;

use super::config::{Gntk, Method};
use super::crew::allocate;
use super::pairs::{Draw, How, Nodes, size, sums};
use super::plan::ACTIVATION;
use super::sketched::{NodeSketch, Repair};
use super::tiles::Recursion;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::{Options, Progress};

/// What was done, and how far off it may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Pairs of graphs that were computed exactly.
    pub exact_pairs: u64,
    /// Pairs of graphs that were sketched.
    pub sketched_pairs: u64,
    /// For each pair, row by row, whether it was sketched; empty where none was.
    #[serde(skip)]
    pub sketched: Vec<bool>,
    /// Operations of all aggregations, by the model that [`Method::Auto`] decides by.
    pub flops: f64,
    /// Expected relative error of sketched entries (root mean square over root mean square), from three further
    /// sketches of the size asked for and three of half that size, for a sample of pairs: their scatter, and the
    /// bias that activations make of it. `None` where nothing was sketched for other reasons than this error, which
    /// [`Method::Auto`] compares with [`NodeSketch::tolerance`].
    pub relative_error: Option<f64>,
    /// Smallest eigenvalue before the repair, for symmetric kernels with sketched entries.
    pub smallest_eigenvalue: Option<f64>,
    /// What was added to the diagonal.
    pub ridge: f64,
}

/// Sketches of a sampled pair, of the size asked for and of half of it.
const REPEATS: u32 = 3;

/// Pairs that the error is estimated on.
const SAMPLE: usize = 24;

/// Operations that make the sketches of a node at a level, in units of the square of their rows.
const MAKING: f64 = 20.0;

/// How much less time an operation of a sparse sum takes than one of the others.
const SPARSE: f64 = 4.0;

impl Gntk {
    /// A kernel with a report: among `graphs`, or between them and `others`.
    ///
    /// # Errors
    ///
    /// As [`kernel`](Self::kernel).
    ///
    /// ```
    /// use widelimit_graph::{Gntk, Graphs, Method, NodeSketch, Options, Parts};
    ///
    /// let parts = Parts { node_offsets: &[0, 3, 5], ..Parts::default() };
    /// let graphs = Graphs::new(parts)?.with_default_features();
    /// let gntk = Gntk { method: Method::Auto(NodeSketch::default()), ..Gntk::default() };
    /// let (kernel, report) = gntk.kernel_with_report(&graphs, None, &Options::new())?;
    /// assert_eq!((kernel.dim(), report.sketched_pairs), ((2, 2), 0)); // small graphs are not sketched
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn kernel_with_report(
        &self,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<(Array2<f64>, Report), Error> {
        let recursion = self.recursion(graphs, others, options)?;
        let pairs = Pairs::new(&recursion, &self.method, options)?;
        let mut kernels = pairs.kernels()?;
        let mut report = pairs.report()?;
        let mut kernel = kernels.swap_remove(0);
        (report.smallest_eigenvalue, report.ridge) = pairs.repair(&mut kernel)?;
        Ok((kernel, report))
    }

    /// All outputs of a recursion by these parameters' method.
    pub(crate) fn by_method(
        &self,
        recursion: &Recursion<'_>,
        options: &Options<'_>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let pairs = Pairs::new(recursion, &self.method, options)?;
        let mut kernels = pairs.kernels()?;
        for kernel in &mut kernels {
            pairs.repair(kernel)?;
        }
        Ok(kernels)
    }
}

/// Mean and variance of a sample.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (count - 1.0))
}

/// All pairs of a kernel and how each is computed.
struct Pairs<'a> {
    recursion: &'a Recursion<'a>,
    method: &'a Method,
    options: &'a Options<'a>,
    left: &'a Graphs,
    right: &'a Graphs,
    symmetric: bool,
    /// Whether any pair may be sketched.
    sketching: bool,
    /// The error that a trial found.
    tried: Option<f64>,
}

impl<'a> Pairs<'a> {
    fn new(
        recursion: &'a Recursion<'a>,
        method: &'a Method,
        options: &'a Options<'a>,
    ) -> Result<Self, Error> {
        let shared = recursion.shared();
        let symmetric = shared.right.is_none();
        let right = shared.right.unwrap_or(shared.left);
        let sketching = matches!(method, Method::Sketched(_) | Method::Auto(_));
        let left = shared.left;
        let mut pairs =
            Self { recursion, method, options, left, right, symmetric, sketching, tried: None };
        if let Method::Auto(sketch) = method {
            pairs.tried = if pairs.saves_more_than_a_trial() { Some(pairs.error()?) } else { None };
            pairs.sketching = pairs.tried.is_some_and(|error| error <= sketch.tolerance);
        }
        Ok(pairs)
    }

    /// Whether sketches save more than it takes to find out how good they are.
    ///
    /// A pair of the trial makes new sketches and goes through all activations, while sketches save only some of the
    /// aggregation; sparse sums, which they replace, take less time an operation than what makes them.
    fn saves_more_than_a_trial(&self) -> bool {
        let mlp = self.recursion.shared().checked.mlp as f64;
        let (mut count, mut saved, mut needed) = (0_usize, 0.0, 0.0);
        for (i, j) in self.all() {
            if let Some(sketch) = self.sketch(i, j) {
                let sizes = (size(self.left, i), size(self.right, j));
                let [exact, sketched] = Nodes::costs(sizes.0, sizes.1, sketch);
                let (n1, n2) = (sizes.0.0 as f64, sizes.1.0 as f64);
                // Of the two aggregations that a level has, one each.
                let activations = 0.5 * ACTIVATION * mlp * n1 * n2;
                let made = MAKING * (n1 + n2) * (sketch.size as f64).powi(2);
                count += 1;
                saved += exact - sketched;
                needed += sketched + activations + made;
            }
        }
        let trials = SAMPLE.min(count) as f64 * f64::from(2 * REPEATS);
        count > 0 && saved > SPARSE * trials * needed / count as f64
    }

    /// The sketch of a pair, where it is sketched.
    fn sketch(&self, i: usize, j: usize) -> Option<&NodeSketch> {
        if !self.sketching || (self.symmetric && i == j) {
            return None;
        }
        let (left, right) = (size(self.left, i), size(self.right, j));
        match self.method {
            Method::Vectorised | Method::Decoupled => None,
            Method::Sketched(sketch) => {
                (sketch.applies(left.0) || sketch.applies(right.0)).then_some(sketch)
            }
            Method::Auto(sketch) => {
                let [exact, sketched] = Nodes::costs(left, right, sketch);
                (sketched < exact).then_some(sketch)
            }
        }
    }

    /// The pairs, on and above the diagonal of a symmetric kernel.
    fn all(&self) -> impl Iterator<Item = (usize, usize)> + use<'_> {
        let start = move |i| if self.symmetric { i } else { 0 };
        (0..self.left.len()).flat_map(move |i| (start(i)..self.right.len()).map(move |j| (i, j)))
    }

    fn any_sketched(&self) -> bool {
        self.sketching && self.all().any(|(i, j)| self.sketch(i, j).is_some())
    }

    fn kernels(&self) -> Result<Vec<Array2<f64>>, Error> {
        if *self.method == Method::Vectorised || self.any_sketched() {
            self.by_pairs()
        } else {
            self.recursion.all()
        }
    }

    /// The graphs of a side, with their sketches.
    fn nodes(&self, right: bool) -> Result<Vec<Nodes>, Error> {
        let sketch = match self.method {
            Method::Sketched(sketch) | Method::Auto(sketch) => Some(sketch),
            Method::Vectorised | Method::Decoupled => None,
        };
        let graphs = if right { self.right } else { self.left };
        let one = |index| {
            let draw = sketch.map(|sketch| Draw { sketch, repeat: 0 });
            Nodes::new(self.recursion.shared(), right, index, draw)
        };
        let nodes: Vec<_> = self
            .options
            .par
            .install(|| (0..graphs.len()).into_par_iter().with_max_len(1).map(one).collect());
        nodes.into_iter().collect()
    }

    fn by_pairs(&self) -> Result<Vec<Array2<f64>>, Error> {
        let shared = self.recursion.shared();
        let lefts = self.nodes(false)?;
        let others = if self.symmetric { Vec::new() } else { self.nodes(true)? };
        let rights = if self.symmetric { &lefts } else { &others };
        let (rows, columns) = (self.left.len(), self.right.len());
        let outputs = shared.wanted.len();
        let done = AtomicUsize::new(0);
        let row = |i: usize| {
            let mut scratch = GramScratch::new();
            let mut values = Vec::new();
            for (j, right) in rights.iter().enumerate().skip(if self.symmetric { i } else { 0 }) {
                let all = if self.symmetric && i == j {
                    shared.variances.sums[0][i].clone()
                } else {
                    sums(shared, self.how(i, j), &lefts[i], right, self.options, &mut scratch)?
                };
                if all.iter().any(|sum| !sum.is_finite()) {
                    let level = shared.checked.levels();
                    return Err(Error::Overflow { side: "left", graph: i, level, format: "f64" });
                }
                let output = |output| shared.wanted.value(output, |stage| all[stage]);
                values.extend((0..outputs).map(output));
            }
            let pairs = values.len() / outputs;
            self.progress(done.fetch_add(pairs, Ordering::Relaxed) + pairs);
            Ok(values)
        };
        // Of every row the outputs of all its pairs, one pair after the other.
        let values: Vec<Result<Vec<f64>, Error>> = self
            .options
            .par
            .install(|| (0..rows).into_par_iter().with_max_len(1).map(row).collect());
        let mut out = Vec::new();
        for _ in 0..outputs {
            out.push(allocate(rows, columns)?);
        }
        for (i, row) in values.into_iter().enumerate() {
            let row = row?;
            for (j, values) in (if self.symmetric { i } else { 0 }..).zip(row.chunks(outputs)) {
                for (out, &value) in out.iter_mut().zip(values) {
                    out[[i, j]] = value;
                    if self.symmetric {
                        out[[j, i]] = value;
                    }
                }
            }
        }
        Ok(out)
    }

    fn how(&self, i: usize, j: usize) -> How {
        match self.method {
            Method::Vectorised => How::Kronecker,
            _ if self.sketch(i, j).is_some() => How::Sketched,
            _ => How::Sparse,
        }
    }

    /// A tile is a pair here.
    fn progress(&self, done: usize) {
        if let Some(progress) = self.options.progress {
            let (n1, n2) = (self.left.len(), self.right.len());
            let total = if self.symmetric { n1 * (n1 + 1) / 2 } else { n1 * n2 };
            progress(Progress {
                done_tiles: done,
                total_tiles: total,
                done_entries: done as u64,
                total_entries: total as u64,
            });
        }
    }

    fn report(&self) -> Result<Report, Error> {
        let (mut exact_pairs, mut sketched_pairs, mut flops) = (0, 0, 0.0);
        let none = NodeSketch::default();
        for (i, j) in self.all() {
            let sketch = self.sketch(i, j);
            let sizes = (size(self.left, i), size(self.right, j));
            let [exact, sketched] = Nodes::costs(sizes.0, sizes.1, sketch.unwrap_or(&none));
            let vectorised = 2.0 * (sizes.0.0 as f64 * sizes.1.0 as f64).powi(2);
            let (count, cost) = match (sketch, self.method) {
                (Some(_), _) => (&mut sketched_pairs, sketched),
                (None, Method::Vectorised) => (&mut exact_pairs, vectorised),
                (None, _) => (&mut exact_pairs, exact),
            };
            *count += 1;
            flops += cost * 2.0 * self.recursion.shared().checked.levels() as f64;
        }
        let (rows, columns) = (self.left.len(), self.right.len());
        let sketched = match sketched_pairs {
            0 => Vec::new(),
            _ => (0..rows * columns)
                .map(|place| {
                    let (i, j) = (place / columns, place % columns);
                    let (i, j) = if self.symmetric { (i.min(j), i.max(j)) } else { (i, j) };
                    self.sketch(i, j).is_some()
                })
                .collect(),
        };
        let relative_error = match self.tried {
            None if sketched_pairs > 0 => Some(self.error()?),
            tried => tried,
        };
        let smallest_eigenvalue = None;
        let ridge = 0.0;
        Ok(Report {
            exact_pairs,
            sketched_pairs,
            sketched,
            flops,
            relative_error,
            smallest_eigenvalue,
            ridge,
        })
    }

    /// See [`Report::relative_error`]; of several outputs the largest.
    fn error(&self) -> Result<f64, Error> {
        let candidates: Vec<_> = self.all().filter(|&(i, j)| self.sketch(i, j).is_some()).collect();
        let Some(&(i, j)) = candidates.first() else { return Ok(0.0) };
        let Some(sketch) = self.sketch(i, j) else { return Ok(0.0) };
        let stream = Stream::new(sketch.seed, u32::MAX, u32::MAX);
        let sample = stream.sample(candidates.len(), SAMPLE.min(candidates.len()))?;
        let shared = self.recursion.shared();
        let half = sketch.halved();
        let outputs = shared.wanted.len();
        // spread, bias and power of each output
        let mut totals = vec![[0.0; 3]; outputs];
        let mut scratch = GramScratch::new();
        for (i, j) in sample.into_iter().map(|index| candidates[index]) {
            let mut of = |sketch: &NodeSketch, first: u32| -> Result<Vec<(f64, f64)>, Error> {
                let mut values = vec![Vec::new(); outputs];
                for repeat in first..first + REPEATS {
                    let draw = Some(Draw { sketch, repeat });
                    let left = Nodes::new(shared, false, i, draw)?;
                    let right = Nodes::new(shared, true, j, draw)?;
                    let all =
                        sums(shared, How::Sketched, &left, &right, self.options, &mut scratch)?;
                    for (output, values) in values.iter_mut().enumerate() {
                        values.push(shared.wanted.value(output, |stage| all[stage]));
                    }
                }
                Ok(values.iter().map(|values| moments(values)).collect())
            };
            let (full, halved) = (of(sketch, 1)?, of(&half, 1 + REPEATS)?);
            for (total, (full, halved)) in totals.iter_mut().zip(full.into_iter().zip(halved)) {
                let ((mean, variance), (half_mean, half_variance)) = (full, halved);
                let noise = (variance + half_variance) / f64::from(REPEATS);
                // a bias of c / size: what half the size adds is what this size has
                let bias = (half_mean - mean).powi(2) - noise;
                for (total, value) in total.iter_mut().zip([variance, bias, mean * mean]) {
                    *total += value;
                }
            }
        }
        let relative = |[spread, bias, power]: [f64; 3]| match power > 0.0 {
            true => ((spread + bias.max(0.0)) / power).sqrt(),
            false => 0.0,
        };
        Ok(totals.into_iter().map(relative).fold(0.0, f64::max))
    }

    /// Makes a symmetric kernel positive semidefinite: its smallest eigenvalue, and what was added to the diagonal.
    fn repair(&self, kernel: &mut Array2<f64>) -> Result<(Option<f64>, f64), Error> {
        let (Method::Sketched(sketch) | Method::Auto(sketch)) = self.method else {
            return Ok((None, 0.0));
        };
        if !self.symmetric || !self.any_sketched() {
            return Ok((None, 0.0));
        }
        let par: &Par = &self.options.par;
        match sketch.repair {
            Repair::None => {
                let values = symmetric_eigenvalues(kernel.clone(), par)?;
                Ok((Some(values[0]), 0.0))
            }
            Repair::Ridge => {
                let values = symmetric_eigenvalues(kernel.clone(), par)?;
                let ridge = (-values[0]).max(0.0);
                kernel.diag_mut().iter_mut().for_each(|entry| *entry += ridge);
                Ok((Some(values[0]), ridge))
            }
            Repair::Clip => {
                let eigen = symmetric_eigen(kernel.clone(), par)?;
                if eigen.values[0] < 0.0 {
                    let mut scaled = eigen.vectors.as_standard_layout().into_owned();
                    for mut row in scaled.outer_iter_mut() {
                        row.iter_mut().zip(&eigen.values).for_each(|(x, v)| *x *= v.max(0.0));
                    }
                    let clipped = matmul(scaled.view(), eigen.vectors.t(), par);
                    // the halves of a product may differ in the last bit
                    *kernel = (&clipped + &clipped.t()) / 2.0;
                }
                Ok((Some(eigen.values[0]), 0.0))
            }
        }
    }
}
