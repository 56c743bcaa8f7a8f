//! Ridge regressions and classifiers on kernels between graphs.

use ndarray::{Array1, Array2, Axis, Slice};
use widelimit_data::{Classes, Targets};
use widelimit_graph::Graphs;
use widelimit_learn::classification::winners;
use widelimit_learn::{Classifier, Diagnostics, KernelRidge, KernelRidgeModel, Ridge, memory};
use widelimit_linalg::gram;

use super::GraphKernel;
use super::kernel::{bytes, kernel};
use crate::model::block_rows;
use crate::{Error, Run, Task};

/// A fitted regression or classifier of graphs.
///
/// ```
/// use widelimit::data::Classes;
/// use widelimit::graph::{Gntk, Graphs, Parts};
/// use widelimit::graphs::{GraphKernel, GraphModel};
/// use widelimit::learn::Ridge;
/// use widelimit::{Run, Targets};
///
/// // edges, and pairs of nodes without one
/// let graphs = Graphs::new(Parts {
///     node_offsets: &[0, 2, 4, 6, 8],
///     edge_index: [&[0, 1, 4, 5], &[1, 0, 5, 4]],
///     ..Parts::default()
/// })?;
/// let y = Targets::Labels { codes: vec![1, 0, 1, 0], classes: Classes::Integers(vec![0, 7]) };
/// let kernel = GraphKernel { normalise: true, ..Gntk::default().into() };
/// let model = GraphModel::fit(&kernel, &graphs, &y, Ridge::Value(0.1), &Run::default())?;
/// assert_eq!(model.classify(&graphs.select(&[1, 2])?, &Run::default())?, [0, 1]);
/// # Ok::<(), widelimit::Error>(())
/// ```
#[derive(Debug)]
pub struct GraphModel {
    pub(super) kernel: GraphKernel,
    /// The training graphs.
    pub(super) graphs: Graphs,
    pub(super) classes: Classes,
    /// Dual coefficients, graphs x outputs.
    pub(super) dual: Array2<f64>,
    /// Mean of the targets.
    pub(super) mean: Array1<f64>,
    pub(super) facts: Facts,
}

/// What a fit tells about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The ridge added to the diagonal of the kernel.
    pub ridge: f64,
    /// The same in units of the mean of the diagonal.
    pub relative_ridge: f64,
    /// Leave-one-out mean squared error, where the ridge was chosen by it.
    pub loo_error: Option<f64>,
    /// Leave-one-out accuracy of a classifier, where the ridge was chosen.
    pub loo_accuracy: Option<f64>,
    /// How well the system was solved.
    pub diagnostics: Diagnostics,
}

impl GraphModel {
    /// Fits training graphs and their targets: numbers are regressed on, labels classified.
    ///
    /// # Errors
    /// Those of the [`kernel`](super::kernel()) and of the solver, targets of another length, one class only,
    /// [`Error::MemoryLimit`] before anything is computed.
    pub fn fit(
        kernel: &GraphKernel,
        graphs: &Graphs,
        targets: &Targets,
        ridge: Ridge,
        run: &Run<'_>,
    ) -> Result<Self, Error> {
        if targets.rows() != graphs.len() {
            let (expected, got) = (graphs.len(), targets.rows());
            return Err(Error::Length { what: "number of targets", expected, got });
        }
        let outputs = match targets {
            Targets::Numbers(y) => y.ncols(),
            Targets::Labels { classes, .. } => classes.len(),
        };
        let solve = memory::kernel_ridge(&ridge, graphs.len(), outputs, size_of::<f64>());
        run.check_memory("the fit", solve.max(bytes(kernel, graphs, run)?))?;
        let values = super::kernel::kernel(kernel, graphs, None, run)?;
        run.check_cancelled()?;
        let (solution, classes) = solve_for(values, targets, ridge, run)?;
        let best = solution.path.as_ref().map(|path| path.best());
        let facts = Facts {
            ridge: solution.ridge,
            relative_ridge: solution.relative_ridge,
            loo_error: best.map(|point| point.mse),
            loo_accuracy: best.and_then(|point| point.accuracy),
            diagnostics: solution.diagnostics,
        };
        let (kernel, graphs) = (kernel.clone(), graphs.clone());
        Ok(Self { kernel, graphs, classes, dual: solution.dual, mean: solution.mean, facts })
    }

    /// Predictions for new graphs, graphs x outputs: targets, or one score a class. The prediction of a graph
    /// does not depend on the others, bit for bit.
    ///
    /// # Errors
    /// As [`kernel`](super::kernel()).
    pub fn predict(&self, graphs: &Graphs, run: &Run<'_>) -> Result<Array2<f64>, Error> {
        let each = (self.graphs.len() + self.dual.ncols()) * size_of::<f64>();
        let step = block_rows(2 * each as u64, graphs.len(), run);
        let mut values = Array2::zeros((graphs.len(), self.dual.ncols()));
        for start in (0..graphs.len()).step_by(step) {
            let block: Vec<usize> = (start..graphs.len().min(start + step)).collect();
            let part = graphs.select(&block)?;
            let cross = kernel(&self.kernel, &part, Some(&self.graphs), run)?;
            // Products in the canonical order: a graph's value does not depend on its block.
            let found = gram(cross.view(), Some(self.dual.t()), &run.par) + &self.mean;
            values.slice_axis_mut(Axis(0), Slice::from(start..start + block.len())).assign(&found);
        }
        Ok(values)
    }

    /// Index of the class with the largest score, for each graph.
    ///
    /// # Errors
    /// As [`GraphModel::predict`]; [`Error::Parameter`] for a regression.
    pub fn classify(&self, graphs: &Graphs, run: &Run<'_>) -> Result<Vec<usize>, Error> {
        if self.classes.is_empty() {
            return Err(Error::Parameter {
                name: "model",
                expected: "a classifier",
                got: "a regression".into(),
            });
        }
        Ok(winners(self.predict(graphs, run)?.view()))
    }

    /// The kernel.
    pub fn kernel(&self) -> &GraphKernel {
        &self.kernel
    }

    /// The training graphs.
    pub fn graphs(&self) -> &Graphs {
        &self.graphs
    }

    /// Outputs: targets, or classes.
    pub fn outputs(&self) -> usize {
        self.dual.ncols()
    }

    /// The classes, in the order of the outputs; empty for regression.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// What the fit tells about itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Regression or classification.
    pub fn task(&self) -> Task {
        if self.classes.is_empty() { Task::Regression } else { Task::Classification }
    }
}

fn solve_for(
    kernel: Array2<f64>,
    targets: &Targets,
    ridge: Ridge,
    run: &Run<'_>,
) -> Result<(KernelRidgeModel<f64>, Classes), Error> {
    Ok(match targets {
        Targets::Numbers(y) => {
            let solver = KernelRidge { ridge, centre: true }.check()?;
            (solver.fit(kernel, y.view(), &run.par)?, Classes::Texts(Vec::new()))
        }
        Targets::Labels { codes, classes } => {
            let classifier = Classifier { ridge, ..Classifier::default() }.check()?;
            let model = classifier.fit_kernel(kernel, codes, classes.len(), &run.par)?;
            (model.regression, classes.clone())
        }
    })
}
