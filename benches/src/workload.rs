//! What the load generator asks for, and the tables that it asks.

use std::time::{Duration, Instant};

use crate::client::{ClientError, Connection, Endpoint, Reply, Statement};
use crate::load::Recorder;

/// Schema that the workloads use.
pub const SCHEMA: &str = "rolecall_bench";
/// Rows of the table of small rows.
pub const POINTS: u64 = 10_000;
/// Rows of the large result.
pub const WIDE_ROWS: u64 = 100_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// One row by primary key, text protocol.
    PointSelect,
    /// One row by primary key, prepared once per connection.
    PointSelectPrepared,
    /// Three of four statements as point-select, the fourth an UPDATE of one row; each commits by itself.
    ReadWrite,
    /// START TRANSACTION READ ONLY, four point selects, COMMIT.
    ReadOnlyTransaction,
    /// One result of 100,000 rows of 200 bytes.
    #[value(name = "rows-100k")]
    #[serde(rename = "rows-100k")]
    Rows100k,
    /// Connect, log in, one point select, quit.
    Connect,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PointSelect,
        Self::PointSelectPrepared,
        Self::ReadWrite,
        Self::ReadOnlyTransaction,
        Self::Rows100k,
        Self::Connect,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PointSelect => "point-select",
            Self::PointSelectPrepared => "point-select-prepared",
            Self::ReadWrite => "read-write",
            Self::ReadOnlyTransaction => "read-only-transaction",
            Self::Rows100k => "rows-100k",
            Self::Connect => "connect",
        }
    }
}

/// Which latencies a statement belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads, transactions' statements and logins.
    Read,
    /// Statements that write.
    Write,
}

/// A place to log in, and the connection to it while there is one.
#[derive(Debug)]
struct Slot {
    endpoint: Endpoint,
    connection: Option<Connection>,
}

impl Slot {
    const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, connection: None }
    }

    fn connection(&mut self) -> Result<&mut Connection, ClientError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(Connection::open(&self.endpoint)?)),
        }
    }
}

/// One client of a load: a connection and what it holds.
#[derive(Debug)]
pub struct Client {
    workload: Workload,
    main: Slot,
    /// Where writes go, for a client that splits by itself.
    write: Option<Slot>,
    prepared: Option<Statement>,
    random: u64,
    step: u64,
}

/// What a client waits after a failed statement, as an application would.
const BACKOFF: Duration = Duration::from_millis(5);

impl Client {
    /// Connects, unless the workload does that by itself, and prepares what is needed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open(endpoint: &Endpoint, workload: Workload, seed: u64) -> Result<Self, ClientError> {
        let mut client = Self {
            workload,
            main: Slot::new(endpoint.clone()),
            write: None,
            prepared: None,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            step: 0,
        };
        if workload != Workload::Connect {
            client.main.connection()?;
        }
        Ok(client)
    }

    /// A client that sends writes to another server than reads.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open_split(read: &Endpoint, write: &Endpoint, workload: Workload, seed: u64) -> Result<Self, ClientError> {
        let mut client = Self::open(read, workload, seed)?;
        client.write.insert(Slot::new(write.clone())).connection()?;
        Ok(client)
    }

    /// Runs one step of the workload: a statement, or a transaction, or a whole connection. `intended` is when it
    /// should have started (open loop); its first statement's latency counts from there. A lost connection is
    /// opened anew by the next step.
    pub fn step(&mut self, recorder: &mut Recorder<'_>, intended: Option<Instant>) {
        self.step += 1;
        let began = intended.unwrap_or_else(Instant::now);
        let result = match self.workload {
            Workload::PointSelect => self.point_select(recorder, began),
            Workload::PointSelectPrepared => self.execute(recorder, began),
            Workload::ReadWrite if self.step.is_multiple_of(4) => self.update(recorder, began),
            Workload::ReadWrite => self.point_select(recorder, began),
            Workload::ReadOnlyTransaction => self.transaction(recorder, began),
            Workload::Rows100k => self.large_result(recorder, began),
            Workload::Connect => self.connect_once(recorder, began),
        };
        if let Err(error) = result {
            if !error.is_recoverable() {
                self.main.connection = None;
                self.prepared = None;
                if let Some(write) = &mut self.write {
                    write.connection = None;
                }
            }
            recorder.fail(&error);
            std::thread::sleep(BACKOFF);
        }
    }

    fn point_select(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let sql = format!("SELECT c FROM point WHERE id = {}", self.point());
        let reply = self.main.connection()?.query(&sql)?;
        recorder.record(Class::Read, began, expect_rows(reply, 1)?);
        Ok(())
    }

    fn execute(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let id = self.point();
        let connection = self.main.connection()?;
        let statement = match self.prepared {
            Some(statement) => statement,
            None => *self.prepared.insert(connection.prepare("SELECT c FROM point WHERE id = ?")?),
        };
        let reply = connection.execute(statement, &[id as i64])?;
        recorder.record(Class::Read, began, expect_rows(reply, 1)?);
        Ok(())
    }

    fn update(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let sql = format!("UPDATE point SET k = k + 1 WHERE id = {}", self.point());
        let reply = self.write.as_mut().unwrap_or(&mut self.main).connection()?.query(&sql)?;
        recorder.record(Class::Write, began, reply);
        Ok(())
    }

    fn transaction(&mut self, recorder: &mut Recorder<'_>, mut began: Instant) -> Result<(), ClientError> {
        let ids = [self.point(), self.point(), self.point(), self.point()];
        let selects = ids.map(|id| format!("SELECT c FROM point WHERE id = {id}"));
        let connection = self.main.connection()?;
        let statements = selects.iter().map(String::as_str);
        for sql in ["START TRANSACTION READ ONLY"].into_iter().chain(statements).chain(["COMMIT"]) {
            let reply = connection.query(sql)?;
            began = recorder.record(Class::Read, began, reply);
        }
        Ok(())
    }

    fn large_result(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let reply = self.main.connection()?.query("SELECT filler FROM wide")?;
        recorder.record(Class::Read, began, expect_rows(reply, WIDE_ROWS)?);
        Ok(())
    }

    fn connect_once(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let sql = format!("SELECT c FROM point WHERE id = {}", self.point());
        let mut connection = Connection::open(&self.main.endpoint)?;
        let reply = connection.query(&sql)?;
        connection.quit()?;
        recorder.record(Class::Read, began, expect_rows(reply, 1)?);
        Ok(())
    }

    /// A row's id; xorshift, the same sequence in every run.
    fn point(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % POINTS + 1
    }
}

fn expect_rows(reply: Reply, rows: u64) -> Result<Reply, ClientError> {
    if reply.rows == rows {
        Ok(reply)
    } else {
        Err(ClientError::Unsupported(format!("{} rows came instead of {rows}", reply.rows)))
    }
}

/// Makes the schema and its tables on a primary, unless they are there; `wide`: with the rows of the large result.
///
/// # Errors
/// [`ClientError`].
pub fn prepare(connection: &mut Connection, wide: bool) -> Result<Reply, ClientError> {
    const DIGITS: &str = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                          UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let numbers = format!(
        "(SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d n \
         FROM {DIGITS} a, {DIGITS} b, {DIGITS} c, {DIGITS} d, {DIGITS} e) numbers"
    );
    connection.query(&format!("CREATE DATABASE IF NOT EXISTS {SCHEMA}"))?;
    connection.query(&format!("USE {SCHEMA}"))?;
    connection.query(
        "CREATE TABLE IF NOT EXISTS point (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, \
         pad CHAR(60) NOT NULL) ENGINE=InnoDB CHARACTER SET ascii",
    )?;
    connection.query(
        "CREATE TABLE IF NOT EXISTS wide (id INT NOT NULL PRIMARY KEY, filler VARCHAR(200) NOT NULL) ENGINE=InnoDB \
         CHARACTER SET ascii",
    )?;
    let points = connection.query(&format!(
        "INSERT IGNORE INTO point SELECT n, 0, RPAD(SHA2(n, 256), 120, 'c'), RPAD(SHA2(n + 1, 256), 60, 'p') FROM {numbers} \
         WHERE n <= {POINTS}"
    ))?;
    if !wide {
        return Ok(points);
    }
    connection.query(&format!(
        "INSERT IGNORE INTO wide SELECT n, RPAD(SHA2(n, 256), 200, 'f') FROM {numbers} WHERE n <= {WIDE_ROWS}"
    ))
}
