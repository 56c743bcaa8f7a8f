//! Any bytes as an `.npy` file: values and rows agree, or there is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_data::ArrayFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = ArrayFile::from_bytes(bytes.to_vec(), "fuzz.npy") else { return };
    if let Ok(targets) = file.targets() {
        assert!(targets.rows() <= bytes.len());
    }
    let Ok(whole) = file.read() else { return };
    assert_eq!(whole.shape(), file.shape());
    if let Some(n) = file.shape().first().copied().filter(|n| *n > 0) {
        let some = file.read_rows(n / 2..n).expect("rows of an array that reads whole");
        assert_eq!(some.shape()[0], n - n / 2);
        let (whole, some) = (whole.into_f64(), some.into_f64());
        let tail = whole.slice_axis(ndarray::Axis(0), (n / 2..n).into());
        assert!(tail.iter().zip(&some).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
});
