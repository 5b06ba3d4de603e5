//! Replies: which packets they have, and what each is.

use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::wire::Reader;
use rolecall_protocol::{Capabilities, StatusFlags};

/// What reply a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OK, ERR, a LOCAL INFILE request or result sets.
    Result,
    /// Of COM_STMT_PREPARE.
    Prepare,
    /// One packet.
    Single,
    /// Rows and their end: COM_STMT_FETCH.
    Rows,
    /// Column definitions and their end: COM_FIELD_LIST.
    Columns,
    /// None: COM_STMT_CLOSE, COM_STMT_SEND_LONG_DATA.
    Nothing,
    /// The connection closes.
    Close,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// OK, also in an EOF packet's place
    Ok,
    /// ERR
    Err,
    /// EOF
    Eof,
    /// LOCAL INFILE request
    LocalInfile,
    /// Number of columns
    ColumnCount,
    /// Column or parameter definition
    Column,
    /// Row
    Row,
    /// COM_STMT_PREPARE's first packet
    PrepareOk,
    /// Anything else, such as a packet of the connection phase
    Other,
}

/// A payload that may have come in several packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub part: Part,
    /// Sequence id of its first packet.
    pub first: u8,
    /// Sequence id of its last packet.
    pub last: u8,
    /// The payload.
    pub payload: Vec<u8>,
}

/// All packets of one reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The packets; none where the server closed instead.
    pub packets: Vec<Packet>,
    /// Whether the connection was closed before the reply was whole.
    pub closed: bool,
    /// The connection's capabilities.
    pub capabilities: Capabilities,
}

impl Reply {
    /// The first ERR packet.
    #[must_use]
    pub fn error(&self) -> Option<ErrPacket> {
        let packet = self.packets.iter().find(|packet| packet.part == Part::Err)?;
        Some(ErrPacket::decode(&packet.payload).expect("an ERR packet"))
    }

    /// The error's code, or 0.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.error().map_or(0, |error| error.code)
    }

    /// The last OK packet.
    #[must_use]
    pub fn ok(&self) -> Option<OkPacket> {
        let packet = self.packets.iter().rev().find(|packet| packet.part == Part::Ok)?;
        Some(OkPacket::decode(&packet.payload, self.capabilities).expect("an OK packet"))
    }

    /// Status flags of the last OK or EOF packet.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        let last = self.packets.iter().rev().find(|packet| matches!(packet.part, Part::Ok | Part::Eof));
        last.map_or(StatusFlags::empty(), |packet| status_of(packet, self.capabilities))
    }

    /// The rows of all results, as text; NULL is `None`.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<Option<String>>> {
        self.packets.iter().filter(|packet| packet.part == Part::Row).map(|packet| text_row(&packet.payload)).collect()
    }

    /// The first column of the first row.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn value(&self) -> String {
        let rows = self.rows();
        let first = rows.first().and_then(|row| row.first());
        first.unwrap_or_else(|| panic!("no row in {self:?}")).clone().unwrap_or_else(|| "NULL".into())
    }

    /// How many packets are of this kind.
    #[must_use]
    pub fn count(&self, part: Part) -> usize {
        self.packets.iter().filter(|packet| packet.part == part).count()
    }

    /// This reply, after a check that it has no ERR and is whole.
    ///
    /// # Panics
    /// Where it has, with the error.
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "the check is often all that is wanted"
    )]
    pub fn expect_ok(self, what: &str) -> Self {
        assert!(!self.closed, "{what}: connection closed");
        if let Some(error) = self.error() {
            panic!("{what}: {error}");
        }
        self
    }
}

/// Status flags of an OK or EOF packet.
pub(super) fn status_of(packet: &Packet, capabilities: Capabilities) -> StatusFlags {
    if packet.part == Part::Err {
        return StatusFlags::empty();
    }
    if packet.part == Part::Eof {
        let bits = packet.payload.get(3..5).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        return StatusFlags::from_bits_retain(bits);
    }
    OkPacket::decode(&packet.payload, capabilities).map_or(StatusFlags::empty(), |ok| ok.status)
}

/// A text row's columns.
fn text_row(payload: &[u8]) -> Vec<Option<String>> {
    let mut reader = Reader::new(payload);
    let mut columns = Vec::new();
    while !reader.is_empty() {
        if reader.rest()[0] == 0xFB {
            let _ = reader.u8("NULL");
            columns.push(None);
        } else {
            let bytes = reader.bytes_lenenc("column").expect("a text row");
            columns.push(Some(String::from_utf8_lossy(bytes).into_owned()));
        }
    }
    columns
}
