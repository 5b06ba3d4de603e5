//! What the load generator asks for, and the tables that it asks.

use std::time::Instant;

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

/// One client of a load: a connection and what it holds.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    workload: Workload,
    connection: Option<Connection>,
    prepared: Option<Statement>,
    random: u64,
    step: u64,
}

impl Client {
    /// Connects, unless the workload does that by itself, and prepares what is needed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open(endpoint: &Endpoint, workload: Workload, seed: u64) -> Result<Self, ClientError> {
        let mut client = Self {
            endpoint: endpoint.clone(),
            workload,
            connection: None,
            prepared: None,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            step: 0,
        };
        if workload != Workload::Connect {
            client.connect()?;
        }
        Ok(client)
    }

    fn connect(&mut self) -> Result<&mut Connection, ClientError> {
        let mut connection = Connection::open(&self.endpoint)?;
        if self.workload == Workload::PointSelectPrepared {
            self.prepared = Some(connection.prepare("SELECT c FROM point WHERE id = ?")?);
        }
        Ok(self.connection.insert(connection))
    }

    /// Runs one step of the workload: a statement, or a transaction, or a whole connection. `intended` is when it
    /// should have started (open loop); its first statement's latency counts from there. A lost connection is
    /// opened anew by the next step.
    pub fn step(&mut self, recorder: &mut Recorder<'_>, intended: Option<Instant>) {
        self.step += 1;
        let began = intended.unwrap_or_else(Instant::now);
        let result = match self.workload {
            Workload::Connect => self.connect_once(recorder, began),
            Workload::ReadOnlyTransaction => self.transaction(recorder, began),
            _ => self.single(recorder, began),
        };
        if let Err(error) = result {
            if !error.is_recoverable() {
                self.connection = None;
            }
            recorder.fail(&error);
        }
    }

    fn single(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let id = self.point();
        let write = self.workload == Workload::ReadWrite && self.step.is_multiple_of(4);
        if self.connection.is_none() {
            self.connect()?;
        }
        let (Some(connection), prepared) = (&mut self.connection, self.prepared) else { return Ok(()) };
        let (class, reply) = match (self.workload, prepared) {
            (Workload::Rows100k, _) => (Class::Read, connection.query("SELECT filler FROM wide")?),
            (_, Some(statement)) => (Class::Read, connection.execute(statement, &[id as i64])?),
            _ if write => {
                let reply = connection.query(&format!("UPDATE point SET k = k + 1 WHERE id = {id}"))?;
                recorder.record(Class::Write, began, reply);
                return Ok(());
            }
            _ => (Class::Read, connection.query(&format!("SELECT c FROM point WHERE id = {id}"))?),
        };
        let wanted = if self.workload == Workload::Rows100k { WIDE_ROWS } else { 1 };
        if reply.rows != wanted {
            return Err(ClientError::Unsupported(format!("{} rows instead of {wanted}", reply.rows)));
        }
        recorder.record(class, began, reply);
        Ok(())
    }

    fn transaction(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let ids = [self.point(), self.point(), self.point(), self.point()];
        if self.connection.is_none() {
            self.connect()?;
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let selects = ids.map(|id| format!("SELECT c FROM point WHERE id = {id}"));
        let mut began = began;
        for sql in
            ["START TRANSACTION READ ONLY"].into_iter().chain(selects.iter().map(String::as_str)).chain(["COMMIT"])
        {
            let reply = connection.query(sql)?;
            began = recorder.record(Class::Read, began, reply);
        }
        Ok(())
    }

    fn connect_once(&mut self, recorder: &mut Recorder<'_>, began: Instant) -> Result<(), ClientError> {
        let id = self.point();
        let mut connection = Connection::open(&self.endpoint)?;
        let reply = connection.query(&format!("SELECT c FROM point WHERE id = {id}"))?;
        connection.quit()?;
        recorder.record(Class::Read, began, reply);
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

/// Makes the schema and its tables on a primary, unless they are there.
///
/// # Errors
/// [`ClientError`].
pub fn prepare(connection: &mut Connection) -> Result<Reply, ClientError> {
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
    connection.query(&format!(
        "INSERT IGNORE INTO point SELECT n, 0, RPAD(SHA2(n, 256), 120, 'c'), RPAD(SHA2(n + 1, 256), 60, 'p') FROM {numbers} \
         WHERE n <= {POINTS}"
    ))?;
    connection.query(&format!(
        "INSERT IGNORE INTO wide SELECT n, RPAD(SHA2(n, 256), 200, 'f') FROM {numbers} WHERE n <= {WIDE_ROWS}"
    ))
}
