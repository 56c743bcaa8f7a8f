//! Any bytes as the description of a kernel store: an error, or one that reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::StoreSpec;

fuzz_target!(|text: &str| {
    let Ok(spec) = StoreSpec::from_json(text, "fuzz.store") else { return };
    let written = spec.to_json().to_string();
    let again = StoreSpec::from_json(&written, "again").expect("what was written is read");
    assert_eq!(spec, again);
});
