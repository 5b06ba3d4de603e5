//! What a session is, as far as a fresh connection would have to be told, and what ties it to a server.
//!
//! [`SessionState`] is learnt from the servers' replies first (status flags, session-state changes) and from statements
//! only where servers are silent. [`View`] is the same for one server connection; the difference between the two is
//! what [`diff`] turns into commands.

mod context;
mod diff;
mod held;
mod left;
#[cfg(debug_assertions)]
mod left_out;
mod pins;
mod role;
mod state;
mod told;
mod tracking;
mod user_variables;
mod view;

pub use context::as_for_texts_of;
pub use diff::{COLLATION_QUESTION, Prefix, collation_by_id, diff, names, other_name, set_client_charset};
pub use left::{
    BASELINE_QUESTION, FOUND_ROWS_QUESTION, INSERT_ID_QUESTION, OWN_VARIABLES_QUESTION, VARIABLES_QUESTION, restore,
    results_character_set, rows_are_limited, set_insert_id, unlimited_baseline_question, wait_timeout,
};
#[cfg(debug_assertions)]
pub use left_out::{is_left_out, leave_out};
pub use pins::{Pin, Pins};
pub use role::{ROLE_QUESTION, Role, each_role};
pub use state::{GLOBAL_CHARACTER_SETS_QUESTION, Observed, ResetNames, SessionState};
pub use told::{ConditionsBehind, Told, conditions_behind};
pub use tracking::{ClientTracking, flags_question, is_replayed, tracker_setup};
pub use view::{Variables, View};

/// Whether a test has this item of a session left out.
#[macro_export]
#[cfg(debug_assertions)]
macro_rules! left_out {
    ($item:literal) => {
        $crate::session::is_left_out($item)
    };
}

/// Whether a test has this item of a session left out: never, in a release build.
#[macro_export]
#[cfg(not(debug_assertions))]
macro_rules! left_out {
    ($item:literal) => {
        false
    };
}
