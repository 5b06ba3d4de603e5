//! The protocol's basic types: a checked, borrowing [`Reader`] and [`Put`], which appends to a byte vector.
//!
//! Source: MySQL Source Code Documentation, "Integer Types" and "String Types".

use crate::ProtocolError;

/// Reads a packet's fields front to back; every read is checked against the bytes that are there.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over one packet's payload.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that were not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `count` bytes: `string<fix>`.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] with `what` when fewer are left; so do all methods below.
    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], ProtocolError> {
        if count > self.rest.len() {
            return Err(ProtocolError::malformed(what));
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    /// Takes everything that is left: `string<EOF>`.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ProtocolError::malformed(what))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// `int<1>`
    pub fn u8(&mut self, what: &'static str) -> Result<u8, ProtocolError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// `int<2>`
    pub fn u16(&mut self, what: &'static str) -> Result<u16, ProtocolError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// `int<3>`
    pub fn u24(&mut self, what: &'static str) -> Result<u32, ProtocolError> {
        let [a, b, c] = self.array(what)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    /// `int<4>`
    pub fn u32(&mut self, what: &'static str) -> Result<u32, ProtocolError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// `int<8>`
    pub fn u64(&mut self, what: &'static str) -> Result<u64, ProtocolError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// `int<lenenc>`; the bytes 0xFB (NULL) and 0xFF are not lengths and are refused.
    pub fn lenenc(&mut self, what: &'static str) -> Result<u64, ProtocolError> {
        match self.u8(what)? {
            0xFC => self.u16(what).map(u64::from),
            0xFD => self.u24(what).map(u64::from),
            0xFE => self.u64(what),
            0xFB | 0xFF => Err(ProtocolError::malformed(what)),
            small => Ok(u64::from(small)),
        }
    }

    /// `string<lenenc>`; a length that exceeds what is left is refused before it is used.
    pub fn bytes_lenenc(&mut self, what: &'static str) -> Result<&'a [u8], ProtocolError> {
        let length = self.lenenc(what)?;
        let length = usize::try_from(length).map_err(|_| ProtocolError::malformed(what))?;
        self.bytes(length, what)
    }

    /// `string<NUL>`: the bytes before the next 0x00, which is consumed.
    pub fn bytes_nul(&mut self, what: &'static str) -> Result<&'a [u8], ProtocolError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(ProtocolError::malformed(what))?;
        let taken = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(taken)
    }
}

/// Appends the protocol's basic types to a packet under construction.
pub trait Put {
    /// `int<1>`
    fn put_u8(&mut self, value: u8);
    /// `string<fix>`, `string<EOF>`
    fn put_bytes(&mut self, bytes: &[u8]);

    /// `int<2>`
    fn put_u16(&mut self, value: u16) {
        self.put_bytes(&value.to_le_bytes());
    }
    /// `int<3>`; the upper byte of `value` is dropped.
    fn put_u24(&mut self, value: u32) {
        self.put_bytes(&value.to_le_bytes()[..3]);
    }
    /// `int<4>`
    fn put_u32(&mut self, value: u32) {
        self.put_bytes(&value.to_le_bytes());
    }
    /// `int<8>`
    fn put_u64(&mut self, value: u64) {
        self.put_bytes(&value.to_le_bytes());
    }
    /// `int<lenenc>`
    fn put_lenenc(&mut self, value: u64) {
        match value {
            0..=0xFA => self.put_bytes(&[value as u8]),
            0xFB..=0xFFFF => {
                self.put_u8(0xFC);
                self.put_bytes(&value.to_le_bytes()[..2]);
            }
            0x1_0000..=0xFF_FFFF => {
                self.put_u8(0xFD);
                self.put_bytes(&value.to_le_bytes()[..3]);
            }
            _ => {
                self.put_u8(0xFE);
                self.put_u64(value);
            }
        }
    }
    /// `string<lenenc>`
    fn put_bytes_lenenc(&mut self, bytes: &[u8]) {
        self.put_lenenc(bytes.len() as u64);
        self.put_bytes(bytes);
    }
    /// `string<NUL>`; the caller has made sure that `bytes` holds no 0x00.
    fn put_bytes_nul(&mut self, bytes: &[u8]) {
        self.put_bytes(bytes);
        self.put_u8(0);
    }
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenenc_round_trips_at_every_boundary() {
        for value in [0, 0xFA, 0xFB, 0xFF, 0xFFFF, 0x1_0000, 0xFF_FFFF, 0x100_0000, u64::MAX] {
            let mut bytes = Vec::new();
            bytes.put_lenenc(value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.lenenc("value"), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_length_beyond_the_packet_is_refused() {
        let mut bytes = Vec::new();
        bytes.put_lenenc(u64::MAX);
        bytes.put_bytes(b"abc");
        assert!(Reader::new(&bytes).bytes_lenenc("value").is_err());
    }
}
