//! The thread on which the topology is kept: workers are never disturbed by probes or by the API server.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rolecall_protocol::auth::Credential;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::topology::{Endpoint, Settings};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, LocalSet};

use super::catalogue;
use super::handle::{TopologyHandle, TopologyPublisher};
use super::kubernetes::KubernetesOptions;
use super::login::{LoginClient, Monitor};
use super::pod::RoleLabel;
use super::prober::Pace;
use super::source::Source;
use super::task::{LOOK_FOR_ACCOUNT, Task, TopologyOptions};
use crate::accounts::Accounts;
use crate::backend::Connector;
use crate::config::{self, Config};

/// All that the thread needs; given again for a new configuration.
#[derive(Debug, Clone)]
pub struct Controls {
    /// Source, judgement and pace.
    pub options: TopologyOptions,
    /// The account that asks; None: one that a client has proven.
    pub monitor: Option<Monitor>,
    /// How connections are made.
    pub connector: Connector,
    /// How often stored functions and views are read.
    pub catalogue_interval: Duration,
}

impl Controls {
    /// As `config` says.
    #[must_use]
    pub fn new(config: &Config, connector: Connector) -> Self {
        let fixed = |server: &config::Server| Endpoint {
            name: server.name.clone(),
            weight: server.weight,
            zone: server.zone.clone(),
            ..Endpoint::fixed(server.address.clone())
        };
        let source = match &config.source {
            config::Source::Servers(servers) => Source::Fixed(servers.iter().map(fixed).collect()),
            config::Source::Kubernetes(pods) => Source::Kubernetes(KubernetesOptions {
                selector: pods.selector.clone(),
                role: RoleLabel { key: pods.role.key.clone(), primary: pods.role.value.clone() },
                namespace: pods.namespace.clone(),
                port: pods.port,
                zone_key: pods.zone_key.clone(),
                weight_key: pods.weight_key.clone(),
                kubeconfig: pods.kubeconfig.clone(),
            }),
        };
        let zone = config.zone.clone().filter(|_| config.routing.reads_in_zone == config::ReadsInZone::Prefer);
        let settings = Settings { max_lag: config.routing.max_lag, zone, ..Settings::default() };
        let pace = Pace { interval: config.probe.interval, timeout: config.probe.timeout, ..Pace::default() };
        let monitor = config.monitor.as_ref().map(|monitor| Monitor {
            user: monitor.user.clone().into_bytes(),
            credential: Credential::Password(monitor.password.clone()),
        });
        let options = TopologyOptions { source, settings, pace };
        Self { options, monitor, connector, catalogue_interval: config.catalogue_refresh }
    }
}

/// The running thread. Dropping it ends the thread; the last snapshot stays where it is.
#[derive(Debug)]
pub struct TopologyThread {
    controls: mpsc::UnboundedSender<Controls>,
}

/// What the thread writes to and reads from.
struct Ends {
    publisher: Option<TopologyPublisher>,
    handle: TopologyHandle,
    accounts: Arc<Accounts>,
    catalogue: Arc<ArcSwap<Catalogue>>,
}

impl TopologyThread {
    /// Starts the thread; snapshots appear in `handle`, which belongs to `publisher`.
    ///
    /// # Errors
    /// When the operating system gives no thread, or no event queue for it.
    pub fn start(
        controls: Controls,
        (handle, publisher): (TopologyHandle, TopologyPublisher),
        accounts: Arc<Accounts>,
        catalogue: Arc<ArcSwap<Catalogue>>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let ends = Ends { publisher: Some(publisher), handle, accounts, catalogue };
        std::thread::Builder::new().name("topology".into()).spawn(move || {
            // kube's TLS needs a provider; another part of the process may have chosen the same one already.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            LocalSet::new().block_on(&runtime, run(controls, ends, receiver));
        })?;
        Ok(Self { controls: sender })
    }

    /// Uses another configuration from now on.
    pub fn reconfigure(&self, controls: Controls) {
        // The thread ends only when this value is dropped.
        let _ = self.controls.send(controls);
    }
}

async fn run(controls: Controls, mut ends: Ends, mut receiver: mpsc::UnboundedReceiver<Controls>) {
    let Some(publisher) = ends.publisher.take() else { return };
    let mut catalogue = Reader(keep_catalogue(&controls, &ends));
    let mut waits_for_account = needs_account(&controls, &ends);
    let mut task = Task::new(controls.options.clone(), client(&controls, &ends), controls.monitor.is_some(), publisher);
    loop {
        tokio::select! {
            () = task.turn() => {}
            () = tokio::time::sleep(LOOK_FOR_ACCOUNT), if waits_for_account => {
                if ends.accounts.any_proven().is_some() {
                    waits_for_account = false;
                    task.ask_all();
                }
            }
            controls = receiver.recv() => {
                let Some(controls) = controls else { return };
                waits_for_account = needs_account(&controls, &ends);
                task.reconfigure(controls.options.clone(), client(&controls, &ends), controls.monitor.is_some());
                catalogue = Reader(keep_catalogue(&controls, &ends));
            }
        }
        let _ = &catalogue;
    }
}

/// Ends the task that reads the catalogue when another one takes its place.
struct Reader(AbortHandle);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn needs_account(controls: &Controls, ends: &Ends) -> bool {
    controls.monitor.is_none() && ends.accounts.any_proven().is_none()
}

fn client(controls: &Controls, ends: &Ends) -> LoginClient {
    LoginClient::new(controls.connector.clone(), Arc::clone(&ends.accounts), controls.monitor.clone())
}

/// A learnt account sees no routine's body, so the catalogue would be a list of suspects: not read without a monitor.
fn keep_catalogue(controls: &Controls, ends: &Ends) -> AbortHandle {
    let client = client(controls, ends);
    let has_monitor = controls.monitor.is_some();
    let (handle, catalogue, interval) = (ends.handle.clone(), Arc::clone(&ends.catalogue), controls.catalogue_interval);
    let keep = async move {
        if has_monitor {
            catalogue::keep(client, handle, catalogue, interval).await;
        }
    };
    tokio::task::spawn_local(keep).abort_handle()
}
