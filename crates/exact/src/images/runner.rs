//! One vector of pairs through a schedule.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use widelimit_dual::{Field, Isa, Left};

use crate::error::Error;
use crate::images::geometry::{AXES, HERE, Image, Offset, Offsets, positions, sign};
use crate::images::graph::{Graph, Make, Node};
use crate::images::schedule::{Handover, LINKS, Place, Rows, Schedule, Step, Target};
use crate::images::side::Side;
use crate::images::sweeps::{BoxSum, Combine, Gather, Gram, Normalise, Push, Run, Sum, Taps};
use crate::program::{Join, PoolScaling, Program, TMap};
use crate::rows::{Add, AffineBoth, AffineK, multiply};
use crate::scalar::{Scalar, round, widen};
use crate::window::Window;

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
    ring: Vec<T>,
    /// Offsets of every value that the unit in progress needs, and where their images are.
    needs: Vec<Vec<Offset>>,
    at: Vec<Vec<usize>>,
    done: Vec<bool>,
    terms: Vec<(u32, u32)>,
    /// Sums over entries of one offset.
    lane: [Vec<T>; 2],
    /// By value, axis and offset: which entries of an image are pooled into which others.
    pools: Vec<[Vec<Pooled<T>>; AXES]>,
}

/// Entries along an axis that go into coarser images, by their offset.
type Pooled<T> = Vec<(i32, Vec<Run<T>>)>;

/// Bytes of covariances and tangent kernels that a block of rows of an image may have.
const BLOCK: usize = 8 << 10;

/// What a thread keeps for a vector of pairs.
#[derive(Clone, Debug, Default)]
struct Memory<T> {
    /// Covariances and tangent kernels of everything that lives.
    k: Vec<T>,
    t: Vec<T>,
    /// By lane: entries that single precision does not resolve.
    near: Vec<T>,
    /// Sums over all entries: by value, then negative, zero and positive offsets, then `K` and `T`.
    sums: Vec<[[Vec<f64>; 2]; 3]>,
}

/// How much of a unit a chain took over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    Nothing,
    Chain,
    AndHandedOver,
}

/// One convolution of a chain, and how far it is.
#[derive(Clone, Copy)]
struct Link {
    image: Image,
    rows: Taps,
    columns: Taps,
    map: crate::program::Affine,
    has_t: bool,
    activation: Option<(usize, usize)>,
    /// Where its ring begins.
    ring: usize,
    /// Rows at a time.
    block: usize,
    /// Input rows summed, and output rows made.
    next: usize,
    made: usize,
}

impl Default for Link {
    fn default() -> Self {
        let taps = Taps { input: 0, output: 0, filter: 1, stride: 1, dilation: 1, first: 0 };
        Self {
            image: Image::new([1; AXES], HERE),
            rows: taps,
            columns: taps,
            map: crate::program::Affine::IDENTITY,
            has_t: false,
            activation: None,
            ring: 0,
            block: 1,
            next: 0,
            made: 0,
        }
    }
}

impl Link {
    /// The end of the output rows that can be made now, where so many input rows are there.
    fn reach(&self, ready: usize) -> usize {
        let last = (self.made + self.block).min(self.rows.output);
        (self.made..last).find(|&q| self.rows.end(q) > ready).unwrap_or(last)
    }
}

impl<T: Scalar> Runner<T> {
    /// Memory for vectors of `width` pairs, `turns` of which go through the layers together.
    pub fn new(recipe: &Recipe, width: usize, turns: usize) -> Self {
        let Recipe { graph, schedule, tangents, .. } = *recipe;
        let zeros = |vectors: usize| vec![round::<T>(0.0); vectors * width];
        let nodes = graph.nodes.len();
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
            ring: zeros(ring(graph) * 2 * LINKS),
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
        let vectors = memory + 2 * LINKS * ring(graph);
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

    fn image(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        (node, index): (usize, usize),
        image: Image,
        fuse: bool,
    ) {
        let Recipe { graph, isa, tangents, .. } = *recipe;
        let made = &graph.nodes[node];
        let span = self.span(node, index, image);
        let has_t = tangents && made.t;
        let each = pairs.side() == Left::Each;
        match &made.make {
            Make::Input { map } => {
                let (k, t) = self.both(span, has_t);
                let channels =
                    pairs.right.pixels.len() / (pairs.right.width * positions(made.size));
                let map = without_tangents(*map, tangents);
                let (left, right) = (&pairs.left.pixels, &pairs.right.pixels);
                let lines = 0..image.len[0] * image.len[1];
                T::dispatch(isa, Gram { image, lines, channels, left, each, right, map, k, t });
            }
            Make::Conv { windows, .. } if windows.iter().all(|window| window.is_plain()) => {
                self.conv(recipe, pairs, (node, index), image, fuse);
            }
            Make::Conv { .. } => self.gather_taps(recipe, (node, index), image),
            Make::Affine(map) => {
                self.bring(recipe, (node, index), image);
                let map = without_tangents(*map, tangents);
                let (k, t) = self.both(span, has_t);
                match map.t {
                    TMap::Empty => {
                        T::dispatch(isa, AffineK { k, scale: map.scale, shift: map.shift });
                    }
                    TMap::Start { .. } | TMap::Continue { .. } => {
                        T::dispatch(isa, AffineBoth { k, t, map });
                    }
                }
            }
            Make::Activation { dual, slot } => {
                self.bring(recipe, (node, index), image);
                let rows = 0..image.len[1];
                for plane in 0..image.len[0] {
                    let start = span.start + plane * image.len[1] * image.len[2] * self.width;
                    self.activate(
                        recipe,
                        pairs,
                        (*dual, *slot),
                        image,
                        (plane, rows.clone()),
                        (start, has_t),
                    );
                }
            }
            Make::LayerNorm { slot, .. } => {
                self.bring(recipe, (node, index), image);
                let (left, right) = (&pairs.left.norms[*slot], &pairs.right.norms[*slot]);
                let (k, t) = self.both(span, has_t);
                T::dispatch(isa, Normalise { image, left, each, right, values: k });
                if has_t {
                    T::dispatch(isa, Normalise { image, left, each, right, values: t });
                }
            }
            Make::Dropout { keep_rate } => {
                self.bring(recipe, (node, index), image);
                if pairs.itself && image.offset == HERE {
                    let (k, t) = self.both(span, has_t);
                    k.iter_mut().chain(t).for_each(|x| *x = round(widen(*x) / keep_rate));
                }
            }
            Make::Local => {
                if image.offset == HERE {
                    self.bring(recipe, (node, index), image);
                } else {
                    let (k, t) = self.both(span, has_t);
                    k.fill(round(0.0));
                    t.fill(round(0.0));
                }
            }
            Make::Add(join) | Make::Mul(join) => {
                self.bring(recipe, (node, index), image);
                let join = if tangents { *join } else { Join::Neither };
                let other = made.inputs[1];
                let start = self.find(other, image.offset) * self.width;
                let from = start..start + span.len();
                let product = matches!(made.make, Make::Mul(_));
                let (k, k_from) = two(&mut self.now.k, span.clone(), from.clone());
                let mut none = (Vec::new(), Vec::new());
                let (t, t_from) = if join == Join::Neither {
                    (&mut none.0[..], &mut none.1[..])
                } else {
                    two_mut(&mut self.now.t, span, from)
                };
                if product {
                    multiply(isa, (k, t), (&mut k_from.to_vec(), t_from), join);
                } else {
                    T::dispatch(isa, Add { into: k, from: k_from });
                    match join {
                        Join::Neither | Join::Into => {}
                        Join::From => t.copy_from_slice(t_from),
                        Join::Both => T::dispatch(isa, Add { into: t, from: t_from }),
                    }
                }
            }
            Make::Pool { .. }
            | Make::Global { .. }
            | Make::Flatten { .. }
            | Make::Keep
            | Make::Mix { .. } => {}
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

    /// Copies the image of the first input to where its successor is to be, unless it is there.
    fn bring(&mut self, recipe: &Recipe, (node, index): (usize, usize), image: Image) {
        let input = recipe.graph.nodes[node].inputs[0];
        let from = self.find(input, image.offset);
        let to = self.at[node][index];
        if from == to {
            return;
        }
        let length = image.entries() * self.width;
        let (from, to) = (from * self.width, to * self.width);
        self.now.k.copy_within(from..from + length, to);
        if recipe.tangents && recipe.graph.nodes[input].t {
            self.now.t.copy_within(from..from + length, to);
        }
    }

    /// The activation of some rows of a plane, whose entries begin at `start`.
    fn activate(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        (dual, slot): (usize, usize),
        image: Image,
        (plane, rows): (usize, Range<usize>),
        (start, has_t): (usize, bool),
    ) {
        let columns = image.len[2];
        let length = rows.len() * columns * self.width;
        let dual = recipe.program.dual(dual);
        let [p, q] = image.row(plane, rows.start);
        let side = pairs.side();
        let known = pairs.itself && image.offset == HERE;
        let k = &mut self.now.k[start..start + length];
        let variances = if known { k.to_vec() } else { Vec::new() };
        let t = if has_t { Some(&mut self.now.t[start..start + length]) } else { None };
        let before = if known && has_t { t.as_deref().map(<[T]>::to_vec) } else { None };
        let field = Field {
            left: &pairs.left.duals[slot],
            side,
            left_first: p,
            left_row: image.size[2],
            right: &pairs.right.duals[slot],
            right_first: q,
            right_row: image.size[2],
            columns,
            k: &mut *k,
            t,
            near: &mut self.now.near,
        };
        dual.apply_field(recipe.isa, field);
        if known {
            // x is x: nothing cancels in the diagonal form
            let t = if has_t { &mut self.now.t[start..start + length] } else { &mut [][..] };
            let k = &mut self.now.k[start..start + length];
            settle(dual, &variances, k, t, before.as_deref());
        }
    }

    /// A convolution in place, and the activation behind it block by block.
    fn conv(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        (node, index): (usize, usize),
        image: Image,
        fuse: bool,
    ) {
        let Recipe { graph, tangents, isa, .. } = *recipe;
        let made = &graph.nodes[node];
        let Make::Conv { windows, map } = &made.make else { return };
        let map = without_tangents(*map, tangents);
        let input = made.inputs[0];
        let moved: Offset =
            std::array::from_fn(|axis| image.offset[axis] * windows[axis].stride as i32);
        let source = Image::new(graph.nodes[input].size, moved);
        let to = self.at[node][index];
        let from = self.find(input, moved);
        if from != to {
            // what others still read is copied first: there is room for the larger of the two
            let length = source.entries() * self.width;
            let place = from * self.width..from * self.width + length;
            self.now.k.copy_within(place.clone(), to * self.width);
            if tangents && graph.nodes[input].t {
                self.now.t.copy_within(place, to * self.width);
            }
        }
        let taps: [Taps; AXES] =
            std::array::from_fn(|axis| taps(windows[axis], source, image, axis));
        let [mut planes, rows, columns] = source.len;
        let start = to;
        if windows[0] != Window::identity(windows[0].input) {
            let line = rows * columns;
            let whole =
                Taps { input: line, output: line, filter: 1, stride: 1, dilation: 1, first: 0 };
            let t = if matches!(map.t, TMap::Continue { .. }) {
                TMap::Continue { t: 1.0, k: 0.0, shift: 0.0 }
            } else {
                TMap::Empty
            };
            let keep = crate::program::Affine { scale: 1.0, shift: 0.0, t };
            let job = BoxSum {
                rows: taps[0],
                columns: whole,
                from: start,
                to: start,
                next: &mut 0,
                out: 0..taps[0].output,
                map: keep,
                k: &mut self.now.k,
                t: (t != TMap::Empty).then_some(&mut self.now.t),
                ring: &mut self.ring,
            };
            T::dispatch(isa, job);
            planes = image.len[0];
        }
        let behind = if fuse { self.behind(recipe, node) } else { None };
        let has_t = tangents && made.t;
        let row_bytes = image.len[2] * self.width * size_of::<T>() * (1 + usize::from(has_t));
        let block = if behind.is_some() { (BLOCK / row_bytes).max(1) } else { image.len[1] };
        for plane in 0..planes.min(image.len[0]) {
            let mut next = 0;
            let target = start + plane * image.len[1] * image.len[2];
            for first in (0..image.len[1]).step_by(block) {
                let out = first..(first + block).min(image.len[1]);
                let job = BoxSum {
                    rows: taps[1],
                    columns: taps[2],
                    from: start + plane * rows * columns,
                    to: target,
                    next: &mut next,
                    out: out.clone(),
                    map,
                    k: &mut self.now.k,
                    t: has_t.then_some(&mut self.now.t[..]),
                    ring: &mut self.ring,
                };
                T::dispatch(isa, job);
                if let Some((_, activation)) = behind {
                    let at = (target + first * image.len[2]) * self.width;
                    self.activate(recipe, pairs, activation, image, (plane, out), (at, has_t));
                }
            }
        }
        if let Some((next, _)) = behind {
            self.done[next] = true;
        }
    }

    /// Runs the chain that begins with a value, if there is one: rows go through all its convolutions
    /// and activations while they are in the first-level cache.
    ///
    /// `tail` is a value and what is gathered from it: rows go there, too, as soon as they are made.
    fn chain(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        head: usize,
        tail: Option<(usize, usize)>,
    ) -> Ran {
        let Recipe { graph, schedule, tangents, isa, .. } = *recipe;
        let Some(chain) = &schedule.chains[head] else { return Ran::Nothing };
        if chain.links.iter().any(|(conv, _)| self.needs[*conv].len() != 1) {
            return Ran::Nothing;
        }
        let image =
            |needs: &[Vec<Offset>], node: usize| Image::new(graph.nodes[node].size, needs[node][0]);
        let input = graph.nodes[chain.links[0].0].inputs[0];
        let mut source = image(&self.needs, input);
        if source.len[0] != 1 {
            return Ran::Nothing;
        }
        let start = self.find(input, source.offset);
        let mut links = [Link::default(); LINKS];
        let mut ring = 0;
        for (link, &(conv, activation)) in links.iter_mut().zip(&chain.links) {
            let made = &graph.nodes[conv];
            let Make::Conv { windows, map } = &made.make else { return Ran::Nothing };
            let image = image(&self.needs, conv);
            let activation = activation.map(|next| match graph.nodes[next].make {
                Make::Activation { dual, slot } => (dual, slot),
                _ => (0, 0),
            });
            let rows = taps(windows[1], source, image, 1);
            let columns = taps(windows[2], source, image, 2);
            let map = without_tangents(*map, tangents);
            let has_t = tangents && made.t;
            let row = image.len[2] * self.width * size_of::<T>() * (1 + usize::from(has_t));
            let block = (BLOCK / row).max(1);
            *link = Link {
                image,
                rows,
                columns,
                map,
                has_t,
                activation,
                ring,
                block,
                next: 0,
                made: 0,
            };
            ring += 2 * rows.extent() * image.len[2] * self.width;
            source = image;
        }
        let links = &mut links[..chain.links.len()];
        let ends = chain.links.last().map(|&(conv, activation)| activation.unwrap_or(conv));
        let tail = tail.filter(|(value, node)| {
            let sums = matches!(
                graph.nodes[*node].make,
                Make::Pool { .. } | Make::Global { .. } | Make::Flatten { .. }
            );
            sums && ends == Some(*value)
        });
        let tail = tail.map(|(_, node)| (node, tangents && graph.nodes[node].t));
        self.lane.iter_mut().for_each(|lane| lane.fill(round(0.0)));
        let first = image(&self.needs, input);
        let mut there = if chain.input.is_some() { 0 } else { first.len[1] };
        while links.iter().any(|link| link.made < link.image.len[1]) {
            if let Some(node) = chain.input
                && there < first.len[1]
            {
                let end = (there + links[0].block).min(first.len[1]);
                self.products(recipe, pairs, node, first, (start, there..end));
                there = end;
            }
            let mut ready = there;
            let mut made = 0..0;
            for link in links.iter_mut() {
                made = link.made..link.reach(ready);
                ready = made.end;
                if made.is_empty() {
                    continue;
                }
                let job = BoxSum {
                    rows: link.rows,
                    columns: link.columns,
                    from: start,
                    to: start,
                    next: &mut link.next,
                    out: made.clone(),
                    map: link.map,
                    k: &mut self.now.k,
                    t: link.has_t.then_some(&mut self.now.t[..]),
                    ring: &mut self.ring[link.ring..],
                };
                T::dispatch(isa, job);
                link.made = made.end;
                if let Some(activation) = link.activation {
                    let at = (start + made.start * link.image.len[2]) * self.width;
                    let place = (0, made.clone());
                    self.activate(recipe, pairs, activation, link.image, place, (at, link.has_t));
                }
            }
            if let Some((node, has_t)) = tail
                && !made.is_empty()
            {
                let at = start * self.width;
                if matches!(graph.nodes[node].make, Make::Pool { .. }) {
                    let span = at..at + source.entries() * self.width;
                    self.pool(recipe, node, source, (span, has_t), made);
                } else {
                    self.sum_rows(recipe, (source, has_t), at, made);
                }
            }
        }
        for &(conv, activation) in &chain.links {
            self.done[conv] = true;
            if let Some(activation) = activation {
                self.done[activation] = true;
            }
        }
        let Some((node, has_t)) = tail else { return Ran::Chain };
        if !matches!(graph.nodes[node].make, Make::Pool { .. }) {
            self.add_sums(node, source.offset, has_t);
        }
        Ran::AndHandedOver
    }

    /// Some rows of the inner products of a flat image.
    fn products(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        node: usize,
        image: Image,
        (start, rows): (usize, Range<usize>),
    ) {
        let made = &recipe.graph.nodes[node];
        let Make::Input { map } = &made.make else { return };
        let from = (start + rows.start * image.len[2]) * self.width;
        let span = from..from + rows.len() * image.len[2] * self.width;
        let map = without_tangents(*map, recipe.tangents);
        let (k, t) = self.both(span, recipe.tangents && made.t);
        let channels = pairs.right.pixels.len() / (pairs.right.width * positions(made.size));
        let each = pairs.side() == Left::Each;
        let (left, right) = (&pairs.left.pixels, &pairs.right.pixels);
        let job = Gram { image, lines: rows, channels, left, each, right, map, k, t };
        T::dispatch(recipe.isa, job);
    }

    /// The activation that is written over a convolution, if that is all that happens to it.
    fn behind(&self, recipe: &Recipe, node: usize) -> Option<(usize, (usize, usize))> {
        let next = node + 1;
        let made: &Node = recipe.graph.nodes.get(next)?;
        match made.make {
            Make::Activation { dual, slot }
                if recipe.schedule.places[next] == Place::Over(node)
                    && self.needs[next].len() == self.needs[node].len() =>
            {
                Some((next, (dual, slot)))
            }
            _ => None,
        }
    }

    /// A convolution that wraps around or spreads: sums over pairs of taps, then its affine map.
    fn gather_taps(&mut self, recipe: &Recipe, (node, index): (usize, usize), image: Image) {
        let Recipe { graph, tangents, isa, .. } = *recipe;
        let made = &graph.nodes[node];
        let Make::Conv { windows, map } = &made.make else { return };
        let input = made.inputs[0];
        let size = graph.nodes[input].size;
        let to = self.at[node][index];
        // by axis and output: the inputs of left and right taps
        let pairs: [Vec<Vec<(usize, i32)>>; AXES] = std::array::from_fn(|axis| {
            let window = windows[axis];
            (0..image.len[axis])
                .map(|place| {
                    let q = image.low[axis] + place;
                    let other = q.wrapping_add_signed(image.offset[axis] as isize);
                    let both = |d| Some((window.tap(q, d)?, window.tap(other, d)?));
                    let found = (0..window.filter).filter_map(both);
                    found.map(|(p, p2)| (p, p2 as i32 - p as i32)).collect()
                })
                .collect()
        });
        let mut terms = std::mem::take(&mut self.terms);
        terms.clear();
        let sources: Vec<_> = self.needs[input]
            .iter()
            .zip(&self.at[input])
            .map(|(offset, at)| (*offset, Image::new(size, *offset), *at))
            .collect();
        let mut target = to;
        for a in &pairs[0] {
            for b in &pairs[1] {
                for c in &pairs[2] {
                    for &(p0, o0) in a {
                        for &(p1, o1) in b {
                            for &(p2, o2) in c {
                                let from = sources.iter().find(|source| source.0 == [o0, o1, o2]);
                                if let Some((_, source, at)) = from {
                                    let place = source.entry([p0, p1, p2]);
                                    terms.push((target as u32, (at + place) as u32));
                                }
                            }
                        }
                    }
                    target += 1;
                }
            }
        }
        let span = self.span(node, index, image);
        let from_t = tangents && graph.nodes[input].t;
        self.now.k[span.clone()].fill(round(0.0));
        T::dispatch(isa, Gather { terms: &terms, values: &mut self.now.k });
        if from_t {
            self.now.t[span.clone()].fill(round(0.0));
            T::dispatch(isa, Gather { terms: &terms, values: &mut self.now.t });
        }
        self.terms = terms;
        let map = without_tangents(*map, tangents);
        let (k, t) = self.both(span, tangents && made.t);
        match map.t {
            TMap::Empty => T::dispatch(isa, AffineK { k, scale: map.scale, shift: map.shift }),
            _ => T::dispatch(isa, AffineBoth { k, t, map }),
        }
    }

    /// Adds an image of a value to what is gathered from it.
    fn gather(&mut self, recipe: &Recipe, value: usize, node: usize, offset: Offset) {
        let Recipe { graph, schedule, tangents, .. } = *recipe;
        let image = Image::new(graph.nodes[value].size, offset);
        if image.entries() == 0 {
            return;
        }
        let start = self.find(value, offset) * self.width;
        let span = start..start + image.entries() * self.width;
        let made = &graph.nodes[node];
        let has_t = tangents && made.t;
        match &made.make {
            Make::Global { .. } | Make::Flatten { .. } => {
                self.lane.iter_mut().for_each(|lane| lane.fill(round(0.0)));
                self.sum_rows(recipe, (image, has_t), start, 0..image.len[0] * image.len[1]);
                self.add_sums(node, offset, has_t);
            }
            Make::Keep => {
                let Some(rows) = &schedule.rows[node] else { return };
                let Some(to) = rows.at(&image, false) else { return };
                self.now.k.copy_within(span.clone(), to * self.width);
                if has_t {
                    self.now.t.copy_within(span, to * self.width);
                }
            }
            Make::Pool { .. } => {
                self.pool(recipe, node, image, (span, has_t), 0..image.len[1]);
            }
            _ => {}
        }
    }

    /// Adds rows of entries to the sums of this offset.
    fn sum_rows(
        &mut self,
        recipe: &Recipe,
        (image, has_t): (Image, bool),
        start: usize,
        rows: Range<usize>,
    ) {
        let columns = image.len[2];
        let line = columns * self.width;
        let span = start + rows.start * line..start + rows.end * line;
        for (values, sum) in
            [&self.now.k, &self.now.t].into_iter().zip(&mut self.lane).take(1 + usize::from(has_t))
        {
            T::dispatch(recipe.isa, Sum { columns, values: &values[span.clone()], sum });
        }
    }

    /// Adds the sums of an offset to those of all.
    fn add_sums(&mut self, node: usize, offset: Offset, has_t: bool) {
        let sums = &mut self.now.sums[node][(sign(offset) + 1) as usize];
        for (sums, lane) in sums.iter_mut().zip(&self.lane).take(1 + usize::from(has_t)) {
            sums.iter_mut().zip(lane).for_each(|(sum, x)| *sum += widen(*x));
        }
    }

    /// Adds some rows of entries to a pooled value.
    fn pool(
        &mut self,
        recipe: &Recipe,
        node: usize,
        image: Image,
        (span, has_t): (Range<usize>, bool),
        within: Range<usize>,
    ) {
        let Some(rows) = &recipe.schedule.rows[node] else { return };
        let width = self.width;
        let size = recipe.graph.nodes[node].size;
        let negative = sign(image.offset) < 0;
        let of = |axis: usize| {
            let number = self.pools[node][axis].len() / 2;
            &self.pools[node][axis][number.wrapping_add_signed(image.offset[axis] as isize)]
        };
        let (mut all, axes) = ([&mut self.now.k, &mut self.now.t], [of(0), of(1), of(2)]);
        for (o0, planes) in axes[0] {
            for (o1, rows_of) in axes[1] {
                for (o2, columns) in axes[2] {
                    let coarse = Image::new(size, [*o0, *o1, *o2]);
                    let Some(to) = rows.at(&coarse, negative) else { continue };
                    let [from_plane, to_plane] = [image, coarse].map(|i| i.len[1] * i.len[2]);
                    for run in planes {
                        for plane in 0..run.count {
                            let from = (run.from + plane * run.step) * from_plane * width;
                            let from = span.start + from..span.start + from + from_plane * width;
                            let target = (to + (run.to + plane) * to_plane) * width;
                            let target = target..target + to_plane * width;
                            for values in all.iter_mut().take(1 + usize::from(has_t)) {
                                let (to, from) = two(values, target.clone(), from.clone());
                                let job = Push {
                                    rows: rows_of,
                                    columns,
                                    weight: run.weight,
                                    within: within.clone(),
                                    from_columns: image.len[2],
                                    to_columns: coarse.len[2],
                                    from,
                                    to,
                                };
                                T::dispatch(recipe.isa, job);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The sums over entries become a value; opposite offsets first, so that turning all of them round
    /// changes nothing.
    fn finish(&mut self, recipe: &Recipe, node: usize) {
        let made = &recipe.graph.nodes[node];
        let weight = match made.make {
            Make::Global { weight } | Make::Flatten { weight } => weight,
            _ => return,
        };
        let Some(rows) = &recipe.schedule.rows[node] else { return };
        let Some(at) = rows.at(&Image::new(made.size, HERE), false) else { return };
        let all: [&mut Vec<T>; 2] = [&mut self.now.k, &mut self.now.t];
        let count = 1 + usize::from(recipe.tangents && made.t);
        for (quantity, values) in all.into_iter().enumerate().take(count) {
            let [negative, none, positive] = &self.now.sums[node];
            let place = &mut values[at * self.width..(at + 1) * self.width];
            for (lane, x) in place.iter_mut().enumerate() {
                let both = negative[quantity][lane] + positive[quantity][lane];
                *x = round((both + none[quantity][lane]) * weight);
            }
        }
    }

    /// `L K R^T`, row by row.
    fn mix(&mut self, recipe: &Recipe, pairs: Pairs<T>, node: usize) {
        let Recipe { graph, schedule, tangents, isa, .. } = *recipe;
        let made = &graph.nodes[node];
        let (Make::Mix { slot, .. }, input) = (&made.make, made.inputs[0]) else { return };
        let (Some(from), Some(to)) = (&schedule.rows[input], &schedule.rows[node]) else { return };
        let count = positions(made.size);
        let width = self.width;
        let (left, right) = (&pairs.left.mixings[*slot], &pairs.right.mixings[*slot]);
        let each = pairs.side() == Left::Each;
        let left_row = count * if each { width } else { 1 };
        let places = |rows: &Rows, demand: &Offsets| {
            let mut places = vec![None; count * count];
            for offset in demand.iter() {
                let image = Image::new(made.size, offset);
                let Some(at) = rows.at(&image, false) else { continue };
                let mut entry = at;
                for line in 0..image.len[0] * image.len[1] {
                    let [p, q] = image.row(line / image.len[1], line % image.len[1]);
                    for m in 0..image.len[2] {
                        places[(p + m) * count + q + m] = Some(entry);
                        entry += 1;
                    }
                }
            }
            places
        };
        let sources = places(from, &schedule.demand[input]);
        let targets = places(to, &schedule.demand[node]);
        let all: [&mut Vec<T>; 2] = [&mut self.now.k, &mut self.now.t];
        let quantities = 1 + usize::from(tangents && made.t);
        let zero = round::<T>(0.0);
        let (mut matrix, mut line) = (vec![zero; count * count * width], vec![zero; count * width]);
        for values in all.into_iter().take(quantities) {
            for (vector, source) in matrix.chunks_exact_mut(width).zip(&sources) {
                match source {
                    Some(at) => vector.copy_from_slice(&values[at * width..(at + 1) * width]),
                    None => vector.fill(zero),
                }
            }
            for p in 0..count {
                let weights = &left[p * left_row..(p + 1) * left_row];
                T::dispatch(isa, Combine { weights, each, from: &matrix, to: &mut line });
                for q in 0..count {
                    let Some(at) = targets[p * count + q] else { continue };
                    let weights = &right[q * count * width..(q + 1) * count * width];
                    let to = &mut values[at * width..(at + 1) * width];
                    T::dispatch(isa, Combine { weights, each: true, from: &line, to });
                }
            }
        }
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

    /// All covariances of a kept value, as `[position][position][lane]`.
    pub fn kept(&self, recipe: &Recipe, node: usize) -> Vec<T> {
        let size = recipe.graph.nodes[node].size;
        let count = positions(size);
        let mut matrix = vec![round(0.0); count * count * self.width];
        let Some(rows) = &recipe.schedule.rows[node] else { return matrix };
        for offset in Offsets::all(size).iter() {
            let image = Image::new(size, offset);
            let Some(mut at) = rows.at(&image, false) else { continue };
            for line in 0..image.len[0] * image.len[1] {
                let [p, q] = image.row(line / image.len[1], line % image.len[1]);
                for m in 0..image.len[2] {
                    let to = ((p + m) * count + q + m) * self.width;
                    matrix[to..to + self.width]
                        .copy_from_slice(&self.now.k[at * self.width..(at + 1) * self.width]);
                    at += 1;
                }
            }
        }
        matrix
    }
}

/// The exact diagonal form, but for rounding: there, the very bits that the pair formula has for a
/// copy of the image, so that equal images stay equal through all layers.
fn settle<T: Scalar>(
    dual: &widelimit_dual::Dual,
    variances: &[T],
    k: &mut [T],
    t: &mut [T],
    before: Option<&[T]>,
) {
    const ROUNDING: f64 = 1e-14;
    for (index, (k, v)) in k.iter_mut().zip(variances).enumerate() {
        let exact = dual.diagonal(widen(*v));
        if (widen(*k) - exact.k).abs() > ROUNDING * exact.k.abs() {
            *k = round(exact.k);
        }
        if let Some(before) = before {
            t[index] = round(widen(before[index]) * exact.kd);
        }
    }
}

/// The map for covariances alone, unless tangent kernels are computed.
fn without_tangents(map: crate::program::Affine, tangents: bool) -> crate::program::Affine {
    if tangents { map } else { crate::program::Affine { t: TMap::Empty, ..map } }
}

/// Vectors of the largest ring of row sums, for covariances alone.
fn ring(graph: &Graph) -> usize {
    let of = |node: &Node| {
        let Make::Conv { windows, .. } = &node.make else { return 0 };
        if !windows.iter().all(|window| window.is_plain()) {
            return 0;
        }
        let extent = |axis: usize| {
            let window = windows[axis];
            ((window.filter - 1) * window.dilation + 1).min(window.input)
        };
        let planes = extent(0) * windows[1].input * windows[2].input;
        let rows = extent(1) * windows[2].output;
        if windows[0] == Window::identity(windows[0].input) { rows } else { planes.max(rows) }
    };
    graph.nodes.iter().map(of).max().unwrap_or(0)
}

/// The taps of one axis between the images of two offsets.
fn taps(window: Window, source: Image, image: Image, axis: usize) -> Taps {
    let first =
        (image.low[axis] * window.stride) as i64 - window.pad as i64 - source.low[axis] as i64;
    Taps {
        input: source.len[axis],
        output: image.len[axis],
        filter: window.filter,
        stride: window.stride,
        dilation: window.dilation,
        first,
    }
}

/// What [`steps`] gives for every offset on every axis of what is pooled.
fn pools<T: Scalar>(graph: &Graph, node: &Node) -> [Vec<Pooled<T>>; AXES] {
    let Make::Pool { windows, scaling } = &node.make else { return Default::default() };
    let size = graph.nodes[node.inputs[0]].size;
    std::array::from_fn(|axis| {
        let n = size[axis] as i32;
        let image = |offset: i32| {
            let mut place = HERE;
            place[axis] = offset;
            Image::new(size, place)
        };
        (1 - n..n).map(|offset| steps(windows[axis], *scaling, image(offset), axis)).collect()
    })
}

/// Which entries along an axis of an image go where in coarser images, by their offset.
fn steps<T: Scalar>(window: Window, scaling: PoolScaling, image: Image, axis: usize) -> Pooled<T> {
    let weight = |q: usize| match scaling {
        PoolScaling::Window => 1.0 / window.filter as f64,
        PoolScaling::Inside => 1.0 / window.taps(q).max(1) as f64,
        PoolScaling::One => 1.0,
    };
    // windows that hold a position
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); window.input];
    for q in 0..window.output {
        for p in (0..window.filter).filter_map(|d| window.tap(q, d)) {
            holders[p].push(q);
        }
    }
    let mut single: BTreeMap<i32, Vec<Run<T>>> = BTreeMap::new();
    for place in 0..image.len[axis] {
        let p = image.low[axis] + place;
        let other = p.wrapping_add_signed(image.offset[axis] as isize);
        for &q in &holders[p] {
            for &q2 in &holders[other] {
                let coarse = q2 as i32 - q as i32;
                let to = q - (-coarse).max(0) as usize;
                let weight = round(weight(q) * weight(q2));
                let run = Run { from: place, step: 1, to, count: 1, weight };
                single.entry(coarse).or_default().push(run);
            }
        }
    }
    single.into_iter().map(|(coarse, runs)| (coarse, join(runs))).collect()
}

/// Single entries, ascending in where they come from, as few runs; what goes into one and the same
/// entry stays in its order.
fn join<T: Scalar>(singles: Vec<Run<T>>) -> Vec<Run<T>> {
    let mut runs: Vec<Run<T>> = Vec::new();
    let mut rank: HashMap<usize, usize> = HashMap::new();
    let mut ranked: Vec<(usize, Run<T>)> = singles
        .into_iter()
        .map(|run| {
            let rank = rank.entry(run.to).or_default();
            *rank += 1;
            (*rank, run)
        })
        .collect();
    // first what comes first into every entry, then the second
    ranked.sort_by_key(|(rank, run)| (*rank, run.to));
    for (index, (rank, run)) in ranked.iter().enumerate() {
        let same = index > 0 && ranked[index - 1].0 == *rank;
        if same
            && let Some(last) = runs.last_mut()
            && last.to + last.count == run.to
            && last.weight == run.weight
        {
            let step = run.from.wrapping_sub(last.from + (last.count - 1) * last.step);
            if step > 0 && run.from > last.from && (last.count == 1 || step == last.step) {
                (last.step, last.count) = (step, last.count + 1);
                continue;
            }
        }
        runs.push(*run);
    }
    runs
}

/// Two ranges of one slice that do not overlap.
fn two<T>(values: &mut [T], a: Range<usize>, b: Range<usize>) -> (&mut [T], &[T]) {
    let (a, b) = two_mut(values, a, b);
    (a, b)
}

fn two_mut<T>(values: &mut [T], a: Range<usize>, b: Range<usize>) -> (&mut [T], &mut [T]) {
    if a.start < b.start {
        let (head, tail) = values.split_at_mut(b.start);
        (&mut head[a], &mut tail[..b.len()])
    } else {
        let (head, tail) = values.split_at_mut(a.start);
        let length = a.len();
        (&mut tail[..length], &mut head[b])
    }
}
