//! Prepared statements of the binary protocol: the client's ids stay, the servers' differ.

use std::rc::Rc;
use std::sync::Arc;

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{HEADER_LENGTH, SequenceId, put_packet};
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_protocol::statement::{
    ExecuteRequest, LongDataRequest, StatementId, read_statement_id, rewrite_statement_id,
};
use rolecall_router::session::{Pins, Variables, View, diff, restore};
use rolecall_router::sql::{Effects, Flavour, Hint, NamedCollation, OwnVariable, Statement, names_collation};
use rolecall_router::topology::ServerId;

use super::dispatch::Job;
use super::links::{Hold, LinkError};
use super::relay::Outcome;
use super::sharing::too_late;
use super::{CloseReason, Session};
use crate::backend::{BackendStatement, ByStatement, Connection, QueryError};
use crate::buffer::Buffer;

/// Prepared statements that one session may have: servers' max_prepared_stmt_count is 16382 for all sessions together, and
/// no single one may take all of it.
const STATEMENTS_PER_SESSION: usize = 8000;
/// Bytes of their texts that are kept for one session, so that another server can be given them. Beyond it a statement
/// lives on the primary alone.
const TEXTS_PER_SESSION: usize = 16 << 20;
/// MariaDB's name for the statement that was prepared last.
const LAST_PREPARED: u32 = u32::MAX;

/// A prepared statement, as the client knows it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Its text; None where it was too long to keep, so that it lives on one server only.
    sql: Option<Box<[u8]>>,
    /// The schema and the variables under which it was prepared: another server has to prepare it under the same.
    context: Rc<Context>,
    statement: Statement,
    /// The collation that it leaves behind, where it is a SET NAMES … COLLATE, and whether it sets nothing else.
    collation: Option<(Box<[u8]>, bool)>,
    parameters: u16,
    /// The types that the client bound last.
    types: Option<Box<[u8]>>,
    /// How many times the client has bound types.
    bindings: u64,
    /// Where parameter data was sent ahead.
    long_data: Option<ServerId>,
    /// Parameter data was lost on its way.
    long_data_lost: bool,
    /// Where its cursor is open.
    cursor: Option<ServerId>,
    /// Where it ran last, or was prepared.
    last: Option<ServerId>,
}

/// What a text means something in.
#[derive(Debug, Default)]
struct Context {
    revision: u64,
    schema: Vec<u8>,
    variables: Variables,
}

impl Prepared {
    fn text_length(&self) -> usize {
        self.sql.as_ref().map_or(0, |sql| sql.len())
    }
}

/// A session's prepared statements.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    by_id: ByStatement<Prepared>,
    last_id: u32,
    /// Bytes of all texts.
    texts: usize,
    /// Statements whose text is not kept.
    without_text: usize,
    /// The statement that a prepare under way will become.
    pending: Option<Prepared>,
    /// Of the statement that was prepared last.
    context: Rc<Context>,
}

impl PreparedStatements {
    /// The text of a statement.
    pub(super) fn text(&self, id: u32) -> Option<&[u8]> {
        self.by_id.get(&id)?.sql.as_deref()
    }

    /// Whether another connection can be given all of them.
    pub(super) const fn can_move(&self) -> bool {
        self.without_text == 0
    }

    pub(super) fn clear(&mut self) {
        self.without_text = 0;
        self.by_id.clear();
        self.texts = 0;
    }

    fn insert(&mut self, id: u32, prepared: Prepared) {
        self.texts += prepared.text_length();
        self.without_text += usize::from(prepared.sql.is_none());
        self.by_id.insert(id, prepared);
        self.last_id = id;
    }

    fn remove(&mut self, id: u32) -> bool {
        let removed = self.by_id.remove(&id);
        self.texts -= removed.as_ref().map_or(0, Prepared::text_length);
        self.without_text -= usize::from(removed.as_ref().is_some_and(|removed| removed.sql.is_none()));
        removed.is_some()
    }

    fn resolve(&self, id: StatementId) -> u32 {
        if id.0 == LAST_PREPARED { self.last_id } else { id.0 }
    }

    const fn next_id(&self) -> u32 {
        match self.last_id.wrapping_add(1) {
            0 | LAST_PREPARED => 1,
            id => id,
        }
    }
}

impl Session {
    /// COM_STMT_PREPARE.
    pub(super) async fn prepare(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let sql = &buffer.filled()[HEADER_LENGTH + 1..taken];
        let mut statement = self.worker.classify(sql, self.state.lexing()).in_schema(self.state.schema());
        let mut collation = None;
        if statement.effects.contains(Effects::SETS_COLLATION)
            && let Some(NamedCollation { name, is_alone }) = names_collation(sql, self.state.lexing())
        {
            statement = statement.with_known_collation(!is_alone);
            collation = Some((name.into(), is_alone));
        }
        let sql = if self.prepared.texts + sql.len() <= TEXTS_PER_SESSION {
            Some(sql.into())
        } else {
            statement = Statement::unknown("one prepared statement more than texts are kept of");
            None
        };
        let Some(job) = self.prepare_job(sql, statement).await? else { return Ok(()) };
        if let Some(pending) = &mut self.prepared.pending {
            pending.collation = collation;
        }
        self.run(buffer, taken, job).await
    }

    /// The job of preparing a statement; None where the client has been refused.
    pub(super) async fn prepare_job(
        &mut self,
        sql: Option<Box<[u8]>>,
        statement: Statement,
    ) -> Result<Option<Job>, CloseReason> {
        if self.prepared.by_id.len() >= STATEMENTS_PER_SESSION {
            let text = format!(
                "Can't create more than max_prepared_stmt_count statements (current value: {STATEMENTS_PER_SESSION})"
            );
            self.send_error(&ErrPacket::new(ErrorCode::MAX_PREPARED_STMT_COUNT_REACHED, text)).await?;
            return Ok(None);
        }
        if self.prepared.context.revision != self.state.revision() || self.prepared.by_id.is_empty() {
            self.prepared.context = Rc::new(Context {
                revision: self.state.revision(),
                schema: self.state.schema().to_vec(),
                variables: self.state.variables().clone(),
            });
        }
        self.prepared.pending = Some(Prepared {
            sql,
            context: Rc::clone(&self.prepared.context),
            statement,
            collation: None,
            parameters: 0,
            types: None,
            bindings: 0,
            long_data: None,
            long_data_lost: false,
            cursor: None,
            last: None,
        });
        // Preparing has no effect beyond the statement itself; executing has.
        let statement = Statement { effects: Effects::empty(), ..statement };
        let mut job = Job::new(Command::StmtPrepare, ReplyKind::Prepare, statement);
        let mut id = self.prepared.next_id();
        while self.prepared.by_id.contains_key(&id) {
            id = id.wrapping_add(1).max(1);
        }
        job.statement_id = id;
        Ok(Some(job))
    }

    /// COM_STMT_EXECUTE and MariaDB's COM_STMT_BULK_EXECUTE.
    pub(super) async fn execute(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        match self.execute_job(command, &buffer.filled()[HEADER_LENGTH..taken], true) {
            Ok(job) if self.asks_too_late(&job.statement) => self.send_error(&too_late()).await,
            Ok(job) => self.run(buffer, taken, job).await,
            Err(err) => self.send_error(&err).await,
        }
    }

    /// The job of executing a statement. `whole`: the payload is all there.
    pub(super) fn execute_job(&mut self, command: Command, payload: &[u8], whole: bool) -> Result<Job, ErrPacket> {
        let flavour = self.state.lexing().flavour;
        let id = read_statement_id(payload).map_err(|_| malformed(flavour))?;
        let id = self.prepared.resolve(id);
        let capabilities = self.leg_capabilities();
        let Some(prepared) = self.prepared.by_id.get_mut(&id) else {
            return Err(unknown_statement(id, "mysqld_stmt_execute", flavour));
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
            // Most clients send the same ones each time.
            if let Some(types) = request.types()
                && prepared.types.as_deref() != Some(types)
                // Where the text is not kept, no other server will ever ask for them.
                && prepared.sql.is_some()
            {
                prepared.types = Some(types.into());
                prepared.bindings += 1;
            }
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
        if std::mem::take(&mut prepared.long_data_lost) {
            return Err(ErrPacket::new(
                ErrorCode::CONNECTION_LOST,
                "Rolecall lost the server to which this statement's parameter data had been sent: nothing was executed; send \
                 the data again and retry",
            ));
        }
        let mut job = Job::new(command, ReplyKind::Results, statement);
        job.statement_id = id;
        let elsewhere_impossible = prepared.sql.is_none() || (!whole && prepared.types.is_none());
        job.at = prepared.long_data.or(if elsewhere_impossible { prepared.last } else { None });
        job.favourite = prepared.last;
        if let Some(token) = token {
            self.adopt(token)?;
        }
        Ok(job)
    }

    /// Whether the beginning of a COM_STMT_EXECUTE of a known statement ends in front of its values.
    pub(super) fn ends_inside_types(&self, payload: &[u8]) -> bool {
        let Ok(id) = read_statement_id(payload) else { return false };
        let prepared = self.prepared.by_id.get(&self.prepared.resolve(id));
        prepared.is_some_and(|prepared| {
            ExecuteRequest::read(payload, prepared.parameters, self.leg_capabilities()).is_err()
        })
    }

    /// COM_STMT_FETCH and COM_STMT_RESET: they go where the statement's cursor or data is.
    pub(super) async fn continue_statement(
        &mut self,
        command: Command,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<(), CloseReason> {
        let (name, kind) = match command {
            Command::StmtFetch => ("mysqld_stmt_fetch", ReplyKind::Rows),
            _ => ("mysqld_stmt_reset", ReplyKind::Single),
        };
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        };
        let id = self.prepared.resolve(id);
        let Some(prepared) = self.prepared.by_id.get_mut(&id) else {
            return self.send_error(&unknown_statement(id, name, self.state.lexing().flavour)).await;
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

    /// COM_STMT_SEND_LONG_DATA: no reply; an error shows at the execution. Only one that is too short for its fields is
    /// answered, as COM_STMT_CLOSE is (MySQL 9.7, measured): passed on, that answer would belong to no command.
    pub(super) async fn long_data(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        if LongDataRequest::read(&buffer.filled()[HEADER_LENGTH..taken]).is_err() {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        }
        let Some((mut link, _)) = self.long_data_link(buffer, taken).await? else { return Ok(()) };
        if self.handle.unless_summoned(link.transport.write_all(&buffer.filled()[..taken])).await?.is_ok() {
            self.put_back(link);
        }
        Ok(())
    }

    /// A link for parameter data of the statement named at the front of `buffer`, whose id there becomes the server's.
    /// None: the data is dropped.
    pub(super) async fn long_data_link(
        &mut self,
        buffer: &mut Buffer,
        taken: usize,
    ) -> Result<Option<(Box<Connection>, u32)>, CloseReason> {
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else { return Ok(None) };
        let id = self.prepared.resolve(id);
        let Some(prepared) = self.prepared.by_id.get(&id) else { return Ok(None) };
        let mut job = Job::new(Command::StmtSendLongData, ReplyKind::Nothing, prepared.statement.tied());
        job.statement_id = id;
        job.at = prepared.long_data.or(if prepared.sql.is_none() { prepared.last } else { None });
        let Ok(target) = self.target_of(&job, &mut Hold::default(), buffer).await? else {
            self.lose_long_data(id);
            return Ok(None);
        };
        let link = match self.take_link_in_line(target, buffer).await {
            Ok(mut link) => match self.outgoing(&mut link, buffer, taken, &job).await {
                Ok(_) => Ok(link),
                Err(error) => {
                    if matches!(error, LinkError::Refused(_)) {
                        self.put_back(link);
                    }
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
        let Ok(mut link) = link else {
            self.lose_long_data(id);
            return Ok(None);
        };
        link.transport.new_exchange();
        if let Some(prepared) = self.prepared.by_id.get_mut(&id) {
            prepared.long_data = Some(target);
        }
        self.state.pin(Pins::LONG_DATA, target);
        Ok(Some((link, id)))
    }

    fn lose_long_data(&mut self, id: u32) {
        if let Some(prepared) = self.prepared.by_id.get_mut(&id) {
            prepared.long_data_lost = true;
            prepared.long_data = None;
        }
    }

    /// COM_STMT_CLOSE: no reply.
    pub(super) async fn close_statement(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let Ok(id) = read_statement_id(&buffer.filled()[HEADER_LENGTH..taken]) else {
            return self.send_error(&malformed(self.state.lexing().flavour)).await;
        };
        let id = self.prepared.resolve(id);
        if !self.prepared.remove(id) {
            return Ok(());
        }
        for link in &mut self.links {
            let Some(statement) = link.statements.remove(&id) else { continue };
            if rewrite_statement_id(&mut buffer.filled_mut()[HEADER_LENGTH..taken], StatementId(statement.id)).is_ok() {
                link.transport.new_exchange();
                // A link that broke is found out when it is used next.
                let _ = link.transport.write_all(&buffer.filled()[..taken]).await;
            }
        }
        self.update_statement_pins();
        Ok(())
    }

    /// Makes the bytes at the front of `buffer` fit `link`: the statement's id there, its types where this server does not
    /// know them. Gives other bytes to send, where the client's do not do.
    pub(super) async fn outgoing(
        &mut self,
        link: &mut Connection,
        buffer: &mut Buffer,
        taken: usize,
        job: &Job,
    ) -> Result<Option<Vec<u8>>, LinkError> {
        if job.statement_id == 0 || job.command == Command::StmtPrepare {
            return Ok(None);
        }
        let (capabilities, flavour) = (self.leg_capabilities(), self.state.lexing().flavour);
        if !link.statements.contains_key(&job.statement_id) {
            let handle = Arc::clone(&self.handle);
            let again = Box::pin(self.prepare_again(link, job.statement_id));
            handle.unless_summoned(again).await.map_err(|summons| LinkError::Ended(summons.into()))??;
        }
        let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) else { return Ok(None) };
        let Some(known) = link.statements.get(&job.statement_id).copied() else { return Ok(None) };
        let payload = &mut buffer.filled_mut()[HEADER_LENGTH..taken];
        rewrite_statement_id(payload, StatementId(known.id)).map_err(|_| LinkError::Refused(malformed(flavour)))?;
        if job.command != Command::StmtExecute || known.types == prepared.bindings {
            return Ok(None);
        }
        let Ok(request) = ExecuteRequest::read(payload, prepared.parameters, capabilities) else { return Ok(None) };
        let own = match (&prepared.types, request.needs_types()) {
            (Some(types), true) => Some(request.with_types(types).map_err(|_| LinkError::Refused(malformed(flavour)))?),
            _ => None,
        };
        if let Some(statement) = link.statements.get_mut(&job.statement_id) {
            statement.types = prepared.bindings;
        }
        Ok(own.map(|payload| {
            let mut bytes = Vec::with_capacity(payload.len() + HEADER_LENGTH);
            put_packet(&mut bytes, &mut SequenceId(0), &payload);
            bytes
        }))
    }

    /// Prepares a statement of the session on a connection that does not know it, under the schema and the variables under
    /// which the client prepared it (trap D3).
    async fn prepare_again(&self, link: &mut Connection, id: u32) -> Result<(), LinkError> {
        let flavour = self.state.lexing().flavour;
        let Some(prepared) = self.prepared.by_id.get(&id) else { return Ok(()) };
        let Some(sql) = &prepared.sql else {
            return Err(LinkError::Refused(unknown_statement(id, "mysqld_stmt_execute", flavour)));
        };
        let Context { schema, variables, .. } = &*prepared.context;
        let is_elsewhere = schema != self.state.schema() || variables != self.state.variables();
        if is_elsewhere {
            self.enter_context(link, schema, variables).await?;
        }
        let made = link.prepare(sql).await;
        if is_elsewhere {
            self.update(link).await.map_err(|error| link_error(link, error))?;
        }
        let ok = made.map_err(|error| link_error(link, error))?;
        link.statements.insert(id, BackendStatement { id: ok.statement.0, types: 0 });
        Ok(())
    }

    /// Makes a connection what the session was under an earlier schema and variables.
    async fn enter_context(
        &self,
        link: &mut Connection,
        schema: &[u8],
        variables: &Variables,
    ) -> Result<(), LinkError> {
        let past = self.state.in_context(schema, variables);
        let baseline = link.baseline.clone().unwrap_or_default();
        // What was not set then may be what it is now, where the connection's login is not known to have had it otherwise.
        let mut prefixes = restore(&past, &mut link.view, &baseline, false).unwrap_or_default();
        prefixes.extend(diff(&past, &link.view));
        link.view.revision = View::NOBODYS;
        for prefix in prefixes {
            link.apply(&prefix).await.map_err(|error| link_error(link, error))?;
        }
        link.view.schema = schema.to_vec();
        link.view.variables.clone_from(variables);
        Ok(())
    }

    /// What a finished job means for prepared statements.
    pub(super) fn note_prepared(&mut self, job: &Job, server: ServerId, outcome: &Outcome) {
        if job.statement_id == 0 {
            return;
        }
        match job.command {
            Command::StmtPrepare => self.note_made(job.statement_id, server, outcome),
            Command::StmtExecute | Command::StmtBulkExecute => {
                let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) else { return };
                prepared.last = Some(server);
                let held = prepared.long_data.take().is_some() | prepared.cursor.is_some();
                prepared.cursor = outcome.cursor_open.then_some(server);
                if let Some((collation, is_alone)) = prepared.collation.clone() {
                    self.note_collation(outcome.err.is_none().then_some(server), &collation, is_alone);
                }
                // The usual execution held nothing and holds nothing: no look at all the others.
                if held || outcome.cursor_open {
                    self.update_statement_pins();
                }
            }
            Command::StmtFetch if outcome.last_row_sent => {
                if let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) {
                    prepared.cursor = None;
                }
                self.update_statement_pins();
            }
            Command::StmtReset => {
                if let Some(prepared) = self.prepared.by_id.get_mut(&job.statement_id) {
                    prepared.cursor = None;
                    prepared.long_data = None;
                }
                self.update_statement_pins();
            }
            _ => {}
        }
    }

    fn note_made(&mut self, id: u32, server: ServerId, outcome: &Outcome) {
        let (Some(mut prepared), Some(ok)) = (self.prepared.pending.take(), outcome.prepared) else { return };
        prepared.parameters = ok.params;
        prepared.last = Some(server);
        self.prepared.insert(id, prepared);
        self.state.expect_state_change();
        if let Some(link) = self.links.iter_mut().find(|link| link.server.id == server) {
            link.statements.insert(id, BackendStatement { id: ok.statement.0, types: 0 });
        }
    }

    fn update_statement_pins(&mut self) {
        if !self.state.pins().intersects(Pins::CURSOR | Pins::LONG_DATA) && self.prepared.by_id.is_empty() {
            return;
        }
        let cursor = self.prepared.by_id.values().find_map(|prepared| prepared.cursor);
        let long_data = self.prepared.by_id.values().find_map(|prepared| prepared.long_data);
        for (pin, holder) in [(Pins::CURSOR, cursor), (Pins::LONG_DATA, long_data)] {
            match holder {
                Some(server) => self.state.pin(pin, server),
                None => self.state.unpin(pin),
            }
        }
    }
}

fn link_error(link: &Connection, error: QueryError) -> LinkError {
    match error {
        QueryError::Refused(err) => LinkError::Refused(err),
        QueryError::Leg(error) => LinkError::Unreachable(format!("server {}: {error}", link.server.name)),
    }
}

fn malformed(flavour: Flavour) -> ErrPacket {
    // The flavours differ by a full stop.
    let text = match flavour {
        Flavour::Mysql => "Malformed communication packet.",
        Flavour::Mariadb => "Malformed communication packet",
    };
    ErrPacket::new(ErrorCode::MALFORMED_PACKET, text)
}

fn unknown_statement(id: u32, function: &str, flavour: Flavour) -> ErrPacket {
    // MySQL 9.7 checks all commands in one function; MariaDB names the command's own.
    let function = if flavour == Flavour::Mysql { "mysql_stmt_precheck" } else { function };
    ErrPacket::new(
        ErrorCode::UNKNOWN_STMT_HANDLER,
        format!("Unknown prepared statement handler ({id}) given to {function}"),
    )
}
