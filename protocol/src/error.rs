//! Whose fault it is when bytes cannot be used.

/// Why bytes from a peer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The bytes are not a packet of the kind that they should be; `what` names the field.
    #[error("malformed packet: {what}")]
    Malformed {
        /// The field or packet that could not be read.
        what: &'static str,
    },
    /// The packet is well formed but may not come now.
    #[error("packet not allowed now: {what}")]
    IllegalMoment {
        /// What was sent, and when.
        what: &'static str,
    },
    /// The packet's sequence id is not the one that must follow.
    #[error("packets out of order: expected sequence id {expected}, got {got}")]
    OutOfOrder {
        /// The id that had to follow.
        expected: u8,
        /// The id that came.
        got: u8,
    },
    /// More bytes than this side accepts.
    #[error("packet too large: {what}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
    },
    /// The peer asks for something that this implementation does not do.
    #[error("not supported: {what}")]
    NotSupported {
        /// What was asked for.
        what: &'static str,
    },
}

impl ProtocolError {
    /// Shorthand for [`ProtocolError::Malformed`].
    #[must_use]
    pub const fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }
}
