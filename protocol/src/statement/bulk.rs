//! COM_STMT_BULK_EXECUTE: which statement, and where its parameter types stand.
//!
//! Source: MariaDB Server Documentation, "COM_STMT_BULK_EXECUTE".

use super::StatementId;
use crate::ProtocolError;
use crate::wire::{Put, Reader};

/// A COM_STMT_BULK_EXECUTE that was read up to its rows.
///
/// Types that a client bound once hold for its next executions, as with [`super::ExecuteRequest`].
#[derive(Debug, Clone)]
pub struct BulkRequest<'a> {
    statement: StatementId,
    flags: u16,
    count: usize,
    types: Option<&'a [u8]>,
    rows: &'a [u8],
}

impl<'a> BulkRequest<'a> {
    /// Reads the payload, command byte included, for a statement with `param_count` parameters.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where it ends in front of its rows.
    pub fn read(payload: &'a [u8], param_count: u16) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?; // int<1>
        let statement = StatementId(reader.u32("statement id")?); // int<4>
        let flags = reader.u16("flags")?; // int<2>
        let count = usize::from(param_count);
        let brings_types = flags & SEND_TYPES != 0;
        let types = if brings_types { Some(reader.bytes(TYPE_LENGTH * count, "parameter types")?) } else { None };
        Ok(Self { statement, flags, count, types, rows: reader.take_rest() })
    }

    /// The types that it carries.
    #[must_use]
    pub const fn types(&self) -> Option<&'a [u8]> {
        self.types
    }

    /// Whether it leaves out its types, so that the server must know them from an earlier execution.
    #[must_use]
    pub const fn needs_types(&self) -> bool {
        self.count > 0 && self.types.is_none()
    }

    /// The same execution with `types`, which an earlier execution of the statement carried. One that has its types already
    /// keeps them.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where `types` are not those of as many parameters.
    pub fn with_types(&self, types: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let types = self.types.unwrap_or(types);
        if types.len() != TYPE_LENGTH * self.count {
            return Err(ProtocolError::malformed("types of other parameters"));
        }
        let mut out = Vec::with_capacity(HEAD_LENGTH + types.len() + self.rows.len());
        out.put_u8(0xFA);
        out.put_u32(self.statement.0);
        out.put_u16(self.flags | SEND_TYPES);
        out.put_bytes(types);
        out.put_bytes(self.rows);
        Ok(out)
    }
}

/// Types come with it.
#[doc(alias = "STMT_BULK_FLAG_CLIENT_SEND_TYPES")]
const SEND_TYPES: u16 = 128;
/// A type and a flag.
const TYPE_LENGTH: usize = 2;
/// Command, statement id, flags.
const HEAD_LENGTH: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [u8; 4] = [0xFD, 0, 0x08, 0x80];

    #[test]
    fn types_are_read_and_put_back() {
        let with = [&b"\xFA\x07\0\0\0\xC0\0"[..], &TYPES, b"\0\x01a"].concat();
        let request = BulkRequest::read(&with, 2).expect("well formed");
        assert_eq!((request.types(), request.needs_types()), (Some(&TYPES[..]), false));
        assert_eq!(request.with_types(b"\x06\0\x06\0"), Ok(with.clone()));
        let without = b"\xFA\x07\0\0\0\x40\0\0\x01a";
        let request = BulkRequest::read(without, 2).expect("well formed");
        assert_eq!((request.types(), request.needs_types()), (None, true));
        assert_eq!(request.with_types(&TYPES), Ok(with));
    }

    #[test]
    fn short_payloads_and_other_types_are_errors() {
        assert!(BulkRequest::read(b"\xFA\x07\0\0\0\x80", 0).is_err());
        assert!(BulkRequest::read(b"\xFA\x07\0\0\0\x80\0\xFD\0", 2).is_err());
        let request = BulkRequest::read(b"\xFA\x07\0\0\0\0\0", 2).expect("well formed");
        assert!(request.with_types(&TYPES[..2]).is_err());
        assert!(!BulkRequest::read(b"\xFA\x07\0\0\0\0\0", 0).expect("well formed").needs_types());
    }
}
