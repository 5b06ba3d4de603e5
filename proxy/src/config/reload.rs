//! Hot reload: on a change of any file of the configuration and on SIGHUP, whole or not at all.
//!
//! Folders are watched, not files: editors replace files, and Kubernetes swaps the link `..data` beside those of a
//! ConfigMap or Secret.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};

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

/// Tells when a file of the configuration may have changed.
struct Files {
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
    events: mpsc::Receiver<()>,
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
        let mut files = Files::new();
        files.watch(&self.current.borrow().files);
        // What changed between the first reading and the watch would be lost.
        let early = self.reload();
        if early != Outcome::Unchanged {
            early.log();
            report(&early);
        }
        loop {
            files.watch(&self.current.borrow().files);
            tokio::select! {
                _ = hangup.recv() => {}
                () = files.changed() => {}
            }
            tokio::time::sleep(SETTLE).await;
            files.drain();
            let outcome = self.reload();
            outcome.log();
            report(&outcome);
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

// === impl Files ===

impl Files {
    fn new() -> Self {
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading the files is an event as well, but no change.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // Full: a change is waiting to be noticed already.
                let _ = sender.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|why| tracing::warn!(%why, "configuration files are not watched: send SIGHUP after a change"))
            .ok();
        Self { watcher, folders: HashSet::new(), events }
    }

    fn watch(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        for file in files {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            if self.folders.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.to_owned());
                }
                Err(why) => tracing::warn!(folder = %folder.display(), %why, "not watched: send SIGHUP after a change"),
            }
        }
    }

    async fn changed(&mut self) {
        // Without a watcher nothing ever comes; SIGHUP remains.
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    fn drain(&mut self) {
        while self.events.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder as kubelet mounts a ConfigMap: config.yaml -> ..data/config.yaml, ..data -> ..1.
    fn config_map(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("..1")).unwrap();
        std::fs::write(folder.path().join("..1/config.yaml"), text).unwrap();
        symlink("..1", folder.path().join("..data")).unwrap();
        symlink("..data/config.yaml", folder.path().join("config.yaml")).unwrap();
        folder
    }

    fn swap(folder: &Path, text: &str) {
        std::fs::create_dir(folder.join("..2")).unwrap();
        std::fs::write(folder.join("..2/config.yaml"), text).unwrap();
        symlink("..2", folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    }

    fn reloader(folder: &Path) -> (Reloader, watch::Receiver<Arc<Config>>) {
        let loader = Loader { file: Some(folder.join("config.yaml")), ..Loader::default() };
        let config = Arc::new(loader.load().unwrap());
        Reloader::new(loader, config)
    }

    const BEFORE: &str = "servers: [{address: db0}]\n";

    #[tokio::test]
    async fn a_swapped_config_map_is_applied() {
        let folder = config_map(BEFORE);
        let (reloader, mut configs) = reloader(folder.path());
        let changed = async {
            swap(folder.path(), "servers: [{address: db0}, {address: db1}]\nlog: {level: debug}\n");
            configs.changed().await.unwrap();
            configs.borrow().log.level.clone()
        };
        let mut applied = Vec::new();
        let running = reloader.run(|outcome| applied.push(outcome.clone()));
        tokio::select! {
            biased;
            _ = running => unreachable!("the reloader runs for ever"),
            level = tokio::time::timeout(Duration::from_secs(20), changed) => assert_eq!(level.unwrap(), "debug"),
        }
    }

    #[test]
    fn mistakes_leave_the_old_configuration() {
        let folder = config_map(BEFORE);
        let (reloader, configs) = reloader(folder.path());
        swap(folder.path(), "servers: []\nlog: {level: debug}\n");
        let Outcome::Invalid(mistakes) = reloader.reload() else { panic!("a list without servers was accepted") };
        assert_eq!(mistakes.list.len(), 1);
        assert_eq!(configs.borrow().log.level, "info");
    }

    #[test]
    fn what_needs_a_restart_keeps_the_rest_back_too() {
        let folder = config_map(BEFORE);
        let (reloader, configs) = reloader(folder.path());
        swap(folder.path(), "servers: [{address: db0}]\nlog: {level: debug}\nworkers: 77\n");
        assert_eq!(reloader.reload(), Outcome::NeedsRestart(vec![Part::Workers]));
        assert_eq!(configs.borrow().log.level, "info");
    }

    #[test]
    fn the_same_text_again_changes_nothing() {
        let folder = config_map(BEFORE);
        let (reloader, configs) = reloader(folder.path());
        swap(folder.path(), "# a comment\nservers: [{address: 'db0:3306'}]\n");
        assert_eq!(reloader.reload(), Outcome::Unchanged);
        assert!(!configs.has_changed().unwrap());
    }
}
