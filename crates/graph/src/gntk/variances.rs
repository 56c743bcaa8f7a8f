//! The first pass: every graph with itself, which tells the variance of every class at every activation and
//! the diagonal of the kernel.

use rayon::prelude::*;
use widelimit_dual::Isa;

use super::band::{Band, Side};
use super::config::{Checked, Wanted};
use super::recursion::{Step, Tile, run};
use super::sheet::Sheet;
use crate::Error;
use crate::options::Options;

/// Least variance in single precision: products below lose their digits.
const LEAST: f64 = 1e-30;

/// Variances of all classes, and sums of each graph with itself.
#[derive(Clone, Debug)]
pub(crate) struct Variances {
    /// For level and layer.
    of_class: Vec<Vec<f64>>,
    mlp: usize,
    /// For every stage, the sums of the graphs of each side.
    pub sums: Vec<Vec<Vec<f64>>>,
}

/// One graph's.
struct Own {
    /// For each level and layer, those of the graph's classes.
    variances: Vec<Vec<f64>>,
    /// For each stage.
    sums: Vec<f64>,
    /// For each level.
    classes: Vec<Vec<u32>>,
}

impl Variances {
    /// Variances at an activation; levels count from 1.
    pub fn get(&self, level: usize, layer: usize) -> &[f64] {
        &self.of_class[(level - 1) * self.mlp + layer]
    }

    pub fn new(
        checked: &Checked,
        wanted: &Wanted,
        sides: &[Side<'_>],
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let levels = sides[0].classes.levels.iter().skip(1);
        let of_class =
            levels.flat_map(|level| vec![vec![0.0; level.classes]; checked.mlp]).collect();
        let mut all = Self { of_class, mlp: checked.mlp, sums: Vec::new() };
        for (side, name) in sides.iter().zip(["left", "right"]) {
            let sheet = || Sheet::new(options.isa.unwrap_or_else(Isa::best));
            let one = |sheet: &mut Sheet<f64>, graph: usize| {
                options.check_cancelled()?;
                own(checked, wanted, side, (graph, name), sheet)
            };
            let graphs = (0..side.graphs.len()).into_par_iter();
            let own: Vec<Result<Own, Error>> =
                options.par.install(|| graphs.map_init(sheet, one).collect());
            let mut sums = Vec::new();
            for graph in own {
                let graph = graph?;
                all.take(&graph);
                sums.push(graph.sums);
            }
            all.sums.push(sums);
        }
        Ok(all)
    }

    /// A class has the same variance in whatever graph it is found, to the last bit.
    fn take(&mut self, own: &Own) {
        for (place, values) in own.variances.iter().enumerate() {
            let classes = &own.classes[place / self.mlp + 1];
            for (&class, &value) in classes.iter().zip(values) {
                self.of_class[place][class as usize] = value;
            }
        }
    }
}

/// A graph with itself.
fn own(
    checked: &Checked,
    wanted: &Wanted,
    side: &Side<'_>,
    (graph, name): (usize, &'static str),
    sheet: &mut Sheet<f64>,
) -> Result<Own, Error> {
    let band: Band<f64> = side.bare(graph..graph + 1);
    // the levels that learn their variances on the way
    let mut levels = band.levels.clone();
    let mut variances: Vec<Vec<f64>> = Vec::new();
    let mut sums = vec![0.0; wanted.stages_len()];
    let (left, right) = (&band, &band);
    let tile = Tile { checked, wanted, left, right, looks: &side.classes.looks };
    run(sheet, &tile, &mut sums, |sheet, Step { level, layer }| {
        let points = match layer.checked_sub(1) {
            None => sheet.diagonal(),
            Some(_) => {
                let before = &variances[variances.len() - 1];
                before.iter().map(|&v| checked.factor * checked.dual.diagonal(v).k).collect()
            }
        };
        if points.iter().any(|v| !v.is_finite()) {
            return Err(Error::Overflow { side: name, graph, level, format: "f64" });
        }
        let largest = points.iter().fold(0.0f64, |largest, &v| largest.max(v));
        if checked.single && largest > 0.0 && largest < LEAST {
            return Err(Error::Underflow { side: name, graph, level });
        }
        let own = &mut levels[level];
        let place = |class: u32| own.classes.binary_search(&class).unwrap_or(0);
        sheet.set_equal(&own.classes, &own.classes, |class| points[place(class)]);
        own.duals = vec![checked.dual.prepare(&points)?];
        sheet.activate(&checked.dual, checked.then(), own, own, 0);
        variances.push(points);
        Ok(())
    })?;
    if sums.iter().any(|sum| !sum.is_finite()) {
        return Err(Error::Overflow { side: name, graph, level: checked.levels(), format: "f64" });
    }
    let classes = band.levels.into_iter().map(|level| level.classes).collect();
    Ok(Own { variances, sums, classes })
}
