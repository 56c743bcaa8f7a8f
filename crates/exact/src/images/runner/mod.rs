//! One vector of pairs through a schedule.

mod chains;
mod conv;
mod gather;
mod layers;
mod mix;

use std::ops::Range;

use widelimit_dual::{Aligned, Isa, Left};

use self::chains::{Both, Ran};
use self::conv::ring;
use self::gather::{Pooled, pools};
use crate::error::Error;
use crate::images::geometry::{AXES, HERE, Image, Offset, positions};
use crate::images::graph::Graph;
use crate::images::schedule::{Handover, Place, Schedule, Step, Target};
use crate::images::side::Side;
use crate::images::two;
use crate::program::{Program, TMap};
use crate::rows::Add;
use crate::scalar::{Scalar, round};

/// What does not change from pair to pair.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    pub program: &'a Program,
    pub graph: &'a Graph,
    pub schedule: &'a Schedule,
    /// Whether tangent kernels are computed.
    pub tangents: bool,
    pub isa: Isa,
}

/// The images of a vector of pairs.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a, T: Scalar> {
    pub left: &'a Side<T>,
    pub right: &'a Side<T>,
    /// Whether every image meets itself.
    pub itself: bool,
}

impl<T: Scalar> Pairs<'_, T> {
    fn side(&self) -> Left {
        if self.left.width == self.right.width && self.itself { Left::Each } else { Left::One }
    }
}

/// Told of a value and who uses it: variances by position and lane.
type Found<'a, T> = dyn FnMut(&mut Side<T>, usize, &mut [T]) -> Result<(), Error> + 'a;

/// Where the results of a pair go.
pub(crate) struct Results<'a, T> {
    /// By lane and place of an entry.
    pub k: &'a mut [T],
    /// The same for tangent kernels; empty without.
    pub t: &'a mut [T],
    /// Numbers a lane has.
    pub entry: usize,
}

/// One thread's memory.
pub(crate) struct Runner<T> {
    width: usize,
    /// What is kept for the pairs in use, and for others that take turns with them.
    now: Memory<T>,
    others: Vec<Memory<T>>,
    selected: usize,
    ring: Aligned<T>,
    /// Where chains are, and a row of zeros.
    stack: [Both<T>; 2],
    zeros: Aligned<T>,
    /// Offsets of every value that the unit in progress needs, and where their images are.
    needs: Vec<Vec<Offset>>,
    at: Vec<Vec<usize>>,
    done: Vec<bool>,
    terms: Vec<(u32, u32)>,
    /// Sums over entries of one offset.
    lane: [Aligned<T>; 2],
    /// By value, axis and offset: which entries of an image are pooled into which others.
    pools: Vec<[Vec<Pooled<T>>; AXES]>,
}

/// What a thread keeps for a vector of pairs.
#[derive(Clone, Debug, Default)]
struct Memory<T> {
    /// Covariances and tangent kernels of everything that lives.
    k: Aligned<T>,
    t: Aligned<T>,
    /// By lane: entries that single precision does not resolve.
    near: Aligned<T>,
    /// Sums over all entries: by value, then negative, zero and positive offsets, then `K` and `T`.
    sums: Vec<[[Vec<f64>; 2]; 3]>,
}

impl<T: Scalar> Runner<T> {
    /// Memory for vectors of `width` pairs, `turns` of which go through the layers together.
    pub fn new(recipe: &Recipe, width: usize, turns: usize) -> Self {
        let Recipe { graph, schedule, tangents, .. } = *recipe;
        let zeros = |vectors: usize| Aligned::<T>::zeros(vectors * width);
        let nodes = graph.nodes.len();
        let largest = chains::largest(graph);
        let stack = || [zeros(largest), zeros(if tangents { largest } else { 0 })];
        let sums = || std::array::from_fn(|_| std::array::from_fn(|_| vec![0.0; width]));
        let memory = |_| Memory {
            k: zeros(schedule.space),
            t: zeros(if tangents { schedule.space } else { 0 }),
            near: zeros(1),
            sums: (0..nodes).map(|_| sums()).collect(),
        };
        let mut others: Vec<_> = (0..turns).map(memory).collect();
        Self {
            width,
            now: std::mem::take(&mut others[0]),
            others,
            selected: 0,
            ring: zeros(ring(graph) * 2),
            stack: [stack(), stack()],
            zeros: zeros(chains::line(graph)),
            needs: vec![Vec::new(); nodes],
            at: vec![Vec::new(); nodes],
            done: vec![false; nodes],
            terms: Vec::new(),
            lane: [zeros(1), zeros(1)],
            pools: graph.nodes.iter().map(|node| pools(graph, node)).collect(),
        }
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub fn bytes(
        graph: &Graph,
        schedule: &Schedule,
        tangents: bool,
        (width, turns): (usize, usize),
    ) -> u64 {
        let memory = schedule.space * (1 + usize::from(tangents)) * turns;
        let both = 1 + usize::from(tangents);
        let chains = 2 * both * chains::largest(graph);
        let vectors = memory + 2 * ring(graph) + chains + chains::line(graph);
        (vectors * width * size_of::<T>()) as u64
    }

    /// Every step for some vectors of pairs, at most as many as take turns.
    pub fn run(&mut self, recipe: &Recipe, all: &[Pairs<T>], results: &mut [Results<T>]) {
        self.start();
        for step in &recipe.schedule.steps {
            self.step(recipe, all, step, Some(&mut *results));
        }
    }

    /// Forgets sums over entries.
    pub fn start(&mut self) {
        for memory in self.others.iter_mut().chain([&mut self.now]) {
            memory.sums.iter_mut().flatten().flatten().for_each(|sum| sum.fill(0.0));
            memory.near.fill(round(0.0));
        }
    }

    /// One step; a preparing one is left out.
    pub fn step(
        &mut self,
        recipe: &Recipe,
        all: &[Pairs<T>],
        step: &Step,
        mut results: Option<&mut [Results<T>]>,
    ) {
        if let Step::Run { stage, units } = step {
            for unit in units.clone() {
                self.unit(recipe, all, (*stage, unit), results.as_deref_mut());
            }
            return;
        }
        let width = self.width;
        let vectors = |span: &Range<usize>| span.start * width..span.end * width;
        let both = 1 + usize::from(recipe.tangents);
        for (index, pairs) in all.iter().enumerate() {
            match step {
                Step::Prepare { .. } | Step::Run { .. } => {}
                Step::Clear(span) => {
                    let span = vectors(span);
                    self.select(index);
                    for values in [&mut self.now.k, &mut self.now.t].into_iter().take(both) {
                        values[span.clone()].fill(round(0.0));
                    }
                }
                Step::Merge(into, from) => {
                    let (into, from) = (vectors(into), vectors(from));
                    self.select(index);
                    for values in [&mut self.now.k, &mut self.now.t].into_iter().take(both) {
                        let (into, from) = two(values, into.clone(), from.clone());
                        T::dispatch(recipe.isa, Add { into, from });
                    }
                }
                Step::Finish { node } => {
                    self.select(index);
                    self.finish(recipe, *node);
                }
                Step::Mix { node } => {
                    self.select(index);
                    self.mix(recipe, *pairs, *node);
                }
            }
        }
    }

    /// Runs a stage at offset 0 and tells every value that goes into an activation or a normalisation.
    pub fn prepare(
        &mut self,
        recipe: &Recipe,
        stage: usize,
        side: &mut Side<T>,
        found: &mut Found<T>,
    ) -> Result<(), Error> {
        let Recipe { graph, schedule, .. } = *recipe;
        let parts = &schedule.stages[stage];
        let wanted: Vec<_> = parts.normalised(graph).collect();
        parts.variance_needs(graph, &mut self.needs);
        for node in &parts.nodes {
            self.done[*node] = false;
        }
        for &node in parts.sources.iter().chain(&parts.nodes) {
            if self.needs[node].is_empty() {
                continue;
            }
            self.address(recipe, node);
            if !graph.nodes[node].make.gathers() && !self.done[node] {
                let pairs = Pairs { left: side, right: side, itself: true };
                self.make(recipe, pairs, node, false);
            }
            for (user, _) in wanted.iter().filter(|(_, value)| *value == node) {
                let entries = positions(graph.nodes[node].size);
                let index = self.needs[node].iter().position(|offset| *offset == HERE);
                let start = self.at[node][index.unwrap_or(0)] * self.width;
                let values = &mut self.now.k[start..start + entries * self.width];
                found(side, *user, values)?;
            }
        }
        Ok(())
    }

    /// One unit of offsets through a stage, for all pairs layer by layer.
    fn unit(
        &mut self,
        recipe: &Recipe,
        all: &[Pairs<T>],
        (stage, unit): (usize, usize),
        mut results: Option<&mut [Results<T>]>,
    ) {
        let Recipe { graph, schedule, .. } = *recipe;
        let parts = &schedule.stages[stage];
        let tasks = &parts.units[unit].0;
        parts.needs(graph, tasks, &mut self.needs);
        for node in &parts.nodes {
            self.done[*node] = false;
        }
        let tail = match tasks[..] {
            [(handover, _)] => match parts.handovers[handover] {
                Handover { value, target: Target::Node(node) } => Some((value, node)),
                Handover { .. } => None,
            },
            _ => None,
        };
        let mut handed = false;
        for &node in parts.sources.iter().chain(&parts.nodes) {
            if self.needs[node].is_empty() {
                continue;
            }
            self.address(recipe, node);
            if graph.nodes[node].make.gathers() || self.done[node] {
                continue;
            }
            for (index, pairs) in all.iter().enumerate() {
                self.select(index);
                match self.chain(recipe, *pairs, node, tail) {
                    Ran::Nothing => self.make(recipe, *pairs, node, true),
                    Ran::Chain => {}
                    Ran::AndHandedOver => handed = true,
                }
            }
        }
        for (index, &(handover, offset)) in
            (0..all.len()).flat_map(|index| tasks.iter().map(move |task| (index, task)))
        {
            self.select(index);
            let handover = parts.handovers[handover];
            match handover.target {
                Target::Node(_) if handed => {}
                Target::Node(node) => self.gather(recipe, handover.value, node, offset),
                Target::Output => {
                    if let Some(results) = results.as_deref_mut() {
                        self.deliver(recipe, handover.value, offset, &mut results[index]);
                    }
                }
            }
        }
    }

    /// By lane, how many entries of one of several vectors of pairs single precision did not resolve.
    pub fn unresolved(&mut self, index: usize) -> &[T] {
        self.select(index);
        &self.now.near
    }

    /// Makes the memory of one of several pairs the one in use.
    fn select(&mut self, index: usize) {
        if index != self.selected {
            std::mem::swap(&mut self.now, &mut self.others[self.selected]);
            std::mem::swap(&mut self.now, &mut self.others[index]);
            self.selected = index;
        }
    }

    /// Finds where the images of a value are.
    fn address(&mut self, recipe: &Recipe, node: usize) {
        let size = recipe.graph.nodes[node].size;
        let mut at = std::mem::take(&mut self.at[node]);
        at.clear();
        match recipe.schedule.places[node] {
            Place::Over(input) => at.extend_from_slice(&self.at[input]),
            Place::Scratch { base, each } => {
                at.extend((0..self.needs[node].len()).map(|index| base + index * each));
            }
            Place::Rows => {
                let Some(rows) = &recipe.schedule.rows[node] else { return };
                let place = |offset: &Offset| rows.at(&Image::new(size, *offset), false);
                at.extend(self.needs[node].iter().map(|offset| place(offset).unwrap_or(0)));
            }
        }
        self.at[node] = at;
    }

    /// The images of a value at the offsets that are needed. With `fuse` the activation behind a
    /// convolution goes along.
    fn make(&mut self, recipe: &Recipe, pairs: Pairs<T>, node: usize, fuse: bool) {
        let made = &recipe.graph.nodes[node];
        for index in 0..self.needs[node].len() {
            let image = Image::new(made.size, self.needs[node][index]);
            if image.entries() > 0 {
                self.image(recipe, pairs, (node, index), image, fuse);
            }
        }
    }

    /// The numbers of an image in the thread's memory.
    fn span(&self, node: usize, index: usize, image: Image) -> Range<usize> {
        let start = self.at[node][index] * self.width;
        start..start + image.entries() * self.width
    }

    fn both(&mut self, span: Range<usize>, has_t: bool) -> (&mut [T], &mut [T]) {
        let t = if has_t { &mut self.now.t[span.clone()] } else { &mut [][..] };
        (&mut self.now.k[span], t)
    }

    /// Where the image of an offset of a value is.
    fn find(&self, node: usize, offset: Offset) -> usize {
        let index = self.needs[node].iter().position(|other| *other == offset);
        self.at[node][index.unwrap_or(0)]
    }

    /// Hands the entries of an offset to the results.
    fn deliver(&self, recipe: &Recipe, value: usize, offset: Offset, results: &mut Results<T>) {
        let made = &recipe.graph.nodes[value];
        let image = Image::new(made.size, offset);
        let count = positions(made.size);
        let mut vector = self.find(value, offset);
        let has_t = recipe.tangents && made.t;
        for line in 0..image.len[0] * image.len[1] {
            let [p, q] = image.row(line / image.len[1], line % image.len[1]);
            for m in 0..image.len[2] {
                // all pairs of positions, or equal ones only
                let place = if results.entry == count { p + m } else { (p + m) * count + q + m };
                for lane in 0..self.width {
                    let at = lane * results.entry + place;
                    results.k[at] = self.now.k[vector * self.width + lane];
                    if !results.t.is_empty() {
                        results.t[at] =
                            if has_t { self.now.t[vector * self.width + lane] } else { round(0.0) };
                    }
                }
                vector += 1;
            }
        }
    }
}

/// The map for covariances alone, unless tangent kernels are computed.
fn without_tangents(map: crate::program::Affine, tangents: bool) -> crate::program::Affine {
    if tangents { map } else { crate::program::Affine { t: TMap::Empty, ..map } }
}
