//! The JSON text of a network: reading with positions in every error, and writing.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::activation::Activation;
use crate::check::MAX_NESTING;
use crate::describe::describe;
use crate::error::Error;
use crate::fields::Fields;
use crate::layer::Layer;
use crate::position::{List, Position};
use crate::suggest::nearest;
use crate::table::{self, DefaultValue, LayerInfo};
use crate::value::{Number, Value};

/// JSON text as a tree that keeps the order of entries and sees names given twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(x) = self { Some(*x) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            // The reader's own limit is 128 levels of brackets, beyond what the deepest allowed
            // network needs.
            if message.starts_with("recursion limit") {
                Error::TooDeep { at: "layers".into(), limit: MAX_NESTING }
            } else {
                Error::Json { message }
            }
        })
    }
}

/// In few words, for error messages.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Number(x) => Number(*x).fmt(f),
            Self::Text(text) if text.chars().count() <= 40 => write!(f, "{text:?}"),
            Self::Text(text) => {
                write!(f, "{:?}...", text.chars().take(40).collect::<String>())
            }
            Self::List(items) if items.len() <= 4 => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    let separator = if i > 0 { ", " } else { "" };
                    match item {
                        Self::List(_) => write!(f, "{separator}[...]")?,
                        item => write!(f, "{separator}{item}")?,
                    }
                }
                f.write_str("]")
            }
            Self::List(items) => write!(f, "a list of {} entries", items.len()),
            Self::Map(_) => f.write_str("an object"),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;
        impl<'de> Visitor<'de> for Tree {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, b: bool) -> Result<Json, E> {
                Ok(Json::Bool(b))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Json, E> {
                Ok(Json::Number(n as f64))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Json, E> {
                Ok(Json::Number(n as f64))
            }

            fn visit_f64<E>(self, x: f64) -> Result<Json, E> {
                Ok(Json::Number(x))
            }

            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = entries.next_element()? {
                    items.push(item);
                }
                Ok(Json::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = entries.next_entry()? {
                    items.push(item);
                }
                Ok(Json::Map(items))
            }
        }
        deserializer.deserialize_any(Tree)
    }
}

/// The layers that a text describes; preconditions are not checked yet.
pub(crate) fn read(text: &str) -> Result<Vec<Layer>, Error> {
    let wrong = |got: &Json| Error::Structure {
        at: "the description".into(),
        expected: "a list of layers, or {\"layers\": [...]}",
        got: got.to_string(),
    };
    let tree = Json::parse(text)?;
    let list = match &tree {
        Json::List(list) => list,
        Json::Map(entries) => match entries.as_slice() {
            [(name, Json::List(list))] if name == "layers" => list,
            [(name, other)] if name == "layers" => return Err(wrong(other)),
            _ => return Err(wrong(&tree)),
        },
        other => return Err(wrong(other)),
    };
    read_list(list, None, List::Layers)
}

fn read_list(items: &[Json], block: Option<&Position>, list: List) -> Result<Vec<Layer>, Error> {
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let at = match block {
                None => Position::new(index),
                Some(block) => block.inside(list.step(index)),
            };
            read_layer(item, &at)
        })
        .collect()
}

fn read_layer(json: &Json, at: &Position) -> Result<Layer, Error> {
    if at.nesting() > MAX_NESTING {
        return Err(Error::TooDeep { at: at.to_string(), limit: MAX_NESTING });
    }
    let wrong = || Error::Structure {
        at: at.to_string(),
        expected: "a layer, {\"layer\": \"NAME\", ...parameters}",
        got: json.to_string(),
    };
    let Json::Map(entries) = json else { return Err(wrong()) };
    let name = entries.iter().find(|(name, _)| name == "layer").ok_or_else(wrong)?;
    let name = name.1.text().ok_or_else(wrong)?;
    let info = table::find(name).ok_or_else(|| Error::UnknownLayer {
        at: at.clone(),
        name: Json::Text(name.to_owned()).to_string().trim_matches('"').to_owned(),
        suggestion: nearest(name, table::layers().iter().flat_map(LayerInfo::names))
            .map(str::to_owned),
    })?;
    let fields = Fields { at, info, values: read_values(entries, info, at)? };
    match info.name {
        "residual" => Ok(Layer::Residual {
            body: read_block(entries, &fields, "body", List::Body)?,
            shortcut: read_block(entries, &fields, "shortcut", List::Shortcut)?,
        }),
        "parallel" => Ok(Layer::Parallel {
            branches: read_branches(entries, &fields)?,
            combine: fields.combine()?,
        }),
        _ => fields.layer(),
    }
}

/// Every parameter but lists of layers, checked against the table, defaults filled in.
fn read_values(
    entries: &[(String, Json)],
    info: &'static LayerInfo,
    at: &Position,
) -> Result<Vec<(&'static str, Value)>, Error> {
    if let Some((name, _)) =
        entries.iter().find(|(name, _)| name != "layer" && info.parameter(name).is_none())
    {
        return Err(Error::UnknownParameter {
            at: at.clone(),
            layer: info.name,
            field: name.chars().take(40).collect(),
            suggestion: nearest(name, info.parameters().map(|p| p.name)).map(str::to_owned),
            known: info.known(),
        });
    }
    // Every name is a known one by now, so a long list is caught at its first repetition.
    for (i, (name, _)) in entries.iter().enumerate() {
        if entries[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(Error::DuplicateParameter { at: at.clone(), field: name.clone() });
        }
    }
    let mut values = Vec::new();
    for parameter in info.parameters().filter(|p| !p.domain.holds_layers()) {
        // null stands for "not given", as Python writes None.
        let given =
            entries.iter().find(|(name, json)| name == parameter.name && *json != Json::Null);
        let default = match parameter.default {
            DefaultValue::Is(text) => Some(Json::parse(text)?),
            _ => None,
        };
        if let Some(json) = given.map(|(_, json)| json).or(default.as_ref()) {
            let value = parameter.domain.read(json).ok_or_else(|| Error::InvalidValue {
                at: at.clone(),
                layer: info.name.into(),
                field: parameter.name,
                expected: parameter.domain.to_string(),
                got: json.to_string(),
            })?;
            values.push((parameter.name, value));
        } else if parameter.default == DefaultValue::Required {
            return Err(Error::MissingParameter {
                at: at.clone(),
                layer: info.name,
                field: parameter.name,
                expected: parameter.domain.to_string(),
            });
        }
    }
    Ok(values)
}

fn find<'a>(entries: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    entries.iter().find(|(n, json)| n == name && *json != Json::Null).map(|(_, json)| json)
}

fn wrong_list(fields: &Fields<'_>, at: String, expected: &'static str, got: &Json) -> Error {
    Error::Structure { at: format!("{}.{at}", fields.at), expected, got: got.to_string() }
}

/// The list of layers under `name`; an optional one that is not given is empty.
fn read_block(
    entries: &[(String, Json)],
    fields: &Fields<'_>,
    name: &'static str,
    list: List,
) -> Result<Vec<Layer>, Error> {
    match find(entries, name) {
        Some(Json::List(items)) => read_list(items, Some(fields.at), list),
        Some(other) => Err(wrong_list(fields, list.to_string(), "a list of layers", other)),
        None if list == List::Shortcut => Ok(Vec::new()),
        None => Err(fields.missing(name)),
    }
}

fn read_branches(
    entries: &[(String, Json)],
    fields: &Fields<'_>,
) -> Result<Vec<Vec<Layer>>, Error> {
    let branches = match find(entries, "branches") {
        Some(Json::List(branches)) => branches,
        Some(other) => {
            return Err(wrong_list(fields, "branches".into(), "a list of lists of layers", other));
        }
        None => return Err(fields.missing("branches")),
    };
    branches
        .iter()
        .enumerate()
        .map(|(i, branch)| match branch {
            Json::List(items) => read_list(items, Some(fields.at), List::Branch(i)),
            other => {
                Err(wrong_list(fields, List::Branch(i).to_string(), "a list of layers", other))
            }
        })
        .collect()
}

/// The activation with this name, with its default parameters.
pub(crate) fn activation(name: &str, at: &Position) -> Result<Option<Activation>, Error> {
    match table::find(name).filter(|info| info.is_activation()) {
        None => Ok(None),
        Some(info) => {
            Fields { at, info, values: read_values(&[], info, at)? }.activation().map(Some)
        }
    }
}

/// A list of layers, written as in the JSON form.
pub(crate) struct Layers<'a>(pub(crate) &'a [Layer]);

impl Serialize for Layers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(One))
    }
}

struct One<'a>(&'a Layer);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("layer", self.0.name())?;
        for (name, value) in describe(self.0) {
            map.serialize_entry(name, &value)?;
        }
        match self.0 {
            Layer::Residual { body, shortcut } => {
                map.serialize_entry("body", &Layers(body))?;
                map.serialize_entry("shortcut", &Layers(shortcut))?;
            }
            Layer::Parallel { branches, .. } => {
                let branches: Vec<_> = branches.iter().map(|b| Layers(b)).collect();
                map.serialize_entry("branches", &branches)?;
            }
            _ => {}
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Real(x) => x.serialize(serializer),
            Self::Count(n) => n.serialize(serializer),
            Self::Flag(b) => b.serialize(serializer),
            Self::Word(word) => word.serialize(serializer),
            Self::Reals(xs) => xs.serialize(serializer),
            Self::Sizes(ns) => ns.serialize(serializer),
            Self::Words(words) => words.serialize(serializer),
        }
    }
}
