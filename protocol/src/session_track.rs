//! Session-state changes inside OK packets.
//!
//! Source: MySQL Source Code Documentation, "OK_Packet: Session State Information".

use crate::ProtocolError;
use crate::wire::{Put, Reader};

/// One session-state change, borrowed from the OK packet that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStateChange<'a> {
    /// SESSION_TRACK_SYSTEM_VARIABLES: a variable has this value now.
    SystemVariable {
        /// Its name.
        name: &'a [u8],
        /// Its value as text.
        value: &'a [u8],
    },
    /// SESSION_TRACK_SCHEMA: the default schema; empty where there is none.
    Schema(&'a [u8]),
    /// SESSION_TRACK_STATE_CHANGE: whether the state changed since the last report.
    StateChange(bool),
    /// SESSION_TRACK_GTIDS: a GTID set in text form.
    Gtids(&'a [u8]),
    /// SESSION_TRACK_TRANSACTION_CHARACTERISTICS: statements that would restore them.
    TransactionCharacteristics(&'a [u8]),
    /// SESSION_TRACK_TRANSACTION_STATE: eight characters.
    TransactionState(&'a [u8]),
    /// A type that this version does not know; kept as it came.
    Unknown {
        /// Its type byte.
        kind: u8,
        /// Its data.
        data: &'a [u8],
    },
}

impl SessionStateChange<'_> {
    /// The type byte on the wire.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::SystemVariable { .. } => 0,
            Self::Schema(_) => 1,
            Self::StateChange(_) => 2,
            Self::Gtids(_) => 3,
            Self::TransactionCharacteristics(_) => 4,
            Self::TransactionState(_) => 5,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Appends this change as it travels.
    pub fn put(&self, out: &mut Vec<u8>) {
        let mut data = Vec::new();
        match self {
            Self::SystemVariable { name, value } => {
                data.put_bytes_lenenc(name);
                data.put_bytes_lenenc(value);
            }
            Self::Schema(text) | Self::TransactionCharacteristics(text) | Self::TransactionState(text) => {
                data.put_bytes_lenenc(text);
            }
            Self::StateChange(changed) => data.put_u8(if *changed { b'1' } else { b'0' }),
            Self::Gtids(text) => {
                data.put_u8(0); // encoding specification
                data.put_bytes_lenenc(text);
            }
            Self::Unknown { data: raw, .. } => data.put_bytes(raw),
        }
        out.put_u8(self.kind());
        out.put_bytes_lenenc(&data);
    }
}

/// The session-state changes of one OK packet, front to back.
#[derive(Debug, Clone, Copy)]
pub struct SessionStateChanges<'a> {
    reader: Reader<'a>,
}

impl<'a> SessionStateChanges<'a> {
    /// Over the bytes inside the OK packet's last `string<lenenc>`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }

    fn read(&mut self) -> Result<SessionStateChange<'a>, ProtocolError> {
        let kind = self.reader.u8("session state type")?;
        let data = self.reader.bytes_lenenc("session state data")?;
        let mut reader = Reader::new(data);
        Ok(match kind {
            // MariaDB packs several variables into one entry; MySQL sends one each. See `SystemVariables`.
            0 => SessionStateChange::SystemVariable {
                name: reader.bytes_lenenc("variable name")?,
                value: reader.bytes_lenenc("variable value")?,
            },
            1 => SessionStateChange::Schema(reader.bytes_lenenc("schema")?),
            // The character itself, without a length of its own (measured on MySQL 9.7 and MariaDB; the manual says
            // string<lenenc>).
            2 => SessionStateChange::StateChange(reader.u8("state change")? == b'1'),
            3 => {
                reader.u8("GTID encoding")?;
                SessionStateChange::Gtids(reader.bytes_lenenc("GTIDs")?)
            }
            4 => SessionStateChange::TransactionCharacteristics(reader.bytes_lenenc("transaction characteristics")?),
            5 => SessionStateChange::TransactionState(reader.bytes_lenenc("transaction state")?),
            kind => SessionStateChange::Unknown { kind, data },
        })
    }
}

impl<'a> Iterator for SessionStateChanges<'a> {
    type Item = Result<SessionStateChange<'a>, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let change = self.read();
        if change.is_err() {
            self.reader.take_rest();
        }
        Some(change)
    }
}
