//! What one server connection believes.

use std::collections::{BTreeMap, BTreeSet};

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
