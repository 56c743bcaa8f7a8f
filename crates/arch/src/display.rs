//! Networks for people to read.

use std::fmt;

use crate::activation::Activation;
use crate::describe::{Values, describe};
use crate::error::Error;
use crate::json::Json;
use crate::layer::Layer;
use crate::network::Network;
use crate::position::Position;
use crate::shape::Shape;
use crate::table::{self, DefaultValue};
use crate::value::Value;

/// One line per layer: position, name and the parameters that are not at their defaults; what is
/// inside a block is indented.
///
/// ```
/// let net = widelimit_arch::Network::preset("mlp:1")?;
/// let lines = "layers[0]  dense  w_std=1.41421\n\
///              layers[1]  relu\n\
///              layers[2]  dense  w_std=1.41421\n";
/// assert_eq!(net.to_string(), lines);
/// # Ok::<(), widelimit_arch::Error>(())
/// ```
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lines(self.walk().map(|(at, layer)| row(&at, layer)).collect()))
    }
}

impl Network {
    /// Like `Display`, with the output shape of every layer for inputs of this shape.
    ///
    /// ```
    /// # use widelimit_arch::{Network, Shape};
    /// let net = Network::preset("cntk-gap:1")?;
    /// let lines = "input                                               32x32x3\n\
    ///              layers[0]  conv             3x3 SAME w_std=1.41421  32x32x1\n\
    ///              layers[1]  relu                                     32x32x1\n\
    ///              layers[2]  global_avg_pool                          1\n\
    ///              layers[3]  dense            w_std=1.41421           1\n";
    /// assert_eq!(net.summary(&Shape::image([32, 32], 3))?, lines);
    /// # Ok::<(), widelimit_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::output_shape`].
    pub fn summary(&self, input: &Shape) -> Result<String, Error> {
        let shapes = self.shapes(input)?;
        let mut rows = vec![["input".into(), String::new(), String::new(), input.to_string()]];
        rows.extend(self.walk().map(|(at, layer)| {
            let [place, name, parameters, _] = row(&at, layer);
            let shape = shapes.iter().find(|shapes| shapes.at == at);
            [place, name, parameters, shape.map(|s| s.output.to_string()).unwrap_or_default()]
        }));
        Ok(lines(rows))
    }
}

type Row = [String; 4];

fn row(at: &Position, layer: &Layer) -> Row {
    let step = at.last().map(|step| step.to_string()).unwrap_or_default();
    let place = format!("{:indent$}{step}", "", indent = 2 * at.nesting());
    [place, layer.name().into(), parameters(layer, " "), String::new()]
}

/// Rows with their columns aligned, without blanks at the ends.
fn lines(rows: Vec<Row>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for [place, name, parameters, shape] in &rows {
        let [a, b, c] = widths;
        let line = format!("{place:a$}  {name:b$}  {parameters:c$}  {shape}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The name with the parameters that are not at their defaults, as `dense(w_std=1.5, b_std=0.1)`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = parameters(self, ", ");
        match self {
            Self::Residual { body, shortcut } => {
                write!(f, "residual(body=")?;
                write_list(f, body)?;
                write!(f, ", shortcut=")?;
                write_list(f, shortcut)?;
                f.write_str(")")
            }
            Self::Parallel { branches, .. } => {
                write!(f, "parallel({parameters}, branches=[")?;
                for (i, branch) in branches.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write_list(f, branch)?;
                }
                f.write_str("])")
            }
            _ if parameters.is_empty() => f.write_str(self.name()),
            _ => write!(f, "{}({parameters})", self.name()),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, layers: &[Layer]) -> fmt::Result {
    f.write_str("[")?;
    for (i, layer) in layers.iter().enumerate() {
        write!(f, "{}{layer}", if i > 0 { ", " } else { "" })?;
    }
    f.write_str("]")
}

/// As the layer that it makes: `leaky_relu(alpha=0.1)`.
impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Layer::Activation(self.clone()).fmt(f)
    }
}

/// The parameters that are not at their defaults; sizes and paddings speak for themselves.
fn parameters(layer: &Layer, separator: &str) -> String {
    let words: Vec<_> = unusual(layer)
        .into_iter()
        .map(|(name, value)| match (name, value) {
            ("filter" | "window", value) => brief(&value),
            ("padding" | "combine" | "mode", Value::Word(word)) => word.into(),
            (name, Value::Flag(true)) => name.into(),
            (name, value) => format!("{name}={}", brief(&value)),
        })
        .collect();
    words.join(separator)
}

fn unusual(layer: &Layer) -> Values {
    let info = table::find(layer.name());
    let mut values = describe(layer);
    values.retain(|(name, value)| match info.and_then(|info| info.parameter(name)) {
        Some(parameter) => match parameter.default {
            DefaultValue::Is(text) => {
                Json::parse(text).ok().and_then(|json| parameter.domain.read(&json)).as_ref()
                    != Some(value)
            }
            _ => !matches!(value, Value::Sizes(sizes) if *name == "strides" && sizes.iter().all(|n| *n == 1)),
        },
        None => true,
    });
    values
}

/// Six digits at most; sizes as `3x3`.
fn brief(value: &Value) -> String {
    match value {
        Value::Real(x) => brief_number(*x),
        Value::Reals(xs) => {
            format!("[{}]", xs.iter().map(|x| brief_number(*x)).collect::<Vec<_>>().join(" "))
        }
        Value::Sizes(ns) => ns.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
        Value::Words(words) => words.join("+"),
        Value::Word(word) => (*word).into(),
        other => other.to_string(),
    }
}

fn brief_number(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        let text = format!("{x:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trim_zeros(digits));
    }
    trim_zeros(&format!("{x:.5}")).into()
}

/// Without the zeros that end a decimal fraction.
fn trim_zeros(text: &str) -> &str {
    text.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (10.0, "10"),
            (std::f64::consts::SQRT_2, "1.41421"),
            (0.05, "0.05"),
            (1e-12, "1e-12"),
            (-2.5e9, "-2.5e9"),
        ] {
            assert_eq!(brief_number(x), text);
        }
    }

    #[test]
    fn layers_fit_on_a_line() {
        let leaky = Activation::LeakyRelu { alpha: 0.2 };
        assert_eq!(leaky.to_string(), "leaky_relu(alpha=0.2)");
        assert_eq!(Activation::LeakyRelu { alpha: 0.01 }.to_string(), "leaky_relu");
        let block =
            Layer::residual(vec![leaky.into(), crate::Dense::new(2.0).bias(0.5).into()], vec![]);
        let text = "residual(body=[leaky_relu(alpha=0.2), dense(w_std=2, b_std=0.5)], shortcut=[])";
        assert_eq!(block.to_string(), text);
    }
}
