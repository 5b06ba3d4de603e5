//! What is wrong with a configuration, where it stands, and what to write instead.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Place {
    /// Line and column of the file, both from 1.
    File {
        /// Line, from 1.
        line: u32,
        /// Column, from 1.
        column: u32,
    },
    /// A command-line flag.
    Flag(&'static str),
    /// Nowhere: a default, or the configuration as a whole.
    #[default]
    Nowhere,
}

/// One mistake: the message says what is wrong and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// The option's path, such as `backend.tls.mode`; empty for the configuration as a whole.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// All mistakes of one configuration, in the order of the file. Never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name as it was given; None where there was no file.
    pub file: Option<String>,
    /// The mistakes.
    pub list: Vec<Mistake>,
    /// Every file that was asked for, readable or not.
    pub files: Vec<PathBuf>,
}

impl std::error::Error for Mistakes {}

// === impl Place ===

impl Place {
    /// A place in the file. Lines and columns beyond `u32` are shown as the largest.
    #[must_use]
    pub fn file(line: u64, column: u64) -> Self {
        let fit = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self::File { line: fit(line), column: fit(column) }
    }
}

// === impl Mistake ===

impl Mistake {
    /// A mistake at `place`.
    #[must_use]
    pub fn new(place: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place, path: path.into(), message: message.into() }
    }
}

// === impl Mistakes ===

impl Mistakes {
    /// One JSON object for each mistake: `line`, `column`, `flag`, `path`, `message`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let list = self.list.iter().map(|mistake| {
            let (line, column, flag) = match mistake.place {
                Place::File { line, column } => (Some(line), Some(column), None),
                Place::Flag(flag) => (None, None, Some(flag)),
                Place::Nowhere => (None, None, None),
            };
            serde_json::json!({
                "line": line, "column": column, "flag": flag, "path": mistake.path, "message": mistake.message,
            })
        });
        serde_json::Value::Array(list.collect())
    }
}

impl fmt::Display for Mistakes {
    /// A line for each mistake, in the form `FILE:LINE:COLUMN: PATH: MESSAGE` that editors can jump to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("configuration");
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match mistake.place {
                Place::File { line, column } => write!(f, "{file}:{line}:{column}: ")?,
                Place::Flag(flag) => write!(f, "{flag}: ")?,
                Place::Nowhere => write!(f, "{file}: ")?,
            }
            match (mistake.place, mistake.path.as_str()) {
                (Place::Flag(_), _) | (_, "") => write!(f, "{}", mistake.message)?,
                (_, path) => write!(f, "{path}: {}", mistake.message)?,
            }
        }
        Ok(())
    }
}
