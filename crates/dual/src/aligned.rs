//! Numbers that begin at a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;

/// Numbers in memory that begin at a cache line: no vector of them, counted from the first, is part of two
/// lines.
///
/// ```
/// let mut numbers = widelimit_dual::Aligned::<f32>::zeros(40);
/// numbers[3] = 1.0;
/// assert_eq!(numbers.as_ptr().align_offset(64), 0);
/// assert_eq!(numbers.clone()[..5], [0.0, 0.0, 0.0, 1.0, 0.0]);
/// ```
#[derive(Debug, Default)]
pub struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut numbers = Self { buffer: Vec::new(), start: 0, len: 0 };
        numbers.reset(len);
        numbers
    }

    /// Becomes `len` zeros.
    pub fn reset(&mut self, len: usize) {
        self.buffer.clear();
        self.buffer.resize(len + room::<T>(), T::default());
        self.start = start(&self.buffer);
        self.len = len;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.buffer.capacity() * size_of::<T>()
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

impl<T: Clone> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Self::from(&self[..])
    }
}

impl<T: Clone> From<&[T]> for Aligned<T> {
    fn from(numbers: &[T]) -> Self {
        let Some(first) = numbers.first() else {
            return Self { buffer: Vec::new(), start: 0, len: 0 };
        };
        let mut buffer = vec![first.clone(); numbers.len() + room::<T>()];
        let start = start(&buffer);
        buffer[start..start + numbers.len()].clone_from_slice(numbers);
        Self { buffer, start, len: numbers.len() }
    }
}

/// Numbers in a line: what may have to be left out in front.
fn room<T>() -> usize {
    LINE / size_of::<T>().max(1)
}

/// The first number at a line; at most a line in, where that is not known.
fn start<T>(buffer: &[T]) -> usize {
    buffer.as_ptr().align_offset(LINE).min(room::<T>())
}
