//! OK, ERR and EOF packets.
//!
//! Source: MySQL Source Code Documentation, "OK_Packet", "ERR_Packet", "EOF_Packet".

use std::fmt::Write as _;

use super::scanner::OUT_PARAMETERS;
use crate::error_code::ErrorCode;
use crate::session_track::SessionStateChanges;
use crate::statement::StatementId;
use crate::wire::{Put, Reader};
use crate::{Capabilities, ProtocolError, StatusFlags};

/// The most that an OK packet has besides its texts: header, two numbers, status, warnings, two lengths.
const FIXED_ROOM: usize = 1 + 2 * 9 + 2 + 2 + 2 * 9;

/// The first byte of an OK packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OkHeader {
    /// 0x00: an OK.
    #[default]
    Ok,
    /// 0xFE: an OK in an EOF packet's place (CLIENT_DEPRECATE_EOF).
    Eof,
}

/// OK_Packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OkPacket {
    /// Its first byte.
    pub header: OkHeader,
    /// Affected rows.
    pub affected_rows: u64,
    /// Last insert id.
    pub last_insert_id: u64,
    /// Server status.
    pub status: StatusFlags,
    /// Number of warnings.
    pub warnings: u16,
    /// Human-readable text.
    pub info: Vec<u8>,
    /// Session-state changes, encoded; empty where there are none.
    pub state_changes: Vec<u8>,
}

impl OkPacket {
    /// Reads an OK packet on a connection with these capabilities.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`].
    pub fn decode(payload: &[u8], capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        let header = match reader.u8("OK header")? {
            0x00 => OkHeader::Ok,
            0xFE => OkHeader::Eof,
            _ => return Err(ProtocolError::malformed("OK header")),
        };
        let affected_rows = reader.lenenc("affected rows")?;
        let last_insert_id = reader.lenenc("last insert id")?;
        let status = StatusFlags::from_bits_retain(reader.u16("status")?);
        let warnings = reader.u16("warnings")?;
        let mut ok = Self { header, affected_rows, last_insert_id, status, warnings, ..Self::default() };
        if capabilities.contains(Capabilities::SESSION_TRACK) {
            // Servers leave out an empty info text at the packet's end.
            if !reader.is_empty() {
                ok.info = reader.bytes_lenenc("info")?.to_vec();
            }
            if status.contains(StatusFlags::SESSION_STATE_CHANGED) && !reader.is_empty() {
                ok.state_changes = reader.bytes_lenenc("session state")?.to_vec();
            }
        } else if !reader.is_empty() {
            ok.info = reader.bytes_lenenc("info")?.to_vec();
        }
        Ok(ok)
    }

    /// The payload for a peer with these capabilities. State changes, and the flag that announces them, go only to a
    /// peer with SESSION_TRACK; MySQL announces changes that are empty, and so they travel on.
    pub fn put(&self, out: &mut Vec<u8>, capabilities: Capabilities) {
        let tracked = capabilities.contains(Capabilities::SESSION_TRACK);
        out.reserve(FIXED_ROOM + self.info.len() + self.state_changes.len());
        let mut status = self.status;
        let with_changes = tracked && status.contains(StatusFlags::SESSION_STATE_CHANGED);
        status.set(StatusFlags::SESSION_STATE_CHANGED, with_changes);
        out.put_u8(if self.header == OkHeader::Ok { 0x00 } else { 0xFE });
        out.put_lenenc(self.affected_rows);
        out.put_lenenc(self.last_insert_id);
        out.put_u16(status.bits());
        out.put_u16(self.warnings);
        // The manual says string<EOF> without SESSION_TRACK; servers write a length there as well, and clients read it.
        if with_changes || !self.info.is_empty() {
            out.put_bytes_lenenc(&self.info);
        }
        if with_changes {
            out.put_bytes_lenenc(&self.state_changes);
        }
    }

    /// The EOF packet in its place for a client without DEPRECATE_EOF. `told_in_front`: of OUT parameters, and that more
    /// follows, servers of this kind speak in front of them alone (MySQL; MariaDB says it twice).
    #[must_use]
    pub fn as_eof(&self, told_in_front: bool) -> EofPacket {
        let mut status = self.status - StatusFlags::SESSION_STATE_CHANGED;
        if told_in_front && status.contains(StatusFlags::PS_OUT_PARAMS) {
            status -= OUT_PARAMETERS;
        }
        EofPacket { warnings: self.warnings, status }
    }

    /// The session-state changes that it carries.
    #[must_use]
    pub fn changes(&self) -> SessionStateChanges<'_> {
        SessionStateChanges::new(&self.state_changes)
    }
}

/// ERR_Packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrPacket {
    /// The number that clients match on.
    pub code: u16,
    /// SQLSTATE; None where the sender left it out (before the handshake).
    pub sql_state: Option<[u8; 5]>,
    /// The message.
    pub message: Vec<u8>,
}

impl ErrPacket {
    /// An error of the proxy's own.
    #[must_use]
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: error.code, sql_state: Some(error.sql_state), message: message.into().into_bytes() }
    }

    /// Reads an ERR packet; one without SQLSTATE marker is accepted.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`].
    pub fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        if reader.u8("ERR header")? != 0xFF {
            return Err(ProtocolError::malformed("ERR header"));
        }
        let code = reader.u16("error code")?;
        let sql_state = match reader.rest() {
            [b'#', a, b, c, d, e, ..] => {
                let state = [*a, *b, *c, *d, *e];
                reader.bytes(6, "SQLSTATE")?;
                Some(state)
            }
            _ => None,
        };
        Ok(Self { code, sql_state, message: reader.take_rest().to_vec() })
    }

    /// The same error for a client that knows the prepared statement by another id, where its message names the id
    /// (ER_UNKNOWN_STMT_HANDLER, ER_STMT_HAS_NO_OPEN_CURSOR).
    #[must_use]
    pub fn about_statement(&self, server_id: StatementId, client_id: StatementId) -> Option<Self> {
        if server_id == client_id || !matches!(self.code, 1243 | 1421) {
            return None;
        }
        let message = String::from_utf8_lossy(&self.message);
        let renamed = message.replacen(&format!("({})", server_id.0), &format!("({})", client_id.0), 1);
        Some(Self { message: renamed.into_bytes(), ..self.clone() })
    }

    /// The payload as it travels.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.put_u8(0xFF);
        out.put_u16(self.code);
        if let Some(state) = self.sql_state {
            out.put_u8(b'#');
            out.put_bytes(&state);
        }
        out.put_bytes(&self.message);
    }
}

/// On one line, whatever it names: in a log a user's name must not look like a line of its own.
impl std::fmt::Display for ErrPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(state) = self.sql_state {
            f.write_char(' ')?;
            write_on_one_line(f, &state)?;
        }
        f.write_str(": ")?;
        write_on_one_line(f, &self.message)
    }
}

fn write_on_one_line(f: &mut std::fmt::Formatter<'_>, text: &[u8]) -> std::fmt::Result {
    String::from_utf8_lossy(text).chars().try_for_each(|character| match character {
        // Unicode's line and paragraph separators, and what turns the direction of writing around.
        '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            write!(f, "{}", character.escape_default())
        }
        _ if character.is_control() => write!(f, "{}", character.escape_default()),
        _ => f.write_char(character),
    })
}

/// EOF_Packet, for clients without CLIENT_DEPRECATE_EOF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EofPacket {
    /// Number of warnings.
    pub warnings: u16,
    /// Server status.
    pub status: StatusFlags,
}

impl EofPacket {
    /// The payload as it travels.
    #[must_use]
    pub fn payload(&self) -> [u8; 5] {
        let ([w0, w1], [s0, s1]) = (self.warnings.to_le_bytes(), self.status.bits().to_le_bytes());
        [0xFE, w0, w1, s0, s1]
    }

    /// Appends the payload.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.put_bytes(&self.payload());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b14_an_error_about_a_statement_names_it_by_the_clients_id() {
        let error = |code, text: &str| ErrPacket { code, sql_state: None, message: text.into() };
        let (server, client) = (StatementId(17), StatementId(2));
        let told = error(1421, "The statement (17) has no open cursor").about_statement(server, client);
        assert_eq!(told, Some(error(1421, "The statement (2) has no open cursor")));
        assert_eq!(error(1064, "near (17)").about_statement(server, client), None);
        assert_eq!(error(1421, "The statement (17) has no open cursor").about_statement(server, server), None);
    }
}
