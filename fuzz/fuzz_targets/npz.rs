//! Any bytes as an `.npz` archive: every array reads, or there is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::Npz;

fuzz_target!(|bytes: &[u8]| {
    let Ok(npz) = Npz::from_bytes(bytes.to_vec(), "fuzz.npz") else { return };
    for name in npz.names() {
        let Ok(file) = npz.array(name) else { continue };
        if let Ok(array) = file.read() {
            assert_eq!(array.shape(), file.shape());
        }
        let _ = file.targets();
        let _ = file.read_rows(0..1);
    }
    assert!(npz.read("no such name \u{1}").is_err());
});
