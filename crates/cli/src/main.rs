//! The command line `widelimit`.

fn main() {}
