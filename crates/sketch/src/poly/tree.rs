//! The tree: its random parts, and the evaluation at one point.

use super::leaf::{Base, Leaf};
use crate::error::Error;
use crate::random::Stream;
use crate::rows::Row;
use crate::{PairSketch, Scalar, TensorSrht};

/// Level 1 joins leaves; the last level is the root alone.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Sketches at the leaves; none if leaves hold the point itself.
    leaves: Vec<Leaf>,
    /// Levels 1, 2, ... of inner nodes, from left to right.
    levels: Vec<Vec<Node>>,
    /// Leaves that are `e1` from the start, on the left.
    surplus: usize,
}

/// An inner node.
#[derive(Clone, Debug)]
struct Node {
    sketch: TensorSrht,
    /// The left factor if all leaves on that side are `e1`. Their subtree then counts as `e1` itself,
    /// whose norm is one without any variance.
    known_left: Vec<f64>,
}

impl Tree {
    pub(super) fn new(
        dim_in: usize,
        degree: usize,
        dim_out: usize,
        base: Base,
        stream: Stream,
    ) -> Result<Self, Error> {
        let count = degree.next_power_of_two();
        let depth = count.trailing_zeros();
        let inner = dim_out.next_power_of_two();
        let (at_leaves, at_nodes) = (stream.child(0), stream.child(1));
        // a lone leaf is the root and has its dimension
        let width = if depth == 0 { dim_out } else { inner };
        let kept = depth > 0 && dim_in <= width;
        let leaf = |i: usize| Leaf::new(dim_in, width, base, at_leaves.child(i as u32));
        let leaves = (0..if kept { 0 } else { count }).map(leaf).collect::<Result<_, _>>()?;
        let level = |level: u32| {
            let children = if level == 1 && kept { dim_in } else { inner };
            let own = if level == depth { dim_out } else { inner };
            let stream = at_nodes.child(level);
            (0..count >> level).map(|i| Node::new(children, own, stream.child(i as u32))).collect()
        };
        let levels = (1..=depth).map(level).collect::<Result<_, _>>()?;
        Ok(Self { leaves, levels, surplus: count - degree })
    }

    /// Number of leaves, a power of two.
    pub(super) fn leaves(&self) -> usize {
        1 << self.levels.len()
    }

    pub(super) fn dim_out(&self) -> usize {
        match self.levels.last() {
            Some(root) => root[0].sketch.dim_out(),
            None => self.leaves[0].dim_out(),
        }
    }
}

impl Node {
    fn new(children: usize, width: usize, stream: Stream) -> Result<Self, Error> {
        let sketch = TensorSrht::new((children, children), width, stream)?;
        let mut known_left = vec![0.0; width];
        sketch.left(Row::Sparse(&[0], &[1.0]), &mut Vec::new(), &mut known_left);
        Ok(Self { sketch, known_left })
    }

    fn width(&self) -> usize {
        self.known_left.len()
    }

    /// Multiplies a right factor by the known left one.
    fn times_known<T: Scalar>(&self, value: &mut [T]) {
        value.iter_mut().zip(&self.known_left).for_each(|(v, &k)| *v = *v * T::from_f64(k));
    }
}

/// Values of the nodes at one point.
pub(super) struct Work<'a, T> {
    tree: &'a Tree,
    /// Sketches at the leaves.
    leaves: Vec<Vec<T>>,
    /// For every level and node, its value if all its leaves hold the point.
    values: Vec<Vec<Vec<T>>>,
    /// For every level and node, the factor of its right child if all leaves there hold the point.
    rights: Vec<Vec<Vec<T>>>,
    /// Values along a path.
    path: [Vec<T>; 2],
    scratch: Vec<T>,
    /// Nodes that were evaluated.
    evaluations: usize,
}

impl<'a, T: Scalar> Work<'a, T> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let room = |nodes: &Vec<Node>| -> Vec<_> {
            nodes.iter().map(|node| vec![T::default(); node.width()]).collect()
        };
        Self {
            tree,
            leaves: tree.leaves.iter().map(|l| vec![T::default(); l.dim_out()]).collect(),
            values: tree.levels.iter().map(room).collect(),
            rights: tree.levels.iter().map(room).collect(),
            path: [Vec::new(), Vec::new()],
            scratch: Vec::new(),
            evaluations: 0,
        }
    }

    /// Evaluates all that depends on leaves with the point alone.
    pub(super) fn full(&mut self, x: Row<'_, T>) {
        let tree = self.tree;
        for (leaf, value) in tree.leaves.iter().zip(&mut self.leaves).skip(tree.surplus) {
            leaf.sketch_row(x, &mut self.scratch, value);
        }
        for (level, nodes) in tree.levels.iter().enumerate() {
            let (below, here) = self.values.split_at_mut(level);
            let children = match below.last() {
                Some(values) => Some(values),
                None if self.leaves.is_empty() => None,
                None => Some(&self.leaves),
            };
            let child = |i: usize| children.map_or(x, |values| Row::Dense(&values[i]));
            for (i, node) in nodes.iter().enumerate() {
                let start = i << (level + 1);
                // a right child that is not full is never asked for: all of it is `e1` for good
                // or it lies on the path
                if start + (1 << level) < tree.surplus {
                    continue;
                }
                let right = &mut self.rights[level][i];
                node.sketch.right(child(2 * i + 1), &mut self.scratch, right);
                if start >= tree.surplus {
                    let value = &mut here[0][i];
                    node.sketch.left(child(2 * i), &mut self.scratch, value);
                    multiply(value, right);
                    self.evaluations += 1;
                }
            }
        }
    }

    /// The root with the first `replaced` leaves replaced by `e1`, after [`Self::full`]. At least
    /// the surplus leaves are replaced, and not all.
    pub(super) fn root(&mut self, replaced: usize, out: &mut [T]) {
        if replaced == 0 {
            // a lone leaf is the root
            let last = self.values.last().unwrap_or(&self.leaves);
            out.copy_from_slice(&last[0]);
            return;
        }
        // nodes further down are all `e1` or hold the point alone
        let lowest = replaced.trailing_zeros() as usize;
        for level in lowest..self.tree.levels.len() {
            let i = replaced >> (level + 1);
            let node = &self.tree.levels[level][i];
            let right = &self.rights[level][i];
            let [value, child] = &mut self.path;
            std::mem::swap(value, child);
            value.resize(node.width(), T::default());
            if level == lowest {
                value.copy_from_slice(right);
                node.times_known(value);
            } else if replaced >> level & 1 == 1 {
                node.sketch.right(Row::Dense(child), &mut self.scratch, value);
                node.times_known(value);
            } else {
                node.sketch.left(Row::Dense(child), &mut self.scratch, value);
                multiply(value, right);
            }
            self.evaluations += 1;
        }
        out.copy_from_slice(&self.path[0]);
    }
}

fn multiply<T: Scalar>(value: &mut [T], factor: &[T]) {
    value.iter_mut().zip(factor).for_each(|(v, &f)| *v = *v * f);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluations(degree: usize) -> usize {
        let stream = Stream::new(1, 0, 0);
        let tree = Tree::new(3, degree, 4, Base::Srht, stream).unwrap();
        let mut work = Work::new(&tree);
        work.full(Row::Dense(&[1.0, 2.0, 3.0]));
        let mut out = [0.0; 4];
        (tree.surplus..tree.leaves()).for_each(|replaced| work.root(replaced, &mut out));
        work.evaluations
    }

    /// `q - 1` nodes of the full tree and `log2 q` a path, less what paths leave out.
    #[test]
    fn all_degrees_take_q_log_q_evaluations() {
        for depth in 0..=7 {
            let q = 1 << depth;
            assert_eq!(evaluations(q), q * depth, "degree {q}");
        }
        for q in 1..=40usize {
            let depth = q.next_power_of_two().trailing_zeros() as usize;
            assert!(evaluations(q) <= q * depth, "degree {q}: {}", evaluations(q));
        }
    }

    /// What is skipped is what the plain evaluation of the whole tree gives.
    #[test]
    fn paths_equal_the_plain_tree() {
        let x: Vec<f64> = (0..5).map(|i| f64::from(i) - 1.5).collect();
        for (degree, dim_out) in [(1, 4), (2, 8), (3, 8), (5, 6), (6, 16), (7, 3), (8, 8), (11, 9)]
        {
            let tree = Tree::new(5, degree, dim_out, Base::Srht, Stream::new(2, 0, 0)).unwrap();
            let mut work = Work::new(&tree);
            work.full(Row::Dense(&x));
            for replaced in tree.surplus..tree.leaves() {
                let mut fast = vec![0.0; dim_out];
                work.root(replaced, &mut fast);
                let plain = plain(&tree, &x, replaced);
                for (a, b) in fast.iter().zip(&plain) {
                    assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{degree}, {replaced}");
                }
            }
        }
    }

    /// `[1.0]` stands for `e1` of any length.
    fn front(values: &[f64]) -> Row<'_, f64> {
        if values == [1.0] { Row::Sparse(&[0], &[1.0]) } else { Row::Dense(values) }
    }

    fn plain(tree: &Tree, x: &[f64], replaced: usize) -> Vec<f64> {
        let scratch = &mut Vec::new();
        let mut values: Vec<Vec<f64>> = (0..tree.leaves())
            .map(|i| match tree.leaves.get(i) {
                _ if i < replaced => vec![1.0],
                None => x.to_vec(),
                Some(leaf) => {
                    let mut value = vec![0.0; leaf.dim_out()];
                    leaf.sketch_row(Row::Dense(x), scratch, &mut value);
                    value
                }
            })
            .collect();
        for (level, nodes) in tree.levels.iter().enumerate() {
            values = (nodes.iter().zip(values.chunks_exact(2)).enumerate())
                .map(|(i, (node, pair))| {
                    if (i + 1) << (level + 1) <= replaced {
                        return vec![1.0];
                    }
                    let (mut left, mut right) = (vec![0.0; node.width()], vec![0.0; node.width()]);
                    node.sketch.left(front(&pair[0]), scratch, &mut left);
                    node.sketch.right(front(&pair[1]), scratch, &mut right);
                    multiply(&mut left, &right);
                    left
                })
                .collect();
        }
        values.remove(0)
    }
}
