//! From a command to its execution.

use rolecall_protocol::SequenceId;
use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::{ErrPacket, LocalReply, ReplyKind};
use rolecall_router::command::statement_of;
use rolecall_router::session::Pins;
use rolecall_router::sql::Statement;
use rolecall_router::topology::ServerId;

use super::incoming::Incoming;
use super::{CloseReason, Session};
use crate::buffer::Buffer;

/// A command that goes to a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// Which one.
    pub command: Command,
    /// The shape of its reply.
    pub kind: ReplyKind,
    /// What it does.
    pub statement: Statement,
    /// The client's id of the prepared statement that it is about; 0 where there is none.
    pub statement_id: u32,
    /// The server that it must go to, where the statement's cursor or data is; None: the decision's.
    pub at: Option<ServerId>,
    /// Where it had better go, all else being equal.
    pub favourite: Option<ServerId>,
}

impl Job {
    pub(super) const fn new(command: Command, kind: ReplyKind, statement: Statement) -> Self {
        Self { command, kind, statement, statement_id: 0, at: None, favourite: None }
    }
}

impl Session {
    /// Executes the command at the front of `buffer`, and consumes it.
    pub(super) async fn dispatch(&mut self, buffer: &mut Buffer, incoming: Incoming) -> Result<(), CloseReason> {
        self.handle.statements.increment();
        let Incoming::Whole { length } = incoming else {
            return Box::pin(self.dispatch_long(buffer)).await;
        };
        let taken = HEADER_LENGTH + length;
        let Some(byte) = buffer.filled()[HEADER_LENGTH..taken].first() else {
            buffer.consume(taken);
            return self.unknown_command().await;
        };
        let command = Command::from_byte(*byte);
        self.sharing.is_question = false;
        match command {
            Command::Quit => return Err(CloseReason::Quit),
            Command::Query => self.query(buffer, taken).await?,
            Command::StmtPrepare => Box::pin(self.prepare(buffer, taken)).await?,
            Command::StmtExecute | Command::StmtBulkExecute => self.execute(command, buffer, taken).await?,
            Command::StmtFetch | Command::StmtReset => {
                Box::pin(self.continue_statement(command, buffer, taken)).await?
            }
            Command::StmtSendLongData => Box::pin(self.long_data(buffer, taken)).await?,
            Command::StmtClose => Box::pin(self.close_statement(buffer, taken)).await?,
            Command::ChangeUser => return Box::pin(self.change_user(buffer, taken)).await,
            Command::ResetConnection => Box::pin(self.reset_connection()).await?,
            Command::Ping => self.ping(buffer, taken).await?,
            Command::ProcessKill => Box::pin(self.process_kill(buffer, taken)).await?,
            Command::SetOption => Box::pin(self.set_option(buffer, taken)).await?,
            Command::BinlogDump | Command::BinlogDumpGtid => {
                return Box::pin(self.binlog_dump(command, buffer, taken)).await;
            }
            Command::InitDb
            | Command::FieldList
            | Command::CreateDb
            | Command::DropDb
            | Command::Refresh
            | Command::Shutdown
            | Command::Statistics
            | Command::ProcessInfo
            | Command::Debug
            | Command::RegisterReplica => {
                let kind = ReplyKind::of(command).unwrap_or(ReplyKind::Single);
                self.run(buffer, taken, Job::new(command, kind, statement_of(command))).await?;
            }
            Command::Sleep
            | Command::Connect
            | Command::Time
            | Command::DelayedInsert
            | Command::TableDump
            | Command::ConnectOut
            | Command::Daemon
            | Command::Clone
            | Command::SubscribeGroupReplicationStream
            | Command::Unknown(_) => self.unknown_command().await?,
        }
        buffer.consume(taken);
        Ok(())
    }

    async fn unknown_command(&mut self) -> Result<(), CloseReason> {
        self.state.observe_own_err(true);
        let bytes = self.local(SequenceId(1)).err(&ErrPacket::new(ErrorCode::UNKNOWN_COM_ERROR, "Unknown command"));
        self.send(&bytes).await
    }

    /// PING asks about the whole way to the server where that server holds something of the session, or alone knows the
    /// number of warnings; else the proxy answers.
    async fn ping(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let mut job = Job::new(Command::Ping, ReplyKind::Single, statement_of(Command::Ping));
        let asked = match self.state.warnings() {
            _ if self.state.tied_to().is_some() => return self.run(buffer, taken, job).await,
            Err(server) => self.links.iter().any(|link| link.server.id == server).then_some(server),
            Ok(_) => None,
        };
        if let Some(server) = asked {
            job.at = Some(server);
            return self.run(buffer, taken, job).await;
        }
        self.note_own_ping();
        // PING keeps the warnings of the statement before it, and tells their number; an error counts as one.
        let ok = LocalReply { warnings: self.state.warnings().unwrap_or(1), ..self.local(SequenceId(1)) }.ok();
        self.send(&ok).await
    }

    /// COM_SET_OPTION: forwarded to one server, noted for the others.
    async fn set_option(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let on = rolecall_protocol::command::set_option_multi_statements(&buffer.filled()[HEADER_LENGTH..taken]);
        let job = Job::new(Command::SetOption, ReplyKind::Single, statement_of(Command::SetOption));
        let accepted = self.run_observed(buffer, taken, job).await?;
        if let (Some(on), Some(server)) = (on, accepted)
            && let Some(link) = self.links.iter_mut().find(|link| link.server.id == server)
        {
            self.state.set_multi_statements(&mut link.view, on);
        } else if let (None, Some(server)) = (on, accepted) {
            // MariaDB takes one without a body, and reads what lies behind it.
            self.state.pin(Pins::OPAQUE_STATE, server);
            self.handle.set_pins(self.state.pins());
        }
        Ok(())
    }
}
