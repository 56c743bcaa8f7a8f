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

/// Levenshtein distance in characters, one row of the table at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
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
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
