//! One axis of a convolution or of a pooling layer.

use crate::layer::{Conv, Padding, Pool};

/// Output position `q` reads the input positions `(q stride + d dilation - pad) / spread` for
/// `d < filter`: those that are whole numbers and not outside.
///
/// `SAME` pads `max((out - 1) stride + extent - in, 0)` zeros, the smaller half first, `CIRCULAR` the same
/// amounts by wrapping around.
///
/// ```
/// use widelimit_arch::{Conv, Padding, Window};
/// let conv = Conv::new([3], 1.0).padding(Padding::Same);
/// let axis = Window::conv(&conv, &[5], &[5])[0];
/// assert_eq!((axis.tap(0, 0), axis.tap(0, 1), axis.taps(0)), (None, Some(0), 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Positions of the input.
    pub input: usize,
    /// Positions of the output.
    pub output: usize,
    /// Number of taps.
    pub filter: usize,
    /// Input steps to one output step.
    pub stride: usize,
    /// Input steps from tap to tap.
    pub dilation: usize,
    /// Positions padded in front.
    pub pad: usize,
    /// Output steps to one input step, for transposed convolutions.
    pub spread: usize,
    /// Whether positions outside come round on the other side.
    pub wraps: bool,
}

impl Window {
    /// Leaves an axis as it is.
    pub fn identity(positions: usize) -> Self {
        Self {
            input: positions,
            output: positions,
            filter: 1,
            stride: 1,
            dilation: 1,
            pad: 0,
            spread: 1,
            wraps: false,
        }
    }

    /// Whether an output position reads the same position and its two neighbours, zero outside.
    pub fn is_neighbours(self) -> bool {
        let neighbours =
            Self { filter: 3, pad: 1, output: self.input, ..Self::identity(self.input) };
        self == neighbours
    }

    fn slide(
        [input, output]: [usize; 2],
        [filter, stride, dilation]: [usize; 3],
        padding: Padding,
    ) -> Self {
        let extent = (filter - 1) * dilation + 1;
        let total = match padding {
            Padding::Valid => 0,
            Padding::Same | Padding::Circular => {
                ((output - 1) * stride + extent).saturating_sub(input)
            }
        };
        Self {
            input,
            output,
            filter,
            stride,
            dilation,
            pad: total / 2,
            spread: 1,
            wraps: padding == Padding::Circular,
        }
    }

    /// The axes of a convolution between images of these sizes.
    pub fn conv(conv: &Conv, input: &[usize], output: &[usize]) -> Vec<Self> {
        let axis = |axis: usize| {
            let sizes = [conv.filter[axis], conv.strides[axis], conv.dilation[axis]];
            Self::slide([input[axis], output[axis]], sizes, conv.padding)
        };
        (0..input.len()).map(axis).collect()
    }

    /// The axes of a transposed convolution: positions spread by the stride, then a convolution of
    /// stride 1.
    pub fn conv_transpose(conv: &Conv, input: &[usize], output: &[usize]) -> Vec<Self> {
        let axis = |axis: usize| {
            let (filter, spread) = (conv.filter[axis], conv.strides[axis]);
            let pad = match conv.padding {
                Padding::Valid => filter - 1,
                Padding::Same | Padding::Circular if spread > filter - 1 => filter - 1,
                Padding::Same | Padding::Circular => (filter + spread - 2).div_ceil(2),
            };
            Self {
                input: input[axis],
                output: output[axis],
                filter,
                stride: 1,
                dilation: 1,
                pad,
                spread,
                wraps: conv.padding == Padding::Circular,
            }
        };
        (0..input.len()).map(axis).collect()
    }

    /// The axes of a pooling layer.
    pub fn pool(pool: &Pool, input: &[usize], output: &[usize]) -> Vec<Self> {
        let axis = |axis: usize| {
            let sizes = [pool.window[axis], pool.strides[axis], 1];
            Self::slide([input[axis], output[axis]], sizes, pool.padding)
        };
        (0..input.len()).map(axis).collect()
    }

    /// The input position that tap `d` of output `q` reads.
    pub fn tap(self, q: usize, d: usize) -> Option<usize> {
        let at = (q * self.stride + d * self.dilation) as i64 - self.pad as i64;
        let length = (self.input * self.spread) as i64;
        let at = if self.wraps { at.rem_euclid(length) } else { at };
        let inside = (0..length).contains(&at) && at % self.spread as i64 == 0;
        inside.then_some(at as usize / self.spread)
    }

    /// How many taps of output `q` are inside.
    pub fn taps(self, q: usize) -> usize {
        (0..self.filter).filter(|&d| self.tap(q, d).is_some()).count()
    }

    /// Whether outputs are sums of what lies around them, and no more than there are inputs: one offset
    /// comes from one offset, and can be written over it.
    pub fn is_plain(self) -> bool {
        !self.wraps && self.spread == 1 && self.output <= self.input
    }

    /// The offsets between two inputs that the taps at equal places of two outputs at this offset
    /// have, as far as two inputs can be that far apart.
    pub fn moved(self, offset: i32) -> Vec<i32> {
        let (n, far) = (self.input as i64, i64::from(offset) * self.stride as i64);
        if far % self.spread as i64 != 0 {
            return Vec::new();
        }
        let near = far / self.spread as i64;
        let round: &[i64] = if self.wraps { &[0, -1, 1] } else { &[0] };
        // a stride that does not divide the axis may wrap more than once
        let base = if self.wraps { near % n } else { near };
        let all = round.iter().map(|k| base + k * n);
        let mut all: Vec<_> = all.filter(|o| o.abs() < n).map(|o| o as i32).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The offsets between two inputs that any taps of two outputs at this offset have.
    pub fn pooled(self, offset: i32) -> Vec<i32> {
        let mut all = Vec::new();
        let outputs = self.output as i32;
        for q in 0..outputs {
            let other = q + offset;
            if !(0..outputs).contains(&other) {
                continue;
            }
            let taps = |q: i32| (0..self.filter).filter_map(move |d| self.tap(q as usize, d));
            for p in taps(q) {
                all.extend(taps(other).map(|p2| p2 as i32 - p as i32));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}
