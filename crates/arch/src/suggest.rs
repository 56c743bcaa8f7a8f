//! "Did you mean": the known name nearest to a misspelt one.

/// The candidate that differs from `name` by the fewest edits, when those are few.
///
/// Capitals, `_`, `-` and spaces do not count, so that `AvgPool` finds `avg_pool`.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = normalised(name);
    // Longer texts are no typing slip, and the distance is quadratic in the length.
    if plain.is_empty() || plain.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&plain, &normalised(candidate)), candidate))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, candidate)| *edits <= candidate.len().min(plain.len()).div_ceil(4))
        .map(|(_, candidate)| candidate)
}

fn normalised(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Number of insertions, deletions, replacements and swaps of neighbours between two texts.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["relu", "gelu", "avg_pool", "dense", "w_std", "layer_norm"];

    #[test]
    fn finds_slips() {
        for (typed, meant) in [
            ("rleu", "relu"),
            ("ReLU", "relu"),
            ("AvgPool", "avg_pool"),
            ("dens", "dense"),
            ("denses", "dense"),
            ("wstd", "w_std"),
            ("W_std", "w_std"),
            ("LayerNorm", "layer_norm"),
        ] {
            assert_eq!(nearest(typed, NAMES), Some(meant), "{typed}");
        }
    }

    #[test]
    fn stays_silent_when_far() {
        for typed in ["", "transformer", "x", "é", &"relu".repeat(100)] {
            assert_eq!(nearest(typed, NAMES), None, "{typed}");
        }
    }
}
