//! Shapes of inputs and outputs: spatial sizes and channels.

use std::fmt;

use crate::error::Error;
use crate::layer::{Combine, Conv, Layer, Padding, Parameterization, Pool, Weights};
use crate::position::{List, Position};

/// Shape of one input or layer output, without the batch axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Positions along every spatial axis; empty for vectors.
    pub spatial: Vec<usize>,
    /// Channels; for vectors, their length.
    pub channels: usize,
}

impl Shape {
    /// A vector of this length.
    pub fn vector(channels: usize) -> Self {
        Self { spatial: Vec::new(), channels }
    }

    /// An image (or a line, or a volume), channels last.
    pub fn image(spatial: impl Into<Vec<usize>>, channels: usize) -> Self {
        Self { spatial: spatial.into(), channels }
    }

    /// Whether there are no spatial axes.
    pub fn is_vector(&self) -> bool {
        self.spatial.is_empty()
    }

    /// Number of positions; 1 for vectors, `None` when it cannot be counted.
    pub fn positions(&self) -> Option<usize> {
        self.spatial.iter().try_fold(1_usize, |product, n| product.checked_mul(*n))
    }
}

impl fmt::Display for Shape {
    /// As in `32x32x3`; vectors as their length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for n in &self.spatial {
            write!(f, "{n}x")?;
        }
        write!(f, "{}", self.channels)
    }
}

impl Weights {
    /// Channels of the output: `width`, or `s_out width` in the standard parameterisation.
    pub fn channels(&self) -> usize {
        match self.parameterization {
            Parameterization::Ntk => self.width,
            // Whole by the checks on every network.
            Parameterization::Standard { s: [_, s_out] } => {
                (s_out * self.width as f64).round() as usize
            }
        }
    }
}

/// Follows a shape through layers, telling each layer's input and output to `visit`.
pub(crate) struct Inference<'a> {
    /// Whether some layer's rule depends on channel counts, so that they must agree in sums.
    pub(crate) counts_channels: bool,
    pub(crate) visit: &'a mut dyn FnMut(&Position, &Layer, &Shape, &Shape),
}

impl Inference<'_> {
    pub(crate) fn list(
        &mut self,
        layers: &[Layer],
        block: Option<&Position>,
        list: List,
        input: &Shape,
    ) -> Result<Shape, Error> {
        let mut shape = input.clone();
        for (index, layer) in layers.iter().enumerate() {
            let at = match block {
                None => Position::new(index),
                Some(block) => block.inside(list.step(index)),
            };
            let output = self.layer(layer, &at, &shape)?;
            (self.visit)(&at, layer, &shape, &output);
            shape = output;
        }
        Ok(shape)
    }

    fn layer(&mut self, layer: &Layer, at: &Position, input: &Shape) -> Result<Shape, Error> {
        let place = Place { at, layer: layer.kind() };
        match layer {
            Layer::Dense(dense) => {
                Ok(Shape { spatial: input.spatial.clone(), channels: dense.weights.channels() })
            }
            Layer::Conv(conv) | Layer::ConvLocal(conv) => place.conv(conv, input),
            Layer::ConvTranspose(conv) => place.conv_transpose(conv, input),
            Layer::AvgPool(pool) | Layer::SumPool(pool) => place.pool(pool, input),
            Layer::GlobalAvgPool | Layer::GlobalSumPool => {
                place.positions(input)?;
                Ok(Shape::vector(input.channels))
            }
            Layer::Flatten => input
                .positions()
                .and_then(|n| n.checked_mul(input.channels))
                .map(Shape::vector)
                .ok_or_else(|| place.too_large()),
            Layer::GlobalSelfAttention(attention) => {
                place.positions(input)?;
                Ok(Shape { spatial: input.spatial.clone(), channels: attention.width })
            }
            Layer::Aggregate => {
                place.axes(1, input)?;
                Ok(input.clone())
            }
            Layer::LayerNorm(norm) => {
                if norm.spatial {
                    place.positions(input)?;
                }
                Ok(input.clone())
            }
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Identity => Ok(input.clone()),
            Layer::Residual { body, shortcut } => {
                let branches = [(List::Body, body.as_slice()), (List::Shortcut, shortcut)];
                self.block(&branches, Combine::Sum, place, input)
            }
            Layer::Parallel { branches, combine } => {
                let branches: Vec<_> =
                    branches.iter().enumerate().map(|(i, b)| (List::Branch(i), &b[..])).collect();
                self.block(&branches, *combine, place, input)
            }
        }
    }

    fn block(
        &mut self,
        branches: &[(List, &[Layer])],
        combine: Combine,
        place: Place<'_>,
        input: &Shape,
    ) -> Result<Shape, Error> {
        let mut ends = Vec::with_capacity(branches.len());
        for (list, layers) in branches {
            ends.push((*list, self.list(layers, Some(place.at), *list, input)?));
        }
        let Some((first_list, first)) = ends.first() else { return Ok(input.clone()) };
        let mut output = first.clone();
        for (list, end) in &ends[1..] {
            let rule = if end.spatial != first.spatial {
                "their spatial sizes must agree"
            } else if combine != Combine::Concat
                && self.counts_channels
                && end.channels != first.channels
            {
                "their channels must agree, since other layers of this network depend on channel counts"
            } else {
                output.channels = match combine {
                    Combine::Concat => output
                        .channels
                        .checked_add(end.channels)
                        .ok_or_else(|| place.too_large())?,
                    // Infinite width makes the counts meaningless; a width left at its default of
                    // 1 gives way to one that was chosen.
                    Combine::Sum | Combine::Product => output.channels.max(end.channels),
                };
                continue;
            };
            return Err(Error::BranchShapes {
                at: place.at.clone(),
                layer: place.layer,
                branches: Box::new([
                    (first_list.to_string(), first.clone()),
                    (list.to_string(), end.clone()),
                ]),
                rule,
            });
        }
        Ok(output)
    }
}

/// A layer and where it stands, for errors.
#[derive(Clone, Copy)]
struct Place<'a> {
    at: &'a Position,
    layer: &'static str,
}

impl Place<'_> {
    fn too_large(self) -> Error {
        Error::TooLarge { at: self.at.clone(), layer: self.layer }
    }

    fn wrong_axes(self, expected: &str, got: &Shape) -> Error {
        Error::WrongAxes {
            at: self.at.clone(),
            layer: self.layer,
            expected: expected.into(),
            got: got.clone(),
        }
    }

    fn positions(self, input: &Shape) -> Result<(), Error> {
        if input.is_vector() {
            return Err(self.wrong_axes("spatial positions", input));
        }
        Ok(())
    }

    fn axes(self, axes: usize, input: &Shape) -> Result<(), Error> {
        if input.spatial.len() == axes {
            return Ok(());
        }
        let plural = if axes == 1 { "axis" } else { "axes" };
        Err(self.wrong_axes(&format!("{axes} spatial {plural}"), input))
    }

    /// Positions left by a sliding window along every axis.
    fn slide(
        self,
        window: &[usize],
        dilation: &[usize],
        strides: &[usize],
        padding: Padding,
        input: &Shape,
    ) -> Result<Vec<usize>, Error> {
        self.axes(window.len(), input)?;
        let axes = input.spatial.iter().zip(window).zip(dilation.iter().zip(strides)).enumerate();
        axes.map(|(axis, ((n, window), (dilation, stride)))| match padding {
            // Both pad so that every stride-th position has a window of its own.
            Padding::Same | Padding::Circular => Ok(n.div_ceil(*stride)),
            Padding::Valid => {
                let extent = (window - 1)
                    .checked_mul(*dilation)
                    .and_then(|n| n.checked_add(1))
                    .ok_or_else(|| self.too_large())?;
                let room = n.checked_sub(extent).ok_or_else(|| Error::WindowTooLarge {
                    at: self.at.clone(),
                    layer: self.layer,
                    axis,
                    window: extent,
                    size: *n,
                })?;
                Ok(room / stride + 1)
            }
        })
        .collect()
    }

    fn conv(self, conv: &Conv, input: &Shape) -> Result<Shape, Error> {
        let spatial =
            self.slide(&conv.filter, &conv.dilation, &conv.strides, conv.padding, input)?;
        Ok(Shape { spatial, channels: conv.weights.channels() })
    }

    fn pool(self, pool: &Pool, input: &Shape) -> Result<Shape, Error> {
        let ones = [1; 3];
        let spatial = self.slide(&pool.window, &ones, &pool.strides, pool.padding, input)?;
        Ok(Shape { spatial, channels: input.channels })
    }

    /// `n s` positions for `SAME` and `CIRCULAR`, `n s + max(f - s, 0)` for `VALID`.
    fn conv_transpose(self, conv: &Conv, input: &Shape) -> Result<Shape, Error> {
        self.axes(conv.filter.len(), input)?;
        let axes = input.spatial.iter().zip(conv.filter.iter().zip(&conv.strides));
        let spatial = axes
            .map(|(n, (filter, stride))| {
                let overlap = match conv.padding {
                    Padding::Same | Padding::Circular => 0,
                    Padding::Valid => filter.saturating_sub(*stride),
                };
                n.checked_mul(*stride)?.checked_add(overlap)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.too_large())?;
        Ok(Shape { spatial, channels: conv.weights.channels() })
    }
}
