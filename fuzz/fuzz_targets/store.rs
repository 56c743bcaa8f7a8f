//! Any text as the description of a kernel store, and what follows a line of its own as its record: an
//! error, or a description that reads back as itself and a record of tiles that there are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::{StoreSpec, TileRecord};

/// Between description and record.
const BREAK: &str = "\n--\n";

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.windows(BREAK.len()).position(|part| part == BREAK.as_bytes());
    let (text, record) = match split {
        Some(at) => (&bytes[..at], &bytes[at + BREAK.len()..]),
        None => (bytes, &[][..]),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(spec) = StoreSpec::from_json(text, "fuzz.store") else { return };
    let written = spec.to_json().to_string();
    let again = StoreSpec::from_json(&written, "again").expect("what was written is read");
    assert_eq!(spec, again);

    let record = TileRecord::from_bytes(record, spec.tiles());
    let tiles: Vec<usize> = record.tiles().collect();
    assert!(tiles.is_sorted_by(|a, b| a < b) && tiles.len() == record.len());
    assert!(tiles.iter().all(|tile| *tile < spec.tiles() && record.has(*tile)));
});
