//! What changed from one snapshot to the next, for logs.

use super::{Address, Primary, Role, ServerId};

/// One change; its `Display` is a sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A server appeared in its source.
    Joined {
        /// The new server.
        id: ServerId,
        /// Its name.
        name: String,
        /// Its address.
        address: Address,
    },
    /// A server left its source, or another server answers in its place.
    Left {
        /// The server that is gone.
        id: ServerId,
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// A server's role changed.
    Role {
        /// The server.
        id: ServerId,
        /// Its name.
        name: String,
        /// Its role so far.
        from: Role,
        /// Its role now.
        to: Role,
        /// Why.
        why: String,
    },
    /// Another server, or none, receives writes now.
    Primary {
        /// The name of the primary so far.
        from: Option<String>,
        /// The name of the primary now.
        name: Option<String>,
        /// The primary now; `None` carries the reason.
        to: Primary,
    },
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Joined { name, address, .. } => write!(f, "server {name} appeared at {address}"),
            Self::Left { name, why, .. } => write!(f, "server {name} is gone: {why}"),
            Self::Role { name, from, to, why, .. } => write!(f, "server {name}: {from} -> {to}: {why}"),
            Self::Primary { from, name, to } => {
                let from = from.as_deref().unwrap_or("none");
                match to {
                    Primary::One(_) => write!(f, "primary: {from} -> {}", name.as_deref().unwrap_or("?")),
                    Primary::None(why) => write!(f, "primary: {from} -> none: {why}"),
                }
            }
        }
    }
}
