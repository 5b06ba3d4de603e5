//! What one server connection believes.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{COLLATION, follows_character_set, other_name};
use super::tracking::is_replayed;
use super::user_variables::Values;
use super::{Prefix, Role};

/// Session variables by name, as trackers report them.
pub type Variables = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// What a server connection has been told, by its session's statements and by the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Default schema; empty: none.
    pub schema: Vec<u8>,
    /// Variables that differ from the connection's baseline, with their values.
    pub variables: Variables,
    /// Variables that this server does not know (trap C23): it is not told of them again.
    pub unknown: BTreeSet<Box<[u8]>>,
    /// The login itself sets some (init_connect): nothing but another login makes user variables what they were.
    pub login_sets: bool,
    /// User variables that were set, by whomever.
    pub user_variables: Values,
    /// Active roles.
    pub role: Role,
    /// COM_SET_OPTION's state, where it differs from the handshake.
    pub multi_statements: Option<bool>,
    /// Whether the trackers are as the client has set them.
    pub client_tracks: bool,
    /// The [`super::SessionState::revision`] that this view equals.
    pub revision: u64,
    /// LAST_INSERT_ID(); None: not known.
    pub insert_id: Option<u64>,
}

impl View {
    /// A revision that no session has: the connection has to be compared with whatever session takes it.
    pub const NOBODYS: u64 = u64::MAX;
}

impl View {
    /// Whether `found`, all of the connection's variables, has others than this view believes, whose login found `baseline`: code
    /// that nobody saw has set them. The collation is left out where it follows from a character set.
    #[must_use]
    pub fn is_behind(&self, found: &Variables, baseline: &Variables) -> bool {
        let own = |name: &[u8]| self.variables.get(name).or_else(|| self.variables.get(other_name(name)?));
        let is_other = |name: &[u8], value: &[u8]| match own(name).or_else(|| baseline.get(name)) {
            Some(believed) if name == COLLATION => !follows_character_set(believed) && **believed != *value,
            Some(believed) => **believed != *value,
            None => true,
        };
        found.iter().any(|(name, value)| is_replayed(name) && is_other(name, value))
    }

    /// The server has accepted a command in front of a statement: whatever comes of the next ones, this holds. What SET has set
    /// of variables is noted by who knows them all ([`super::SessionState::settle`]).
    pub fn accepted(&mut self, prefix: &Prefix) {
        match prefix {
            Prefix::SetRole(argument) => self.role = Role::Set(argument.clone().into()),
            Prefix::InitDb(schema) => self.schema.clone_from(schema),
            Prefix::SetOption(on) => self.multi_statements = Some(*on),
            Prefix::Set(_) | Prefix::ClearConditions => {}
        }
    }
}

impl Default for View {
    /// A fresh connection's, without a schema.
    fn default() -> Self {
        Self {
            schema: Vec::new(),
            variables: Variables::new(),
            unknown: BTreeSet::new(),
            login_sets: false,
            user_variables: Values::new(),
            role: Role::OfLogin,
            multi_statements: None,
            client_tracks: false,
            revision: 0,
            insert_id: Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
    }

    /// What a session has set itself keeps no connection, however it was said.
    #[test]
    fn c28_only_what_nobody_told_of_is_another_value() {
        let baseline = variables(&[
            ("collation_connection", "utf8mb4_general_ci"),
            ("div_precision_increment", "4"),
            ("tx_isolation", "REPEATABLE-READ"),
        ]);
        let told = [("collation_connection", "NAMES "), ("transaction_isolation", "SERIALIZABLE")];
        let view = View { variables: variables(&told), ..View::default() };
        let found = |divisions| {
            let pairs = [
                ("collation_connection", "latin1_swedish_ci"),
                ("div_precision_increment", divisions),
                ("tx_isolation", "SERIALIZABLE"),
                ("timestamp", "1.5"),
            ];
            variables(&pairs)
        };
        assert!(!view.is_behind(&found("4"), &baseline));
        assert!(view.is_behind(&found("9"), &baseline));
        assert!(View::default().is_behind(&found("4"), &baseline));
    }
}
