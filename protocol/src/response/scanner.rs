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

mod look;
mod skim;

use super::{EofPacket, ErrPacket, OkPacket, ReplyKind};
use crate::packet::{HEADER_LENGTH, PacketHeader, SequenceId};
use crate::statement::PrepareOk;
use crate::{Capabilities, ProtocolError, StatusFlags};

/// What MySQL tells of OUT parameters: behind them comes the last OK of CALL.
pub(super) const OUT_PARAMETERS: StatusFlags = StatusFlags::PS_OUT_PARAMS.union(StatusFlags::MORE_RESULTS_EXISTS);

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
