//! In what two stores differ, in words.

use serde_json::Value;

use super::StoreSpec;

/// Longest value that is shown whole.
const SHOWN: usize = 60;

/// The first field in which two stores differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The field: `network`, `x1`, `dtype`, `tile size`, …
    pub field: String,
    /// What it is in one and in the other: `480, not 240`.
    pub detail: String,
}

/// What makes `found` another store than `wanted`.
pub(crate) fn difference(found: &StoreSpec, wanted: &StoreSpec) -> Option<Difference> {
    let differs = |field: &str, found: String, wanted: String| {
        (found != wanted)
            .then(|| Difference { field: field.into(), detail: format!("{found}, not {wanted}") })
    };
    let of_arrays = |spec: &StoreSpec, tell: fn(&crate::TileSpec) -> String| {
        spec.arrays.iter().map(tell).collect::<Vec<_>>().join(" and ")
    };
    let arrays = |field, tell| differs(field, of_arrays(found, tell), of_arrays(wanted, tell));
    // Checksums of inputs differ with the precision: the precision is what the user knows.
    arrays("dtype", |array| array.float_type.name().to_owned())
        .or_else(|| described(&found.description, &wanted.description))
        .or_else(|| arrays("set of arrays", |array| array.name.clone()))
        .or_else(|| arrays("shape", |array| format!("{:?}", array.shape)))
        .or_else(|| differs("tile size", found.tile.to_string(), wanted.tile.to_string()))
        .or_else(|| differs("symmetry", found.symmetric.to_string(), wanted.symmetric.to_string()))
}

/// The first key under which descriptions differ, and what differs there.
fn described(found: &Value, wanted: &Value) -> Option<Difference> {
    let (path, found, wanted) = first(found, wanted)?;
    let mut steps = path.into_iter();
    let field = steps.next().unwrap_or_else(|| "description".into());
    let inner: String = steps.collect::<Vec<_>>().join(".").replace(".[", "[");
    let place = match inner.as_bytes() {
        [] => String::new(),
        [b'[', ..] => format!("{field}{inner} is "),
        _ => format!("{field}.{inner} is "),
    };
    let detail = format!("{place}{}, not {}", shown(found), shown(wanted));
    Some(Difference { field, detail })
}

/// The way to the first place where two values differ, and what stands there.
fn first<'a>(found: &'a Value, wanted: &'a Value) -> Option<(Vec<String>, &'a Value, &'a Value)> {
    const NONE: &Value = &Value::Null;
    if found == wanted {
        return None;
    }
    let inner = match (found, wanted) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let pair = (a.get(key).unwrap_or(NONE), b.get(key).unwrap_or(NONE));
            first(pair.0, pair.1).map(|found| (key.clone(), found))
        }),
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|i| {
            let pair = (a.get(i).unwrap_or(NONE), b.get(i).unwrap_or(NONE));
            first(pair.0, pair.1).map(|found| (format!("[{i}]"), found))
        }),
        _ => None,
    };
    Some(match inner {
        Some((step, (mut path, found, wanted))) => {
            path.insert(0, step);
            (path, found, wanted)
        }
        None => (Vec::new(), found, wanted),
    })
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FloatType, TileSpec};
    use serde_json::json;

    fn spec() -> StoreSpec {
        let array = TileSpec { name: "ntk".into(), shape: vec![4, 4], float_type: FloatType::F32 };
        let network = json!([{"layer": "dense", "w_std": 1.0}, {"layer": "relu"}]);
        let description = json!({"network": network, "x1": {"crc32": 7}, "x2": null});
        StoreSpec { description, arrays: vec![array], tile: 2, symmetric: true }
    }

    #[test]
    fn the_field_and_both_values_are_told() {
        assert_eq!(difference(&spec(), &spec()), None);
        type Change = fn(&mut StoreSpec);
        let changes: [(Change, &str, &str); 9] = [
            (|s| s.description["x1"]["crc32"] = json!(8), "x1", "x1.crc32 is 8, not 7"),
            (|s| s.description["x2"] = json!(3), "x2", "3, not none"),
            (
                |s| s.description["network"][0]["w_std"] = json!(2.0),
                "network",
                "network[0].w_std is 2.0, not 1.0",
            ),
            (
                |s| s.description["network"] = json!([{"layer": "dense", "w_std": 1.0}]),
                "network",
                "network[1] is none, not {\"layer\":\"relu\"}",
            ),
            (|s| s.arrays[0].float_type = FloatType::F64, "dtype", "float64, not float32"),
            (|s| s.arrays[0].name = "nngp".into(), "set of arrays", "nngp, not ntk"),
            (|s| s.arrays[0].shape = vec![4, 5], "shape", "[4, 5], not [4, 4]"),
            (|s| s.tile = 3, "tile size", "3, not 2"),
            (|s| s.symmetric = false, "symmetry", "false, not true"),
        ];
        for (change, field, detail) in changes {
            let mut other = spec();
            change(&mut other);
            let found = difference(&other, &spec()).unwrap();
            assert_eq!((found.field.as_str(), found.detail.as_str()), (field, detail));
        }
        let long = StoreSpec { description: json!("é".repeat(100)), ..spec() };
        assert!(difference(&long, &spec()).unwrap().detail.contains('…'));
    }
}
