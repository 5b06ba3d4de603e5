//! COM_STMT_PREPARE_OK: the first packet of the answer to COM_STMT_PREPARE.
//!
//! Source: MySQL Source Code Documentation, "COM_STMT_PREPARE Response".

use super::StatementId;
use crate::wire::{Put, Reader};
use crate::{Capabilities, ProtocolError};

/// COM_STMT_PREPARE_OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepareOk {
    /// The statement's number on this connection.
    pub statement: StatementId,
    /// Columns of its result; 0: it has none.
    pub columns: u16,
    /// Parameters that it needs.
    pub params: u16,
    /// Number of warnings.
    pub warnings: u16,
    /// Whether definitions of the parameters and columns follow; always so without OPTIONAL_RESULTSET_METADATA.
    pub metadata_follows: bool,
}

impl PrepareOk {
    /// Reads the packet on a connection with these capabilities.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`], also for an ERR packet.
    pub fn decode(payload: &[u8], capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        // int<1>
        if reader.u8("COM_STMT_PREPARE_OK header")? != 0 {
            return Err(ProtocolError::malformed("COM_STMT_PREPARE_OK header"));
        }
        let statement = StatementId(reader.u32("statement id")?); // int<4>
        let columns = reader.u16("number of columns")?; // int<2>
        let params = reader.u16("number of parameters")?; // int<2>
        // Very old servers ended here; nothing that the proxy decides depends on the rest.
        let warnings = match reader.u8("filler") {
            Ok(_) if !reader.is_empty() => reader.u16("warnings")?, // int<2>
            _ => 0,
        };
        let optional = capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA);
        let metadata_follows = if optional && !reader.is_empty() {
            reader.u8("metadata_follows")? != 0 // int<1>
        } else {
            true
        };
        Ok(Self { statement, columns, params, warnings, metadata_follows })
    }

    /// The payload as it travels to a peer with these capabilities.
    #[must_use]
    pub fn encode(&self, capabilities: Capabilities) -> Vec<u8> {
        let mut out = Vec::with_capacity(13);
        out.put_u8(0);
        out.put_u32(self.statement.0);
        out.put_u16(self.columns);
        out.put_u16(self.params);
        out.put_u8(0);
        out.put_u16(self.warnings);
        if capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA) {
            out.put_u8(u8::from(self.metadata_follows));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_the_metadata_flag_counts_only_under_its_capability() {
        let payload = b"\0\x01\0\0\0\x02\0\x03\0\0\x04\0\0";
        let ok = PrepareOk::decode(payload, Capabilities::OPTIONAL_RESULTSET_METADATA).expect("well formed");
        assert_eq!((ok.statement, ok.columns, ok.params, ok.warnings), (StatementId(1), 2, 3, 4));
        assert!(!ok.metadata_follows);
        assert_eq!(ok.encode(Capabilities::OPTIONAL_RESULTSET_METADATA), payload);
        let ok = PrepareOk::decode(payload, Capabilities::empty()).expect("well formed");
        assert!(ok.metadata_follows);
        assert_eq!(ok.encode(Capabilities::empty()), payload[..12]);
    }

    #[test]
    fn errors_and_short_packets_are_not_taken_for_an_answer() {
        assert!(PrepareOk::decode(b"\xFF\x28\x04#42000", Capabilities::empty()).is_err());
        for length in 0..9 {
            assert!(PrepareOk::decode(&[0; 12][..length], Capabilities::empty()).is_err());
        }
    }
}
