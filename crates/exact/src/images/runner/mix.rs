//! Mixing of all positions.

use widelimit_dual::{Aligned, Left};

use super::{Pairs, Recipe, Runner};
use crate::images::geometry::{Image, Offsets, positions};
use crate::images::graph::Make;
use crate::images::schedule::Rows;
use crate::images::sweeps::Combine;
use crate::scalar::{Scalar, round};

impl<T: Scalar> Runner<T> {
    /// `L K R^T`, row by row.
    pub(super) fn mix(&mut self, recipe: &Recipe, pairs: Pairs<T>, node: usize) {
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
        let all: [&mut Aligned<T>; 2] = [&mut self.now.k, &mut self.now.t];
        let quantities = 1 + usize::from(tangents && made.t);
        let zero = round::<T>(0.0);
        let mut matrix = Aligned::zeros(count * count * width);
        let mut line = Aligned::zeros(count * width);
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
