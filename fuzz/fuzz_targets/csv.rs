//! Any bytes as a table; the first byte chooses what is told about it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::{CsvOptions, CsvTable};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else { return };
    let options = CsvOptions {
        header: [None, Some(true), Some(false), None][usize::from(choice & 3)],
        separator: [None, Some(b';'), Some(b','), Some(b'\t')][usize::from(choice >> 2 & 3)],
    };
    let Ok(table) = CsvTable::from_bytes(text.to_vec(), "fuzz.csv", options) else { return };
    let columns: Vec<usize> = (0..table.columns().len()).collect();
    let rows = table.rows();
    if let Ok(numbers) = table.numbers(&columns) {
        assert_eq!(numbers.nrows(), rows.as_ref().copied().expect("rows that were read"));
        assert!(numbers.iter().all(|v| v.is_finite()));
    }
    if let (Ok(texts), Ok(rows)) = (table.texts(0), rows) {
        assert_eq!(texts.len(), rows);
    }
    for name in table.columns().iter().take(10) {
        assert!(table.column(name).is_ok());
    }
});
