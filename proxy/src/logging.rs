//! The log: lines for people or JSON objects on standard error, with a level that can change while the process runs.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
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

/// The watch over the configuration's folders, and what it rests on: they tell of each write there, which may be the log's
/// own.
const WATCHERS: [&str; 2] = ["notify", "mio"];

/// The filter that a level is; those that would hear themselves keep to `info` unless they are named.
fn level(text: &str) -> anyhow::Result<Targets> {
    let given = Targets::from_str(text).with_context(|| format!("`{text}` is not a log level"))?;
    let most = given.default_level().unwrap_or(LevelFilter::OFF).min(LevelFilter::INFO);
    let named = |watcher: &str| given.iter().any(|(target, _)| target.split("::").next() == Some(watcher));
    let quiet: Vec<_> = WATCHERS.into_iter().filter(|watcher| !named(watcher)).map(|watcher| (watcher, most)).collect();
    Ok(given.with_targets(quiet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn what_would_hear_the_log_itself_speaks_below_info_only_where_it_is_named() {
        let cases = [
            ("trace", "notify::inotify", Level::TRACE, false),
            ("trace", "mio::poll", Level::DEBUG, false),
            ("trace", "notify::inotify", Level::INFO, true),
            ("trace", "rolecall::session", Level::TRACE, true),
            ("warn", "notify::inotify", Level::INFO, false),
            ("warn", "notify::inotify", Level::WARN, true),
            ("info,notify=trace", "notify::inotify", Level::TRACE, true),
            ("info,notify::inotify=trace", "notify::inotify", Level::TRACE, true),
            ("rolecall=debug", "notify::inotify", Level::ERROR, false),
        ];
        for (text, target, at, passes) in cases {
            assert_eq!(level(text).unwrap().would_enable(target, &at), passes, "{text}: {target} at {at}");
        }
    }
}
