//! Values of parameters, and the sets they must lie in.

use std::fmt;

use crate::json::Json;

/// The value of one parameter of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Real(f64),
    /// A whole number.
    Count(usize),
    /// True or false.
    Flag(bool),
    /// One of a few words.
    Word(&'static str),
    /// Numbers.
    Reals(Vec<f64>),
    /// Whole numbers, one per spatial axis.
    Sizes(Vec<usize>),
    /// Several of a few words.
    Words(Vec<&'static str>),
}

impl fmt::Display for Value {
    /// As in the JSON form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(x) => Number(*x).fmt(f),
            Self::Count(n) => write!(f, "{n}"),
            Self::Flag(b) => write!(f, "{b}"),
            Self::Word(w) => write!(f, "\"{w}\""),
            Self::Reals(xs) => list(f, xs, |f, x| Number(*x).fmt(f)),
            Self::Sizes(ns) => list(f, ns, |f, n| write!(f, "{n}")),
            Self::Words(ws) => list(f, ws, |f, w| write!(f, "\"{w}\"")),
        }
    }
}

/// A number, without rows of zeros when it is far from 1.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let x = self.0;
        if x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs()) {
            write!(f, "{x}")
        } else {
            write!(f, "{x:e}")
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    f.write_str("]")
}

/// The set that a parameter's value must lie in; `Display` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Any finite number.
    Real,
    /// A finite number, at least 0.
    NonNegative,
    /// A finite number above 0.
    Positive,
    /// A finite number below 0.
    Negative,
    /// A number in (0, 1].
    Fraction,
    /// A whole number between two bounds, both included.
    Count {
        /// Smallest.
        min: usize,
        /// Largest.
        max: usize,
    },
    /// True or false.
    Flag,
    /// One of these words; capitals do not matter.
    Word(&'static [&'static str]),
    /// Any text; it is read and forgotten.
    Text,
    /// A list of 1 to `max` numbers.
    Reals {
        /// Longest.
        max: usize,
    },
    /// A list of 1 to 3 whole numbers, each at least 1: one per spatial axis.
    Sizes,
    /// Two numbers above 0.
    Scales,
    /// A list of different words out of these.
    Words(&'static [&'static str]),
    /// A list of layers.
    Layers,
    /// A list of lists of layers.
    Branches,
}

/// Largest whole number that a parameter may hold; products of a few stay far from overflow.
pub(crate) const LARGEST_COUNT: usize = 1 << 40;

impl Domain {
    /// Whether `value` lies in the domain.
    pub fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Real, Value::Real(x)) => x.is_finite(),
            (Self::NonNegative, Value::Real(x)) => x.is_finite() && *x >= 0.0,
            (Self::Positive, Value::Real(x)) => x.is_finite() && *x > 0.0,
            (Self::Negative, Value::Real(x)) => x.is_finite() && *x < 0.0,
            (Self::Fraction, Value::Real(x)) => *x > 0.0 && *x <= 1.0,
            (Self::Count { min, max }, Value::Count(n)) => (min..=max).contains(&n),
            (Self::Flag, Value::Flag(_)) => true,
            (Self::Word(choices), Value::Word(word)) => choices.contains(word),
            (Self::Reals { max }, Value::Reals(xs)) => {
                (1..=*max).contains(&xs.len()) && xs.iter().all(|x| x.is_finite())
            }
            (Self::Sizes, Value::Sizes(ns)) => {
                (1..=3).contains(&ns.len()) && ns.iter().all(|n| (1..=LARGEST_COUNT).contains(n))
            }
            (Self::Scales, Value::Reals(xs)) => {
                xs.len() == 2 && xs.iter().all(|x| x.is_finite() && *x > 0.0)
            }
            (Self::Words(choices), Value::Words(words)) => {
                !words.is_empty()
                    && words.iter().all(|w| choices.contains(w))
                    && (1..words.len()).all(|i| !words[..i].contains(&words[i]))
            }
            _ => false,
        }
    }

    /// Whether it stands for layers inside a block, which are no [`Value`].
    pub(crate) fn holds_layers(&self) -> bool {
        matches!(self, Self::Layers | Self::Branches)
    }

    /// The value that a piece of JSON text stands for; `None` when it is not in the domain.
    pub(crate) fn read(&self, json: &Json) -> Option<Value> {
        let value = match (self, json) {
            (
                Self::Real | Self::NonNegative | Self::Positive | Self::Negative | Self::Fraction,
                Json::Number(x),
            ) => Value::Real(*x),
            (Self::Count { .. }, Json::Number(x)) => Value::Count(whole(*x)?),
            (Self::Flag, Json::Bool(b)) => Value::Flag(*b),
            (Self::Word(choices), Json::Text(text)) => Value::Word(choice(choices, text)?),
            (Self::Text, Json::Text(_)) => return Some(Value::Word("")),
            (Self::Reals { .. } | Self::Scales, Json::List(items)) => {
                Value::Reals(items.iter().map(Json::number).collect::<Option<_>>()?)
            }
            (Self::Sizes, Json::List(items)) => {
                Value::Sizes(items.iter().map(|x| whole(x.number()?)).collect::<Option<_>>()?)
            }
            (Self::Words(choices), Json::List(items)) => Value::Words(
                items.iter().map(|x| choice(choices, x.text()?)).collect::<Option<_>>()?,
            ),
            _ => return None,
        };
        self.contains(&value).then_some(value)
    }
}

/// A number that is whole and small enough to be exact.
fn whole(x: f64) -> Option<usize> {
    (x >= 0.0 && x <= LARGEST_COUNT as f64 && x.fract() == 0.0).then_some(x as usize)
}

fn choice(choices: &[&'static str], text: &str) -> Option<&'static str> {
    choices.iter().copied().find(|c| c.eq_ignore_ascii_case(text))
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("a number"),
            Self::NonNegative => f.write_str("a number, at least 0"),
            Self::Positive => f.write_str("a number above 0"),
            Self::Negative => f.write_str("a number below 0"),
            Self::Fraction => f.write_str("a number above 0 and at most 1"),
            Self::Count { min, max: LARGEST_COUNT } => write!(f, "a whole number, at least {min}"),
            Self::Count { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Flag => f.write_str("true or false"),
            Self::Word(choices) => write!(f, "one of {}", quoted(choices)),
            Self::Text => f.write_str("a text"),
            Self::Reals { max } => write!(f, "a list of 1 to {max} numbers"),
            Self::Sizes => f.write_str("a list of 1 to 3 whole numbers, each at least 1"),
            Self::Scales => f.write_str("a list of two numbers above 0"),
            Self::Words(choices) => {
                write!(f, "a list of different words out of {}", quoted(choices))
            }
            Self::Layers => f.write_str("a list of layers"),
            Self::Branches => f.write_str("a list of at least one list of layers"),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
}
