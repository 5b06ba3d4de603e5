//! TLS over a socket: rustls' state machine, driven by polls.

use std::io::{self, Read, Write};
use std::task::{Context, Poll, ready};

use crate::net::Stream;

/// Plaintext given to rustls at once; bounds what it buffers.
pub(super) const WRITE_PART: usize = 64 * 1024;

/// TLS over a socket.
#[derive(Debug)]
pub struct Secured {
    connection: rustls::Connection,
    plaintext: bool,
}

/// What was negotiated.
#[derive(Debug, Clone, Copy)]
pub struct TlsFacts {
    /// Protocol version, as rustls names it.
    pub version: Option<rustls::ProtocolVersion>,
    /// Cipher suite, as rustls names it.
    pub cipher: Option<rustls::CipherSuite>,
}

impl Secured {
    pub(super) fn new(connection: rustls::Connection) -> Self {
        Self { connection, plaintext: false }
    }

    pub(super) fn facts(&self) -> TlsFacts {
        TlsFacts {
            version: self.connection.protocol_version(),
            cipher: self.connection.negotiated_cipher_suite().map(|suite| suite.suite()),
        }
    }

    /// Whether decrypted bytes wait inside rustls.
    pub(super) const fn has_plaintext(&self) -> bool {
        self.plaintext
    }

    pub(super) fn poll_handshake(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(stream, cx))?;
            if !self.connection.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(stream, cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads one batch of records from the socket and decrypts them; 0 is the end of the stream.
    fn poll_receive(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = match self.connection.read_tls(&mut Polled { stream, cx }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            other => other?,
        };
        let state = self.connection.process_new_packets().map_err(|error| {
            // The alert that explains the failure should reach the peer.
            let _ = self.connection.write_tls(&mut Polled { stream, cx });
            io::Error::new(io::ErrorKind::InvalidData, error)
        })?;
        self.plaintext = state.plaintext_bytes_to_read() > 0;
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_read(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.connection.reader().read(room) {
                Ok(count) => {
                    self.plaintext = count == room.len();
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.plaintext = false,
                // A peer that closes without close_notify: the packets' own framing tells a cut from an end.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(0)),
                Err(error) => return Poll::Ready(Err(error)),
            }
            if ready!(self.poll_receive(stream, cx))? == 0 {
                return Poll::Ready(Ok(0));
            }
            // TLS 1.3 may owe an answer (key update); it is small and never waited for here. Nor does a failure count:
            // a peer that takes nothing more may have said why (F15), and that is what was just received.
            if self.connection.wants_write() {
                let _ = self.poll_flush(stream, cx);
            }
        }
    }

    /// Takes plaintext to be sent by [`Self::poll_flush`].
    pub(super) fn encrypt(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.set_buffer_limit(None);
        self.connection.writer().write_all(bytes)
    }

    pub(super) fn poll_flush(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Polled { stream, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn say_goodbye(&mut self) {
        self.connection.send_close_notify();
    }
}

/// A socket as rustls wants it: blocking calls that answer `WouldBlock` and leave the waker behind.
struct Polled<'a, 'b, 'c> {
    stream: &'a mut Stream,
    cx: &'b mut Context<'c>,
}

fn would_block<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for Polled<'_, '_, '_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        would_block(self.stream.poll_read(self.cx, room))
    }
}

impl Write for Polled<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(self.stream.poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
