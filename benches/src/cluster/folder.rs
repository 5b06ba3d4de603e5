//! A folder for one run, gone afterwards.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A folder below the system's temporary one; dropping it removes it. One that a killed run has left behind is removed
/// by the next run.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one, named after `purpose` and this process.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(purpose: &str) -> anyhow::Result<Self> {
        let parent = std::env::temp_dir();
        let prefix = format!("rolecall-{purpose}.");
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse::<u32>().ok());
            if owner.is_some_and(|owner| owner == std::process::id() || !Path::new(&format!("/proc/{owner}")).exists())
            {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let path = parent.join(format!("{prefix}{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// A name inside.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
