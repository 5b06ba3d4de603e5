//! A small blocking MySQL client: two system calls per short statement, no thread of its own.
//!
//! Blocking sockets keep what the client costs low and even, so that differences between targets are the targets'.

mod error;
mod login;
mod reply;

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use rolecall_protocol::packet::{HEADER_LENGTH, PacketHeader, put_packet};
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{Capabilities, ProtocolError, SequenceId};

pub use error::ClientError;
pub use reply::{Reply, Statement};

/// Where to log in, and as whom.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// User name.
    pub user: String,
    /// Password; empty: none.
    pub password: String,
    /// Default schema; empty: none.
    pub database: String,
    /// Whether the client asks for CLIENT_DEPRECATE_EOF, as most current drivers do.
    pub deprecate_eof: bool,
}

/// A logged-in connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Received bytes that were not consumed yet are `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Packets under construction; kept for its capacity.
    out: Vec<u8>,
    capabilities: Capabilities,
    version: String,
}

/// How long a read may take: longer than anything that is measured, short enough to tell a hang.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// First size of the receive buffer; one read takes a good part of a large result.
const BUFFER_LENGTH: usize = 64 << 10;

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`ClientError`]; a refused login is `Server`.
    pub fn open(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let address = endpoint.address.to_socket_addrs()?.next().ok_or_else(|| {
            ClientError::Unsupported(format!("{} is not an address (host:port is wanted)", endpoint.address))
        })?;
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        let mut connection = Self {
            stream,
            buffer: vec![0; 4 << 10],
            start: 0,
            end: 0,
            out: Vec::new(),
            capabilities: Capabilities::empty(),
            version: String::new(),
        };
        connection.log_in(endpoint)?;
        Ok(connection)
    }

    /// The version text of the server's greeting.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    fn log_in(&mut self, endpoint: &Endpoint) -> Result<(), ClientError> {
        let payload = self.packet()?;
        if payload.first() == Some(&0xFF) {
            return Err(ClientError::Server(ErrPacket::decode(payload)?));
        }
        let greeting = login::Greeting::decode(payload)?;
        let mut sequence = SequenceId(1);
        self.capabilities = wanted(endpoint) & greeting.capabilities;
        self.version = greeting.version;
        let (mut plugin, mut scramble) = (greeting.plugin, greeting.scramble);
        let password = endpoint.password.as_bytes();
        let answer = login::answer(&plugin, password, &scramble).unwrap_or_default();
        let response = login::response(endpoint, self.capabilities, &plugin, &answer);
        self.send(&mut sequence, &response)?;
        loop {
            let payload = self.packet()?.to_vec();
            sequence = sequence.next();
            match (payload.first(), &payload[1.min(payload.len())..]) {
                (Some(0x00), _) => return Ok(()),
                (Some(0xFF), _) => return Err(ClientError::Server(ErrPacket::decode(&payload)?)),
                // AuthSwitchRequest
                (Some(0xFE), rest) => {
                    let mut reader = rolecall_protocol::wire::Reader::new(rest);
                    plugin = reader.bytes_nul("plugin")?.to_vec();
                    scramble = reader.take_rest().to_vec();
                    scramble.truncate(20);
                    let answer = login::answer(&plugin, password, &scramble).ok_or_else(|| unknown(&plugin))?;
                    self.send(&mut sequence, &answer)?;
                }
                // AuthMoreData of caching_sha2_password: 3 is "fast", 4 asks for the password itself.
                (Some(0x01), [3]) => {}
                (Some(0x01), [4]) => self.send(&mut sequence, &[2])?,
                (Some(0x01), pem) => {
                    let cipher = login::encrypt_password(pem, password, &scramble)?;
                    self.send(&mut sequence, &cipher)?;
                }
                _ => return Err(ProtocolError::malformed("answer to a login").into()),
            }
        }
    }

    /// Says COM_QUIT and waits until the server has closed.
    ///
    /// # Errors
    /// [`ClientError::Io`].
    pub fn quit(mut self) -> Result<(), ClientError> {
        self.command(0x01, &[])?;
        // The server may reset instead of closing; both are its end.
        let _ = self.stream.read(&mut self.buffer);
        Ok(())
    }

    fn command(&mut self, command: u8, body: &[u8]) -> Result<(), ClientError> {
        let mut payload = std::mem::take(&mut self.out);
        payload.clear();
        // Written in place: header, command byte, body; longer ones than a packet never come from here.
        payload.extend_from_slice(&PacketHeader { length: body.len() as u32 + 1, sequence: SequenceId(0) }.to_bytes());
        payload.push(command);
        payload.extend_from_slice(body);
        let sent = self.stream.write_all(&payload);
        self.out = payload;
        Ok(sent?)
    }

    fn send(&mut self, sequence: &mut SequenceId, payload: &[u8]) -> Result<(), ClientError> {
        self.out.clear();
        put_packet(&mut self.out, sequence, payload);
        Ok(self.stream.write_all(&self.out)?)
    }

    /// The next packet's payload (of a payload of 16 MiB and more: its next part).
    fn packet(&mut self) -> Result<&[u8], ClientError> {
        self.fill(HEADER_LENGTH)?;
        let header =
            PacketHeader::read(&self.buffer[self.start..self.end]).ok_or(ProtocolError::malformed("packet header"))?;
        let length = header.payload_length();
        self.fill(HEADER_LENGTH + length)?;
        let at = self.start + HEADER_LENGTH;
        self.start = at + length;
        Ok(&self.buffer[at..at + length])
    }

    /// Reads until at least `count` unconsumed bytes are there.
    fn fill(&mut self, count: usize) -> Result<(), ClientError> {
        while self.end - self.start < count {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            } else if self.start + count > self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if count > self.buffer.len() {
                self.buffer.resize(count, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.end..])?;
            if read == 0 {
                return Err(ClientError::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.end += read;
            // A read that fills the small first buffer is the start of a large result.
            if self.end == self.buffer.len() && self.end < BUFFER_LENGTH {
                self.buffer.resize(BUFFER_LENGTH, 0);
            }
        }
        Ok(())
    }
}

fn unknown(plugin: &[u8]) -> ClientError {
    ClientError::Unsupported(format!("authentication plugin {} is not spoken here", String::from_utf8_lossy(plugin)))
}

fn wanted(endpoint: &Endpoint) -> Capabilities {
    let mut wanted = Capabilities::LONG_PASSWORD
        | Capabilities::LONG_FLAG
        | Capabilities::PROTOCOL_41
        | Capabilities::TRANSACTIONS
        | Capabilities::SECURE_CONNECTION
        | Capabilities::MULTI_RESULTS
        | Capabilities::PS_MULTI_RESULTS
        | Capabilities::PLUGIN_AUTH
        | Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA;
    wanted.set(Capabilities::CONNECT_WITH_DB, !endpoint.database.is_empty());
    wanted.set(Capabilities::DEPRECATE_EOF, endpoint.deprecate_eof);
    wanted
}
