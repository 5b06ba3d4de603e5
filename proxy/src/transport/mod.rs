//! One leg's byte stream: a socket, with TLS and compression as transforms over borrowed buffers.
//!
//! ```text
//!   packets ◄─► compression ◄─► TLS ◄─► socket
//! ```

mod compressed;
mod secured;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use rolecall_protocol::compression::Algorithm;

use crate::buffer::Buffer;
use crate::net::Stream;

pub use secured::{Secured, TlsFacts};

use compressed::Compressed;

/// A leg's byte stream.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    tls: Option<Box<Secured>>,
    compression: Option<Box<Compressed>>,
    poisoned: bool,
}

impl Transport {
    /// The socket below, to be moved to another worker.
    pub const fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Over a plain socket.
    #[must_use]
    pub const fn new(stream: Stream) -> Self {
        Self { stream, tls: None, compression: None, poisoned: false }
    }

    /// The socket below.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The two ends are out of step: the connection reads as closed from here on, and is never used again.
    pub const fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Whether what travels here is hidden from the network.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.tls.is_some() || self.stream.is_private()
    }

    /// What was negotiated, where TLS is on.
    #[must_use]
    pub fn tls_facts(&self) -> Option<TlsFacts> {
        self.tls.as_ref().map(|tls| tls.facts())
    }

    /// Runs the TLS handshake.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` with the TLS failure's text.
    pub async fn start_tls(&mut self, connection: rustls::Connection) -> io::Result<()> {
        let mut tls = Box::new(Secured::new(connection));
        poll_fn(|cx| tls.poll_handshake(&mut self.stream, cx)).await?;
        self.tls = Some(tls);
        Ok(())
    }

    /// Compressed framing from here on.
    pub fn start_compression(&mut self, algorithm: Algorithm) {
        self.compression = Some(Box::new(Compressed::new(algorithm)));
    }

    /// Whether compressed framing is on.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// A new command begins: compressed sequence ids start anew.
    pub fn new_exchange(&mut self) {
        if let Some(compression) = &mut self.compression {
            compression.new_exchange();
        }
    }

    /// Ready when [`Self::fill`] will not wait: bytes, the end, or an error.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let buffered = self.tls.as_ref().is_some_and(|tls| tls.has_plaintext())
            || self.compression.as_ref().is_some_and(|compression| compression.has_input());
        if buffered || self.poisoned {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_read_ready(cx)
    }

    /// Waits until [`Self::fill`] has something to do. Cancel safe.
    ///
    /// # Errors
    /// The socket's.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits for bytes and appends them to `buffer`; 0 is the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// The socket's, or `InvalidData` for TLS and compression.
    pub async fn fill(&mut self, buffer: &mut Buffer) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, buffer)).await
    }

    /// One poll of [`Self::fill`].
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        if self.poisoned {
            return Poll::Ready(Ok(0));
        }
        let Some(compression) = &mut self.compression else {
            return poll_fill_plain(&mut self.stream, self.tls.as_deref_mut(), cx, buffer);
        };
        loop {
            let got = compression.take(buffer)?;
            if got > 0 {
                return Poll::Ready(Ok(got));
            }
            let input = compression.input();
            let count = ready!(poll_fill_plain(&mut self.stream, self.tls.as_deref_mut(), cx, input))?;
            if count == 0 {
                return Poll::Ready(if compression.has_input() {
                    Err(io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(0)
                });
            }
        }
    }

    /// Writes what goes at once, and says how much that is: all of a short reply, as a rule. 0 through TLS and compression:
    /// [`Self::write_all`] writes those, and what is left over.
    ///
    /// # Errors
    /// The socket's.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_some() || self.compression.is_some() { Ok(0) } else { self.stream.write_now(bytes) }
    }

    /// Writes all of `bytes`. Not cancel safe: a cancelled write leaves the stream unusable.
    ///
    /// # Errors
    /// The socket's.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.compression {
            None => write_plain(&mut self.stream, self.tls.as_deref_mut(), bytes).await,
            Some(compression) => {
                let frames = compression.wrap(bytes);
                write_plain(&mut self.stream, self.tls.as_deref_mut(), &frames).await
            }
        }
    }

    /// Ends the stream politely, as far as its peer takes the words at once: one that has stopped reading is not waited for.
    pub async fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye();
            poll_fn(|cx| {
                let _at_once = tls.poll_flush(&mut self.stream, cx);
                Poll::Ready(())
            })
            .await;
        }
        let _ = poll_fn(|cx| self.stream.poll_shutdown(cx)).await;
    }
}

fn poll_fill_plain(
    stream: &mut Stream,
    tls: Option<&mut Secured>,
    cx: &mut Context<'_>,
    buffer: &mut Buffer,
) -> Poll<io::Result<usize>> {
    let count = match tls {
        None => ready!(stream.poll_read(cx, buffer.room()))?,
        Some(tls) => ready!(tls.poll_read(stream, cx, buffer.room()))?,
    };
    buffer.advance(count);
    Poll::Ready(Ok(count))
}

async fn write_plain(stream: &mut Stream, tls: Option<&mut Secured>, bytes: &[u8]) -> io::Result<()> {
    let Some(tls) = tls else {
        let mut rest = bytes;
        return poll_fn(|cx| {
            while !rest.is_empty() {
                match ready!(stream.poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => rest = &rest[count..],
                }
            }
            Poll::Ready(Ok(()))
        })
        .await;
    };
    for part in bytes.chunks(secured::WRITE_PART) {
        tls.encrypt(part)?;
        poll_fn(|cx| tls.poll_flush(stream, cx)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::net::UnregisteredSocket;

    /// Nothing is there to be read, which for a connection in order means that it may be used (`Connection::is_stale`).
    #[tokio::test]
    async fn out_of_step_is_out_of_use() -> io::Result<()> {
        let (own, _peer) = std::os::unix::net::UnixStream::pair()?;
        own.set_nonblocking(true)?;
        let mut transport = Transport::new(UnregisteredSocket::Unix(own).register()?);
        let mut now = Context::from_waker(Waker::noop());
        assert!(transport.poll_read_ready(&mut now).is_pending());
        transport.poison();
        assert!(transport.poll_read_ready(&mut now).is_ready());
        assert!(matches!(transport.poll_fill(&mut now, &mut Buffer::borrow()), Poll::Ready(Ok(0))));
        Ok(())
    }
}
