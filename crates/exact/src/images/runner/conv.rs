//! Convolutions one at a time: in place, or by lists of taps.

use super::{Pairs, Recipe, Runner, without_tangents};
use crate::images::geometry::{AXES, Image, Offset};
use crate::images::graph::{Graph, Make, Node};
use crate::images::schedule::Place;
use crate::images::sweeps::{BoxSum, Gather, Taps};
use crate::program::TMap;
use crate::rows::{AffineBoth, AffineK};
use crate::scalar::{Scalar, round};
use widelimit_arch::Window;

/// Bytes of covariances and tangent kernels that a block of rows of an image may have.
const BLOCK: usize = 8 << 10;

impl<T: Scalar> Runner<T> {
    /// A convolution in place, and the activation behind it block by block.
    pub(super) fn conv(
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
    pub(super) fn gather_taps(
        &mut self,
        recipe: &Recipe,
        (node, index): (usize, usize),
        image: Image,
    ) {
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
}

/// Vectors of the largest ring of row sums, for covariances alone.
pub(super) fn ring(graph: &Graph) -> usize {
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
