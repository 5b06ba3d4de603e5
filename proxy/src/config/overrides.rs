//! Flags of the command line, which win over the file.

use std::path::PathBuf;

use super::at::At;
use super::raw::{Listeners, LogFormat, RawConfig, RawKubernetes, RawListener, RawMonitor, RawServer};
use super::value::{AdminAddress, ListenAddress, RoleLabel, ServerAddress};

/// What the command line said; None and empty leave the file's word.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`: replaces all listeners.
    pub listen: Vec<ListenAddress>,
    /// `--backend`: replaces `servers` and `kubernetes`.
    pub backend: Vec<ServerAddress>,
    /// `--kube-selector`: replaces `servers` and `kubernetes.selector`.
    pub kube_selector: Option<String>,
    /// `--kube-role`.
    pub kube_role: Option<RoleLabel>,
    /// `--kube-namespace`.
    pub kube_namespace: Option<String>,
    /// `--kube-port`.
    pub kube_port: Option<u16>,
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--admin`.
    pub admin: Option<AdminAddress>,
    /// `--monitor-user`.
    pub monitor_user: Option<String>,
    /// `--monitor-password-file`.
    pub monitor_password_file: Option<PathBuf>,
    /// `--zone`; empty says nothing, as a label that a pod does not have does in its environment.
    pub zone: Option<String>,
    /// `--workers`.
    pub workers: Option<u32>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--log-format`.
    pub log_format: Option<LogFormat>,
}

// === impl Overrides ===

impl Overrides {
    pub(super) fn apply(&self, raw: &mut RawConfig) {
        if !self.listen.is_empty() {
            raw.listeners = At::flag("--listen", Listeners(self.listen.iter().map(listener).collect()));
        }
        if !self.backend.is_empty() {
            raw.servers = Some(At::flag("--backend", self.backend.iter().map(server).collect()));
            raw.kubernetes = None;
        }
        self.apply_kubernetes(raw);
        self.apply_monitor(raw);
        if let Some(admin) = &self.admin {
            raw.admin.address = Some(admin.clone());
        }
        if let Some(zone) = self.zone.as_ref().filter(|zone| !zone.is_empty()) {
            raw.zone = Some(At::flag("--zone", zone.clone()));
        }
        if let Some(workers) = self.workers {
            raw.workers = Some(At::flag("--workers", workers));
        }
        if let Some(level) = &self.log_level {
            raw.log.level = At::flag("--log-level", level.clone());
        }
        if let Some(format) = self.log_format {
            raw.log.format = format;
        }
    }

    /// clap has made sure that selector and role come together.
    fn apply_kubernetes(&self, raw: &mut RawConfig) {
        if let (Some(selector), Some(role)) = (&self.kube_selector, &self.kube_role) {
            raw.servers = None;
            let kept = raw.kubernetes.take().map(|at| at.value);
            let (selector, role) = (At::flag("--kube-selector", selector.clone()), role.clone());
            let kubernetes = match kept {
                Some(kept) => RawKubernetes { selector, role, ..kept },
                None => RawKubernetes::new(selector, role),
            };
            raw.kubernetes = Some(At::flag("--kube-selector", kubernetes));
        }
        if let Some(kubernetes) = &mut raw.kubernetes {
            let kubernetes = &mut kubernetes.value;
            if let Some(namespace) = &self.kube_namespace {
                kubernetes.namespace = Some(At::flag("--kube-namespace", namespace.clone()));
            }
            if let Some(port) = self.kube_port {
                kubernetes.port = At::flag("--kube-port", port);
            }
            if let Some(file) = &self.kubeconfig {
                kubernetes.kubeconfig = Some(At::flag("--kubeconfig", file.clone()));
            }
        }
    }

    fn apply_monitor(&self, raw: &mut RawConfig) {
        let file = self.monitor_password_file.clone().map(|file| At::flag("--monitor-password-file", file));
        if let Some(user) = &self.monitor_user {
            let kept = raw.monitor.take().and_then(|at| at.value.password_file);
            let user = At::flag("--monitor-user", user.clone());
            raw.monitor = Some(At::flag("--monitor-user", RawMonitor { user, password_file: file.or(kept) }));
        } else if let (Some(monitor), Some(file)) = (&mut raw.monitor, file) {
            monitor.value.password_file = Some(file);
        }
    }
}

fn listener(address: &ListenAddress) -> At<RawListener> {
    let address = At::flag("--listen", address.clone());
    At::flag(
        "--listen",
        RawListener {
            address,
            mode: Default::default(),
            consistency: Default::default(),
            pooling: Default::default(),
            tls: Default::default(),
        },
    )
}

fn server(address: &ServerAddress) -> At<RawServer> {
    let address = At::flag("--backend", address.clone());
    At::flag("--backend", RawServer::new(address))
}
