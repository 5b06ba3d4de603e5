//! The configuration: YAML and flags in, a [`Config`] whose fields cannot be wrong out, or all mistakes at once.
//!
//! ```text
//!   file ─► Tree (every node knows its line) ─► RawConfig ─► + Overrides (flags) ─► validate ─► Config
//!             │                                   │                                   │
//!             └─────────────── mistakes ──────────┴───────────────────────────────────┴──► Mistakes
//! ```

mod at;
mod check;
mod decode;
mod diff;
mod identity;
mod load;
mod mistake;
mod overrides;
pub mod raw;
pub mod reload;
mod tree;
mod types;
mod validate;
pub mod value;

#[cfg(test)]
mod tests;

pub use at::At;
pub use diff::{Part, Reload};
pub use load::Loader;
pub use mistake::{Mistake, Mistakes, Place};
pub use overrides::Overrides;
pub use types::*;
pub use validate::MONITOR_PASSWORD_VARIABLE;

/// The JSON Schema of the configuration file (draft 2020-12).
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(raw::RawConfig)
}
