//! The elementary functions: accuracy in ulp on every instruction set, edges, no NaN.

use widelimit_dual::lanes::{Element, Isa, Job, Lanes, Real};

/// Defines a function from slices to slices out of a function on vectors.
macro_rules! mapped {
    ($name:ident, $x:ident => $body:expr) => {
        fn $name<T: Element>(isa: Isa, input: &[T]) -> Vec<T> {
            struct Map<'a, T>(&'a [T], &'a mut [T]);
            impl<T: Element> Job<T> for Map<'_, T> {
                #[inline(always)]
                fn run<L: Lanes<T>>(self, lanes: L) {
                    let chunks = self.0.chunks(L::WIDTH).zip(self.1.chunks_mut(L::WIDTH));
                    for (input, output) in chunks {
                        let $x = lanes.load(input);
                        lanes.store(output, $body);
                    }
                }
            }
            let mut output = vec![T::default(); input.len()];
            T::dispatch(isa, Map(input, &mut output));
            output
        }
    };
}

mapped!(exp, x => x.exp());
mapped!(expm1, x => x.expm1());
mapped!(sin, x => x.sin_cos().0);
mapped!(cos, x => x.sin_cos().1);
mapped!(asin, x => x.asin());
mapped!(acos, x => x.acos());
mapped!(atan, x => x.atan2(x.lit(1.0)));
mapped!(atan_left, x => x.atan2(x.lit(-1.0)));
mapped!(erf, x => x.erf());
mapped!(erfc, x => x.erfc());
mapped!(erfcx, x => x.erfcx());
mapped!(norm_cdf, x => x.norm_cdf());
mapped!(norm_pdf, x => x.norm_pdf());

fn grid<T: Element>(low: f64, high: f64) -> Vec<T> {
    // an odd count, so that the tail is used too
    (0..40_001).map(|i| T::from_f64(low + (high - low) * i as f64 / 40_000.0)).collect()
}

/// Largest error in ulp of the result; results below `floor` count absolutely, in ulp of `floor`.
fn worst<T: Element>(
    f: fn(Isa, &[T]) -> Vec<T>,
    reference: fn(f64) -> f64,
    isa: Isa,
    (low, high): (f64, f64),
    floor: f64,
) -> f64 {
    let epsilon = if T::SINGLE { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let x = grid::<T>(low, high);
    let y = f(isa, &x);
    x.iter().zip(&y).fold(0.0, |worst, (x, y)| {
        let exact = reference(x.to_f64());
        let error =
            (y.to_f64() - exact).abs() / (exact.abs().max(floor).max(f64::MIN_POSITIVE) * epsilon);
        assert!(!error.is_nan(), "{} -> {}", x.to_f64(), y.to_f64());
        worst.max(error)
    })
}

macro_rules! check {
    ($f:ident, $reference:expr, $range:expr, $floor:expr, $ulp64:expr, $ulp32:expr) => {
        for isa in Isa::available() {
            let double = worst::<f64>($f, $reference, isa, $range, $floor);
            let single = worst::<f32>($f, $reference, isa, $range, $floor);
            println!("{} {isa:?} {:?}: {double:.2} {single:.2} ulp", stringify!($f), $range);
            assert!(double <= $ulp64, "{} {isa:?} f64: {double} ulp", stringify!($f));
            assert!(single <= $ulp32, "{} {isa:?} f32: {single} ulp", stringify!($f));
        }
    };
}

#[test]
fn exponentials() {
    check!(exp, libm::exp, (-85.0, 88.0), 0.0, 1.5, 1.5);
    check!(expm1, libm::expm1, (-30.0, 88.0), 0.0, 2.5, 2.5);
    check!(expm1, libm::expm1, (-1e-3, 1e-3), 0.0, 2.0, 2.0);
}

#[test]
fn angles() {
    check!(sin, libm::sin, (-20.0, 20.0), 1.0, 2.0, 2.0);
    check!(cos, libm::cos, (-20.0, 20.0), 1.0, 2.0, 2.0);
    check!(sin, libm::sin, (-1e3, 1e3), 1.0, 2.0, 2.0);
    check!(asin, libm::asin, (-1.0, 1.0), 0.0, 2.5, 2.5);
    check!(acos, libm::acos, (-1.0, 1.0), 0.0, 2.5, 2.5);
    check!(atan, libm::atan, (-9.0, 9.0), 0.0, 2.0, 2.0);
    check!(atan_left, |x| libm::atan2(x, -1.0), (-9.0, 9.0), 0.0, 2.0, 2.0);
}

#[test]
fn error_functions() {
    check!(erf, libm::erf, (-7.0, 7.0), 0.0, 2.5, 2.5);
    check!(erfc, libm::erfc, (-5.0, 9.0), 0.0, 4.0, 4.0);
    check!(
        norm_cdf,
        |x| libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) / 2.0,
        (-2.0, 9.0),
        0.0,
        6.0,
        4.0
    );
    check!(
        norm_pdf,
        |x| libm::exp(-0.5 * x * x) / 2.506_628_274_631_000_7,
        (-3.0, 3.0),
        0.0,
        6.0,
        3.0
    );
}

/// `(x, e^(x^2) erfc(x))` from 40-digit arithmetic.
const ERFCX: [(f64, f64); 15] = [
    (-26.0, 7.657724931490568e+293),
    (-5.5, 27443409954929.71),
    (-1.0, 5.008980080762283),
    (-0.1, 1.1236433541992095),
    (0.0, 1.0),
    (1e-08, 0.9999999887162084),
    (0.3, 0.7345993345676551),
    (0.5, 0.6156903441929259),
    (1.0, 0.427583576155807),
    (2.5, 0.2108063640611436),
    (7.0, 0.07980005432915294),
    (26.0, 0.021683584850562907),
    (100.0, 0.005641613782989433),
    (1000000.0, 5.641895835474742e-07),
    (1e+100, 5.6418958354775625e-101),
];

/// `(x, Phi(x))` from 40-digit arithmetic.
const NORM_CDF: [(f64, f64); 12] = [
    (-38.0, 2.88542835e-316),
    (-30.5, 1.3029379131780763e-204),
    (-20.0, 2.7536241186062337e-89),
    (-10.3, 3.5230650789264124e-25),
    (-5.1, 1.6982674071476014e-07),
    (-1.0, 0.15865525393145705),
    (-0.2, 0.42074029056089696),
    (0.0, 0.5),
    (0.4, 0.6554217416103242),
    (1.7, 0.955434537241457),
    (5.0, 0.9999997133484281),
    (9.0, 1.0),
];

#[test]
fn scaled_complement_and_far_tails() {
    for isa in Isa::available() {
        for (x, exact) in ERFCX {
            let error = (erfcx(isa, &[x])[0] / exact - 1.0).abs();
            assert!(error < 4.0 * f64::EPSILON, "erfcx({x}) {isa:?}: {error:e}");
            if (-9.0..1e30).contains(&x) {
                let error = (f64::from(erfcx(isa, &[x as f32])[0]) / exact - 1.0).abs();
                // an error of the rounded argument grows with 2 x^2 on the left
                let bound = 4.0 + if x < 0.0 { 2.0 * x * x } else { 0.0 };
                assert!(error < bound * f64::from(f32::EPSILON), "erfcx({x}) {isa:?}: {error:e}");
            }
        }
        for (x, exact) in NORM_CDF {
            let value = norm_cdf(isa, &[x])[0];
            let bound = if exact < 1e-307 { 1e-307 } else { exact * 4.0 * f64::EPSILON };
            assert!((value - exact).abs() <= bound, "norm_cdf({x}) {isa:?}: {value} {exact}");
        }
    }
}

#[test]
fn far_arguments_saturate() {
    fn finite<T: Element>(f: fn(Isa, &[T]) -> Vec<T>, name: &str) {
        let x: Vec<T> =
            [-1e30, -1e6, -1e3, -50.0, 0.0, 1e-30, 50.0, 1e3, 1e6, 1e30].map(T::from_f64).to_vec();
        for isa in Isa::available() {
            for (x, y) in x.iter().zip(f(isa, &x)) {
                assert!(y.to_f64().is_finite(), "{name}({}) {isa:?}: {y:?}", x.to_f64());
            }
        }
    }
    macro_rules! each {
        ($($f:ident)*) => { $(finite::<f64>($f, stringify!($f)); finite::<f32>($f, stringify!($f));)* };
    }
    each!(exp expm1 asin acos atan atan_left erf erfc erfcx norm_cdf norm_pdf);
    for isa in Isa::available() {
        assert_eq!(exp(isa, &[-1e5f64, 0.0]), [0.0, 1.0]);
        assert_eq!(erf(isa, &[-30.0f64, 30.0, 0.0]), [-1.0, 1.0, 0.0]);
        assert_eq!(erfc(isa, &[-30.0f32, 30.0]), [2.0, 0.0]);
        assert_eq!(expm1(isa, &[1e-30f32, -1e-30]), [1e-30, -1e-30]);
        assert_eq!(atan_left(isa, &[0.0f64]), [std::f64::consts::PI]);
    }
}
