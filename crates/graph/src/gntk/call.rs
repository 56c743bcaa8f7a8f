//! The calls: kernels, grids of kernels, diagonals.

use ndarray::{Array1, Array2};

use super::config::{Gntk, ReadOut};
use super::tiles::Recursion;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::Options;

/// Kernels of all depths, with and without jumping knowledge.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    kernels: Vec<Array2<f64>>,
}

impl Grid {
    /// The kernel of so many layers.
    pub fn get(&self, layers: usize, jumping_knowledge: bool) -> Option<&Array2<f64>> {
        let depth = layers.checked_sub(1)?;
        self.kernels.get(2 * depth + usize::from(jumping_knowledge))
    }

    /// The kernels with what they are of, by depth.
    pub fn iter(&self) -> impl Iterator<Item = (ReadOut, &Array2<f64>)> {
        let layers = self.kernels.len() / 2;
        grid(layers).into_iter().zip(&self.kernels)
    }
}

/// All read-outs up to a depth.
fn grid(layers: usize) -> Vec<ReadOut> {
    (1..=layers)
        .flat_map(|layers| {
            [false, true].map(|jumping_knowledge| ReadOut { layers, jumping_knowledge })
        })
        .collect()
}

impl Gntk {
    /// What a single kernel reads out.
    fn read_out(&self) -> Vec<ReadOut> {
        let Self { layers, jumping_knowledge, .. } = *self;
        vec![ReadOut { layers, jumping_knowledge }]
    }

    /// Makes a kernel ready to be computed in tiles: among `graphs`, or between them (rows) and `others`
    /// (columns).
    ///
    /// The method of these parameters is not looked at: tiles are exact.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`], [`Error::Power`] and [`Error::Activation`] for the parameters,
    /// [`Error::FeaturesMissing`] and [`Error::FeatureWidth`] for the graphs, [`Error::Overflow`] where a
    /// variance leaves the range of the number format, [`Error::MemoryLimit`], [`Error::Cancelled`].
    pub fn recursion<'a>(
        &self,
        graphs: &'a Graphs,
        others: Option<&'a Graphs>,
        options: &Options<'a>,
    ) -> Result<Recursion<'a>, Error> {
        Recursion::new(self, self.read_out(), graphs, others, options)
    }

    /// The same for several depths, with or without jumping knowledge, none deeper than these parameters'
    /// [`layers`](Self::layers): a tile then has a matrix for each.
    ///
    /// # Errors
    ///
    /// Those of [`recursion`](Self::recursion), and [`Error::Parameter`] for a depth that is 0 or too large, or none.
    pub fn recursion_of<'a>(
        &self,
        outputs: &[ReadOut],
        graphs: &'a Graphs,
        others: Option<&'a Graphs>,
        options: &Options<'a>,
    ) -> Result<Recursion<'a>, Error> {
        let depths = outputs.iter().map(|output| output.layers);
        let bad = depths.clone().find(|depth| !(1..=self.layers).contains(depth));
        if let Some(got) = bad.or(if outputs.is_empty() { Some(0) } else { None }) {
            let parameter = "the layers of a read-out";
            return Err(Error::Parameter {
                parameter,
                got,
                range: "from 1 to those of the kernel",
            });
        }
        Recursion::new(self, outputs.to_vec(), graphs, others, options)
    }

    /// The kernel among graphs, `n x n`: symmetric to the last bit.
    ///
    /// # Errors
    ///
    /// Those of [`recursion`](Self::recursion), [`Error::OutOfMemory`], and of sketches.
    pub fn kernel(&self, graphs: &Graphs, options: &Options<'_>) -> Result<Array2<f64>, Error> {
        self.one(graphs, None, options)
    }

    /// The kernel between graphs (rows) and others (columns), as for test and training sets.
    ///
    /// # Errors
    ///
    /// As [`kernel`](Self::kernel).
    pub fn cross(
        &self,
        graphs: &Graphs,
        others: &Graphs,
        options: &Options<'_>,
    ) -> Result<Array2<f64>, Error> {
        self.one(graphs, Some(others), options)
    }

    fn one(
        &self,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Array2<f64>, Error> {
        let mut kernels = self.matrices(self.read_out(), graphs, others, options)?;
        Ok(kernels.swap_remove(0))
    }

    /// The kernels of all depths up to these parameters' [`layers`](Self::layers), with and without jumping
    /// knowledge, in one pass: among `graphs`, or between them and `others`.
    ///
    /// # Errors
    ///
    /// As [`kernel`](Self::kernel).
    ///
    /// ```
    /// use widelimit_graph::{Gntk, Graphs, Options, Parts};
    ///
    /// let edge_index: [&[usize]; 2] = [&[0, 1, 1, 2], &[1, 0, 2, 1]];
    /// let parts = Parts { node_offsets: &[0, 3, 4], edge_index, ..Parts::default() };
    /// let graphs = Graphs::new(parts)?.with_default_features();
    /// let grid = Gntk { layers: 4, ..Gntk::default() }.grid(&graphs, None, &Options::new())?;
    /// let alone = Gntk { layers: 3, jumping_knowledge: true, ..Gntk::default() };
    /// assert_eq!(grid.get(3, true), Some(&alone.kernel(&graphs, &Options::new())?));
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn grid(
        &self,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Grid, Error> {
        let kernels = self.matrices(grid(self.layers), graphs, others, options)?;
        Ok(Grid { kernels })
    }

    /// The kernel of every graph with itself, without any other entry: for normalisation.
    ///
    /// # Errors
    ///
    /// As [`recursion`](Self::recursion).
    pub fn diagonal(&self, graphs: &Graphs, options: &Options<'_>) -> Result<Array1<f64>, Error> {
        Ok(self.recursion(graphs, None, options)?.diagonal())
    }

    fn matrices(
        &self,
        outputs: Vec<ReadOut>,
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let recursion = Recursion::new(self, outputs, graphs, others, options)?;
        self.by_method(&recursion, options)
    }
}
