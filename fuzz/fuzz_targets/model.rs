//! Any bytes as a model: an error, or a model that writes and reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::ModelFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = ModelFile::from_bytes(bytes.to_vec(), "fuzz.model") else { return };
    let written = model.to_bytes().expect("a model that was read can be written");
    let again = ModelFile::from_bytes(written.clone(), "again").expect("and read again");
    assert_eq!(model.metadata, again.metadata);
    assert_eq!(written, again.to_bytes().expect("and written again"));
});
