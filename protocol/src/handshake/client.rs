//! Client side of the connection phase: how the proxy logs in at a server. (Stub.)

use crate::auth::Credential;
use crate::response::{ErrPacket, OkPacket};
use crate::{Capabilities, MariadbCapabilities, ProtocolError};

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
    /// Connection attributes: pairs of string<lenenc>, encoded.
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

/// A finished login.
#[derive(Debug, Clone)]
pub struct Established {
    /// The server's greeting.
    pub greeting: super::Greeting,
    /// Capabilities that hold on this connection.
    pub capabilities: Capabilities,
    /// MariaDB capabilities that hold on this connection.
    pub mariadb: MariadbCapabilities,
    /// The server's final OK.
    pub ok: OkPacket,
}

/// What the driver does next.
#[derive(Debug)]
pub enum ClientStep {
    /// Send this payload, then read the server's next packet and call [`ClientHandshake::handle`].
    Send(Vec<u8>),
    /// Send this payload (SSLRequest), start TLS, then call [`ClientHandshake::tls_started`].
    StartTls(Vec<u8>),
    /// Read the server's next packet.
    Read,
    /// Logged in.
    Done(Box<Established>),
    /// The server refused; its own words.
    Refused(ErrPacket),
}

/// Client side of the connection phase, or of COM_CHANGE_USER on a connection.
#[derive(Debug)]
pub struct ClientHandshake {
    _login: Login,
}

impl ClientHandshake {
    /// Starts a login; the server's first packet goes to [`Self::handle`].
    #[must_use]
    pub fn new(login: Login) -> Self {
        Self { _login: login }
    }

    /// The server's next packet. The driver checks sequence ids and frames what is sent.
    ///
    /// # Errors
    /// `NotSupported` for a plugin or a downgrade that policy forbids (text says what to do); `Malformed` else.
    pub fn handle(&mut self, payload: &[u8], rsa: &dyn RsaEncrypt) -> Result<ClientStep, ProtocolError> {
        let _ = (payload, rsa);
        Err(ProtocolError::NotSupported { what: "login" })
    }

    /// TLS stands; `verified` says whether the server's certificate was checked. Gives the payload to send next.
    pub fn tls_started(&mut self, verified: bool) -> Vec<u8> {
        let _ = verified;
        Vec::new()
    }
}
