//! Connection attributes: pairs of `string<lenenc>` behind their total length.

use crate::ProtocolError;
use crate::wire::Reader;

/// The most bytes of connection attributes that servers take; a login with more is refused.
///
/// Source: MySQL Reference Manual, "Performance Schema Connection Attribute Tables".
pub const MAX_ATTRIBUTES_LENGTH: usize = 64 * 1024;

/// Reads the attributes at the reader's position: their bytes without the length, checked to be whole pairs. Nothing
/// there at all counts as no attributes.
///
/// # Errors
/// `TooLarge` over [`MAX_ATTRIBUTES_LENGTH`]; `Malformed` where a length lies or a name has no value.
pub(super) fn read_attributes(reader: &mut Reader<'_>) -> Result<Vec<u8>, ProtocolError> {
    if reader.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = reader.bytes_lenenc("connection attributes")?;
    if bytes.len() > MAX_ATTRIBUTES_LENGTH {
        return Err(ProtocolError::TooLarge { what: "connection attributes exceed 64 KiB" });
    }
    let mut pairs = Reader::new(bytes);
    while !pairs.is_empty() {
        pairs.bytes_lenenc("connection attribute's name")?;
        pairs.bytes_lenenc("connection attribute's value")?;
    }
    Ok(bytes.to_vec())
}
