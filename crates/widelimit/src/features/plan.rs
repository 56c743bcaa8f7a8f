//! What features will cost, from a trial on inputs that are made up.

use std::time::Instant;

use ndarray::{Array2, ArrayD, Axis, IxDyn, Slice};
use widelimit_arch::Shape;
use widelimit_exact as exact;
use widelimit_learn::{Ridge, streaming};
use widelimit_sketch::random::Stream;

use super::Features;
use super::job::{Job, Map, POSITIONS_OF_BLOCK, ROWS_OF_BLOCK};
use super::nystrom::{self, candidates};
use super::settings::{Dim, FeatureSettings, Method};
use crate::model::{check_network, kernel_of, regression_bytes, want};
use crate::{Error, Gathered, Network, Quantity, Run, Scalar};

/// Role of made-up inputs among the streams of a seed.
const ROLE: u32 = 0xFEA6;

/// Rows and columns of the products from which the rate of products follows.
const PRODUCTS: (usize, usize) = (2048, 512);

/// Operations of a regression beside its products, in `p^3` for `p` features: of an eigendecomposition, which takes
/// them at a lower rate than products, and of some Cholesky factorisations.
const EIGEN: f64 = 20.0;
const FACTORISATIONS: f64 = 3.0;

/// What features of some inputs will cost, and a ridge regression on them.
///
/// Bytes are bounds. Seconds are measured: methods make few features of a few made-up inputs (standard normal numbers)
/// on this machine, and what that takes is scaled to all. They are meant for telling seconds from hours.
#[derive(Clone, Debug, PartialEq)]
pub struct FeaturePlan {
    /// Number of inputs.
    pub rows: usize,
    /// Number of features.
    pub dim: usize,
    /// Bytes of the features of all inputs, which are held or written to a file.
    pub result_bytes: u64,
    /// Bytes of the map and of what it works on, beside the inputs and the features: of the method that takes most.
    pub scratch_bytes: u64,
    /// Bytes of a regression with one target, as a [`Model`](crate::Model) is fitted: with its features, of which it
    /// holds a block where all of them would take more than 1 GiB.
    pub regression_bytes: u64,
    /// Its seconds, without making the features.
    pub regression_seconds: f64,
    /// The method, or for [`Method::Auto`] all that it chooses from.
    pub methods: Vec<MethodPlan>,
}

/// One method of a [`FeaturePlan`].
#[derive(Clone, Debug, PartialEq)]
pub struct MethodPlan {
    /// The method.
    pub method: Method,
    /// Seconds to make its map and the features of all inputs, or why it would not be taken.
    pub seconds: Result<f64, String>,
}

impl Features {
    /// Tells what features of `rows` inputs of one shape will cost, without looking at them.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), as far as it does not depend on values; [`Error::Parameter`] for a tolerance, whose
    /// number of features depends on them.
    ///
    /// ```
    /// use widelimit::arch::Shape;
    /// use widelimit::features::{Dim, FeatureSettings, Features, Method};
    /// use widelimit::{Network, Quantity, Run};
    ///
    /// let network = Network::preset("mlp:2:relu")?;
    /// let method = Method::from_name("zonal").unwrap();
    /// let settings = FeatureSettings { dim: Dim::Given(1024), method, ..FeatureSettings::default() };
    /// let (input, run) = (Shape::vector(10), Run::default());
    /// let plan = Features::plan::<f32>(&network, 50_000, &input, Quantity::Ntk, &settings, &run)?;
    /// assert_eq!(plan.result_bytes, 4 * 50_000 * 1024);
    /// assert!(plan.methods[0].seconds.as_ref().is_ok_and(|seconds| *seconds > 0.0));
    /// # Ok::<(), widelimit::Error>(())
    /// ```
    pub fn plan<T: Scalar>(
        network: &Network,
        rows: usize,
        input: &Shape,
        quantity: Quantity,
        settings: &FeatureSettings,
        run: &Run<'_>,
    ) -> Result<FeaturePlan, Error> {
        settings.check()?;
        if rows == 0 {
            let shape = [&[0], input.spatial.as_slice(), &[input.channels]].concat();
            return Err(widelimit_embed::Error::Empty { input: "x", shape }.into());
        }
        check_network(network, input)?;
        let Some(dim) = settings.dim.for_rows(rows) else {
            return Err(no_number(settings.dim));
        };
        let seed = settings.seed;
        let (x, input) = (made_up::<T>(input, seed, run), input.clone());
        let job = Job { network, x: x.view(), input, quantity, seed, run };
        let dim = if settings.method == Method::Nystrom { dim.min(rows) } else { dim };
        let sample = settings.sample().min(rows);
        job.check_room(dim, sample)?;
        let trial = Trial { job: &job, rows, dim, rate: rate::<T>(run)? };
        let methods = match settings.method {
            Method::Auto => trial.of_auto(settings)?,
            method => vec![MethodPlan { method, seconds: Ok(trial.seconds(method)?) }],
        };
        let landmarks =
            methods.iter().any(|tried| tried.method == Method::Nystrom && tried.seconds.is_ok());
        let beside = if landmarks { nystrom::room(rows, dim) } else { 0 };
        Ok(FeaturePlan {
            rows,
            dim,
            result_bytes: (rows as u64)
                .saturating_mul(dim as u64)
                .saturating_mul(size_of::<T>() as u64),
            scratch_bytes: job.room(dim, sample).max(beside),
            regression_bytes: regression_bytes(&Ridge::default(), (rows, dim), 1, size_of::<T>()),
            regression_seconds: trial.regression(),
            methods,
        })
    }
}

/// A number of features that follows from the data.
fn no_number(dim: Dim) -> Error {
    let got = match dim {
        Dim::Tolerance(tolerance) => format!("a tolerance of {tolerance}"),
        _ => "none".to_owned(),
    };
    let expected = "a number of features, since how many a tolerance takes depends on the inputs";
    Error::Parameter { name: "dim", expected, got }
}

/// Standard normal numbers, of so many inputs that every thread has two blocks of them.
fn made_up<T: Scalar>(input: &Shape, seed: u64, run: &Run<'_>) -> ArrayD<T> {
    let positions = input.positions().unwrap_or(usize::MAX).max(1);
    let block = (POSITIONS_OF_BLOCK / positions).clamp(1, ROWS_OF_BLOCK);
    let count = 2 * run.par.threads() * block;
    let axes = [&[count], input.spatial.as_slice(), &[input.channels]].concat();
    let stream = Stream::new(seed, 0, ROLE);
    let mut index = 0..;
    ArrayD::from_shape_simple_fn(IxDyn(&axes), || {
        T::narrow(index.next().map_or(0.0, |index| stream.normal(index)))
    })
}

/// Multiply-adds a second of the products of a regression.
fn rate<T: Scalar>(run: &Run<'_>) -> Result<f64, Error> {
    let (rows, columns) = PRODUCTS;
    let z = Array2::from_shape_fn((rows, columns), |(i, j)| {
        T::narrow(((i * 31 + j * 17) % 101) as f64 / 101.0 - 0.5)
    });
    let y = Array2::zeros((rows, 1));
    let mut gathered = Gathered::regression(columns, 1)?;
    // The first one finds nothing in the cache.
    gathered.accumulate(z.view(), y.view(), None, run)?;
    let start = Instant::now();
    gathered.accumulate(z.view(), y.view(), None, run)?;
    Ok((rows * columns * columns) as f64 / start.elapsed().as_secs_f64().max(1e-9))
}

/// Methods on made-up inputs, for so many inputs and features.
struct Trial<'a, T: Scalar> {
    job: &'a Job<'a, T>,
    rows: usize,
    dim: usize,
    /// Multiply-adds a second.
    rate: f64,
}

impl<T: Scalar> Trial<'_, T> {
    /// All methods that `auto` would look at, and why it would not take some.
    fn of_auto(&self, settings: &FeatureSettings) -> Result<Vec<MethodPlan>, Error> {
        let landmarks = self.job.check_landmarks(self.rows, self.dim);
        let alone = settings.without_trial(self.rows, self.dim) && landmarks.is_ok();
        let methods = Method::all().filter(|method| match method {
            Method::Auto => false,
            Method::Nystrom => true,
            Method::Embed(_) => !alone,
        });
        let mut plans = Vec::new();
        for method in methods {
            let tried = match (method, &landmarks) {
                (Method::Nystrom, Err(error)) => Err(error.to_string()),
                _ => match self.seconds(method) {
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    tried => tried.map_err(|error| error.to_string()),
                },
            };
            plans.push(MethodPlan { method, seconds: tried });
        }
        Ok(plans)
    }

    /// Seconds of a method.
    fn seconds(&self, method: Method) -> Result<f64, Error> {
        match method {
            Method::Nystrom => self.landmarks(),
            _ => self.map(method),
        }
    }

    /// Of a map of the network: both its making and its features grow with their number.
    fn map(&self, method: Method) -> Result<f64, Error> {
        let half = self.job.x.shape()[0] / 2;
        let start = Instant::now();
        let map = self.job.make_small(method, self.dim, &[])?;
        // The first inputs find nothing drawn or tabulated.
        self.features(&map, ..half)?;
        let making = start.elapsed().as_secs_f64();
        let start = Instant::now();
        self.features(&map, half..)?;
        let each = start.elapsed().as_secs_f64() / half as f64;
        let share = self.dim as f64 / map.dim() as f64;
        Ok(share * (making + self.rows as f64 * each))
    }

    /// Features of some made-up inputs, in their precision.
    fn features(&self, map: &Map, rows: impl Into<Slice>) -> Result<Array2<T>, Error> {
        let Job { network, quantity, .. } = *self.job;
        let x = self.job.x.slice_axis(Axis(0), rows.into());
        let mut out = Array2::from_elem((x.shape()[0], map.dim()), T::narrow(0.0));
        map.transform(network, quantity, x, out.view_mut(), &self.job.quiet())?;
        Ok(out)
    }

    /// Of the exact kernel with landmarks: its entries, as many as inputs and candidates have with landmarks, and the
    /// products that make features of them.
    fn landmarks(&self) -> Result<f64, Error> {
        self.job.run.check_memory("the landmarks", nystrom::room(self.rows, self.dim))?;
        let Job { network, quantity, input, .. } = self.job;
        let run = &self.job.quiet();
        let x = self.job.x.mapv(Scalar::widen);
        let start = Instant::now();
        kernel_of(network, *quantity, x.view(), Some(x.view()), run)?;
        let tried = start.elapsed().as_secs_f64();
        let options = exact::Options::new().want(want(*quantity)).par(run.par);
        // What it expects is scaled by what one kernel took.
        let expected = |n: usize, l: usize| -> Result<f64, Error> {
            Ok(exact::plan::<f64>(network, n, Some(l), input, &options)?.seconds)
        };
        let landmarks = self.dim.min(self.rows);
        let lines = self.rows + candidates(self.rows, self.dim) + landmarks;
        let count = x.shape()[0];
        let entries = tried * expected(lines, landmarks)? / expected(count, count)?.max(1e-12);
        let products = lines as f64 * (landmarks as f64).powi(2);
        Ok(entries + products / self.rate)
    }

    /// Seconds of a regression on the features: its products, and the solution of a system of the smaller side.
    fn regression(&self) -> f64 {
        let side = self.dim.min(self.rows);
        let solution = if side <= streaming::EIGEN_LIMIT { EIGEN } else { FACTORISATIONS };
        let (rows, dim, side) = (self.rows as f64, self.dim as f64, side as f64);
        (rows * dim * side + solution * side.powi(3)) / self.rate
    }
}
