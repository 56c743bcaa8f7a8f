//! `net show`, `net check`, `net list`.

use std::fmt::Write;

use serde_json::{Value, json};
use widelimit::Network;
use widelimit::arch::{self, DefaultValue, Group, LayerInfo, Shape};

use super::describe::axes;
use crate::answer::{Answer, write_out};
use crate::args::{InputShape, NetArg, NetCommand};
use crate::failure::Failure;
use crate::session::Session;

/// Runs the command.
pub fn net(command: &NetCommand, session: &Session) -> Result<(), Failure> {
    match command {
        NetCommand::Show { net } => show(net),
        NetCommand::Check { net, input } => check(net, input.as_ref(), session),
        NetCommand::List => list(session),
    }
}

/// The network as JSON, one layer a line.
pub fn pretty(network: &Network) -> Result<String, Failure> {
    let text = network.to_json().map_err(|e| Failure::usage(e.to_string()))?;
    Ok(one_element_a_line(&text) + "\n")
}

/// Breaks the lines of a JSON list between its elements.
fn one_element_a_line(list: &str) -> String {
    let mut out = String::with_capacity(list.len() + 64);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for c in list.chars() {
        let structure = !quoted;
        match c {
            '"' if !escaped => quoted = !quoted,
            '[' | '{' if structure => depth += 1,
            ']' | '}' if structure => depth -= 1,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        if depth == 0 && c == ']' {
            out.push('\n');
        }
        out.push(c);
        if structure && depth == 1 && (c == '[' || c == ',') {
            out.push_str("\n  ");
        }
    }
    out
}

/// The network in one line: names of its layers, repetitions counted.
pub fn summary(network: &Network) -> String {
    let names: Vec<&str> = network.layers().iter().map(|layer| layer.name()).collect();
    let mut parts: Vec<String> = Vec::new();
    let mut k = 0;
    while k < names.len() {
        // The shortest period that repeats from here.
        let rest = &names[k..];
        let times =
            |period: usize| rest.chunks(period).take_while(|c| *c == &rest[..period]).count();
        let period = (1..=rest.len() / 2).find(|p| times(*p) > 1).unwrap_or(1);
        let count = times(period);
        let unit = rest[..period].join(" → ");
        parts.push(match (count, period) {
            (1, _) => unit,
            (_, 1) => format!("{count} × {unit}"),
            _ => format!("{count} × ({unit})"),
        });
        k += period * count;
    }
    parts.join(" → ")
}

fn show(net: &NetArg) -> Result<(), Failure> {
    write_out(&pretty(&net.read()?)?)
}

fn check(net: &NetArg, input: Option<&InputShape>, session: &Session) -> Result<(), Failure> {
    let network = net.read()?;
    let mut answer = Answer::new()
        .with("network", summary(&network), serde_json::to_value(&network).unwrap_or(Value::Null))
        .with("layers", network.walk().count().to_string(), network.walk().count())
        .with(
            "inputs",
            if network.is_spatial() { "images" } else { "vectors" },
            if network.is_spatial() { "images" } else { "vectors" },
        );
    if let Some(InputShape(sizes)) = input {
        let (spatial, channels) = sizes.split_at(sizes.len() - 1);
        let shape = Shape { spatial: spatial.to_vec(), channels: channels[0] };
        let output = network.output_shape(&shape).map_err(|e| Failure::usage(e.to_string()))?;
        let numbers = |s: &Shape| json!(axes(s));
        answer = answer.with("input", shape.to_string(), numbers(&shape)).with(
            "output",
            output.to_string(),
            numbers(&output),
        );
    }
    answer.print(session.json)
}

fn list(session: &Session) -> Result<(), Failure> {
    if session.json {
        let presets: Vec<Value> =
            arch::presets().iter().map(|p| json!({"form": p.form, "summary": p.summary})).collect();
        let layers: Vec<Value> = arch::layers().iter().map(layer_as_json).collect();
        return write_out(&format!("{}\n", json!({"presets": presets, "layers": layers})));
    }
    let mut text = String::from("Presets\n");
    for preset in arch::presets() {
        let _ = writeln!(text, "  {:<24} {}", preset.form, preset.summary);
    }
    for (group, heading) in [
        (Group::Weights, "Layers with weights"),
        (Group::ClosedForm, "Activations in closed form"),
        (Group::Numerical, "Activations by Hermite coefficients"),
        (Group::Normalisation, "Normalisation"),
        (Group::Blocks, "Blocks"),
        (Group::Positions, "Positions"),
    ] {
        let _ = writeln!(text, "\n{heading}");
        for layer in arch::layers().iter().filter(|l| l.group == group) {
            let _ = writeln!(
                text,
                "  {:<24} {}",
                layer.names().collect::<Vec<_>>().join(", "),
                layer.formula
            );
            for p in layer.parameters() {
                let default = match p.default {
                    DefaultValue::Required => "required".into(),
                    DefaultValue::Is(value) => format!("default {value}"),
                    DefaultValue::Otherwise(words) => format!("default {words}"),
                };
                let _ =
                    writeln!(text, "      {:<20} {}: {}; {default}", p.name, p.meaning, p.domain);
            }
        }
    }
    write_out(&text)
}

fn layer_as_json(layer: &LayerInfo) -> Value {
    let parameters: Vec<Value> = layer
        .parameters()
        .map(|p| {
            let default = match p.default {
                DefaultValue::Required => Value::Null,
                DefaultValue::Is(text) => {
                    serde_json::from_str(text).unwrap_or_else(|_| text.into())
                }
                DefaultValue::Otherwise(words) => words.into(),
            };
            json!({
                "name": p.name, "meaning": p.meaning, "domain": p.domain.to_string(),
                "required": p.default == DefaultValue::Required, "default": default,
            })
        })
        .collect();
    json!({
        "name": layer.name, "aliases": layer.aliases, "formula": layer.formula,
        "activation": layer.is_activation(), "parameters": parameters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_counted() {
        let of = |preset| summary(&Network::preset(preset).unwrap());
        assert_eq!(of("mlp:1:relu"), "dense → relu → dense");
        assert_eq!(of("mlp:3:gelu"), "3 × (dense → gelu) → dense");
    }

    #[test]
    fn what_is_printed_reads_back() {
        let network = Network::preset("resnet:1").unwrap();
        let text = pretty(&network).unwrap();
        assert_eq!(Network::from_json(&text).unwrap(), network);
        assert_eq!(text.lines().count(), network.layers().len() + 2);
        assert_eq!(
            one_element_a_line(r#"[{"a":"],\"{"},[1,2]]"#),
            "[\n  {\"a\":\"],\\\"{\"},\n  [1,2]\n]"
        );
    }
}
