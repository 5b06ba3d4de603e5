//! AuthSwitchRequest and AuthMoreData.
//!
//! Source: MySQL Source Code Documentation, "Protocol::AuthSwitchRequest", "Protocol::AuthMoreData"; MariaDB
//! documentation, "Connecting".

use crate::ProtocolError;
use crate::wire::{Put, Reader};

/// AuthSwitchRequest: the server wants another plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthSwitchRequest<'a> {
    /// The plugin's name.
    pub plugin: &'a [u8],
    /// What it starts with, as it came: a scramble and a NUL, or a nonce.
    pub data: &'a [u8],
}

/// AuthMoreData: what a plugin says besides. The 0x01 in front keeps content that begins with 0x00, 0xFE or 0xFF from
/// being taken for OK, EOF or ERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMoreData<'a>(pub &'a [u8]);

impl<'a> AuthSwitchRequest<'a> {
    /// Its first byte.
    pub const HEADER: u8 = 0xFE;

    /// Reads the packet.
    ///
    /// # Errors
    /// `NotSupported` for the old-password request (a lone 0xFE); `Malformed` otherwise.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        if reader.u8("AuthSwitchRequest header")? != Self::HEADER {
            return Err(ProtocolError::malformed("AuthSwitchRequest header"));
        }
        if reader.is_empty() {
            return Err(ProtocolError::NotSupported {
                what: "mysql_old_password; give the account another authentication plugin",
            });
        }
        let plugin = reader.bytes_nul("AuthSwitchRequest plugin")?; // string<NUL>
        Ok(Self { plugin, data: reader.take_rest() }) // string<EOF>
    }

    /// The packet that asks for `plugin` with `scramble`.
    #[must_use]
    pub fn encode(plugin: &str, scramble: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plugin.len() + scramble.len() + 3);
        out.put_u8(Self::HEADER);
        out.put_bytes_nul(plugin.as_bytes());
        out.put_bytes_nul(scramble);
        out
    }
}

impl AuthMoreData<'_> {
    /// Its first byte.
    pub const HEADER: u8 = 0x01;

    /// The packet as it travels.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 1);
        out.put_u8(Self::HEADER);
        out.put_bytes(self.0);
        out
    }
}
