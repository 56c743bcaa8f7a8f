//! The program on one row of a tile: registers, and the loops of the operations that are not
//! duals.
//!
//! A row of a few hundred entries goes through the whole program while its registers are in the
//! first-level cache. No result depends on where in the row an entry stands or on the length of
//! the row.

use widelimit_dual::Isa;
use widelimit_dual::lanes::{Job, Lanes, Real};

use crate::program::{Affine, Join, Op, Program, TMap};
use crate::scalar::{Scalar, round};
use crate::variance::Side;

/// One register: a row of the NNGP and one of the NTK.
struct Register<T> {
    k: Vec<T>,
    t: Vec<T>,
}

/// The registers of one thread.
pub(crate) struct Rows<T> {
    registers: Vec<Register<T>>,
    output: usize,
    isa: Isa,
}

/// Which entries a row holds: point `i` of the left band with points `j0..` of the right one.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub i: usize,
    pub j0: usize,
}

impl<T: Scalar> Rows<T> {
    /// Registers for rows of up to `length` entries.
    pub fn new(program: &Program, length: usize, isa: Isa) -> Self {
        let row = || vec![round(0.0); length];
        let t_length = |ntk: bool| if ntk { length } else { 0 };
        let ntk = program.has_ntk();
        let registers = (0..program.registers())
            .map(|_| Register { k: row(), t: vec![round(0.0); t_length(ntk)] })
            .collect();
        Self { registers, output: program.output(), isa }
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub fn bytes(program: &Program, length: usize) -> u64 {
        let rows = program.registers() * (1 + usize::from(program.has_ntk()));
        (rows * length * size_of::<T>()) as u64
    }

    /// The row that the program starts from: inner products of the inputs.
    pub fn input(&mut self, length: usize) -> &mut [T] {
        &mut self.registers[0].k[..length]
    }

    /// Both rows after [`run`](Self::run), to be written over; the second is empty where the
    /// program has no NTK.
    pub fn outputs_mut(&mut self) -> (&mut [T], &mut [T]) {
        let Register { k, t } = &mut self.registers[self.output];
        (k, t)
    }

    /// The NNGP row after [`run`](Self::run).
    pub fn nngp(&self, length: usize) -> &[T] {
        &self.registers[self.output].k[..length]
    }

    /// The NTK row after [`run`](Self::run); only where the program has an NTK.
    pub fn ntk(&self, length: usize) -> &[T] {
        &self.registers[self.output].t[..length]
    }

    /// All operations on the first `length` entries.
    pub fn run(
        &mut self,
        program: &Program,
        left: &Side<T>,
        right: &Side<T>,
        place: Place,
        length: usize,
    ) {
        for (op, _) in program.ops() {
            self.step(program, op, left, right, place, length);
        }
    }

    fn step(
        &mut self,
        program: &Program,
        op: &Op,
        left: &Side<T>,
        right: &Side<T>,
        Place { i, j0 }: Place,
        length: usize,
    ) {
        let isa = self.isa;
        match *op {
            Op::Activation { register, dual, slot, t: has_t } => {
                let (k, t) = self.register(register, length);
                let (left, right) = (&left.duals[slot], &right.duals[slot]);
                program.dual(dual).apply(isa, left, i, right, j0, k, has_t.then_some(t));
            }
            Op::LayerNorm { register, slot, t: has_t, .. } => {
                let (k, t) = self.register(register, length);
                let scale = left.norms[slot][i];
                let scales = &right.norms[slot][j0..j0 + length];
                T::dispatch(isa, Scale { row: k, scale, scales });
                if has_t {
                    T::dispatch(isa, Scale { row: t, scale, scales });
                }
            }
            // Different inputs drop different units.
            Op::Dropout { .. } => {}
            Op::Copy { .. } | Op::Affine { .. } | Op::Add { .. } | Op::Mul { .. } => {
                self.combine(op, length);
            }
        }
    }

    /// The operations that ask nothing of the points: the same for rows and for the diagonal.
    pub fn combine(&mut self, op: &Op, length: usize) {
        let isa = self.isa;
        match *op {
            Op::Copy { from, to, t } => {
                let Some((to, from)) = self.pair(to, from) else { return };
                to.k[..length].copy_from_slice(&from.k[..length]);
                if t {
                    to.t[..length].copy_from_slice(&from.t[..length]);
                }
            }
            Op::Affine { register, map } => {
                let (k, t) = self.register(register, length);
                match map.t {
                    TMap::Empty => {
                        T::dispatch(isa, AffineK { k, scale: map.scale, shift: map.shift });
                    }
                    TMap::Start { .. } | TMap::Continue { .. } => {
                        T::dispatch(isa, AffineBoth { k, t, map });
                    }
                }
            }
            Op::Add { into, from, t } => {
                let Some((into, from)) = self.pair(into, from) else { return };
                T::dispatch(isa, Add { into: &mut into.k[..length], from: &from.k[..length] });
                match t {
                    Join::Neither | Join::Into => {}
                    Join::From => into.t[..length].copy_from_slice(&from.t[..length]),
                    Join::Both => {
                        let (into, from) = (&mut into.t[..length], &from.t[..length]);
                        T::dispatch(isa, Add { into, from });
                    }
                }
            }
            Op::Mul { into, from, t } => {
                let Some((into, from)) = self.pair(into, from) else { return };
                multiply(isa, into, from, t, length);
            }
            Op::Activation { .. } | Op::LayerNorm { .. } | Op::Dropout { .. } => {}
        }
    }

    /// The first `length` entries of both rows; the second is empty where there is no NTK.
    pub fn register(&mut self, register: usize, length: usize) -> (&mut [T], &mut [T]) {
        let Register { k, t } = &mut self.registers[register];
        let t_length = length.min(t.len());
        (&mut k[..length], &mut t[..t_length])
    }

    /// Two different registers.
    fn pair(&mut self, a: usize, b: usize) -> Option<(&mut Register<T>, &Register<T>)> {
        let [a, b] = self.registers.get_disjoint_mut([a, b]).ok()?;
        Some((a, b))
    }
}

fn multiply<T: Scalar>(
    isa: Isa,
    into: &mut Register<T>,
    from: &Register<T>,
    t: Join,
    length: usize,
) {
    let (k, k_from) = (&mut into.k[..length], &from.k[..length]);
    match t {
        Join::Neither => {}
        Join::Into => {
            T::dispatch(isa, Multiply { into: &mut into.t[..length], from: k_from });
        }
        Join::From => {
            into.t[..length].copy_from_slice(&from.t[..length]);
            T::dispatch(isa, Multiply { into: &mut into.t[..length], from: k });
        }
        Join::Both => {
            let job =
                ProductRule { t: &mut into.t[..length], k, t_from: &from.t[..length], k_from };
            T::dispatch(isa, job);
        }
    }
    T::dispatch(isa, Multiply { into: k, from: k_from });
}

/// `k = scale k + shift`.
struct AffineK<'a, T> {
    k: &'a mut [T],
    scale: f64,
    shift: f64,
}

impl<T> Job<T> for AffineK<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        for k in self.k.chunks_mut(L::WIDTH) {
            let old = lanes.load(k);
            lanes.store(k, old.mul_add(old.lit(self.scale), old.lit(self.shift)));
        }
    }
}

/// An affine map of both rows that leaves a `T`.
struct AffineBoth<'a, T> {
    k: &'a mut [T],
    t: &'a mut [T],
    map: Affine,
}

impl<T> Job<T> for AffineBoth<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let (factor, own, own_shift, reads_t) = match self.map.t {
            TMap::Empty => return,
            TMap::Start { k, shift } => (0.0, k, shift, false),
            TMap::Continue { t, k, shift } => (t, k, shift, true),
        };
        for (k, t) in self.k.chunks_mut(L::WIDTH).zip(self.t.chunks_mut(L::WIDTH)) {
            let old = lanes.load(k);
            let new = old.mul_add(old.lit(self.map.scale), old.lit(self.map.shift));
            lanes.store(k, new);
            let own = old.mul_add(old.lit(own), old.lit(own_shift));
            let sum = if reads_t { lanes.load(t).mul_add(old.lit(factor), own) } else { own };
            lanes.store(t, sum);
        }
    }
}

/// `row *= scale * scales`, symmetric in the two sides.
struct Scale<'a, T> {
    row: &'a mut [T],
    scale: T,
    scales: &'a [T],
}

impl<T: Copy> Job<T> for Scale<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let scale = lanes.splat(self.scale);
        for (row, scales) in self.row.chunks_mut(L::WIDTH).zip(self.scales.chunks(L::WIDTH)) {
            let product = lanes.load(row) * (scale * lanes.load(scales));
            lanes.store(row, product);
        }
    }
}

/// `into += from`.
struct Add<'a, T> {
    into: &'a mut [T],
    from: &'a [T],
}

impl<T> Job<T> for Add<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        for (into, from) in self.into.chunks_mut(L::WIDTH).zip(self.from.chunks(L::WIDTH)) {
            let sum = lanes.load(into) + lanes.load(from);
            lanes.store(into, sum);
        }
    }
}

/// `into *= from`.
struct Multiply<'a, T> {
    into: &'a mut [T],
    from: &'a [T],
}

impl<T> Job<T> for Multiply<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        for (into, from) in self.into.chunks_mut(L::WIDTH).zip(self.from.chunks(L::WIDTH)) {
            let product = lanes.load(into) * lanes.load(from);
            lanes.store(into, product);
        }
    }
}

/// `t = t k_from + t_from k`.
struct ProductRule<'a, T> {
    t: &'a mut [T],
    k: &'a [T],
    t_from: &'a [T],
    k_from: &'a [T],
}

impl<T> Job<T> for ProductRule<'_, T> {
    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let left = self.t.chunks_mut(L::WIDTH).zip(self.k.chunks(L::WIDTH));
        let right = self.t_from.chunks(L::WIDTH).zip(self.k_from.chunks(L::WIDTH));
        for ((t, k), (t_from, k_from)) in left.zip(right) {
            let theirs = lanes.load(t_from) * lanes.load(k);
            let sum = lanes.load(t).mul_add(lanes.load(k_from), theirs);
            lanes.store(t, sum);
        }
    }
}
