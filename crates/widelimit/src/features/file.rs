//! Features that go to a file as they are computed.

use std::path::Path;

use ndarray::{Array2, ArrayView, Axis, Dimension, Slice};
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
        let (x, path) = (x.into_dyn(), path.as_ref());
        expect_shape(x.view(), self.input())?;
        let (rows, dim) = (x.shape()[0], self.dim());
        let row = (dim * size_of::<T>()) as u64;
        check_room(path, rows as u64 * row)?;
        let spec =
            TileSpec { name: "features".into(), shape: vec![rows, dim], float_type: T::PRECISION };
        let file = TileFile::create(path, &[spec])?;
        let step = block_rows(row, rows, run);
        let less = run.less("the features", row * step as u64)?;
        let quiet = &Run { progress: None, ..less };
        let mut block = Array2::from_elem((step, dim), T::narrow(0.0));
        for (index, part) in x.axis_chunks_iter(Axis(0), step).enumerate() {
            let (first, count) = (index * step, part.shape()[0]);
            let mut block = block.slice_axis_mut(Axis(0), Slice::from(..count));
            self.transform_into(part, block.view_mut(), quiet)
                .map_err(|error| error.rows_from(first))?;
            file.write(0, first, 0, block.view())?;
            if let Some(tell) = run.progress {
                tell(Progress {
                    done_tiles: index + 1,
                    total_tiles: rows.div_ceil(step),
                    done_entries: ((first + count) * dim) as u64,
                    total_entries: (rows * dim) as u64,
                });
            }
        }
        Ok(file.finish()?)
    }
}
