//! What an activation learns from a sample.

use ndarray::Array2;

use super::{Conditioned, DEGREES};
use crate::Error;
use crate::layered::program::{Program, Step};

/// The mean direction of an activation's units, block by block, and the function of the coordinate along it
/// that slopes have most in common with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::layered) struct Direction {
    /// For every block that is split a unit vector; 0 where there is no mean.
    pub axes: Vec<Vec<f64>>,
    /// Over the coordinates along the axes another one.
    pub weights: Vec<f64>,
    /// Hermite coefficients of the function, a unit vector as well.
    pub function: Vec<f64>,
    /// Standard deviation of half of the coordinates along the direction; 0 where it is not known.
    pub spread: f64,
}

/// The name of what the activation of this number has learned.
fn name(index: usize) -> String {
    format!("centred/direction/{index}")
}

/// Everything as rows with names.
pub(in crate::layered) fn arrays(directions: &[Direction]) -> Vec<(String, Array2<f64>)> {
    let row = |direction: &Direction| {
        let axes = direction.axes.iter().flatten();
        let all: Vec<f64> = axes
            .chain(&direction.weights)
            .chain(&direction.function)
            .chain([&direction.spread])
            .copied()
            .collect();
        Array2::from_shape_fn((1, all.len()), |(_, i)| all[i])
    };
    directions.iter().enumerate().map(|(i, direction)| (name(i), row(direction))).collect()
}

/// Directions of a program from such rows.
///
/// # Errors
/// A row that is missing, too many, or of another length than the program needs.
pub(in crate::layered) fn from_arrays(
    program: &Program,
    arrays: &[(String, Array2<f64>)],
) -> Result<Vec<Direction>, Error> {
    let steps = program.steps.iter().filter_map(|step| match step {
        Step::Conditioned(step) => Some(step.as_ref()),
        _ => None,
    });
    let directions: Vec<Direction> =
        steps.map(|step| direction(program, step, arrays)).collect::<Result<_, _>>()?;
    let known = |name: &String| (0..directions.len()).any(|i| *name == self::name(i));
    match arrays.iter().find(|(name, _)| !known(name)) {
        Some((name, _)) => Err(Error::UnknownArray { name: name.clone() }),
        None => Ok(directions),
    }
}

fn direction(
    program: &Program,
    step: &Conditioned,
    arrays: &[(String, Array2<f64>)],
) -> Result<Direction, Error> {
    let name = name(step.index);
    let wrong = |what: String| Error::NotApplicable {
        strategy: "centred",
        reason: format!("the array `{name}` {what}"),
    };
    let (_, array) = arrays
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| wrong("is missing".to_owned()))?;
    let dims: Vec<usize> = step.splits.iter().map(|s| program.blocks[s.from].dim).collect();
    let weights = step.nngp.along.len();
    let expected = dims.iter().sum::<usize>() + weights + DEGREES + 1;
    if array.dim() != (1, expected) {
        return Err(wrong(format!("is {:?}, must be {:?}", array.dim(), (1, expected))));
    }
    if array.iter().any(|x| !x.is_finite()) {
        return Err(wrong("has entries that are not finite".to_owned()));
    }
    let mut entries = array.iter().copied();
    let mut take = |count: usize| entries.by_ref().take(count).collect::<Vec<f64>>();
    let axes = dims.into_iter().map(&mut take).collect();
    let (weights, function) = (take(weights), take(DEGREES));
    Ok(Direction { axes, weights, function, spread: take(1)[0] })
}

/// A vector scaled to length 1; 0 where that cannot be.
pub(super) fn unit(mut x: Vec<f64>) -> Vec<f64> {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scale = if norm > 0.0 && norm.is_finite() { norm.recip() } else { 0.0 };
    x.iter_mut().for_each(|x| *x = if scale > 0.0 { *x * scale } else { 0.0 });
    x
}
