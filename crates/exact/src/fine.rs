//! Nearly parallel pairs in f32.
//!
//! Near `rho = ±1` the derivative dual of a kinked activation has infinite slope. That of a ReLU is
//! `(pi - theta) / (2 pi)` with `theta = acos(rho)` (Cho and Saul 2009, *Kernel methods for deep
//! learning*, `J_0`), and `theta` is close to `sqrt(2 (1 - rho))`: the 6e-8 by which f32 rounds
//! `rho` becomes up to 1e-4 of the NTK. Such
//! entries are found by one comparison on the input row, and go through the program once more in
//! f64, from an inner product accumulated in f64. They are rare (repeated, negated and collinear
//! inputs), and where they are not, whole runs of them share a pass.

use ndarray::ArrayView2;
use widelimit_arch::{Activation, Function, NamedFunction};
use widelimit_dual::Isa;
use widelimit_dual::lanes::{Job, Lanes, Real};

use crate::options::Want;
use crate::program::{Op, Program};
use crate::rows::{Place, Registers, Sides};
use crate::scalar::{Scalar, round, widen};
use crate::variance::Band;

/// Pairs with `|rho|` above `1 - 2^-12` are recomputed: below, f32 costs less than 5e-6.
const PARALLEL: f64 = 1.0 - 1.0 / 4096.0;

/// Entries this close together are recomputed in one run.
const GAP: usize = 16;

/// Whether a program has entries that f32 cannot resolve.
pub(crate) fn is_needed<T: Scalar>(program: &Program, want: Want) -> bool {
    let kinked = |op: &Op| match *op {
        Op::Activation { dual, .. } => {
            let activation = program.activation(dual);
            jumps(activation) || want.ntk && bends(activation)
        }
        _ => false,
    };
    <T as widelimit_dual::Element>::SINGLE && program.ops().any(|(op, _)| kinked(op))
}

/// Activations that jump: already their NNGP has a square-root singularity.
fn jumps(activation: &Activation) -> bool {
    match activation {
        Activation::Sign | Activation::Step | Activation::RectifiedMonomial { degree: 0 } => true,
        Activation::Numerical { function, .. } => is_users(function),
        _ => false,
    }
}

/// Activations whose derivative jumps: their NTK has one.
fn bends(activation: &Activation) -> bool {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::AbRelu { .. }
        | Activation::Abs
        | Activation::RectifiedMonomial { degree: 1 }
        | Activation::Elu { .. }
        | Activation::Selu
        | Activation::Relu6
        | Activation::HardTanh
        | Activation::HardSigmoid => true,
        Activation::Numerical { function, .. } => is_users(function) || is_elu(function),
        _ => false,
    }
}

/// Nothing is known of a user's function: it may jump.
fn is_users(function: &Function) -> bool {
    matches!(function, Function::User(_))
}

fn is_elu(function: &Function) -> bool {
    matches!(function, Function::Named(NamedFunction::Elu | NamedFunction::Selu))
}

/// One thread's workspace.
pub(crate) struct Refiner {
    registers: Registers<f64>,
    isa: Isa,
    k: Vec<f64>,
    t: Vec<f64>,
    flagged: Vec<usize>,
}

/// One row of a tile of f32 entries.
pub(crate) struct Row<'a, T: Scalar> {
    pub left: &'a Band<T>,
    pub right: &'a Band<T>,
    pub x1: ArrayView2<'a, T>,
    pub x2: ArrayView2<'a, T>,
    pub place: Place,
}

impl Refiner {
    pub fn new(program: &Program, length: usize, isa: Isa) -> Self {
        Self {
            registers: Registers::new(program, length, isa),
            isa,
            k: vec![0.0; length],
            t: vec![0.0; if program.has_ntk() { length } else { 0 }],
            flagged: Vec::new(),
        }
    }

    /// Bytes that a refiner for rows of this length may hold.
    pub fn bytes(program: &Program, length: usize) -> u64 {
        let rows = 2 * size_of::<f64>() + size_of::<usize>();
        Registers::<f64>::bytes(program, length) + (length * rows) as u64
    }

    /// Remembers the nearly parallel pairs of a row of inner products.
    pub fn find<T: Scalar>(&mut self, row: &Row<T>, products: &[T]) {
        self.flagged.clear();
        let (Some(left), Some(right)) = (&row.left.fine, &row.right.fine) else { return };
        let Place { i, j0 } = row.place;
        let bound: T = round(PARALLEL * widen(left.lengths[i]));
        let lengths = &right.lengths[j0..j0 + products.len()];
        let mut excess = [round::<T>(0.0); 16];
        T::dispatch(self.isa, Excess { products, bound, lengths, excess: &mut excess });
        if excess.iter().all(|&excess| widen(excess) <= 0.0) {
            return;
        }
        let parallel =
            |(&product, &length): (&T, &T)| widen(product).abs() > widen(bound) * widen(length);
        let found = products.iter().zip(lengths).enumerate();
        self.flagged.extend(found.filter(|&(_, pair)| parallel(pair)).map(|(m, _)| m));
    }

    /// Writes the remembered entries over `nngp` and `ntk` (empty without an NTK).
    pub fn refine<T: Scalar>(
        &mut self,
        program: &Program,
        row: &Row<T>,
        nngp: &mut [T],
        ntk: &mut [T],
    ) {
        let (Some(left), Some(right)) = (&row.left.fine, &row.right.fine) else { return };
        let Place { i, j0 } = row.place;
        let x = row.x1.row(i);
        for run in self.flagged.chunk_by(|a, b| b - a <= GAP) {
            let (Some(&first), Some(&last)) = (run.first(), run.last()) else { continue };
            let length = last - first + 1;
            let k = &mut self.k[..length];
            let t = if program.has_ntk() { &mut self.t[..length] } else { &mut [][..] };
            k.fill(0.0);
            for &m in run {
                k[m - first] = T::dot(self.isa, x, row.x2.row(j0 + m));
            }
            let place = Place { i, j0: j0 + first };
            let sides = Sides { program, left: &left.side, right: &right.side };
            self.registers.run(sides, place, k, t);
            for &m in run {
                nngp[m] = round(k[m - first]);
                if program.has_ntk() {
                    ntk[m] = round(t[m - first]);
                }
            }
        }
    }
}

/// Largest `|product| - bound * length` in each lane.
struct Excess<'a, T> {
    products: &'a [T],
    bound: T,
    lengths: &'a [T],
    excess: &'a mut [T; 16],
}

impl<T: Copy> Job<T> for Excess<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let bound = lanes.splat(self.bound);
        let mut most = bound.zero();
        for (product, length) in self.products.chunks(L::WIDTH).zip(self.lengths.chunks(L::WIDTH)) {
            let product = lanes.load(product).abs();
            most = most.max(product - bound * lanes.load(length));
        }
        lanes.store(&mut self.excess[..], most);
    }
}
