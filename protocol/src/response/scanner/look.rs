//! Packets that are read: OK, ERR, terminators, column counts, prepare OKs and requests for a file.

use super::{OUT_PARAMETERS, ReplyScanner, State, Then};
use crate::packet::{HEADER_LENGTH, PacketHeader};
use crate::response::{ErrPacket, OkPacket, ReplyKind};
use crate::statement::PrepareOk;
use crate::wire::Reader;
use crate::{ProtocolError, StatusFlags};

/// A longer row is not waited for to see whether it holds OUT parameters.
const OUT_PARAMETERS_LIMIT: usize = 64 * 1024;

impl ReplyScanner {
    /// A packet that needs a look; all of it is in `bytes[at..]`. None: it passes, and scanning goes on behind it.
    pub(super) fn look(
        &mut self,
        header: PacketHeader,
        at: usize,
        bytes: &mut [u8],
    ) -> Result<Option<Then>, ProtocolError> {
        let payload = at + HEADER_LENGTH;
        let first = bytes.get(payload).copied();
        if first == Some(0xFF) {
            return self.look_at_error(header, at, bytes);
        }
        match self.state {
            State::AfterDefinitions => self.after_definitions(header, &bytes[at..]).map(Some),
            State::Rows | State::Fields => self.terminator(header, &bytes[at..]).map(Some),
            State::First => match (self.kind, first) {
                (ReplyKind::Prepare, Some(0x00)) => self.prepared(header, at, bytes).map(Some),
                (ReplyKind::Single | ReplyKind::Results, Some(0x00 | 0xFE)) => {
                    self.terminator(header, &bytes[at..]).map(Some)
                }
                (ReplyKind::Results, Some(0xFB)) => self.local_file(header, at, bytes).map(Some),
                (ReplyKind::Results, Some(_)) => self.column_count(header, at, bytes),
                _ => Err(ProtocolError::malformed("first packet of a reply")),
            },
            _ => Err(ProtocolError::malformed("packet inside a reply")),
        }
    }

    /// ERR ends a reply wherever it comes; MariaDB's progress reports only look like it.
    fn look_at_error(
        &mut self,
        header: PacketHeader,
        at: usize,
        bytes: &mut [u8],
    ) -> Result<Option<Then>, ProtocolError> {
        let payload = &bytes[at + HEADER_LENGTH..];
        if self.context.progress_reports && payload.get(1..3) == Some(&[0xFF, 0xFF]) {
            self.pass_whole(header, &mut bytes[at..]);
            return Ok(None);
        }
        if self.state == State::AfterDefinitions && !self.context.client_deprecates_eof {
            self.state = State::Rows;
            return Ok(Some(self.insert()));
        }
        let err = ErrPacket::decode(payload)?;
        let sequence = self.client_sequence();
        self.expected = header.sequence.next();
        self.state = State::Done;
        Ok(Some(Then::Err { err, length: HEADER_LENGTH + header.payload_length(), sequence }))
    }

    /// The terminator stands right behind the column definitions: no rows, or a cursor.
    fn after_definitions(&mut self, header: PacketHeader, bytes: &[u8]) -> Result<Then, ProtocolError> {
        let ok = OkPacket::decode(&bytes[HEADER_LENGTH..], self.context.server)?;
        self.state = State::Rows;
        // A cursor's reply has one EOF packet in all: its terminator stands in for the one behind the definitions.
        if !self.context.client_deprecates_eof && !ok.status.contains(StatusFlags::CURSOR_EXISTS) {
            return Ok(self.insert());
        }
        self.terminator(header, bytes)
    }

    fn terminator(&mut self, header: PacketHeader, bytes: &[u8]) -> Result<Then, ProtocolError> {
        let ok = OkPacket::decode(&bytes[HEADER_LENGTH..], self.context.server)?;
        let sequence = self.client_sequence();
        self.expected = header.sequence.next();
        let more = self.kind == ReplyKind::Results && ok.status.contains(StatusFlags::MORE_RESULTS_EXISTS);
        self.state = if more { State::First } else { State::Done };
        Ok(Then::Ok { ok, length: HEADER_LENGTH + header.payload_length(), sequence })
    }

    fn column_count(
        &mut self,
        header: PacketHeader,
        at: usize,
        bytes: &mut [u8],
    ) -> Result<Option<Then>, ProtocolError> {
        let mut reader = Reader::new(&bytes[at + HEADER_LENGTH..]);
        let columns = reader.lenenc("column count")?;
        let with_definitions = !self.context.metadata_flag || reader.is_empty() || reader.u8("metadata flag")? != 0;
        if columns == 0 || columns > 0xFFFF {
            return Err(ProtocolError::malformed("column count"));
        }
        self.pass_whole(header, &mut bytes[at..]);
        self.rows = 0;
        self.state = if with_definitions { State::Definitions { left: columns } } else { State::AfterDefinitions };
        Ok(None)
    }

    fn local_file(&mut self, header: PacketHeader, at: usize, bytes: &mut [u8]) -> Result<Then, ProtocolError> {
        if !self.context.local_file_allowed {
            return Err(ProtocolError::IllegalMoment {
                what: "the server asks for a local file that no statement named",
            });
        }
        self.pass_whole(header, &mut bytes[at..]);
        self.state = State::File;
        Ok(Then::LocalFile)
    }

    fn prepared(&mut self, header: PacketHeader, at: usize, bytes: &mut [u8]) -> Result<Then, ProtocolError> {
        let payload = at + HEADER_LENGTH;
        let ok = PrepareOk::decode(&bytes[payload..], self.context.server)?;
        bytes[payload + 1..payload + 5].copy_from_slice(&self.context.statement_id.to_le_bytes());
        self.pass_whole(header, &mut bytes[at..]);
        self.state = match (ok.metadata_follows, ok.params, ok.columns) {
            (_, 0, 0) => State::Done,
            (false, ..) if self.context.client_deprecates_eof => State::Done,
            (false, parameters, columns) => State::Omitted { groups: u8::from(parameters > 0) + u8::from(columns > 0) },
            (_, 0, columns) => State::Columns { left: columns },
            (_, parameters, columns) => State::Parameters { left: parameters, columns },
        };
        Ok(Then::Prepared(ok))
    }

    /// The status of the EOF packet in front of the row at `bytes`. Servers tell a client without DEPRECATE_EOF there
    /// (MySQL there alone) that the row holds OUT parameters; with it, in the terminator behind the row. None: that is
    /// not there yet.
    pub(super) fn status_in_front_of_row(
        &self,
        header: PacketHeader,
        bytes: &[u8],
    ) -> Result<Option<StatusFlags>, ProtocolError> {
        let row = HEADER_LENGTH + header.payload_length();
        if !self.context.out_parameters_possible || row > OUT_PARAMETERS_LIMIT {
            return Ok(Some(self.context.status));
        }
        let Some(next) = bytes.get(row..).and_then(PacketHeader::read) else { return Ok(None) };
        let payload = row + HEADER_LENGTH;
        let Some(first) = bytes.get(payload) else { return Ok(None) };
        if *first != 0xFE || next.is_continued() {
            return Ok(Some(self.context.status));
        }
        let Some(terminator) = bytes.get(payload..payload + next.payload_length()) else { return Ok(None) };
        let told = OkPacket::decode(terminator, self.context.server)?.status & OUT_PARAMETERS;
        Ok(Some(if told == OUT_PARAMETERS { self.context.status | told } else { self.context.status }))
    }
}
