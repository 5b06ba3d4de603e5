//! One acceptor hands each socket to the worker with the fewest sessions (architecture.md: SO_REUSEPORT's hashing is
//! uneven with few connections, and loses queued ones when a listener closes).

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use rolecall_protocol::SequenceId;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::put_packet;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::consistency::Consistency;
use rolecall_router::decide::Mode;
use rolecall_router::topology::Address;
use tokio::net::{TcpListener, UnixListener};

use crate::config::{ClientTlsMode, Config, Listener, ListenerMode, Pooling, ReadConsistency};
use crate::metrics::ProcessMetrics;
use crate::net::UnregisteredSocket;
use crate::shared::{ClientTls, ListenerProfile, Shared};
use crate::tls;
use crate::worker::{Assignment, WorkerHandle};

/// After accept fails for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that the kernel queues.
const BACKLOG: i32 = 4096;

/// A bound listener.
#[derive(Debug)]
pub(super) struct Acceptor {
    /// Where it listens.
    pub address: String,
    socket: Socket,
    /// Changes when a certificate is renewed; sessions keep the one that they began with.
    profile: ArcSwap<ListenerProfile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, std::path::PathBuf),
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Left behind, the file would look like a listener to the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Binds every listener of the configuration.
pub(super) fn bind(config: &Config) -> anyhow::Result<Vec<Acceptor>> {
    config.listeners.iter().map(bind_one).collect()
}

fn bind_one(listener: &Listener) -> anyhow::Result<Acceptor> {
    let (socket, address) = match &listener.address {
        Address::Tcp(host, port) => {
            let socket = bind_tcp(host, *port).with_context(|| {
                format!("listening on {host}:{port}: is another process there, or the address not local?")
            })?;
            let address = socket.local_addr().context("listening address")?.to_string();
            (Socket::Tcp(socket), address)
        }
        Address::Unix(path) => {
            let socket = bind_unix(path).with_context(|| format!("listening on {}", path.display()))?;
            (Socket::Unix(socket, path.clone()), path.display().to_string())
        }
    };
    Ok(Acceptor { address, socket, profile: ArcSwap::from_pointee(profile(listener)?) })
}

fn profile(listener: &Listener) -> anyhow::Result<ListenerProfile> {
    let config = || tls::client_tls(listener.tls.identity.as_deref());
    let tls = match listener.tls.mode {
        ClientTlsMode::Off => ClientTls::Off,
        ClientTlsMode::Preferred => ClientTls::Preferred(config()?),
        ClientTlsMode::Required => ClientTls::Required(config()?),
    };
    let mode = match listener.mode {
        ListenerMode::Split => Mode::Split,
        ListenerMode::Primary => Mode::PrimaryOnly,
        ListenerMode::Replica => Mode::ReplicaOnly,
    };
    let consistency = match listener.consistency {
        ReadConsistency::Eventual => Consistency::Eventual,
        ReadConsistency::Session => Consistency::Session,
        ReadConsistency::Global => Consistency::Global,
        ReadConsistency::Strong => Consistency::Strong,
    };
    let shares = listener.pooling == Pooling::Transaction;
    Ok(ListenerProfile { mode, consistency, shares, tls })
}

fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    use std::net::ToSocketAddrs as _;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        match socket.bind(&address.into()).and_then(|()| socket.listen(BACKLOG)) {
            Ok(()) => return TcpListener::from_std(socket.into()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_unix(path: &std::path::Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        // A file that nobody listens on is a leftover.
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && std::os::unix::net::UnixStream::connect(path).is_err() =>
        {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }
}

/// Accepts on all listeners; never ends by itself.
pub(super) async fn accept_all(
    acceptors: &[Acceptor],
    workers: &[WorkerHandle],
    shared: &Shared,
    process: &ProcessMetrics,
) {
    join_all(acceptors.iter().map(|acceptor| acceptor.accept(workers, shared, process))).await;
}

impl Acceptor {
    /// Uses the certificate that `listener`, which stands at the same address, names now.
    pub(super) fn renew(&self, listener: &Listener) -> anyhow::Result<()> {
        self.profile.store(Arc::new(profile(listener)?));
        Ok(())
    }

    pub(super) fn mode_name(&self) -> &'static str {
        match self.profile.load().mode {
            Mode::Split => "split",
            Mode::PrimaryOnly => "primary",
            Mode::ReplicaOnly => "replica",
        }
    }

    async fn accept(&self, workers: &[WorkerHandle], shared: &Shared, process: &ProcessMetrics) {
        loop {
            match self.next().await {
                Ok((socket, peer)) => self.hand_over(socket, peer, workers, shared, process),
                Err(error) => {
                    let hint = match rustix::io::Errno::from_io_error(&error) {
                        Some(rustix::io::Errno::MFILE) => {
                            ": raise RLIMIT_NOFILE (ulimit -n), or lower limits.max_sessions"
                        }
                        Some(rustix::io::Errno::NFILE) => ": raise the system's fs.file-max",
                        _ => "",
                    };
                    tracing::error!(address = %self.address, %error, "accepting a client failed{hint}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn next(&self) -> io::Result<(UnregisteredSocket, Option<IpAddr>)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                Ok((UnregisteredSocket::Tcp(socket.into_std()?), Some(peer.ip().to_canonical())))
            }
            Socket::Unix(listener, _) => {
                let (socket, _) = listener.accept().await?;
                Ok((UnregisteredSocket::Unix(socket.into_std()?), None))
            }
        }
    }

    fn hand_over(
        &self,
        socket: UnregisteredSocket,
        peer: Option<IpAddr>,
        workers: &[WorkerHandle],
        shared: &Shared,
        process: &ProcessMetrics,
    ) {
        let admitted = match shared.admission.admit(peer, shared.sessions.count()) {
            Ok(admitted) => admitted,
            Err(limit) => {
                process.refused(limit);
                tracing::debug!(?peer, %limit, "too many connections");
                return refuse(socket);
            }
        };
        let assignment = Assignment { socket, peer, profile: self.profile.load_full(), admitted };
        let Some(worker) = workers.iter().min_by_key(|worker| worker.load()) else { return };
        if let Err(assignment) = worker.assign(assignment) {
            refuse(assignment.socket);
        }
    }
}

/// Error 1040, without waiting: a client that does not take it at once does not get it.
fn refuse(mut socket: UnregisteredSocket) {
    use std::io::Write as _;
    let err = ErrPacket { sql_state: None, ..ErrPacket::new(ErrorCode::CON_COUNT_ERROR, "Too many connections") };
    let mut payload = Vec::new();
    err.put(&mut payload);
    let mut bytes = Vec::new();
    put_packet(&mut bytes, &mut SequenceId(0), &payload);
    let _ = match &mut socket {
        UnregisteredSocket::Tcp(socket) => socket.write(&bytes),
        UnregisteredSocket::Unix(socket) => socket.write(&bytes),
    };
}
