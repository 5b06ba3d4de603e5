//! Commands longer than the statement buffer: they go to the primary as they arrive, count as unknown, and can be neither
//! held nor retried (architecture.md).

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::passage::{Passage, PassageEnd};
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_router::command::may_have_changed_data;
use rolecall_router::sql::Statement;

use super::dispatch::Job;
use super::forward::Exchanged;
use super::links::{Hold, LinkError, unreachable};
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;

impl Session {
    /// A command whose head stands at the front of `buffer`; consumes all of it.
    pub(super) async fn dispatch_long(&mut self, buffer: &mut Buffer) -> Result<(), CloseReason> {
        let head = buffer.len();
        let command = Command::from_byte(buffer.filled()[HEADER_LENGTH]);
        let unknown = Statement::unknown("longer than the statement buffer");
        let job = match command {
            Command::Query => Job::new(command, ReplyKind::Results, unknown),
            Command::StmtPrepare => match self.prepare_job(None, unknown).await? {
                Some(job) => job,
                None => return Err(CloseReason::ClientBroke),
            },
            Command::StmtExecute | Command::StmtBulkExecute => {
                match self.execute_job(command, &buffer.filled()[HEADER_LENGTH..head], false) {
                    Ok(job) => job,
                    Err(err) => return self.refuse_long(buffer, &err).await,
                }
            }
            Command::StmtSendLongData => {
                let link = self.long_data_link(buffer, head).await?.map(|(link, _)| link);
                return self.stream_long_data(buffer, link).await;
            }
            _ => return self.refuse_long(buffer, &too_large()).await,
        };
        self.stream(buffer, head, job).await
    }

    async fn stream(&mut self, buffer: &mut Buffer, head: usize, job: Job) -> Result<(), CloseReason> {
        let target = match self.target_of(&job, &mut Hold::default(), buffer).await? {
            Ok(target) => target,
            Err(err) => return self.refuse_long(buffer, &err).await,
        };
        let tied = self.state.tied_to().is_some();
        let unknown = may_have_changed_data(&job.statement, self.state.transaction().is_some());
        let link = match self.take_link(target).await {
            Ok(mut link) => match self.outgoing(&mut link, buffer, head, &job).await {
                Ok(None) => Ok(link),
                // The types would have to be put into a packet whose length has been told. They are not told there now.
                Ok(Some(_)) => {
                    if let Some(statement) = link.statements.get_mut(&job.statement_id) {
                        statement.types = 0;
                    }
                    self.put_back(link);
                    Err(LinkError::Refused(types_left_out()))
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let mut link = match link {
            Ok(link) => link,
            Err(LinkError::Refused(err)) => return self.refuse_long(buffer, &err).await,
            Err(LinkError::Unreachable(reason)) => return self.refuse_long(buffer, &unreachable(&reason)).await,
            Err(LinkError::TieLost) => return Err(CloseReason::ServerLost),
            Err(LinkError::Ended(reason)) => return Err(reason),
        };
        self.begin(&link);
        link.transport.new_exchange();
        let mut passage = Passage::new(PassageEnd::LastPart, SequenceId(0), 0);
        let sent = self.pass_on(buffer, &mut passage, Some(&mut link)).await?;
        match self.receive(link, buffer, 0, &job, passage.last()).await? {
            Exchanged::Done(outcome) => {
                self.note_prepared(&job, target, &outcome);
                self.handle.set_pins(self.state.pins());
                // A server that refused the statement before its end has closed the connection, and so it is here.
                if sent { Ok(()) } else { Err(CloseReason::ServerLost) }
            }
            Exchanged::RefusedReadOnly(err) => self.send_error(&err).await,
            Exchanged::Lost { boundary, .. } => {
                self.state.lost(target);
                self.report_loss(boundary, tied, unknown).await
            }
        }
    }

    /// Passes the rest of a command on; false when the server stopped taking it. Without a link it is read and dropped.
    async fn pass_on(
        &mut self,
        buffer: &mut Buffer,
        passage: &mut Passage,
        mut link: Option<&mut Box<Connection>>,
    ) -> Result<bool, CloseReason> {
        let limit = self.worker.settings().max_packet as u64;
        let mut sent = true;
        loop {
            let ready = passage.pass(buffer.filled_mut()).map_err(|_| CloseReason::ClientBroke)?;
            if passage.total() > limit {
                let _ = self.send_error(&too_large()).await;
                return Err(CloseReason::ClientBroke);
            }
            if sent && let Some(link) = &mut link {
                // After a failure the rest is read all the same: what follows must be the next command, not this one's data.
                let written = self.handle.unless_summoned(link.transport.write_all(&buffer.filled()[..ready])).await?;
                sent = written.is_ok();
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
        let sent = self.pass_on(buffer, &mut passage, link.as_mut()).await?;
        if let Some(link) = link
            && sent
        {
            self.put_back(link);
        }
        Ok(())
    }

    /// Reads a long command to its end, then refuses it, so that the client can read the refusal.
    async fn refuse_long(&mut self, buffer: &mut Buffer, err: &ErrPacket) -> Result<(), CloseReason> {
        let mut passage = Passage::new(PassageEnd::LastPart, SequenceId(0), 0);
        self.pass_on(buffer, &mut passage, None).await?;
        let bytes = self.local(passage.last().next()).err(err);
        self.send(&bytes).await
    }
}

fn types_left_out() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NOT_SUPPORTED_YET,
        "Rolecall cannot send this long COM_STMT_EXECUTE to a server that has not seen its parameters' types: nothing was \
         executed; bind them again with this execution, or raise limits.statement_buffer",
    )
}

fn too_large() -> ErrPacket {
    ErrPacket::new(ErrorCode::NET_PACKET_TOO_LARGE, "Got a packet bigger than 'max_allowed_packet' bytes")
}
