//! Chains: several convolutions over neighbours, each with the activation behind it.
//!
//! A chain has two places for the image of an offset, and convolutions take it from one to the other. Both are
//! in the second-level cache; to go through the layers some rows at a time, in the first, costs more in
//! beginnings and ends of loops than it saves.

use widelimit_dual::{Aligned, Left};

use super::layers::activate;
use super::{Pairs, Recipe, Runner, without_tangents};
use crate::images::geometry::{Image, positions};
use crate::images::graph::{Graph, Make};
use crate::images::schedule::Chain;
use crate::images::sweeps::{Gram, Neighbours};
use crate::scalar::Scalar;

/// An image's covariances and tangent kernels.
pub(super) type Both<T> = [Aligned<T>; 2];

/// How much of a unit a chain took over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    Nothing,
    Chain,
    AndHandedOver,
}

impl<T: Scalar> Runner<T> {
    /// Runs the chain that begins with a value, if there is one.
    ///
    /// `tail` is a value and what is gathered from it: that is done, too, where the chain ends with the
    /// value.
    pub(super) fn chain(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        head: usize,
        tail: Option<(usize, usize)>,
    ) -> Ran {
        let Recipe { graph, schedule, .. } = *recipe;
        let Some(chain) = &schedule.chains[head] else { return Ran::Nothing };
        let Some(last) = chain.last() else { return Ran::Nothing };
        let sums = |node: usize| {
            let make = &graph.nodes[node].make;
            matches!(make, Make::Pool { .. } | Make::Global { .. } | Make::Flatten { .. })
        };
        let tail = tail.filter(|&(value, node)| value == last && sums(node)).map(|(_, node)| node);
        for &(conv, activation) in &chain.links {
            self.address(recipe, conv);
            self.done[conv] = true;
            if let Some(activation) = activation {
                self.address(recipe, activation);
                self.done[activation] = true;
            }
        }
        for index in 0..self.needs[last].len() {
            let image = Image::new(graph.nodes[last].size, self.needs[last][index]);
            if image.entries() > 0 {
                self.links(recipe, pairs, chain, image);
                match tail {
                    Some(node) => self.hand_over(recipe, node, image),
                    None => self.settle(recipe, (last, index), image),
                }
            }
        }
        if tail.is_some() { Ran::AndHandedOver } else { Ran::Chain }
    }

    /// The image of an offset through all links; it ends up in the first place.
    fn links(&mut self, recipe: &Recipe, pairs: Pairs<T>, chain: &Chain, image: Image) {
        let Recipe { graph, tangents, .. } = *recipe;
        let length = image.entries() * self.width;
        let input = graph.nodes[chain.links[0].0].inputs[0];
        let mut start = None;
        if chain.input.is_some() {
            self.products(recipe, pairs, input, image);
        } else {
            // what is there already is read where it is
            start = Some(self.find(input, image.offset) * self.width);
        }
        for &(conv, activation) in &chain.links {
            self.neighbours(recipe, conv, image, start.take());
            if let Some(next) = activation
                && let Make::Activation { dual, slot } = graph.nodes[next].make
            {
                let [_, [k, t]] = &mut self.stack;
                let has_t = tangents && graph.nodes[next].t;
                let t = if has_t { Some(&mut t[..length]) } else { None };
                let values = (&mut k[..length], t);
                let first = (image, image.row(0, 0));
                activate(recipe, pairs, (dual, slot), first, values, &mut self.now.near);
            }
            self.stack.swap(0, 1);
        }
    }

    /// A convolution over neighbours, from numbers in the thread's memory or from the first place into the
    /// second.
    fn neighbours(&mut self, recipe: &Recipe, node: usize, image: Image, start: Option<usize>) {
        let Recipe { graph, tangents, isa, .. } = *recipe;
        let made = &graph.nodes[node];
        let Make::Conv { map, .. } = made.make else { return };
        let [_, rows, columns] = image.len;
        let length = image.entries() * self.width;
        let [from, [k, t]] = &mut self.stack;
        let (from_k, from_t, span) = match start {
            Some(start) => (&self.now.k, &self.now.t, start..start + length),
            None => (&from[0], &from[1], 0..length),
        };
        let job = Neighbours {
            rows,
            columns,
            from_k: &from_k[span.clone()],
            from_t: from_t.get(span).unwrap_or_default(),
            map: without_tangents(map, tangents),
            k: &mut k[..length],
            t: if tangents && made.t { Some(&mut t[..length]) } else { None },
            zeros: &self.zeros,
        };
        T::dispatch(isa, job);
    }

    /// A convolution over neighbours alone.
    pub(super) fn neighbours_alone(
        &mut self,
        recipe: &Recipe,
        (node, index): (usize, usize),
        image: Image,
    ) {
        let input = recipe.graph.nodes[node].inputs[0];
        let start = self.find(input, image.offset) * self.width;
        self.neighbours(recipe, node, image, Some(start));
        self.stack.swap(0, 1);
        self.settle(recipe, (node, index), image);
    }

    /// Takes an image from the first place to its own.
    fn settle(&mut self, recipe: &Recipe, (node, index): (usize, usize), image: Image) {
        let (to, length) = (self.at[node][index] * self.width, image.entries() * self.width);
        let [k, t] = &self.stack[0];
        self.now.k[to..to + length].copy_from_slice(&k[..length]);
        if recipe.tangents && recipe.graph.nodes[node].t {
            self.now.t[to..to + length].copy_from_slice(&t[..length]);
        }
    }

    /// The inner products of an image, into the first place.
    fn products(&mut self, recipe: &Recipe, pairs: Pairs<T>, node: usize, image: Image) {
        let made = &recipe.graph.nodes[node];
        let Make::Input { map } = &made.make else { return };
        let map = without_tangents(*map, recipe.tangents);
        let length = image.entries() * self.width;
        let channels = pairs.right.pixels.len() / (pairs.right.width * positions(image.size));
        let each = pairs.side() == Left::Each;
        let (left, right) = (&pairs.left.pixels, &pairs.right.pixels);
        let [[k, t], _] = &mut self.stack;
        let k = &mut k[..length];
        let t = if recipe.tangents && made.t { &mut t[..length] } else { &mut [][..] };
        let lines = 0..image.len[1];
        T::dispatch(recipe.isa, Gram { image, lines, channels, left, each, right, map, k, t });
    }

    /// Adds an image in the first place to what is gathered from it.
    fn hand_over(&mut self, recipe: &Recipe, node: usize, image: Image) {
        let length = image.entries() * self.width;
        let stack = std::mem::take(&mut self.stack);
        let [k, t] = &stack[0];
        let has_t = recipe.tangents && recipe.graph.nodes[node].t;
        let from = [&k[..length], if has_t { &t[..length] } else { &[][..] }];
        self.gather_from(recipe, node, image, from);
        self.stack = stack;
    }
}

/// The largest image that goes through convolutions over neighbours.
fn extent(graph: &Graph) -> [usize; 2] {
    let nodes = graph.nodes.iter().filter(|node| node.make.is_neighbours());
    nodes.fold([0; 2], |[rows, columns], node| {
        let [_, r, c] = node.size;
        [rows.max(r), columns.max(c)]
    })
}

/// Vectors of such an image.
pub(super) fn largest(graph: &Graph) -> usize {
    extent(graph).into_iter().product()
}

/// Vectors of a row.
pub(super) fn line(graph: &Graph) -> usize {
    extent(graph)[1]
}
