//! Features from the exact kernel with landmarks.

use ndarray::{ArrayD, ArrayViewD, ArrayViewMut2, Axis};
use widelimit_exact as exact;
use widelimit_sketch::landmarks::{KernelEntries, NystromMap, RandomPivots};
use widelimit_sketch::random::Stream;

use super::job::Job;
use crate::certificate::draw;
use crate::model::{kernel_of, want};
use crate::{Error, Network, Quantity, Run, Scalar};

/// Role of the landmarks among the streams of a seed.
const ROLE: u32 = 0xFEA2;

/// Role of the pivots.
const PIVOTS: u32 = 0xFEA4;

/// Rows among which landmarks are looked for, as a multiple of their number.
const CHOICE: usize = 4;

/// Landmarks are the pivots of a randomly pivoted Cholesky factorisation (Chen, Epperly, Tropp and Webber, 2022)
/// of the kernel of some rows.
///
/// `z(x) = L^{-1} k(S, x)` with landmarks `S` and `L L^T = K(S, S)`: one feature a landmark, and
/// `z(x) . z(x') = k(x, S) K(S, S)^{-1} k(S, x')`, exact where `x` or `x'` is a landmark.
///
/// Everything is computed in double precision, whatever that of the inputs: `L^{-1}` blows rounding up.
#[derive(Debug)]
pub(super) struct Nystrom {
    /// Landmarks, `l` inputs.
    pub landmarks: ArrayD<f64>,
    /// From their kernel values to features.
    pub map: NystromMap<f64>,
}

impl Nystrom {
    /// `dim` landmarks at most, drawn from the rows of the job that are not among `left_out`.
    pub fn fit<T: Scalar>(job: &Job<'_, T>, dim: usize, left_out: &[usize]) -> Result<Self, Error> {
        let rows = Self::choose(job, dim, left_out)?;
        let landmarks = job.x.select(Axis(0), &rows).mapv(Scalar::widen);
        job.run.check_memory("the kernel of the landmarks", kernel_bytes(rows.len()))?;
        let kernel = kernel_of(job.network, job.quantity, landmarks.view(), None, &job.quiet())?;
        job.run.check_cancelled()?;
        let map = NystromMap::fit_cholesky(kernel.view(), &job.run.par);
        Ok(Self { landmarks, map: map.map_err(widelimit_embed::Error::from)? })
    }

    /// Rows in ascending order, without those left out; fewer than `dim` where those explain the rest to
    /// the last digit.
    fn choose<T: Scalar>(
        job: &Job<'_, T>,
        dim: usize,
        left_out: &[usize],
    ) -> Result<Vec<usize>, Error> {
        let rows = job.x.shape()[0];
        let mut open = vec![true; rows];
        left_out.iter().for_each(|&row| open[row] = false);
        let mut open: Vec<usize> = (0..rows).filter(|&row| open[row]).collect();
        if dim >= open.len() {
            return Ok(open);
        }
        let drawn = draw(job.seed, ROLE, open.len(), candidates(open.len(), dim))?;
        open = drawn.into_iter().map(|place| open[place]).collect();
        let pivots = job.pivots(&open, dim)?;
        let mut chosen: Vec<usize> = pivots.into_iter().map(|place| open[place]).collect();
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// Number of features.
    pub fn dim(&self) -> usize {
        self.map.dim()
    }

    /// Features of some inputs.
    pub fn block<T: Scalar>(
        &self,
        network: &Network,
        quantity: Quantity,
        x: ArrayViewD<'_, T>,
        mut out: ArrayViewMut2<'_, T>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let x = x.mapv(Scalar::widen);
        let kernel = kernel_of(network, quantity, x.view(), Some(self.landmarks.view()), run)?;
        let features =
            self.map.features(kernel.view(), &run.par).map_err(widelimit_embed::Error::from)?;
        out.zip_mut_with(&features, |to, from| *to = T::narrow(*from));
        let bad = out.outer_iter().position(|row| row.iter().any(|z| !z.widen().is_finite()));
        match bad {
            None => Ok(()),
            Some(row) => {
                let format = <T as widelimit_linalg::Scalar>::NAME;
                Err(widelimit_embed::Error::Overflow { row, format }.into())
            }
        }
    }
}

/// Rows among which `dim` landmarks of so many rows are looked for; none where all are landmarks.
pub(super) fn candidates(rows: usize, dim: usize) -> usize {
    if dim < rows { dim.saturating_mul(CHOICE).min(rows) } else { 0 }
}

/// Bytes that a fit with `dim` landmarks of so many rows takes.
pub(super) fn room(rows: usize, dim: usize) -> u64 {
    choice_bytes(candidates(rows, dim), dim).max(kernel_bytes(dim.min(rows)))
}

fn choice_bytes(candidates: usize, landmarks: usize) -> u64 {
    3 * 8 * (candidates as u64).saturating_mul(landmarks as u64)
}

fn kernel_bytes(landmarks: usize) -> u64 {
    4 * 8 * (landmarks as u64).saturating_mul(landmarks as u64)
}

impl<T: Scalar> Job<'_, T> {
    /// Pivots of the kernel of some rows, as places among them.
    fn pivots(&self, rows: &[usize], count: usize) -> Result<Vec<usize>, Error> {
        self.run.check_memory("the choice of landmarks", choice_bytes(rows.len(), count))?;
        let x = self.x.select(Axis(0), rows).mapv(Scalar::widen);
        let run = &self.quiet();
        let options = run.options(want(self.quantity));
        let diagonal = exact::diagonal(self.network, x.view(), &options)?;
        let diagonal = diagonal.ntk.or(diagonal.nngp).unwrap_or_default();
        let entries = KernelEntries::new(diagonal, |of, with, mut out| {
            let (of, with) = (x.select(Axis(0), of), x.select(Axis(0), with));
            let (network, quantity) = (self.network, self.quantity);
            out.assign(&kernel_of(network, quantity, of.view(), Some(with.view()), run)?);
            Ok(())
        });
        let pivots = RandomPivots { rank: count, tolerance: 0.0, block: count.div_ceil(10) };
        let stream = Stream::new(self.seed, 0, PIVOTS);
        let found = entries.and_then(|entries| pivots.factor(&entries, stream, &run.par));
        // What stopped the kernel comes back as text.
        run.check_cancelled()?;
        let mut found = found.map_err(widelimit_embed::Error::from)?.pivots;
        if found.is_empty() {
            // The kernel is zero: any row will do.
            found.push(0);
        }
        Ok(found)
    }
}
