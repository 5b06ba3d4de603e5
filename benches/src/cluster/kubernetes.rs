//! A Kubernetes API server for one run: etcd, kube-apiserver, and kubectl to speak with it. No nodes: pods are objects
//! whose address and state are set by hand, to those of servers on 127.0.0.x.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Child, Folder, environment, free_port};

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
        certificates(&home)?;
        let [client, peer, secure] = ports()?;
        let etcd = Child::start(
            "etcd",
            assets.join("etcd"),
            [
                format!("--data-dir={}", home.join("etcd").display()),
                format!("--listen-client-urls=http://127.0.0.1:{client}"),
                format!("--advertise-client-urls=http://127.0.0.1:{client}"),
                format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
                "--unsafe-no-fsync".to_owned(),
            ],
            &folder.join("etcd.log"),
        )?;
        let path = |name: &str| home.join(name).display().to_string();
        let api = Child::start(
            "kube-apiserver",
            assets.join("kube-apiserver"),
            [
                format!("--etcd-servers=http://127.0.0.1:{client}"),
                format!("--secure-port={secure}"),
                "--bind-address=127.0.0.1".to_owned(),
                "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
                format!("--tls-cert-file={}", path("server.crt")),
                format!("--tls-private-key-file={}", path("server.key")),
                format!("--client-ca-file={}", path("ca.crt")),
                "--authorization-mode=RBAC".to_owned(),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                format!("--service-account-key-file={}", path("ca.key")),
                format!("--service-account-signing-key-file={}", path("ca.key")),
                "--disable-admission-plugins=ServiceAccount".to_owned(),
            ],
            &folder.join("kube-apiserver.log"),
        )?;
        let kubeconfig = write_kubeconfig(&home, secure)?;
        let mut cluster = Self { api, etcd, kubectl: assets.join("kubectl"), kubeconfig };
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

fn ports() -> anyhow::Result<[u16; 3]> {
    let mut ports = [0; 3];
    let mut held = Vec::new();
    for port in &mut ports {
        *port = free_port(&[LOCALHOST])?;
        // Held until all three are found, so that they differ.
        held.push(std::net::TcpListener::bind((LOCALHOST, *port))?);
    }
    Ok(ports)
}

/// An authority, the server's certificate and an administrator's, by openssl.
fn certificates(home: &Path) -> anyhow::Result<()> {
    let key = ["-newkey", "rsa:2048", "-nodes", "-days", "30"];
    let names = "subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.0.0.1";
    openssl(home, &["req", "-x509", "-subj", "/CN=demonstration", "-keyout", "ca.key", "-out", "ca.crt"], &key)?;
    let signed = ["-CA", "ca.crt", "-CAkey", "ca.key"];
    // A client that is strict about it refuses an authority's certificate as a server's own.
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let server = [
        "req",
        "-x509",
        "-subj",
        "/CN=kube-apiserver",
        "-addext",
        names,
        "-keyout",
        "server.key",
        "-out",
        "server.crt",
    ];
    openssl(home, &server, &[key.as_slice(), signed.as_slice(), leaf.as_slice()].concat())?;
    let admin = [
        "req",
        "-x509",
        "-subj",
        "/O=system:masters/CN=admin",
        "-addext",
        "extendedKeyUsage=clientAuth",
        "-keyout",
        "admin.key",
        "-out",
        "admin.crt",
    ];
    openssl(home, &admin, &[key.as_slice(), signed.as_slice(), leaf.as_slice()].concat())
}

fn openssl(home: &Path, arguments: &[&str], more: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("openssl").current_dir(home).args(arguments).args(more).stdin(Stdio::null()).output();
    let output = output.context("cannot run openssl")?;
    if !output.status.success() {
        bail!("openssl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn write_kubeconfig(home: &Path, port: u16) -> anyhow::Result<PathBuf> {
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "demo",
        "clusters": [{"name": "demo", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority": home.join("ca.crt"),
        }}],
        "users": [{"name": "admin", "user": {
            "client-certificate": home.join("admin.crt"), "client-key": home.join("admin.key"),
        }}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "admin", "namespace": "default"}}],
    });
    let path = home.join("kubeconfig");
    std::fs::write(&path, serde_json::to_string_pretty(&config)?)?;
    Ok(path)
}
