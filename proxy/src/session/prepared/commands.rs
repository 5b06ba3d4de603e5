//! The commands that make, run and close prepared statements.

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_protocol::statement::{BulkRequest, ExecuteRequest, read_statement_id};
use rolecall_router::sql::{Effects, Hint, NamedCollation, OwnVariable, Statement, names_collation, own_variable};

use super::own::{OwnStatement, not_here};
use super::statements::Prepared;
use super::{malformed, too_many_statements, unknown_statement};
use crate::buffer::Buffer;
use crate::session::answers::too_late;
use crate::session::dispatch::Job;
use crate::session::{CloseReason, Session};

impl Session {
    /// COM_STMT_PREPARE.
    pub(in crate::session) async fn prepare(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let sql = &buffer.filled()[HEADER_LENGTH + 1..taken];
        let mut statement = self.worker.classify(sql, self.state.lexing()).in_schema(self.state.schema());
        if statement.effects.contains(Effects::OWN_VARIABLE)
            && let Some(usage) = own_variable(sql, self.state.lexing())
        {
            let own = OwnStatement::new(usage);
            return self.prepare_own(own).await;
        }
        let mut collation = None;
        if statement.effects.contains(Effects::SETS_COLLATION)
            && let Some(NamedCollation { name, is_alone }) = names_collation(sql, self.state.lexing())
        {
            statement = statement.with_known_collation(!is_alone);
            collation = Some((name.into(), is_alone));
        }
        let sql = if self.prepared.keeps(sql.len()) {
            Some(sql)
        } else {
            statement = Statement::unknown("one prepared statement more than texts are kept of");
            None
        };
        let job = match self.prepare_job(sql, statement) {
            Ok(job) => job,
            Err(err) => return self.fail(&err).await,
        };
        if let Some(pending) = &mut self.prepared.pending {
            pending.collation = collation;
        }
        self.run(buffer, taken, job).await
    }

    /// The job of preparing a statement.
    pub(in crate::session) fn prepare_job(
        &mut self,
        sql: Option<&[u8]>,
        statement: Statement,
    ) -> Result<Job, ErrPacket> {
        self.prepared.begin();
        if self.prepared.is_full() {
            return Err(too_many_statements());
        }
        let key = self.prepared.key_of(sql, &self.state, &mut self.worker.statement_texts.borrow_mut());
        self.prepared.pending = Some(Prepared::new(key, statement));
        // Preparing has no effect beyond the statement itself; executing has.
        let statement = Statement { effects: Effects::empty(), ..statement };
        let mut job = Job::new(Command::StmtPrepare, ReplyKind::Prepare, statement);
        job.statement_id = self.prepared.next_id();
        Ok(job)
    }

    /// COM_STMT_EXECUTE and MariaDB's COM_STMT_BULK_EXECUTE.
    pub(in crate::session) async fn execute(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        if self.prepared.has_own()
            && let Some(done) = Box::pin(self.continue_own(command, buffer, taken)).await
        {
            return done;
        }
        match self.execute_job(command, &buffer.filled()[HEADER_LENGTH..taken], true) {
            Ok(job) if self.executes_too_late(&job) => self.send_error(&too_late()).await,
            Ok(job) => self.run(buffer, taken, job).await,
            Err(err) => self.fail(&err).await,
        }
    }

    /// The job of executing a statement. `whole`: the payload is all there.
    pub(in crate::session) fn execute_job(
        &mut self,
        command: Command,
        payload: &[u8],
        whole: bool,
    ) -> Result<Job, ErrPacket> {
        let flavour = self.state.lexing().flavour;
        let id = read_statement_id(payload).map_err(|_| malformed(flavour))?;
        let id = self.prepared.resolve(id, self.state.lexing().flavour);
        let capabilities = self.leg_capabilities();
        let Some(prepared) = self.prepared.by_id.get_mut(&id) else {
            let is_own = self.prepared.own_mut(id).is_some();
            return Err(if is_own { not_here() } else { unknown_statement(id, "mysqld_stmt_execute", flavour) });
        };
        let mut statement = prepared.statement;
        let mut token = None;
        // What is too short is refused by the server, in its own words (trap B7).
        if command == Command::StmtExecute
            && let Ok(request) = ExecuteRequest::read(payload, prepared.parameters, capabilities)
        {
            if request.flags().wants_cursor() {
                statement = statement.tied();
            }
            prepared.bind(request.types());
            if whole && statement.hint.is_none() {
                let long_data = prepared.long_data.is_some();
                statement.hint = request.attribute(b"rolecall", &|_| long_data).and_then(Hint::from_name);
            }
            if whole {
                let long_data = prepared.long_data.is_some();
                let name = OwnVariable::CausalToken.name().as_bytes();
                token = request.attribute(name, &|_| long_data);
            }
        }
        if command == Command::StmtBulkExecute
            && let Ok(request) = BulkRequest::read(payload, prepared.parameters)
        {
            prepared.bind(request.types());
        }
        if std::mem::take(&mut prepared.long_data_lost) {
            return Err(ErrPacket::new(
                ErrorCode::CONNECTION_LOST,
                "Rolecall lost the server to which this statement's parameter data had been sent: nothing was executed; send \
                 the data again and retry",
            ));
        }
        let mut job = Job::new(command, ReplyKind::Results, statement);
        job.statement_id = id;
        let elsewhere_impossible = prepared.sql().is_none() || (!whole && prepared.types.is_none());
        job.at = prepared.long_data.or(if elsewhere_impossible { prepared.last } else { None });
        job.favourite = prepared.last;
        if let Some(token) = token {
            self.adopt(token)?;
        }
        Ok(job)
    }

    /// Whether the beginning of an execution of a known statement ends in front of its values.
    pub(in crate::session) fn ends_inside_types(&self, command: Command, payload: &[u8]) -> bool {
        let Ok(id) = read_statement_id(payload) else { return false };
        let Some(prepared) = self.prepared.by_id.get(&self.prepared.resolve(id, self.state.lexing().flavour)) else {
            return false;
        };
        if command == Command::StmtBulkExecute {
            return BulkRequest::read(payload, prepared.parameters).is_err();
        }
        ExecuteRequest::read(payload, prepared.parameters, self.leg_capabilities()).is_err()
    }

    /// COM_STMT_FETCH and COM_STMT_RESET: they go where the statement's cursor or data is.
    pub(in crate::session) async fn continue_statement(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        if self.prepared.has_own()
            && let Some(done) = self.continue_own(command, buffer, taken).await
        {
            return done;
        }
        let (name, kind) = match command {
            Command::StmtFetch => ("mysqld_stmt_fetch", ReplyKind::Rows),
            _ => ("mysqld_stmt_reset", ReplyKind::Single),
        };
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        };
        let id = self.prepared.resolve(id, self.state.lexing().flavour);
        let Some(prepared) = self.prepared.by_id.get_mut(&id) else {
            return self.fail(&unknown_statement(id, name, self.state.lexing().flavour)).await;
        };
        let statement = Statement { effects: Effects::empty(), ..prepared.statement };
        let mut job = Job::new(command, kind, statement);
        job.statement_id = id;
        job.at = prepared.cursor.or(prepared.long_data).or(prepared.last);
        if command == Command::StmtReset {
            prepared.long_data_lost = false;
        }
        self.run(buffer, taken, job).await
    }

    /// COM_STMT_CLOSE: no reply.
    pub(in crate::session) async fn close_statement(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        };
        let id = self.prepared.resolve(id, self.state.lexing().flavour);
        self.prepared.remove_own(id);
        let Some(closed) = self.prepared.remove(id) else { return Ok(()) };
        for link in &mut self.links {
            if link.statements.close(&closed.key) {
                // A link that broke is found out when it is used next.
                let _ = link.send_closing().await;
            }
        }
        self.update_statement_pins();
        Ok(())
    }
}
