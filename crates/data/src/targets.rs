//! Targets: numbers to be regressed on, or classes.

use crate::Error;
use crate::npy::Values;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// What a model learns to predict.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Real numbers `(rows, outputs)`, all finite.
    Numbers(Array2<f64>),
    /// One class a row.
    Labels {
        /// Index into `classes`, a row each.
        codes: Vec<usize>,
        /// The classes that occur, ascending.
        classes: Classes,
    },
}

/// Distinct classes, ascending, in the type in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Classes {
    /// `false` before `true`.
    Booleans(Vec<bool>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Words, by code points.
    Texts(Vec<String>),
}

impl Classes {
    /// The number of classes.
    pub fn len(&self) -> usize {
        match self {
            Classes::Booleans(c) => c.len(),
            Classes::Integers(c) => c.len(),
            Classes::Texts(c) => c.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The classes as text, in their order.
    pub fn names(&self) -> Vec<String> {
        match self {
            Classes::Booleans(c) => c.iter().map(bool::to_string).collect(),
            Classes::Integers(c) => c.iter().map(i64::to_string).collect(),
            Classes::Texts(c) => c.clone(),
        }
    }

    /// For each class its index in `other`, by name: how labels of one file are those of another.
    ///
    /// ```
    /// use widelimit_data::Classes;
    /// let (test, train) = (Classes::Integers(vec![1, 7]), Classes::Integers(vec![0, 1]));
    /// assert_eq!(test.indices_in(&train), [Some(1), None]);
    /// ```
    pub fn indices_in(&self, other: &Classes) -> Vec<Option<usize>> {
        let names: std::collections::HashMap<String, usize> =
            other.names().into_iter().enumerate().map(|(i, name)| (name, i)).collect();
        self.names().iter().map(|name| names.get(name).copied()).collect()
    }
}

impl Targets {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Numbers(n) => n.nrows(),
            Targets::Labels { codes, .. } => codes.len(),
        }
    }

    /// The targets as numbers `(rows, outputs)`: integers and booleans become numbers.
    ///
    /// # Errors
    /// [`Error::ElementType`] if they are words; `what` names them.
    pub fn into_numbers(self, what: &str) -> Result<Array2<f64>, Error> {
        let (codes, values): (Vec<usize>, Vec<f64>) = match self {
            Targets::Numbers(numbers) => return Ok(numbers),
            Targets::Labels { codes, classes: Classes::Integers(c) } => {
                (codes, c.into_iter().map(|v| v as f64).collect())
            }
            Targets::Labels { codes, classes: Classes::Booleans(c) } => {
                (codes, c.into_iter().map(|v| f64::from(u8::from(v))).collect())
            }
            Targets::Labels { classes: Classes::Texts(_), .. } => {
                return Err(Error::ElementType {
                    what: what.to_owned(),
                    found: "text".to_owned(),
                    wanted: "real numbers or booleans",
                });
            }
        };
        Ok(Array2::from_shape_fn((codes.len(), 1), |(i, _)| values[codes[i]]))
    }

    /// The targets as classes: whole numbers in a single column become classes.
    ///
    /// # Errors
    /// [`Error::NotALabel`] for a number that is not whole, [`Error::Shape`] for several columns;
    /// `what` names them.
    ///
    /// ```
    /// use widelimit_data::{Classes, Targets};
    /// let targets = Targets::Numbers(ndarray::arr2(&[[2.0], [0.0], [2.0]]));
    /// let (codes, classes) = targets.into_labels("y.npy")?;
    /// assert_eq!((codes, classes), (vec![1, 0, 1], Classes::Integers(vec![0, 2])));
    /// # Ok::<(), widelimit_data::Error>(())
    /// ```
    pub fn into_labels(self, what: &str) -> Result<(Vec<usize>, Classes), Error> {
        /// Beyond, not every whole number is a double.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        let numbers = match self {
            Targets::Labels { codes, classes } => return Ok((codes, classes)),
            Targets::Numbers(numbers) => numbers,
        };
        if numbers.ncols() != 1 {
            return Err(Error::Shape {
                what: what.to_owned(),
                shape: numbers.shape().to_vec(),
                wanted: "one class a row is expected",
            });
        }
        let bad = numbers.iter().position(|v| v.fract() != 0.0 || v.abs() > LARGEST);
        if let Some(row) = bad {
            let value = numbers[[row, 0]];
            return Err(Error::NotALabel { what: what.to_owned(), row, value });
        }
        let (codes, classes) = encode(numbers.iter().map(|v| *v as i64).collect());
        Ok((codes, Classes::Integers(classes)))
    }

    /// Targets from the values of a NumPy array.
    pub(crate) fn from_values(values: Values, shape: &[usize], what: &str) -> Result<Self, Error> {
        let fail = |wanted: &'static str| Error::Shape {
            what: what.to_owned(),
            shape: shape.to_vec(),
            wanted,
        };
        let (rows, outputs) = match *shape {
            [rows] => (rows, 1),
            [rows, outputs] => (rows, outputs),
            _ => return Err(fail("one dimension, or two (rows and outputs), are expected")),
        };
        if rows == 0 || outputs == 0 {
            return Err(Error::Empty { what: what.to_owned(), shape: shape.to_vec() });
        }
        let matrix = |values: Vec<f64>| {
            Array2::from_shape_vec((rows, outputs), values)
                .map_err(|_| fail("values do not fit the shape"))
        };
        Ok(match values {
            Values::F64(v) => Targets::Numbers(matrix(v)?),
            Values::F32(v) => Targets::Numbers(matrix(v.into_iter().map(f64::from).collect())?),
            Values::Int(v) if outputs > 1 => {
                Targets::Numbers(matrix(v.into_iter().map(|v| v as f64).collect())?)
            }
            Values::Bool(v) if outputs > 1 => {
                Targets::Numbers(matrix(v.into_iter().map(|v| f64::from(u8::from(v))).collect())?)
            }
            Values::Text(_) if outputs > 1 => return Err(fail("one label a row is expected")),
            Values::Int(v) => labels(v, Classes::Integers),
            Values::Bool(v) => labels(v, Classes::Booleans),
            Values::Text(v) => labels(v, Classes::Texts),
        })
    }

    /// Whole numbers as classes.
    pub(crate) fn from_integers(values: Vec<i64>) -> Self {
        labels(values, Classes::Integers)
    }

    /// Targets from text: integers and words are classes, other numbers are numbers. No text may
    /// stand for a missing value.
    pub(crate) fn from_texts(texts: Vec<String>) -> Self {
        if let Ok(values) = texts.iter().map(|t| t.parse()).collect::<Result<Vec<i64>, _>>() {
            return labels(values, Classes::Integers);
        }
        let numbers: Option<Vec<f64>> =
            texts.iter().map(|t| t.parse().ok().filter(|v: &f64| v.is_finite())).collect();
        match numbers {
            Some(values) => {
                Targets::Numbers(Array2::from_shape_fn((values.len(), 1), |(i, _)| values[i]))
            }
            None => labels(texts, Classes::Texts),
        }
    }
}

fn labels<T: Ord + Clone>(values: Vec<T>, classes: impl Fn(Vec<T>) -> Classes) -> Targets {
    let (codes, distinct) = encode(values);
    Targets::Labels { codes, classes: classes(distinct) }
}

/// The distinct values, ascending, and for each value its index among them.
fn encode<T: Ord + Clone>(values: Vec<T>) -> (Vec<usize>, Vec<T>) {
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let code = |v: &T| distinct.partition_point(|d| d < v);
    (values.iter().map(code).collect(), distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(t: &[&str]) -> Targets {
        Targets::from_texts(t.iter().map(|t| t.to_string()).collect())
    }

    #[test]
    fn text_is_read_as_what_it_is() {
        let codes = |t: &Targets| match t {
            Targets::Labels { codes, classes } => (codes.clone(), classes.clone()),
            Targets::Numbers(n) => panic!("{n}"),
        };
        assert_eq!(
            codes(&texts(&["3", "-1", "3"])),
            (vec![1, 0, 1], Classes::Integers(vec![-1, 3]))
        );
        assert_eq!(
            codes(&texts(&["b", "a", "10"])),
            (vec![2, 1, 0], Classes::Texts(vec!["10".into(), "a".into(), "b".into()]))
        );
        assert_eq!(texts(&["1", "2.5"]), Targets::Numbers(ndarray::arr2(&[[1.0], [2.5]])));
    }

    #[test]
    fn integers_serve_both_tasks_and_words_one() {
        let ints = texts(&["3", "-1"]);
        assert_eq!(ints.into_numbers("y").unwrap(), ndarray::arr2(&[[3.0], [-1.0]]));
        let words = texts(&["a", "b"]);
        assert!(matches!(words.into_numbers("y"), Err(Error::ElementType { .. })));
        let halves = Targets::Numbers(ndarray::arr2(&[[1.0], [2.5]]));
        assert!(matches!(halves.into_labels("y"), Err(Error::NotALabel { row: 1, .. })));
        let wide = Targets::Numbers(ndarray::arr2(&[[1.0, 2.0]]));
        assert!(matches!(wide.into_labels("y"), Err(Error::Shape { .. })));
    }

    #[test]
    fn classes_travel_as_json() {
        let classes = Classes::Texts(vec!["a\"b".into(), "ü".into()]);
        let json = serde_json::to_string(&classes).unwrap();
        assert_eq!(json, r#"{"texts":["a\"b","ü"]}"#);
        assert_eq!(serde_json::from_str::<Classes>(&json).unwrap(), classes);
    }
}
