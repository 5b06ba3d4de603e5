//! Waiting for a client that has begun something and owes the rest.

use std::time::Duration;

use tokio::time::Instant;

use super::CloseReason;
use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::registry::SessionHandle;
use crate::transport::Transport;
use crate::worker::Worker;

/// How long such a client is waited for; meanwhile its session can be killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience<'a> {
    handle: &'a SessionHandle,
    clock: &'a Clock,
    /// `limits.read_timeout`: silence, not the whole time.
    limit: Duration,
}

impl<'a> Patience<'a> {
    /// As the settings have it now.
    pub(super) fn of(worker: &'a Worker, handle: &'a SessionHandle) -> Self {
        Self { handle, clock: &worker.shared.clock, limit: worker.with_settings(|settings| settings.read_timeout) }
    }

    /// Writes to a server, as long as the session need not end.
    pub(super) async fn write(self, server: &mut Transport, bytes: &[u8]) -> Result<bool, CloseReason> {
        Ok(self.handle.unless_summoned(server.write_all(bytes)).await?.is_ok())
    }

    /// Reads the next bytes; false once the client has been silent for too long.
    pub(super) async fn fill(self, client: &mut Transport, buffer: &mut Buffer) -> Result<bool, CloseReason> {
        let too_long = self.clock.sleep_until(Instant::now() + self.limit);
        tokio::select! {
            // Most often the bytes are there, and nothing else is looked at.
            biased;
            read = client.fill(buffer) => match read {
                Ok(0) | Err(_) => Err(CloseReason::ClientGone),
                Ok(_) => Ok(true),
            },
            summons = self.handle.summoned() => Err(summons.into()),
            () = too_long => Ok(false),
        }
    }
}
