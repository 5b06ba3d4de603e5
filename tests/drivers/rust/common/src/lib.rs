//! What the Rust drivers' programs share: arguments, values and the report of steps. The scenario itself is
//! described in `../README.md`.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// Bytes of the parameter and row of the step big-packet.
pub const BIG: usize = 20 << 20;

/// A string with all kinds of characters that are quoted, escaped or longer than one byte.
pub const WORDS: &str = "héllo 😀 漢字 'quoted' \\ back";

/// A JSON document.
pub const DOCUMENT: &str = r#"{"a": [1, null, "😀"]}"#;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// No connection without it.
    Required,
    /// The driver's default.
    Preferred,
    /// Plain.
    Disabled,
}

/// The command line of every driver's program.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
    pub tls: Tls,
    pub ca: Option<PathBuf>,
}

impl Arguments {
    /// Reads the process's arguments: pairs of `--name value`, of which some are not for these drivers.
    pub fn parse() -> Result<Self> {
        let mut given = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            given.insert(name, value);
        }
        let mut take = |name: &str| given.remove(name).with_context(|| format!("{name} is missing"));
        Ok(Self {
            host: take("--host")?,
            port: take("--port")?.parse()?,
            user: take("--user")?,
            password: take("--password")?,
            database: take("--database")?,
            tls: match take("--tls")?.as_str() {
                "required" => Tls::Required,
                "preferred" => Tls::Preferred,
                "disabled" => Tls::Disabled,
                other => bail!("--tls {other}"),
            },
            ca: take("--ca").ok().map(PathBuf::from),
        })
    }
}

/// Runs one step and prints its line; an error says which step it was.
pub async fn step(name: &str, run: impl Future<Output = Result<()>>) -> Result<()> {
    run.await.with_context(|| format!("FAIL {name}"))?;
    println!("ok {name}");
    Ok(())
}

/// Prints that the driver cannot do a step.
pub fn skip(name: &str, why: &str) {
    println!("skip {name}: {why}");
}

/// The program's exit status; a failure is printed in one line.
pub fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// An error unless both are the same.
pub fn same<T: PartialEq + Debug>(found: T, wanted: T, what: &str) -> Result<()> {
    if found != wanted {
        bail!("{what}: found {found:?}, wanted {wanted:?}");
    }
    Ok(())
}

/// A body that no compression and no splitting leaves unnoticed: a counter every four bytes.
pub fn body(length: usize) -> Vec<u8> {
    (0..length as u32 / 4).flat_map(u32::to_le_bytes).collect()
}

/// A name for the program's tables.
pub fn table(driver: &str) -> String {
    format!("driver_{driver}_{}", std::process::id())
}

/// The table of the step types.
pub fn create_types(table: &str) -> String {
    format!(
        "CREATE TABLE {table}_types (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT, plain INT, big BIGINT, \
         unsigned_big BIGINT UNSIGNED, amount DECIMAL(30,10), ratio DOUBLE, day DATE, clock TIME, moment DATETIME(6), \
         bytes BLOB, nothing INT NULL, words VARCHAR(200) CHARACTER SET utf8mb4, document JSON)"
    )
}

/// A query with a thousand rows (number, 100 times x).
pub fn thousand_rows() -> String {
    let digits = (1..10).map(|digit| format!(" UNION ALL SELECT {digit}")).collect::<String>();
    let digits = format!("(SELECT 0 d{digits})");
    format!(
        "SELECT CAST(a.d * 100 + b.d * 10 + c.d AS SIGNED) AS n, REPEAT('x', 100) AS x \
         FROM {digits} a, {digits} b, {digits} c ORDER BY n"
    )
}
