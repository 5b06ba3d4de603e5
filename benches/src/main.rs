//! Load generator and comparison runs.
fn main() {}
