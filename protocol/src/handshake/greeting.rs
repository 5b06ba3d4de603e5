//! HandshakeV10: a server's first packet.
//!
//! Source: MySQL Source Code Documentation, "Protocol::HandshakeV10"; MariaDB documentation, "Initial handshake packet".

use crate::auth::Scramble;
use crate::wire::{Put, Reader};
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
    ///
    /// # Errors
    /// `NotSupported` for another protocol version, or a server without the 4.1 protocol and its 20-byte scramble;
    /// `Malformed` otherwise.
    pub fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        // int<1>
        if reader.u8("protocol version")? != PROTOCOL_VERSION {
            return Err(ProtocolError::NotSupported { what: "a handshake other than HandshakeV10" });
        }
        let server_version = reader.bytes_nul("server version")?.to_vec(); // string<NUL>
        let connection_id = reader.u32("connection id")?; // int<4>
        let first = reader.bytes(FIRST_PART, "scramble, first part")?; // string[8]
        reader.u8("filler")?; // int<1>
        let low = reader.u16("capabilities, lower half")?; // int<2>
        let collation = reader.u8("collation")?; // int<1>
        let status = StatusFlags::from_bits_retain(reader.u16("status")?); // int<2>
        let high = reader.u16("capabilities, upper half")?; // int<2>
        let capabilities = Capabilities::from_bits_retain(u32::from(low) | u32::from(high) << 16);
        if !capabilities.contains(Capabilities::PROTOCOL_41.union(Capabilities::SECURE_CONNECTION)) {
            return Err(ProtocolError::NotSupported { what: "a server without the 4.1 protocol" });
        }
        let scramble_length = usize::from(reader.u8("scramble length")?); // int<1>
        reader.bytes(6, "reserved")?; // string[6]
        let extended = reader.u32("reserved")?; // int<4>: MariaDB's capabilities, else 0
        let mariadb = if capabilities.contains(Capabilities::LONG_PASSWORD) {
            MariadbCapabilities::empty()
        } else {
            MariadbCapabilities::from_bits_retain(extended)
        };
        // string[max(13, length - 8)]; what is over 12 bytes is the terminating NUL.
        let second = reader.bytes(scramble_length.saturating_sub(FIRST_PART).max(13), "scramble, second part")?;
        let mut scramble = Scramble::default();
        scramble[..FIRST_PART].copy_from_slice(first);
        scramble[FIRST_PART..].copy_from_slice(&second[..SECOND_PART]);
        let plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            // string<NUL>; some servers left the NUL out (MySQL bug 59453).
            let name = reader.take_rest();
            name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        } else {
            Vec::new()
        };
        Ok(Self { server_version, connection_id, scramble, capabilities, mariadb, collation, status, plugin })
    }

    /// The payload as it travels. `server_version` and `plugin` must not hold a NUL.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bits = self.capabilities.bits();
        let mut out = Vec::with_capacity(80 + self.server_version.len());
        out.put_u8(PROTOCOL_VERSION);
        out.put_bytes_nul(&self.server_version);
        out.put_u32(self.connection_id);
        out.put_bytes(&self.scramble[..FIRST_PART]);
        out.put_u8(0);
        out.put_u16(bits as u16);
        out.put_u8(self.collation);
        out.put_u16(self.status.bits());
        out.put_u16((bits >> 16) as u16);
        let with_plugin = self.capabilities.contains(Capabilities::PLUGIN_AUTH);
        out.put_u8(if with_plugin { self.scramble.len() as u8 + 1 } else { 0 });
        out.put_bytes(&[0; 6]);
        let with_extended = !self.capabilities.contains(Capabilities::LONG_PASSWORD);
        out.put_u32(if with_extended { self.mariadb.bits() } else { 0 });
        out.put_bytes_nul(&self.scramble[FIRST_PART..]);
        if with_plugin {
            out.put_bytes_nul(&self.plugin);
        }
        out
    }
}

const PROTOCOL_VERSION: u8 = 10;
const FIRST_PART: usize = 8;
const SECOND_PART: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        Greeting {
            server_version: b"9.7.0-rolecall".to_vec(),
            connection_id: 0x0102_0304,
            scramble: *b"abcdefghijklmnopqrst",
            capabilities: Capabilities::LONG_PASSWORD
                | Capabilities::PROTOCOL_41
                | Capabilities::SECURE_CONNECTION
                | Capabilities::PLUGIN_AUTH,
            mariadb: MariadbCapabilities::empty(),
            collation: 255,
            status: StatusFlags::AUTOCOMMIT,
            plugin: b"caching_sha2_password".to_vec(),
        }
    }

    #[test]
    fn a_greeting_comes_back_as_it_was_sent() {
        let sent = greeting();
        assert_eq!(Greeting::decode(&sent.encode()), Ok(sent));
    }

    #[test]
    fn extended_capabilities_travel_only_where_long_password_is_absent() {
        let mut sent = greeting();
        sent.mariadb = MariadbCapabilities::STMT_BULK_OPERATIONS;
        let got = Greeting::decode(&sent.encode()).expect("well formed");
        assert_eq!(got.mariadb, MariadbCapabilities::empty());
        sent.capabilities.remove(Capabilities::LONG_PASSWORD);
        assert_eq!(Greeting::decode(&sent.encode()), Ok(sent));
    }

    #[test]
    fn a_plugin_name_without_its_nul_is_read() {
        let mut bytes = greeting().encode();
        bytes.pop();
        assert_eq!(Greeting::decode(&bytes).expect("well formed").plugin, b"caching_sha2_password");
    }

    #[test]
    fn every_cut_in_front_of_the_plugin_is_an_error() {
        let bytes = greeting().encode();
        for length in 0..bytes.len() - b"caching_sha2_password\0".len() {
            assert!(Greeting::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_server_older_than_4_1_is_refused() {
        let mut sent = greeting();
        sent.capabilities.remove(Capabilities::PROTOCOL_41);
        assert!(matches!(Greeting::decode(&sent.encode()), Err(ProtocolError::NotSupported { .. })));
        assert!(matches!(Greeting::decode(b"\x09old"), Err(ProtocolError::NotSupported { .. })));
    }
}
