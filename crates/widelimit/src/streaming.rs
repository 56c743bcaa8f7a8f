//! Rows that come in blocks and never lie in memory together: what was gathered of them, in a file.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis, Ix1, Ix2};
use serde::{Deserialize, Serialize};
use widelimit_data::{Array, ModelFile};
use widelimit_learn::streaming::{
    BLOCK, Centre, ClassMoments, ClassMomentsParts, Moments, MomentsParts, StreamingRidgeModel,
};
use widelimit_learn::{Par, Ridge, StreamingClassifier, StreamingRidge};

use crate::certificate::draw;
use crate::{Error, Notes, Run, Scalar};

/// What was gathered of a stream of rows: all that a ridge regression needs of them.
///
/// The moments of [`learn::streaming`](widelimit_learn::streaming) with what a long job asks for beside
/// them: a switch to stop ([`Run::cancel`]) and a file to go on from ([`save`](Self::save)). Memory:
/// `p^2 + p m` numbers for `p` features and `m` outputs, whatever the number of rows.
///
/// ```
/// use ndarray::array;
/// use widelimit::{Gathered, Notes, Run};
/// use widelimit::learn::{Par, Ridge, streaming::Centre};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("state.safetensors");
/// let mut gathered = Gathered::regression(1, 1)?;
/// let run = Run::default();
/// gathered.accumulate(array![[1.0f32], [2.0]].view(), array![[2.0], [4.0]].view(), None, &run)?;
/// gathered.save(&path, &Notes::new())?;
///
/// let (mut gathered, _) = Gathered::load(&path)?;
/// gathered.accumulate(array![[3.0f32]].view(), array![[6.0]].view(), None, &run)?;
/// let model = gathered.solve(Ridge::Absolute(0.0), Centre::Both, &Par::single())?;
/// assert_eq!(gathered.rows(), 3);
/// assert!((model.weights[[0, 0]] - 2.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub enum Gathered {
    /// Rows with targets.
    Regression(Moments),
    /// Rows with class codes.
    Classes(ClassMoments),
}

/// What is no array, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Rows in whole blocks.
    rows: usize,
    /// Rows of each class, for a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_counts: Option<Vec<usize>>,
}

/// Role of the rows to learn from among the streams of a seed.
const ROLE: u32 = 0xFEA5;

/// The entry of the header; models have none.
const MOMENTS: &str = "moments";

/// The entry of the notes, as in models.
const NOTES: &str = "notes";

/// The tensor of the weights of classes; absent where classes do not weigh.
const CLASS_WEIGHTS: &str = "class_weights";

impl Gathered {
    /// Of no rows yet, for rows of `features` numbers with `outputs` targets.
    ///
    /// # Errors
    /// Where one of them is zero.
    pub fn regression(features: usize, outputs: usize) -> Result<Self, Error> {
        Ok(Self::Regression(Moments::new(features, outputs)?))
    }

    /// Of no rows yet, for rows of `features` numbers with class codes `0 .. classes`; rows may weigh by
    /// their class.
    ///
    /// # Errors
    /// Where one of them is zero; for weights that are not positive, or not one a class.
    pub fn classes(
        features: usize,
        classes: usize,
        weights: Option<Vec<f64>>,
    ) -> Result<Self, Error> {
        let moments = ClassMoments::new(features, classes)?;
        Ok(Self::Classes(match weights {
            Some(weights) => moments.with_class_weights(weights)?,
            None => moments,
        }))
    }

    /// Rows seen so far.
    pub fn rows(&self) -> usize {
        match self {
            Self::Regression(moments) => moments.rows(),
            Self::Classes(moments) => moments.rows(),
        }
    }

    /// Number of features, `p`.
    pub fn features(&self) -> usize {
        match self {
            Self::Regression(moments) => moments.features(),
            Self::Classes(moments) => moments.features(),
        }
    }

    /// Number of outputs: of targets, or of classes.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Regression(moments) => moments.outputs(),
            Self::Classes(moments) => moments.counts().len(),
        }
    }

    /// Weights of the classes of a classifier; `None` where classes do not weigh.
    pub fn class_weights(&self) -> Option<&[f64]> {
        match self {
            Self::Regression(_) => None,
            Self::Classes(moments) => moments.weights(),
        }
    }

    /// Takes rows in: features `k x p`, targets `k x m`, and one positive weight a row (`None`: 1).
    ///
    /// All rows are checked before the first is taken in. A job that is stopped has taken in the first so
    /// many of them, which [`rows`](Self::rows) tells; nothing else can stop it midway.
    ///
    /// # Errors
    /// As [`Moments::check_rows`]; [`Error::Cancelled`]; [`Error::Parameter`] for moments of classes.
    pub fn accumulate<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        targets: ArrayView2<f64>,
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let Self::Regression(moments) = self else {
            return Err(other_kind("class codes", "numbers"));
        };
        moments.check_rows(features, targets, weights)?;
        pieces(features.nrows(), run, |rows| {
            let slice = ndarray::Slice::from(rows.clone());
            let (z, y) = (features.slice_axis(Axis(0), slice), targets.slice_axis(Axis(0), slice));
            Ok(moments.accumulate(z, y, weights.map(|w| &w[rows]), &run.par)?)
        })
    }

    /// Takes rows in by their class codes, as [`accumulate`](Self::accumulate). Weights multiply those of
    /// the classes.
    ///
    /// # Errors
    /// As [`ClassMoments::check_rows`]; [`Error::Cancelled`]; [`Error::Parameter`] for moments of numbers.
    pub fn accumulate_codes<T: Scalar>(
        &mut self,
        features: ArrayView2<T>,
        codes: &[usize],
        weights: Option<&[f64]>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let Self::Classes(moments) = self else {
            return Err(other_kind("numbers", "class codes"));
        };
        moments.check_rows(features, codes, weights)?;
        pieces(features.nrows(), run, |rows| {
            let z = features.slice_axis(Axis(0), ndarray::Slice::from(rows.clone()));
            let weights = weights.map(|w| &w[rows.clone()]);
            Ok(moments.accumulate_weighted(z, &codes[rows], weights, &run.par)?)
        })
    }

    /// Takes the rows of `other` in, as rows after these ([`Moments::merge`]).
    ///
    /// # Errors
    /// Where the two differ in features, outputs, kind or weights of classes; nothing is changed then.
    pub fn merge(&mut self, other: Self, par: &Par) -> Result<(), Error> {
        match (self, other) {
            (Self::Regression(moments), Self::Regression(other)) => moments.merge(other, par)?,
            (Self::Classes(moments), Self::Classes(other)) => moments.merge(other, par)?,
            (Self::Regression(_), _) => return Err(other_kind("numbers", "class codes")),
            (Self::Classes(_), _) => return Err(other_kind("class codes", "numbers")),
        }
        Ok(())
    }

    /// Fits what was gathered, which stays as it is. [`Ridge::Auto`] goes by generalised cross-validation.
    ///
    /// # Errors
    /// As [`CheckedStreamingRidge::solve`](widelimit_learn::streaming::CheckedStreamingRidge::solve) and
    /// [`CheckedStreamingClassifier::solve`](widelimit_learn::streaming::CheckedStreamingClassifier::solve).
    pub fn solve(
        &self,
        ridge: Ridge,
        centre: Centre,
        par: &Par,
    ) -> Result<StreamingRidgeModel, Error> {
        Ok(match self {
            Self::Regression(moments) => {
                StreamingRidge { ridge, centre }.check()?.solve(moments, par)?
            }
            Self::Classes(moments) => {
                StreamingClassifier { ridge, centre }.check()?.solve(moments, par)?.regression
            }
        })
    }

    /// Writes everything to one file, whole or not at all; a stream that goes on from it has the same bits
    /// as one that was never stopped. Notes are the caller's.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, path: impl AsRef<Path>, notes: &Notes) -> Result<(), Error> {
        Ok(self.file(notes)?.save(path)?)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// A file of another kind or version, cut short or damaged, or whose parts cannot be moments.
    pub fn load(path: impl AsRef<Path>) -> Result<(Self, Notes), Error> {
        let path = path.as_ref();
        read(ModelFile::load(path)?, &path.display().to_string())
    }

    /// The bytes that [`save`](Self::save) writes.
    ///
    /// # Errors
    /// None that depends on the rows.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(self.file(&Notes::new())?.to_bytes()?)
    }

    /// The same from bytes in memory.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        let name = "moments";
        Ok(read(ModelFile::from_bytes(bytes, name)?, name)?.0)
    }

    fn file(&self, notes: &Notes) -> Result<ModelFile, Error> {
        let (parts, class_counts, class_weights) = match self {
            Self::Regression(moments) => (moments.clone().into_parts(), None, None),
            Self::Classes(moments) => {
                let ClassMomentsParts { moments, counts, weights } = moments.clone().into_parts();
                (moments, Some(counts), weights)
            }
        };
        let mut file = ModelFile::default();
        let header = Header { rows: parts.rows, class_counts };
        file.metadata.insert(MOMENTS.into(), json(MOMENTS, &header)?);
        if !notes.is_empty() {
            file.metadata.insert(NOTES.into(), json(NOTES, notes)?);
        }
        let mut vector = |name: &str, values: Array1<f64>| {
            file.tensors.insert(name.into(), Array::F64(values.into_dyn()));
        };
        vector("weight", Array1::from_elem(1, parts.weight));
        vector("plain_spread", Array1::from_elem(1, parts.plain_spread));
        vector("feature_mean", parts.feature_mean);
        vector("target_mean", parts.target_mean);
        vector("plain_mean", parts.plain_mean);
        vector("target_squares", parts.target_squares);
        vector("waiting_weights", parts.waiting_weights.into());
        if let Some(weights) = class_weights {
            vector(CLASS_WEIGHTS, weights.into());
        }
        let mut matrix = |name: &str, values: Array2<f64>| {
            file.tensors.insert(name.into(), Array::F64(values.into_dyn()));
        };
        matrix("products", parts.products);
        matrix("cross", parts.cross);
        matrix("waiting_features", parts.waiting_features);
        matrix("waiting_targets", parts.waiting_targets);
        Ok(file)
    }
}

/// Numbers of `count` of `rows` rows, drawn without replacement, ascending: those to learn from where not all can be
/// held. All of them where there are no more.
///
/// # Errors
/// None that depends on the arguments.
///
/// ```
/// let rows = widelimit::sample_rows(1000, 10, 7)?;
/// assert!(rows.len() == 10 && rows.is_sorted());
/// assert_eq!(widelimit::sample_rows(3, 10, 7)?, [0, 1, 2]);
/// # Ok::<(), widelimit::Error>(())
/// ```
pub fn sample_rows(rows: usize, count: usize, seed: u64) -> Result<Vec<usize>, Error> {
    let mut drawn = draw(seed, ROLE, rows, count.min(rows))?;
    drawn.sort_unstable();
    Ok(drawn)
}

/// Goes through rows in pieces short enough for a job to stop between two of them.
pub(crate) fn pieces(
    rows: usize,
    run: &Run<'_>,
    mut work: impl FnMut(std::ops::Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    for start in (0..rows).step_by(BLOCK) {
        run.check_cancelled()?;
        work(start..rows.min(start + BLOCK))?;
    }
    Ok(())
}

fn json(what: &str, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Model {
        file: what.into(),
        reason: format!("cannot be described as JSON: {error}"),
    })
}

pub(crate) fn other_kind(expected: &'static str, got: &str) -> Error {
    Error::Parameter { name: "targets of the stream", expected, got: got.into() }
}

fn read(mut file: ModelFile, name: &str) -> Result<(Gathered, Notes), Error> {
    let wrong = |reason: String| Error::Model { file: name.to_owned(), reason };
    let header: Header = serde_json::from_str(file.text(MOMENTS)?)
        .map_err(|error| wrong(format!("its description is damaged: {error}")))?;
    let notes = match file.metadata.get(NOTES) {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| wrong(format!("its notes are damaged: {error}")))?,
        None => Notes::new(),
    };
    let weights = match file.tensors.contains_key(CLASS_WEIGHTS) {
        true => Some(file.take::<f64, Ix1>(CLASS_WEIGHTS)?.to_vec()),
        false => None,
    };
    let moments = parts(&mut file, header.rows, name)?;
    let gathered = match header.class_counts {
        None => Moments::from_parts(moments).map(Gathered::Regression),
        Some(counts) => ClassMoments::from_parts(ClassMomentsParts { moments, counts, weights })
            .map(Gathered::Classes),
    };
    Ok((gathered.map_err(|error| wrong(error.to_string()))?, notes))
}

fn parts(file: &mut ModelFile, rows: usize, name: &str) -> Result<MomentsParts, Error> {
    let number = |file: &mut ModelFile, of: &str| -> Result<f64, Error> {
        let values = file.take::<f64, Ix1>(of)?;
        match values.as_slice() {
            Some([value]) => Ok(*value),
            _ => Err(Error::Model {
                file: name.to_owned(),
                reason: format!("tensor `{of}` has {} entries, one is expected", values.len()),
            }),
        }
    };
    Ok(MomentsParts {
        rows,
        weight: number(file, "weight")?,
        plain_spread: number(file, "plain_spread")?,
        feature_mean: file.take::<f64, Ix1>("feature_mean")?,
        target_mean: file.take::<f64, Ix1>("target_mean")?,
        products: file.take::<f64, Ix2>("products")?,
        cross: file.take::<f64, Ix2>("cross")?,
        target_squares: file.take::<f64, Ix1>("target_squares")?,
        plain_mean: file.take::<f64, Ix1>("plain_mean")?,
        waiting_features: file.take::<f64, Ix2>("waiting_features")?,
        waiting_targets: file.take::<f64, Ix2>("waiting_targets")?,
        waiting_weights: file.take::<f64, Ix1>("waiting_weights")?.to_vec(),
    })
}
