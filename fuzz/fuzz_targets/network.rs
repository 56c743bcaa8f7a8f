//! Any text as a network, in JSON or as a preset: an error, or one that prints back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widelimit_arch::{Network, Shape};

fuzz_target!(|text: &str| {
    for network in [Network::from_json(text), Network::preset(text)].into_iter().flatten() {
        let json = network.to_json().expect("a network without user functions has a text");
        let again = Network::from_json(&json).expect("the text of a network is a network");
        assert_eq!(network, again, "{json}");
        for spatial in [vec![], vec![4, 4]] {
            let _ = network.output_shape(&Shape { spatial, channels: 3 });
        }
    }
});
