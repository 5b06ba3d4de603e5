//! The commands that name a prepared statement: its id stands behind the command byte in all of them.

use crate::ProtocolError;
use crate::wire::Reader;

/// A prepared statement's number on one connection, as COM_STMT_PREPARE's answer gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementId(pub u32);

/// COM_STMT_FETCH.
///
/// Source: MySQL Source Code Documentation, "COM_STMT_FETCH".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchRequest {
    /// Whose cursor.
    pub statement: StatementId,
    /// How many rows at most.
    pub rows: u32,
}

/// COM_STMT_SEND_LONG_DATA: a piece of one parameter's value. It has no reply.
///
/// Source: MySQL Source Code Documentation, "COM_STMT_SEND_LONG_DATA".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongDataRequest<'a> {
    /// Of which statement.
    pub statement: StatementId,
    /// Of which parameter, from 0.
    pub parameter: u16,
    /// The piece.
    pub data: &'a [u8],
}

/// The id in the payload of COM_STMT_EXECUTE, FETCH, CLOSE, RESET, SEND_LONG_DATA or BULK_EXECUTE, command byte included.
///
/// # Errors
/// [`ProtocolError::Malformed`] where the payload is too short.
pub fn read_statement_id(payload: &[u8]) -> Result<StatementId, ProtocolError> {
    let mut reader = Reader::new(payload);
    reader.u8("command")?;
    reader.u32("statement id").map(StatementId)
}

/// Writes another id into such a payload.
///
/// # Errors
/// [`ProtocolError::Malformed`] where the payload is too short; it is left as it was.
pub fn rewrite_statement_id(payload: &mut [u8], id: StatementId) -> Result<(), ProtocolError> {
    let field = payload.get_mut(1..5).ok_or(ProtocolError::malformed("statement id"))?;
    field.copy_from_slice(&id.0.to_le_bytes());
    Ok(())
}

impl FetchRequest {
    /// Reads the payload, command byte included.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where it is too short.
    pub fn read(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?;
        let statement = StatementId(reader.u32("statement id")?); // int<4>
        let rows = reader.u32("number of rows")?; // int<4>
        Ok(Self { statement, rows })
    }
}

impl<'a> LongDataRequest<'a> {
    /// Reads the payload, command byte included.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where it is too short.
    pub fn read(payload: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?;
        let statement = StatementId(reader.u32("statement id")?); // int<4>
        let parameter = reader.u16("parameter number")?; // int<2>
        Ok(Self { statement, parameter, data: reader.take_rest() }) // string<EOF>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_read_and_rewritten_in_place() {
        let mut payload = *b"\x19\x01\x02\x03\x04";
        assert_eq!(read_statement_id(&payload), Ok(StatementId(0x0403_0201)));
        rewrite_statement_id(&mut payload, StatementId(7)).expect("long enough");
        assert_eq!(&payload, b"\x19\x07\0\0\0");
    }

    #[test]
    fn short_payloads_are_errors() {
        for length in 0..5 {
            let mut payload = vec![0x17; length];
            assert!(read_statement_id(&payload).is_err());
            assert!(rewrite_statement_id(&mut payload, StatementId(7)).is_err());
        }
        assert!(FetchRequest::read(b"\x1C\x01\0\0\0\x0A\0\0").is_err());
        assert!(LongDataRequest::read(b"\x18\x01\0\0\0\x0A").is_err());
    }

    #[test]
    fn fetch_and_long_data_are_read() {
        let fetch = FetchRequest::read(b"\x1C\x01\0\0\0\x0A\0\0\0").expect("well formed");
        assert_eq!((fetch.statement, fetch.rows), (StatementId(1), 10));
        let piece = LongDataRequest::read(b"\x18\x01\0\0\0\x02\0abc").expect("well formed");
        assert_eq!((piece.statement, piece.parameter, piece.data), (StatementId(1), 2, b"abc".as_slice()));
    }
}
