//! Every network of the golden files parses, prints back and has the shape of its arrays.

use serde_json::Value;
use widelimit_arch::{Layer, Network, Shape};

/// The index of the golden files, or `None` (with a line saying so) on a machine without them.
fn index() -> Option<Value> {
    let folder = std::env::var("WIDELIMIT_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let path = format!("{folder}/golden/cases.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the index is JSON")),
        Err(_) => {
            println!("skipped: {path} not found");
            None
        }
    }
}

/// Calls `check` with the id, the case and its list of layers, and says how many there were.
fn for_each_network(mut check: impl FnMut(&str, &Value, &Value)) -> Option<usize> {
    let index = index()?;
    let cases = index["cases"].as_array().expect("a list of cases");
    let mut seen = 0;
    for case in cases {
        for field in ["layers", "equivalent_layers"] {
            if let Some(layers) = case.get(field) {
                check(case["id"].as_str().expect("an id"), case, layers);
                seen += 1;
            }
        }
    }
    assert!(seen > 400, "only {seen} networks found");
    Some(seen)
}

#[test]
fn all_parse_and_print_back() {
    for_each_network(|id, _, layers| {
        let net = Network::from_json(&layers.to_string()).unwrap_or_else(|e| panic!("{id}: {e}"));
        let text = net.to_json().unwrap();
        assert_eq!(Network::from_json(&text).unwrap(), net, "{id}");
        let wrapped = format!("{{\"layers\": {text}}}");
        assert_eq!(Network::from_json(&wrapped).unwrap(), net, "{id}");
        // What is printed has every parameter with its value again; only `route`, which says how
        // the reference worked, is dropped.
        let printed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(printed, without_route(layers), "{id}");
    });
}

fn without_route(json: &Value) -> Value {
    match json {
        Value::Array(items) => items.iter().map(without_route).collect(),
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .filter(|(name, _)| *name != "route")
                .map(|(name, value)| {
                    // 1 and 1.0 are the same number, but not the same `serde_json::Number`.
                    let real = name == "s";
                    (name.clone(), if real { reals(value) } else { without_route(value) })
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn reals(json: &Value) -> Value {
    json.as_array().unwrap().iter().map(|x| Value::from(x.as_f64().unwrap())).collect()
}

/// The size that the name of an input set tells, as in `img12x10_gauss_x1` or `fc_d11_unit_x1`.
fn spatial_sizes(name: &str) -> Vec<usize> {
    let Some(rest) = name.strip_prefix("img") else {
        return if name.starts_with("graph") { vec![6] } else { vec![] };
    };
    let digits: Vec<usize> =
        rest.split('_').next().unwrap().split('x').map(|n| n.parse().unwrap()).collect();
    if digits.len() == 1 { vec![digits[0]; 2] } else { digits }
}

#[test]
fn output_shapes_are_those_of_the_arrays() {
    let mut spatial = 0;
    for_each_network(|id, case, layers| {
        let net = Network::from_json(&layers.to_string()).unwrap();
        let Some(name) = case["x1"].as_str() else { return };
        let input = Shape { spatial: spatial_sizes(name), channels: 3 };
        let got = net.output_shape(&input).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert!(!net.is_spatial() || !input.is_vector(), "{id}");
        for (output, info) in case["outputs"].as_object().unwrap() {
            let shape: Vec<usize> = info["shape"]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n.as_u64().unwrap() as usize)
                .collect();
            // Axes (n1, n2), then the output's spatial axes once or twice.
            let expected = if output.contains("pixel_diagonal") {
                got.spatial.clone()
            } else {
                [got.spatial.clone(), got.spatial.clone()].concat()
            };
            if output.starts_with("nngp_1") || output.starts_with("ntk_1") {
                assert_eq!(shape[2..], expected, "{id} {output}");
                spatial += usize::from(!expected.is_empty());
            }
        }
        if let Some(Layer::Dense(dense)) = net.layers().last() {
            assert_eq!(got.channels, dense.weights.channels(), "{id}");
        }
    });
    assert!(spatial > 0 || index().is_none(), "no output with spatial axes was compared");
}
