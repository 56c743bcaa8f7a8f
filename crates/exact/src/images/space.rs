//! Laying out ranges of memory whose times of use are known beforehand.

use std::ops::Range;

/// Free and taken ranges; grows as needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    /// Free ranges below the end, ascending, none touching another.
    free: Vec<Range<usize>>,
    end: usize,
}

impl Space {
    /// Ranges from `start` on.
    pub fn behind(start: usize) -> Self {
        Self { free: Vec::new(), end: start }
    }

    /// The end of everything that was ever taken.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The first free range of this length.
    pub fn reserve(&mut self, length: usize) -> Range<usize> {
        if let Some(index) = self.free.iter().position(|range| range.len() >= length) {
            let range = &mut self.free[index];
            let taken = range.start..range.start + length;
            range.start += length;
            if range.start == range.end {
                self.free.remove(index);
            }
            return taken;
        }
        // a free range at the very end is made longer
        let start = match self.free.last() {
            Some(last) if last.end == self.end => {
                let start = last.start;
                self.free.pop();
                start
            }
            _ => self.end,
        };
        self.end = start + length;
        start..self.end
    }

    /// Gives a range back.
    pub fn give(&mut self, range: Range<usize>) {
        if range.start == range.end {
            return;
        }
        let index = self.free.partition_point(|free| free.start < range.start);
        self.free.insert(index, range);
        if index + 1 < self.free.len() && self.free[index].end == self.free[index + 1].start {
            self.free[index].end = self.free.remove(index + 1).end;
        }
        if index > 0 && self.free[index - 1].end == self.free[index].start {
            self.free[index - 1].end = self.free.remove(index).end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_used_again_and_joined() {
        let mut space = Space::default();
        let [a, b, c] = [3, 4, 5].map(|length| space.reserve(length));
        assert_eq!((a.clone(), b.clone(), c.clone()), (0..3, 3..7, 7..12));
        space.give(a);
        space.give(b);
        assert_eq!(space.reserve(6), 0..6);
        space.give(c);
        assert_eq!(space.reserve(8), 6..14);
        assert_eq!(space.end(), 14);
    }
}
