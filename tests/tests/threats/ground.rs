//! What these tests share: one server, one proxy in front of it, and sessions that have to survive.

use std::sync::OnceLock;

use rolecall_protocol::Capabilities;
use rolecall_protocol::PacketHeader;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::ErrPacket;
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions};

/// A plain account with all rights on the schema of the same name.
pub const USER: &str = "threats";
/// Its password.
pub const PASSWORD: &str = "a Pa55word of threats";
/// The server's max_allowed_packet.
pub const SERVER_MAX_PACKET: usize = 8 << 20;

/// A server and a proxy.
pub struct Ground {
    pub server: Server,
    pub proxy: Proxy,
}

/// The ground that tests share: MySQL.
pub fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| Ground::new(Flavour::Mysql))
}

/// The same, and one of MariaDB: for what the proxy says in a server's name.
pub fn grounds() -> [&'static Ground; 2] {
    static MARIADB: OnceLock<Ground> = OnceLock::new();
    [ground(), MARIADB.get_or_init(|| Ground::new(Flavour::Mariadb11))]
}

impl Ground {
    fn new(flavour: Flavour) -> Self {
        let server = server_of(flavour);
        let proxy = Proxy::start([&server], &ProxyOptions::default());
        Self { server, proxy }
    }
}

/// A proxy of one's own in front of the shared server: for what looks at its memory or its log.
pub fn proxy() -> Proxy {
    Proxy::start([&ground().server], &ProxyOptions::default())
}

/// A server of one's own.
pub fn server() -> Server {
    server_of(Flavour::Mysql)
}

fn server_of(flavour: Flavour) -> Server {
    // Connections for the largest crowd among these tests.
    let more = vec![format!("--max-allowed-packet={SERVER_MAX_PACKET}"), "--max-connections=1200".to_owned()];
    let server = Server::start(flavour, &ServerOptions { more, ..ServerOptions::default() });
    server.run(&format!("create database {USER}"));
    account(&server, USER, PASSWORD);
    server
}

/// Makes an account with all rights on the schema of these tests.
pub fn account(server: &Server, user: &str, password: &str) {
    server.run(&format!("create user {user}@'%' {}", server.flavour().identified(password)));
    server.run(&format!("grant all on {USER}.* to {user}@'%'"));
}

/// How [`USER`] logs in.
pub fn right() -> LoginOptions {
    LoginOptions::new(USER, PASSWORD).database(USER)
}

/// The same with a wrong password.
pub fn wrong() -> LoginOptions {
    LoginOptions::new(USER, "wrong").database(USER)
}

/// A session that lives through whatever happens around it: what it holds at its server shows that it is the same one.
pub struct Witness<'a> {
    proxy: &'a Proxy,
    client: Client,
    count: u32,
}

impl<'a> Witness<'a> {
    pub fn new(proxy: &'a Proxy) -> Self {
        let mut client = proxy.login(&right());
        client.run("create temporary table witness (a int)");
        Self { proxy, client, count: 0 }
    }

    /// Writes and reads in the session.
    pub fn goes_on(&mut self) {
        self.count += 1;
        self.client.run(&format!("insert into witness values ({})", self.count));
        assert_eq!(self.client.run("select count(*) from witness").value(), self.count.to_string());
        self.proxy.expect_no_panic();
    }
}

/// What a peer got until the other side closed.
#[derive(Debug)]
pub struct Ending {
    /// Whole packets' payloads; what is no whole packet, such as a TLS alert, is left out.
    pub packets: Vec<Vec<u8>>,
}

impl Ending {
    /// Says that nothing more comes, and reads until the close.
    pub fn of(client: &mut Client) -> Self {
        client.stream.shutdown(std::net::Shutdown::Write);
        Self::without_waiting(client)
    }

    /// The same, but the other side has to close by itself.
    pub fn without_waiting(client: &mut Client) -> Self {
        let bytes = client.stream.take_until_close().expect("the other side closes");
        let mut rest = &bytes[..];
        let mut packets = Vec::new();
        while let Some(header) = PacketHeader::read(rest)
            && let Some(payload) = rest.get(HEADER_LENGTH..HEADER_LENGTH + header.payload_length())
        {
            packets.push(payload.to_vec());
            rest = &rest[HEADER_LENGTH + payload.len()..];
        }
        Self { packets }
    }

    /// The ERR packet, if there is one.
    pub fn error(&self) -> Option<ErrPacket> {
        let payload = self.packets.iter().find(|payload| payload.first() == Some(&0xFF))?;
        Some(ErrPacket::decode(payload).expect("an ERR packet"))
    }

    /// Checks that no OK is among the packets.
    pub fn expect_no_ok(&self, what: &str) {
        let ok = self.packets.iter().find(|payload| payload.first() == Some(&0x00));
        assert!(ok.is_none(), "{what}: an OK packet in {self:02x?}");
    }

    /// Checks that the login was refused, and clearly.
    pub fn expect_refusal(&self, what: &str) -> ErrPacket {
        self.expect_no_ok(what);
        let error = self.error().unwrap_or_else(|| panic!("{what}: no ERR packet in {self:02x?}"));
        assert!(!error.message.is_empty(), "{what}: an ERR packet without a word");
        error
    }
}

/// A connection whose greeting was read, with what `options` ask for agreed.
pub fn greeted(address: std::net::SocketAddr, options: &LoginOptions) -> Client {
    let mut client = Client::connect(address).expect("a connection");
    client.read_greeting().expect("a greeting");
    client.capabilities = options.capabilities;
    client.capabilities.set(Capabilities::CONNECT_WITH_DB, options.database.is_some());
    client.capabilities.set(Capabilities::SSL, options.tls);
    client
}

/// The handshake response of `options` on this connection.
pub fn response(client: &Client, options: &LoginOptions) -> Vec<u8> {
    let greeting = client.greeting.clone().expect("the greeting was read");
    client.response(options, client.head(options), &greeting).encode()
}
