//! Replies that the proxy gives itself.

use super::{EofPacket, ErrPacket, OkHeader, OkPacket};
use crate::packet::{SequenceId, put_packet};
use crate::statement::{PrepareOk, StatementId};
use crate::wire::Put;
use crate::{Capabilities, StatusFlags};

/// Writes whole replies for one client.
#[derive(Debug, Clone, Copy)]
pub struct LocalReply {
    /// The client's capabilities.
    pub capabilities: Capabilities,
    /// Whether column counts are followed by a metadata flag.
    pub metadata_flag: bool,
    /// The session's status.
    pub status: StatusFlags,
    /// Number of warnings that an OK tells.
    pub warnings: u16,
    /// The first packet's sequence id.
    pub sequence: SequenceId,
}

impl LocalReply {
    /// An OK packet.
    #[must_use]
    pub fn ok(mut self) -> Vec<u8> {
        let mut payload = Vec::new();
        OkPacket { status: self.status, warnings: self.warnings, ..OkPacket::default() }
            .put(&mut payload, self.capabilities);
        self.framed(&payload)
    }

    /// An ERR packet.
    #[must_use]
    pub fn err(mut self, err: &ErrPacket) -> Vec<u8> {
        let mut payload = Vec::new();
        err.put(&mut payload);
        self.framed(&payload)
    }

    /// The answer to COM_SET_OPTION or COM_DEBUG: EOF, or OK in its place.
    #[must_use]
    pub fn eof(mut self) -> Vec<u8> {
        let payload = self.end_of_rows();
        self.framed(&payload)
    }

    /// One row with one unsigned column, as servers answer `SELECT CONNECTION_ID()`.
    #[must_use]
    pub fn unsigned(self, column: &[u8], layout: UnsignedColumn, value: u64) -> Vec<u8> {
        self.one_value(&layout.definition(column), value.to_string().as_bytes())
    }

    /// One row with one column of ASCII text. `extended`: the client expects MariaDB's list of extended metadata.
    #[must_use]
    pub fn text(self, column: &[u8], extended: bool, value: &[u8]) -> Vec<u8> {
        self.one_value(&Layout::text(value.len(), extended).definition(column), value)
    }

    /// The same as COM_STMT_EXECUTE is answered.
    #[must_use]
    pub fn binary_text(self, column: &[u8], extended: bool, value: &[u8]) -> Vec<u8> {
        let mut row = vec![0, 0]; // header, and no NULL
        row.put_bytes_lenenc(value);
        self.one_row(&Layout::text(value.len(), extended).definition(column), &row)
    }

    /// The answer to COM_STMT_PREPARE: `params` parameters, and the name of the column of text that executions answer.
    #[must_use]
    pub fn prepared(mut self, statement: StatementId, params: u16, column: Option<&[u8]>, extended: bool) -> Vec<u8> {
        let columns = u16::from(column.is_some());
        let ok = PrepareOk { statement, columns, params, warnings: self.warnings, metadata_follows: true };
        let mut out = self.framed(&ok.encode(self.capabilities));
        for (count, name) in [(params, Some(b"?".as_slice())), (columns, column)] {
            let definition = Layout::text(usize::from(u16::MAX), extended).definition(name.unwrap_or_default());
            for _ in 0..count {
                out.extend(self.framed(&definition));
            }
            if count > 0 {
                out.extend(self.end_of_definitions());
            }
        }
        out
    }

    fn one_value(self, definition: &[u8], value: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        row.put_bytes_lenenc(value);
        self.one_row(definition, &row)
    }

    fn one_row(mut self, definition: &[u8], row: &[u8]) -> Vec<u8> {
        let mut count = vec![1];
        if self.metadata_flag {
            count.push(1);
        }
        let mut out = self.framed(&count);
        out.extend(self.framed(definition));
        out.extend(self.end_of_definitions());
        out.extend(self.framed(row));
        let end = self.end_of_rows();
        out.extend(self.framed(&end));
        out
    }

    /// EOF, for clients that expect one.
    fn end_of_definitions(&mut self) -> Vec<u8> {
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            return Vec::new();
        }
        let mut eof = Vec::new();
        EofPacket { warnings: 0, status: self.status }.put(&mut eof);
        self.framed(&eof)
    }

    fn end_of_rows(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            let ok = OkPacket { header: OkHeader::Eof, status: self.status, ..OkPacket::default() };
            ok.put(&mut payload, self.capabilities);
        } else {
            EofPacket { warnings: 0, status: self.status }.put(&mut payload);
        }
        payload
    }

    fn framed(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_packet(&mut out, &mut self.sequence, payload);
        out
    }
}

/// How a flavour defines the column of an unsigned number that is never NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsignedColumn {
    column_type: u8,
    display_width: u32,
    extended: bool,
}

impl UnsignedColumn {
    /// MySQL's CONNECTION_ID(): BIGINT.
    pub const BIGINT: Self = Self { column_type: 8, display_width: 21, extended: false };
    /// MariaDB's CONNECTION_ID(): INT.
    pub const INT: Self = Self { column_type: 3, display_width: 10, extended: false };

    /// With the empty list of extended metadata that a client with MariaDB's EXTENDED_METADATA expects.
    #[must_use]
    pub const fn extended(self, extended: bool) -> Self {
        Self { extended, ..self }
    }

    /// ColumnDefinition41 of an expression of this type.
    fn definition(self, name: &[u8]) -> Vec<u8> {
        let layout = Layout {
            column_type: self.column_type,
            collation: 63, // binary
            display_width: self.display_width,
            flags: 0x0001 | 0x0020 | 0x0080, // NOT NULL, UNSIGNED, BINARY
            decimals: 0,
            extended: self.extended,
        };
        layout.definition(name)
    }
}

/// The fixed fields of a ColumnDefinition41.
struct Layout {
    column_type: u8,
    collation: u16,
    display_width: u32,
    flags: u16,
    decimals: u8,
    extended: bool,
}

impl Layout {
    /// VAR_STRING of this many characters, never NULL.
    fn text(length: usize, extended: bool) -> Self {
        Self {
            column_type: 253, // VAR_STRING
            collation: 45,    // utf8mb4_general_ci
            display_width: u32::try_from(length).unwrap_or(u32::MAX).saturating_mul(4),
            flags: 0x0001, // NOT NULL
            decimals: 31,
            extended,
        }
    }

    /// ColumnDefinition41 of an expression.
    fn definition(&self, name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for text in [b"def".as_slice(), b"", b"", b"", name, b""] {
            out.put_bytes_lenenc(text);
        }
        if self.extended {
            out.put_bytes_lenenc(&[]);
        }
        out.put_lenenc(12); // length of the fixed fields
        out.put_u16(self.collation);
        out.put_u32(self.display_width);
        out.put_u8(self.column_type);
        out.put_u16(self.flags);
        out.put_u8(self.decimals);
        out.put_u16(0); // filler
        out
    }
}
