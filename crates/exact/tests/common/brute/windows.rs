//! Which positions a window covers.

use widelimit_arch::{Conv, Padding};

use super::state::Block;

/// For every output position, what each entry of the window lies on; `None` is padding.
pub(super) struct Windows {
    /// Output positions along every axis.
    pub(super) outputs: Vec<usize>,
    covers: Vec<Vec<Option<usize>>>,
}

/// One axis: for every output index and entry of the window the input index.
type AxisWindows = Vec<Vec<Option<usize>>>;

impl Windows {
    /// A window that slides over the input, as in convolutions and pooling.
    pub(super) fn sliding(
        inputs: &[usize],
        window: &[usize],
        strides: &[usize],
        dilation: Option<&[usize]>,
        padding: Padding,
    ) -> Self {
        let axes = (0..inputs.len()).map(|axis| {
            let dilation = dilation.map_or(1, |dilation| dilation[axis]);
            slide(inputs[axis], window[axis], strides[axis], dilation, padding)
        });
        Self::product(inputs, axes.collect())
    }

    /// What a transposed convolution reads: the input spread with zeros, padded.
    pub(super) fn transposed(inputs: &[usize], conv: &Conv) -> Self {
        let axes = (0..inputs.len())
            .map(|axis| spread(inputs[axis], conv.filter[axis], conv.strides[axis], conv.padding));
        Self::product(inputs, axes.collect())
    }

    /// All combinations of the axes, in row-major order.
    fn product(inputs: &[usize], axes: Vec<AxisWindows>) -> Self {
        let mut covers = vec![vec![Some(0)]];
        for (axis, n) in axes.iter().zip(inputs) {
            let mut next = Vec::new();
            for before in &covers {
                for window in axis {
                    let entries = before.iter().flat_map(|before| {
                        window.iter().map(move |i| Some(before.as_ref()? * n + i.as_ref()?))
                    });
                    next.push(entries.collect());
                }
            }
            covers = next;
        }
        Self { outputs: axes.iter().map(Vec::len).collect(), covers }
    }

    /// Entries of a window.
    pub(super) fn size(&self) -> usize {
        self.covers[0].len()
    }

    /// Mean over the entries of the window, both positions shifted alike; padding counts as 0.
    pub(super) fn convolve(&self, block: &Block) -> Block {
        let outputs = self.covers.len();
        Block::from_shape_fn((outputs, outputs), |(p, q)| {
            let entries = self.covers[p].iter().zip(&self.covers[q]);
            let sum: f64 = entries
                .map(|entries| match entries {
                    (Some(p), Some(q)) => block[[*p, *q]],
                    _ => 0.0,
                })
                .sum();
            sum / self.size() as f64
        })
    }

    /// Mean or sum over the windows of both positions, each on its own.
    pub(super) fn pool(&self, block: &Block, average: bool, normalize_edges: bool) -> Block {
        let count = |covers: &[Option<usize>]| match (average, normalize_edges) {
            (false, _) => 1.0,
            (true, false) => covers.len() as f64,
            (true, true) => covers.iter().flatten().count() as f64,
        };
        let outputs = self.covers.len();
        Block::from_shape_fn((outputs, outputs), |(p, q)| {
            let (left, right) = (&self.covers[p], &self.covers[q]);
            let mut sum = 0.0;
            for p in left.iter().flatten() {
                for q in right.iter().flatten() {
                    sum += block[[*p, *q]];
                }
            }
            sum / (count(left) * count(right))
        })
    }
}

fn slide(n: usize, window: usize, stride: usize, dilation: usize, padding: Padding) -> AxisWindows {
    let extent = (window - 1) * dilation + 1;
    let (outputs, before) = match padding {
        Padding::Valid => ((n - extent) / stride + 1, 0),
        Padding::Same | Padding::Circular => {
            let outputs = n.div_ceil(stride);
            let total = ((outputs - 1) * stride + extent).saturating_sub(n);
            // The smaller half comes first.
            (outputs, total / 2)
        }
    };
    let input = |output: usize, entry: usize| {
        let i = (output * stride + entry * dilation) as isize - before as isize;
        match padding {
            Padding::Circular => Some(i.rem_euclid(n as isize) as usize),
            _ => usize::try_from(i).ok().filter(|i| *i < n),
        }
    };
    (0..outputs).map(|output| (0..window).map(|entry| input(output, entry)).collect()).collect()
}

fn spread(n: usize, filter: usize, stride: usize, padding: Padding) -> AxisWindows {
    let (total, before) = match padding {
        Padding::Valid => (filter + stride - 2 + filter.saturating_sub(stride), filter - 1),
        Padding::Same | Padding::Circular => {
            let total = filter + stride - 2;
            (total, if stride > filter - 1 { filter - 1 } else { total.div_ceil(2) })
        }
    };
    // Position i of the input lies at stride * i of the spread one.
    let outputs = (n - 1) * stride + 1 + total - (filter - 1);
    let input = |output: usize, entry: usize| {
        let mut i = (output + entry) as isize - before as isize;
        if padding == Padding::Circular {
            i = i.rem_euclid((n * stride) as isize);
        }
        let i = usize::try_from(i).ok().filter(|i| i % stride == 0)? / stride;
        (i < n).then_some(i)
    };
    (0..outputs).map(|output| (0..filter).map(|entry| input(output, entry)).collect()).collect()
}
