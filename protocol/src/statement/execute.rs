//! COM_STMT_EXECUTE: which statement, and where its parameter types and values stand.
//!
//! Source: MySQL Source Code Documentation, "COM_STMT_EXECUTE".

use bitflags::bitflags;

use super::StatementId;
use super::parameters::{Names, ParameterBlock, find_text, is_text, read_type, read_value};
use crate::wire::{Put, Reader};
use crate::{Capabilities, ProtocolError};

bitflags! {
    /// COM_STMT_EXECUTE's flags.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct ExecuteFlags: u8 {
        /// Rows stay in a cursor until COM_STMT_FETCH asks for them.
        #[doc(alias = "CURSOR_TYPE_READ_ONLY")]
        const CURSOR_READ_ONLY = 1;
        /// Served like READ_ONLY, if at all.
        #[doc(alias = "CURSOR_TYPE_FOR_UPDATE")]
        const CURSOR_FOR_UPDATE = 1 << 1;
        /// Served like READ_ONLY, if at all.
        #[doc(alias = "CURSOR_TYPE_SCROLLABLE")]
        const CURSOR_SCROLLABLE = 1 << 2;
        /// A number of parameters is given although the statement has none: query attributes.
        const PARAMETER_COUNT_AVAILABLE = 1 << 3;
    }
}

impl ExecuteFlags {
    /// Those of a payload, command byte included; none where it is too short for any.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        payload.get(FLAGS_AT).copied().map_or(Self::empty(), Self::from_bits_retain)
    }

    /// Whether the execution asks for a cursor of any kind.
    #[must_use]
    pub const fn wants_cursor(self) -> bool {
        self.intersects(Self::CURSOR_READ_ONLY.union(Self::CURSOR_FOR_UPDATE).union(Self::CURSOR_SCROLLABLE))
    }
}

/// A COM_STMT_EXECUTE that was read as far as a proxy needs it.
///
/// Types that a client bound once hold for its next executions, which leave them out. A proxy that prepares the
/// statement anew on another connection keeps [`Self::types`] and puts them back by [`Self::with_types`].
#[derive(Debug, Clone)]
pub struct ExecuteRequest<'a> {
    payload: &'a [u8],
    statement: StatementId,
    flags: ExecuteFlags,
    names: Names,
    parameters: Option<ParameterBlock>,
}

impl<'a> ExecuteRequest<'a> {
    /// Reads the payload, command byte included, for a statement with `param_count` parameters, on a connection with
    /// these capabilities. Where types are given, lengths are checked too by [`Self::check_values`] alone.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where it is shorter than it says.
    pub fn read(payload: &'a [u8], param_count: u16, capabilities: Capabilities) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?; // int<1>
        let statement = StatementId(reader.u32("statement id")?); // int<4>
        let flags = ExecuteFlags::from_bits_retain(reader.u8("flags")?); // int<1>
        reader.u32("iteration count")?; // int<4>: always 1, never read by servers
        let attributes = capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        let counted = attributes && (param_count > 0 || flags.contains(ExecuteFlags::PARAMETER_COUNT_AVAILABLE));
        // The count that is given replaces the statement's own.
        let count = if counted { reader.lenenc("parameter count")? } else { u64::from(param_count) }; // int<lenenc>
        let names = if attributes { Names::Present } else { Names::Absent };
        let parameters = match count {
            0 => None,
            count => Some(ParameterBlock::read(payload, &mut reader, count, names)?),
        };
        Ok(Self { payload, statement, flags, names, parameters })
    }

    /// Which statement.
    #[must_use]
    pub const fn statement(&self) -> StatementId {
        self.statement
    }

    /// Whether a cursor is wanted, and more.
    #[must_use]
    pub const fn flags(&self) -> ExecuteFlags {
        self.flags
    }

    /// Number of values that it carries, attributes included.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.as_ref().map_or(0, |block| block.count)
    }

    /// Whether it carries values whose types it leaves out (new_params_bound = 0), so that the server must know them
    /// from an earlier execution.
    #[must_use]
    pub fn needs_types(&self) -> bool {
        self.parameters.as_ref().is_some_and(|block| !block.bound)
    }

    /// The block of types that it carries (new_params_bound = 1), names of attributes included.
    #[must_use]
    pub fn types(&self) -> Option<&'a [u8]> {
        let block = self.parameters.as_ref().filter(|block| block.bound)?;
        self.payload.get(block.types.clone())
    }

    /// The values, from the first one to the packet's end.
    #[must_use]
    pub fn values(&self) -> &'a [u8] {
        let start = self.parameters.as_ref().map_or(self.payload.len(), |block| block.values);
        self.payload.get(start..).unwrap_or_default()
    }

    /// Checks each value's length against the packet. `types` are those of an earlier execution where this one leaves
    /// them out; `long_data` says which parameters came by COM_STMT_SEND_LONG_DATA and so have no value here.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] for a value that ends beyond the packet, or for types that do not fit.
    pub fn check_values(&self, types: &[u8], long_data: &dyn Fn(usize) -> bool) -> Result<(), ProtocolError> {
        let Some(block) = &self.parameters else { return Ok(()) };
        let types = self.types().unwrap_or(types);
        block.walk(self.payload, types, self.names, block.count, long_data, |_, _| ()).map(|_| ())
    }

    /// The query attribute called `name`, where it is text. `long_data` as for [`Self::check_values`].
    #[must_use]
    pub fn attribute(&self, name: &[u8], long_data: &dyn Fn(usize) -> bool) -> Option<&'a [u8]> {
        let (block, types) = (self.parameters.as_ref()?, self.types()?);
        // A type and the length of its name take three bytes: no name is there.
        if self.names == Names::Absent || types.len() == 3 * block.count {
            return None;
        }
        let mut found = None;
        block.walk(self.payload, types, self.names, block.count, long_data, find_text(name, &mut found)).ok()?;
        found
    }

    /// The type (`enum_field_types`) of the first parameter; None where types are left out.
    #[must_use]
    pub fn first_type(&self) -> Option<u8> {
        read_type(&mut Reader::new(self.types()?), self.names).ok().map(|kind| kind.kind)
    }

    /// The value of the first parameter, which is of this type and did not come as long data; None where it is NULL, or no text.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where it ends beyond the packet.
    pub fn first_text(&self, kind: u8) -> Result<Option<&'a [u8]>, ProtocolError> {
        let Some(block) = &self.parameters else { return Ok(None) };
        if block.is_null(self.payload, 0) || !is_text(kind) {
            return Ok(None);
        }
        read_value(&mut Reader::new(self.values()), kind)
    }

    /// The same execution with its types: new_params_bound = 1 and `types`, which an earlier execution of the
    /// statement carried. One that has its types already is given as it is.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] where `types` are not those of as many parameters.
    pub fn with_types(&self, types: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let Some(block) = self.parameters.as_ref().filter(|block| !block.bound) else {
            return Ok(self.payload.to_vec());
        };
        let mut reader = Reader::new(types);
        for _ in 0..block.count {
            read_type(&mut reader, self.names)?;
        }
        if !reader.is_empty() {
            return Err(ProtocolError::malformed("more types than parameters"));
        }
        let mut out = Vec::with_capacity(self.payload.len() + types.len());
        out.put_bytes(&self.payload[..block.nulls.end]);
        out.put_u8(1);
        out.put_bytes(types);
        out.put_bytes(&self.payload[block.values..]);
        Ok(out)
    }

    /// The same execution for a server without QUERY_ATTRIBUTES: only the statement's own `param_count` parameters,
    /// no names. `types` and `long_data` as for [`Self::check_values`].
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] as there, or where it carries fewer values than the statement has parameters.
    pub fn strip_attributes(
        &self,
        param_count: u16,
        types: &[u8],
        long_data: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<u8>, ProtocolError> {
        if self.names == Names::Absent {
            return Ok(self.payload.to_vec());
        }
        let count = usize::from(param_count);
        let mut out = Vec::with_capacity(self.payload.len());
        out.put_bytes(self.payload.get(..HEAD_LENGTH).ok_or(ProtocolError::malformed("COM_STMT_EXECUTE"))?);
        out[FLAGS_AT] &= !ExecuteFlags::PARAMETER_COUNT_AVAILABLE.bits();
        if count == 0 {
            return Ok(out);
        }
        let block = self
            .parameters
            .as_ref()
            .filter(|block| block.count >= count)
            .ok_or(ProtocolError::malformed("fewer values than parameters"))?;
        let own = self.types();
        let mut kinds = Vec::with_capacity(count * 2);
        let mut reader = Reader::new(own.unwrap_or(types));
        for _ in 0..count {
            let before = reader.rest();
            read_type(&mut reader, self.names)?;
            kinds.put_bytes(&before[..2]);
        }
        let end = block.walk(self.payload, own.unwrap_or(types), self.names, count, long_data, |_, _| ())?;
        put_nulls(&mut out, count, |index| block.is_null(self.payload, index));
        out.put_u8(u8::from(block.bound));
        if block.bound {
            out.put_bytes(&kinds);
        }
        out.put_bytes(&self.payload[block.values..end]);
        Ok(out)
    }
}

fn put_nulls(out: &mut Vec<u8>, count: usize, is_null: impl Fn(usize) -> bool) {
    let start = out.len();
    out.resize(start + count.div_ceil(8), 0);
    for index in (0..count).filter(|index| is_null(*index)) {
        out[start + index / 8] |= 1 << (index % 8);
    }
}

/// Command, statement id, flags, iteration count.
const HEAD_LENGTH: usize = 10;
const FLAGS_AT: usize = 5;

#[cfg(test)]
mod tests;
