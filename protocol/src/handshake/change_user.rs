//! COM_CHANGE_USER: another login on the same connection.
//!
//! Source: MySQL Source Code Documentation, "COM_CHANGE_USER".

use zeroize::Zeroizing;

use super::attributes::read_attributes;
use super::response::{put_short, read_plugin, read_short_auth_response};
use crate::wire::{Put, Reader};
use crate::{Capabilities, ProtocolError};

/// COM_CHANGE_USER without its command byte.
#[derive(Clone)]
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
    ///
    /// # Errors
    /// `Malformed` (also for an empty body, which MySQL answers with 1047), `TooLarge` for the attributes.
    pub fn decode(body: &[u8], capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(body);
        let user = reader.bytes_nul("user name")?.to_vec(); // string<NUL>
        let auth_response = Zeroizing::new(read_short_auth_response(&mut reader, capabilities)?.to_vec());
        let database = reader.bytes_nul("database")?.to_vec(); // string<NUL>
        // Everything behind the database may be missing, but servers insist on the plugin of a client that names plugins.
        if capabilities.contains(Capabilities::PLUGIN_AUTH) && reader.rest().len() < 3 {
            return Err(ProtocolError::malformed("plugin"));
        }
        let collation = if reader.is_empty() { None } else { Some(reader.u16("collation")?) }; // int<2>
        let plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) { read_plugin(&mut reader) } else { None };
        let attributes =
            if capabilities.contains(Capabilities::CONNECT_ATTRS) { read_attributes(&mut reader)? } else { Vec::new() };
        Ok(Self { user, auth_response, database, collation, plugin, attributes })
    }

    /// The whole payload, command byte included. An answer over 255 bytes cannot travel in this packet and is left
    /// out; the server then asks for it anew.
    #[must_use]
    pub fn encode(&self, capabilities: Capabilities) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.attributes.len());
        out.put_u8(COM_CHANGE_USER);
        out.put_bytes_nul(&self.user);
        if capabilities.contains(Capabilities::SECURE_CONNECTION) {
            put_short(&mut out, &self.auth_response);
        } else {
            out.put_bytes_nul(&self.auth_response);
        }
        out.put_bytes_nul(&self.database);
        let Some(collation) = self.collation else {
            return out;
        };
        out.put_u16(collation);
        if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            out.put_bytes_nul(self.plugin.as_deref().unwrap_or_default());
        }
        if capabilities.contains(Capabilities::CONNECT_ATTRS) {
            out.put_bytes_lenenc(&self.attributes);
        }
        out
    }
}

impl std::fmt::Debug for ChangeUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeUser")
            .field("user", &String::from_utf8_lossy(&self.user))
            .field("database", &String::from_utf8_lossy(&self.database))
            .field("plugin", &self.plugin.as_deref().map(String::from_utf8_lossy))
            .finish_non_exhaustive()
    }
}

const COM_CHANGE_USER: u8 = 0x11;

#[cfg(test)]
mod tests {
    use super::*;

    const CAPABILITIES: Capabilities =
        Capabilities::SECURE_CONNECTION.union(Capabilities::PLUGIN_AUTH).union(Capabilities::CONNECT_ATTRS);

    fn change_user() -> ChangeUser {
        ChangeUser {
            user: b"app".to_vec(),
            auth_response: Zeroizing::new(vec![7; 32]),
            database: b"shop".to_vec(),
            collation: Some(255),
            plugin: Some(b"caching_sha2_password".to_vec()),
            attributes: b"\x02os\x05linux".to_vec(),
        }
    }

    #[test]
    fn a_change_of_user_comes_back_as_it_was_sent() {
        let bytes = change_user().encode(CAPABILITIES);
        assert_eq!(bytes[0], 0x11);
        let got = ChangeUser::decode(&bytes[1..], CAPABILITIES).expect("well formed");
        assert_eq!(got.encode(CAPABILITIES), bytes);
        assert_eq!((got.user.as_slice(), got.collation), (b"app".as_slice(), Some(255)));
    }

    #[test]
    fn a27_short_bodies_are_errors_or_end_early_and_are_never_read_past() {
        assert!(ChangeUser::decode(b"", CAPABILITIES).is_err());
        assert!(ChangeUser::decode(b"app", CAPABILITIES).is_err());
        assert!(ChangeUser::decode(b"app\0\x20abc", CAPABILITIES).is_err());
        assert!(ChangeUser::decode(b"app\0\0shop", CAPABILITIES).is_err());
        for end in [&b""[..], b"\xFF", b"\xFF\0"] {
            assert!(ChangeUser::decode(&[b"app\0\0shop\0", end].concat(), CAPABILITIES).is_err(), "no plugin");
        }
        let short = ChangeUser::decode(b"app\0\0shop\0", Capabilities::SECURE_CONNECTION).expect("may end here");
        assert_eq!((short.collation, short.plugin), (None, None));
        let half = ChangeUser::decode(b"app\0\0shop\0\xFF", Capabilities::SECURE_CONNECTION);
        assert!(half.is_err(), "half a collation id");
    }

    #[test]
    fn debug_output_does_not_hold_the_answer_to_the_scramble() {
        let mut change = change_user();
        change.auth_response = Zeroizing::new(b"hunter2".to_vec());
        assert!(!format!("{change:?}").contains("hunter2"));
    }
}
