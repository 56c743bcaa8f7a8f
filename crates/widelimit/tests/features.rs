//! Features of a network: close to its kernel, the same bits however they are computed, kept in files.

use ndarray::{Array2, Array4, ArrayView2, s};
use widelimit::arch::Shape;
use widelimit::data::ModelFile;
use widelimit::exact::{self, Budget, Cancel, Options, Want};
use widelimit::features::{
    Dim, FeaturePlan, FeatureSettings, Features, Method, MethodPlan, Strategy,
};
use widelimit::linalg::Par;
use widelimit::{Error, Kind, Model, Network, Quantity, Run, Settings, Solver, Targets};

fn rows(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 3), |(i, j)| ((i * 3 + j) as f64 * 0.7391).sin() * 2.0 + j as f64)
}

fn network() -> Network {
    Network::preset("mlp:2:relu").unwrap()
}

fn given(method: Method, dim: usize) -> FeatureSettings {
    FeatureSettings { dim: Dim::Given(dim), method, ..FeatureSettings::default() }
}

const CENTRED: Method = Method::Embed(Strategy::Centred);

fn fit(x: ArrayView2<'_, f64>, settings: &FeatureSettings) -> Features {
    Features::fit(&network(), x, Quantity::Ntk, settings, &Run::default()).unwrap()
}

fn transform(features: &Features, x: ArrayView2<'_, f64>) -> Array2<f64> {
    features.transform(x, &Run::default()).unwrap()
}

fn kernel(x: ArrayView2<'_, f64>, want: Want) -> Array2<f64> {
    let kernel = exact::kernel(&network(), x, None, &Options::new().want(want)).unwrap();
    kernel.ntk.or(kernel.nngp).unwrap()
}

fn norm(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Those that are good for a network of vectors with few features.
const METHODS: [Method; 5] = [
    Method::Auto,
    Method::Embed(Strategy::Zonal),
    CENTRED,
    Method::Embed(Strategy::Random),
    Method::Nystrom,
];

#[test]
fn a_certificate_of_all_rows_is_the_error() {
    let x = rows(120);
    for method in METHODS {
        for (quantity, want) in [(Quantity::Ntk, Want::NTK), (Quantity::Nngp, Want::NNGP)] {
            let settings = given(method, 100);
            let features =
                Features::fit(&network(), x.view(), quantity, &settings, &Run::default());
            let features = features.unwrap();
            let z = transform(&features, x.view());
            let k = kernel(x.view(), want);
            let error = norm(&(z.dot(&z.t()) - &k)) / norm(&k);
            let certificate = features.certificate().unwrap();
            let off = (certificate.error - error).abs();
            assert!(off < 1e-9, "{method:?} {quantity:?}: {} for {error}", certificate.error);
            assert!(error < 0.5, "{method:?} {quantity:?}: {error}");
            assert_eq!((certificate.sample, certificate.population), (120, 120));
            assert_eq!(certificate.interval, (certificate.error, certificate.error));
            assert!(certificate.spectral_error > 0.0 && certificate.lambda > 0.0);
            assert_eq!((certificate.dim, z.ncols()), (features.dim(), features.dim()));
        }
    }
}

/// The mean of the logarithms of estimate over truth is zero, within four standard errors of sixteen draws.
#[test]
fn a_certificate_of_some_rows_is_about_the_error() {
    let x = rows(300);
    let k = kernel(x.view(), Want::NTK);
    let ratios: Vec<f64> = (0..16)
        .map(|seed| {
            let settings = FeatureSettings { seed, certify: 100, ..given(CENTRED, 256) };
            let features = fit(x.view(), &settings);
            let z = transform(&features, x.view());
            let certificate = features.certificate().unwrap();
            assert_eq!((certificate.sample, certificate.population), (100, 300));
            (certificate.error / (norm(&(z.dot(&z.t()) - &k)) / norm(&k))).ln()
        })
        .collect();
    let mean = ratios.iter().sum::<f64>() / 16.0;
    let spread = (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 15.0).sqrt();
    assert!(mean.abs() < 4.0 * spread / 4.0, "{mean} +- {}", spread / 4.0);
    assert!(spread > 1e-6 && spread < 0.3, "{spread}");
}

#[test]
fn landmarks_make_their_own_kernel_exact_and_stay_below_the_rest() {
    let x = rows(60);
    let features = fit(x.view(), &given(Method::Nystrom, 100));
    assert_eq!(features.dim(), 60);
    assert!(features.certificate().unwrap().error < 1e-9);
    let features = fit(x.view(), &given(Method::Nystrom, 20));
    let z = transform(&features, x.view());
    let rest = kernel(x.view(), Want::NTK) - z.dot(&z.t());
    let exact = rest.diag().iter().filter(|v| v.abs() < 1e-9).count();
    assert_eq!(exact, 20);
    assert!(rest.diag().iter().all(|v| *v > -1e-9));
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let x = rows(90);
    for method in METHODS {
        let settings = FeatureSettings { seed: 5, ..given(method, 64) };
        let features = fit(x.view(), &settings);
        let whole = transform(&features, x.view());
        assert_eq!(features.seed(), 5);
        for (from, to) in [(0, 1), (7, 40), (40, 90)] {
            let part = transform(&features, x.slice(s![from..to, ..]));
            assert_eq!(part, whole.slice(s![from..to, ..]), "{method:?}");
        }
        let alone = Run { par: Par::single(), ..Run::default() };
        let again = Features::fit(&network(), x.view(), Quantity::Ntk, &settings, &alone).unwrap();
        assert_eq!(again.transform(x.view(), &alone).unwrap(), whole, "{method:?}");
        assert_eq!(again.certificate(), features.certificate());
        let other = fit(x.view(), &FeatureSettings { seed: 6, ..settings });
        assert_ne!(transform(&other, x.view()), whole, "{method:?}");
        let narrow = features.transform(x.mapv(|v| v as f32).view(), &Run::default()).unwrap();
        let off = norm(&(narrow.mapv(f64::from) - &whole)) / norm(&whole);
        assert!(off > 0.0 && off < 1e-4, "{method:?}: {off}");
    }
}

#[test]
fn auto_takes_the_smallest_error_and_says_what_it_measured() {
    let x = rows(200);
    let features = fit(x.view(), &given(Method::Auto, 64));
    let trial = features.trial();
    assert_eq!(trial.len(), Method::all().count() - 1);
    let best =
        trial.iter().filter_map(|c| c.error.as_ref().ok()).fold(f64::INFINITY, |m, e| m.min(*e));
    let chosen = trial.iter().find(|c| c.method == features.method()).unwrap();
    assert_eq!(*chosen.error.as_ref().unwrap(), best);
    assert!(trial.iter().all(|c| c.error.as_ref().is_ok_and(|e| *e >= best) || c.error.is_err()));
    // Three smooth directions: landmarks are far better than random features.
    assert_eq!(features.method(), Method::Nystrom);
    assert!(fit(x.view(), &given(CENTRED, 64)).trial().is_empty());
    // Where every row can be a landmark there is nothing to try.
    let all = fit(x.view(), &given(Method::Auto, 200));
    assert_eq!((all.method(), all.dim(), all.trial().len()), (Method::Nystrom, 200, 0));
    // Three rows tell nothing; the choice is still made.
    let few = fit(x.slice(s![..3, ..]), &given(Method::Auto, 64));
    assert_eq!((few.method(), few.certificate()), (CENTRED, None));
}

#[test]
fn a_tolerance_is_reached_or_refused() {
    let x = rows(100);
    let tolerant = |method, tolerance| FeatureSettings {
        dim: Dim::Tolerance(tolerance),
        method,
        ..FeatureSettings::default()
    };
    let coarse = fit(x.view(), &tolerant(CENTRED, 0.1));
    let fine = fit(x.view(), &tolerant(CENTRED, 0.01));
    assert!(coarse.certificate().unwrap().error <= 0.1);
    assert!(fine.certificate().unwrap().error <= 0.01);
    assert!(fine.dim() > coarse.dim(), "{} {}", fine.dim(), coarse.dim());
    let loose = fit(x.view(), &tolerant(CENTRED, 0.5));
    assert!(loose.dim() < 512 && loose.certificate().unwrap().error <= 0.5, "{}", loose.dim());
    let exact = fit(x.view(), &tolerant(Method::Nystrom, 1e-6));
    assert!(exact.certificate().unwrap().error <= 1e-6 && exact.dim() <= 100);
    let run = Run::default();
    let settings = tolerant(Method::Embed(Strategy::Random), 1e-5);
    let x = rows(5);
    let error = Features::fit(&network(), x.view(), Quantity::Ntk, &settings, &run).unwrap_err();
    assert!(matches!(error, Error::Tolerance { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Numerical);
}

#[test]
fn files_give_the_same_bits_back() {
    let x = rows(50);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.safetensors");
    let polynomial = Method::Embed(Strategy::Polynomial { degree: 5 });
    for (method, dim) in METHODS.map(|method| (method, 40)).into_iter().chain([(polynomial, 512)]) {
        let settings = FeatureSettings { seed: u64::MAX - 2, ..given(method, dim) };
        let features = fit(x.view(), &settings);
        features.save(&path).unwrap();
        let loaded = Features::load(&path).unwrap();
        assert_eq!(transform(&loaded, x.view()), transform(&features, x.view()), "{method:?}");
        assert_eq!(loaded.certificate(), features.certificate());
        assert_eq!((loaded.method(), loaded.seed()), (features.method(), features.seed()));
        let bytes = features.to_bytes_with(&network()).unwrap();
        let again = Features::from_bytes(bytes, &network()).unwrap();
        assert_eq!(transform(&again, x.view()), transform(&features, x.view()));
    }
    // Arrays that do not belong together.
    fit(x.view(), &given(Method::Nystrom, 40)).save(&path).unwrap();
    let mut file = ModelFile::load(&path).unwrap();
    file.tensors.insert("features.whitening".into(), Array2::<f64>::eye(39).into_dyn().into());
    file.save(&path).unwrap();
    let error = Features::load(&path).unwrap_err().to_string();
    assert!(error.contains("whitening of [39, 39]"), "{error}");
    file.metadata.remove("features");
    file.save(&path).unwrap();
    assert!(Features::load(&path).unwrap_err().to_string().contains("features"));
    assert!(Model::load(&path).is_err());
}

#[test]
fn what_cannot_be_done_is_said() {
    let x = rows(30);
    let run = Run::default();
    let refused = |x: ArrayView2<'_, f64>, settings: &FeatureSettings, run: &Run<'_>| {
        Features::fit(&network(), x, Quantity::Ntk, settings, run).unwrap_err()
    };
    let error = refused(x.view(), &given(CENTRED, 0), &run);
    assert_eq!(
        (error.kind(), error.to_string().contains("at least 1, got 0")),
        (Kind::Usage, true)
    );
    for tolerance in [0.0, -1.0, 1.0, f64::NAN] {
        let settings = FeatureSettings { dim: Dim::Tolerance(tolerance), ..Default::default() };
        assert_eq!(refused(x.view(), &settings, &run).kind(), Kind::Usage);
    }
    let mut broken = x.clone();
    broken[[4, 2]] = f64::NAN;
    let error = refused(broken.view(), &given(CENTRED, 64), &run);
    assert!(error.to_string().contains("row 4, column 2"), "{error}");
    let features = fit(x.view(), &given(CENTRED, 64));
    let error = features.transform(broken.view(), &run).unwrap_err();
    assert!(error.to_string().contains("row 4, column 2"), "{error}");
    let error = features.transform(x.slice(s![.., ..2]), &run).unwrap_err();
    assert!(matches!(error, Error::Length { expected: 3, got: 2, .. }), "{error}");
    let mut small = Array2::zeros((30, 63));
    let error = features.transform_into(x.view(), small.view_mut(), &run).unwrap_err();
    assert!(matches!(error, Error::Length { expected: 64, got: 63, .. }), "{error}");
    let error = refused(x.slice(s![..0, ..]), &given(CENTRED, 64), &run);
    assert_eq!(error.kind(), Kind::Data);

    // What does not fit is refused before it is begun.
    let some = Run { budget: Budget::bytes(64 << 20), ..Run::default() };
    let methods = Method::all().filter(|method| *method != Method::Nystrom);
    for (method, dim) in methods.flat_map(|method| [(method, 10_000_000_000), (method, 100_000)]) {
        let error = refused(rows(400).view(), &given(method, dim), &some);
        assert!(matches!(error, Error::MemoryLimit { what: "a feature map", .. }), "{error}");
    }
    let tight = Run { budget: Budget::bytes(1000), ..Run::default() };
    assert_eq!(features.transform(x.view(), &tight).unwrap_err().kind(), Kind::Resource);
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = Run { cancel: Some(&cancel), ..Run::default() };
    assert!(matches!(refused(x.view(), &given(CENTRED, 64), &stopped), Error::Cancelled));
    assert!(matches!(features.transform(x.view(), &stopped), Err(Error::Cancelled)));

    let graph = Network::from_json(r#"[{"layer":"aggregate"},{"layer":"dense"}]"#).unwrap();
    let image = Array4::<f64>::ones((4, 3, 1, 2));
    let settings = given(CENTRED, 64);
    let error = Features::fit(&graph, image.view(), Quantity::Ntk, &settings, &run).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
}

#[test]
fn progress_is_told_and_reaches_the_end() {
    use std::sync::Mutex;
    let x = rows(2500);
    let features = fit(x.view(), &FeatureSettings { certify: 0, ..given(CENTRED, 32) });
    assert!(features.certificate().is_none());
    let told = Mutex::new(Vec::new());
    let tell = |progress: exact::Progress| told.lock().unwrap().push(progress.done_entries);
    let run = Run { progress: Some(&tell), ..Run::default() };
    features.transform(x.view(), &run).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&(2500 * 32)));
    let told = Mutex::new(Vec::new());
    let tell = |progress: exact::Progress| {
        told.lock().unwrap().push((progress.done_tiles, progress.total_tiles));
    };
    let (run, x) = (Run { progress: Some(&tell), ..Run::default() }, rows(100));
    let settings = given(Method::Auto, 64);
    Features::fit(&network(), x.view(), Quantity::Ntk, &settings, &run).unwrap();
    let parts = Method::all().count();
    assert_eq!(told.into_inner().unwrap(), (1..=parts).map(|k| (k, parts)).collect::<Vec<_>>());
}

fn smooth(x: ArrayView2<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), 2), |(i, k)| {
        if k == 0 { x[[i, 0]] * x[[i, 1]] } else { x[[i, 2]].cos() }
    })
}

fn on_features(method: Method, dim: usize) -> Settings {
    Settings { solver: Solver::Features, features: given(method, dim), ..Settings::default() }
}

#[test]
fn a_model_of_features_learns_and_its_file_predicts_the_same_bits() {
    let x = rows(150);
    let y = smooth(x.view());
    let targets = Targets::Numbers(y.clone());
    let run = Run::default();
    for method in METHODS {
        let model =
            Model::fit(&network(), x.view(), &targets, &on_features(method, 128), &run).unwrap();
        let predicted = model.predict(x.view(), &run).unwrap();
        let error = (&predicted - &y).mapv(|e| e * e).sum() / y.mapv(|v| v * v).sum();
        assert!(error < 0.05, "{method:?}: {error}");
        assert!(model.details().path.as_ref().unwrap().best().mse < 0.2);
        assert_eq!(model.settings().solver, Solver::Features);
        assert_eq!(model.features().unwrap().dim(), 128);

        let part = model.predict(x.slice(s![7..20, ..]), &run).unwrap();
        assert_eq!(part, predicted.slice(s![7..20, ..]));
        let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded.predict(x.view(), &run).unwrap(), predicted);
        assert_eq!(loaded.to_bytes().unwrap(), model.to_bytes().unwrap());
        let (found, before) = (loaded.details(), model.details());
        assert_eq!((found.rows, &found.input), (before.rows, &before.input));
        assert_eq!(loaded.settings().solver, Solver::Features);
        let error = loaded.predict_with_deviation(x.view(), &run).unwrap_err();
        assert!(error.to_string().contains("standard deviation"), "{error}");

        let mut broken = x.clone();
        broken[[77, 1]] = f64::INFINITY;
        let error = model.predict(broken.view(), &run).unwrap_err().to_string();
        assert!(error.contains("row 77, column 1"), "{error}");
    }
}

/// With a landmark for every row the features have the kernel itself.
#[test]
fn features_of_all_rows_predict_as_the_exact_kernel() {
    use widelimit::learn::Ridge;
    let x = rows(60);
    let targets = Targets::Numbers(smooth(x.view()));
    let new = rows(90).slice(s![60.., ..]).mapv(|v| v + 0.05);
    let run = Run::default();
    let settings = Settings { ridge: Ridge::Value(1e-3), ..on_features(Method::Nystrom, 60) };
    let of_features = Model::fit(&network(), x.view(), &targets, &settings, &run).unwrap();
    let settings = Settings { solver: Solver::Exact, ..settings };
    let exact = Model::fit(&network(), x.view(), &targets, &settings, &run).unwrap();
    assert!(exact.features().is_none());
    let expected = exact.predict(new.view(), &run).unwrap();
    let off = norm(&(of_features.predict(new.view(), &run).unwrap() - &expected)) / norm(&expected);
    assert!(off < 1e-8, "{off}");
}

#[test]
fn auto_goes_by_the_number_of_rows() {
    use widelimit::learn::Ridge;
    let settings = Settings {
        ridge: Ridge::Value(1e-3),
        features: FeatureSettings { certify: 0, ..given(CENTRED, 32) },
        ..Settings::default()
    };
    let x = rows(20_001);
    for (n, solver) in [(50, Solver::Exact), (20_001, Solver::Features)] {
        let x = x.slice(s![..n, ..]);
        let targets = Targets::Numbers(smooth(x));
        let model = Model::fit(&network(), x, &targets, &settings, &Run::default()).unwrap();
        assert_eq!(model.settings().solver, solver);
        assert_eq!(model.details().rows, n);
    }
    // 3000 rows have a kernel of 72 MB and features of less than 1.
    let tight = Run { budget: Budget::bytes(50_000_000), ..Run::default() };
    let x = x.slice(s![..3000, ..]);
    let targets = Targets::Numbers(smooth(x));
    let model = Model::fit(&network(), x, &targets, &settings, &tight).unwrap();
    assert_eq!(model.settings().solver, Solver::Features);
    let settings = Settings { solver: Solver::Exact, ..settings };
    let error = Model::fit(&network(), x, &targets, &settings, &tight).unwrap_err();
    assert_eq!(error.kind(), Kind::Resource);
}

#[test]
fn images_in_single_precision_are_classified_on_features() {
    use widelimit::data::Classes;
    let x = Array4::from_shape_fn((24, 6, 6, 1), |(n, i, j, _)| {
        let stripe = if n % 2 == 0 { i } else { j };
        (((stripe + n / 2) % 3) as f32 - 1.0) * (1.0 + 0.05 * n as f32)
    });
    let classes = Classes::Texts(vec!["across".into(), "down".into()]);
    let codes: Vec<usize> = (0..24).map(|n| n % 2).collect();
    let y = Targets::Labels { codes: codes.clone(), classes };
    let network = Network::preset("cntk-gap:2").unwrap();
    let run = Run::default();
    for method in [CENTRED, Method::Nystrom] {
        let model = Model::fit(&network, x.view(), &y, &on_features(method, 256), &run).unwrap();
        assert_eq!(model.classify(x.view(), &run).unwrap(), codes, "{method:?}");
        let loaded = Model::from_bytes(model.to_bytes().unwrap()).unwrap();
        assert_eq!(loaded.predict(x.view(), &run).unwrap(), model.predict(x.view(), &run).unwrap());
        let other = x.slice(s![.., ..5, .., ..]);
        assert!(matches!(model.predict(other, &run), Err(Error::InputShape { .. })));
    }
}

fn plan(rows: usize, settings: &FeatureSettings, run: &Run<'_>) -> Result<FeaturePlan, Error> {
    Features::plan::<f32>(&network(), rows, &Shape::vector(3), Quantity::Ntk, settings, run)
}

#[test]
fn plans_tell_bytes_and_seconds_of_every_method() {
    let run = Run::default();
    for method in METHODS.into_iter().filter(|method| *method != Method::Auto) {
        let small = plan(1000, &given(method, 128), &run).unwrap();
        let large = plan(100_000, &given(method, 128), &run).unwrap();
        assert_eq!((small.rows, small.dim, small.methods.len()), (1000, 128, 1));
        assert_eq!(small.result_bytes, 4 * 1000 * 128);
        assert_eq!(
            (small.scratch_bytes, large.result_bytes),
            (large.scratch_bytes, 4 * 128 * 100_000)
        );
        let seconds = |plan: &FeaturePlan| *plan.methods[0].seconds.as_ref().unwrap();
        assert!(seconds(&small) > 0.0 && seconds(&large).is_finite(), "{method:?}");
        assert!(small.regression_seconds > 0.0 && small.regression_bytes >= 8 * 128 * 128);
    }
    // One landmark a row at most, and then nothing is tried.
    let all = plan(100, &given(Method::Auto, 4096), &run).unwrap();
    assert!(matches!(&all.methods[..], [MethodPlan { method: Method::Nystrom, seconds: Ok(_) }]));
    assert_eq!(plan(100, &given(Method::Nystrom, 4096), &run).unwrap().dim, 100);
    // 240 candidates for 60 landmarks, in three copies.
    let some = plan(240, &given(Method::Nystrom, 60), &run).unwrap();
    assert!(some.scratch_bytes >= 3 * 8 * 240 * 60);
    // Out of proportion, as `auto` would find.
    let many = plan(1 << 50, &given(Method::Auto, 2048), &run).unwrap();
    let landmarks = many.methods.iter().find(|tried| tried.method == Method::Nystrom).unwrap();
    assert!(landmarks.seconds.as_ref().is_err_and(|reason| reason.contains("2e13")));
    assert_eq!(many.methods.len(), Method::all().count() - 1);
    assert!(many.methods.iter().filter(|tried| tried.seconds.is_ok()).count() >= 3);
}

#[test]
fn a_fit_takes_the_memory_that_was_planned() {
    let x = rows(3000);
    let features = FeatureSettings { certify: 0, ..given(CENTRED, 600) };
    let (input, run) = (Shape::vector(3), Run::default());
    let plan = Features::plan::<f64>(&network(), 3000, &input, Quantity::Ntk, &features, &run);
    let planned = plan.unwrap().regression_bytes;
    let settings = Settings { solver: Solver::Features, features, ..Settings::default() };
    let targets = Targets::Numbers(x.slice(s![.., ..1]).to_owned());
    let within = |bytes| {
        let run = Run { budget: Budget::bytes(bytes), ..Run::default() };
        Model::fit(&network(), x.view(), &targets, &settings, &run)
    };
    let inputs = 8 * x.len() as u64;
    assert!(within(planned + inputs).is_ok());
    let refused = within(planned + inputs - 1).unwrap_err();
    assert!(matches!(refused, Error::MemoryLimit { needed, .. } if needed == planned), "{refused}");
}

#[test]
fn plans_refuse_what_fits_refuse() {
    let run = Run::default();
    let refused = |rows, settings: &FeatureSettings, run: &Run<'_>| {
        plan(rows, settings, run).unwrap_err().to_string()
    };
    let tolerance = FeatureSettings { dim: Dim::Tolerance(0.1), ..Default::default() };
    assert!(refused(100, &tolerance, &run).contains("a tolerance of 0.1"));
    assert!(refused(0, &given(CENTRED, 64), &run).contains("[0, 3]"));
    assert!(refused(100, &given(CENTRED, 1), &run).contains("features"));
    let tight = Run { budget: Budget::bytes(1000), ..Run::default() };
    assert!(matches!(
        plan(100, &given(CENTRED, 64), &tight),
        Err(Error::MemoryLimit { limit: 1000, .. })
    ));
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = Run { cancel: Some(&cancel), ..Run::default() };
    assert!(matches!(plan(100, &given(Method::Auto, 64), &stopped), Err(Error::Cancelled)));
}
