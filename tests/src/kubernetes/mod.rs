//! A real Kubernetes API server: etcd and kube-apiserver, and no nodes. Pods are objects whose addresses and states a
//! test sets by hand, to those of real servers on 127.0.0.x.

mod pods;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use rolecall_bench::cluster::{ControlPlane, Ports};
use tokio::runtime::Runtime;

use crate::environment::kubernetes_program;
use crate::{GuardedProcess, free_port};

/// A running API server with an empty store of its own; it ends with this value or with the test process.
pub struct Kubernetes {
    folder: PathBuf,
    plane: ControlPlane,
    api: Option<GuardedProcess>,
    runtime: Runtime,
    client: Client,
    // Last, since its end removes the folder in which the certificates are.
    _etcd: GuardedProcess,
}

impl Kubernetes {
    /// Starts both and waits until the API server is ready.
    ///
    /// # Panics
    /// Where they are not installed or do not start.
    #[must_use]
    pub fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rolecall-tests-{}", std::process::id()));
        let folder = folder.join(format!("kubernetes-{number}"));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        // Another process may have installed a provider already: it is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let [etcd_port, etcd_peer, api] = std::array::from_fn(|_| free_port(Ipv4Addr::LOCALHOST));
        let ports = Ports { etcd: etcd_port, etcd_peer, api };
        let plane = ControlPlane::prepare(&folder, ports).expect("certificates");
        let etcd = start_etcd(&folder, &plane, etcd_port);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(client(&plane));
        let mut cluster = Self { folder, plane, api: None, runtime, client, _etcd: etcd };
        cluster.start_api_server();
        cluster
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig()
    }

    /// What `kubectl` does with these arguments, as the administrator.
    ///
    /// # Panics
    /// Where it is not installed.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(kubernetes_program("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(arguments).output().expect("kubectl runs")
    }

    /// The same where it must do it: what it says.
    ///
    /// # Panics
    /// Where it fails.
    pub fn kubectl_ok(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments);
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends the API server; etcd and what it holds stay.
    pub fn stop_api_server(&mut self) {
        self.api = None;
    }

    /// Stops or resumes the API server's process by a signal: `STOP`, `CONT`.
    pub fn signal_api_server(&self, signal: &str) {
        self.api.as_ref().expect("it runs").signal(signal);
    }

    /// Starts the API server and waits until it is ready.
    ///
    /// # Panics
    /// Where it is not within a minute, with the end of its log.
    pub fn start_api_server(&mut self) {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let folder = self.folder.with_file_name(format!(
            "{}-api-{}",
            self.folder.file_name().and_then(|name| name.to_str()).expect("a name"),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let log = folder.join("log");
        let arguments = self.plane.api_server_arguments();
        let process = GuardedProcess::start(&kubernetes_program("kube-apiserver"), &arguments, &log, &folder);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_ready() {
            let text = || tail(&log);
            assert!(process.is_running(), "kube-apiserver ended:\n{}", text());
            assert!(Instant::now() < deadline, "kube-apiserver is not ready:\n{}", text());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.api = Some(process);
    }

    fn is_ready(&self) -> bool {
        self.runtime.block_on(async {
            let request = http::Request::get("/readyz").body(Vec::new()).expect("a request");
            let answer = tokio::time::timeout(Duration::from_secs(2), self.client.request_text(request)).await;
            // The namespace appears a moment after the API server calls itself ready.
            matches!(answer, Ok(Ok(_))) && Api::<Namespace>::all(self.client.clone()).get(NAMESPACE).await.is_ok()
        })
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }
}

/// The namespace of all pods.
pub const NAMESPACE: &str = "default";

fn start_etcd(folder: &Path, plane: &ControlPlane, port: u16) -> GuardedProcess {
    let log = folder.join("etcd.log");
    let etcd = GuardedProcess::start(&kubernetes_program("etcd"), &plane.etcd_arguments(), &log, folder);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(etcd.is_running() && Instant::now() < deadline, "etcd does not start:\n{}", tail(&log));
        std::thread::sleep(Duration::from_millis(20));
    }
    etcd
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(3000)..]).into_owned()
}

async fn client(plane: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("a configuration")).expect("a client")
}
