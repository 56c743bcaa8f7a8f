//! Features as a list of scaled blocks.
//!
//! The same block of columns stands in the features of many layers, each time with another scale.
//! Since `<(a b, c b), (a b', c b')> = (a^2 + c^2) <b, b'>`, such copies are one block with the sum of
//! the squared scales, and are never written out.

/// A block of columns and the scale of every row: `sqrt(square) * product of factors`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Which block.
    pub block: usize,
    /// Squared scale that is the same for all rows.
    pub square: f64,
    /// Scales that differ from row to row, ascending; a factor may occur more than once.
    pub factors: Vec<usize>,
}

/// The columns of all parts side by side; inner products are sums over the parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    /// One block as it is.
    pub fn of(block: usize) -> Self {
        Self(vec![Part { block, square: 1.0, factors: Vec::new() }])
    }

    /// The parts, in the order in which they were added first.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a part; copies of the same rows become one.
    pub fn add(&mut self, part: Part) {
        if part.square == 0.0 {
            return;
        }
        let same = |known: &&mut Part| known.block == part.block && known.factors == part.factors;
        match self.0.iter_mut().find(same) {
            Some(known) => known.square += part.square,
            None => self.0.push(part),
        }
    }

    /// Adds all parts of `other`, their squares times `square`.
    pub fn extend(&mut self, other: &Self, square: f64) {
        for part in &other.0 {
            self.add(Part { square: square * part.square, ..part.clone() });
        }
    }

    /// The same with all squares times `square`.
    pub fn times(&self, square: f64) -> Self {
        let mut result = Self::default();
        result.extend(self, square);
        result
    }

    /// The same with every row times its factor.
    pub fn with_factor(&self, factor: usize) -> Self {
        let mut result = Self::default();
        for part in &self.0 {
            let mut part = part.clone();
            let at = part.factors.partition_point(|known| *known <= factor);
            part.factors.insert(at, factor);
            result.add(part);
        }
        result
    }

    /// The same with other blocks; scales stay.
    pub fn with_blocks(&self, mut other: impl FnMut(usize) -> Option<usize>) -> Self {
        let mut result = Self::default();
        for part in &self.0 {
            if let Some(block) = other(part.block) {
                result.add(Part { block, ..part.clone() });
            }
        }
        result
    }

    /// The same with every block replaced; rows that `replace` scales lose their factors.
    pub fn replaced(&self, mut replace: impl FnMut(&Part) -> usize) -> Self {
        let mut result = Self::default();
        for part in &self.0 {
            let block = replace(part);
            result.add(Part { block, square: part.square, factors: Vec::new() });
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_become_one_and_differently_scaled_rows_do_not() {
        let mut parts = Parts::of(0).times(4.0);
        parts.extend(&Parts::of(0), 5.0);
        parts.extend(&Parts::of(0).with_factor(3).with_factor(1), 1.0);
        parts.extend(&Parts::of(0).with_factor(1).with_factor(3), 2.0);
        let expected = [
            Part { block: 0, square: 9.0, factors: vec![] },
            Part { block: 0, square: 3.0, factors: vec![1, 3] },
        ];
        assert_eq!(parts.0, expected);
    }
}
