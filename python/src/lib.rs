//! Python bindings of widelimit.
