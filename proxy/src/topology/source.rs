//! Where servers come from, and how a source tells of them.

use std::time::Instant;

use rolecall_router::topology::Endpoint;
use tokio::sync::watch;

use super::kubernetes::{self, KubernetesOptions};

/// Where servers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A list that does not change ([`Endpoint::fixed`]); the servers' own word tells the roles.
    Fixed(Vec<Endpoint>),
    /// Pods; their labels and the servers' own word tell the roles.
    Kubernetes(KubernetesOptions),
}

/// How the source is doing, for metrics and readiness.
#[derive(Debug, Clone, Default)]
pub struct SourceHealth {
    /// When it last said something that was not an error.
    pub last_event: Option<Instant>,
    /// The error since then, if any.
    pub error: Option<String>,
}

/// The sending side of a source: whole sets of endpoints; only the latest counts.
#[derive(Debug, Clone)]
pub struct SourceSender {
    endpoints: watch::Sender<Option<Vec<Endpoint>>>,
    health: watch::Sender<SourceHealth>,
}

/// The receiving side of a source; dropping it ends the source.
#[derive(Debug)]
pub struct SourceReceiver {
    endpoints: watch::Receiver<Option<Vec<Endpoint>>>,
    health: watch::Receiver<SourceHealth>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Source {
    /// Starts the source on the current runtime.
    #[must_use]
    pub fn start(&self) -> SourceReceiver {
        let (endpoints, receiver) = watch::channel(None);
        let (sender, health) = watch::channel(SourceHealth::default());
        let sender = SourceSender { endpoints, health: sender };
        let task = match self {
            Self::Fixed(endpoints) => {
                sender.heard();
                sender.endpoints(endpoints.clone());
                None
            }
            Self::Kubernetes(options) => Some(tokio::spawn(kubernetes::watch(options.clone(), sender))),
        };
        SourceReceiver { endpoints: receiver, health, task }
    }
}

impl SourceSender {
    /// The whole set of servers; false when nobody listens any more.
    pub fn endpoints(&self, endpoints: Vec<Endpoint>) -> bool {
        self.endpoints.send(Some(endpoints)).is_ok()
    }

    /// Something other than an error was heard now.
    pub fn heard(&self) {
        self.health.send_if_modified(|health| {
            health.last_event = Some(Instant::now());
            health.error.take().is_some()
        });
    }

    /// The source is interrupted; what it said stays.
    pub fn failed(&self, error: String) {
        self.health.send_if_modified(|health| {
            let is_news = health.error.as_ref() != Some(&error);
            health.error = Some(error);
            is_news
        });
    }
}

impl SourceReceiver {
    /// Waits for another set of servers; None: an error has come or gone. Cancel safe; pending for ever when the source has
    /// ended: a fixed list has said all it has to say.
    pub async fn changed(&mut self) -> Option<Vec<Endpoint>> {
        tokio::select! {
            biased;
            Ok(()) = self.endpoints.changed() => self.endpoints.borrow_and_update().clone(),
            Ok(()) = self.health.changed() => None,
            else => std::future::pending().await,
        }
    }

    /// How the source is doing.
    #[must_use]
    pub fn health(&self) -> SourceHealth {
        self.health.borrow().clone()
    }
}

impl Drop for SourceReceiver {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
