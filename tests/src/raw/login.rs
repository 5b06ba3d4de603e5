//! Logging in, with every choice open.

use std::net::SocketAddr;
use std::path::Path;

use rolecall_protocol::auth::{AuthMoreData, AuthSwitchRequest, caching_sha2, ed25519, native};
use rolecall_protocol::compression::Algorithm;
use rolecall_protocol::handshake::{Greeting, HandshakeResponse, SslRequest};
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::wire::Put;
use rolecall_protocol::{Capabilities, MariadbCapabilities, SequenceId};
use zeroize::Zeroizing;

use super::client::Client;
use super::reply::Part;
use super::stream::Stream;
use super::tls::{any_certificate, encrypt_with_pem};
use crate::transcript::Event;

/// Compression of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zlib
    Zlib,
    /// zstd with this level
    Zstd(u8),
}

/// How to log in.
#[derive(Debug, Clone)]
pub struct LoginOptions {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Default schema.
    pub database: Option<String>,
    /// Capabilities to ask for; CONNECT_WITH_DB, SSL and the compression's are added where they are used.
    pub capabilities: Capabilities,
    /// MariaDB's capabilities to ask for.
    pub mariadb: MariadbCapabilities,
    /// The plugin that the client starts with.
    pub plugin: String,
    /// Collation id.
    pub collation: u16,
    /// TLS.
    pub tls: bool,
    /// Compression.
    pub compression: Option<Compression>,
    /// Connection attributes.
    pub attributes: Vec<(String, String)>,
}

impl LoginOptions {
    /// What most tests use: all of the modern protocol but session tracking.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            database: None,
            capabilities: Self::BASE | Capabilities::DEPRECATE_EOF,
            mariadb: MariadbCapabilities::empty(),
            plugin: "caching_sha2_password".into(),
            collation: 45,
            tls: false,
            compression: None,
            attributes: Vec::new(),
        }
    }

    /// With a default schema.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.database = Some(name.into());
        self
    }

    /// With these capabilities besides.
    #[must_use]
    pub const fn with(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = self.capabilities.union(capabilities);
        self
    }

    /// Without these capabilities.
    #[must_use]
    pub const fn without(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = self.capabilities.difference(capabilities);
        self
    }

    /// Starting with this plugin.
    #[must_use]
    pub fn plugin(mut self, plugin: &str) -> Self {
        self.plugin = plugin.into();
        self
    }

    const BASE: Capabilities = Capabilities::LONG_PASSWORD
        .union(Capabilities::LONG_FLAG)
        .union(Capabilities::PROTOCOL_41)
        .union(Capabilities::TRANSACTIONS)
        .union(Capabilities::SECURE_CONNECTION)
        .union(Capabilities::MULTI_RESULTS)
        .union(Capabilities::PS_MULTI_RESULTS)
        .union(Capabilities::PLUGIN_AUTH)
        .union(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA)
        .union(Capabilities::CONNECT_ATTRS);
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// The server's ERR packet.
    ///
    /// # Panics
    /// Where the server closes without one.
    pub fn login(address: SocketAddr, options: &LoginOptions) -> Result<Self, ErrPacket> {
        let mut client = Self::connect(address).unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
        client.log_in(options)?;
        Ok(client)
    }

    /// Connects to a unix socket and logs in.
    ///
    /// # Errors
    /// The server's ERR packet.
    ///
    /// # Panics
    /// Where nobody listens there, or the server closes without a word.
    pub fn login_at_socket(path: &Path, options: &LoginOptions) -> Result<Self, ErrPacket> {
        let stream = Stream::connect_unix(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut client = Self::over(stream);
        client.log_in(options)?;
        Ok(client)
    }

    /// Logs in on a fresh connection.
    ///
    /// # Errors
    /// The server's ERR packet.
    ///
    /// # Panics
    /// Where the server closes without one.
    pub fn log_in(&mut self, options: &LoginOptions) -> Result<(), ErrPacket> {
        let greeting = self.read_greeting()?;
        self.capabilities = agreed(options, &greeting);
        let head = self.head(options);
        if options.tls {
            self.send_packet(&head.encode());
            let config = any_certificate(rustls::ALL_VERSIONS);
            self.stream.start_tls(config).expect("TLS handshake");
        }
        let response = self.response(options, head, &greeting);
        self.send_packet(&response.encode());
        self.finish_login(options, &greeting.plugin, &greeting.scramble)?;
        match options.compression {
            Some(Compression::Zlib) => self.stream.start_compression(Algorithm::Zlib),
            Some(Compression::Zstd(level)) => self.stream.start_compression(Algorithm::Zstd(level)),
            None => {}
        }
        Ok(())
    }

    /// Reads the server's greeting.
    ///
    /// # Errors
    /// An ERR packet in its place.
    ///
    /// # Panics
    /// Where there is none.
    pub fn read_greeting(&mut self) -> Result<Greeting, ErrPacket> {
        self.sequence = SequenceId(0);
        let packet = self.read_packet().expect("a greeting, but the server closed");
        if packet.payload.first() == Some(&0xFF) {
            return Err(ErrPacket::decode(&packet.payload).expect("an ERR packet"));
        }
        let greeting = Greeting::decode(&packet.payload).expect("a greeting");
        self.greeting = Some(greeting.clone());
        Ok(greeting)
    }

    /// The first 32 bytes of the handshake response.
    #[must_use]
    pub fn head(&self, options: &LoginOptions) -> SslRequest {
        SslRequest {
            capabilities: self.capabilities,
            mariadb: options.mariadb,
            max_packet_size: 1 << 30,
            collation: options.collation,
        }
    }

    /// The handshake response for these options.
    #[must_use]
    pub fn response(&self, options: &LoginOptions, head: SslRequest, greeting: &Greeting) -> HandshakeResponse {
        let auth_response = respond(&options.plugin, &options.password, &greeting.scramble);
        let mut attributes = Vec::new();
        for (name, value) in &options.attributes {
            attributes.put_bytes_lenenc(name.as_bytes());
            attributes.put_bytes_lenenc(value.as_bytes());
        }
        let zstd_level = match options.compression {
            Some(Compression::Zstd(level)) => level,
            _ => 0,
        };
        HandshakeResponse {
            head,
            user: options.user.clone().into_bytes(),
            auth_response: Zeroizing::new(auth_response),
            database: options.database.clone().map(String::into_bytes),
            plugin: Some(options.plugin.clone().into_bytes()),
            attributes,
            zstd_level,
        }
    }

    /// Goes through the rest of an authentication exchange, of a login or of COM_CHANGE_USER.
    ///
    /// # Errors
    /// The server's ERR packet.
    ///
    /// # Panics
    /// Where the server closes without one.
    pub fn finish_login(&mut self, options: &LoginOptions, plugin: &[u8], scramble: &[u8]) -> Result<(), ErrPacket> {
        let mut plugin = String::from_utf8_lossy(plugin).into_owned();
        if plugin != options.plugin {
            plugin.clone_from(&options.plugin);
        }
        let mut scramble = scramble.to_vec();
        loop {
            let mut packet = self.read_packet().expect("an answer to the login, but the server closed");
            packet.part = match packet.payload.first() {
                Some(0x00) => Part::Ok,
                Some(0xFF) => Part::Err,
                _ => Part::Other,
            };
            self.transcript.push(Event::Received(packet.clone()));
            match packet.payload.first() {
                Some(0x00) => return Ok(()),
                Some(0xFF) => return Err(ErrPacket::decode(&packet.payload).expect("an ERR packet")),
                Some(&AuthSwitchRequest::HEADER) => {
                    let switch = AuthSwitchRequest::decode(&packet.payload).expect("an AuthSwitchRequest");
                    plugin = String::from_utf8_lossy(switch.plugin).into_owned();
                    scramble = switch.data.strip_suffix(&[0]).unwrap_or(switch.data).to_vec();
                    let answer = match (plugin.as_str(), self.stream.is_private()) {
                        // What unknown users are asked for, now and then. 0x01 asks for the server's key.
                        ("sha256_password", false) => vec![0x01],
                        ("sha256_password", true) => respond("mysql_clear_password", &options.password, &scramble),
                        _ => respond(&plugin, &options.password, &scramble),
                    };
                    self.send_packet(&answer);
                }
                Some(&AuthMoreData::HEADER) => self.answer_more_data(&packet.payload[1..], options, &scramble),
                other => panic!("{other:02x?} in an authentication exchange"),
            }
        }
    }

    fn answer_more_data(&mut self, data: &[u8], options: &LoginOptions, scramble: &[u8]) {
        let mut clear = options.password.clone().into_bytes();
        clear.push(0);
        match data {
            [caching_sha2::FAST_AUTH_SUCCESS] => {}
            [caching_sha2::PERFORM_FULL_AUTHENTICATION] if self.stream.is_private() => self.send_packet(&clear),
            [caching_sha2::PERFORM_FULL_AUTHENTICATION] => self.send_packet(&[caching_sha2::REQUEST_PUBLIC_KEY]),
            key => {
                let covered = caching_sha2::cover(&clear, scramble);
                self.send_packet(&encrypt_with_pem(key, &covered));
            }
        }
    }
}

/// The answer to `scramble` by `plugin`.
///
/// # Panics
/// For a plugin that the test client does not speak.
#[must_use]
pub(crate) fn respond(plugin: &str, password: &str, scramble: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let short = || scramble.first_chunk::<20>().expect("a scramble of 20 bytes");
    match plugin {
        "caching_sha2_password" => caching_sha2::respond(password.as_bytes(), short()).to_vec(),
        "mysql_native_password" => native::respond(&native::hash(password.as_bytes()), short()).to_vec(),
        "client_ed25519" => {
            ed25519::respond(password.as_bytes(), scramble.first_chunk().expect("a nonce of 32 bytes")).to_vec()
        }
        "mysql_clear_password" => [password.as_bytes(), &[0]].concat(),
        other => panic!("the test client does not speak {other}"),
    }
}

/// What holds where the server offers `greeting`.
fn agreed(options: &LoginOptions, greeting: &Greeting) -> Capabilities {
    let mut wanted = options.capabilities;
    wanted.set(Capabilities::CONNECT_WITH_DB, options.database.is_some());
    wanted.set(Capabilities::SSL, options.tls);
    wanted.set(Capabilities::COMPRESS, options.compression == Some(Compression::Zlib));
    wanted.set(Capabilities::ZSTD_COMPRESSION_ALGORITHM, matches!(options.compression, Some(Compression::Zstd(_))));
    // A MariaDB server has no LONG_PASSWORD; a client that sets it gets no extended capabilities.
    wanted.set(Capabilities::LONG_PASSWORD, options.mariadb.is_empty());
    wanted & (greeting.capabilities | Capabilities::LONG_PASSWORD)
}
