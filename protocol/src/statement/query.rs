//! COM_QUERY: where its SQL text begins, and the query attributes in front of it.
//!
//! Source: MySQL Source Code Documentation, "COM_QUERY"; MySQL Reference Manual, "Query Attributes".

use std::ops::Range;

use super::parameters::{Names, ParameterBlock, find_text};
use crate::wire::{Put, Reader};
use crate::{Capabilities, ProtocolError};

/// A COM_QUERY that was read as far as a proxy needs it.
#[derive(Debug, Clone)]
pub struct QueryRequest<'a> {
    payload: &'a [u8],
    sql: usize,
    attributes: Option<ParameterBlock>,
}

impl<'a> QueryRequest<'a> {
    /// Reads the payload, command byte included, on a connection with these capabilities.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where the attributes reach beyond the packet, or are not one set with its types.
    pub fn read(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?; // int<1>
        if !capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
            return Ok(Self { payload, sql: 1, attributes: None });
        }
        let count = reader.lenenc("parameter count")?; // int<lenenc>
        // int<lenenc>
        if reader.lenenc("parameter set count")? != 1 {
            return Err(ProtocolError::malformed("parameter set count"));
        }
        if count == 0 {
            return Ok(Self { payload, sql: payload.len() - reader.rest().len(), attributes: None });
        }
        let block = ParameterBlock::read(payload, &mut reader, count, Names::Present)?;
        if !block.bound {
            return Err(ProtocolError::malformed("attributes without types"));
        }
        let sql =
            block.walk(payload, &payload[block.types.clone()], Names::Present, block.count, &nowhere, |_, _| ())?;
        Ok(Self { payload, sql, attributes: Some(block) })
    }

    /// The SQL text.
    #[must_use]
    pub fn sql(&self) -> &'a [u8] {
        self.payload.get(self.sql..).unwrap_or_default()
    }

    /// Where the SQL text stands in the payload.
    #[must_use]
    pub const fn sql_range(&self) -> Range<usize> {
        self.sql..self.payload.len()
    }

    /// Where counts and attributes stand in the payload; empty without QUERY_ATTRIBUTES.
    #[must_use]
    pub const fn attributes_range(&self) -> Range<usize> {
        1..self.sql
    }

    /// Whether any attribute is there.
    #[must_use]
    pub const fn has_attributes(&self) -> bool {
        self.attributes.is_some()
    }

    /// The attribute called `name`, where it is text and not NULL. Names are case-sensitive, as for the server.
    #[must_use]
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        let block = self.attributes.as_ref()?;
        let types = self.payload.get(block.types.clone())?;
        let mut found = None;
        block.walk(self.payload, types, Names::Present, block.count, &nowhere, find_text(name, &mut found)).ok()?;
        found
    }

    /// The same query without attributes, for a server with these capabilities.
    #[must_use]
    pub fn strip_attributes(&self, towards: Capabilities) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + 2);
        put_query(&mut out, self.sql(), towards);
        out
    }
}

/// Appends the payload of a COM_QUERY without attributes, for a server with these capabilities.
pub fn put_query(out: &mut Vec<u8>, sql: &[u8], capabilities: Capabilities) {
    out.put_u8(COM_QUERY);
    if capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
        out.put_lenenc(0);
        out.put_lenenc(1);
    }
    out.put_bytes(sql);
}

/// Attributes are never sent as long data.
const fn nowhere(_: usize) -> bool {
    false
}

const COM_QUERY: u8 = 0x03;

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: Capabilities = Capabilities::QUERY_ATTRIBUTES;

    /// Attributes a = 'x', b = NULL, n = 7 (LONGLONG), rolecall = 'primary', and SELECT 1.
    fn query() -> Vec<u8> {
        let mut out = vec![0x03, 4, 1, 0b0010, 1];
        for (kind, name) in [(254_u16, "a"), (253, "b"), (8, "n"), (254, "rolecall")] {
            out.put_u16(kind);
            out.put_bytes_lenenc(name.as_bytes());
        }
        out.put_bytes_lenenc(b"x");
        out.put_u64(7);
        out.put_bytes_lenenc(b"primary");
        out.put_bytes(b"SELECT 1");
        out
    }

    #[test]
    fn without_the_capability_the_text_begins_behind_the_command() {
        let query = QueryRequest::read(b"\x03\x00\x01SELECT 1", Capabilities::empty()).expect("well formed");
        assert_eq!(query.sql(), b"\x00\x01SELECT 1");
        assert!(query.attributes_range().is_empty());
    }

    #[test]
    fn b22_the_text_behind_no_attributes_and_behind_several_is_found() {
        let query_0 = QueryRequest::read(b"\x03\x00\x01SELECT 1", ATTRIBUTES).expect("well formed");
        assert_eq!((query_0.sql(), query_0.has_attributes()), (b"SELECT 1".as_slice(), false));
        let payload = query();
        let query = QueryRequest::read(&payload, ATTRIBUTES).expect("well formed");
        assert_eq!(query.sql(), b"SELECT 1");
        assert_eq!(payload[query.sql_range()], *b"SELECT 1");
        assert_eq!(query.attributes_range(), 1..payload.len() - 8);
    }

    #[test]
    fn b22_text_attributes_are_found_by_name_and_others_are_not() {
        let payload = query();
        let query = QueryRequest::read(&payload, ATTRIBUTES).expect("well formed");
        assert_eq!(query.attribute(b"rolecall"), Some(b"primary".as_slice()));
        assert_eq!(query.attribute(b"a"), Some(b"x".as_slice()));
        for name in ["b", "n", "A", "", "absent"] {
            assert_eq!(query.attribute(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn b22_attributes_are_stripped_for_servers_with_and_without_the_bit() {
        let payload = query();
        let query = QueryRequest::read(&payload, ATTRIBUTES).expect("well formed");
        assert_eq!(query.strip_attributes(Capabilities::empty()), b"\x03SELECT 1");
        assert_eq!(query.strip_attributes(ATTRIBUTES), b"\x03\x00\x01SELECT 1");
    }

    #[test]
    fn b8_lengths_that_reach_beyond_the_packet_are_refused() {
        for claim in [5_u64, 1 << 32, (1 << 32) + 3, 1 << 63, u64::MAX] {
            let mut payload = vec![0x03, 1, 1, 0, 1, 254, 0, 1, b'a', 0xFE];
            payload.put_u64(claim);
            payload.put_bytes(b"1234");
            assert!(QueryRequest::read(&payload, ATTRIBUTES).is_err(), "a value of {claim}");
            let mut payload = vec![0x03, 0xFE];
            payload.put_u64(claim);
            payload.put_bytes(b"\x01\x00\x01SELECT 1");
            assert!(QueryRequest::read(&payload, ATTRIBUTES).is_err(), "{claim} attributes");
        }
    }

    #[test]
    fn every_cut_inside_the_attributes_is_an_error() {
        let payload = query();
        for length in 0..payload.len() - b"SELECT 1".len() {
            assert!(QueryRequest::read(&payload[..length], ATTRIBUTES).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn other_than_one_set_and_attributes_without_types_are_refused() {
        assert!(QueryRequest::read(b"\x03\x00\x02SELECT 1", ATTRIBUTES).is_err());
        assert!(QueryRequest::read(b"\x03\x01\x01\x00\x00SELECT 1", ATTRIBUTES).is_err());
    }
}
