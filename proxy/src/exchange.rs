//! Whole packets, one after the other, over a transport: logins and the proxy's own commands.

use std::borrow::Cow;
use std::io;

use rolecall_protocol::ProtocolError;
use rolecall_protocol::SequenceId;
use rolecall_protocol::packet::{frame, put_packet};
use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::transport::Transport;

/// Why a leg cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum LegError {
    /// The socket failed, or TLS or compression did.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer sent what it may not send.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    Closed,
}

/// Packets over a transport, with their sequence ids.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The leg.
    pub transport: &'a mut Transport,
    /// Bytes read and not consumed.
    pub buffer: &'a mut Buffer,
    /// The next packet's sequence id, in either direction.
    pub sequence: SequenceId,
}

impl<'a> Exchange<'a> {
    /// Starts with sequence id 0.
    pub const fn new(transport: &'a mut Transport, buffer: &'a mut Buffer) -> Self {
        Self { transport, buffer, sequence: SequenceId(0) }
    }

    /// Reads the next payload of at most `limit` bytes. Cancel safe.
    ///
    /// # Errors
    /// [`LegError`]; the connection must be closed then.
    pub async fn read(&mut self, limit: usize) -> Result<Vec<u8>, LegError> {
        self.read_with(limit, |payload| payload.into_owned()).await
    }

    /// The same, as what `look` makes of the payload.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_with<T>(&mut self, limit: usize, look: impl FnOnce(Cow<'_, [u8]>) -> T) -> Result<T, LegError> {
        loop {
            if let Some(framed) = frame(self.buffer.filled(), limit)? {
                self.sequence.expect(framed.first)?;
                self.sequence = framed.last.next();
                let (seen, taken) = (look(framed.payload), framed.taken);
                self.buffer.consume(taken);
                return Ok(seen);
            }
            if self.transport.fill(self.buffer).await? == 0 {
                return Err(LegError::Closed);
            }
        }
    }

    /// The same for a payload that may be a secret: no copy of it stays behind in this leg's buffer.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_secret(&mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, LegError> {
        let payload = self.read(limit).await.map(Zeroizing::new);
        self.buffer.wipe_consumed();
        payload
    }

    /// Sends one payload. Not cancel safe.
    ///
    /// # Errors
    /// [`LegError::Io`].
    pub async fn write(&mut self, payload: &[u8]) -> Result<(), LegError> {
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        put_packet(&mut bytes, &mut self.sequence, payload);
        Ok(self.transport.write_all(&bytes).await?)
    }
}
