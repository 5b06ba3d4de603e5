//! What one server connection believes.

use std::collections::BTreeMap;

/// Session variables by name, as trackers report them.
pub type Variables = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// What a server connection has been told, by its session's statements and by the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Default schema; empty: none.
    pub schema: Vec<u8>,
    /// Variables that differ from the connection's baseline, with their values.
    pub variables: Variables,
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

impl Default for View {
    /// A fresh connection's, without a schema.
    fn default() -> Self {
        Self {
            schema: Vec::new(),
            variables: Variables::new(),
            multi_statements: None,
            client_tracks: false,
            revision: 0,
            insert_id: Some(0),
        }
    }
}
