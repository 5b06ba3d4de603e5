//! Commands longer than the statement buffer: they go to the primary as they arrive, count as unknown, and can be neither
//! held nor retried (architecture.md).

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{HEADER_LENGTH, PacketHeader};
use rolecall_protocol::passage::{Passage, PassageEnd};
use rolecall_protocol::recut::Recut;
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_router::sql::Statement;

use super::dispatch::Job;
use super::forward::{Exchanged, Sent};
use super::line::NoLink;
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;
use crate::monotonic;

/// The most that is held of an execution whose types have not come to their end: 65,535 of them take 128 KiB, and names of
/// query attributes go with them.
const TYPES_LIMIT: usize = 512 * 1024;

impl Session {
    /// A command whose head stands at the front of `buffer`; consumes all of it.
    pub(super) async fn dispatch_long(&mut self, buffer: &mut Buffer) -> Result<(), CloseReason> {
        let command = Command::from_byte(buffer.filled()[HEADER_LENGTH]);
        let unknown = Statement::unknown("longer than the statement buffer");
        let job = match command {
            Command::Query => Job::new(command, ReplyKind::Results, unknown),
            Command::StmtPrepare => match self.prepare_job(None, unknown) {
                Ok(job) => job,
                Err(err) => return self.refuse_long(buffer, &err).await,
            },
            Command::StmtExecute | Command::StmtBulkExecute => {
                if !self.read_types(command, buffer).await? {
                    return self.refuse_long(buffer, &too_many_types()).await;
                }
                match self.execute_job(command, &buffer.filled()[HEADER_LENGTH..head_of(buffer)], false) {
                    Ok(job) => job,
                    Err(err) => return self.refuse_long(buffer, &err).await,
                }
            }
            Command::StmtSendLongData => {
                let link = self.long_data_link(buffer, head_of(buffer)).await?.map(|(link, _)| link);
                return self.stream_long_data(buffer, link).await;
            }
            _ => return self.refuse_long(buffer, &too_large()).await,
        };
        let head = head_of(buffer);
        self.stream(buffer, head, job).await
    }

    /// Reads a long execution up to its values: whether it brings types, and which, must be known. False where that is more
    /// than is held of a command.
    async fn read_types(&mut self, command: Command, buffer: &mut Buffer) -> Result<bool, CloseReason> {
        while self.ends_inside_types(command, &buffer.filled()[HEADER_LENGTH..head_of(buffer)]) {
            // What is too short as a whole is refused by the server, in its own words (trap B7).
            let length = PacketHeader::read(buffer.filled()).map_or(0, |header| header.payload_length());
            if buffer.len() >= HEADER_LENGTH + length {
                break;
            }
            if buffer.len() > TYPES_LIMIT {
                return Ok(false);
            }
            self.read_more(buffer).await?;
        }
        Ok(true)
    }

    async fn stream(&mut self, buffer: &mut Buffer, head: usize, job: Job) -> Result<(), CloseReason> {
        let started = monotonic::nanoseconds();
        let (mut link, own) = match self.take_ready_link_in_line(&job, buffer, head).await {
            Ok(ready) => ready,
            Err(NoLink::Told(err)) => return self.refuse_long(buffer, &err).await,
            Err(NoLink::Ends(CloseReason::ServerLost)) => {
                let last = self.drop_long(buffer).await?;
                return self.report_loss(Some(last.next()), true, false).await;
            }
            Err(NoLink::Ends(reason)) => return Err(reason),
        };
        let target = link.server.id;
        let tied = self.state.tied_to().is_some() || self.state.unread_at() == Some(target);
        let unknown = self.may_have_changed_data(&job);
        self.begin(&link);
        link.transport.new_exchange();
        let mut passage = Passage::new(PassageEnd::LastPart, SequenceId(0), 0);
        let mut anew = own.and_then(|own| Anew::begin(buffer, head, own.get(HEADER_LENGTH..)?));
        let written = self.pass_on(buffer, &mut passage, Some((&mut link, anew.as_mut()))).await?;
        let last = anew.as_ref().map_or(passage.last(), |anew| anew.recut.last());
        let sent = Sent { last, raised: passage.last().0.wrapping_sub(last.0) };
        match self.receive(link, buffer, 0, &job, sent).await? {
            Exchanged::Done(outcome) => {
                // Its text is gone.
                self.after(&job, target, &outcome, started, &[]);
                // A server that refused the statement before its end has closed the connection, and so it is here.
                if written { Ok(()) } else { Err(CloseReason::ServerLost) }
            }
            Exchanged::Misplaced(err) | Exchanged::TooManyStatements(err) => {
                self.send_error_behind(passage.last(), &err).await
            }
            // Nothing goes ahead of a statement that is passed on as it arrives.
            Exchanged::Void(_) => Err(CloseReason::ServerLost),
            Exchanged::Lost { boundary, .. } => {
                self.note_lost(target);
                self.report_loss(boundary, tied, unknown).await
            }
        }
    }

    /// Passes the rest of a command on; false when the server stopped taking it. Without a link it is read and dropped.
    async fn pass_on(
        &mut self,
        buffer: &mut Buffer,
        passage: &mut Passage,
        mut link: Option<(&mut Box<Connection>, Option<&mut Anew>)>,
    ) -> Result<bool, CloseReason> {
        let limit = self.worker.settings().max_packet as u64;
        let mut sent = true;
        loop {
            let ready = passage.pass(buffer.filled_mut()).map_err(|_| CloseReason::ClientBroke)?;
            if passage.total() > limit {
                let _ = self.send_error(&too_large()).await;
                return Err(CloseReason::ClientBroke);
            }
            if sent && let Some((link, anew)) = &mut link {
                let bytes = match anew {
                    None => &buffer.filled()[..ready],
                    Some(anew) => anew.pass(&buffer.filled()[..ready])?,
                };
                // After a failure the rest is read all the same: what follows must be the next command, not this one's data.
                sent = self.handle.unless_summoned(link.transport.write_all(bytes)).await?.is_ok();
            }
            buffer.consume(ready);
            if passage.is_done() {
                return Ok(sent);
            }
            self.read_more(buffer).await?;
        }
    }

    async fn stream_long_data(
        &mut self,
        buffer: &mut Buffer,
        mut link: Option<Box<Connection>>,
    ) -> Result<(), CloseReason> {
        let mut passage = Passage::new(PassageEnd::LastPart, SequenceId(0), 0);
        let sent = self.pass_on(buffer, &mut passage, link.as_mut().map(|link| (link, None))).await?;
        if let Some(link) = link
            && sent
        {
            self.put_back(link);
        }
        Ok(())
    }

    /// Reads a long command to its end, then refuses it, so that the client can read the refusal.
    async fn refuse_long(&mut self, buffer: &mut Buffer, err: &ErrPacket) -> Result<(), CloseReason> {
        let last = self.drop_long(buffer).await?;
        self.send_error_behind(last, err).await
    }

    /// Reads a long command to its end; gives the sequence id of its last packet.
    async fn drop_long(&mut self, buffer: &mut Buffer) -> Result<SequenceId, CloseReason> {
        let mut passage = Passage::new(PassageEnd::LastPart, SequenceId(0), 0);
        self.pass_on(buffer, &mut passage, None).await?;
        Ok(passage.last())
    }
}

/// An execution whose beginning the proxy writes itself.
struct Anew {
    recut: Recut,
    /// Bytes of the client's that it replaces.
    replaced: usize,
    /// Bytes that can go.
    out: Vec<u8>,
}

impl Anew {
    /// `payload` goes in place of the first packet's, as far as it stands in the first `head` bytes of `buffer`.
    fn begin(buffer: &Buffer, head: usize, payload: &[u8]) -> Option<Self> {
        let header = PacketHeader::read(buffer.filled())?;
        let mut out = Vec::new();
        let recut = Recut::begin(header, head.checked_sub(HEADER_LENGTH)?, payload, &mut out);
        Some(Self { recut, replaced: head, out })
    }

    /// The client's next bytes as the server gets them.
    fn pass(&mut self, bytes: &[u8]) -> Result<&[u8], CloseReason> {
        if self.replaced == 0 {
            self.out.clear();
        }
        let skipped = self.replaced.min(bytes.len());
        self.replaced -= skipped;
        self.recut.pass(&bytes[skipped..], &mut self.out).map_err(|_| CloseReason::ClientBroke)?;
        Ok(&self.out)
    }
}

/// What stands of the first packet at the front of `buffer`, header included.
fn head_of(buffer: &Buffer) -> usize {
    let packet = PacketHeader::read(buffer.filled()).map_or(0, |header| header.payload_length());
    buffer.len().min(HEADER_LENGTH + packet)
}

fn too_many_types() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NOT_SUPPORTED_YET,
        "Rolecall holds no more than 512 KiB of a long COM_STMT_EXECUTE's parameter types and names: nothing was executed; use \
         fewer or shorter names of query attributes",
    )
}

fn too_large() -> ErrPacket {
    ErrPacket::new(ErrorCode::NET_PACKET_TOO_LARGE, "Got a packet bigger than 'max_allowed_packet' bytes")
}
