//! What a client sends in the connection phase: SSLRequest, HandshakeResponse41; and COM_CHANGE_USER's body. (Stub.)

use zeroize::Zeroizing;

use crate::{Capabilities, MariadbCapabilities, ProtocolError};

/// The client's first packet.
#[derive(Debug)]
pub enum FirstPacket {
    /// TLS starts now; the real response follows inside it.
    Ssl(SslRequest),
    /// The login.
    Login(HandshakeResponse),
}

/// SSLRequest: the first 32 bytes of a handshake response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SslRequest {
    /// What the client wants.
    pub capabilities: Capabilities,
    /// MariaDB's extended capabilities.
    pub mariadb: MariadbCapabilities,
    /// Largest packet that the client accepts; 0 means no statement.
    pub max_packet_size: u32,
    /// Collation id (16 bits on MySQL 8 clients whose second byte of filler is used; else the low byte).
    pub collation: u16,
}

/// HandshakeResponse41.
#[derive(Debug, Clone)]
pub struct HandshakeResponse {
    /// The 32 bytes that it shares with SSLRequest.
    pub head: SslRequest,
    /// User name, as bytes in the client's character set; at most 32 characters are a user's name (the caller checks).
    pub user: Vec<u8>,
    /// Answer to the scramble, by `plugin`.
    pub auth_response: Zeroizing<Vec<u8>>,
    /// Default schema.
    pub database: Option<Vec<u8>>,
    /// The client's authentication plugin.
    pub plugin: Option<Vec<u8>>,
    /// Connection attributes as they came (pairs of string<lenenc>, checked), without their length.
    pub attributes: Vec<u8>,
    /// zstd level, 1..=22; 0 where not sent.
    pub zstd_level: u8,
}

impl FirstPacket {
    /// Reads the client's first packet; `offered` is what the greeting offered: bits beyond it are ignored, never believed.
    ///
    /// # Errors
    /// `NotSupported` for a client without CLIENT_PROTOCOL_41 (answered with 1043); `Malformed` otherwise.
    pub fn decode(payload: &[u8], offered: Capabilities) -> Result<Self, ProtocolError> {
        let _ = (payload, offered);
        Err(ProtocolError::NotSupported { what: "handshake response" })
    }
}

impl HandshakeResponse {
    /// The payload as it travels.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// COM_CHANGE_USER without its command byte.
#[derive(Debug, Clone)]
pub struct ChangeUser {
    /// User name.
    pub user: Vec<u8>,
    /// Answer to the connection's current scramble.
    pub auth_response: Zeroizing<Vec<u8>>,
    /// Default schema; empty: none.
    pub database: Vec<u8>,
    /// Collation id; None where the client stopped before it.
    pub collation: Option<u16>,
    /// Plugin name.
    pub plugin: Option<Vec<u8>>,
    /// Connection attributes (checked).
    pub attributes: Vec<u8>,
}

impl ChangeUser {
    /// Reads the body behind the command byte, under the connection's capabilities.
    pub fn decode(body: &[u8], capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let _ = (body, capabilities);
        Err(ProtocolError::NotSupported { what: "COM_CHANGE_USER" })
    }

    /// The whole payload, command byte included.
    #[must_use]
    pub fn encode(&self, capabilities: Capabilities) -> Vec<u8> {
        let _ = capabilities;
        Vec::new()
    }
}
