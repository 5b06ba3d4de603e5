//! One server process with a data folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::raw::{Client, LoginOptions, Reply};
use crate::{Flavour, GuardedProcess, free_port, server_program};

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// server_id; 0 takes a fresh one.
    pub id: u32,
    /// The address that it listens on; 127.0.0.1 where none is given.
    pub address: Option<Ipv4Addr>,
    /// The port that it listens on; a free one where none is given.
    pub port: Option<u16>,
    /// More options for its command line.
    pub more: Vec<String>,
}

/// A running server. It, and its data, are gone when this value or the test process is.
pub struct Server {
    flavour: Flavour,
    address: SocketAddr,
    folder: PathBuf,
    log: PathBuf,
    process: Mutex<Option<GuardedProcess>>,
    admins: Mutex<Vec<Client>>,
}

impl Server {
    /// The password of `root` and `monitor`.
    pub const PASSWORD: &str = "pass word'";

    /// Starts a server and waits until it serves.
    ///
    /// # Panics
    /// Where it does not, with the end of its log.
    #[must_use]
    pub fn start(flavour: Flavour, options: &ServerOptions) -> Self {
        for _ in 0..5 {
            if let Some(server) = Self::try_start(flavour, options) {
                return server;
            }
        }
        panic!("{}: five ports were taken just before the server started", flavour.name());
    }

    /// None where another process took the port first.
    fn try_start(flavour: Flavour, options: &ServerOptions) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = if options.id == 0 { number + 100 } else { options.id };
        let (program, template) = server_program(flavour);
        let address = options.address.unwrap_or(Ipv4Addr::LOCALHOST);
        let port = options.port.unwrap_or_else(|| free_port(address));
        let folder = std::env::temp_dir().join(format!("rolecall-tests-{}", std::process::id()));
        let folder = folder.join(format!("{}-{number}", flavour.name()));
        copy(&template, &folder);
        std::fs::create_dir_all(format!("{}.tmp", folder.display())).expect("the temporary folder is writable");
        std::fs::write(folder.join("init.sql"), accounts(flavour)).expect("the data folder is writable");
        let log = folder.join("log");
        let mut arguments = arguments(flavour, &folder, id);
        if flavour == Flavour::Mariadb10 {
            // The others make certificates for themselves.
            arguments.extend(certificate(&folder));
        }
        arguments.push(format!("--bind-address={address}"));
        arguments.push(format!("--port={port}"));
        arguments.extend(options.more.iter().cloned());
        let process = GuardedProcess::start(&program, &arguments, &log, &folder);
        let address = SocketAddr::from((address, port));
        let server =
            Self { flavour, address, folder, log, process: Mutex::new(Some(process)), admins: Mutex::default() };
        server.wait_until_ready().then_some(server)
    }

    /// False where the port was taken.
    fn wait_until_ready(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // The init file runs before connections are taken, so that who can log in finds everything.
            // The whole log: each attempt to connect adds a line to its end.
            let log = || String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned();
            if TcpStream::connect(self.address).is_ok() && log().contains("ready for connections") {
                return true;
            }
            let running = self.process.lock().expect("not poisoned").as_ref().is_some_and(GuardedProcess::is_running);
            if !running && log().contains("Address already in use") {
                return false;
            }
            assert!(running, "{} ended:\n{}", self.flavour.name(), self.log());
            assert!(Instant::now() < deadline, "{} does not start:\n{}", self.flavour.name(), self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What kind of server this is.
    #[must_use]
    pub const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data folder, where also its certificates are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }

    /// Sends a signal to its process: `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = self.process.lock().expect("not poisoned").as_ref() {
            process.signal(signal);
        }
    }

    /// A new connection as root.
    ///
    /// # Panics
    /// Where the login fails.
    #[must_use]
    pub fn root(&self) -> Client {
        let mut options = LoginOptions::new("root", Self::PASSWORD);
        if self.flavour.is_mariadb() {
            options.plugin = "mysql_native_password".into();
        }
        Client::login(self.address, &options).unwrap_or_else(|error| panic!("root at {}: {error}", self.address))
    }

    /// Runs a statement as root on a connection of the harness.
    ///
    /// # Panics
    /// Where it fails.
    pub fn run(&self, sql: &str) -> Reply {
        self.try_run(sql).expect_ok(sql)
    }

    /// Runs a statement as root; it may fail.
    pub fn try_run(&self, sql: &str) -> Reply {
        // Taken out for the time of the statement: no test waits for the statement of another one (which may wait for
        // the first one's locks), and a connection that a panic left in the middle of a reply is gone.
        let idle = self.admins().pop();
        let mut client = idle.unwrap_or_else(|| self.root());
        client.transcript.clear();
        let reply = client.query(sql);
        if reply.closed {
            self.admins().clear();
        } else {
            self.admins().push(client);
        }
        reply
    }

    fn admins(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.admins.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The first column of a statement's first row, as root.
    pub fn value(&self, sql: &str) -> String {
        self.run(sql).value()
    }
}

fn copy(template: &Path, folder: &Path) {
    std::fs::create_dir_all(folder.parent().expect("a folder in another")).expect("the temporary folder is writable");
    let copied = Command::new("cp").arg("-a").arg(template).arg(folder).status().expect("cp runs");
    assert!(copied.success(), "copying {}", template.display());
}

/// Accounts that every server has, outside replication.
fn accounts(flavour: Flavour) -> String {
    let identified = flavour.identified(&Server::PASSWORD.replace('\'', "''"));
    let monitor = if flavour.is_mariadb() {
        "grant select, process, show view, trigger, replica monitor, binlog monitor, connection admin on *.* to monitor@'%';"
    } else {
        "grant select, process, show view, trigger, replication client, show_routine, connection_admin on *.* to monitor@'%';"
    };
    // MariaDB's data template has a root without password for each of the machine's names.
    let other_roots = if flavour.is_mariadb() {
        "delete from mysql.global_priv where user='root' and host<>'localhost';\nflush privileges;\n"
    } else {
        ""
    };
    format!(
        "set sql_log_bin=0;\n{other_roots}rename user root@localhost to root@'%';\nalter user root@'%' {identified};\n\
         create user monitor@'%' {identified};\n{monitor}\ncreate user repl@'%' {identified};\n\
         grant replication slave on *.* to repl@'%';\nset sql_log_bin=1;\n"
    )
}

/// Writes a certificate and its key; the options that name them.
fn certificate(folder: &Path) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("server-cert.pem"), folder.join("server-key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("the data folder is writable");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the data folder is writable");
    [format!("--ssl-cert={}", certificate.display()), format!("--ssl-key={}", key.display())]
}

fn arguments(flavour: Flavour, folder: &Path, id: u32) -> Vec<String> {
    let folder = folder.display();
    let mut arguments = vec![
        format!("--datadir={folder}"),
        format!("--socket={folder}/socket"),
        // A MariaDB that starts deletes what looks like its temporary tables, also those of another one that runs.
        format!("--tmpdir={folder}.tmp"),
        format!("--pid-file={folder}/pid"),
        format!("--init-file={folder}/init.sql"),
        format!("--server-id={id}"),
    ];
    arguments.extend(SMALL.iter().map(ToString::to_string));
    let own = if flavour.is_mariadb() { MARIADB } else { MYSQL };
    arguments.extend(own.iter().map(ToString::to_string));
    arguments
}

const SMALL: &[&str] = &[
    "--max-connections=400",
    "--table-definition-cache=400",
    "--table-open-cache=200",
    "--innodb-log-buffer-size=1M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--sync-binlog=0",
    "--max-allowed-packet=256M",
    "--local-infile=1",
    "--performance-schema=ON",
    "--log-bin=binlog",
    // Else a busy machine's slowness shows in status flags (SERVER_QUERY_WAS_SLOW).
    "--long-query-time=3600",
    "--report-host=127.0.0.1",
];
const MYSQL: &[&str] = &[
    "--mysqlx=OFF",
    "--innodb-redo-log-capacity=64M",
    "--gtid-mode=ON",
    "--enforce-gtid-consistency=ON",
    "--log-error-verbosity=3",
];
const MARIADB: &[&str] = &[
    "--gtid-strict-mode=1",
    "--log-slave-updates=1",
    "--innodb-log-file-size=64M",
    "--performance-schema-consumer-events-statements-current=ON",
    "--performance-schema-instrument=statement/%=ON",
    "--plugin-load-add=auth_ed25519",
    "--plugin-maturity=unknown",
];
