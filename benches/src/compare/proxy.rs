//! The proxy and the relay as processes under measurement.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::client::{Connection, Endpoint};
use crate::cluster::{Child, Cluster, Folder, MONITOR, free_port};

/// A process that listens for MySQL clients.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub child: Child,
}

/// In the proxy's log once it has every address that it was told to listen on.
const LISTENING: &str = ": listening address=";

/// How long the proxy may take to listen, and then to serve: under callgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(60);

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The `rolecall` program: `wanted`, else the one beside this program (two folders up for `cargo bench`).
///
/// # Errors
/// There is none.
pub fn program(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = wanted {
        return Ok(path.to_owned());
    }
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("rolecall")).find(|path| path.is_file());
    found.context(
        "there is no `rolecall` beside this program: run `./release` (or `cargo build --release --workspace`), or name it by --proxy",
    )
}

/// What `rolecall --version` says.
///
/// # Errors
/// It does not run.
pub fn version(program: &Path) -> anyhow::Result<String> {
    let output = std::process::Command::new(program).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Starts the relay in front of `server`.
///
/// # Errors
/// It does not start.
pub fn start_relay(server: SocketAddr, folder: &Folder) -> anyhow::Result<Listening> {
    let own = std::env::current_exe()?;
    let address = SocketAddr::new(LOCALHOST, free_port(&[LOCALHOST])?);
    let arguments = ["relay", "--listen", &address.to_string(), "--server", &server.to_string()].map(str::to_owned);
    let mut child = Child::start("relay", own, arguments, &folder.join("relay.log"))?;
    child.wait_until(Duration::from_secs(10), || TcpStream::connect(address).is_ok())?;
    Ok(Listening { address, child })
}

/// Starts the proxy with one worker in front of a whole set, and waits until it serves `login`.
///
/// # Errors
/// It does not start, or lets nobody in.
pub fn start_one_worker(
    program: &Path,
    cluster: &Cluster,
    login: &Endpoint,
    folder: &Folder,
) -> anyhow::Result<Listening> {
    let (address, arguments) = one_worker(cluster, folder)?;
    start(program, arguments, address, login, folder)
}

/// The same under valgrind's callgrind, which counts its instructions and writes to `callgrind`.
///
/// # Errors
/// The same; valgrind is missing.
pub fn start_counted(
    program: &Path,
    cluster: &Cluster,
    login: &Endpoint,
    folder: &Folder,
    callgrind: &Path,
) -> anyhow::Result<Listening> {
    let (address, arguments) = one_worker(cluster, folder)?;
    let mut all = vec!["--tool=callgrind".to_owned(), format!("--callgrind-out-file={}", callgrind.display())];
    all.push(program.display().to_string());
    all.extend(arguments);
    start(Path::new("valgrind"), all, address, login, folder)
        .context("the proxy does not start under callgrind (Debian package valgrind)")
}

/// Where a proxy of one worker listens, and its arguments.
fn one_worker(cluster: &Cluster, folder: &Folder) -> anyhow::Result<(SocketAddr, Vec<String>)> {
    let address = SocketAddr::new(LOCALHOST, free_port(&[LOCALHOST])?);
    let password = folder.join("monitor-password");
    std::fs::write(&password, MONITOR)?;
    let configuration = folder.join("rolecall.yaml");
    // One thread to compare with one thread; TLS towards servers would hide what the rest costs.
    std::fs::write(&configuration, "backend:\n  tls:\n    mode: \"off\"\n  public_key:\n    ask: true\n")?;
    let mut arguments = vec!["proxy".to_owned(), "--config".to_owned(), configuration.display().to_string()];
    arguments.extend(["--listen".to_owned(), address.to_string()]);
    for server in &cluster.servers {
        arguments.extend(["--backend".to_owned(), server.address.to_string()]);
    }
    arguments.extend(["--workers", "1", "--monitor-user", MONITOR, "--monitor-password-file"].map(str::to_owned));
    arguments.push(password.display().to_string());
    Ok((address, arguments))
}

/// Starts the proxy, and waits until `login` (at `address`) can write, which tells that the primary is known as such.
///
/// # Errors
/// It does not start, or lets nobody in.
pub fn start<I>(
    program: &Path,
    arguments: I,
    address: SocketAddr,
    login: &Endpoint,
    folder: &Folder,
) -> anyhow::Result<Listening>
where
    I: IntoIterator<Item = String>,
{
    let log = folder.join("rolecall.log");
    let mut child = Child::start("rolecall", program, arguments, &log)?;
    // By its own word first: at the address may be another program that took the port a moment before.
    let listens = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains(LISTENING));
    child.wait_until(PATIENCE, listens)?;
    let login = Endpoint { address: address.to_string(), ..login.clone() };
    let mut last = None;
    let ready = child.wait_until(PATIENCE, || {
        let tried = Connection::open(&login).and_then(|mut session| session.query("DELETE FROM point WHERE id = 0"));
        last = tried.err();
        last.is_none()
    });
    match (ready, last) {
        (Ok(()), _) => Ok(Listening { address, child }),
        (Err(error), Some(last)) => bail!("{error:#}    the last try: {last}"),
        (Err(error), None) => Err(error),
    }
}
