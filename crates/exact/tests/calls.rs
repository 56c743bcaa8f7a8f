//! Arguments, limits, cancellation, progress and streaming.

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Random, awkward, hidden};
use ndarray::{Array2, ArrayView2, array, s};
use widelimit_arch::{Activation, Dense, Network, Shape};
use widelimit_exact::{
    Budget, Cancel, Error, Options, Outputs, Progress, Quantity, Sink, Want, kernel, kernel_into,
    kernel_to, plan,
};
use widelimit_linalg::Par;

fn relu() -> Network {
    hidden(&Activation::Relu, 2)
}

#[test]
fn bad_inputs_are_named() {
    let net = relu();
    let good = Random::new(1).matrix(4, 3);
    let fails = |x1: &Array2<f64>, x2: Option<&Array2<f64>>| {
        kernel(&net, x1.view(), x2.map(|x| x.view().into()), &Options::new())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(fails(&Array2::zeros((0, 3)), None), "x1 is empty: its shape is (0, 3)");
    assert_eq!(fails(&Array2::zeros((3, 0)), None), "x1 is empty: its shape is (3, 0)");
    assert_eq!(fails(&good, Some(&Array2::zeros((0, 3)))), "x2 is empty: its shape is (0, 3)");
    assert_eq!(
        fails(&good, Some(&Array2::zeros((2, 5)))),
        "x1 has 3 columns but x2 has 5: they must be equal"
    );
    let mut bad = good.clone();
    bad[[2, 1]] = f64::NAN;
    assert_eq!(fails(&bad, None), "x1 holds NaN at row 2, column 1: every entry must be finite");
    bad[[2, 1]] = f64::NEG_INFINITY;
    let message = fails(&good, Some(&bad));
    assert_eq!(message, "x2 holds -inf at row 2, column 1: every entry must be finite");
}

#[test]
fn small_and_degenerate_inputs_work() {
    let one = array![[1.0, 2.0]];
    let result = kernel(&relu(), one.view(), None, &Options::new()).unwrap();
    assert_eq!(result.ntk.unwrap().dim(), (1, 1));
    let zeros = Array2::<f32>::zeros((5, 3));
    let result = kernel(&relu(), zeros.view(), None, &Options::new()).unwrap();
    assert!(result.ntk.unwrap().iter().all(|x| x.is_finite()));
    // no parameters, no gradient
    let net = Network::new(vec![widelimit_arch::Layer::Identity]).unwrap();
    let result = kernel(&net, one.view(), None, &Options::new().want(Want::BOTH)).unwrap();
    assert_eq!(result.nngp.unwrap(), array![[2.5]]);
    assert_eq!(result.ntk.unwrap(), array![[0.0]]);
}

#[test]
fn overflow_names_row_and_layer() {
    let mut x = Random::new(2).matrix(5, 3);
    x.row_mut(3).fill(1e200);
    let error = kernel(&relu(), x.view(), None, &Options::new()).unwrap_err();
    assert!(matches!(error, Error::Overflow { row: 3, input: "x1", dtype: "f64", .. }), "{error}");
    let single = x.mapv(|x| x.min(1e30) as f32);
    let error = kernel(&relu(), single.view(), None, &Options::new()).unwrap_err();
    assert!(matches!(error, Error::Overflow { row: 3, dtype: "f32", .. }), "{error}");
    // weights that blow up only in depth
    let net = hidden(&Activation::Relu, 4);
    let mut layers = net.layers().to_vec();
    layers[2] = Dense::new(1e160).into();
    let net = Network::new(layers).unwrap();
    let x = Random::new(2).matrix(5, 3);
    let error = kernel(&net, x.view(), None, &Options::new()).unwrap_err();
    assert!(error.to_string().contains("layers[2]"), "{error}");
    // what is large but representable is computed
    let large = x.mapv(|x| x * 1e150);
    let result = kernel(&relu(), large.view(), None, &Options::new()).unwrap();
    assert!(result.ntk.unwrap().iter().all(|x| x.is_finite()));
}

#[test]
fn vectors_are_refused_where_images_are_expected() {
    let net = Network::preset("cntk-gap:2").unwrap();
    let error = kernel(&net, array![[1.0]].view(), None, &Options::new()).unwrap_err();
    assert!(error.to_string().contains("2 spatial axes"), "{error}");
}

/// A flattening reads offset 0, and a pool of 2x2 makes offset `o` of the offsets `2 o - 1` to `2 o + 1`
/// along each axis: below a flattening one pool asks for 9 offsets and none for 1, where all pairs of
/// pixels would be 1024 times as many.
#[test]
fn only_offsets_that_the_output_depends_on_are_computed() {
    let conv = r#"{"layer": "conv", "filter": [3, 3], "padding": "SAME"}, {"layer": "relu"}"#;
    let pool = r#"{"layer": "avg_pool", "window": [2, 2], "strides": [2, 2]}"#;
    let strided = r#"{"layer": "conv", "filter": [3, 3], "strides": [2, 2], "padding": "SAME"}, {"layer": "relu"}"#;
    let (flat, gap) = (r#"{"layer": "flatten"}"#, r#"{"layer": "global_avg_pool"}"#);
    let count = |layers: &[&str]| {
        let net = Network::from_json(&format!("[{}]", layers.join(","))).unwrap();
        let image = Shape::image([32, 32], 3);
        plan::<f32>(&net, 4, None, &image, &Options::new()).unwrap().pair_activations
    };
    let pixels = 1024;
    assert_eq!(count(&[conv, conv, flat]), 2 * pixels);
    let pooled = count(&[conv, pool, flat]);
    // 9 offsets, those beside 0 a little smaller
    assert!(8 * pixels < pooled && pooled <= 9 * pixels, "{pooled}");
    let below = count(&[conv, pool, conv, flat]);
    assert!(below <= 12 * pixels, "{below}");
    assert_eq!(count(&[conv, gap]), pixels * pixels);
    // of 63 offsets on an axis the 31 even ones are left
    let fine = count(&[conv, strided, gap]) - 256 * 256;
    assert!(fine <= pixels * pixels / 4 + 1, "{fine}");
}

#[test]
fn a_plan_is_an_upper_bound_and_is_obeyed() {
    let x = Random::new(3).matrix(300, 5);
    let par = Par::new(2);
    let options = Options::new().want(Want::BOTH).par(par);
    let whole = plan::<f64>(&relu(), 300, None, &Shape::vector(5), &options).unwrap();
    assert_eq!((whole.engine, whole.streams), ("vectors", false));
    assert_eq!(whole.result_bytes, 2 * 8 * 300 * 300);
    assert_eq!(whole.bytes, whole.result_bytes + whole.scratch_bytes);
    assert!(whole.flops > 2.0 * 5.0 * 300.0 * 300.0 / 2.0 && whole.seconds > 0.0);
    // exactly enough works, even where tiles must shrink; less does not
    let tight = options.clone().budget(Budget::bytes(whole.bytes));
    let free = kernel(&relu(), x.view(), None, &options).unwrap();
    assert_eq!(free, kernel(&relu(), x.view(), None, &tight).unwrap());
    let small = options.clone().budget(Budget::bytes(whole.result_bytes));
    let error = kernel(&relu(), x.view(), None, &small).unwrap_err();
    assert!(matches!(error, Error::MemoryLimit { limit, .. } if limit == whole.result_bytes));
    let streamed = plan::<f64>(&relu(), 300, None, &Shape::vector(5), &small).unwrap();
    assert!(streamed.streams && streamed.bytes <= whole.result_bytes);
    let tiny = options.clone().budget(Budget::bytes(1000));
    let error = plan::<f64>(&relu(), 300, None, &Shape::vector(5), &tiny).unwrap_err();
    assert!(matches!(error, Error::MemoryLimit { limit: 1000, .. }));
    let sink = Collect::new(300, 300);
    assert!(kernel_into(&relu(), x.view(), None, &tiny, &sink).is_err());
}

#[test]
fn a_result_beyond_the_machine_is_refused() {
    // 2^47 bytes, all that a process can address, from inputs of 32 MB
    let x = Array2::<f64>::zeros((1 << 22, 1));
    let error = kernel(&relu(), x.view(), None, &Options::new()).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { needed } if needed == 1 << 47), "{error}");
}

/// Counts how often every entry arrives.
struct Collect {
    nngp: Mutex<(Array2<f64>, Array2<usize>)>,
    ntk: Mutex<(Array2<f64>, Array2<usize>)>,
}

impl Collect {
    fn new(rows: usize, columns: usize) -> Self {
        let empty = || Mutex::new((Array2::zeros((rows, columns)), Array2::zeros((rows, columns))));
        Self { nngp: empty(), ntk: empty() }
    }
}

impl Sink<f64> for Collect {
    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        col: usize,
        tile: ArrayView2<f64>,
    ) -> Result<(), String> {
        let place = if quantity == Quantity::Nngp { &self.nngp } else { &self.ntk };
        let mut place = place.lock().unwrap();
        let range = s![row..row + tile.nrows(), col..col + tile.ncols()];
        place.0.slice_mut(range).assign(&tile);
        place.1.slice_mut(range).mapv_inplace(|count| count + 1);
        Ok(())
    }
}

#[test]
fn streaming_delivers_every_entry_once() {
    let (x1, x2) = (awkward(90, 6, 4), Random::new(5).matrix(40, 6));
    for (x2, tile) in [(None, 16), (Some(&x2), 25), (None, 1000)] {
        let options = Options::new().want(Want::BOTH).par(Par::new(2)).tile(tile);
        let view = x2.map(|x| x.view());
        let whole = kernel(&relu(), x1.view(), view.map(Into::into), &options).unwrap();
        let sink = Collect::new(90, x2.map_or(90, |x| x.nrows()));
        let summary =
            kernel_into(&relu(), x1.view(), view.map(Into::into), &options, &sink).unwrap();
        assert!(summary.plan.streams);
        for (place, whole) in [(sink.nngp, whole.nngp), (sink.ntk, whole.ntk)] {
            let (values, counts) = place.into_inner().unwrap();
            assert!(counts.iter().all(|&count| count == 1));
            assert_eq!(values, whole.unwrap());
        }
    }
}

struct Full;

impl Sink<f64> for Full {
    fn write(&self, _: Quantity, _: usize, _: usize, _: ArrayView2<f64>) -> Result<(), String> {
        Err("no space left".into())
    }
}

#[test]
fn a_failing_sink_stops_the_call() {
    let x = Random::new(6).matrix(64, 3);
    let options = Options::new().tile(8).par(Par::new(2));
    let error = kernel_into(&relu(), x.view(), None, &options, &Full).unwrap_err();
    assert_eq!(error.to_string(), "cannot store the kernel: no space left");
}

#[test]
fn cancelling_stops_between_tiles() {
    let x = Random::new(7).matrix(200, 3);
    let cancel = Cancel::new();
    let seen = AtomicUsize::new(0);
    let stop = |_: Progress| {
        seen.fetch_add(1, Ordering::Relaxed);
        cancel.cancel();
    };
    let options = Options::new().tile(10).par(Par::single()).cancel(&cancel).progress(&stop);
    let error = kernel(&relu(), x.view(), None, &options).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn progress_ends_at_the_total() {
    let x = Random::new(8).matrix(100, 3);
    let last = Mutex::new(Vec::new());
    let note = |progress: Progress| last.lock().unwrap().push(progress);
    let options = Options::new().tile(30).par(Par::new(2)).progress(&note);
    kernel(&relu(), x.view(), None, &options).unwrap();
    let mut seen = last.into_inner().unwrap();
    seen.sort_by_key(|progress| progress.done_tiles);
    assert_eq!(seen.len(), 10);
    assert_eq!(seen.iter().map(|p| p.done_entries).max(), Some(100 * 101 / 2));
    assert!(seen.iter().all(|p| p.total_tiles == 10 && p.total_entries == 5050));
}

#[test]
fn the_callers_matrices_are_filled() {
    let x = Array2::from_shape_fn((70, 3), |(i, j)| ((i * 3 + j) as f64 * 0.37).sin());
    let net = Network::preset("mlp:2:relu").unwrap();
    let options = Options::new().want(Want::BOTH).tile(32);
    let expected = kernel(&net, x.view(), None, &options).unwrap();
    let (mut nngp, mut ntk) = (Array2::zeros((70, 70)), Array2::zeros((70, 70)));
    let outputs = Outputs { nngp: Some(nngp.view_mut()), ntk: Some(ntk.view_mut()) };
    kernel_to(&net, x.view(), None, &options, outputs).unwrap();
    assert_eq!((Some(nngp), Some(ntk)), (expected.nngp, expected.ntk));

    let mut small = Array2::zeros((70, 69));
    let outputs = Outputs { nngp: None, ntk: Some(small.view_mut()) };
    let error = kernel_to(&net, x.view(), None, &Options::new(), outputs).unwrap_err();
    assert_eq!(error.to_string(), "the output for the ntk must be 70 x 70, got 70 x 69");
    let outputs = Outputs { nngp: None, ntk: None };
    assert!(kernel_to(&net, x.view(), None, &Options::new(), outputs).is_err());
}

/// Takes the tiles of one parity only.
struct Every2 {
    matrix: Collect,
    parity: usize,
    finished: Mutex<Vec<usize>>,
}

impl Sink<f64> for Every2 {
    fn wants(&self, tile: usize) -> bool {
        tile % 2 == self.parity
    }

    fn write(
        &self,
        quantity: Quantity,
        row: usize,
        col: usize,
        tile: ArrayView2<f64>,
    ) -> Result<(), String> {
        self.matrix.write(quantity, row, col, tile)
    }

    fn finished(&self, tile: usize) -> Result<(), String> {
        self.finished.lock().unwrap().push(tile);
        Ok(())
    }
}

#[test]
fn sinks_choose_their_tiles() {
    let x = Random::new(12).matrix(70, 3);
    let options = Options::new().tile(16).par(Par::new(2));
    let whole = kernel(&relu(), x.view(), None, &options).unwrap().ntk.unwrap();
    let tiles = plan::<f64>(&relu(), 70, None, &Shape::vector(3), &options).unwrap().tiles;
    let halves = [0, 1].map(|parity| {
        let matrix = Collect::new(70, 70);
        let sink = Every2 { matrix, parity, finished: Mutex::default() };
        kernel_into(&relu(), x.view(), None, &options, &sink).unwrap();
        let mut finished = sink.finished.into_inner().unwrap();
        finished.sort_unstable();
        assert_eq!(finished, (parity..tiles).step_by(2).collect::<Vec<_>>());
        sink.matrix.ntk.into_inner().unwrap()
    });
    // What one half leaves out is zero there.
    let [(even, even_counts), (odd, odd_counts)] = halves;
    assert!((even_counts + odd_counts).iter().all(|count| *count == 1));
    assert_eq!(even + odd, whole);
}
