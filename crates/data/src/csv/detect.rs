//! Finding out how a table is written from its first lines.

use csv::{ByteRecord, ReaderBuilder};

/// Bytes at the start of a file that are looked at.
pub(super) const HEAD: usize = 1 << 16;

/// Candidates for the separator, the rarest inside fields first: a comma is often part of a
/// number or a text, a tab hardly ever.
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

/// The first of the candidates that cuts all lines into the same number of fields, more than one.
/// If none does, the one that cuts the first line into most.
pub(super) fn separator(head: &[u8], complete: bool) -> u8 {
    let widths = SEPARATORS.map(|s| (s, field_counts(head, complete, s)));
    let regular = |counts: &[usize]| counts[0] > 1 && counts.iter().all(|n| *n == counts[0]);
    if let Some((s, _)) = widths.iter().find(|(_, c)| !c.is_empty() && regular(c)) {
        return *s;
    }
    let most = widths.iter().rev().map(|(s, c)| (c.first().copied().unwrap_or(0), *s));
    // The first of several equals, in the order comma, semicolon, tab.
    most.reduce(|best, next| if next.0 > best.0 { next } else { best }).map_or(b',', |(_, s)| s)
}

/// Numbers of fields of the lines in the head; the last line may be cut off and does not count.
fn field_counts(head: &[u8], complete: bool, separator: u8) -> Vec<usize> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(head);
    let mut counts: Vec<usize> =
        reader.byte_records().map_while(Result::ok).map(|r| r.len()).collect();
    if !complete && counts.len() > 1 {
        counts.pop();
    }
    counts
}

/// Whether the first record names the columns: some field of it is no number although the field
/// below is one.
pub(super) fn names_columns(first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let Some(second) = second else {
        // A single line of words is a heading without data.
        return first.iter().any(is_name);
    };
    first.iter().zip(second).any(|(above, below)| is_name(above) && number(below).is_some())
}

/// Neither a number, finite or not, nor a word for a missing one.
fn is_name(field: &[u8]) -> bool {
    let text = std::str::from_utf8(field).unwrap_or("?");
    text.parse::<f64>().is_err() && !is_missing(field)
}

/// A number; beyond the largest it is infinite.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(field).ok()?;
    // `parse` also takes words; "infinity" and "nan" are no numbers that one writes by hand.
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The usual ways to say that a value is not there.
pub(super) fn is_missing(field: &[u8]) -> bool {
    const WORDS: [&str; 5] = ["", "na", "n/a", "nan", "null"];
    WORDS.iter().any(|word| field.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_found() {
        for (text, found) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb\n1,5\t2;5\n", b'\t'),
            ("1\n2\n", b','),
            ("\"a;b\",c\n1,2\n", b','),
            ("a,b,c\n1,2\n", b','),
            ("", b','),
            ("a;b\n1;2", b';'),
        ] {
            assert_eq!(separator(text.as_bytes(), true), found, "{text:?}");
        }
        // A cut last line does not count.
        assert_eq!(separator(b"a;b\n1;2\n3", false), b';');
    }

    #[test]
    fn headers_are_found() {
        let r = |fields: &[&str]| ByteRecord::from(fields.to_vec());
        assert!(names_columns(&r(&["a", "b"]), Some(&r(&["1", "x"]))));
        assert!(names_columns(&r(&["1990", "b"]), Some(&r(&["3", "4"]))));
        assert!(!names_columns(&r(&["1", "2"]), Some(&r(&["3", "4"]))));
        assert!(!names_columns(&r(&["1", "cat"]), Some(&r(&["3", "dog"]))));
        assert!(!names_columns(&r(&["NA", "2"]), Some(&r(&["3", "4"]))));
        assert!(names_columns(&r(&["a", "b"]), None));
        assert!(!names_columns(&r(&["1", "2"]), None));
        assert!(!names_columns(&r(&["1", "-inf"]), None));
    }
}
