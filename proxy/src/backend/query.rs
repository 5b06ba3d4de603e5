//! The proxy's own statements: probes, the catalogue, trackers, KILL.

use rolecall_protocol::ProtocolError;
use rolecall_protocol::packet::SequenceId;
use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::statement::PrepareOk;
use rolecall_protocol::wire::Reader;
use rolecall_router::session::Prefix;

use super::Connection;
use crate::buffer::Buffer;
use crate::exchange::{Exchange, LegError};

/// No packet of an answer to the proxy's own statements is longer.
const ANSWER_PACKET_LIMIT: usize = 16 * 1024 * 1024;
/// An answer has at most this many rows.
const ANSWER_ROW_LIMIT: usize = 200_000;

/// One row of text values; None is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// The answer to one of the proxy's own statements.
#[derive(Debug, Default)]
pub struct TextResult {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Row>,
    /// The final OK.
    pub ok: OkPacket,
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

impl Connection {
    /// Runs one statement that returns at most one result. Not cancel safe: drop the connection after a timeout.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&mut self, sql: &[u8]) -> Result<TextResult, QueryError> {
        let mut payload = Vec::with_capacity(sql.len() + 3);
        payload.push(0x03); // COM_QUERY
        if self.capabilities.contains(rolecall_protocol::Capabilities::QUERY_ATTRIBUTES) {
            payload.extend_from_slice(&[0, 1]); // no parameters, one parameter set
        }
        payload.extend_from_slice(sql);
        self.command(&payload).await
    }

    /// Brings the connection up to date with one prefix command.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn apply(&mut self, prefix: &Prefix) -> Result<TextResult, QueryError> {
        match prefix {
            Prefix::Set(sql) => self.query(sql).await,
            Prefix::InitDb(schema) => self.command(&[b"\x02", schema.as_slice()].concat()).await,
            Prefix::SetOption(on) => self.command(&[0x1B, u8::from(!on), 0]).await,
        }
    }

    /// COM_RESET_CONNECTION.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn reset(&mut self) -> Result<TextResult, QueryError> {
        self.statements.clear();
        self.command(&[0x1F]).await
    }

    /// COM_STMT_PREPARE of a statement that the client has prepared elsewhere.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn prepare(&mut self, sql: &[u8]) -> Result<PrepareOk, QueryError> {
        let capabilities = self.capabilities;
        let mut buffer = Buffer::borrow();
        self.transport.new_exchange();
        let mut exchange = Exchange::new(&mut self.transport, &mut buffer);
        exchange.write(&[b"\x16", sql].concat()).await?;
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
        let capabilities = self.capabilities;
        let metadata_flag = self.has_metadata_flag();
        let mut buffer = Buffer::borrow();
        self.transport.new_exchange();
        let mut exchange = Exchange::new(&mut self.transport, &mut buffer);
        exchange.write(payload).await?;
        exchange.sequence = SequenceId(1);
        let first = exchange.read(ANSWER_PACKET_LIMIT).await?;
        let mut result = TextResult::default();
        match first.first() {
            Some(0x00 | 0xFE) => {
                result.ok = OkPacket::decode(&first, capabilities)?;
                return Ok(result);
            }
            Some(0xFF) => return Err(QueryError::Refused(ErrPacket::decode(&first)?)),
            Some(0xFB) | None => return Err(ProtocolError::malformed("answer to the proxy's own statement").into()),
            Some(_) => {}
        }
        let mut reader = Reader::new(&first);
        let columns = reader.lenenc("column count")?;
        let with_definitions = !metadata_flag || reader.is_empty() || reader.u8("metadata flag")? != 0;
        for _ in 0..if with_definitions { columns } else { 0 } {
            let definition = exchange.read(ANSWER_PACKET_LIMIT).await?;
            result.columns.push(column_name(&definition)?);
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
                _ => result.rows.push(text_row(&packet, columns)?),
            }
        }
    }
}

fn column_name(definition: &[u8]) -> Result<String, ProtocolError> {
    let mut reader = Reader::new(definition);
    for what in ["catalog", "schema", "table", "original table"] {
        reader.bytes_lenenc(what)?;
    }
    Ok(String::from_utf8_lossy(reader.bytes_lenenc("column name")?).into_owned())
}

fn text_row(packet: &[u8], columns: u64) -> Result<Row, ProtocolError> {
    let mut reader = Reader::new(packet);
    let mut row = Row::new();
    for _ in 0..columns {
        if reader.rest().first() == Some(&0xFB) {
            reader.u8("NULL")?;
            row.push(None);
        } else {
            row.push(Some(reader.bytes_lenenc("value")?.to_vec()));
        }
    }
    Ok(row)
}
