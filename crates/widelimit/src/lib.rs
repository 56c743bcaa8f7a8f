//! Part of widelimit.
