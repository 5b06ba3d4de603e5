//! A plain relay: the yardstick. It copies bytes both ways and knows nothing of what they mean, so that what it costs
//! is the least that a process between a client and a server costs on this kernel with this runtime.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Serves until the process ends: every connection to `listener` is copied to and from `server`.
///
/// # Errors
/// The listener's; a connection's own end only that connection.
pub fn serve(listener: std::net::TcpListener, server: SocketAddr) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio::spawn(async move {
                // Either side's error ends this connection, as a relay's user would see it.
                let _ = copy(client, server).await;
            });
        }
    })
}

async fn copy(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
