//! The features of an activation.

use std::sync::OnceLock;

use widelimit_arch::{Activation as Function, Position, Shape};
use widelimit_sketch::TensorSrht;

use super::{Compiler, Law, ONES, Part, Parts, Projection, Quantity, Rows, State, Step};
use crate::Error;
use crate::layered::curve::Curve;
use crate::layered::powers::Powers;
use crate::layered::program::{Activation, Domain, Made, Places, Product, Sampled};

/// Which features of an activation a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of its values.
    Values,
    /// Of its slopes, times those of the tangent kernel below.
    Slopes,
}

impl Compiler<'_> {
    /// An activation: its mean and its line where the strategy knows them, and a block of random features or of
    /// sketched powers for the rest.
    pub(super) fn activation(
        &mut self,
        function: &Function,
        state: &mut State,
        input: &Shape,
        at: &Position,
    ) -> Result<(), Error> {
        let Some(curve) = self.curves.find(function) else { return Ok(()) };
        let index = self.seen;
        self.seen += 1;
        if self.is_conditioned(curve, state) {
            self.program.names.push(at.to_string());
            self.conditioned((curve, index), state, input);
            return Ok(());
        }
        let centred = self.settings.strategy.knows_low_degrees();
        let facts = self.curves.get(curve);
        let mut step = Activation {
            curve,
            places: self.domain.places(input),
            nngp: state.nngp.clone(),
            ntk: state.ntk.clone().filter(|_| !facts.is_flat()).unwrap_or_default(),
            mean: None,
            line: None,
            slope: None,
            sampled: None,
            powers: None,
            centred,
        };
        let mut made =
            State { nngp: Parts::default(), ntk: state.ntk.as_ref().map(|_| Parts::default()) };
        if centred {
            self.low_degrees(facts, &mut step, &mut made);
        }
        let rest = !(centred && facts.is_straight()) && self.dim(&step.nngp) > 0;
        match self.settings.strategy.degree() {
            Some(degree) if rest => {
                step.powers = Some(self.powers(degree, index, &step, &mut made))
            }
            None if rest => step.sampled = Some(self.sampled(facts, index, &step, &mut made)?),
            _ => {}
        }
        self.program.names.push(at.to_string());
        self.program.steps.push(Step::Activation(Box::new(step)));
        *state = made;
        Ok(())
    }

    /// What is known exactly: the mean, and the features below times the slope of the line.
    fn low_degrees(&mut self, facts: &Curve, step: &mut Activation, made: &mut State) {
        let mean = self.factor();
        step.mean = Some(mean);
        made.nngp.add(Part { block: ONES, square: 1.0, factors: vec![mean] });
        if let Some(unit) = facts.unit() {
            made.nngp.extend(&step.nngp, unit.line * unit.line);
            made.add_tangents(&step.ntk, unit.slope * unit.slope);
            return;
        }
        let line = self.factor();
        step.line = Some(line);
        made.nngp.extend(&step.nngp.with_factor(line), 1.0);
        if !step.ntk.is_empty() {
            // Without jumps the slope's mean is the coefficient of the line.
            let slope = if facts.jumps() { self.factor() } else { line };
            step.slope = facts.jumps().then_some(slope);
            made.add_tangents(&step.ntk.with_factor(slope), 1.0);
        }
    }

    /// A block of new features.
    fn features(&mut self, kind: Kind, index: usize, places: Places, made: &mut State) -> Made {
        let dim = self.width(kind, index);
        let block = self.block(dim, places);
        let parts = Parts::of(block);
        match kind {
            Kind::Values => made.nngp.extend(&parts, 1.0),
            Kind::Slopes => made.add_tangents(&parts, 1.0),
        }
        Made { block, dim }
    }

    fn powers(
        &mut self,
        degree: usize,
        index: usize,
        step: &Activation,
        made: &mut State,
    ) -> Powers {
        let (units, tangents) = (self.dim(&step.nngp), self.dim(&step.ntk));
        let values = self.features(Kind::Values, index, step.places, made);
        let slopes = (tangents > 0)
            .then(|| (self.features(Kind::Slopes, index, step.places, made), tangents));
        let least = if step.centred { [2, 1] } else { [0, 0] };
        let (series, stream, drawn) = (index, self.stream(0), OnceLock::new());
        Powers { series, least, units, values, slopes, degree, stream, drawn }
    }

    fn sampled(
        &mut self,
        facts: &Curve,
        index: usize,
        step: &Activation,
        made: &mut State,
    ) -> Result<Sampled, Error> {
        let (units, tangents) = (self.dim(&step.nngp), self.dim(&step.ntk));
        let values = self.features(Kind::Values, index, step.places, made);
        let mut all = values.dim;
        let mut slopes = None;
        if tangents > 0 {
            let to = self.features(Kind::Slopes, index, step.places, made);
            let stream = self.stream(1);
            let product = if step.centred {
                let rows = Rows::Orthogonal;
                Product::Direct(Projection::new(tangents, to.dim, Law::Sphere, rows, stream))
            } else {
                Product::Sketched(TensorSrht::new((tangents, to.dim), to.dim, stream)?)
            };
            all += to.dim;
            slopes = Some((product, to));
        }
        // Only where lengths of directions come out as factors may they be equal.
        let law = if facts.is_radial() { Law::Sphere } else { Law::Gaussian };
        let rows = if step.centred { Rows::Orthogonal } else { Rows::Independent };
        let directions = Projection::new(units, all, law, rows, self.stream(0));
        Ok(Sampled { directions, values, slopes })
    }

    /// Columns of the random features of the activation of this number.
    ///
    /// Of vectors and of nodes later ones get more, since the errors of earlier ones are damped on their way. Of
    /// images all get the same, and slopes twice as many as values, where low degrees are exact: errors of the kernels
    /// of Myrtle-5 and of ten convolutions, with rows and columns centred, are then 0.55 to 0.9 times as large.
    pub(super) fn width(&self, kind: Kind, index: usize) -> usize {
        let last = index + 1 == self.all;
        let images = matches!(self.domain, Domain::Grid(shape) if !shape.is_vector());
        let even = images && self.settings.strategy.knows_low_degrees();
        let weight = match kind {
            Kind::Values if even => 1.0,
            Kind::Slopes if even => {
                if last {
                    4.0
                } else {
                    2.0
                }
            }
            Kind::Values => index as f64 + 2.0,
            Kind::Slopes if last => 2.0 * (index as f64 + 1.5),
            Kind::Slopes => index as f64 + 1.5,
        };
        let tangents = self.settings.quantity == Quantity::Ntk;
        let extra = if last && (kind == Kind::Slopes) == tangents { self.sizes.extra } else { 0 };
        ((self.sizes.unit * weight) as usize).max(1) + extra
    }
}

impl State {
    /// Adds to the features of the tangent kernel, where there is one.
    fn add_tangents(&mut self, parts: &Parts, square: f64) {
        if let Some(ntk) = &mut self.ntk {
            ntk.extend(parts, square);
        }
    }
}
