//! Statements and their replies.

use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::wire::{Put as _, Reader};
use rolecall_protocol::{Capabilities, ProtocolError, StatusFlags};

use super::{ClientError, Connection};

/// What came back, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reply {
    /// Rows of all results.
    pub rows: u64,
    /// Payload bytes of those rows.
    pub bytes: u64,
    /// The server's status after the last result.
    pub status: StatusFlags,
}

/// A prepared statement of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    id: u32,
    parameters: u16,
}

impl Connection {
    /// COM_QUERY; rows are counted and dropped.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn query(&mut self, sql: &str) -> Result<Reply, ClientError> {
        self.command(0x03, sql.as_bytes())?;
        self.reply(|_| Ok(()))
    }

    /// COM_QUERY; the rows as text, NULL as `None`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ClientError> {
        self.command(0x03, sql.as_bytes())?;
        let mut rows = Vec::new();
        self.reply(|payload| {
            rows.push(text_row(payload)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// COM_STMT_PREPARE.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn prepare(&mut self, sql: &str) -> Result<Statement, ClientError> {
        self.command(0x16, sql.as_bytes())?;
        let payload = self.packet()?;
        if payload.first() == Some(&0xFF) {
            return Err(ClientError::Server(ErrPacket::decode(payload)?));
        }
        let mut reader = Reader::new(payload);
        reader.u8("prepare header")?;
        let id = reader.u32("statement id")?;
        let columns = reader.u16("columns")?;
        let parameters = reader.u16("parameters")?;
        let eof = u16::from(!self.capabilities.contains(Capabilities::DEPRECATE_EOF));
        for count in [parameters, columns] {
            for _ in 0..if count == 0 { 0 } else { count + eof } {
                self.packet()?;
            }
        }
        Ok(Statement { id, parameters })
    }

    /// COM_STMT_EXECUTE with BIGINT parameters.
    ///
    /// # Errors
    /// [`ClientError`]; `Unsupported` where the number of values is not the statement's.
    pub fn execute(&mut self, statement: Statement, values: &[i64]) -> Result<Reply, ClientError> {
        if values.len() != usize::from(statement.parameters) {
            return Err(ClientError::Unsupported(format!("{} parameters are wanted", statement.parameters)));
        }
        let mut body = Vec::with_capacity(64);
        body.put_u32(statement.id);
        body.put_u8(0); // no cursor
        body.put_u32(1); // iterations
        if !values.is_empty() {
            body.resize(body.len() + values.len().div_ceil(8), 0); // no NULL
            body.put_u8(1); // types follow
            values.iter().for_each(|_| body.put_u16(8)); // MYSQL_TYPE_LONGLONG
            values.iter().for_each(|value| body.put_bytes(&value.to_le_bytes()));
        }
        self.command(0x17, &body)?;
        self.reply(|_| Ok(()))
    }

    fn reply(&mut self, mut row: impl FnMut(&[u8]) -> Result<(), ClientError>) -> Result<Reply, ClientError> {
        let mut reply = Reply::default();
        loop {
            let capabilities = self.capabilities;
            let payload = self.packet()?;
            reply.status = match payload.first() {
                Some(0x00) => OkPacket::decode(payload, capabilities)?.status,
                Some(0xFF) => return Err(ClientError::Server(ErrPacket::decode(payload)?)),
                Some(0xFB) => return Err(ClientError::Unsupported("LOAD DATA LOCAL".to_owned())),
                _ => {
                    let columns = Reader::new(payload).lenenc("column count")?;
                    self.result(columns, &mut reply, &mut row)?
                }
            };
            if !reply.status.contains(StatusFlags::MORE_RESULTS_EXISTS) {
                return Ok(reply);
            }
        }
    }

    fn result(
        &mut self,
        columns: u64,
        reply: &mut Reply,
        row: &mut impl FnMut(&[u8]) -> Result<(), ClientError>,
    ) -> Result<StatusFlags, ClientError> {
        let capabilities = self.capabilities;
        let deprecate_eof = capabilities.contains(Capabilities::DEPRECATE_EOF);
        for _ in 0..columns + u64::from(!deprecate_eof) {
            self.packet()?;
        }
        loop {
            let payload = self.packet()?;
            match payload.first() {
                Some(0xFE) if !deprecate_eof && payload.len() < 9 => {
                    let mut reader = Reader::new(&payload[1..]);
                    reader.u16("warnings")?;
                    return Ok(StatusFlags::from_bits_retain(reader.u16("status")?));
                }
                Some(0xFE) if deprecate_eof && payload.len() < 0xFF_FFFF => {
                    return Ok(OkPacket::decode(payload, capabilities)?.status);
                }
                Some(0xFF) => return Err(ClientError::Server(ErrPacket::decode(payload)?)),
                _ => {
                    reply.rows += 1;
                    reply.bytes += payload.len() as u64;
                    row(payload)?;
                }
            }
        }
    }
}

fn text_row(payload: &[u8]) -> Result<Vec<Option<String>>, ProtocolError> {
    let mut reader = Reader::new(payload);
    let mut row = Vec::new();
    while !reader.is_empty() {
        if reader.rest().first() == Some(&0xFB) {
            reader.u8("NULL")?;
            row.push(None);
        } else {
            row.push(Some(String::from_utf8_lossy(reader.bytes_lenenc("value")?).into_owned()));
        }
    }
    Ok(row)
}
