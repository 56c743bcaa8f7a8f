//! The program on one row of a tile: registers, and the loops of the operations that are not
//! duals.
//!
//! A row of a few hundred entries goes through the whole program while its registers are in the
//! first-level cache. No result depends on where in the row an entry stands or on the length of
//! the row.

use widelimit_dual::lanes::{Job, Lanes, Real};
use widelimit_dual::{Affine, Isa, Row};

use crate::program::{self, Join, Op, Program, TMap};
use crate::scalar::{Scalar, round};
use crate::variance::Side;

/// One register: a row of the NNGP and one of the NTK (empty where the program has none).
struct Register<T> {
    k: Vec<T>,
    t: Vec<T>,
}

/// The registers of one thread beyond the first, which is the caller's own memory.
pub(crate) struct Registers<T> {
    spare: Vec<Register<T>>,
    isa: Isa,
}

/// Which entries a row holds: point `i` of the left band with points `j0..` of the right one.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub i: usize,
    pub j0: usize,
}

/// A program and the per-point quantities it needs.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a, T: Scalar> {
    pub program: &'a Program,
    pub left: &'a Side<T>,
    pub right: &'a Side<T>,
}

impl<T: Scalar> Registers<T> {
    /// Registers for rows of up to `length` entries.
    pub fn new(program: &Program, length: usize, isa: Isa) -> Self {
        let row = |length| vec![round(0.0); length];
        let t_length = if program.has_ntk() { length } else { 0 };
        let register = |_| Register { k: row(length), t: row(t_length) };
        Self { spare: (1..program.registers()).map(register).collect(), isa }
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub fn bytes(program: &Program, length: usize) -> u64 {
        let rows = (program.registers() - 1) * (1 + usize::from(program.has_ntk()));
        (rows * length * size_of::<T>()) as u64
    }

    /// The whole program, in place: inner products of the inputs in `k` become the NNGP, and `t`
    /// the NTK (empty where the program has none).
    pub fn run(&mut self, sides: Sides<T>, place: Place, k: &mut [T], t: &mut [T]) {
        let mut bank = self.bank(k, t);
        let mut ops = sides.program.ops().map(|(op, _)| op).peekable();
        while let Some(op) = ops.next() {
            let then = ops.peek().and_then(|next| op.followed_by(next));
            bank.step(op, then.unwrap_or(Affine::IDENTITY), sides, place);
            if then.is_some() {
                ops.next();
            }
        }
        bank.finish(sides.program);
    }

    /// All registers, the first one given.
    pub fn bank<'a>(&'a mut self, k: &'a mut [T], t: &'a mut [T]) -> Bank<'a, T> {
        Bank { k, t, spare: &mut self.spare, isa: self.isa }
    }
}

/// All registers, cut to the length of a row.
pub(crate) struct Bank<'a, T> {
    k: &'a mut [T],
    t: &'a mut [T],
    spare: &'a mut [Register<T>],
    isa: Isa,
}

/// Both rows of a register.
pub(crate) type Pair<'a, T> = (&'a mut [T], &'a mut [T]);

impl<T: Scalar> Bank<'_, T> {
    /// One operation; `then` goes along with an activation.
    fn step(&mut self, op: &Op, then: Affine, sides: Sides<T>, Place { i, j0 }: Place) {
        let isa = self.isa;
        match *op {
            Op::Activation { register, dual, slot, t: has_t } => {
                let (k, t) = self.register(register);
                let (left, right) = (&sides.left.duals[slot], &sides.right.duals[slot]);
                let row = Row { left, i, right, j0, k, t: has_t.then_some(t) };
                sides.program.dual(dual).apply_then(isa, row, then);
            }
            Op::LayerNorm { register, slot, t: has_t, .. } => {
                let (k, t) = self.register(register);
                let scale = sides.left.norms[slot][i];
                let scales = &sides.right.norms[slot][j0..j0 + k.len()];
                T::dispatch(isa, Scale { row: k, scale, scales });
                if has_t {
                    T::dispatch(isa, Scale { row: t, scale, scales });
                }
            }
            // Different inputs drop different units; vectors have no positions.
            Op::Dropout { .. } | Op::Spatial { .. } => {}
            Op::Copy { .. } | Op::Affine { .. } | Op::Add { .. } | Op::Mul { .. } => {
                self.combine(op);
            }
        }
    }

    /// The operations that ask nothing of the points: the same for rows and for the diagonal.
    pub fn combine(&mut self, op: &Op) {
        let isa = self.isa;
        match *op {
            Op::Copy { from, to, t } => {
                let Some([to, from]) = self.two(to, from) else { return };
                to.0.copy_from_slice(from.0);
                if t {
                    to.1.copy_from_slice(from.1);
                }
            }
            Op::Affine { register, map } => {
                let (k, t) = self.register(register);
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
                let Some([into, from]) = self.two(into, from) else { return };
                T::dispatch(isa, Add { into: into.0, from: from.0 });
                match t {
                    Join::Neither | Join::Into => {}
                    Join::From => into.1.copy_from_slice(from.1),
                    Join::Both => T::dispatch(isa, Add { into: into.1, from: from.1 }),
                }
            }
            Op::Mul { into, from, t } => {
                let Some([into, from]) = self.two(into, from) else { return };
                multiply(isa, into, from, t);
            }
            Op::Activation { .. }
            | Op::LayerNorm { .. }
            | Op::Dropout { .. }
            | Op::Spatial { .. } => {}
        }
    }

    /// Leaves the result in the first register.
    pub fn finish(&mut self, program: &Program) {
        if let Some([first, output]) = self.two(0, program.output()) {
            first.0.copy_from_slice(output.0);
            first.1.copy_from_slice(output.1);
        }
    }

    /// Both rows of a register.
    pub fn register(&mut self, register: usize) -> Pair<'_, T> {
        match register.checked_sub(1) {
            None => (self.k, self.t),
            Some(spare) => self.spare[spare].cut(self.k.len()),
        }
    }

    /// Two different registers.
    fn two(&mut self, a: usize, b: usize) -> Option<[Pair<'_, T>; 2]> {
        let length = self.k.len();
        match (a.checked_sub(1), b.checked_sub(1)) {
            (None, None) => None,
            (None, Some(b)) => Some([(self.k, self.t), self.spare[b].cut(length)]),
            (Some(a), None) => Some([self.spare[a].cut(length), (self.k, self.t)]),
            (Some(a), Some(b)) => {
                let [a, b] = self.spare.get_disjoint_mut([a, b]).ok()?;
                Some([a.cut(length), b.cut(length)])
            }
        }
    }
}

impl<T> Register<T> {
    fn cut(&mut self, length: usize) -> Pair<'_, T> {
        let t_length = length.min(self.t.len());
        (&mut self.k[..length], &mut self.t[..t_length])
    }
}

/// `into *= from`, with the product rule for `T`.
pub(crate) fn multiply<T: Scalar>(isa: Isa, into: Pair<T>, from: Pair<T>, t: Join) {
    let ((k, t_into), (k_from, t_from)) = (into, from);
    match t {
        Join::Neither => {}
        Join::Into => T::dispatch(isa, Multiply { into: t_into, from: k_from }),
        Join::From => {
            t_into.copy_from_slice(t_from);
            T::dispatch(isa, Multiply { into: t_into, from: k });
        }
        Join::Both => T::dispatch(isa, ProductRule { t: t_into, k, t_from, k_from }),
    }
    T::dispatch(isa, Multiply { into: k, from: k_from });
}

/// `k = scale k + shift`.
pub(crate) struct AffineK<'a, T> {
    pub k: &'a mut [T],
    pub scale: f64,
    pub shift: f64,
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
pub(crate) struct AffineBoth<'a, T> {
    pub k: &'a mut [T],
    pub t: &'a mut [T],
    pub map: program::Affine,
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
pub(crate) struct Add<'a, T> {
    pub into: &'a mut [T],
    pub from: &'a [T],
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
pub(crate) struct Multiply<'a, T> {
    pub into: &'a mut [T],
    pub from: &'a [T],
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
pub(crate) struct ProductRule<'a, T> {
    pub t: &'a mut [T],
    pub k: &'a [T],
    pub t_from: &'a [T],
    pub k_from: &'a [T],
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
