//! Rolecall: one MySQL endpoint in front of a set of MySQL pods.
fn main() {}
