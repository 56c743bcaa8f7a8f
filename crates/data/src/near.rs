//! The nearest of some names, for "did you mean".

/// The name nearest to `wanted`, if it is near enough to be a slip of the keyboard.
pub(crate) fn nearest(wanted: &str, names: &[String]) -> Option<String> {
    let limit = (wanted.chars().count() / 3).max(1);
    let folded = wanted.to_lowercase();
    names
        .iter()
        .filter(|n| n.len() <= 4 * wanted.len() + 4)
        .map(|n| (distance(&folded, &n.to_lowercase()), n))
        .min()
        .filter(|(d, _)| *d <= limit)
        .map(|(_, n)| n.clone())
}

/// Edits between two words: characters inserted, left out, replaced, or two neighbours swapped
/// (optimal string alignment), three rows of the table at a time.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = above[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_only_slips() {
        let names = ["x_train".to_owned(), "y_train".to_owned(), "Label".to_owned()];
        assert_eq!(nearest("x_trian", &names), Some("x_train".into()));
        assert_eq!(nearest("label", &names), Some("Label".into()));
        assert_eq!(nearest("weights", &names), None);
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(nearest("knid", &["kind".to_owned()]), Some("kind".into()));
        assert_eq!(
            (distance("kitten", "sitting"), distance("", "ab"), distance("ab", "")),
            (3, 2, 2)
        );
    }
}
