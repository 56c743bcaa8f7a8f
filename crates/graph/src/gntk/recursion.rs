//! The recursion on a tile: a band of graphs against a band of graphs.

use super::band::{Band, Side};
use super::classes::{Classes, Looks};
use super::config::{Checked, Wanted};
use super::sheet::{Sheet, Which};
use super::variances::Variances;
use crate::Error;
use crate::graphs::Graphs;
use crate::options::Options;
use crate::real::{Real, format};

/// What is to be computed on a tile.
pub(crate) struct Tile<'a, T> {
    pub checked: &'a Checked,
    pub wanted: &'a Wanted,
    pub left: &'a Band<T>,
    pub right: &'a Band<T>,
    pub looks: &'a Looks,
}

/// Where in the recursion an activation stands.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// From 1.
    pub level: usize,
    /// From 0.
    pub layer: usize,
}

/// Runs all levels. `sums` is stages x left graphs x right graphs; stages that are not wanted are left alone.
pub(crate) fn run<T: Real>(
    sheet: &mut Sheet<T>,
    tile: &Tile<'_, T>,
    sums: &mut [f64],
    mut activate: impl FnMut(&mut Sheet<T>, Step) -> Result<(), Error>,
) -> Result<(), Error> {
    let Tile { checked, wanted, left, right, looks } = *tile;
    let pairs = left.graphs.len() * right.graphs.len();
    let mut read = |sheet: &mut Sheet<T>, stage: usize, which, level: usize| {
        if wanted.needs(stage) {
            let out = &mut sums[stage * pairs..][..pairs];
            sheet.read(which, &left.levels[level], &right.levels[level], out);
        }
    };
    sheet.start(left, right);
    if let Looks::OneHot(known) = looks {
        let one = |class: u32| f64::from(u8::from(known[class as usize]));
        sheet.set_equal(&left.levels[0].classes, &right.levels[0].classes, one);
    }
    read(sheet, 0, Which::S, 0);
    for level in 1..=checked.levels() {
        sheet.aggregate(&left.levels[level], &right.levels[level], level == 1);
        if level == 1 {
            read(sheet, 1, Which::S, 1);
        }
        if !checked.is_active() {
            break;
        }
        for layer in 0..checked.mlp {
            activate(sheet, Step { level, layer })?;
        }
        read(sheet, level + 1, Which::T, level);
    }
    Ok(())
}

/// Everything that tiles of one kernel share.
pub(crate) struct Shared<'a> {
    pub checked: Checked,
    pub wanted: Wanted,
    pub classes: Classes,
    pub variances: Variances,
    pub left: &'a Graphs,
    pub right: Option<&'a Graphs>,
}

impl Shared<'_> {
    pub fn side(&self, right: bool) -> Side<'_> {
        let classes = &self.classes;
        match self.right {
            Some(graphs) if right => Side { graphs, classes, first: self.left.nodes() },
            _ => Side { graphs: self.left, classes, first: 0 },
        }
    }

    /// Sums of all stages for a left band and a right band: stages x left graphs x right graphs.
    pub fn sums<T: Real>(
        &self,
        sheet: &mut Sheet<T>,
        left: &Band<T>,
        right: &Band<T>,
        options: &Options<'_>,
    ) -> Result<Vec<f64>, Error> {
        let (checked, wanted) = (&self.checked, &self.wanted);
        let pairs = left.graphs.len() * right.graphs.len();
        let mut sums = vec![0.0; wanted.stages_len() * pairs];
        let tile = Tile { checked, wanted, left, right, looks: &self.classes.looks };
        let then = checked.then();
        run(sheet, &tile, &mut sums, |sheet, Step { level, layer }| {
            options.check_cancelled()?;
            let variances = self.variances.get(level, layer);
            let (left, right) = (&left.levels[level], &right.levels[level]);
            sheet.set_equal(&left.classes, &right.classes, |class| variances[class as usize]);
            sheet.activate(&checked.dual, then, left, right, layer);
            Ok(())
        })?;
        if let Some(bad) = sums.iter().position(|sum| !sum.is_finite()) {
            let graph = left.graphs.start + bad % pairs / right.graphs.len();
            let level = checked.levels();
            return Err(Error::Overflow { side: "left", graph, level, format: format::<T>() });
        }
        Ok(sums)
    }
}
