//! Authentication plugins: what a client proves, and what the proxy proves to a server.
//!
//! One module per plugin does the arithmetic; [`AuthExchange`] is the conversation with a client. The conversation
//! with a server is part of [`crate::handshake::ClientHandshake`].

pub mod caching_sha2;
pub mod ed25519;
pub mod native;

mod credential;
mod exchange;
mod packets;
mod step;

pub use credential::{Credential, Known, Password};
pub use exchange::AuthExchange;
pub use packets::{AuthMoreData, AuthSwitchRequest};
pub use step::{AuthFailure, AuthStep, Channel, RsaDecrypt};

/// An authentication plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthPlugin {
    /// caching_sha2_password
    CachingSha2Password,
    /// mysql_native_password
    NativePassword,
    /// sha256_password
    Sha256Password,
    /// client_ed25519 (MariaDB)
    Ed25519,
    /// mysql_clear_password
    ClearPassword,
}

impl AuthPlugin {
    /// The plugin that `name` names, if it is spoken here.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"caching_sha2_password" => Self::CachingSha2Password,
            b"mysql_native_password" => Self::NativePassword,
            b"sha256_password" => Self::Sha256Password,
            b"client_ed25519" => Self::Ed25519,
            b"mysql_clear_password" => Self::ClearPassword,
            _ => return None,
        })
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CachingSha2Password => "caching_sha2_password",
            Self::NativePassword => "mysql_native_password",
            Self::Sha256Password => "sha256_password",
            Self::Ed25519 => "client_ed25519",
            Self::ClearPassword => "mysql_clear_password",
        }
    }
}

/// The 20 bytes that a challenge-response login mixes with the password. Fresh for every login.
pub type Scramble = [u8; 20];
