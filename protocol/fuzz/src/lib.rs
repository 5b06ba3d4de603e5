//! The targets, which proptest drives too; see `protocol/tests/targets/`.

#[path = "../../tests/targets/mod.rs"]
pub mod targets;
