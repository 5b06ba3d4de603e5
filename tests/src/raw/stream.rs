//! The client's socket: plain or TLS, compressed or not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::compression::{Algorithm, Compressor};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use super::compression::CompressedLeg;

/// A blocking connection; reads end with an error after [`Stream::PATIENCE`], so that no test hangs.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    tls: Option<Box<StreamOwned<ClientConnection, TcpStream>>>,
    compression: Option<CompressedLeg>,
    inbox: Vec<u8>,
    at: usize,
    private: bool,
}

impl Stream {
    /// How long a read waits.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// Connects.
    ///
    /// # Errors
    /// The system's.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        Self::over(socket)
    }

    /// Takes over a connected socket.
    ///
    /// # Errors
    /// The system's.
    pub fn over(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Self::PATIENCE))?;
        socket.set_write_timeout(Some(Self::PATIENCE))?;
        Ok(Self { socket, tls: None, compression: None, inbox: Vec::new(), at: 0, private: false })
    }

    /// Connects to a unix socket.
    ///
    /// # Errors
    /// The system's.
    pub fn connect_unix(path: &Path) -> io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(Self::PATIENCE))?;
        socket.set_write_timeout(Some(Self::PATIENCE))?;
        // Reading, writing and shutting down are the same for all sockets.
        let socket = TcpStream::from(OwnedFd::from(socket));
        Ok(Self { socket, tls: None, compression: None, inbox: Vec::new(), at: 0, private: true })
    }

    /// Whether nobody but the peer can read what is sent: a password may go in clear.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.private || self.tls.is_some()
    }

    /// Whether TLS took up an earlier session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.conn.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// The socket below.
    #[must_use]
    pub const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The plain socket alone.
    ///
    /// # Panics
    /// Where TLS or compression was started.
    #[must_use]
    pub fn into_socket(self) -> TcpStream {
        assert!(self.tls.is_none() && self.compression.is_none(), "there is more than a socket");
        self.socket
    }

    /// Starts TLS.
    ///
    /// # Errors
    /// Where the peer refuses the TLS handshake.
    ///
    /// # Panics
    /// Where bytes were received already that would have come before TLS.
    pub fn start_tls(&mut self, config: Arc<ClientConfig>) -> io::Result<()> {
        assert_eq!(self.at, self.inbox.len(), "bytes in clear before TLS");
        let name = ServerName::try_from("localhost").expect("a host name");
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut tls = StreamOwned::new(connection, self.socket.try_clone()?);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// What was agreed: for example `TLSv1_3`.
    #[must_use]
    pub fn tls_version(&self) -> Option<String> {
        self.tls.as_ref()?.conn.protocol_version().map(|version| format!("{version:?}"))
    }

    /// The certificate that the peer has shown, in DER form.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        let certificates = self.tls.as_ref()?.conn.peer_certificates()?;
        certificates.first().map(|certificate| certificate.to_vec())
    }

    /// Compresses from now on.
    pub fn start_compression(&mut self, algorithm: Algorithm) {
        self.compression = Some(CompressedLeg::new(algorithm));
    }

    /// Sends frames that a test has compressed itself; the peer's answer continues behind their ids.
    ///
    /// # Errors
    /// The system's.
    pub fn send_frames(&mut self, compressor: &Compressor, frames: &[u8]) -> io::Result<()> {
        if let Some(compression) = &mut self.compression {
            compression.follow(compressor);
        }
        self.send_below_compression(frames)
    }

    /// Reads no more frames: what comes is taken as it is.
    pub fn stop_compression(&mut self) {
        self.compression = None;
    }

    /// Sends `bytes` in one write; `new_command` starts compressed sequence ids anew.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, bytes: &[u8], new_command: bool) -> io::Result<()> {
        match &mut self.compression {
            Some(compression) => {
                let frames = compression.compress(bytes, new_command);
                self.send_below_compression(&frames)
            }
            None => self.send_below_compression(bytes),
        }
    }

    /// Sends bytes as they are, inside TLS where there is TLS.
    ///
    /// # Errors
    /// The system's.
    pub fn send_below_compression(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
            None => self.socket.write_all(bytes),
        }
    }

    /// Takes exactly `count` bytes. `Ok(None)`: the peer closed before them.
    ///
    /// # Errors
    /// The system's, a time-out among them.
    pub fn take(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        while self.inbox.len() - self.at < count {
            if !self.fill()? {
                return Ok(None);
            }
        }
        let taken = self.inbox[self.at..self.at + count].to_vec();
        self.at += count;
        if self.at == self.inbox.len() {
            self.inbox.clear();
            self.at = 0;
        } else if self.at > 1 << 20 {
            self.inbox.drain(..self.at);
            self.at = 0;
        }
        Ok(Some(taken))
    }

    /// Fills `bytes` whole, without keeping more than what a read gives. False: the peer closed before.
    ///
    /// # Errors
    /// The system's, a time-out among them.
    pub fn take_into(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        let mut at = 0;
        while at < bytes.len() {
            if self.at == self.inbox.len() {
                self.inbox.clear();
                self.at = 0;
                if !self.fill()? {
                    return Ok(false);
                }
            }
            let count = (bytes.len() - at).min(self.inbox.len() - self.at);
            bytes[at..at + count].copy_from_slice(&self.inbox[self.at..self.at + count]);
            at += count;
            self.at += count;
        }
        Ok(true)
    }

    /// Reads and forgets all bytes until the peer closes; gives them.
    ///
    /// # Errors
    /// A time-out: the peer did not close.
    pub fn take_until_close(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(self.inbox.split_off(self.at))
    }

    /// Closes one direction or both at once.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = self.socket.shutdown(how);
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64 * 1024];
        let got = match &mut self.tls {
            Some(tls) => tls.read(&mut buffer),
            None => self.socket.read(&mut buffer),
        };
        let count = match got {
            Ok(count) => count,
            Err(error) if is_end(&error) => 0,
            Err(error) => return Err(error),
        };
        match &mut self.compression {
            Some(compression) => compression.decompress(&buffer[..count], &mut self.inbox),
            None => self.inbox.extend_from_slice(&buffer[..count]),
        }
        Ok(count > 0)
    }
}

/// A reset counts as a close: servers that close with unread bytes cause one.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted
    )
}
