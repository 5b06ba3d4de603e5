//! Text results, read whole: for a client's own small questions.

use crate::ProtocolError;
use crate::wire::Reader;

/// One row of text values; None is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// The column's name in a ColumnDefinition41; bytes that are not UTF-8 are replaced.
///
/// # Errors
/// [`ProtocolError::Malformed`].
pub fn column_name(definition: &[u8]) -> Result<String, ProtocolError> {
    let mut reader = Reader::new(definition);
    for what in ["catalog", "schema", "table", "original table"] {
        reader.bytes_lenenc(what)?;
    }
    Ok(String::from_utf8_lossy(reader.bytes_lenenc("column name")?).into_owned())
}

/// A text row of `columns` values. `columns` sizes nothing: values are read while bytes are there.
///
/// # Errors
/// [`ProtocolError::Malformed`].
pub fn row(packet: &[u8], columns: u64) -> Result<Row, ProtocolError> {
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
