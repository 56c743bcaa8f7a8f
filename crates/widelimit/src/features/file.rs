//! Features that go to a file as they are computed.

use std::marker::PhantomData;
use std::path::Path;

use ndarray::{Array2, ArrayView, Axis, Dimension};
use widelimit_data::{TileFile, TileSpec, check_room};
use widelimit_exact::Progress;

use super::Features;
use crate::model::{block_rows, expect_shape};
use crate::{Error, Run, Scalar};

impl Features {
    /// Computes the features of inputs and writes them to `path` (`.npy`, or `.npz` with an array
    /// `features`), a block of rows at a time: memory stays at one block whatever the number of inputs.
    /// The file appears under its name when it is complete.
    ///
    /// # Errors
    /// Those of [`Features::transform_into`] and of writing.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use widelimit::features::{Dim, FeatureSettings, Features};
    /// use widelimit::{Network, Quantity, Run, data::ArrayFile};
    ///
    /// let x = Array2::from_shape_fn((30, 2), |(i, j)| ((i + 3 * j) as f32 * 0.4).cos());
    /// let settings = FeatureSettings { dim: Dim::Given(64), ..FeatureSettings::default() };
    /// let network = Network::preset("mlp:1:relu")?;
    /// let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &Run::default())?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("z.npy");
    /// features.to_file(x.view(), &path, &Run::default())?;
    /// let z = ArrayFile::open(&path)?.read()?.into_f32();
    /// assert_eq!(z, features.transform(x.view(), &Run::default())?.into_dyn());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_file<T: Scalar, D: Dimension>(
        &self,
        x: ArrayView<'_, T, D>,
        path: impl AsRef<Path>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let x = x.into_dyn();
        expect_shape(x.view(), self.input())?;
        let mut file = FeatureFile::create(self, path, x.shape()[0])?;
        file.write(x, run)?;
        file.finish()
    }
}

/// A file of features whose inputs come in blocks.
///
/// ```
/// use ndarray::{Array2, Axis};
/// use widelimit::features::{Dim, FeatureFile, FeatureSettings, Features};
/// use widelimit::{Network, Quantity, Run, data::ArrayFile};
///
/// let x = Array2::from_shape_fn((30, 2), |(i, j)| ((i + 3 * j) as f32 * 0.4).cos());
/// let settings = FeatureSettings { dim: Dim::Given(64), ..FeatureSettings::default() };
/// let network = Network::preset("mlp:1:relu")?;
/// let features = Features::fit(&network, x.view(), Quantity::Ntk, &settings, &Run::default())?;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("z.npy");
/// let mut file = FeatureFile::create(&features, &path, 30)?;
/// for block in x.axis_chunks_iter(Axis(0), 7) {
///     file.write(block, &Run::default())?;
/// }
/// file.finish()?;
/// let z = ArrayFile::open(&path)?.read()?.into_f32();
/// assert_eq!(z, features.transform(x.view(), &Run::default())?.into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FeatureFile<'a, T> {
    features: &'a Features,
    file: TileFile,
    rows: usize,
    written: usize,
    precision: PhantomData<T>,
}

impl<'a, T: Scalar> FeatureFile<'a, T> {
    /// Begins a file for features of `rows` inputs, `.npy`, or `.npz` with an array `features`.
    ///
    /// # Errors
    /// Another ending, no room on the disk, errors of the file system.
    pub fn create(
        features: &'a Features,
        path: impl AsRef<Path>,
        rows: usize,
    ) -> Result<Self, Error> {
        let (path, dim) = (path.as_ref(), features.dim());
        check_room(path, rows as u64 * (dim * size_of::<T>()) as u64)?;
        let spec =
            TileSpec { name: "features".into(), shape: vec![rows, dim], float_type: T::PRECISION };
        let file = TileFile::create(path, &[spec])?;
        Ok(Self { features, file, rows, written: 0, precision: PhantomData })
    }

    /// Writes the features of the next inputs.
    ///
    /// # Errors
    /// Those of [`Features::transform_into`], rows counted from the first of all, and of writing; [`Error::Length`] for
    /// more inputs than were announced.
    pub fn write<D: Dimension>(
        &mut self,
        x: ArrayView<'_, T, D>,
        run: &Run<'_>,
    ) -> Result<(), Error> {
        let x = x.into_dyn();
        let (dim, before, rows) = (self.features.dim(), self.written, x.shape()[0]);
        if before + rows > self.rows {
            let (expected, got) = (self.rows, before + rows);
            return Err(Error::Length { what: "number of rows", expected, got });
        }
        let row = (dim * size_of::<T>()) as u64;
        let step = block_rows(row, rows, run);
        let less = run.less("the features", row * step as u64)?;
        let quiet = &Run { progress: None, ..less };
        let mut block = Array2::from_elem((step, dim), T::narrow(0.0));
        for part in x.axis_chunks_iter(Axis(0), step) {
            let (first, count) = (self.written, part.shape()[0]);
            let mut block = block.slice_axis_mut(Axis(0), (..count).into());
            self.features
                .transform_into(part, block.view_mut(), quiet)
                .map_err(|error| error.rows_from(first))?;
            self.file.write(0, first, 0, block.view())?;
            self.written += count;
            if let Some(tell) = run.progress {
                tell(Progress {
                    done_tiles: self.written.div_ceil(step),
                    total_tiles: self.rows.div_ceil(step),
                    done_entries: (self.written * dim) as u64,
                    total_entries: (self.rows * dim) as u64,
                });
            }
        }
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// Fewer inputs than were announced; errors of the file system.
    pub fn finish(self) -> Result<(), Error> {
        Ok(self.file.finish()?)
    }
}
