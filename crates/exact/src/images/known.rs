//! What is known of images alone: variances in front of activations, scores of attention, and the
//! diagonal of a symmetric kernel.
//!
//! Carried in f64 whatever the images are, a vector of images at a time, each with itself. Offset 0
//! of a stage comes first and leaves what its activations need to know; the exact diagonal form of every
//! dual is used there.

use ndarray::{ArrayView3, ArrayViewD, Axis};
use widelimit_arch::Mechanism;
use widelimit_dual::{Aligned, Isa, Prepared};

use crate::error::Error;
use crate::images::geometry::positions;
use crate::images::graph::{Graph, Make};
use crate::images::runner::{Pairs, Recipe, Results, Runner};
use crate::images::schedule::{Schedule, Step};
use crate::images::side::Side;
use crate::program::{Mixing, Program};
use crate::scalar::{Scalar, round, widen};

/// Images as they came, with their adjacency matrices.
#[derive(Clone)]
pub(crate) struct Images<'a, T> {
    pub values: ArrayViewD<'a, T>,
    pub adjacency: Option<ArrayView3<'a, T>>,
    /// Name of the argument.
    pub input: &'static str,
}

/// What is found of a vector of images.
pub(crate) struct Known<T: Scalar> {
    pub side: Side<T>,
    /// Entries of every image with itself, NNGP and NTK, by lane; where they are wanted.
    pub diagonal: Option<[Vec<f64>; 2]>,
    /// Largest relative error stated by a numerical dual.
    pub error: Option<f64>,
}

/// How images are looked at.
pub(crate) struct Looking<'a> {
    pub program: &'a Program,
    pub graph: &'a Graph,
    pub variances: &'a Schedule,
    /// The schedule of the kernel, where its diagonal is wanted.
    pub diagonal: Option<&'a Schedule>,
    pub tangents: bool,
    pub entry: usize,
    pub isa: Isa,
}

/// Numbers of activations, normalisations and mixings.
pub(crate) fn slots(graph: &Graph) -> [usize; 3] {
    let mut slots = [0, 0, graph.mixings];
    for node in &graph.nodes {
        match node.make {
            Make::Activation { slot, .. } => slots[0] = slots[0].max(slot + 1),
            Make::LayerNorm { slot, .. } => slots[1] = slots[1].max(slot + 1),
            _ => {}
        }
    }
    slots
}

impl Looking<'_> {
    /// Looks at as many images as a vector has lanes, from `first` on; the last one fills up.
    pub fn look<T: Scalar>(&self, images: &Images<T>, first: usize) -> Result<Known<T>, Error> {
        let width = self.isa.width::<T>();
        let single = self.isa.width::<f64>();
        let count = images.values.shape()[0];
        let lanes: Vec<usize> = (0..width).map(|lane| (first + lane).min(count - 1)).collect();
        let slots = slots(self.graph);
        let mut side = Side::<T>::empty(width, slots);
        let mut found = Found::new(width, slots);
        for (part, lanes) in lanes.chunks(single).enumerate() {
            let lanes: Vec<usize> =
                (0..single).map(|lane| lanes[lane.min(lanes.len() - 1)]).collect();
            self.part(images, &lanes, &mut found, part * single)?;
        }
        side.pixels = Aligned::from(&interleave(images, &lanes)[..]);
        self.fill(images, &lanes, &found, &mut side)?;
        Ok(Known { side, diagonal: self.diagonal.map(|_| found.diagonal), error: found.error })
    }

    /// What is known in f64 of some images, as many as a vector of f64 has lanes.
    pub fn precisely<T: Scalar>(
        &self,
        images: &Images<T>,
        lanes: &[usize],
    ) -> Result<Side<f64>, Error> {
        let mut found = Found::new(lanes.len(), slots(self.graph));
        self.part(images, lanes, &mut found, 0)
    }

    /// Some of the images, a vector of f64 at a time.
    fn part<T: Scalar>(
        &self,
        images: &Images<T>,
        lanes: &[usize],
        found: &mut Found,
        lane: usize,
    ) -> Result<Side<f64>, Error> {
        let mut side = Side::<f64>::empty(lanes.len(), slots(self.graph));
        let pixels: Vec<_> = interleave::<T>(images, lanes).into_iter().map(widen).collect();
        side.pixels = Aligned::from(&pixels[..]);
        self.adjacencies(images, lanes, &mut side)?;
        let recipe = Recipe {
            program: self.program,
            graph: self.graph,
            schedule: self.variances,
            tangents: false,
            isa: self.isa,
        };
        let mut runner = Runner::<f64>::new(&recipe, lanes.len(), 1);
        runner.start();
        let mut place = Place { looking: self, input: images.input, lanes, found, lane };
        for step in &self.variances.steps {
            match step {
                Step::Prepare { stage } => {
                    let mut note = |side: &mut Side<f64>, node: usize, values: &mut [f64]| {
                        place.note::<T>(side, node, values)
                    };
                    runner.prepare(&recipe, *stage, &mut side, &mut note)?;
                }
                Step::Mix { node } => {
                    place.scores(&recipe, &runner, *node, &mut side);
                    let pairs = Pairs { left: &side, right: &side, itself: true };
                    runner.step(&recipe, &[pairs], step, None);
                }
                _ => {
                    let pairs = Pairs { left: &side, right: &side, itself: true };
                    runner.step(&recipe, &[pairs], step, None);
                }
            }
        }
        if let Some(schedule) = self.diagonal {
            let recipe = Recipe { schedule, tangents: self.tangents, ..recipe };
            let length = self.entry * lanes.len();
            let mut k = vec![0.0; length];
            let mut t = vec![0.0; if self.tangents { length } else { 0 }];
            let results = Results { k: &mut k, t: &mut t, entry: self.entry };
            let pairs = Pairs { left: &side, right: &side, itself: true };
            Runner::new(&recipe, lanes.len(), 1).run(&recipe, &[pairs], &mut [results]);
            for (which, mut values) in [k, t].into_iter().enumerate() {
                let count = positions(self.graph.nodes[self.graph.output].size);
                if self.entry == count * count {
                    values.chunks_exact_mut(self.entry).for_each(|entry| even(entry, count));
                }
                place.check::<T>(&values, lanes.len(), self.entry, "the output")?;
                place.found.diagonal[which].extend(values);
            }
        }
        Ok(side)
    }

    /// Transposed adjacency matrices, where the network aggregates.
    fn adjacencies<T: Scalar, U: Scalar>(
        &self,
        images: &Images<T>,
        lanes: &[usize],
        side: &mut Side<U>,
    ) -> Result<(), Error> {
        for node in &self.graph.nodes {
            let Make::Mix { mixing: Mixing::Adjacency, slot } = node.make else { continue };
            let count = positions(node.size);
            let expected = (images.values.shape()[0], count, count);
            let Some(adjacency) = &images.adjacency else {
                return Err(Error::Adjacency { input: images.input, expected, got: None });
            };
            side.mixings[slot].clear();
            for p in 0..count {
                for q in 0..count {
                    let entries = lanes.iter().map(|&image| adjacency[[image, q, p]]);
                    side.mixings[slot].extend(entries.map(|x| round::<U>(widen(x))));
                }
            }
        }
        Ok(())
    }

    /// Everything in the format of the kernel.
    fn fill<T: Scalar>(
        &self,
        images: &Images<T>,
        lanes: &[usize],
        found: &Found,
        side: &mut Side<T>,
    ) -> Result<(), Error> {
        let rounded = |values: &[f64]| values.iter().map(|&v| round::<T>(v)).collect::<Vec<_>>();
        for node in &self.graph.nodes {
            match node.make {
                Make::Activation { dual, slot } => {
                    let variances = rounded(&found.variances[slot]);
                    let name = |source| Error::Activation { layer: node.layer.clone(), source };
                    side.duals[slot] = self.program.dual(dual).prepare(&variances).map_err(name)?;
                }
                Make::LayerNorm { slot, .. } => side.norms[slot] = rounded(&found.norms[slot]),
                Make::Mix { slot, mixing: Mixing::Attention { .. } } => {
                    side.mixings[slot] = rounded(&found.mixings[slot]);
                }
                _ => {}
            }
        }
        self.adjacencies(images, lanes, side)
    }
}

/// Numbers in f64, interleaved for all lanes of the kernel's format.
struct Found {
    width: usize,
    variances: Vec<Vec<f64>>,
    norms: Vec<Vec<f64>>,
    mixings: Vec<Vec<f64>>,
    diagonal: [Vec<f64>; 2],
    error: Option<f64>,
}

impl Found {
    fn new(width: usize, [duals, norms, mixings]: [usize; 3]) -> Self {
        Self {
            width,
            variances: vec![Vec::new(); duals],
            norms: vec![Vec::new(); norms],
            mixings: vec![Vec::new(); mixings],
            diagonal: Default::default(),
            error: None,
        }
    }
}

/// Spreads interleaved numbers of some lanes among those of more.
fn spread(to: &mut Vec<f64>, (width, lane): (usize, usize), from: &[f64], lanes: usize) {
    let points = from.len() / lanes;
    to.resize(points * width, 0.0);
    for (to, from) in to.chunks_exact_mut(width).zip(from.chunks_exact(lanes)) {
        let room = &mut to[lane..];
        let length = room.len().min(lanes);
        room[..length].copy_from_slice(&from[..length]);
    }
}

/// Where numbers of a vector of images belong.
struct Place<'a, 'b> {
    looking: &'a Looking<'a>,
    input: &'static str,
    lanes: &'a [usize],
    found: &'b mut Found,
    lane: usize,
}

impl Place<'_, '_> {
    /// Takes note of the variances in front of an activation or a normalisation.
    fn note<T: Scalar>(
        &mut self,
        side: &mut Side<f64>,
        node: usize,
        values: &mut [f64],
    ) -> Result<(), Error> {
        let made = &self.looking.graph.nodes[node];
        let lanes = self.lanes.len();
        self.check::<T>(values, lanes, 0, &made.layer)?;
        let to = (self.found.width, self.lane);
        match made.make {
            Make::Activation { dual, slot } => {
                let dual = self.looking.program.dual(dual);
                let name = |source| Error::Activation { layer: made.layer.clone(), source };
                let prepared: Prepared<f64> = dual.prepare(values).map_err(name)?;
                let errors = [self.found.error, prepared.error()];
                self.found.error = errors.into_iter().flatten().reduce(f64::max);
                side.duals[slot] = prepared;
                spread(&mut self.found.variances[slot], to, values, lanes);
            }
            Make::LayerNorm { slot, eps, spatial } => {
                let mut norms = values.to_vec();
                if spatial {
                    let points = norms.len() / lanes;
                    for lane in 0..lanes {
                        let of = || norms[lane..].iter().step_by(lanes);
                        let mean = of().sum::<f64>() / points as f64;
                        norms[lane..].iter_mut().step_by(lanes).for_each(|v| *v = mean);
                    }
                }
                for v in &mut norms {
                    let shifted = *v + eps;
                    *v = if shifted > 0.0 { 1.0 / shifted.sqrt() } else { 0.0 };
                }
                spread(&mut self.found.norms[slot], to, &norms, lanes);
                side.norms[slot] = norms;
            }
            _ => {}
        }
        Ok(())
    }

    /// Every value must be representable in the type of the result.
    fn check<T: Scalar>(
        &self,
        values: &[f64],
        lanes: usize,
        entry: usize,
        layer: &str,
    ) -> Result<(), Error> {
        match values.iter().position(|&v| !widen(round::<T>(v)).is_finite()) {
            None => Ok(()),
            Some(at) => {
                // interleaved, or one lane behind the other
                let lane = at.checked_div(entry).unwrap_or(at % lanes);
                Err(Error::Overflow {
                    input: self.input,
                    row: self.lanes[lane],
                    layer: layer.to_owned(),
                    dtype: <T as widelimit_linalg::Scalar>::NAME,
                })
            }
        }
    }

    /// Scores of attention, from all covariances of the images with themselves.
    fn scores(&mut self, recipe: &Recipe, runner: &Runner<f64>, node: usize, side: &mut Side<f64>) {
        let made = &self.looking.graph.nodes[node];
        let Make::Mix { mixing: Mixing::Attention { scale, mechanism }, slot } = made.make else {
            return;
        };
        let lanes = self.lanes.len();
        let count = positions(made.size);
        let mut scores = runner.kept(recipe, made.inputs[0]);
        scores.iter_mut().for_each(|score| *score *= scale);
        match mechanism {
            Mechanism::Identity => {}
            Mechanism::Relu => scores.iter_mut().for_each(|score| *score = score.max(0.0)),
            Mechanism::Abs => scores.iter_mut().for_each(|score| *score = score.abs()),
            Mechanism::Softmax => {
                for row in scores.chunks_exact_mut(count * lanes) {
                    for lane in 0..lanes {
                        let of = |row: &[f64]| row[lane..].iter().step_by(lanes).copied().collect();
                        let scores: Vec<f64> = of(row);
                        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
                        let row = row[lane..].iter_mut().step_by(lanes);
                        row.for_each(|score| *score = (*score - most).exp() / sum);
                    }
                }
            }
        }
        spread(&mut self.found.mixings[slot], (self.found.width, self.lane), &scores, lanes);
        side.mixings[slot] = scores;
    }
}

/// An image with itself is symmetric in its positions; where positions mix or wrap around, sums were
/// formed in two orders.
fn even(entry: &mut [f64], count: usize) {
    for p in 0..count {
        for q in 0..p {
            entry[p * count + q] = entry[q * count + p];
        }
    }
}

/// Values by position and channel, one image a lane.
fn interleave<T: Scalar>(images: &Images<T>, lanes: &[usize]) -> Vec<T> {
    let length: usize = images.values.shape()[1..].iter().product();
    let mut all = vec![round(0.0); length * lanes.len()];
    for (lane, &image) in lanes.iter().enumerate() {
        let image = images.values.index_axis(Axis(0), image);
        let places = all[lane..].iter_mut().step_by(lanes.len());
        places.zip(image.iter()).for_each(|(to, x)| *to = *x);
    }
    all
}
