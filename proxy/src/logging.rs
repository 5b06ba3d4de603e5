//! The log: lines for people or JSON objects on standard error, with a level that can change while the process runs.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt as lines, reload};

use crate::config::{Log, LogFormat};

/// The installed log.
#[derive(Clone)]
pub struct Logging(reload::Handle<Targets, Registry>);

impl Logging {
    /// Installs the log for the whole process.
    ///
    /// # Errors
    /// If one is installed already, or the level is none.
    pub fn install(log: &Log) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(level(&log.level)?);
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let output = lines::layer().with_writer(std::io::stderr);
        let output = match log.format {
            LogFormat::Text => output.with_ansi(terminal).boxed(),
            LogFormat::Json => output.json().flatten_event(true).with_current_span(true).boxed(),
        };
        // The filter comes first: what it stops costs nothing further on.
        tracing_subscriber::registry().with(filter).with(output).try_init().context("installing the log")?;
        Ok(Self(handle))
    }

    /// Uses another level from now on.
    ///
    /// # Errors
    /// If it is none; the old one stays.
    pub fn set_level(&self, text: &str) -> anyhow::Result<()> {
        self.0.reload(level(text)?).context("changing the log's level")
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logging")
    }
}

fn level(text: &str) -> anyhow::Result<Targets> {
    Targets::from_str(text).with_context(|| format!("`{text}` is not a log level"))
}
