//! A Kubernetes API server for one run: etcd, kube-apiserver, and kubectl to speak with it. No nodes: pods are objects
//! whose address and state are set by hand, to those of servers on 127.0.0.x.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Child, ControlPlane, Folder, Ports, environment, free_port};

/// A running API server; dropping it ends it and its etcd.
#[derive(Debug)]
pub struct Kubernetes {
    api: Child,
    etcd: Child,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Kubernetes {
    /// Starts both with an empty store below `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// The programs are not installed, or do not start.
    pub fn start(folder: &Folder) -> anyhow::Result<Self> {
        let assets = environment()?.remove("KUBEBUILDER_ASSETS");
        let assets = PathBuf::from(assets.context("there is no kube-apiserver: run tests/setup/install kubernetes")?);
        let home = folder.join("kubernetes");
        std::fs::create_dir_all(&home)?;
        let plane = ControlPlane::prepare(&home, ports()?)?;
        let etcd = Child::start("etcd", assets.join("etcd"), plane.etcd_arguments(), &folder.join("etcd.log"))?;
        let api = Child::start(
            "kube-apiserver",
            assets.join("kube-apiserver"),
            plane.api_server_arguments(),
            &folder.join("kube-apiserver.log"),
        )?;
        let mut cluster = Self { api, etcd, kubectl: assets.join("kubectl"), kubeconfig: plane.kubeconfig() };
        cluster.etcd.check()?;
        let (kubectl, config) = (cluster.kubectl.clone(), cluster.kubeconfig.clone());
        cluster.api.wait_until(Duration::from_secs(60), || {
            kubectl_quietly(&kubectl, &config, &["get", "namespace", "default"])
        })?;
        Ok(cluster)
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl.
    ///
    /// # Errors
    /// It fails: with what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = kubectl(&self.kubectl, &self.kubeconfig, arguments).output()?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Makes a pod with these labels that is ready at this address.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn make_pod(&self, name: &str, labels: &[(&str, &str)], address: SocketAddr) -> anyhow::Result<()> {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{
                "name": "mysql", "image": "mysql",
                "ports": [{"name": "mysql", "containerPort": address.port()}],
            }]},
        });
        let file = self.kubeconfig.with_file_name(format!("{name}.json"));
        std::fs::write(&file, pod.to_string())?;
        self.kubectl(&["apply", "-f", &file.display().to_string()])?;
        let ip = address.ip().to_string();
        let status = serde_json::json!({"status": {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
        }});
        self.kubectl(&["patch", "pod", name, "--subresource=status", "--type=merge", "-p", &status.to_string()])
    }
}

fn kubectl(program: &Path, kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments).stdin(Stdio::null());
    command
}

fn kubectl_quietly(program: &Path, kubeconfig: &Path, arguments: &[&str]) -> bool {
    let mut command = kubectl(program, kubeconfig, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn ports() -> anyhow::Result<Ports> {
    let mut ports = [0; 3];
    let mut held = Vec::new();
    for port in &mut ports {
        *port = free_port(&[LOCALHOST])?;
        // Held until all three are found, so that they differ.
        held.push(std::net::TcpListener::bind((LOCALHOST, *port))?);
    }
    let [etcd, etcd_peer, api] = ports;
    Ok(Ports { etcd, etcd_peer, api })
}
