//! Loops compiled for the widest instruction set of the machine, chosen at run time.
//!
//! The loops are written so that the order of additions is fixed and nothing is fused: every
//! instruction set gives the same bits, and wider ones only give them sooner.

use pulp::{Arch, NullaryFnOnce};

/// A loop; `run` is `#[inline(always)]`, or it is not compiled for the instruction set.
pub(crate) trait Loop {
    type Output;

    fn run(self) -> Self::Output;
}

/// Runs the loop with the widest instructions there are.
pub(crate) fn widest<L: Loop>(job: L) -> L::Output {
    Arch::new().dispatch(Enabled(job))
}

struct Enabled<L>(L);

impl<L: Loop> NullaryFnOnce for Enabled<L> {
    type Output = L::Output;

    #[inline(always)]
    fn call(self) -> L::Output {
        self.0.run()
    }
}
