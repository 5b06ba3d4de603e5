//! Accepts connections for the admin endpoint, a bounded number of them for a bounded time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{State, router};
use crate::config::value::AdminAddress;

/// Connections at one time; Prometheus and kubelet need two.
const CONNECTIONS: usize = 64;

/// For the request's head to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// For a connection as a whole, kept alive or not.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Listens.
///
/// # Errors
/// Naming the address and what to do.
pub async fn bind(address: &AdminAddress) -> anyhow::Result<TcpListener> {
    TcpListener::bind((address.host.as_str(), address.port))
        .await
        .with_context(|| format!("cannot listen on {address} for the admin endpoint: choose another by --admin"))
}

/// Serves for ever. Cancel safe.
pub async fn serve(listener: TcpListener, state: State) -> Infallible {
    let router = router(state);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed; without a place the backlog waits.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection(stream, router)).await;
                    drop(place);
                });
            }
            Err(why) => {
                tracing::warn!(%why, "admin endpoint: accept failed");
                // Out of descriptors: trying again at once would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: axum::Router) {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(16 << 10);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
    if let Err(why) = served {
        tracing::debug!(%why, "admin endpoint: connection ended");
    }
}
