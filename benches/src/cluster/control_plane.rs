//! What etcd, kube-apiserver and the API server's administrator are told: ports, certificates, options, a kubeconfig.
//! Who starts them is not its business: the demonstration and the tests have processes of their own kind.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// A control plane below one folder, not yet started.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    folder: PathBuf,
    ports: Ports,
}

/// Ports on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// etcd's, for the API server.
    pub etcd: u16,
    /// etcd's, for other members, of which there are none.
    pub etcd_peer: u16,
    /// The API server's.
    pub api: u16,
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Writes certificates and the administrator's kubeconfig into `folder`.
    ///
    /// # Errors
    /// A key cannot be made, or a file not written.
    pub fn prepare(folder: &Path, ports: Ports) -> anyhow::Result<Self> {
        let plane = Self { folder: folder.to_owned(), ports };
        plane.write_certificates()?;
        plane.write_kubeconfig()?;
        Ok(plane)
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The command line of etcd, with an empty store; what it holds is not safe from a crash of the machine.
    #[must_use]
    pub fn etcd_arguments(&self) -> Vec<String> {
        let Ports { etcd, etcd_peer, .. } = self.ports;
        vec![
            format!("--data-dir={}", self.file("etcd")),
            format!("--listen-client-urls=http://127.0.0.1:{etcd}"),
            format!("--advertise-client-urls=http://127.0.0.1:{etcd}"),
            format!("--listen-peer-urls=http://127.0.0.1:{etcd_peer}"),
            "--unsafe-no-fsync".to_owned(),
        ]
    }

    /// The command line of kube-apiserver.
    #[must_use]
    pub fn api_server_arguments(&self) -> Vec<String> {
        vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd),
            format!("--secure-port={}", self.ports.api),
            "--bind-address=127.0.0.1".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--tls-cert-file={}", self.file("server.crt")),
            format!("--tls-private-key-file={}", self.file("server.key")),
            format!("--client-ca-file={}", self.file("ca.crt")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", self.file("service-account.pub")),
            format!("--service-account-signing-key-file={}", self.file("service-account.key")),
            // Pods need no service account, which a controller would have to make.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--shutdown-delay-duration=0s".to_owned(),
        ]
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// `ca.crt`, `server.{crt,key}`, `admin.{crt,key}` and `service-account.{pub,key}`.
    fn write_certificates(&self) -> anyhow::Result<()> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "rolecall");
        std::fs::write(self.file("ca.crt"), ca.self_signed(&ca_key)?.pem())?;
        let issuer = Issuer::new(ca, ca_key);

        // Leaves: a client that is strict about it refuses an authority's certificate as a server's own.
        let names = ["localhost", "kubernetes.default.svc", "127.0.0.1", "10.0.0.1"];
        let mut server = CertificateParams::new(names.map(str::to_owned).to_vec())?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let mut admin = CertificateParams::new(Vec::new())?;
        admin.distinguished_name.push(DnType::CommonName, "admin");
        admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
        admin.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        for (name, params) in [("server", server), ("admin", admin)] {
            let key = KeyPair::generate()?;
            std::fs::write(self.file(&format!("{name}.crt")), params.signed_by(&key, &issuer)?.pem())?;
            std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem())?;
        }
        let key = KeyPair::generate()?;
        std::fs::write(self.file("service-account.key"), key.serialize_pem())?;
        std::fs::write(self.file("service-account.pub"), key.public_key_pem())?;
        Ok(())
    }

    fn write_kubeconfig(&self) -> anyhow::Result<()> {
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "local",
            "clusters": [{"name": "local", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.ports.api),
                "certificate-authority": self.file("ca.crt"),
            }}],
            "users": [{"name": "admin", "user": {
                "client-certificate": self.file("admin.crt"), "client-key": self.file("admin.key"),
            }}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin", "namespace": "default"}}],
        });
        std::fs::write(self.kubeconfig(), serde_json::to_string_pretty(&config)?)?;
        Ok(())
    }
}
