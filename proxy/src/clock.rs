//! Deadlines for the workers, kept on a thread of their own.
//!
//! A runtime with timers reads the clock each time it waits for sockets, which costs every statement; timers are needed
//! only for logins, connects and holds. So the workers' runtimes have none, and borrow this thread's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, Timeout};

/// A thread that keeps deadlines for tasks of any runtime; ends with its last clone.
#[derive(Debug, Clone)]
pub struct Clock {
    handle: Handle,
    _alive: Arc<oneshot::Sender<()>>,
}

impl Clock {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("clock".into()).spawn(move || {
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, _alive: Arc::new(alive) })
    }

    /// As [`tokio::time::timeout`]. The future must not outlive its clock.
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        let _timers = self.handle.enter();
        tokio::time::timeout(limit, future)
    }

    /// As [`tokio::time::timeout_at`]. The future must not outlive its clock.
    pub fn timeout_at<F: Future>(&self, deadline: Instant, future: F) -> Timeout<F> {
        let _timers = self.handle.enter();
        tokio::time::timeout_at(deadline, future)
    }

    /// As [`tokio::time::sleep_until`]. The future must not outlive its clock.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        let _timers = self.handle.enter();
        tokio::time::sleep_until(deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_without_timers_keeps_deadlines() {
        let clock = Clock::start().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let limit = Duration::from_millis(1);
            assert!(clock.timeout(limit, std::future::pending::<()>()).await.is_err());
            assert!(clock.timeout_at(Instant::now() + limit, std::future::pending::<()>()).await.is_err());
            clock.sleep_until(Instant::now() + limit).await;
            assert!(clock.timeout(Duration::from_secs(60), std::future::ready(())).await.is_ok());
        });
    }
}
