//! Sockets: TCP or unix, behind one type.
//!
//! Reads go through `poll_read` (never `try_read`): only it clears tokio's readiness after a short read, which saves
//! two system calls per statement (architecture.md, "System calls").

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rolecall_router::topology::Address;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
    /// On its way from one worker to another: it cannot be used until it is registered there. None: the runtime failed to let
    /// it go, or to take it.
    Moving(Option<UnregisteredSocket>),
}

/// A socket that is registered with nobody's runtime, and set to non-blocking: one that was just accepted, or is on its way
/// from one worker to another.
#[derive(Debug)]
pub enum UnregisteredSocket {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// A unix socket.
    Unix(std::os::unix::net::UnixStream),
}

impl UnregisteredSocket {
    /// Takes it into this thread's runtime.
    ///
    /// # Errors
    /// The operating system's; the socket is gone then.
    pub fn register(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(socket) => TcpStream::from_std(socket).map(Stream::Tcp),
            Self::Unix(socket) => UnixStream::from_std(socket).map(Stream::Unix),
        }
    }
}

fn not_here<T>() -> io::Result<T> {
    Err(io::ErrorKind::NotConnected.into())
}

/// How long a silent peer is believed to be there.
#[derive(Debug, Clone, Copy)]
pub struct Liveness {
    /// Idle time before keepalive probes start.
    pub keepalive: Duration,
    /// How long sent data may stay unacknowledged (TCP_USER_TIMEOUT).
    pub user_timeout: Duration,
}

impl Stream {
    /// Connects to a server; the caller bounds the time.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(host, port) => TcpStream::connect((host.as_str(), *port)).await.map(Self::Tcp),
            Address::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    /// Small packets leave at once; a peer that vanished is noticed within bounds.
    ///
    /// # Errors
    /// The operating system's.
    pub fn tune(&self, liveness: Liveness) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        let interval = (liveness.keepalive / 3).max(Duration::from_secs(1));
        socket.set_tcp_keepalive(
            &TcpKeepalive::new().with_time(liveness.keepalive).with_interval(interval).with_retries(3),
        )?;
        socket.set_tcp_user_timeout(Some(liveness.user_timeout))
    }

    /// Whether nobody between the two ends can listen without being root on this machine.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Lets another thread's runtime have it.
    ///
    /// # Errors
    /// The operating system's; the socket is gone then.
    pub fn unregister(&mut self) -> io::Result<()> {
        *self = Self::Moving(match std::mem::replace(self, Self::Moving(None)) {
            Self::Tcp(stream) => Some(UnregisteredSocket::Tcp(stream.into_std()?)),
            Self::Unix(stream) => Some(UnregisteredSocket::Unix(stream.into_std()?)),
            Self::Moving(socket) => socket,
        });
        Ok(())
    }

    /// Takes it into this thread's runtime.
    ///
    /// # Errors
    /// The operating system's; the socket is gone then.
    pub fn register(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Moving(None)) {
            Self::Moving(Some(socket)) => socket.register()?,
            other => other,
        };
        Ok(())
    }

    /// Ready when reading will not block: bytes, the end, or an error. Costs no system call.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Moving(_) => Poll::Ready(not_here()),
        }
    }

    /// Whether there is something to read, the end, or an error: what the operating system knows now, with a system call.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let seen = match self {
            Self::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            Self::Unix(stream) => SockRef::from(stream).peek(&mut byte),
            Self::Moving(_) => not_here(),
        };
        !matches!(seen, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads into `room`; `Ok(0)` is the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(room);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut room),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut room),
            Self::Moving(_) => Poll::Ready(not_here()),
        };
        polled.map_ok(|()| room.filled().len())
    }

    /// Writes some of `bytes`.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Moving(_) => Poll::Ready(not_here()),
        }
    }

    /// Writes what goes without waiting; 0 where nothing does.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
            Self::Moving(_) => not_here(),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    /// Says that nothing more will be written.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Moving(_) => Poll::Ready(not_here()),
        }
    }
}
