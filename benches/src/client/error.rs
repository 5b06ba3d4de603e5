//! What can go wrong between the load generator and a server.

use rolecall_protocol::ProtocolError;
use rolecall_protocol::response::ErrPacket;

/// A failed login or statement.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection is gone.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The server answered with an ERR packet; the connection may be used further.
    #[error("the server said {0}")]
    Server(ErrPacket),
    /// The server sent something that this client does not understand.
    #[error("unexpected bytes from the server: {0}")]
    Protocol(#[from] ProtocolError),
    /// The server wants something that this client does not do.
    #[error("{0}")]
    Unsupported(String),
}

impl ClientError {
    /// Whether the connection may still be used.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}
