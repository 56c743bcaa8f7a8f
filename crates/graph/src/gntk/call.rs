//! The calls: a kernel, kernels of several depths, diagonals.

use ndarray::{Array1, Array2};

use super::config::{Gntk, ReadOut};
use super::tiles::Recursion;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::Options;

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
        read_outs: &[ReadOut],
        graphs: &'a Graphs,
        others: Option<&'a Graphs>,
        options: &Options<'a>,
    ) -> Result<Recursion<'a>, Error> {
        let depths = read_outs.iter().map(|read_out| read_out.layers);
        let bad = depths.clone().find(|depth| !(1..=self.layers).contains(depth));
        if let Some(got) = bad.or(if read_outs.is_empty() { Some(0) } else { None }) {
            let parameter = "the layers of a read-out";
            return Err(Error::Parameter {
                parameter,
                got,
                range: "from 1 to those of the kernel",
            });
        }
        Recursion::new(self, read_outs.to_vec(), graphs, others, options)
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
        let recursion = self.recursion(graphs, others, options)?;
        Ok(self.by_method(&recursion, options)?.swap_remove(0))
    }

    /// Kernels of several depths, with or without jumping knowledge, in one pass, in the order of `read_outs`, none
    /// deeper than these parameters' [`layers`](Self::layers): among `graphs`, or between them and `others`.
    ///
    /// # Errors
    ///
    /// As [`kernel`](Self::kernel) and [`recursion_of`](Self::recursion_of).
    ///
    /// ```
    /// use widelimit_graph::{Gntk, Graphs, Options, Parts, ReadOut};
    ///
    /// let edge_index: [&[usize]; 2] = [&[0, 1, 1, 2], &[1, 0, 2, 1]];
    /// let parts = Parts { node_offsets: &[0, 3, 4], edge_index, ..Parts::default() };
    /// let graphs = Graphs::new(parts)?.with_default_features();
    /// let gntk = Gntk { layers: 4, ..Gntk::default() };
    /// let kernels = gntk.kernels(&ReadOut::up_to(4), &graphs, None, &Options::new())?;
    /// let alone = Gntk { layers: 3, jumping_knowledge: true, ..Gntk::default() };
    /// assert_eq!((kernels.len(), &kernels[5]), (8, &alone.kernel(&graphs, &Options::new())?));
    /// # Ok::<(), widelimit_graph::Error>(())
    /// ```
    pub fn kernels(
        &self,
        read_outs: &[ReadOut],
        graphs: &Graphs,
        others: Option<&Graphs>,
        options: &Options<'_>,
    ) -> Result<Vec<Array2<f64>>, Error> {
        let recursion = self.recursion_of(read_outs, graphs, others, options)?;
        self.by_method(&recursion, options)
    }

    /// The kernel of every graph with itself, without any other entry: for normalisation.
    ///
    /// # Errors
    ///
    /// As [`recursion`](Self::recursion).
    pub fn diagonal(&self, graphs: &Graphs, options: &Options<'_>) -> Result<Array1<f64>, Error> {
        Ok(self.recursion(graphs, None, options)?.diagonal())
    }

    /// The same for several depths, with or without jumping knowledge, in one pass, in the order of `read_outs`.
    ///
    /// # Errors
    ///
    /// As [`recursion_of`](Self::recursion_of).
    pub fn diagonals(
        &self,
        read_outs: &[ReadOut],
        graphs: &Graphs,
        options: &Options<'_>,
    ) -> Result<Vec<Array1<f64>>, Error> {
        Ok(self.recursion_of(read_outs, graphs, None, options)?.diagonals())
    }
}
