//! `./demo`: servers, the proxy in front of them, a short load, and what became of it.

mod checks;
mod kubernetes;
mod plain;
mod screen;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

pub use screen::{Screen, seconds, thousands};

use crate::cluster::Flavour;
use crate::interrupt;

/// What to show.
#[derive(Debug, Clone)]
pub struct Options {
    /// The proxy's program; `None`: the one beside this program.
    pub proxy: Option<PathBuf>,
    /// MySQL or MariaDB.
    pub flavour: Flavour,
    /// Whether roles come from pod labels in a Kubernetes API server.
    pub kubernetes: bool,
    /// Whether to end after the load.
    pub once: bool,
    /// How long the load runs.
    pub time: Duration,
    /// Clients at once.
    pub clients: usize,
    /// Where the proxy listens, if that is free.
    pub port: u16,
}

/// Runs the demonstration; `Ok(true)`: all went well.
///
/// # Errors
/// Something could not be started, or was interrupted.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    interrupt::install()?;
    let screen = Screen::new();
    if options.kubernetes { kubernetes::run(options, screen) } else { plain::run(options, screen) }
}

/// Stays until Ctrl-C; says when a process ends by itself.
fn stay(screen: Screen, children: &mut [&mut crate::cluster::Child]) -> anyhow::Result<()> {
    screen.line(&format!("\n  {}", screen.dim("Ctrl-C ends it, and removes all that was started here.")));
    while !interrupt::requested() {
        for child in &mut *children {
            child.check()?;
        }
        interrupt::sleep(Duration::from_millis(500));
    }
    screen.line("");
    Ok(())
}
