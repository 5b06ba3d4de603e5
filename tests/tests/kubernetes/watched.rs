//! A cluster, servers on 127.0.0.x as its pods, and the proxy's topology thread that watches both.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rolecall::accounts::Accounts;
use rolecall::backend::Connector;
use rolecall::clock::Clock;
use rolecall::config::{BackendTls, ServerTlsMode};
use rolecall::net::Liveness;
use rolecall::tls::ServerTls;
use rolecall::topology::{
    Controls, KubernetesOptions, Monitor, Pace, RoleLabel, Source, TopologyHandle, TopologyOptions, TopologyThread,
};
use rolecall_protocol::auth::{Credential, Password};
use rolecall_protocol::handshake::ServerKey;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::topology::{Address, Endpoint, Role, Settings, Topology};
use rolecall_tests::{Flavour, Kubernetes, Server, ServerOptions, free_port};

/// Servers on addresses of their own and one port, as pods are.
pub struct Pods {
    pub servers: Vec<Server>,
    pub port: u16,
}

impl Pods {
    pub fn start(count: usize) -> Self {
        // Tests of one process take addresses of their own; other processes use 127.0.0.1.
        static NEXT: AtomicU8 = AtomicU8::new(10);
        let port = free_port(Ipv4Addr::LOCALHOST);
        let start = |_| {
            let address = Ipv4Addr::new(127, 0, 7, NEXT.fetch_add(1, Ordering::Relaxed));
            let options = ServerOptions { address: Some(address), port: Some(port), ..ServerOptions::default() };
            Server::start(Flavour::Mysql, &options)
        };
        Self { servers: (0..count).map(start).collect(), port }
    }

    pub fn ip(&self, number: usize) -> IpAddr {
        self.servers[number].address().ip()
    }

    pub fn set_writable(&self, number: usize, writable: bool) {
        let sql =
            if writable { "set global super_read_only=0, global read_only=0" } else { "set global super_read_only=1" };
        self.servers[number].run(sql);
    }
}

/// What `rolecall proxy` does for its topology, without the proxy.
pub struct Watched {
    pub handle: TopologyHandle,
    pub accounts: Arc<Accounts>,
    pub catalogue: Arc<ArcSwap<Catalogue>>,
    _thread: TopologyThread,
    runtime: tokio::runtime::Runtime,
}

impl Watched {
    /// Watches the cluster's pods.
    pub fn start(cluster: &Kubernetes, port: u16) -> Self {
        let source = Source::Kubernetes(KubernetesOptions {
            selector: "app=mysql".into(),
            role: RoleLabel { key: "role".into(), primary: "primary".into() },
            namespace: None,
            port,
            zone_key: "topology.kubernetes.io/zone".into(),
            weight_key: "rolecall-weight".into(),
            kubeconfig: Some(cluster.kubeconfig()),
        });
        Self::with(source, Settings::default(), true)
    }

    /// Watches a static list; its servers are named by their addresses.
    pub fn fixed<'a>(servers: impl IntoIterator<Item = &'a Server>, settings: Settings, has_monitor: bool) -> Self {
        let fixed =
            |server: &Server| Endpoint::fixed(Address::Tcp(server.address().ip().to_string(), server.address().port()));
        Self::with(Source::Fixed(servers.into_iter().map(fixed).collect()), settings, has_monitor)
    }

    fn with(source: Source, settings: Settings, has_monitor: bool) -> Self {
        let liveness = Liveness { keepalive: Duration::from_secs(10), user_timeout: Duration::from_secs(10) };
        let monitor = Monitor {
            user: "monitor".into(),
            credential: Credential::Password(Password::new(Server::PASSWORD.into())),
        };
        let tls = BackendTls { mode: ServerTlsMode::Preferred, ca: Vec::new(), identity: None };
        let controls = Controls {
            options: TopologyOptions { source, settings, pace: Pace::default() },
            monitor: has_monitor.then_some(monitor),
            connector: Connector {
                clock: Clock::start().expect("a thread can be started"),
                tls: ServerTls::new(&tls).expect("no files are needed"),
                server_key: ServerKey::Refuse,
                compression: None,
                timeout: Duration::from_secs(2),
                liveness,
                outages: Arc::default(),
            },
            catalogue_interval: Duration::from_secs(30),
        };
        let (handle, publisher) = TopologyHandle::new();
        let accounts = Arc::new(Accounts::new(Duration::from_secs(60)));
        let catalogue = Arc::new(ArcSwap::from_pointee(Catalogue::unknown()));
        let ends = (handle.clone(), publisher);
        let thread = TopologyThread::start(controls, ends, Arc::clone(&accounts), Arc::clone(&catalogue));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { handle, accounts, catalogue, _thread: thread.expect("a thread"), runtime }
    }

    /// Waits until a snapshot is as `wanted`.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Topology) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let now = self.handle.load();
            if wanted(&now) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let newer = self.handle.newer_than(now.generation);
            let changed = self.runtime.block_on(async { tokio::time::timeout(left, newer).await.is_ok() });
            assert!(changed, "never: {what}; now {:#?}", self.handle.load());
        }
    }

    pub fn wait_for_primary(&self, name: Option<&str>) {
        self.wait_for(&format!("{name:?} is primary"), |topology| primary(topology) == name);
    }
}

pub fn primary(topology: &Topology) -> Option<&str> {
    topology.primary().map(|server| server.name.as_str())
}

pub fn role(topology: &Topology, name: &str) -> Option<Role> {
    topology.servers.iter().find(|server| server.name == name).map(|server| server.role)
}
