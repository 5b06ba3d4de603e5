//! HandshakeV10: a server's first packet. (Stub.)

use crate::auth::{AuthPlugin, Scramble};
use crate::{Capabilities, MariadbCapabilities, ProtocolError, StatusFlags};

/// HandshakeV10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Version text, for example `9.7.0` or `11.8.2-MariaDB`.
    pub server_version: Vec<u8>,
    /// The session's id, as CONNECTION_ID() gives it.
    pub connection_id: u32,
    /// Challenge for the first authentication plugin.
    pub scramble: Scramble,
    /// What the server offers.
    pub capabilities: Capabilities,
    /// What a MariaDB server offers besides (sent where LONG_PASSWORD is absent).
    pub mariadb: MariadbCapabilities,
    /// Default collation's id, low byte.
    pub collation: u8,
    /// Initial status.
    pub status: StatusFlags,
    /// The default authentication plugin's name.
    pub plugin: Vec<u8>,
}

impl Greeting {
    /// Reads a server's first packet (not an ERR packet).
    pub fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let _ = payload;
        Err(ProtocolError::NotSupported { what: "greeting" })
    }

    /// The payload as it travels.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let _ = AuthPlugin::CachingSha2Password;
        Vec::new()
    }
}
