//! Two ways to fill vectors with entries of an offset, compared: pixels of one pair of images side by side, or
//! as many pairs side by side as a vector has lanes.
//!
//! `layouts [SIDE [DEPTH]]` takes all offsets between images through layers of a convolution over three by
//! three neighbours and something as expensive as the dual of ReLU, tangent kernels included, and prints
//! nanoseconds an entry of a layer.

use std::time::{Duration, Instant};

use widelimit_dual::lanes::{Job, Lanes, Real};
use widelimit_dual::{Aligned, Element, Isa};

fn main() {
    let number = |index: usize| std::env::args().nth(index).and_then(|x| x.parse().ok());
    let (side, depth) = (number(1).unwrap_or(32_usize), number(2).unwrap_or(3_usize));
    let isa = Isa::best();
    let width = isa.width::<f32>();
    let offsets = 2 * side - 1;
    let entries = (depth * side * side * side * side * width) as f64;
    println!("{side} x {side} pixels, {depth} layers, {width} lanes");
    let points = Aligned::from(&vec![1.0_f32; side * side + width][..]);
    let interleaved = Aligned::from(&vec![1.0_f32; (side * side + 1) * width][..]);
    for pairs in [true, false] {
        let mut best = Duration::MAX;
        let mut total = 0.0;
        for _ in 0..3 {
            let mut time = Duration::ZERO;
            total = 0.0;
            for offset in 0..offsets * offsets {
                let shift = [offset / offsets, offset % offsets];
                let [rows, columns] = shift.map(|o| side - o.abs_diff(side - 1));
                let mut images = Images::new(width, rows, columns, pairs);
                let (left, right) =
                    (&points[..], if pairs { &interleaved[..] } else { &points[..] });
                let job = Layers { images: &mut images, left, right, depth, pairs, side, shift };
                let start = Instant::now();
                f32::dispatch(isa, job);
                time += start.elapsed();
                total += images.sum();
            }
            best = best.min(time);
        }
        let name = if pairs { "pairs in lanes" } else { "pixels in lanes" };
        println!(
            "{name:16} {:.3} ns an entry-layer (sum {total:.6e})",
            best.as_secs_f64() / entries * 1e9
        );
    }
}

/// The entries of an offset for a vector of pairs: an image each, or one image of vectors.
struct Images {
    rows: usize,
    /// Numbers from row to row, and images.
    line: usize,
    count: usize,
    k: [Aligned<f32>; 2],
    t: [Aligned<f32>; 2],
    sums: Aligned<f32>,
}

impl Images {
    fn new(width: usize, rows: usize, columns: usize, pairs: bool) -> Self {
        let (line, count) = if pairs { (columns * width, 1) } else { (columns, width) };
        let zeros = || std::array::from_fn(|_| Aligned::zeros(rows * line * count));
        let mut images = Self {
            rows,
            line,
            count,
            k: zeros(),
            t: zeros(),
            // with a vector in front and behind
            sums: Aligned::zeros(2 * (line + 4 * width)),
        };
        images.k[0].fill(0.5);
        images.t[0].fill(0.5);
        images
    }

    fn sum(&self) -> f64 {
        self.k[0].iter().chain(self.t[0].iter()).map(|x| f64::from(*x)).sum()
    }
}

struct Layers<'a> {
    images: &'a mut Images,
    /// What is known of pixels: of one left image, and of right ones, interleaved or one of them.
    left: &'a [f32],
    right: &'a [f32],
    depth: usize,
    pairs: bool,
    side: usize,
    shift: [usize; 2],
}

impl Job<f32> for Layers<'_> {
    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) {
        let Self { images, left, right, depth, pairs, side, shift } = self;
        let width = L::WIDTH;
        let low = shift.map(|o| (side - 1).saturating_sub(o));
        let high = shift.map(|o| o.saturating_sub(side - 1));
        let step = if pairs { width } else { 1 };
        for _ in 0..depth {
            for image in 0..images.count {
                for row in 0..images.rows {
                    let start = (image * images.rows + row) * images.line;
                    let p = (low[0] + row) * side + low[1];
                    let q = (high[0] + row) * side + high[1];
                    let length = images.line;
                    let half = images.sums.len() / 2;
                    let (sums, sums_t) = images.sums.split_at_mut(half);
                    columns(lanes, &images.k[0], (row, images.rows), (start, length), sums);
                    columns(lanes, &images.t[0], (row, images.rows), (start, length), sums_t);
                    let mut at = 0;
                    while at < length {
                        let end = length.min(at + width);
                        let [c, t] = [&*sums, &*sums_t].map(|sums| {
                            let at = at + width;
                            [&sums[at - step..], &sums[at..], &sums[at + step..]]
                        });
                        let c = lanes.load(c[0]) + lanes.load(c[1]) + lanes.load(c[2]);
                        let t = lanes.load(t[0]) + lanes.load(t[1]) + lanes.load(t[2]);
                        let c = c * c.lit(1.0 / 9.0);
                        let (u, v) = if pairs {
                            let here = lanes.splat(left[p + at / width]);
                            (here, lanes.load(&right[(q + at / width) * width..]))
                        } else {
                            (lanes.load(&left[p + at..]), lanes.load(&right[q + at..]))
                        };
                        let (value, slope) = dual(u, v, c);
                        lanes.store(&mut images.k[1][start + at..start + end], value);
                        let product = t.mul_add(t.lit(1.0 / 9.0), c) * slope;
                        lanes.store(&mut images.t[1][start + at..start + end], product);
                        at = end;
                    }
                }
            }
            images.k.swap(0, 1);
            images.t.swap(0, 1);
        }
    }
}

/// Sums over a row and its neighbours, behind a vector of zeros.
#[inline(always)]
fn columns<L: Lanes<f32>>(
    lanes: L,
    image: &[f32],
    (row, rows): (usize, usize),
    (start, length): (usize, usize),
    sums: &mut [f32],
) {
    let width = L::WIDTH;
    let mut at = 0;
    while at < length {
        let end = length.min(at + width);
        let here = start + at..start + end;
        let mut sum = lanes.load(&image[here.clone()]);
        if row > 0 {
            sum = sum + lanes.load(&image[here.start - length..here.end - length]);
        }
        if row + 1 < rows {
            sum = sum + lanes.load(&image[here.start + length..here.end + length]);
        }
        lanes.store(&mut sums[width + at..width + end], sum);
        at = end;
    }
    sums[width + length..2 * width + length].fill(0.0);
}

/// As much arithmetic as the dual of ReLU.
#[inline(always)]
fn dual<R: Real>(u: R, v: R, c: R) -> (R, R) {
    let w = (-c.abs()).mul_add(u * v, c.lit(1.0)).abs();
    let (root, square) = (w.sqrt(), w * w);
    let phi = root * sextic(w, square, 0.1);
    let slope = phi.select(c.lt(c.zero()), -phi + 0.5);
    let gap = (u * v) * (w * root);
    (gap.mul_add(sextic(w, square, 0.2), c.max(c.zero()) * 0.5), slope)
}

/// Some polynomial of degree six.
#[inline(always)]
fn sextic<R: Real>(w: R, square: R, c: f64) -> R {
    let high = square.mul_add(w.lit(c / 7.0), w.lit(c / 6.0).mul_add(w, w.lit(c / 5.0)));
    let middle = high.mul_add(square, w.lit(c / 4.0).mul_add(w, w.lit(c / 3.0)));
    middle.mul_add(square, w.lit(c / 2.0).mul_add(w, w.lit(c)))
}
