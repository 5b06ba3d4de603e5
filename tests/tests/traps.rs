//! The traps of groups C, D, F and H, and the wire cases that need sessions to share server connections: behind a proxy
//! with `pooling: transaction` in front of a primary and a replica. `../traps.md` says which test shows what, of this
//! binary and of the others.

/// Tests that show a defect which is not mended yet; else as `on_every_server!` defines tests.
macro_rules! defects {
    ($($(#[doc = $doc:expr])* $(#[ignore = $reason:literal])? fn $name:ident($stage:ident) $body:block)*) => {$(
        $(#[doc = $doc])*
        mod $name {
            use super::*;

            fn body($stage: &std::sync::Arc<rolecall_tests::Stage>) $body

            #[test]
            $(#[ignore = $reason])?
            fn mysql() {
                body(&rolecall_tests::Stage::mysql());
            }

            #[test]
            $(#[ignore = $reason])?
            fn mariadb() {
                body(&rolecall_tests::Stage::mariadb());
            }
        }
    )*};
}

#[path = "traps/causality.rs"]
mod causality;
#[path = "traps/elsewhere.rs"]
mod elsewhere;
#[path = "traps/executions.rs"]
mod executions;
#[path = "traps/group.rs"]
mod group;
#[path = "traps/kill.rs"]
mod kill;
#[path = "traps/last.rs"]
mod last;
#[path = "traps/leaks.rs"]
mod leaks;
#[path = "traps/limits.rs"]
mod limits;
#[path = "traps/minds.rs"]
mod minds;
#[path = "traps/names.rs"]
mod names;
#[path = "traps/odd.rs"]
mod odd;
#[path = "traps/pairs.rs"]
mod pairs;
#[path = "traps/places.rs"]
mod places;
#[path = "traps/prepared.rs"]
mod prepared;
#[path = "traps/remains.rs"]
mod remains;
#[path = "traps/rival.rs"]
mod rival;
#[path = "traps/state.rs"]
mod state;
#[path = "traps/table.rs"]
mod table;
#[path = "traps/tables.rs"]
mod tables;
#[path = "traps/variables.rs"]
mod variables;
#[path = "traps/versions.rs"]
mod versions;
#[path = "traps/waits.rs"]
mod waits;
