//! `rolecall check`.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::config::Loader;

/// What is checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  rolecall check --config /etc/rolecall/config.yaml\n  \
                        rolecall check --config config.yaml --json\n\n\
                        Exit status: 0 if the configuration is valid, 1 if it has mistakes.")]
pub(super) struct Args {
    /// Configuration file (YAML); the files that it names are read too
    #[arg(long, value_name = "FILE", env = "ROLECALL_CONFIG")]
    config: PathBuf,

    /// Print JSON: {"valid": …, "mistakes": [{"line", "column", "path", "message"}]}
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(self) -> ExitCode {
        let name = self.config.display().to_string();
        let loaded = Loader { file: Some(self.config), ..Loader::default() }.load();
        if self.json {
            let mistakes = loaded.as_ref().err().map_or_else(|| json!([]), crate::config::Mistakes::to_json);
            let printed = super::print(&format!("{:#}\n", json!({"valid": loaded.is_ok(), "mistakes": mistakes})));
            return if loaded.is_ok() { printed } else { ExitCode::FAILURE };
        }
        match loaded {
            Ok(_) => super::print(&format!("{name}: valid\n")),
            Err(mistakes) => {
                eprintln!("{mistakes}");
                let count = mistakes.list.len();
                eprintln!("{name}: {count} {}", if count == 1 { "mistake" } else { "mistakes" });
                ExitCode::FAILURE
            }
        }
    }
}
