//! One case: the same steps straight at the primary and through the proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use rolecall_protocol::handshake::Greeting;
use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::wire::Reader;
use rolecall_protocol::{Capabilities, StatusFlags};

use crate::raw::{Client, LoginOptions, Packet, Part};
use crate::transcript::{Event, Transcript};
use crate::{Flavour, Proxy, Stage};

type Mask = Box<dyn Fn(&mut Packet)>;

/// A case with a schema and an account of its own, both named after it.
pub struct Trial {
    stage: Arc<Stage>,
    name: String,
    setup: Vec<String>,
    options: LoginOptions,
    masks: Vec<Mask>,
    settle: bool,
    front: Option<SocketAddr>,
}

/// One run of a case's steps.
pub struct Run {
    stage: Arc<Stage>,
    /// The connection that is compared.
    pub client: Client,
    /// The case's schema and user.
    pub name: String,
    /// Whether this run goes through the proxy.
    pub proxied: bool,
    options: LoginOptions,
    settle: bool,
    address: SocketAddr,
}

impl Trial {
    /// A case; `name` is at most 32 letters, digits and underscores, and no other test's.
    #[must_use]
    pub fn new(stage: &Arc<Stage>, name: &str) -> Self {
        assert!(name.len() <= 32, "{name} is no user's name");
        let mut options = LoginOptions::new(name, Self::PASSWORD).database(name);
        if stage.flavour().is_mariadb() {
            // Towards MariaDB the client starts as MariaDB's own do; the proxy switches it over where it must.
            options.plugin = "mysql_native_password".into();
        }
        Self {
            stage: stage.clone(),
            name: name.into(),
            setup: Vec::new(),
            options,
            masks: Vec::new(),
            settle: true,
            front: None,
        }
    }

    /// Statements that root runs in the schema before each run.
    #[must_use]
    pub fn setup<S: AsRef<str>>(mut self, statements: &[S]) -> Self {
        self.setup.extend(statements.iter().map(|statement| statement.as_ref().to_owned()));
        self
    }

    /// With these capabilities besides.
    #[must_use]
    pub fn with(mut self, capabilities: Capabilities) -> Self {
        self.options = self.options.with(capabilities);
        self
    }

    /// Without these capabilities.
    #[must_use]
    pub fn without(mut self, capabilities: Capabilities) -> Self {
        self.options = self.options.without(capabilities);
        self
    }

    /// Changes how the client logs in.
    #[must_use]
    pub fn login(mut self, change: impl FnOnce(&mut LoginOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Hides what may differ.
    #[must_use]
    pub fn mask(mut self, mask: impl Fn(&mut Packet) + 'static) -> Self {
        self.masks.push(Box::new(mask));
        self
    }

    /// Hides the content of rows, whose values depend on the server or the thread.
    #[must_use]
    pub fn mask_rows(self) -> Self {
        self.mask(|packet| {
            if packet.part == Part::Row {
                packet.payload.clear();
            }
        })
    }

    /// Does not wait before each command until the replicas have everything: for cases whose transactions or locks
    /// stand in the way, or that send very many commands.
    #[must_use]
    pub fn unsettled(mut self) -> Self {
        self.settle = false;
        self
    }

    /// Through this proxy instead of the stage's.
    #[must_use]
    pub fn through(mut self, proxy: &Proxy) -> Self {
        self.front = Some(proxy.address());
        self
    }

    /// Runs `steps` at the primary, then twice through the proxy: first, and after another session has left as much
    /// behind as it could; compares what the client saw.
    ///
    /// # Panics
    /// Where anything differs but for what wire.md excepts.
    pub fn run(self, steps: impl Fn(&mut Run)) {
        let direct = self.once(false, &steps);
        let first = self.once(true, &steps);
        self.compare("first use", &direct, &first);
        self.dirty();
        let second = self.once(true, &steps);
        self.compare("after another session", &direct, &second);
        self.clean_up();
    }

    /// Runs `steps` through the proxy only.
    pub fn run_proxied(self, steps: impl Fn(&mut Run)) {
        self.once(true, &steps);
        self.clean_up();
    }

    fn clean_up(&self) {
        self.stage.expect_no_panic();
        self.stage.set.primary.run(&format!("drop database if exists {}", self.name));
        self.stage.set.primary.run(&format!("drop user if exists {}@'%'", self.name));
    }

    fn once(&self, proxied: bool, steps: &impl Fn(&mut Run)) -> Transcript {
        self.prepare();
        let address = self.address(proxied);
        let client = open(&self.stage, &self.options, address, proxied && self.settle);
        let mut run = Run {
            stage: self.stage.clone(),
            client,
            name: self.name.clone(),
            proxied,
            options: self.options.clone(),
            settle: proxied && self.settle,
            address,
        };
        steps(&mut run);
        let mut transcript = std::mem::take(&mut run.client.transcript);
        transcript.mask(hide_host);
        transcript.number_statements();
        transcript.hide_early_status();
        let capabilities = run.client.capabilities;
        transcript.mask(|packet| hide_slowness(packet, capabilities));
        if self.stage.flavour().is_mariadb() {
            transcript.mask(|packet| sort_changes(packet, capabilities));
            transcript.mask(hide_length_of_variable);
        }
        self.masks.iter().for_each(|mask| transcript.mask(mask));
        transcript
    }

    fn address(&self, proxied: bool) -> SocketAddr {
        match self.front {
            _ if !proxied => self.stage.set.primary.address(),
            Some(front) => front,
            None => self.stage.front(),
        }
    }

    fn prepare(&self) {
        let primary = &self.stage.set.primary;
        let (name, identified) = (&self.name, self.stage.flavour().identified(Self::PASSWORD));
        // A connection of its own: setup may change the schema, the modes, anything.
        let mut root = primary.root();
        root.run(&format!("drop database if exists {name}"));
        root.run(&format!("create database {name} character set utf8mb4"));
        root.run(&format!("create user if not exists {name}@'%' {identified}"));
        root.run(&format!("grant all on {name}.* to {name}@'%'"));
        root.init_db(name).expect_ok("setup");
        self.setup.iter().for_each(|statement| drop(root.run(statement)));
        self.stage.set.wait_until_replicated();
    }

    /// A session of the same account that leaves as much behind as it can.
    fn dirty(&self) {
        let mut options = self.options.clone();
        options.compression = None;
        options.tls = false;
        let mut client = open(&self.stage, &options, self.address(true), true);
        for statement in DIRT {
            let reply = client.query(statement);
            assert!(!reply.closed, "closed at {statement}");
        }
        let statement = client.prepare("select 'left behind'");
        client.execute(statement.id, &[]).expect_ok("execute");
        client.quit();
    }

    fn compare(&self, which: &str, direct: &Transcript, proxied: &Transcript) {
        if let Some(difference) = direct.difference(proxied) {
            panic!("{} on {}, {which}: {difference}", self.name, self.stage.flavour().name());
        }
    }

    /// The password of each case's account.
    pub const PASSWORD: &str = "p4ss";
}

impl Run {
    /// The kind of the servers.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.stage.flavour()
    }

    /// Another connection of the same account on the same way.
    #[must_use]
    pub fn another(&self) -> Client {
        open(&self.stage, &self.options, self.address, self.settle)
    }

    /// Another connection on the same way with changed options.
    #[must_use]
    pub fn another_with(&self, change: impl FnOnce(&mut LoginOptions)) -> Client {
        let mut options = self.options.clone();
        change(&mut options);
        open(&self.stage, &options, self.address, self.settle)
    }

    /// Where this run's clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How this run's client logged in.
    #[must_use]
    pub const fn options(&self) -> &LoginOptions {
        &self.options
    }

    /// Notes an outcome that no packet of the compared connection shows: it has to be the same in all runs.
    pub fn note(&mut self, what: impl Into<String>) {
        self.client.transcript.push(Event::Noted(what.into()));
    }

    /// Logs in on the same way with these options; the outcome is noted.
    ///
    /// # Errors
    /// The ERR packet.
    pub fn try_login(&mut self, options: &LoginOptions) -> Result<Client, ErrPacket> {
        let outcome = Client::login(self.address(), options);
        let told = outcome.as_ref().map_or_else(without_host, |_| "logged in".to_owned());
        self.note(format!("login as {:.40} by {}: {told}", options.user, options.plugin));
        outcome
    }

    /// A connection whose greeting was read, with these options' capabilities: for logins that a test writes itself.
    ///
    /// # Panics
    /// Where there is no greeting.
    #[must_use]
    pub fn greeted(&self, options: &LoginOptions) -> (Client, Greeting) {
        let mut client = Client::connect(self.address()).expect("a connection");
        let greeting = client.read_greeting().expect("a greeting");
        client.capabilities = options.capabilities;
        client.capabilities.set(Capabilities::CONNECT_WITH_DB, options.database.is_some());
        (client, greeting)
    }

    /// Reads what `client` is sent until its peer closes, and notes it: nothing, or an error.
    ///
    /// # Panics
    /// Where the peer does not close, or sends anything else.
    pub fn note_refusal(&mut self, what: &str, client: &mut Client) {
        let answer = client.stream.take_until_close().expect("a close");
        let told = match answer.get(4..) {
            None => "closed".to_owned(),
            Some(payload) if payload.first() == Some(&0xFF) => {
                without_host(&ErrPacket::decode(payload).expect("an ERR packet"))
            }
            Some(_) => panic!("{what}: {answer:02x?}"),
        };
        self.note(format!("{what}: {told}"));
    }

    /// The stage below.
    #[must_use]
    pub const fn stage(&self) -> &Arc<Stage> {
        &self.stage
    }
}

impl std::ops::Deref for Run {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl std::ops::DerefMut for Run {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

fn open(stage: &Arc<Stage>, options: &LoginOptions, address: SocketAddr, settle: bool) -> Client {
    let mut client =
        Client::login(address, options).unwrap_or_else(|error| panic!("{} at {address}: {error}", options.user));
    client.transcript.clear();
    if settle {
        let stage = stage.clone();
        client.before_command(move || stage.set.wait_until_replicated());
    }
    client
}

/// An error's code and text without the client's address.
#[must_use]
pub fn without_host(error: &ErrPacket) -> String {
    let text = error.to_string();
    hidden_host(&text).unwrap_or(text)
}

/// The client's address in errors 1045 and 3118 is the proxy's.
fn hide_host(packet: &mut Packet) {
    if packet.part != Part::Err {
        return;
    }
    if let Some(text) = hidden_host(&String::from_utf8_lossy(&packet.payload)) {
        packet.payload = text.into_bytes();
    }
}

fn hidden_host(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("'@'")?;
    let (_, after) = rest.split_once('\'')?;
    Some(format!("{before}'@'HOST'{after}"))
}

/// Whether a statement took longer than long_query_time is the machine's affair.
fn hide_slowness(packet: &mut Packet, capabilities: Capabilities) {
    let mut at = match packet.part {
        Part::Eof => 3,
        Part::Ok => 1,
        _ => return,
    };
    if packet.part == Part::Ok {
        let mut reader = Reader::new(&packet.payload[1..]);
        for what in ["affected rows", "last insert id"] {
            reader.lenenc(what).expect("an OK packet");
        }
        at = packet.payload.len() - reader.rest().len();
    }
    if packet.part == Part::Eof && capabilities.contains(Capabilities::DEPRECATE_EOF) {
        // COM_SET_OPTION's and COM_DEBUG's answer: laid out as an OK.
        return;
    }
    if let Some(high) = packet.payload.get_mut(at + 1) {
        *high &= !(StatusFlags::QUERY_WAS_SLOW.bits() >> 8) as u8;
    }
}

/// MariaDB reports variables in the order of a hash over all that are tracked.
fn sort_changes(packet: &mut Packet, capabilities: Capabilities) {
    if packet.part != Part::Ok || !capabilities.contains(Capabilities::SESSION_TRACK) {
        return;
    }
    let Ok(mut ok) = OkPacket::decode(&packet.payload, capabilities) else { return };
    let mut changes: Vec<Vec<u8>> = Vec::new();
    for change in ok.changes().flatten() {
        let mut bytes = Vec::new();
        change.put(&mut bytes);
        changes.push(bytes);
    }
    changes.sort();
    ok.state_changes = changes.concat();
    packet.payload.clear();
    ok.put(&mut packet.payload, capabilities);
}

/// MariaDB tells a variable that is NULL again from one that never was: by its column's length.
fn hide_length_of_variable(packet: &mut Packet) {
    if packet.part != Part::Column {
        return;
    }
    let mut reader = Reader::new(&packet.payload);
    let [.., name] = ["catalog", "schema", "table", "original table", "name"].map(|what| reader.bytes_lenenc(what));
    let is_variable = name.is_ok_and(|name| name.starts_with(b"@"));
    // In front of type, flags, decimals and filler.
    let length = packet.payload.len().saturating_sub(10);
    if let Some(bytes) = packet.payload.get_mut(length..length + 4)
        && is_variable
        && (*bytes == 0x00FF_FFFF_u32.to_le_bytes() || *bytes == 0x0100_0000_u32.to_le_bytes())
    {
        bytes.fill(0);
    }
}

const DIRT: &[&str] = &[
    "set sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
    "set names latin1",
    "set character_set_results=NULL",
    "set time_zone='+05:00'",
    "set autocommit=0",
    "set @left='behind', @a=1, @b=2",
    "set session transaction isolation level serializable",
    "set foreign_key_checks=0, unique_checks=0, sql_safe_updates=1, sql_select_limit=1",
    "set last_insert_id=77, insert_id=99",
    "create temporary table t (left_behind int)",
    "insert into t values (1)",
    "create temporary table left_behind (a int)",
    "prepare left_behind from 'select 1'",
    "select get_lock('left behind', 0)",
    "set transaction read only",
    "use information_schema",
    "select 1/0",
    "syntax error",
];
