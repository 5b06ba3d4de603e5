//! Client side of the connection phase: how the proxy logs in at a server.
//!
//! ```text
//!   Greeting ─┬─► StartTls ─► (tls_started) ─┬─► Answered ─► Done │ Refused
//!             └─────────────────────────────►┤      ▲ └─► AuthSwitchRequest, AuthMoreData ─┐
//!                  change_user ──────────────┘      └──────────────────────────────────────┘
//! ```

use zeroize::Zeroizing;

use crate::auth::Credential;
use crate::response::{ErrPacket, OkPacket};
use crate::{Capabilities, MariadbCapabilities};

mod answer;
mod machine;

pub use machine::ClientHandshake;

/// Whether TLS is wanted towards the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsWish {
    /// Never.
    Off,
    /// Where the server offers it.
    Preferred,
    /// Always: a greeting without CLIENT_SSL is an error (a stripped bit must not lead to a plain login).
    Required,
}

/// How full authentication without TLS may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKey {
    /// Not at all.
    Refuse,
    /// With this pinned public key (PEM).
    Pinned(Vec<u8>),
    /// With the key that the server sends (open to a man in the middle; by option only).
    Ask,
}

/// Encrypts with RSA-OAEP (SHA-1); the shell supplies it.
pub trait RsaEncrypt {
    /// The cipher text of `plain` under the public key in PEM form, or `None` where the key cannot be used.
    fn encrypt(&self, public_key_pem: &[u8], plain: &[u8]) -> Option<Vec<u8>>;
}

/// What to log in with.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name.
    pub user: Vec<u8>,
    /// What is known of its password.
    pub credential: Credential,
    /// Default schema.
    pub database: Option<Vec<u8>>,
    /// Wanted capabilities; what the server does not offer is dropped. PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH,
    /// PLUGIN_AUTH_LENENC_CLIENT_DATA, CONNECT_WITH_DB (where a database is given) and SSL are set by this machine.
    pub capabilities: Capabilities,
    /// Wanted MariaDB capabilities.
    pub mariadb: MariadbCapabilities,
    /// Collation id of the connection.
    pub collation: u16,
    /// Connection attributes: pairs of `string<lenenc>`, encoded.
    pub attributes: Vec<u8>,
    /// zstd level where ZSTD_COMPRESSION_ALGORITHM is wanted.
    pub zstd_level: u8,
    /// TLS towards the server.
    pub tls: TlsWish,
    /// Full authentication without TLS.
    pub server_key: ServerKey,
    /// Whether the channel is private without TLS (unix socket).
    pub private_channel: bool,
    /// Whether mysql_clear_password may be answered once inside TLS whose certificate was verified.
    pub allow_clear_password: bool,
}

/// How private the channel to a server turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerChannel {
    /// Plain TCP.
    Plain,
    /// A unix socket, or whatever else [`Login::private_channel`] was said of.
    Local,
    /// TLS with a server whose certificate nobody checked.
    UnverifiedTls,
    /// TLS with a server whose certificate was checked.
    VerifiedTls,
}

/// A finished login.
#[derive(Debug, Clone)]
pub struct Established {
    /// The server's greeting.
    pub greeting: super::Greeting,
    /// Capabilities that hold on this connection.
    pub capabilities: Capabilities,
    /// MariaDB capabilities that hold on this connection.
    pub mariadb: MariadbCapabilities,
    /// How private the connection is.
    pub channel: ServerChannel,
    /// The server's final OK.
    pub ok: OkPacket,
}

/// What the driver does next.
pub enum ClientStep {
    /// Send this payload, then read the server's next packet and call [`ClientHandshake::handle`]. It may
    /// hold the password.
    Send(Zeroizing<Vec<u8>>),
    /// Send this payload (SSLRequest), start TLS, then call [`ClientHandshake::tls_started`].
    StartTls(Vec<u8>),
    /// Read the server's next packet.
    Read,
    /// Logged in.
    Done(Box<Established>),
    /// The server refused; its own words.
    Refused(ErrPacket),
}

impl std::fmt::Debug for ClientStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(payload) => write!(f, "Send({} bytes)", payload.len()),
            Self::StartTls(payload) => write!(f, "StartTls({} bytes)", payload.len()),
            Self::Read => f.write_str("Read"),
            Self::Done(established) => f.debug_tuple("Done").field(established).finish(),
            Self::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
