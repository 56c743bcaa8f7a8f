//! What later stages gather from images: sums over windows, over all entries, copies.

use std::collections::{BTreeMap, HashMap};

use widelimit_dual::Aligned;

use super::{Recipe, Runner};
use crate::images::geometry::{AXES, HERE, Image, Offset, sign};
use crate::images::graph::{Graph, Make, Node};
use crate::images::sweeps::{Push, Run, Sum};
use crate::images::two;
use crate::program::PoolScaling;
use crate::scalar::{Scalar, round, widen};
use widelimit_arch::Window;

/// Entries along an axis that go into coarser images, by their offset.
pub(super) type Pooled<T> = Vec<(i32, Vec<Run<T>>)>;

/// Where an image is: from this number on in the thread's memory, or in these rows of covariances and
/// tangent kernels.
#[derive(Clone, Copy)]
enum Source<'a, T> {
    Here(usize),
    There([&'a [T]; 2]),
}

/// Adds the rows of an image to sums over entries.
fn add<T: Scalar>(recipe: &Recipe, image: Image, from: [&[T]; 2], sums: &mut [Aligned<T>; 2]) {
    let columns = image.len[2];
    for (values, sum) in from.into_iter().zip(sums) {
        T::dispatch(recipe.isa, Sum { columns, values, sum });
    }
}

impl<T: Scalar> Runner<T> {
    /// Adds an image of a value to what is gathered from it.
    pub(super) fn gather(&mut self, recipe: &Recipe, value: usize, node: usize, offset: Offset) {
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
                let mut sums = std::mem::take(&mut self.lane);
                let t = if has_t { &self.now.t[span.clone()] } else { &[][..] };
                let from = [&self.now.k[span], t];
                add(recipe, image, from, &mut sums);
                self.lane = sums;
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
            Make::Pool { .. } => self.pool(recipe, node, image, Source::Here(start)),
            _ => {}
        }
    }

    /// Adds an image that is elsewhere to the sums over entries or windows that a value is.
    pub(super) fn gather_from(
        &mut self,
        recipe: &Recipe,
        node: usize,
        image: Image,
        from: [&[T]; 2],
    ) {
        let made = &recipe.graph.nodes[node];
        if let Make::Pool { .. } = made.make {
            self.pool(recipe, node, image, Source::There(from));
        } else {
            add(recipe, image, from, &mut self.lane);
            self.add_sums(node, image.offset, recipe.tangents && made.t);
        }
    }

    /// Adds the sums of an offset to those of all, and forgets them.
    fn add_sums(&mut self, node: usize, offset: Offset, has_t: bool) {
        let sums = &mut self.now.sums[node][(sign(offset) + 1) as usize];
        for (sums, lane) in sums.iter_mut().zip(&mut self.lane).take(1 + usize::from(has_t)) {
            sums.iter_mut().zip(lane.iter()).for_each(|(sum, x)| *sum += widen(*x));
            lane.fill(round(0.0));
        }
    }

    /// Adds an image to a pooled value.
    fn pool(&mut self, recipe: &Recipe, node: usize, image: Image, source: Source<T>) {
        let Some(rows) = &recipe.schedule.rows[node] else { return };
        let width = self.width;
        let made = &recipe.graph.nodes[node];
        let both = 1 + usize::from(recipe.tangents && made.t);
        let negative = sign(image.offset) < 0;
        let of = |axis: usize| {
            let number = self.pools[node][axis].len() / 2;
            &self.pools[node][axis][number.wrapping_add_signed(image.offset[axis] as isize)]
        };
        let (mut all, axes) = ([&mut self.now.k, &mut self.now.t], [of(0), of(1), of(2)]);
        for (o0, planes) in axes[0] {
            for (o1, rows_of) in axes[1] {
                for (o2, columns) in axes[2] {
                    let coarse = Image::new(made.size, [*o0, *o1, *o2]);
                    let Some(to) = rows.at(&coarse, negative) else { continue };
                    let [from_plane, to_plane] = [image, coarse].map(|i| i.len[1] * i.len[2]);
                    for run in planes {
                        for plane in 0..run.count {
                            let from = (run.from + plane * run.step) * from_plane * width;
                            let from = from..from + from_plane * width;
                            let target = (to + (run.to + plane) * to_plane) * width;
                            let target = target..target + to_plane * width;
                            for (quantity, values) in all.iter_mut().enumerate().take(both) {
                                let (to, from) = match source {
                                    Source::There(there) => (
                                        &mut values[target.clone()],
                                        &there[quantity][from.clone()],
                                    ),
                                    Source::Here(start) => {
                                        let from = start + from.start..start + from.end;
                                        two(values, target.clone(), from)
                                    }
                                };
                                let job = Push {
                                    rows: rows_of,
                                    columns,
                                    weight: run.weight,
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
    pub(super) fn finish(&mut self, recipe: &Recipe, node: usize) {
        let made = &recipe.graph.nodes[node];
        let weight = match made.make {
            Make::Global { weight } | Make::Flatten { weight } => weight,
            _ => return,
        };
        let Some(rows) = &recipe.schedule.rows[node] else { return };
        let Some(at) = rows.at(&Image::new(made.size, HERE), false) else { return };
        let all: [&mut Aligned<T>; 2] = [&mut self.now.k, &mut self.now.t];
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
}

/// What [`steps`] gives for every offset on every axis of what is pooled.
pub(super) fn pools<T: Scalar>(graph: &Graph, node: &Node) -> [Vec<Pooled<T>>; AXES] {
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
