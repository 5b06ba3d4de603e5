//! The command line. Secrets come from files or the environment, never from flags.

mod check;
mod explain;
mod proxy;
mod reference;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Loader};
use crate::logging::Logging;

#[cfg(test)]
pub(crate) use reference::assert_current;
pub use reference::reference;

/// One MySQL endpoint in front of a set of MySQL pods: writes to the primary, reads to the replicas.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version = crate::build::LONG_VERSION, after_help = EXAMPLES, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy
    Proxy(Box<proxy::Args>),
    /// Check a configuration: all mistakes at once, with their lines
    Check(check::Args),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Say how a statement is classified, where it goes, and why
    Explain(explain::Args),
    /// Print a shell's completions
    #[command(after_help = "Examples:\n  rolecall completions bash > /etc/bash_completion.d/rolecall\n  \
                            rolecall completions zsh > ~/.zfunc/_rolecall")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print docs/configuration.md
    #[command(hide = true)]
    ConfigurationReference,
    /// Print docs/metrics.md
    #[command(hide = true)]
    MetricsReference,
}

/// All that running the proxy begins with.
#[derive(Debug)]
pub struct Start {
    /// The validated configuration.
    pub config: Arc<Config>,
    /// Reads it again.
    pub loader: Loader,
    /// The installed log.
    pub logging: Logging,
}

/// Exit statuses: 0 all is well, 1 it is not, 2 the command line is wrong (clap's own).
///
/// `serve` runs the proxy until it is told to stop.
#[must_use]
pub fn main(serve: impl FnOnce(Start) -> anyhow::Result<()>) -> ExitCode {
    match Cli::parse().command {
        Command::Proxy(args) => args.run(serve),
        Command::Check(args) => args.run(),
        Command::Schema => print(&format!("{:#}\n", crate::config::schema().as_value())),
        Command::Explain(args) => args.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rolecall", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::ConfigurationReference => print(&reference()),
        Command::MetricsReference => print(&crate::metrics::reference()),
    }
}

/// Prints to standard output; a reader that has had enough (`| head`) is no error.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rolecall: cannot write: {why}");
            ExitCode::FAILURE
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  rolecall proxy --backend db0:3306 --backend db1:3306
  rolecall proxy --kube-selector app=mysql --kube-role role=primary
  rolecall check --config /etc/rolecall/config.yaml
  rolecall explain 'SELECT * FROM t FOR UPDATE'";
