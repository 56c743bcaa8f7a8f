//! Finding out how a table is written from its first lines.

use crate::Error;
use csv::ByteRecord;
use std::collections::HashSet;

/// Bytes at the start of a file that are looked at.
pub(super) const HEAD: usize = 1 << 16;

/// Candidates for the separator, the rarest inside fields first: a comma is often part of a
/// number or a text, a tab hardly ever.
const SEPARATORS: [u8; 3] = [b'\t', b';', b','];

/// The first of the candidates that cuts all lines into the same number of fields, more than one.
/// If none does, the one that cuts the first line into most.
pub(super) fn separator(head: &[u8], complete: bool) -> u8 {
    let lines = field_counts(head, complete);
    let Some(first) = lines.first() else { return b',' };
    let regular = |i: &usize| first[*i] > 1 && lines.iter().all(|line| line[*i] == first[*i]);
    let candidates = 0..SEPARATORS.len();
    // Of several that cut the first line alike, `max_by_key` takes the last: the comma.
    let most = || candidates.clone().max_by_key(|i| first[*i]);
    candidates.clone().find(regular).or_else(most).map_or(b',', |i| SEPARATORS[i])
}

/// For every line the number of fields that each candidate cuts it into. Blank lines do not count,
/// nor does the last one if the head is only a part of the file.
fn field_counts(head: &[u8], complete: bool) -> Vec<[usize; 3]> {
    let mut lines = Vec::new();
    let mut fields = [1; 3];
    let (mut blank, mut quoted, mut at_start) = (true, false, true);
    for byte in head {
        let separator = SEPARATORS.iter().position(|s| s == byte).filter(|_| !quoted);
        let line_end = matches!(byte, b'\n' | b'\r') && !quoted;
        // A quote counts where a field starts, and until the next one; two in a row are text.
        let quote = *byte == b'"' && (quoted || at_start);
        at_start = separator.is_some() || line_end || (quote && quoted);
        quoted ^= quote;
        if let Some(i) = separator {
            fields[i] += 1;
        }
        if line_end && !blank {
            lines.push(fields);
            fields = [1; 3];
        }
        blank = line_end;
    }
    if !blank && (complete || lines.is_empty()) {
        lines.push(fields);
    }
    lines
}

/// Whether the first record names the columns: some field of it is no number although the field
/// below is one, or it counts the columns.
pub(super) fn names_columns(first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let Some(second) = second else {
        // A single line of words is a heading without data.
        return first.iter().any(is_name);
    };
    counts_columns(first, second)
        || first.iter().zip(second).any(|(above, below)| is_name(above) && number(below).is_some())
}

/// Whether the first record is `0,1,2,…`, the names that tables without names get. Of two columns
/// the record may also be a row of a table of zeros and ones, and is where the next record is one.
fn counts_columns(first: &ByteRecord, second: &ByteRecord) -> bool {
    let counts = first.iter().enumerate().all(|(i, field)| field == i.to_string().as_bytes());
    let bits = || second.iter().all(|field| matches!(field, b"0" | b"1"));
    counts && (first.len() > 2 || (first.len() == 2 && !bits()))
}

/// Whether the first word of a single column of words names it: it does not come again, although
/// some word below does. `words` are those below.
///
/// A name is no class. A class on the first line that never comes again would be one row alone;
/// where each word is the only one of its kind, nothing tells a name from the others.
pub(super) fn names_words(
    first: &[u8],
    words: impl Iterator<Item = Result<Vec<u8>, Error>>,
) -> Result<bool, Error> {
    let mut seen = HashSet::new();
    let mut repeated = false;
    for word in words {
        let word = word?;
        if word == first {
            return Ok(false);
        }
        repeated = repeated || !seen.insert(word);
        if repeated {
            seen.clear();
        }
    }
    Ok(repeated)
}

/// Neither a number, finite or not, nor a word for a missing one.
pub(super) fn is_name(field: &[u8]) -> bool {
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
            ("\r\na;\"b,\n\"\"c;d\"\r\n\r\n1;2\r\n", b';'),
            ("5\" pipe,1;2\n6,3;4\n7,3\n", b','),
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

    #[test]
    fn columns_that_are_counted_are_named() {
        let r = |fields: &[&str]| ByteRecord::from(fields.to_vec());
        assert!(names_columns(&r(&["0", "1", "2"]), Some(&r(&["5", "1", "0"]))));
        assert!(names_columns(&r(&["0", "1"]), Some(&r(&["0.5", "1"]))));
        assert!(!names_columns(&r(&["0", "1"]), Some(&r(&["1", "0"]))));
        assert!(!names_columns(&r(&["1", "2", "3"]), Some(&r(&["5", "1", "0"]))));
        assert!(!names_columns(&r(&["0", "1.0", "2"]), Some(&r(&["5", "1", "0"]))));
        assert!(!names_columns(&r(&["0"]), Some(&r(&["5"]))));
        assert!(!names_columns(&r(&["0", "1", "2"]), None));
    }

    #[test]
    fn a_word_that_never_comes_again_names_the_classes_below() {
        let named = |words: &[&str]| {
            let below = words[1..].iter().map(|w| Ok(w.as_bytes().to_vec()));
            names_words(words[0].as_bytes(), below).unwrap()
        };
        assert!(named(&["kind", "ash", "birch", "ash"]));
        assert!(!named(&["ash", "birch", "birch", "ash"]));
        assert!(!named(&["ash", "birch", "cedar"]));
    }
}
