//! Tells when a file of the configuration may have changed.
//!
//! Folders are watched, not files: editors replace files, and Kubernetes swaps the link `..data` on the way to those of a
//! ConfigMap or Secret. Of what happens in a folder only the names on the way to a file count.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// The names that matter, by their folders.
type Names = HashMap<PathBuf, HashSet<OsString>>;

/// A watch over the ways to some files.
pub(super) struct WatchedFiles {
    watcher: Option<RecommendedWatcher>,
    names: Arc<Mutex<Names>>,
    events: mpsc::Receiver<()>,
}

/// No way to a file has more symbolic links (as for the kernel, ELOOP).
const LINKS_MAX: usize = 40;

// === impl WatchedFiles ===

impl WatchedFiles {
    /// A watch over nothing; where the system gives none, a warning says so, and `changed` never returns.
    pub fn new() -> Self {
        let (sender, events) = mpsc::channel(1);
        let names = Arc::new(Mutex::new(Names::new()));
        let known = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| matters(&event, &known.lock().unwrap_or_else(PoisonError::into_inner))) {
                // Full: a change is waiting to be noticed already.
                let _ = sender.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|why| tracing::warn!(%why, "configuration files are not watched: send SIGHUP after a change"))
            .ok();
        Self { watcher, names, events }
    }

    /// Watches these files, and no others any more; says whether a name has come in that was not watched before.
    pub fn watch(&mut self, files: &[PathBuf]) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let mut wanted = Names::new();
        for (folder, name) in files.iter().flat_map(|file| steps(file)) {
            wanted.entry(folder).or_default().insert(name);
        }
        let before = std::mem::replace(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner), wanted.clone());
        for folder in before.keys().filter(|folder| !wanted.contains_key(*folder)) {
            // A folder that was removed has taken its watch along.
            let _ = watcher.unwatch(folder);
        }
        for folder in wanted.keys() {
            // Known ones again, too: one that was replaced has lost its watch.
            if let Err(why) = watcher.watch(folder, RecursiveMode::NonRecursive)
                && !before.contains_key(folder)
            {
                tracing::warn!(folder = %folder.display(), %why, "not watched: send SIGHUP after a change");
            }
        }
        let known = |folder: &PathBuf, name: &OsString| before.get(folder).is_some_and(|names| names.contains(name));
        wanted.iter().any(|(folder, names)| names.iter().any(|name| !known(folder, name)))
    }

    /// Waits for a change. Cancel safe.
    pub async fn changed(&mut self) {
        // Without a watcher nothing ever comes; SIGHUP remains.
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Forgets the changes until now.
    pub fn drain(&mut self) {
        while self.events.try_recv().is_ok() {}
    }
}

/// Whether an event changes a name that is watched, or a folder as a whole.
fn matters(event: &notify::Event, names: &Names) -> bool {
    // Reading the files is an event as well, but no change.
    if event.kind.is_access() {
        return false;
    }
    let is_watched = |path: &PathBuf| {
        let in_folder = path.parent().and_then(|folder| names.get(folder)).zip(path.file_name());
        names.contains_key(path) || in_folder.is_some_and(|(names, name)| names.contains(name))
    };
    event.need_rescan() || event.paths.iter().any(is_watched)
}

/// The names on the way to `file` whose replacement may change what is read there: itself, and every symbolic link. Ends
/// where a name does not exist.
fn steps(file: &Path) -> Vec<(PathBuf, OsString)> {
    let Ok(file) = std::path::absolute(file) else { return Vec::new() };
    let mut steps = Vec::new();
    let mut at = PathBuf::new();
    // In reverse, so that a link's target comes in front of what stands behind the link.
    let reversed = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let mut ahead = reversed(&file);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        match Path::new(&name).components().next() {
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(_)) => {
                let next = at.join(&name);
                let target = std::fs::read_link(&next).ok().filter(|_| links < LINKS_MAX);
                let is_end = ahead.is_empty() || std::fs::symlink_metadata(&next).is_err();
                if is_end || target.is_some() {
                    steps.push((at.clone(), name));
                }
                match target {
                    Some(target) => {
                        links += 1;
                        ahead.extend(reversed(&target));
                    }
                    None if is_end => break,
                    None => at = next,
                }
            }
            // The root starts anew, as an absolute link does.
            _ => at = PathBuf::from(&name),
        }
    }
    steps
}
