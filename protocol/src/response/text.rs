//! Text results, read whole: for a client's own small questions.

use crate::ProtocolError;
use crate::wire::Reader;

/// One row of text values; None is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// A result's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// MYSQL_TYPE_… (MySQL Source Code Documentation, field_types.h)
    pub field_type: u8,
    /// UNSIGNED_FLAG
    pub is_unsigned: bool,
}

impl Column {
    /// From a ColumnDefinition41, with or without MariaDB's extended metadata.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`].
    pub fn decode(definition: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(definition);
        for what in ["catalog", "schema", "table", "original table"] {
            reader.bytes_lenenc(what)?;
        }
        let name = String::from_utf8_lossy(reader.bytes_lenenc("column name")?).into_owned();
        reader.bytes_lenenc("original column name")?;
        // Their length, charset (2), length (4), type, flags (2), decimals, filler (2): the last of all.
        let Some([12, _, _, _, _, _, _, field_type, flags @ .., _, _, _]) = reader.rest().last_chunk::<13>() else {
            return Err(ProtocolError::malformed("column definition"));
        };
        const UNSIGNED_FLAG: u16 = 32;
        let is_unsigned = u16::from_le_bytes(*flags) & UNSIGNED_FLAG != 0;
        Ok(Self { name, field_type: *field_type, is_unsigned })
    }
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
