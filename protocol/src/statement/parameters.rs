//! The block of parameters that COM_STMT_EXECUTE and, for query attributes, COM_QUERY carry: NULL bitmap, whether
//! types are given, types (with names), values.
//!
//! Lengths are read as 64-bit numbers and checked against the packet. Servers read four of an eight-byte length's
//! bytes; a claim that only fits then must not get through to them.

use std::ops::Range;

use crate::ProtocolError;
use crate::wire::Reader;

/// Where the parts of a parameter block stand in their payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParameterBlock {
    /// Number of parameters, attributes included.
    pub count: usize,
    /// One bit per parameter: NULL.
    pub nulls: Range<usize>,
    /// Whether types are given.
    pub bound: bool,
    /// The types; empty where none are given.
    pub types: Range<usize>,
    /// Where the values begin.
    pub values: usize,
}

/// Whether a name goes with each type (CLIENT_QUERY_ATTRIBUTES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// `int<2>` type alone.
    Absent,
    /// `int<2>` type, `string<lenenc>` name.
    Present,
}

/// One parameter's type and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParameterType<'a> {
    /// `enum_field_types`, as far as one byte goes.
    pub kind: u8,
    /// Empty where it has none.
    pub name: &'a [u8],
}

impl ParameterBlock {
    /// Reads the block at the reader's position up to its values; `payload` is what the reader began with.
    pub fn read(payload: &[u8], reader: &mut Reader<'_>, count: u64, names: Names) -> Result<Self, ProtocolError> {
        let at = |reader: &Reader<'_>| payload.len() - reader.rest().len();
        let start = at(reader);
        let bitmap =
            usize::try_from(count.div_ceil(8)).map_err(|_| ProtocolError::malformed("number of parameters"))?;
        reader.bytes(bitmap, "NULL bitmap")?;
        let nulls = start..at(reader);
        // Within the bitmap's bounds, so it fits.
        let count = count as usize;
        let bound = reader.u8("new_params_bound")? != 0; // int<1>
        let types = at(reader);
        if bound {
            for _ in 0..count {
                read_type(reader, names)?;
            }
        }
        let values = at(reader);
        Ok(Self { count, nulls, bound, types: types..values, values })
    }

    /// Whether a parameter is NULL.
    pub fn is_null(&self, payload: &[u8], index: usize) -> bool {
        payload.get(self.nulls.start + index / 8).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }

    /// Walks the first `count` values, which are of the types in `types`; gives each to `visit` (None: NULL, or a
    /// value that `elsewhere` says came as long data) and the position behind the last one.
    pub fn walk<'a>(
        &self,
        payload: &'a [u8],
        types: &'a [u8],
        names: Names,
        count: usize,
        elsewhere: &dyn Fn(usize) -> bool,
        mut visit: impl FnMut(ParameterType<'a>, Option<&'a [u8]>),
    ) -> Result<usize, ProtocolError> {
        let mut types = Reader::new(types);
        let mut values = Reader::new(payload.get(self.values..).unwrap_or_default());
        for index in 0..count.min(self.count) {
            let kind = read_type(&mut types, names)?;
            let value = if self.is_null(payload, index) || elsewhere(index) {
                None
            } else {
                read_value(&mut values, kind.kind)?
            };
            visit(kind, value);
        }
        Ok(payload.len() - values.rest().len())
    }
}

/// The value of the attribute called `name`, among a block's parameters: text only, and only where it is not NULL.
/// Where a name occurs twice, the first counts, as with mysql_query_attribute_string().
pub(super) fn find_text<'a>(
    wanted: &[u8],
    found: &mut Option<&'a [u8]>,
) -> impl FnMut(ParameterType<'a>, Option<&'a [u8]>) {
    move |kind, value| {
        if found.is_none() && kind.name == wanted && is_text(kind.kind) {
            *found = value;
        }
    }
}

pub(super) fn read_type<'a>(reader: &mut Reader<'a>, names: Names) -> Result<ParameterType<'a>, ProtocolError> {
    let [kind, _flags] = reader.u16("parameter type")?.to_le_bytes(); // int<2>
    let name = match names {
        Names::Absent => &[],
        Names::Present => reader.bytes_lenenc("parameter name")?, // string<lenenc>
    };
    Ok(ParameterType { kind, name })
}

/// One value's bytes, without their length; None for a type that has no value.
///
/// Source: MySQL Source Code Documentation, "Binary Protocol Value", `enum_field_types`.
pub(super) fn read_value<'a>(reader: &mut Reader<'a>, kind: u8) -> Result<Option<&'a [u8]>, ProtocolError> {
    let what = "parameter value";
    let value = match kind {
        6 => return Ok(None),                // NULL
        1 | 244 => reader.bytes(1, what)?,   // TINY, BOOL
        2 | 13 => reader.bytes(2, what)?,    // SHORT, YEAR
        3 | 4 | 9 => reader.bytes(4, what)?, // LONG, FLOAT, INT24
        5 | 8 => reader.bytes(8, what)?,     // DOUBLE, LONGLONG
        7 | 10 | 11 | 12 => {
            // TIMESTAMP, DATE, TIME, DATETIME: as long as they say, by one byte
            let length = reader.u8(what)?;
            reader.bytes(usize::from(length), what)?
        }
        // DECIMAL, VARCHAR, BIT, VECTOR, JSON, NEWDECIMAL, ENUM, SET, the BLOBs and strings, GEOMETRY
        0 | 15 | 16 | 242 | 245..=255 => reader.bytes_lenenc(what)?,
        _ => return Err(ProtocolError::malformed("parameter type")),
    };
    Ok(Some(value))
}

/// Types whose value is a text or byte string.
pub(super) const fn is_text(kind: u8) -> bool {
    matches!(kind, 15 | 245 | 247..=254)
}
