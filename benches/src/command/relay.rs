//! `rolecall-bench relay`.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::Context as _;

/// Arguments of `relay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address to listen on; port 0 chooses one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the server
    #[arg(long)]
    server: SocketAddr,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let listener =
        TcpListener::bind(arguments.listen).with_context(|| format!("cannot listen on {}", arguments.listen))?;
    println!("listening on {}", listener.local_addr()?);
    crate::relay::serve(listener, arguments.server)?;
    Ok(ExitCode::SUCCESS)
}
