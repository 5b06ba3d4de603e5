//! Where a reply ends, told from packet headers and first bytes.
//!
//! Servers are always spoken to with CLIENT_DEPRECATE_EOF (sessions.md 2: without it a result's end carries no
//! trackers). For a client without it the scanner says where EOF packets go and raises later sequence ids in place.
//!
//! ```text
//!            ┌────────────────────── more results ───────────────────────┐
//!            ▼                                                           │
//!   First ──► column count ──► Definitions ──► AfterDefinitions ──► Rows ─► terminator ──► Done
//!     ├─► OK / ERR / EOF ───────────────────────────────────────────────────┘
//!     ├─► LOCAL INFILE request ──► (the client's file) ──► First
//!     └─► prepare OK ──► Parameters ──► Columns ──► Done
//!                   └──► Omitted ─────────────────► Done
//! ```

use super::{EofPacket, ErrPacket, OkPacket};
use crate::command::Command;
use crate::packet::{HEADER_LENGTH, MAX_PAYLOAD_LENGTH, PacketHeader, SequenceId};
use crate::statement::PrepareOk;
use crate::wire::Reader;
use crate::{Capabilities, ProtocolError, StatusFlags};

/// A longer row is not waited for to see whether it holds OUT parameters.
const OUT_PARAMETERS_LIMIT: usize = 64 * 1024;

/// What MySQL tells of OUT parameters: behind them comes the last OK of CALL.
pub(super) const OUT_PARAMETERS: StatusFlags = StatusFlags::PS_OUT_PARAMS.union(StatusFlags::MORE_RESULTS_EXISTS);

/// The shape of a command's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// No reply at all.
    Nothing,
    /// One OK, ERR or EOF packet.
    Single,
    /// One packet of text (COM_STATISTICS), or ERR.
    Text,
    /// Results, one or several (COM_QUERY, COM_STMT_EXECUTE).
    Results,
    /// COM_STMT_PREPARE's OK and definitions.
    Prepare,
    /// Rows and a terminator (COM_STMT_FETCH).
    Rows,
    /// Column definitions and a terminator (COM_FIELD_LIST).
    Fields,
}

impl ReplyKind {
    /// The shape of `command`'s reply; None where it is an exchange of its own (COM_CHANGE_USER, binlog dumps).
    #[must_use]
    pub const fn of(command: Command) -> Option<Self> {
        Some(match command {
            Command::Quit | Command::StmtClose | Command::StmtSendLongData => Self::Nothing,
            Command::Query | Command::StmtExecute | Command::StmtBulkExecute | Command::ProcessInfo => Self::Results,
            Command::StmtPrepare => Self::Prepare,
            Command::StmtFetch => Self::Rows,
            Command::FieldList => Self::Fields,
            Command::Statistics => Self::Text,
            Command::ChangeUser
            | Command::BinlogDump
            | Command::BinlogDumpGtid
            | Command::Clone
            | Command::SubscribeGroupReplicationStream
            | Command::TableDump => return None,
            Command::Sleep
            | Command::InitDb
            | Command::CreateDb
            | Command::DropDb
            | Command::Refresh
            | Command::Shutdown
            | Command::Connect
            | Command::ProcessKill
            | Command::Debug
            | Command::Ping
            | Command::Time
            | Command::DelayedInsert
            | Command::ConnectOut
            | Command::RegisterReplica
            | Command::StmtReset
            | Command::SetOption
            | Command::Daemon
            | Command::ResetConnection
            | Command::Unknown(_) => Self::Single,
        })
    }
}

/// What the scanner must know of the two legs.
#[derive(Debug, Clone, Copy)]
pub struct ReplyContext {
    /// Capabilities that hold on the server connection.
    pub server: Capabilities,
    /// Whether column counts are followed by a metadata flag (OPTIONAL_RESULTSET_METADATA, or MariaDB's CACHE_METADATA).
    pub metadata_flag: bool,
    /// Whether ERR packets with code 0xFFFF are MariaDB's progress reports.
    pub progress_reports: bool,
    /// Whether the client reads OK packets in EOF packets' places.
    pub client_deprecates_eof: bool,
    /// Whether this very command may make the server ask for a local file.
    pub local_file_allowed: bool,
    /// Whether the result of this very command may hold OUT parameters (CALL by COM_STMT_EXECUTE).
    pub out_parameters_possible: bool,
    /// Status for EOF packets that are inserted before the reply's own status is known: the session's last one.
    pub status: StatusFlags,
    /// Whether the server's sequence ids may jump: with compression they follow the compressed packets' own. The client
    /// then gets ids that count on.
    pub ids_may_jump: bool,
    /// Statement id that the client is told in a prepare OK.
    pub statement_id: u32,
}

/// What follows the bytes that pass.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing yet: keep the bytes behind `passed`, append more, scan again.
    NeedMore,
    /// Put this EOF packet here, then scan on.
    Insert(EofPacket, SequenceId),
    /// An OK packet (or one in an EOF packet's place) of `length` bytes with its header, not counted in `passed`; the
    /// caller writes it anew or lets it pass. `sequence` is the id that the client expects. Scan on.
    Ok {
        /// The packet.
        ok: OkPacket,
        /// Its bytes, header included.
        length: usize,
        /// The sequence id that the client expects.
        sequence: SequenceId,
    },
    /// An ERR packet, not counted in `passed`; it ends the reply.
    Err {
        /// The packet.
        err: ErrPacket,
        /// Its bytes, header included.
        length: usize,
        /// The sequence id that the client expects.
        sequence: SequenceId,
    },
    /// The prepare OK is among the bytes that passed (its id already replaced). Scan on.
    Prepared(PrepareOk),
    /// The server asks for the client's file: what passed ends with its request. Send the client's packets until an
    /// empty one (sequence ids go on), then call [`ReplyScanner::file_sent`].
    LocalFile,
    /// The reply is over; bytes behind `passed` belong to nobody.
    Done,
}

/// One step over a reply.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// Bytes at the front that go to the client as they are (sequence ids already changed in place).
    pub passed: usize,
    /// What follows them.
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Definitions {
        left: u64,
    },
    AfterDefinitions,
    Rows,
    Parameters {
        left: u16,
        columns: u16,
    },
    Columns {
        left: u16,
    },
    /// A prepare's definitions were left out; the EOF packets behind these groups of them are not.
    Omitted {
        groups: u8,
    },
    Fields,
    File,
    Done,
}

/// Walks over the bytes of one reply. Feed it with [`ReplyScanner::scan`] until [`Then::Done`].
#[derive(Debug)]
pub struct ReplyScanner {
    kind: ReplyKind,
    context: ReplyContext,
    state: State,
    /// The sequence id that the server's next packet must have.
    expected: SequenceId,
    /// How many EOF packets were inserted: what sequence ids are raised by.
    raised: u8,
    /// Payload bytes of the current packet that have not passed yet.
    inside: usize,
    /// The next packet continues the payload of the one before.
    continued: bool,
    /// Rows of the result under way, or of the last one.
    rows: u64,
}

impl ReplyScanner {
    /// For the reply to a command whose last packet had sequence id `last_sent`.
    #[must_use]
    pub const fn new(kind: ReplyKind, context: ReplyContext, last_sent: SequenceId) -> Self {
        let state = match kind {
            ReplyKind::Nothing => State::Done,
            ReplyKind::Rows => State::Rows,
            ReplyKind::Fields => State::Fields,
            ReplyKind::Single | ReplyKind::Text | ReplyKind::Results | ReplyKind::Prepare => State::First,
        };
        Self { kind, context, state, expected: last_sent.next(), raised: 0, inside: 0, continued: false, rows: 0 }
    }

    /// The client's command came in another number of packets than went to the server: its sequence ids are the server's
    /// raised by this (wrapping).
    #[must_use]
    pub const fn raised_by(mut self, raised: u8) -> Self {
        self.raised = raised;
        self
    }

    /// Whether the reply is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done && self.inside == 0
    }

    /// Whether everything that has passed so far ends where a packet ends.
    #[must_use]
    pub const fn is_at_boundary(&self) -> bool {
        self.inside == 0 && !self.continued
    }

    /// The sequence id that the client expects next.
    #[must_use]
    pub const fn client_sequence(&self) -> SequenceId {
        SequenceId(self.expected.0.wrapping_add(self.raised))
    }

    /// The client's file has been sent; its last packet, as the server saw it, had this sequence id.
    pub fn file_sent(&mut self, last_sent: SequenceId) {
        self.expected = last_sent.next();
        self.state = State::First;
    }

    /// Rows that the result under way has had so far, or the last one had.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How far a sequence id that the client uses is ahead of the server's (inserted EOF packets).
    #[must_use]
    pub const fn raised(&self) -> u8 {
        self.raised
    }

    /// Looks at the bytes that have arrived. Call again behind what was taken (`passed`, and `length` of an OK or ERR).
    ///
    /// # Errors
    /// [`ProtocolError`] when the server's bytes cannot be a reply: its connection is not usable any more.
    pub fn scan(&mut self, bytes: &mut [u8]) -> Result<Scan, ProtocolError> {
        let mut at = 0;
        loop {
            if self.inside > 0 {
                let part = self.inside.min(bytes.len() - at);
                self.inside -= part;
                at += part;
                if self.inside > 0 {
                    return Ok(Scan { passed: at, then: Then::NeedMore });
                }
            }
            if let Some(then) = self.prepare_group_end() {
                return Ok(Scan { passed: at, then });
            }
            if self.state == State::Done && !self.continued {
                return Ok(Scan { passed: at, then: Then::Done });
            }
            if self.state == State::File {
                return Ok(Scan { passed: at, then: Then::LocalFile });
            }
            if self.raised == 0 && !self.continued {
                at = self.skim(bytes, at);
            }
            let Some(header) = PacketHeader::read(&bytes[at..]) else {
                return Ok(Scan { passed: at, then: Then::NeedMore });
            };
            // Behind the header of an empty packet stands the next packet, not this one's first byte.
            let first = bytes.get(at + HEADER_LENGTH).copied().filter(|_| header.length > 0);
            if first.is_none() && header.length > 0 {
                return Ok(Scan { passed: at, then: Then::NeedMore });
            }
            if header.sequence != self.expected && self.context.ids_may_jump {
                self.raised = self.client_sequence().0.wrapping_sub(header.sequence.0);
                self.expected = header.sequence;
            }
            if header.sequence != self.expected {
                return Err(ProtocolError::OutOfOrder { expected: self.expected.0, got: header.sequence.0 });
            }
            // A first row may be as large as it likes: it passes without being whole here.
            let ends = matches!(first, Some(0xFE | 0xFF)) && !header.is_continued();
            if self.state == State::AfterDefinitions && !ends {
                if !self.context.client_deprecates_eof {
                    let Some(status) = self.status_in_front_of_row(header, &bytes[at..])? else {
                        return Ok(Scan { passed: at, then: Then::NeedMore });
                    };
                    self.state = State::Rows;
                    return Ok(Scan { passed: at, then: self.insert_with(status) });
                }
                self.state = State::Rows;
            }
            if self.passes_unseen(header, first) {
                self.enter(header, &mut bytes[at..]);
                at += HEADER_LENGTH;
                continue;
            }
            let payload_end = at + HEADER_LENGTH + header.payload_length();
            if payload_end > bytes.len() {
                return Ok(Scan { passed: at, then: Then::NeedMore });
            }
            if let Some(then) = self.look(header, at, &mut bytes[..payload_end])? {
                let passed = if matches!(then, Then::Prepared(_) | Then::LocalFile) { payload_end } else { at };
                return Ok(Scan { passed, then });
            }
            at = payload_end;
        }
    }

    /// Passes the whole packets of a result that need no look: most of a reply's bytes, so tight loops. Gives the place
    /// behind them. Only between packets of one piece, and while no sequence id is raised.
    fn skim(&mut self, bytes: &[u8], mut at: usize) -> usize {
        if self.state == State::First
            && self.kind == ReplyKind::Results
            && let Some((columns, end)) = self.plain_column_count(bytes, at)
        {
            self.state = State::Definitions { left: columns };
            self.rows = 0;
            self.expected = self.expected.next();
            at = end;
        }
        if let State::Definitions { left } = self.state {
            // As in `passes_unseen`: no definition begins with 0xFB, whose catalogue would be NULL.
            let (end, count) = self.skim_packets(bytes, at, left, 0xFB);
            at = end;
            self.state =
                if count == left { State::AfterDefinitions } else { State::Definitions { left: left - count } };
        }
        if self.state == State::AfterDefinitions && self.context.client_deprecates_eof {
            let (end, count) = self.skim_packets(bytes, at, 1, 0xFE);
            at = end;
            self.rows += count;
            if count == 1 {
                self.state = State::Rows;
            }
        }
        if self.state == State::Rows {
            let (end, count) = self.skim_packets(bytes, at, u64::MAX, 0xFE);
            at = end;
            self.rows += count;
        }
        at
    }

    /// Passes at most `most` packets that are whole, of one piece, in order, and begin below `most_first`.
    fn skim_packets(&mut self, bytes: &[u8], mut at: usize, most: u64, most_first: u8) -> (usize, u64) {
        let mut count = 0;
        while count < most
            && let Some(&[low, middle, high, sequence, first]) = bytes.get(at..).and_then(|rest| rest.first_chunk())
        {
            let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
            let end = at + HEADER_LENGTH + length;
            let is_plain =
                length != 0 && length != MAX_PAYLOAD_LENGTH && first < most_first && sequence == self.expected.0;
            if !is_plain || end > bytes.len() {
                break;
            }
            at = end;
            count += 1;
            self.expected = self.expected.next();
        }
        (at, count)
    }

    /// A column count of one byte with definitions behind it, and the place behind its packet: that of most results.
    fn plain_column_count(&self, bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        let &[length, 0, 0, sequence, columns, flag] = bytes.get(at..)?.first_chunk()? else { return None };
        let has_definitions = if self.context.metadata_flag { length == 2 && flag == 1 } else { length == 1 };
        let is_plain = has_definitions && sequence == self.expected.0 && (1..=0xFA).contains(&columns);
        is_plain.then_some((u64::from(columns), at + HEADER_LENGTH + usize::from(length)))
    }

    /// Rows, definitions and continuations pass without a look at their content.
    fn passes_unseen(&mut self, header: PacketHeader, first: Option<u8>) -> bool {
        if self.continued {
            return true;
        }
        match self.state {
            // A definition begins with its catalogue's name; what begins otherwise says that the count was a lie.
            State::Definitions { .. } | State::Parameters { .. } | State::Columns { .. } => {
                !matches!(first, None | Some(0xFB | 0xFE | 0xFF))
            }
            // F5: a packet of 0xFFFFFF bytes that begins with 0xFE is a row whose first column is that long.
            State::Rows => match first {
                Some(0xFE) => header.is_continued(),
                Some(0xFF) => false,
                _ => true,
            },
            State::Fields => !matches!(first, Some(0xFE | 0xFF)),
            State::First => self.kind == ReplyKind::Text && first != Some(0xFF),
            State::AfterDefinitions | State::Omitted { .. } | State::File | State::Done => false,
        }
    }

    /// The packet passes: notes its header, raises its id, and steps the state.
    fn enter(&mut self, header: PacketHeader, bytes: &mut [u8]) {
        let continuation = self.continued;
        self.expected = header.sequence.next();
        self.inside = header.payload_length();
        self.continued = header.is_continued();
        if self.raised != 0 {
            bytes[HEADER_LENGTH - 1] = header.sequence.0.wrapping_add(self.raised);
        }
        if continuation {
            return;
        }
        self.state = match self.state {
            State::Definitions { left } if left > 1 => State::Definitions { left: left - 1 },
            State::Definitions { .. } => State::AfterDefinitions,
            State::Parameters { left, columns } if left > 1 => State::Parameters { left: left - 1, columns },
            State::Parameters { columns, .. } => State::Parameters { left: 0, columns },
            State::Columns { left } => State::Columns { left: left.saturating_sub(1) },
            State::First => State::Done,
            State::Rows => {
                self.rows += 1;
                State::Rows
            }
            same => same,
        };
        self.finish_prepare_groups();
    }

    /// With a client that deprecates EOF nothing stands behind a prepare's groups of definitions.
    fn finish_prepare_groups(&mut self) {
        if !self.context.client_deprecates_eof {
            return;
        }
        if let State::Parameters { left: 0, columns } = self.state {
            self.state = State::Columns { left: columns };
        }
        if self.state == (State::Columns { left: 0 }) {
            self.state = State::Done;
        }
    }

    /// An EOF packet for a client that needs it; it takes the id of the packet that comes next.
    fn insert(&mut self) -> Then {
        self.insert_with(self.context.status)
    }

    fn insert_with(&mut self, status: StatusFlags) -> Then {
        let sequence = self.client_sequence();
        self.raised = self.raised.wrapping_add(1);
        Then::Insert(EofPacket { warnings: 0, status }, sequence)
    }

    /// The status of the EOF packet in front of the row at `bytes`. Servers tell a client without DEPRECATE_EOF there
    /// (MySQL there alone) that the row holds OUT parameters; with it, in the terminator behind the row. None: that is
    /// not there yet.
    fn status_in_front_of_row(&self, header: PacketHeader, bytes: &[u8]) -> Result<Option<StatusFlags>, ProtocolError> {
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

    /// A packet that needs a look; all of it is in `bytes[at..]`. None: it passes, and scanning goes on behind it.
    fn look(&mut self, header: PacketHeader, at: usize, bytes: &mut [u8]) -> Result<Option<Then>, ProtocolError> {
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

    /// The packet, all of which is there, passes as it is.
    fn pass_whole(&mut self, header: PacketHeader, bytes: &mut [u8]) {
        if self.raised != 0 {
            bytes[HEADER_LENGTH - 1] = header.sequence.0.wrapping_add(self.raised);
        }
        self.expected = header.sequence.next();
    }

    /// The EOF packet that stands behind a group of a prepare's definitions, for a client that needs it.
    fn prepare_group_end(&mut self) -> Option<Then> {
        match self.state {
            State::Parameters { left: 0, columns } => {
                self.state = if columns == 0 { State::Done } else { State::Columns { left: columns } };
                Some(self.insert())
            }
            State::Omitted { groups } if groups > 1 => {
                self.state = State::Omitted { groups: groups - 1 };
                Some(self.insert())
            }
            State::Columns { left: 0 } | State::Omitted { .. } => {
                self.state = State::Done;
                Some(self.insert())
            }
            _ => None,
        }
    }
}
