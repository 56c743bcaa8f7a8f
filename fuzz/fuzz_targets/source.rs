//! Any text as a source: an error, or a source that prints as the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::Source;

fuzz_target!(|text: &str| {
    if let Ok(source) = Source::parse(text) {
        assert_eq!(source.to_string(), text);
        let same = Source::new(source.path(), source.name());
        assert_eq!(same.expect("its parts make a source"), source);
    }
});
