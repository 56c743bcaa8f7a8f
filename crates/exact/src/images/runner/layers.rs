//! What makes the images of a value, layer by layer.

use std::ops::Range;

use widelimit_dual::{Field, Left};

use super::{Memory, Pairs, Recipe, Runner, without_tangents};
use crate::images::geometry::{HERE, Image, positions};
use crate::images::graph::Make;
use crate::images::sweeps::{Gram, Normalise};
use crate::images::{two, two_mut};
use crate::program::{Join, TMap};
use crate::rows::{Add, AffineBoth, AffineK, multiply};
use crate::scalar::{Scalar, round, widen};

impl<T: Scalar> Runner<T> {
    pub(super) fn image(
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
            make if make.is_neighbours() => self.neighbours_alone(recipe, (node, index), image),
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

    /// The activation of some rows of a plane in the thread's memory, whose entries begin at `start`.
    pub(super) fn activate(
        &mut self,
        recipe: &Recipe,
        pairs: Pairs<T>,
        activation: (usize, usize),
        image: Image,
        (plane, rows): (usize, Range<usize>),
        (start, has_t): (usize, bool),
    ) {
        let span = start..start + rows.len() * image.len[2] * self.width;
        let first = image.row(plane, rows.start);
        let Memory { k, t, near, .. } = &mut self.now;
        let t = if has_t { Some(&mut t[span.clone()]) } else { None };
        activate(recipe, pairs, activation, (image, first), (&mut k[span], t), near);
    }
}

/// The activation of some rows of entries, of which the first belongs to these pixels.
pub(super) fn activate<T: Scalar>(
    recipe: &Recipe,
    pairs: Pairs<T>,
    (dual, slot): (usize, usize),
    (image, [p, q]): (Image, [usize; 2]),
    (k, mut t): (&mut [T], Option<&mut [T]>),
    near: &mut [T],
) {
    let dual = recipe.program.dual(dual);
    let known = pairs.itself && image.offset == HERE;
    let variances = if known { k.to_vec() } else { Vec::new() };
    let before = if known { t.as_deref().map(<[T]>::to_vec) } else { None };
    let field = Field {
        left: &pairs.left.duals[slot],
        side: pairs.side(),
        left_first: p,
        left_row: image.size[2],
        right: &pairs.right.duals[slot],
        right_first: q,
        right_row: image.size[2],
        columns: image.len[2],
        k: &mut *k,
        t: t.as_deref_mut(),
        near,
    };
    dual.apply_field(recipe.isa, field);
    if known {
        // x is x: nothing cancels in the diagonal form
        settle(dual, &variances, k, t.unwrap_or_default(), before.as_deref());
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
