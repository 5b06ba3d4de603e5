//! What a client sends first: SSLRequest and HandshakeResponse41.
//!
//! Source: MySQL Source Code Documentation, "Protocol::SSLRequest", "Protocol::HandshakeResponse41"; MariaDB
//! documentation, "Handshake response packet".

use zeroize::Zeroizing;

use super::attributes::{MAX_ATTRIBUTES_LENGTH, read_attributes};
use crate::wire::{Put, Reader};
use crate::{Capabilities, MariadbCapabilities, ProtocolError};

/// The largest payload that is read from a peer that has not logged in yet: the attributes' limit and 8 KiB for all
/// else. No login needs more, and nobody unknown gets more memory.
pub const MAX_LOGIN_LENGTH: usize = MAX_ATTRIBUTES_LENGTH + 8 * 1024;

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
    /// What the client wants, of what was offered.
    pub capabilities: Capabilities,
    /// MariaDB's extended capabilities; none where LONG_PASSWORD was offered or set.
    pub mariadb: MariadbCapabilities,
    /// Largest packet that the client accepts; 0 means no statement.
    pub max_packet_size: u32,
    /// Collation id. One byte travels, so that ids over 255 do not come this way; servers read no more either.
    pub collation: u16,
}

/// HandshakeResponse41.
#[derive(Clone)]
pub struct HandshakeResponse {
    /// The 32 bytes that it shares with SSLRequest.
    pub head: SslRequest,
    /// User name, as bytes in the client's character set; at most 32 characters are a user's name (the caller checks,
    /// see [`is_user_name`]).
    pub user: Vec<u8>,
    /// Answer to the scramble, by `plugin`.
    pub auth_response: Zeroizing<Vec<u8>>,
    /// Default schema.
    pub database: Option<Vec<u8>>,
    /// The client's authentication plugin.
    pub plugin: Option<Vec<u8>>,
    /// Connection attributes as they came (pairs of `string<lenenc>`, checked), without their length.
    pub attributes: Vec<u8>,
    /// zstd level, 1..=22; 0 where not sent.
    pub zstd_level: u8,
}

/// Whether `user` can be an account's name on a server that allows `max_characters` (MySQL 32, MariaDB 128). A server
/// cuts a longer name off; that must not happen here, where it would log in as somebody else.
#[must_use]
pub fn is_user_name(user: &[u8], max_characters: usize) -> bool {
    // Counted as UTF-8: continuation bytes belong to the character before them.
    let characters = user.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
    characters <= max_characters && user.len() <= max_characters.saturating_mul(4) && !user.contains(&0)
}

// === impl FirstPacket ===

impl FirstPacket {
    /// Reads the client's first packet; `offered` is what the greeting offered: bits beyond it are ignored, never
    /// believed. Inside TLS call it with `offered` less SSL: clients repeat the bit in the response proper, while
    /// outside TLS a packet that has the bit must be an SSLRequest of exactly 32 bytes.
    ///
    /// # Errors
    /// `NotSupported` for a client without CLIENT_PROTOCOL_41 (answered with 1043); `TooLarge`, `Malformed` otherwise.
    pub fn decode(payload: &[u8], offered: Capabilities) -> Result<Self, ProtocolError> {
        if payload.len() > MAX_LOGIN_LENGTH {
            return Err(ProtocolError::TooLarge { what: "handshake response" });
        }
        let mut reader = Reader::new(payload);
        let head = SslRequest::read(&mut reader, offered)?;
        if !head.capabilities.contains(Capabilities::SSL) {
            return HandshakeResponse::read(head, reader).map(Self::Login);
        }
        if !reader.is_empty() {
            // What was sent in clear must never count as sent inside TLS.
            return Err(ProtocolError::malformed("SSLRequest with bytes behind it"));
        }
        Ok(Self::Ssl(head))
    }
}

// === impl SslRequest ===

impl SslRequest {
    fn read(reader: &mut Reader<'_>, offered: Capabilities) -> Result<Self, ProtocolError> {
        // The 3.20 protocol has two bytes of capabilities, so look at these alone first.
        let low = Capabilities::from_bits_retain(u32::from(reader.u16("capabilities, lower half")?)); // int<2>
        if !low.contains(Capabilities::PROTOCOL_41) {
            return Err(ProtocolError::NotSupported { what: "a client without CLIENT_PROTOCOL_41" });
        }
        let high = u32::from(reader.u16("capabilities, upper half")?) << 16; // int<2>
        let wanted = low | Capabilities::from_bits_retain(high);
        let max_packet_size = reader.u32("maximum packet size")?; // int<4>
        let collation = u16::from(reader.u8("collation")?); // int<1>
        reader.bytes(19, "filler")?; // string[19]
        let extended = reader.u32("filler")?; // int<4>: MariaDB's capabilities
        let mariadb = if (wanted | offered).contains(Capabilities::LONG_PASSWORD) {
            MariadbCapabilities::empty()
        } else {
            MariadbCapabilities::from_bits_retain(extended)
        };
        let capabilities = wanted & (offered | Capabilities::PROTOCOL_41);
        Ok(Self { capabilities, mariadb, max_packet_size, collation })
    }

    /// The payload as it travels. A collation id over 255 cannot be sent: 0 stands in for it, which leaves the
    /// server's own default, and the server has to be told afterwards.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.put(&mut out);
        out
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.put_u32(self.capabilities.bits());
        out.put_u32(self.max_packet_size);
        out.put_u8(u8::try_from(self.collation).unwrap_or(0));
        out.put_bytes(&[0; 19]);
        let with_extended = !self.capabilities.contains(Capabilities::LONG_PASSWORD);
        out.put_u32(if with_extended { self.mariadb.bits() } else { 0 });
    }
}

// === impl HandshakeResponse ===

impl HandshakeResponse {
    fn read(head: SslRequest, mut reader: Reader<'_>) -> Result<Self, ProtocolError> {
        let has = |flag| head.capabilities.contains(flag);
        let user = reader.bytes_nul("user name")?.to_vec(); // string<NUL>
        let auth_response = read_auth_response(&mut reader, head.capabilities)?;
        let database = if has(Capabilities::CONNECT_WITH_DB) {
            Some(reader.bytes_nul("database")?.to_vec()) // string<NUL>
        } else {
            None
        };
        let plugin = if has(Capabilities::PLUGIN_AUTH) { read_plugin(&mut reader) } else { None };
        let attributes = if has(Capabilities::CONNECT_ATTRS) { read_attributes(&mut reader)? } else { Vec::new() };
        let zstd_level = if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) && !reader.is_empty() {
            reader.u8("zstd level")? // int<1>
        } else {
            0
        };
        if zstd_level > MAX_ZSTD_LEVEL {
            return Err(ProtocolError::malformed("zstd level"));
        }
        // An empty name is what clients send that have no default schema but set the bit.
        let database = database.filter(|name| !name.is_empty());
        Ok(Self { head, user, auth_response, database, plugin, attributes, zstd_level })
    }

    /// The payload as it travels; `head.capabilities` says which fields it has.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let has = |flag| self.head.capabilities.contains(flag);
        let mut out = Vec::with_capacity(128 + self.attributes.len());
        self.head.put(&mut out);
        out.put_bytes_nul(&self.user);
        if has(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
            out.put_bytes_lenenc(&self.auth_response);
        } else if has(Capabilities::SECURE_CONNECTION) {
            put_short(&mut out, &self.auth_response);
        } else {
            out.put_bytes_nul(&self.auth_response);
        }
        if has(Capabilities::CONNECT_WITH_DB) {
            out.put_bytes_nul(self.database.as_deref().unwrap_or_default());
        }
        if has(Capabilities::PLUGIN_AUTH) {
            out.put_bytes_nul(self.plugin.as_deref().unwrap_or_default());
        }
        if has(Capabilities::CONNECT_ATTRS) {
            out.put_bytes_lenenc(&self.attributes);
        }
        if has(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            out.put_u8(self.zstd_level);
        }
        out
    }
}

impl std::fmt::Debug for HandshakeResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the answer to the scramble: it may be the password itself.
        f.debug_struct("HandshakeResponse")
            .field("head", &self.head)
            .field("user", &String::from_utf8_lossy(&self.user))
            .field("database", &self.database.as_deref().map(String::from_utf8_lossy))
            .field("plugin", &self.plugin.as_deref().map(String::from_utf8_lossy))
            .finish_non_exhaustive()
    }
}

/// The answer to the scramble, in the form that the capabilities name.
fn read_auth_response(
    reader: &mut Reader<'_>,
    capabilities: Capabilities,
) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
    let bytes = if capabilities.contains(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA) {
        reader.bytes_lenenc("authentication response")? // string<lenenc>
    } else {
        read_short_auth_response(reader, capabilities)?
    };
    Ok(Zeroizing::new(bytes.to_vec()))
}

/// The answer with a one-byte length, or NUL-terminated without SECURE_CONNECTION.
pub(super) fn read_short_auth_response<'a>(
    reader: &mut Reader<'a>,
    capabilities: Capabilities,
) -> Result<&'a [u8], ProtocolError> {
    if capabilities.contains(Capabilities::SECURE_CONNECTION) {
        let length = reader.u8("authentication response")?; // int<1>
        reader.bytes(usize::from(length), "authentication response")
    } else {
        reader.bytes_nul("authentication response") // string<NUL>
    }
}

/// The plugin's name up to its NUL, or to the packet's end where a client left the NUL out.
pub(super) fn read_plugin(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let name = match reader.bytes_nul("plugin") {
        Ok(name) => name,
        Err(_) => reader.take_rest(),
    };
    (!name.is_empty()).then(|| name.to_vec())
}

/// An answer with a one-byte length; a longer one cannot travel in this form and is cut to nothing, which no server
/// takes for a proof.
pub(super) fn put_short(out: &mut Vec<u8>, response: &[u8]) {
    match u8::try_from(response.len()) {
        Ok(length) => {
            out.put_u8(length);
            out.put_bytes(response);
        }
        Err(_) => out.put_u8(0),
    }
}

const MAX_ZSTD_LEVEL: u8 = 22;

#[cfg(test)]
mod tests;
