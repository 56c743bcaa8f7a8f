//! Inputs as a network or a model takes them: rows, or images.

use std::iter;

use ndarray::{Array3, ArrayD, Ix3};
use widelimit::arch::{Layer, Shape};
use widelimit::data::{Array, Peek};
use widelimit::exact::{self, Plan};
use widelimit::features::{FeaturePlan, FeatureSettings, Features};
use widelimit::{Model, Network, Quantity, Run, Scalar};

use super::data;
use super::kernel::{spatial, want};
use crate::args::{Dtype, KernelArgs};
use crate::failure::Failure;
use crate::session::Session;

/// Axes of an array as a network takes it. A network none of whose layers knows positions takes an
/// image as one vector; one that does takes images as they are, and gets the axis for channels where the
/// array has none.
pub fn axes(shape: &[usize], network: &Network) -> Vec<usize> {
    let of_one = shape.get(1..).unwrap_or_default();
    let flattens = || network.walk().any(|(_, layer)| matches!(layer, Layer::Flatten));
    if of_one.is_empty() || !(network.is_spatial() || flattens()) {
        return flat(shape);
    }
    let channel: &[usize] = if network.input_axes() == Some(of_one.len()) { &[1] } else { &[] };
    [shape, channel].concat()
}

/// The same for a model, which was fitted on inputs of one shape.
fn axes_like(shape: &[usize], input: &Shape) -> Vec<usize> {
    match shape {
        _ if input.is_vector() => flat(shape),
        [_, rest @ ..] if rest == input.spatial && input.channels == 1 => [shape, &[1]].concat(),
        _ => shape.to_vec(),
    }
}

/// Every input as one vector.
fn flat(shape: &[usize]) -> Vec<usize> {
    shape.split_first().map_or_else(Vec::new, |(rows, rest)| vec![*rows, rest.iter().product()])
}

/// An array as a network takes it.
pub fn for_network(array: Array, network: &Network, what: &str) -> Result<Array, Failure> {
    let axes = axes(array.shape(), network);
    reshaped(array, axes, what)
}

/// An array as a model takes it; one of other inputs than it was fitted on is refused.
pub fn for_model(array: Array, model: &Model, what: &str) -> Result<Array, Failure> {
    let input = &model.details().input;
    let (array, got) = of_shape(array, input, what)?;
    if got == *input {
        return Ok(array);
    }
    if got.is_vector() && input.is_vector() {
        return data::expect_features(what, got.channels, model).map(|()| array);
    }
    Err(Failure::data(format!(
        "{what} has inputs of the shape {got} but the model was fitted on {input}"
    )))
}

/// An array as what was fitted on inputs of this shape takes it, and the shape that its own inputs have.
pub fn of_shape(array: Array, input: &Shape, what: &str) -> Result<(Array, Shape), Failure> {
    let axes = axes_like(array.shape(), input);
    let array = reshaped(array, axes, what)?;
    let got = shape_of(array.shape());
    Ok((array, got))
}

/// Every input of an array as one vector.
pub fn as_rows(array: Array, what: &str) -> Result<Array, Failure> {
    let axes = flat(array.shape());
    reshaped(array, axes, what)
}

fn reshaped(array: Array, axes: Vec<usize>, what: &str) -> Result<Array, Failure> {
    let wrong = |e: ndarray::ShapeError| Failure::data(format!("{what}: {e}"));
    Ok(match array {
        Array::F32(a) => Array::F32(a.into_shape_with_order(axes).map_err(wrong)?),
        Array::F64(a) => Array::F64(a.into_shape_with_order(axes).map_err(wrong)?),
    })
}

/// Shape of one input of an array.
fn shape_of(axes: &[usize]) -> Shape {
    match axes {
        [_, spatial @ .., channels] => Shape::image(spatial, *channels),
        _ => Shape::vector(0),
    }
}

impl KernelArgs {
    /// All inputs that are named.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let named = [&self.x2, &self.adjacency1, &self.adjacency2];
        iter::once(self.x1.as_str()).chain(named.into_iter().flatten().map(String::as_str))
    }

    /// Each set of inputs with its adjacency matrices, and the flag that names those.
    fn sets(&self) -> impl Iterator<Item = (&str, Option<&str>, &'static str)> {
        let first = (self.x1.as_str(), self.adjacency1.as_deref(), "--adjacency1");
        let second = self.x2.as_deref();
        let second = second.map(|x2| (x2, self.adjacency2.as_deref(), "--adjacency2"));
        iter::once(first).chain(second)
    }

    /// Reads the inputs, each with its adjacency matrices.
    pub fn read<T: Scalar>(&self, network: &Network) -> Result<Vec<Set<T>>, Failure> {
        self.sets()
            .map(|(x, adjacency, _)| {
                let array = for_network(data::inputs(x)?, network, x)?;
                Ok((array.into_elements(), adjacency.map(matrices).transpose()?))
            })
            .collect()
    }
}

/// Inputs and their adjacency matrices.
pub type Set<T> = (ArrayD<T>, Option<Array3<T>>);

/// Reads adjacency matrices.
fn matrices<T: Scalar>(text: &str) -> Result<Array3<T>, Failure> {
    let array = data::inputs(text)?.into_elements::<T>();
    array.into_dimensionality::<Ix3>().map_err(|e| Failure::data(format!("{text}: {e}")))
}

/// Inputs of a job as far as their files tell without being read.
pub struct Looked {
    rows: usize,
    other: Option<usize>,
    shape: Shape,
    /// Bytes they take while the kernel is computed.
    pub held: u64,
    /// Bytes they take at most while they are read and converted.
    reading: u64,
}

impl Looked {
    /// Looks at the files and insists that they fit one another and the network.
    pub fn at(args: &KernelArgs, network: &Network) -> Result<Self, Failure> {
        let aggregates = network.walk().any(|(_, layer)| matches!(layer, Layer::Aggregate));
        let mut looked =
            Self { rows: 0, other: None, shape: Shape::vector(0), held: 0, reading: 0 };
        for (index, (x, adjacency, flag)) in args.sets().enumerate() {
            let peek = widelimit::data::peek(&data::source(x)?)?;
            let axes = axes(&peek.shape, network);
            let Some(rows) = axes.first().copied() else {
                let message = format!("{x} is a single number, not an array of inputs");
                return Err(Failure::data(message));
            };
            looked.take(&peek, args.dtype);
            let shape = shape_of(&axes);
            if index == 0 {
                (looked.rows, looked.shape) = (rows, shape);
            } else {
                looked.other = Some(rows);
                looked.expect_shape(&args.x1, &shape)?;
            }
            match (aggregates, adjacency) {
                (true, Some(text)) => looked.take_matrices(text, rows, args.dtype)?,
                (true, None) => {
                    return Err(Failure::usage(format!(
                        "the network aggregates over graphs: {flag} has to name the adjacency \
                         matrices of {x}, one an input"
                    )));
                }
                (false, Some(text)) => {
                    return Err(Failure::usage(format!(
                        "{flag} {text} is given, but no layer of the network aggregates over graphs"
                    )));
                }
                (false, None) => {}
            }
        }
        Ok(looked)
    }

    /// Counts an array.
    fn take(&mut self, peek: &Peek, dtype: Dtype) {
        let element = if dtype == Dtype::F32 { 4 } else { 8 };
        let numbers = peek.shape.iter().fold(1, |n: u64, axis| n.saturating_mul(*axis as u64));
        let converted = numbers.saturating_mul(element);
        // An array of another precision is there twice while it is converted.
        let copy = if peek.bytes == converted { 0 } else { converted };
        let peak = peek.reading.max(peek.bytes.saturating_add(copy));
        self.reading = self.reading.max(self.held.saturating_add(peak));
        self.held = self.held.saturating_add(converted);
    }

    fn take_matrices(&mut self, text: &str, rows: usize, dtype: Dtype) -> Result<(), Failure> {
        let peek = widelimit::data::peek(&data::source(text)?)?;
        let vertices = self.shape.spatial.first().copied().unwrap_or(0);
        if peek.shape != [rows, vertices, vertices] {
            return Err(Failure::data(format!(
                "{text} has the shape {:?}, but [{rows}, {vertices}, {vertices}] is expected: one \
                 adjacency matrix an input",
                peek.shape
            )));
        }
        self.take(&peek, dtype);
        Ok(())
    }

    /// Insists on second inputs of the shape of the first.
    fn expect_shape(&self, x1: &str, got: &Shape) -> Result<(), Failure> {
        if *got == self.shape {
            return Ok(());
        }
        let shape = &self.shape;
        Err(Failure::data(if got.is_vector() && shape.is_vector() {
            format!("{x1} has {shape} columns but the other inputs have {got}")
        } else {
            format!("an input of {x1} has the shape {shape} but one of the others {got}")
        }))
    }

    /// The plan of a kernel of these inputs; what does not fit the memory limit is refused.
    pub fn plan(
        &self,
        network: &Network,
        args: &KernelArgs,
        session: &Session,
    ) -> Result<Plan, Failure> {
        session.less(self.reading)?;
        let run = Run { budget: session.less(self.held)?, ..session.run() };
        let options = run.options(want(args.get)).spatial(spatial(args.spatial));
        let Self { rows, other, shape, .. } = self;
        let plan = match args.dtype {
            Dtype::F64 => exact::plan::<f64>(network, *rows, *other, shape, &options),
            Dtype::F32 => exact::plan::<f32>(network, *rows, *other, shape, &options),
        };
        plan.map_err(|error| session.explain(error.into(), self.held))
    }

    /// The plan of features of these inputs, all of which are held; what does not fit the memory limit is refused.
    pub fn plan_features(
        &self,
        network: &Network,
        dtype: Dtype,
        quantity: Quantity,
        settings: &FeatureSettings,
        session: &Session,
    ) -> Result<FeaturePlan, Failure> {
        session.less(self.reading)?;
        let run = Run { budget: session.less(self.held)?, ..session.run() };
        let Self { rows, shape, .. } = self;
        let plan = match dtype {
            Dtype::F64 => Features::plan::<f64>(network, *rows, shape, quantity, settings, &run),
            Dtype::F32 => Features::plan::<f32>(network, *rows, shape, quantity, settings, &run),
        };
        plan.map_err(|error| session.explain(error, self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_go_to_networks_that_know_positions() {
        let of = |shape: &[usize], net: &str| axes(shape, &Network::preset(net).unwrap());
        assert_eq!(of(&[5, 8, 8, 3], "myrtle5"), [5, 8, 8, 3]);
        assert_eq!(of(&[5, 8, 8], "myrtle5"), [5, 8, 8, 1]);
        assert_eq!(of(&[5, 64], "myrtle5"), [5, 64]);
        assert_eq!(of(&[5, 8, 8, 3], "mlp:2"), [5, 192]);
        assert_eq!(of(&[5], "mlp:2"), [5, 1]);
        let flatten =
            r#"[{"layer":"dense"},{"layer":"relu"},{"layer":"flatten"},{"layer":"dense"}]"#;
        let flatten = Network::from_json(flatten).unwrap();
        assert_eq!(axes(&[5, 8, 8, 3], &flatten), [5, 8, 8, 3]);
        assert_eq!(axes(&[5, 8], &flatten), [5, 8]);
        assert_eq!(axes(&[5], &flatten), [5, 1]);
    }

    #[test]
    fn models_see_inputs_as_those_they_were_fitted_on() {
        let gray = Shape::image([8, 8], 1);
        assert_eq!(axes_like(&[5, 8, 8], &gray), [5, 8, 8, 1]);
        assert_eq!(axes_like(&[5, 8, 8, 1], &gray), [5, 8, 8, 1]);
        assert_eq!(axes_like(&[5, 6, 8], &gray), [5, 6, 8]);
        assert_eq!(axes_like(&[5, 8, 8, 3], &Shape::vector(192)), [5, 192]);
    }
}
