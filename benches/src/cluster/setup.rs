//! Where `tests/setup/install` has put the servers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The repository's root: the place of this crate's folder when it was built.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// What `tests/setup/environment` says, this process' own variables first.
///
/// # Errors
/// The script fails.
pub fn environment() -> anyhow::Result<HashMap<String, String>> {
    let script = repository().join("tests/setup/environment");
    let output = Command::new("bash")
        .args(["-c", "set -e; lines=$(\"$1\"); eval \"$lines\"; exec env -0", "bash"])
        .arg(&script)
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    if !output.status.success() {
        bail!("{} failed\n{}", script.display(), String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let pairs = text.split('\0').filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
