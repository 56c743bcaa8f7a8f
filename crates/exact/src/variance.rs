//! The diagonal of a kernel, point by point, and what the tiles need of each point.
//!
//! The pass runs the program on `K(x, x)` alone: `n` numbers instead of `n x n`. It is carried in
//! f64 whatever the inputs are, uses the exact diagonal of every dual, and leaves behind, for a
//! *band* of consecutive points, the prepared quantities of every activation and the scales of
//! every normalisation. A finite diagonal bounds all entries (Cauchy-Schwarz), so this is also the
//! one place where overflow is looked for.

use widelimit_dual::{Dual, Isa, Prepared, Row};

use crate::error::Error;
use crate::program::{Join, Op, Program, TMap};
use crate::rows::Registers;
use crate::scalar::{Scalar, round, widen};

/// Per-point quantities of a band of points, for rows of type `T`.
pub(crate) struct Side<T: Scalar> {
    /// One for every activation of the program.
    pub duals: Vec<Prepared<T>>,
    /// `1 / sqrt(v + eps)` for every normalisation of the program.
    pub norms: Vec<Vec<T>>,
}

impl<T: Scalar> Side<T> {
    fn new() -> Self {
        Self { duals: Vec::new(), norms: Vec::new() }
    }
}

/// What the pass leaves for one band.
pub(crate) struct Band<T: Scalar> {
    /// For the tiles.
    pub side: Side<T>,
    /// The same in f64, for entries that f32 cannot resolve.
    pub fine: Option<Fine<T>>,
    /// Exact diagonal of the NNGP.
    pub nngp: Vec<f64>,
    /// Exact diagonal of the NTK, if the program has one.
    pub ntk: Option<Vec<f64>>,
    /// Largest relative error stated by a numerical dual.
    pub error: Option<f64>,
}

/// The f64 side of a band of f32 points.
pub(crate) struct Fine<T> {
    /// Prepared quantities in f64.
    pub side: Side<f64>,
    /// Norms of the points, for finding nearly parallel pairs.
    pub lengths: Vec<T>,
}

/// Where a band comes from, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub input: &'static str,
    pub first_row: usize,
}

/// Runs the program on the diagonal; `squares[i]` is `|x_i|^2`.
///
/// With `fine` the f64 side is kept beside that of `T`.
pub(crate) fn band<T: Scalar>(
    program: &Program,
    squares: &[f64],
    isa: Isa,
    fine: bool,
    origin: Origin,
) -> Result<Band<T>, Error> {
    let mut pass = Pass {
        program,
        origin,
        isa,
        k: squares.to_vec(),
        t: vec![0.0; if program.has_ntk() { squares.len() } else { 0 }],
        spare: Registers::new(program, squares.len(), isa),
        side: Side::new(),
        fine: fine.then(Side::new),
        error: None,
    };
    pass.check(squares, "the input")?;
    for (op, layer) in program.ops() {
        pass.step(op, layer)?;
    }
    pass.spare.bank(&mut pass.k, &mut pass.t).finish(program);
    Ok(Band {
        side: pass.side,
        fine: pass.fine.map(|side| Fine {
            side,
            lengths: squares.iter().map(|square| round(square.sqrt())).collect(),
        }),
        nngp: pass.k,
        ntk: program.has_ntk().then_some(pass.t),
        error: pass.error,
    })
}

struct Pass<'a, T: Scalar> {
    program: &'a Program,
    origin: Origin,
    isa: Isa,
    /// The registers, with one entry for each point; the first is `k` and `t`.
    k: Vec<f64>,
    t: Vec<f64>,
    spare: Registers<f64>,
    side: Side<T>,
    fine: Option<Side<f64>>,
    error: Option<f64>,
}

impl<T: Scalar> Pass<'_, T> {
    /// One operation on the diagonal, and a look for overflow behind it.
    fn step(&mut self, op: &Op, layer: &str) -> Result<(), Error> {
        let (register, has_t) = match *op {
            Op::Activation { register, dual, t, .. } => {
                self.activation(register, dual, t, layer)?;
                (register, t)
            }
            Op::LayerNorm { register, eps, t, .. } => {
                self.layer_norm(register, eps, t);
                (register, t)
            }
            Op::Dropout { register, keep_rate, t } => {
                let mut bank = self.spare.bank(&mut self.k, &mut self.t);
                let (k, ntk) = bank.register(register);
                k.iter_mut().for_each(|k| *k /= keep_rate);
                if t {
                    ntk.iter_mut().for_each(|t| *t /= keep_rate);
                }
                (register, t)
            }
            // vectors have no positions
            Op::Spatial { register, t, .. } => (register, t),
            Op::Copy { to, t, .. } => {
                self.spare.bank(&mut self.k, &mut self.t).combine(op);
                (to, t)
            }
            Op::Affine { register, map } => {
                self.spare.bank(&mut self.k, &mut self.t).combine(op);
                (register, map.t != TMap::Empty)
            }
            Op::Add { into, t, .. } | Op::Mul { into, t, .. } => {
                self.spare.bank(&mut self.k, &mut self.t).combine(op);
                (into, t != Join::Neither)
            }
        };
        let mut bank = self.spare.bank(&mut self.k, &mut self.t);
        let (k, t) = bank.register(register);
        let (k, t) = (k.to_vec(), t.to_vec());
        self.check(&k, layer)?;
        if has_t { self.check(&t, layer) } else { Ok(()) }
    }

    fn activation(
        &mut self,
        register: usize,
        dual: usize,
        has_t: bool,
        layer: &str,
    ) -> Result<(), Error> {
        let name = |source| Error::Activation { layer: layer.to_owned(), source };
        let dual = self.program.dual(dual);
        let mut bank = self.spare.bank(&mut self.k, &mut self.t);
        let (k, t) = bank.register(register);
        let variances = k.to_vec();
        let mut slope = vec![0.0; variances.len()];
        dual.diagonals::<f64>(&variances, k, &mut slope);
        if has_t {
            t.iter_mut().zip(&slope).for_each(|(t, slope)| *t *= slope);
        }
        let rounded: Vec<T> = variances.iter().map(|&v| round(v)).collect();
        let prepared = dual.prepare::<T>(&rounded).map_err(name)?;
        if let Some(error) = prepared.error() {
            self.error = Some(self.error.unwrap_or(0.0).max(error));
        }
        if let Some(fine) = &mut self.fine {
            let prepared = dual.prepare::<f64>(&variances).map_err(name)?;
            settle(dual, self.isa, &prepared, &variances, k);
            fine.duals.push(prepared);
        } else if let Some(prepared) = T::as_double(&prepared) {
            settle(dual, self.isa, prepared, &variances, k);
        }
        self.side.duals.push(prepared);
        Ok(())
    }

    fn layer_norm(&mut self, register: usize, eps: f64, has_t: bool) {
        let mut bank = self.spare.bank(&mut self.k, &mut self.t);
        let (k, t) = bank.register(register);
        let scales: Vec<f64> = k.iter().map(|v| inverse_root(v + eps)).collect();
        k.iter_mut().zip(&scales).for_each(|(k, s)| *k *= s * s);
        if has_t {
            t.iter_mut().zip(&scales).for_each(|(t, s)| *t *= s * s);
        }
        self.side.norms.push(scales.iter().map(|&s| round(s)).collect());
        if let Some(fine) = &mut self.fine {
            fine.norms.push(scales);
        }
    }

    /// Every value must be representable in the type of the result.
    fn check(&self, values: &[f64], layer: &str) -> Result<(), Error> {
        match values.iter().position(|&v| !widen(round::<T>(v)).is_finite()) {
            None => Ok(()),
            Some(row) => Err(Error::Overflow {
                input: self.origin.input,
                row: self.origin.first_row + row,
                layer: layer.to_owned(),
                dtype: <T as widelimit_linalg::Scalar>::NAME,
            }),
        }
    }
}

/// Relative distance within which the pair formula counts as equal to the exact diagonal.
const ROUNDING: f64 = 1e-14;

/// Gives the diagonal `k` the very bits that the pair formula has for a point with a copy of
/// itself, wherever the two differ by rounding only.
///
/// Equal rows then keep `c = v` to the last bit through all layers, and meet at an angle of
/// exactly 0 where one ulp of difference would make it 1e-8.
fn settle(dual: &Dual, isa: Isa, prepared: &Prepared<f64>, variances: &[f64], k: &mut [f64]) {
    for (i, (k, &v)) in k.iter_mut().zip(variances).enumerate() {
        let mut pair = [v];
        dual.apply(isa, Row { left: prepared, i, right: prepared, j0: i, k: &mut pair, t: None });
        if (pair[0] - *k).abs() <= ROUNDING * k.abs() {
            *k = pair[0];
        }
    }
}

/// `1 / sqrt(v)`, and 0 where there is nothing to normalise.
fn inverse_root(v: f64) -> f64 {
    if v > 0.0 { 1.0 / v.sqrt() } else { 0.0 }
}
