//! Features for graphs that have none: of one dictionary, whatever side a graph stands on.

use std::borrow::Cow;

use widelimit_graph::{Error as GraphError, Graphs, OneHot, Parts};

use crate::Error;

/// Both sides of a kernel with features.
pub(super) struct Sides<'a> {
    pub rows: Cow<'a, Graphs>,
    pub columns: Option<Cow<'a, Graphs>>,
}

impl<'a> Sides<'a> {
    /// Where neither side has features both get one-hot ones: of the labels, else of the degrees.
    ///
    /// A value that only one side has makes an entry of zero with the other side, as it must, and still counts
    /// on its own side: the diagonal is that of a call with all graphs.
    pub fn new(rows: &'a Graphs, columns: Option<&'a Graphs>) -> Result<Self, Error> {
        let given = |graphs: &Graphs| graphs.features().is_some();
        if given(rows) || columns.is_some_and(given) {
            // That the other side has some too, of the same width, is for the engine to say.
            return Ok(Self::as_given(rows, columns));
        }
        let Some(columns) = columns else {
            return Ok(Self {
                rows: Cow::Owned(rows.clone().with_default_features()),
                columns: None,
            });
        };
        let dictionary = dictionary(rows, columns)?;
        let encoded = |graphs: &Graphs| graphs.clone().with_one_hot(&dictionary).map(Cow::Owned);
        Ok(Self { rows: encoded(rows)?, columns: Some(encoded(columns)?) })
    }

    /// Both sides as they are.
    pub fn as_given(rows: &'a Graphs, columns: Option<&'a Graphs>) -> Self {
        Self { rows: Cow::Borrowed(rows), columns: columns.map(Cow::Borrowed) }
    }

    pub fn columns(&self) -> Option<&Graphs> {
        self.columns.as_deref()
    }
}

/// The dictionary of all values of both sides.
fn dictionary(one: &Graphs, two: &Graphs) -> Result<OneHot, Error> {
    let labels = match (one.labels(), two.labels()) {
        (Some(one), Some(two)) => Some([one, two].concat()),
        (None, None) => None,
        _ => {
            let what = "a kernel between graphs of which one side has node labels";
            return Err(GraphError::NoLabels { what }.into());
        }
    };
    let mut offsets = one.node_offsets().to_vec();
    offsets.extend(two.node_offsets()[1..].iter().map(|offset| one.nodes() + offset));
    let mut ends = [Vec::new(), Vec::new()];
    if labels.is_none() {
        for (graphs, first) in [(one, 0), (two, one.nodes())] {
            for graph in graphs.iter() {
                let first = first + graph.node_range().start;
                for node in 0..graph.nodes() {
                    for &target in graph.neighbours(node) {
                        ends[0].push(first + node);
                        ends[1].push(first + target as usize);
                    }
                }
            }
        }
    }
    let all = Graphs::new(Parts {
        node_offsets: &offsets,
        edge_index: [&ends[0], &ends[1]],
        node_labels: labels.as_deref(),
        // Both sides were checked; without the edges' weights there is nothing to be symmetric.
        directed: true,
        ..Parts::default()
    })?;
    Ok(OneHot::new(&all))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Rings of so many nodes.
    pub fn rings(sizes: &[usize]) -> Graphs {
        labelled_rings(sizes, None)
    }

    fn labelled_rings(sizes: &[usize], labels: Option<&[u32]>) -> Graphs {
        let (mut offsets, mut ends) = (vec![0], [Vec::new(), Vec::new()]);
        for &size in sizes {
            let first = offsets[offsets.len() - 1];
            for node in 0..size {
                let next = first + (node + 1) % size;
                ends[0].extend([first + node, next]);
                ends[1].extend([next, first + node]);
            }
            offsets.push(first + size);
        }
        let edge_index = [&ends[0][..], &ends[1][..]];
        let parts =
            Parts { node_offsets: &offsets, edge_index, node_labels: labels, ..Parts::default() };
        Graphs::new(parts).unwrap()
    }

    #[test]
    fn both_sides_share_a_dictionary() {
        let (one, two) =
            (rings(&[3, 4]), Graphs::new(Parts { node_offsets: &[0, 2], ..Parts::default() }));
        let two = two.unwrap();
        let sides = Sides::new(&one, Some(&two)).unwrap();
        // degrees 0 and 2
        for side in [&sides.rows, sides.columns.as_ref().unwrap()] {
            assert_eq!(side.features().unwrap().width(), 2);
        }
        assert_eq!(sides.rows.features().unwrap().row(0), ndarray::array![0.0, 1.0]);
        assert_eq!(sides.columns.unwrap().features().unwrap().row(0), ndarray::array![1.0, 0.0]);

        let (one, two) =
            (labelled_rings(&[3], Some(&[1, 1, 4])), labelled_rings(&[3], Some(&[4, 0, 1])));
        let sides = Sides::new(&one, Some(&two)).unwrap();
        assert_eq!(sides.rows.features().unwrap().row(2), ndarray::array![0.0, 0.0, 1.0]);
        assert!(Sides::new(&one, Some(&rings(&[3]))).is_err());
    }

    #[test]
    fn given_features_stay() {
        let one = rings(&[3]).with_features(ndarray::Array2::ones((3, 2))).unwrap();
        let sides = Sides::new(&one, None).unwrap();
        assert!(matches!(sides.rows, Cow::Borrowed(_)));
    }
}
