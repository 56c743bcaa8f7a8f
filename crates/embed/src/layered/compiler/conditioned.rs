//! The features of an activation given the mean direction of its units.

use widelimit_arch::Shape;

use super::activation::Kind;
use super::{Compiler, Law, ONES, Part, Parts, Projection, Rows, State, Step};
use crate::layered::conditioned::{Conditioned, DEGREE, Features, Split};
use crate::layered::program::{Domain, Made, Places};

impl Compiler<'_> {
    /// Whether an activation is given its mean direction: on images, where a sample tells directions, and where
    /// `E[s'(u) f]` is what `s(u)` and `f w` have in common, which takes a function without jumps.
    pub(super) fn is_conditioned(&self, curve: usize, state: &State) -> bool {
        let facts = self.curves.get(curve);
        let images = matches!(self.domain, Domain::Grid(shape) if !shape.is_vector());
        let smooth = !facts.is_straight() && !facts.is_flat() && facts.is_continuous();
        let units = state.nngp.iter().any(|part| part.block != ONES);
        self.conditions && images && smooth && units
    }

    /// The activation of this number.
    pub(super) fn conditioned(
        &mut self,
        (curve, series): (usize, usize),
        state: &mut State,
        input: &Shape,
    ) {
        let places = self.domain.places(input);
        let splits = self.splits(&state.nngp);
        let nngp = features(&state.nngp, &splits);
        let ntk = features(state.ntk.as_ref().unwrap_or(&Parts::default()), &splits);
        let factor = self.factor();
        let mut made = State {
            nngp: nngp.rest.with_factor(factor),
            ntk: state.ntk.as_ref().map(|_| ntk.rest.with_factor(factor)),
        };
        let units = self.dim(&nngp.rest) + nngp.left();
        let tangents = self.dim(&ntk.rest) + ntk.along.len();
        let mut random = self.width(Kind::Values, series);
        // two straight pieces are a line and an even function
        let narrow = self.curves.get(curve).is_radial();
        let degrees: Vec<usize> =
            (0..=DEGREE).filter(|&k| k < 2 || k % 2 == 0 || !narrow).collect();
        let values = self.exact_first(degrees.len() + nngp.left(), random, &mut made.nngp, places);
        let mut slopes = None;
        if let Some(features) = made.ntk.as_mut().filter(|_| tangents > 0) {
            let count = self.width(Kind::Slopes, series);
            let to = self.exact_first(ntk.along.len(), count, features, places);
            let (rows, stream) = (Rows::Orthogonal, self.stream(1));
            slopes = Some((Projection::new(tangents, count, Law::Sphere, rows, stream), to));
            random += count;
        }
        let rows = Rows::Orthogonal;
        let directions = Projection::new(units, random, Law::Gaussian, rows, self.stream(0));
        let index = self.conditioned;
        self.conditioned += 1;
        let coordinates = [self.stream(2), self.stream(3)];
        self.program.steps.push(Step::Conditioned(Box::new(Conditioned {
            index,
            curve,
            series,
            places,
            splits,
            nngp,
            ntk,
            degrees,
            narrow,
            factor,
            directions,
            coordinates,
            values,
            slopes,
        })));
        *state = made;
    }

    /// Splits of all blocks that may have a mean direction.
    fn splits(&mut self, parts: &Parts) -> Vec<Split> {
        let mut splits: Vec<Split> = Vec::new();
        for part in parts.iter() {
            let from = part.block;
            if self.centred.contains(&from) || splits.iter().any(|split| split.from == from) {
                continue;
            }
            let to = (from != ONES).then(|| {
                let block = self.program.blocks[from];
                let to = self.block(block.dim, block.places);
                self.centred.insert(to);
                to
            });
            splits.push(Split { from, to });
        }
        splits
    }

    /// A block of so many exact columns before random ones.
    fn exact_first(
        &mut self,
        exact: usize,
        random: usize,
        features: &mut Parts,
        places: Places,
    ) -> Made {
        let dim = exact + random;
        let block = self.block(dim, places);
        features.extend(&Parts::of(block), 1.0);
        Made { block, dim }
    }
}

/// Features with blocks that are split.
fn features(parts: &Parts, splits: &[Split]) -> Features {
    let split = |block: usize| splits.iter().position(|split| split.from == block);
    let along = |part: &Part| Some((part.clone(), split(part.block)?));
    Features {
        along: parts.iter().filter_map(along).collect(),
        rest: parts.with_blocks(|block| split(block).map_or(Some(block), |i| splits[i].to)),
    }
}
