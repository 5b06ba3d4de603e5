//! Reads a configuration: the file, the flags over it, and all that they name.

use std::path::{Path, PathBuf};

use super::check::Check;
use super::decode::decode;
use super::mistake::{Mistake, Mistakes, Place};
use super::overrides::Overrides;
use super::raw::RawConfig;
use super::tree::Tree;
use super::types::Config;
use super::validate::{Lost, validate};

/// Where a configuration comes from; loading it again gives what it says then.
#[derive(Debug, Clone, Default)]
pub struct Loader {
    /// The configuration file; None: flags alone.
    pub file: Option<PathBuf>,
    /// The flags, which win over the file.
    pub overrides: Overrides,
}

/// A configuration file larger than this is none.
const FILE_MAX: u64 = 16 << 20;

// === impl Loader ===

impl Loader {
    /// Reads and validates everything.
    ///
    /// # Errors
    /// With all mistakes, in the order of the file.
    pub fn load(&self) -> Result<Config, Mistakes> {
        let Some(file) = &self.file else { return self.load_text("", None) };
        let text = std::fs::metadata(file).and_then(|metadata| {
            if metadata.len() > FILE_MAX {
                return Err(std::io::Error::other("it is larger than 16 MiB"));
            }
            std::fs::read_to_string(file)
        });
        match text {
            Ok(text) => self.load_text(&text, Some(file)),
            Err(why) => {
                let message = format!("cannot read it: {why}: name a file that the proxy may read by --config");
                let list = vec![Mistake::new(Place::Nowhere, "", message)];
                Err(Mistakes { file: Some(file.display().to_string()), list, files: vec![file.clone()] })
            }
        }
    }

    fn load_text(&self, text: &str, file: Option<&Path>) -> Result<Config, Mistakes> {
        let base = file.and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        let mut check = Check::new(base);
        check.files.extend(file.map(Path::to_owned));
        let config = self.read(text, &mut check);
        match config {
            Some(config) if check.mistakes.is_empty() => Ok(config),
            incomplete => {
                // Validation hands the names of the files over to what it makes.
                let files = incomplete.map_or(check.files, |config| config.files);
                let file = file.map(|file| file.display().to_string());
                // Flags come last: Place orders lines in front of them.
                check.mistakes.sort();
                check.mistakes.dedup();
                Err(Mistakes { file, list: check.mistakes, files })
            }
        }
    }

    fn read(&self, text: &str, check: &mut Check) -> Option<Config> {
        let mut tree = Tree::read(text, &mut check.mistakes)?;
        let mut raw: RawConfig = decode(&mut tree, &mut check.mistakes)?;
        let lost = Lost { listeners: tree.lost("listeners"), source: tree.lost("servers") || tree.lost("kubernetes") };
        self.overrides.apply(&mut raw);
        Some(validate(raw, lost, check))
    }
}

// === impl Config ===

impl Config {
    /// A configuration out of a text, without flags; paths in it start from the working directory.
    ///
    /// # Errors
    /// With all mistakes, in the order of the text.
    pub fn from_yaml(text: &str) -> Result<Self, Mistakes> {
        Loader::default().load_text(text, None)
    }
}
