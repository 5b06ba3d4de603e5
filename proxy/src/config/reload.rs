//! Hot reload: on a change of any file of the configuration and on SIGHUP, whole or not at all.

mod watched;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use watched::WatchedFiles;

use super::{Config, Loader, Mistakes, Part, Reload};

/// Changes that come in quick succession (an editor's, or several files of one Secret) are one change.
const SETTLE: Duration = Duration::from_millis(100);

/// Reads the configuration again when there is reason to.
#[derive(Debug)]
pub struct Reloader {
    loader: Loader,
    current: watch::Sender<Arc<Config>>,
}

/// What came of reading the configuration again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It says what it said before.
    Unchanged,
    /// These parts changed; all of them are in effect.
    Applied(Vec<Part>),
    /// Nothing changed, since it has mistakes.
    Invalid(Mistakes),
    /// Nothing changed, since these parts need a restart.
    NeedsRestart(Vec<Part>),
}

// === impl Reloader ===

impl Reloader {
    /// A reloader, and the stream of configurations that begins with `config`.
    #[must_use]
    pub fn new(loader: Loader, config: Arc<Config>) -> (Self, watch::Receiver<Arc<Config>>) {
        let (current, receiver) = watch::channel(config);
        (Self { loader, current }, receiver)
    }

    /// Reads everything again, and publishes it if it is valid and needs no restart.
    pub fn reload(&self) -> Outcome {
        let new = match self.loader.load() {
            Ok(new) => new,
            Err(mistakes) => return Outcome::Invalid(mistakes),
        };
        let Reload { applies, needs_restart } = new.diff(&self.current.borrow());
        match (applies.is_empty(), needs_restart.is_empty()) {
            (true, true) => Outcome::Unchanged,
            (_, false) => Outcome::NeedsRestart(needs_restart),
            (false, true) => {
                self.current.send_replace(Arc::new(new));
                Outcome::Applied(applies)
            }
        }
    }

    /// Reloads whenever a file changes and on SIGHUP; `report` hears of every outcome. Never returns; cancel safe.
    ///
    /// # Errors
    /// If the operating system gives no signal handler.
    pub async fn run(self, mut report: impl FnMut(&Outcome)) -> std::io::Result<std::convert::Infallible> {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let mut files = WatchedFiles::new();
        let mut paths = self.current.borrow().files.clone();
        let mut last = Outcome::Unchanged;
        loop {
            // What changed between the reading and the beginning of a watch would be lost: read once more.
            let asked = !files.watch(&paths);
            if asked {
                tokio::select! {
                    _ = hangup.recv() => {}
                    () = files.changed() => {}
                }
                tokio::time::sleep(SETTLE).await;
                files.drain();
            }
            let outcome = self.reload();
            paths.clone_from(&self.current.borrow().files);
            if let Outcome::Invalid(mistakes) = &outcome {
                // What it lacks may yet come, such as a Secret after the ConfigMap that names it.
                paths.extend(mistakes.files.iter().cloned());
            }
            if asked || outcome != Outcome::Unchanged && outcome != last {
                outcome.log();
                report(&outcome);
            }
            last = outcome;
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Its label in metrics.
    #[must_use]
    pub fn label(&self) -> crate::metrics::ReloadOutcome {
        use crate::metrics::ReloadOutcome;
        match self {
            Self::Unchanged => ReloadOutcome::Unchanged,
            Self::Applied(_) => ReloadOutcome::Applied,
            Self::Invalid(_) => ReloadOutcome::Invalid,
            Self::NeedsRestart(_) => ReloadOutcome::NeedsRestart,
        }
    }

    fn log(&self) {
        let names = |parts: &[Part]| parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Unchanged => tracing::debug!("configuration read again: nothing changed"),
            Self::Applied(parts) => tracing::info!(parts = names(parts), "configuration applied"),
            Self::Invalid(mistakes) => {
                for line in mistakes.to_string().lines() {
                    tracing::error!("configuration not applied: {line}");
                }
            }
            Self::NeedsRestart(parts) => {
                tracing::error!(
                    parts = names(parts),
                    "configuration not applied, no part of it: these parts need a restart"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
