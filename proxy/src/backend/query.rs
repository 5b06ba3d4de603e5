//! The proxy's own statements: probes, the catalogue, trackers, KILL.

use rolecall_protocol::ProtocolError;
use rolecall_protocol::command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{SequenceId, put_packet, put_packet_of};
use rolecall_protocol::response::text;
use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::statement::{PrepareOk, put_query};
use rolecall_protocol::wire::Reader;
use rolecall_router::consistency::{Position, WaitAnswer, WaitForm};
use rolecall_router::session::{
    BASELINE_QUESTION, COLLATION_QUESTION, FOUND_ROWS_QUESTION, GLOBAL_CHARACTER_SETS_QUESTION, INSERT_ID_QUESTION,
    OWN_VARIABLES_QUESTION, Prefix, ROLE_QUESTION, ResetNames, Role, VARIABLES_QUESTION, Variables, flags_question,
    is_replayed, names, rows_are_limited, set_client_charset, unlimited_baseline_question,
};
use rolecall_router::sql::{FLAGS_MARIADB, Flavour, user_variable_name};

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::Connection;
use crate::buffer::Buffer;
use crate::exchange::{Exchange, LegError};

/// What a query's payload has more than its text, where it has no attributes: the command, two counts.
const QUERY_ROOM: usize = 3;
/// No packet of an answer to the proxy's own statements is longer.
const ANSWER_PACKET_LIMIT: usize = 16 * 1024 * 1024;
/// An answer has at most this many columns, as every result (MySQL Reference Manual, "Limits on Table Column Count").
const MOST_COLUMNS: u64 = 4096;
/// An answer has at most this many rows.
const ANSWER_ROW_LIMIT: usize = 200_000;

pub use rolecall_protocol::response::text::{Column, Row};

/// The answer to one of the proxy's own statements.
#[derive(Debug, Default)]
pub struct TextResult {
    /// Payloads of the columns' definitions; none where the session has the server leave them out.
    definitions: Vec<Vec<u8>>,
    /// Rows.
    pub rows: Vec<Row>,
    /// The final OK.
    pub ok: OkPacket,
}

impl TextResult {
    /// The columns, which few questions are about.
    ///
    /// # Errors
    /// A definition cannot be read.
    pub fn columns(&self) -> Result<Vec<Column>, ProtocolError> {
        self.definitions.iter().map(|definition| Column::decode(definition)).collect()
    }
}

/// Why one of the proxy's own statements has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The server refused it; the connection stays usable.
    #[error("the server refused: {0}")]
    Refused(ErrPacket),
    /// The connection is not usable any more.
    #[error(transparent)]
    Leg(#[from] LegError),
}

impl From<ProtocolError> for QueryError {
    fn from(error: ProtocolError) -> Self {
        Self::Leg(error.into())
    }
}

/// What a server that refused nothing has said to a wait to which an OK without a row says `ok`.
#[must_use]
pub fn wait_answer(ok: WaitAnswer, answer: &TextResult) -> WaitAnswer {
    match answer.rows.first() {
        Some(row) => WaitAnswer::of_row(row.first().and_then(Option::as_deref)),
        None => ok,
    }
}

/// Bytes that text is written to.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Connection {
    /// Runs one statement that returns at most one result. Not cancel safe: drop the connection after a timeout.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&mut self, sql: &[u8]) -> Result<TextResult, QueryError> {
        let mut payload = Vec::with_capacity(sql.len() + QUERY_ROOM);
        put_query(&mut payload, sql, self.capabilities);
        self.command(&payload).await
    }

    /// Brings the connection up to date with one prefix command.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn apply(&mut self, prefix: &Prefix) -> Result<TextResult, QueryError> {
        let answer = match (self.payload_of(prefix), prefix) {
            (None, Prefix::InitDb(schema)) => self.init_db_in_utf8(schema).await,
            (payload, _) => self.command(&payload.unwrap_or_default()).await,
        }?;
        self.view.accepted(prefix);
        Ok(answer)
    }

    /// The one command of a prefix; None: it takes several.
    fn payload_of(&self, prefix: &Prefix) -> Option<Vec<u8>> {
        if let Some(sql) = prefix.sql() {
            let mut payload = Vec::with_capacity(sql.len() + QUERY_ROOM);
            put_query(&mut payload, &sql, self.capabilities);
            return Some(payload);
        }
        match prefix {
            Prefix::InitDb(schema) if schema.is_ascii() => Some(command::init_db(schema)),
            Prefix::SetOption(on) => Some(command::set_option(*on).to_vec()),
            _ => None,
        }
    }

    /// Whether these commands may go in a statement's own write. Each compressed command begins a packet of its own.
    #[must_use]
    pub fn can_go_ahead(&self, prefixes: &[Prefix]) -> bool {
        !self.transport.is_compressed() && prefixes.iter().all(|prefix| self.payload_of(prefix).is_some())
    }

    /// Sends what was to go ahead of a statement by itself, and waits for the answers.
    ///
    /// # Errors
    /// [`QueryError`]; the connection is of no more use, since its view counts all as accepted.
    pub async fn send_ahead(&mut self) -> Result<(), QueryError> {
        for prefix in std::mem::take(&mut self.ahead) {
            if let Err(error) = self.apply(&prefix).await {
                self.transport.poison();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends what goes ahead of a statement, a wait for `awaited` at most this long among it where one was to go, and `behind`,
    /// the statement's own bytes.
    pub fn put_with_ahead(&mut self, out: &mut Vec<u8>, (awaited, timeout): (&Position, Duration), behind: &[u8]) {
        for payload in self.ahead.iter().filter_map(|prefix| self.payload_of(prefix)) {
            put_packet(out, &mut SequenceId(0), &payload);
        }
        if self.waits_ahead {
            let (start, form) = (out.len(), self.wait_form());
            put_packet_of(out, &mut SequenceId(0), |out| {
                put_query(out, b"", self.capabilities);
                // As many answers are read as commands are written.
                self.waits_ahead = awaited.put_wait(&mut Text(out), timeout, form);
            });
            out.truncate(if self.waits_ahead { out.len() } else { start });
        }
        out.extend_from_slice(behind);
    }

    /// How a wait is worded here.
    #[must_use]
    pub fn wait_form(&self) -> WaitForm {
        let is_limited = self.may_limit_rows || self.view.variables.contains_key(b"sql_select_limit".as_slice());
        if is_limited { WaitForm::Row } else { WaitForm::Short }
    }

    /// Whether a statement has to go behind commands of the proxy's own.
    #[must_use]
    pub fn has_anything_ahead(&self) -> bool {
        !self.ahead.is_empty() || self.waits_ahead
    }

    /// Reads the answers to what went ahead of a statement: what came behind them stays in [`Self::read_ahead`]. Says what came of
    /// the wait among them, to which an OK without a row says `ok`; None: there was none.
    ///
    /// # Errors
    /// [`QueryError`]. As after a wait in vain, the connection must be closed: the statement has run all the same.
    pub async fn answers_ahead(&mut self, ok: WaitAnswer) -> Result<Option<WaitAnswer>, QueryError> {
        let mut buffer = Buffer::borrow();
        for _ in std::mem::take(&mut self.ahead) {
            self.answer(&mut buffer).await?;
        }
        let mut waited = None;
        if self.waits_ahead {
            waited = Some(match self.answer(&mut buffer).await {
                Ok(answer) => wait_answer(ok, &answer),
                // KILL QUERY is meant for the statement behind it.
                Err(QueryError::Refused(err)) if err.code != ErrorCode::QUERY_INTERRUPTED.code => {
                    WaitAnswer::of_err(&err)
                }
                Err(error) => return Err(error),
            });
        }
        self.read_ahead = (!buffer.is_empty()).then_some(buffer);
        Ok(waited)
    }

    /// Servers read the name in character_set_client, and tell it in UTF-8.
    async fn init_db_in_utf8(&mut self, schema: &[u8]) -> Result<TextResult, QueryError> {
        let name = b"character_set_client".as_slice();
        let now = self.view.variables.get(name).or_else(|| self.baseline.as_ref()?.get(name));
        let back = now.filter(|charset| !charset.starts_with(b"utf8")).map(|charset| set_client_charset(charset));
        if back.is_some() {
            self.query(&set_client_charset(b"utf8mb4")).await?;
        }
        let outcome = self.command(&command::init_db(schema)).await;
        if let Some(back) = back {
            self.query(&back).await?;
        }
        outcome
    }

    /// Learns the variables of the login, right behind it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn learn_baseline(&mut self, flavour: Flavour) -> Result<(), QueryError> {
        let mut variables = self.variables(BASELINE_QUESTION).await?;
        if rows_are_limited(&variables) {
            variables = self.variables(unlimited_baseline_question(flavour)).await?;
        }
        self.view.login_sets = variables.get(b"init_connect".as_slice()).is_some_and(|value| !value.is_empty());
        self.may_limit_rows = rows_are_limited(&variables);
        variables.retain(|name, _| is_replayed(name));
        self.baseline = Some(Arc::new(variables));
        Ok(())
    }

    /// The values of what MariaDB's trackers mix up.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn flags(&mut self) -> Result<Variables, QueryError> {
        let mut answer = self.query(flags_question().as_bytes()).await?;
        let row = answer.rows.pop().unwrap_or_default();
        if row.len() != FLAGS_MARIADB.len() {
            return Err(ProtocolError::malformed("answer about flags").into());
        }
        // As trackers and SHOW VARIABLES tell them.
        let value = |value: Option<Vec<u8>>| if value.as_deref() == Some(b"1") { b"ON".as_slice() } else { b"OFF" };
        let pairs = FLAGS_MARIADB.iter().zip(row);
        Ok(pairs.map(|(name, told)| (name.as_bytes().into(), value(told).into())).collect())
    }

    /// Whether its variables are others than it has been told, and told of (MariaDB).
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn has_other_variables(&mut self) -> Result<bool, QueryError> {
        let found = self.variables(OWN_VARIABLES_QUESTION).await?;
        Ok(self.baseline.as_ref().is_none_or(|baseline| self.view.is_behind(&found, baseline)))
    }

    async fn variables(&mut self, question: &str) -> Result<Variables, QueryError> {
        let result = self.query(question.as_bytes()).await?;
        let pairs = result.rows.into_iter().filter_map(|row| match <[_; 2]>::try_from(row) {
            Ok([Some(name), value]) => Some((name.into(), value.unwrap_or_default().into())),
            _ => None,
        });
        Ok(pairs.collect())
    }

    /// What COM_RESET_CONNECTION makes of the character sets here.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn reset_names(&mut self, flavour: Flavour) -> Result<ResetNames, QueryError> {
        if flavour == Flavour::Mariadb {
            return Ok(ResetNames::Login);
        }
        let mut answer = self.query(GLOBAL_CHARACTER_SETS_QUESTION.as_bytes()).await?;
        let row = answer.rows.pop().unwrap_or_default();
        let row: Vec<_> = row.into_iter().map(Option::unwrap_or_default).collect();
        let names = row.try_into().map_err(|_| ProtocolError::malformed(GLOBAL_CHARACTER_SETS_QUESTION))?;
        Ok(ResetNames::Global(names))
    }

    /// LAST_INSERT_ID().
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn last_insert_id(&mut self) -> Result<u64, QueryError> {
        self.number(INSERT_ID_QUESTION).await
    }

    /// FOUND_ROWS().
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn found_rows(&mut self) -> Result<u64, QueryError> {
        self.number(FOUND_ROWS_QUESTION).await
    }

    /// Where triggers may have set user variables of which no tracker tells: the names of those that are not NULL, and no value
    /// is known any more. None: names that cannot be said again.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn doubtful_variables(&mut self) -> Result<Option<Vec<Box<[u8]>>>, QueryError> {
        let result = self.query(VARIABLES_QUESTION.as_bytes()).await?;
        let names = result.rows.into_iter().map(|mut row| row.pop().flatten().as_deref().and_then(user_variable_name));
        let names: Option<Vec<_>> = names.collect();
        self.may_have_variables = names.is_none();
        self.view.user_variables.values_mut().for_each(|value| *value = None);
        Ok(names)
    }

    async fn number(&mut self, question: &'static str) -> Result<u64, QueryError> {
        let result = self.query(question.as_bytes()).await?;
        let digits = result.rows.first().and_then(|row| row.first()?.as_deref());
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        number.ok_or_else(|| ProtocolError::malformed(question).into())
    }

    /// The active roles; None: they cannot be said again.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn role(&mut self, flavour: Flavour) -> Result<Option<Role>, QueryError> {
        let mut result = self.query(ROLE_QUESTION.as_bytes()).await?;
        let answer = result.rows.pop().and_then(|mut row| row.pop());
        Ok(answer.and_then(|answer| Role::from_answer(flavour, answer.as_deref())))
    }

    /// COM_PING.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn ping(&mut self) -> Result<TextResult, QueryError> {
        self.command(&command::PING).await
    }

    /// COM_RESET_CONNECTION.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn reset(&mut self) -> Result<TextResult, QueryError> {
        self.statements.forget();
        // Back to the globals, which may be others than the login found.
        self.may_limit_rows = true;
        self.command(&command::RESET_CONNECTION).await
    }

    /// The default schema, as the server knows it; empty: none.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn schema(&mut self) -> Result<Vec<u8>, QueryError> {
        let mut result = self.query(b"SELECT CAST(DATABASE() AS BINARY) LIMIT 1").await?;
        Ok(result.rows.pop().and_then(|mut row| row.pop()).flatten().unwrap_or_default())
    }

    /// Sets a collation by `set`, which names it by its id, and the character sets that go with it.
    ///
    /// # Errors
    /// [`QueryError`].
    pub(super) async fn set_collation(&mut self, set: &str) -> Result<(), QueryError> {
        self.query(set.as_bytes()).await?;
        let named = self.query(COLLATION_QUESTION.as_bytes()).await?;
        if let Some([Some(charset), Some(collation)]) = named.rows.first().map(Vec::as_slice) {
            self.query(&names(charset, collation)).await?;
        }
        Ok(())
    }

    /// COM_STMT_PREPARE of a statement that the client has prepared elsewhere.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn prepare(&mut self, sql: &[u8]) -> Result<PrepareOk, QueryError> {
        let capabilities = self.capabilities;
        let mut buffer = Buffer::borrow();
        self.send(&command::stmt_prepare(sql)).await?;
        let mut exchange = Exchange::new(&mut self.transport, &mut buffer);
        exchange.sequence = SequenceId(1);
        let first = exchange.read(ANSWER_PACKET_LIMIT).await?;
        if first.first() == Some(&0xFF) {
            return Err(QueryError::Refused(ErrPacket::decode(&first)?));
        }
        let ok = PrepareOk::decode(&first, capabilities)?;
        let definitions = if ok.metadata_follows { u32::from(ok.params) + u32::from(ok.columns) } else { 0 };
        for _ in 0..definitions {
            exchange.read(ANSWER_PACKET_LIMIT).await?;
        }
        Ok(ok)
    }

    /// Sends one command and reads an answer of at most one result.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn command(&mut self, payload: &[u8]) -> Result<TextResult, QueryError> {
        self.send(payload).await?;
        self.answer(&mut Buffer::borrow()).await
    }

    async fn answer(&mut self, buffer: &mut Buffer) -> Result<TextResult, QueryError> {
        let capabilities = self.capabilities;
        let metadata_flag = self.has_metadata_flag();
        let mut exchange = Exchange::new(&mut self.transport, buffer);
        exchange.sequence = SequenceId(1);
        let look = |payload: Cow<'_, [u8]>| match payload.first() {
            Some(0x00 | 0xFE) => OkPacket::decode(&payload, capabilities).map(ControlFlow::Break),
            _ => Ok(ControlFlow::Continue(payload.into_owned())),
        };
        let mut result = TextResult::default();
        let first = match exchange.read_with(ANSWER_PACKET_LIMIT, look).await?? {
            ControlFlow::Continue(first) => first,
            ControlFlow::Break(ok) => {
                result.ok = ok;
                return Ok(result);
            }
        };
        match first.first() {
            Some(0xFF) => return Err(QueryError::Refused(ErrPacket::decode(&first)?)),
            Some(0xFB) | None => return Err(ProtocolError::malformed("answer to the proxy's own statement").into()),
            Some(_) => {}
        }
        let mut reader = Reader::new(&first);
        let columns = reader.lenenc("column count")?;
        if columns > MOST_COLUMNS {
            return Err(ProtocolError::malformed("column count").into());
        }
        let with_definitions = !metadata_flag || reader.is_empty() || reader.u8("metadata flag")? != 0;
        for _ in 0..if with_definitions { columns } else { 0 } {
            result.definitions.push(exchange.read(ANSWER_PACKET_LIMIT).await?);
        }
        loop {
            let packet = exchange.read(ANSWER_PACKET_LIMIT).await?;
            match packet.first() {
                Some(0xFF) => return Err(QueryError::Refused(ErrPacket::decode(&packet)?)),
                Some(0xFE) => {
                    result.ok = OkPacket::decode(&packet, capabilities)?;
                    return Ok(result);
                }
                _ if result.rows.len() >= ANSWER_ROW_LIMIT => {
                    return Err(ProtocolError::TooLarge { what: "answer to the proxy's own statement" }.into());
                }
                _ => result.rows.push(text::row(&packet, columns)?),
            }
        }
    }
}
