//! One reply on its way from a server to the client.

use rolecall_protocol::packet::{SequenceId, put_packet_of};
use rolecall_protocol::response::{EofPacket, ErrPacket, OkHeader, OkPacket, ReplyScanner, Then};
use rolecall_protocol::statement::{PrepareOk, StatementId};
use rolecall_protocol::{Capabilities, ProtocolError, StatusFlags};
use rolecall_router::refusal::in_read_only_transaction;
use rolecall_router::session::{Pins, SessionState, View};
use rolecall_router::sql::{Flavour, Statement};
use rolecall_router::topology::{Role, ServerId};

use crate::buffer::{Buffer, Scratch};

/// The most that a packet which needs a look (OK, ERR, column count) may take.
const LOOKED_AT_LIMIT: usize = 4 * 1024 * 1024;

/// What a batch of a reply's bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write what passed; more is to come.
    More,
    /// Write what passed; the reply is over.
    Done,
    /// Write what passed; the server waits for the client's file.
    LocalFile,
}

/// What a reply told.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The ERR packet that ended it.
    pub err: Option<ErrPacket>,
    /// The prepared statement that it made.
    pub prepared: Option<PrepareOk>,
    /// Pins that are new.
    pub pinned: Pins,
    /// What its OK packets told of insert ids, zero where none did.
    pub insert_id: u64,
    /// The last OK says that a cursor is open.
    pub cursor_open: bool,
    /// The last OK says that the cursor's last row was sent.
    pub last_row_sent: bool,
    /// When its last byte was there ([`crate::monotonic`]), and what the server was then.
    pub ended: Option<(u64, Role)>,
}

/// One reply on its way.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    pub scanner: ReplyScanner,
    pub capabilities: Capabilities,
    pub state: &'a mut SessionState,
    pub view: &'a mut View,
    pub server: ServerId,
    pub statement: &'a Statement,
    /// The prepared statement that the command is about, by the server's id and by the client's; 0: none.
    pub prepared: (u32, u32),
    pub outcome: Outcome,
    /// Bytes written anew, in front of what passes; empty in the common case.
    pub out: Scratch,
    /// Bytes at the front of the reply buffer that pass behind `out`.
    pub passing: usize,
}

impl Relay<'_> {
    /// Looks at what has arrived. Afterwards `out` and then the first `passing` bytes of `reply` go to the client, and
    /// the caller consumes the latter.
    pub(super) fn step(&mut self, reply: &mut Buffer) -> Result<Step, ProtocolError> {
        let mut at = 0;
        self.out.clear();
        loop {
            let scan = self.scanner.scan(&mut reply.filled_mut()[at..])?;
            at += scan.passed;
            match scan.then {
                Then::NeedMore => {
                    self.passing = at;
                    if reply.len() - at > LOOKED_AT_LIMIT {
                        return Err(ProtocolError::TooLarge { what: "packet of a reply that must be read whole" });
                    }
                    return Ok(Step::More);
                }
                Then::Done => {
                    self.passing = at;
                    return Ok(Step::Done);
                }
                Then::LocalFile => {
                    self.passing = at;
                    return Ok(Step::LocalFile);
                }
                Then::Insert(eof, sequence) => {
                    self.take_over(reply, &mut at);
                    put_eof(self.out.out(), eof, sequence);
                }
                Then::Prepared(prepared) => {
                    self.state.observe_prepared(prepared.warnings);
                    self.outcome.prepared = Some(prepared);
                }
                Then::Ok { ok, length, sequence } => self.ok(reply, &mut at, ok, length, sequence)?,
                Then::Err { err, length, sequence } => {
                    self.state.observe_err(self.server, self.statement, &err);
                    let instead = in_read_only_transaction(&err, self.state.status(), self.state.lexing().flavour)
                        .or_else(|| self.with_the_clients_id(&err));
                    let rewritten = instead.is_some();
                    let err = instead.unwrap_or(err);
                    if self.scanner.raised() == 0 && !rewritten {
                        at += length;
                    } else {
                        self.take_over(reply, &mut at);
                        reply.consume(length);
                        put(self.out.out(), sequence, |out| err.put(out));
                    }
                    self.outcome.err = Some(err);
                }
            }
        }
    }

    /// An error that names a prepared statement names it by the server's id.
    fn with_the_clients_id(&self, err: &ErrPacket) -> Option<ErrPacket> {
        let (servers, clients) = self.prepared;
        if servers == 0 { None } else { err.about_statement(StatementId(servers), StatementId(clients)) }
    }

    fn ok(
        &mut self,
        reply: &mut Buffer,
        at: &mut usize,
        mut ok: OkPacket,
        length: usize,
        sequence: SequenceId,
    ) -> Result<(), ProtocolError> {
        self.outcome.pinned |=
            self.state.observe_ok(self.server, self.view, &ok, self.statement, self.scanner.rows())?.pinned;
        self.outcome.insert_id |= ok.last_insert_id;
        self.outcome.cursor_open = ok.status.contains(StatusFlags::CURSOR_EXISTS);
        self.outcome.last_row_sent = ok.status.contains(StatusFlags::LAST_ROW_SENT);
        let tracking = self.state.tracking();
        if self.scanner.raised() == 0 && tracking.passes(&ok, self.capabilities) {
            *at += length;
            return Ok(());
        }
        tracking.filter(&mut ok);
        self.take_over(reply, at);
        reply.consume(length);
        if ok.header == OkHeader::Eof && !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            put_eof(self.out.out(), ok.as_eof(self.state.lexing().flavour == Flavour::Mysql), sequence);
        } else {
            put(self.out.out(), sequence, |out| ok.put(out, self.capabilities));
        }
        Ok(())
    }

    /// Moves what passes so far behind what was written anew, since something else comes next.
    fn take_over(&mut self, reply: &mut Buffer, at: &mut usize) {
        self.out.out().extend_from_slice(&reply.filled()[..*at]);
        reply.consume(*at);
        *at = 0;
    }
}

fn put_eof(out: &mut Vec<u8>, eof: EofPacket, sequence: SequenceId) {
    put(out, sequence, |out| out.extend_from_slice(&eof.payload()));
}

fn put(out: &mut Vec<u8>, mut sequence: SequenceId, write: impl FnOnce(&mut Vec<u8>)) {
    put_packet_of(out, &mut sequence, write);
}
