//! The schema that the cases speak of.

use std::cell::RefCell;
use std::sync::Arc;

use rolecall_protocol::Capabilities;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::session::tracker_setup;
use rolecall_router::sql::cases::{FUNCTIONS, VIEWS};
use rolecall_router::sql::{ClientCharset, Flavour, Lexing, ServerVersion, SqlMode};
use rolecall_router::topology::{Rows, inventory};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Server, Stage};

const USER: &str = "group_a";
const PASSWORD: &str = "p4ss";

/// Tables, views and routines in the schema `test`, and an account that may do all but write at a replica.
pub struct Fixture {
    stage: Arc<Stage>,
    /// How the servers lex.
    pub lexing: Lexing,
    /// What the servers tell of their routines and views.
    pub catalogue: Catalogue,
    root: RefCell<Client>,
}

impl Fixture {
    pub fn new(stage: &Arc<Stage>) -> Self {
        let lexing = lexing(&stage.set.primary);
        let root = RefCell::new(stage.set.primary.root());
        let mut fixture = Self { stage: stage.clone(), lexing, catalogue: Catalogue::unknown(), root };
        fixture.make();
        fixture.catalogue = fixture.read_catalogue();
        fixture
    }

    /// Makes everything anew.
    pub fn make(&self) {
        let mut root = self.root.borrow_mut();
        let identified = self.stage.flavour().identified(PASSWORD);
        let mariadb = self.stage.flavour().is_mariadb();
        for statement in BEFORE.iter().chain(TABLES) {
            root.run(statement);
        }
        for (name, body) in FUNCTIONS {
            root.run(&format!("create function {name} (x int) returns int deterministic {body}"));
        }
        for (name, definition) in VIEWS {
            root.run(&format!("create view {name} as {definition}"));
        }
        for statement in if mariadb { MARIADB } else { MYSQL } {
            root.run(statement);
        }
        root.run(&format!("create user {USER} {identified}"));
        root.run(&format!("grant all on *.* to {USER} with grant option"));
        root.run(&format!("grant r to {USER}"));
        if mariadb {
            root.run(&format!("revoke read_only admin on *.* from {USER}"));
        }
        root.transcript.clear();
    }

    fn read_catalogue(&self) -> Catalogue {
        let read = |sql: &str| {
            let rows = self.stage.set.primary.run(sql).rows();
            let bytes = |column: Option<String>| column.map(String::into_bytes);
            Rows { rows: rows.into_iter().map(|row| row.into_iter().map(bytes).collect()).collect(), ..Rows::default() }
        };
        let functions = inventory::functions(&read(inventory::FUNCTIONS));
        let (views, triggers) = (read(inventory::VIEWS), read(inventory::TRIGGERS));
        Catalogue::build(&functions, &inventory::views(&views), &inventory::triggers(&triggers), &self.lexing)
    }

    /// A session under the modes and the character set of a case, which is told of each change of its state.
    pub fn login(&self, server: &Server, like: &Lexing) -> Client {
        let mut options = LoginOptions::new(USER, PASSWORD).database("test");
        if server.flavour().is_mariadb() {
            options.plugin = "mysql_native_password".into();
        }
        let options =
            options.with(Capabilities::SESSION_TRACK | Capabilities::MULTI_STATEMENTS | Capabilities::LOCAL_FILES);
        let mut client = Client::login(server.address(), &options).unwrap_or_else(|error| panic!("{USER}: {error}"));
        client.local_file = vec![b"7\n".to_vec()];
        client.run(&tracker_setup(self.lexing.flavour));
        for setting in settings(like) {
            client.run(&setting);
        }
        client
    }
}

fn lexing(server: &Server) -> Lexing {
    let version = server.value("select version()");
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or_default());
    let mut part = || parts.next().unwrap_or_default();
    let version = ServerVersion(part() * 10_000 + part() * 100 + part());
    let flavour = if server.flavour().is_mariadb() { Flavour::Mariadb } else { Flavour::Mysql };
    Lexing { flavour, version, ..Lexing::default() }
}

/// Whether servers of this flavour have the modes and the character set.
pub fn can_be_set(lexing: &Lexing) -> bool {
    match lexing.flavour {
        Flavour::Mysql => !lexing.mode.contains(SqlMode::ORACLE),
        Flavour::Mariadb => lexing.charset != ClientCharset::Gb18030,
    }
}

fn settings(like: &Lexing) -> Vec<String> {
    let mut modes = Vec::new();
    for (mode, name) in [
        (SqlMode::ANSI_QUOTES, "ANSI_QUOTES"),
        (SqlMode::NO_BACKSLASH_ESCAPES, "NO_BACKSLASH_ESCAPES"),
        (SqlMode::IGNORE_SPACE, "IGNORE_SPACE"),
        (SqlMode::ORACLE, "ORACLE"),
    ] {
        if like.mode.contains(mode) {
            modes.push(name);
        }
    }
    let charset = match like.charset {
        ClientCharset::Utf8 | ClientCharset::Unknown => None,
        ClientCharset::AsciiSafe => Some("latin1"),
        ClientCharset::Gbk => Some("gbk"),
        ClientCharset::Gb18030 => Some("gb18030"),
        ClientCharset::Big5 => Some("big5"),
        ClientCharset::Sjis => Some("sjis"),
    };
    let mode = (!modes.is_empty()).then(|| format!("set sql_mode='{}'", modes.join(",")));
    mode.into_iter().chain(charset.map(|charset| format!("set names {charset}"))).collect()
}

const BEFORE: &[&str] = &[
    "set names utf8mb4",
    "use mysql",
    "drop database if exists test",
    "drop database if exists d",
    "drop user if exists group_a",
    "drop user if exists u",
    "drop role if exists r",
    "create role r",
    "create database test character set utf8mb4 collate utf8mb4_bin",
    "use test",
];
const TABLES: &[&str] = &[
    "create table t (id int primary key auto_increment, a int, b varchar(200) default 'b', x int, c int, j json, `select` int, \
     `insert` int, `update` int, `delete` int, `for` int, `end` int, sys int, mysql int, get_lock int, `/* rolecall: primary */` int, \
     `a\"b` int, `a\\` int, `$a` int, `a$b$c` int, `1FOR` int, `0x` int, `0b2` int, `1ea` int, `1e5` int, `é` int)",
    "create table `Р` (`été` int)",
    "insert into t (a) values (1), (2), (3)",
    "create table t1 like t",
    "create table t2 like t",
    "insert into t2 (a) values (1), (2)",
    "create table texts (id int primary key, b varchar(200), fulltext (b))",
    "create table a (id int primary key, a int, b int, x int) partition by hash (id) partitions 2",
    "create table mysql_users (id int)",
    "create procedure p() select 1",
    "create procedure writes_and_sets() begin insert into t (a) values (5); set @w = 1; set sql_mode = ''; end",
];
const MYSQL: &[&str] = &[];
const MARIADB: &[&str] = &["create sequence s", "create table versioned (a int) with system versioning"];
