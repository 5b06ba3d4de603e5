//! `rolecall proxy`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::Start;
use crate::config::value::{AdminAddress, ListenAddress, RoleLabel, ServerAddress};
use crate::config::{Loader, LogFormat, Overrides};
use crate::logging::Logging;

/// What the proxy is told on the command line. Flags win over the file.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration file (YAML); it is read again when it changes and on SIGHUP
    #[arg(long, value_name = "FILE", env = "ROLECALL_CONFIG")]
    config: Option<PathBuf>,

    /// Where clients connect: host:port or a socket's path; may stand several times [default: 0.0.0.0:3306]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<ListenAddress>,

    /// A server: host[:port] or a socket's path; may stand several times
    #[arg(long, value_name = "ADDR", conflicts_with = "kube_selector")]
    backend: Vec<ServerAddress>,

    /// The servers are the pods with these labels, such as app=mysql
    #[arg(long, value_name = "SELECTOR", requires = "kube_role")]
    kube_selector: Option<String>,

    /// The label that the primary's pod has, such as role=primary
    #[arg(long, value_name = "KEY=VALUE", requires = "kube_selector", conflicts_with = "backend")]
    kube_role: Option<RoleLabel>,

    /// The pods' namespace [default: the proxy's own, or the kubeconfig's]
    #[arg(long, value_name = "NS")]
    kube_namespace: Option<String>,

    /// The servers' port in the pods [default: 3306]
    #[arg(long, value_name = "PORT")]
    kube_port: Option<u16>,

    /// kubeconfig file [default: the service account, then $KUBECONFIG and ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Where health, metrics and state are served: host:port, or a port on 127.0.0.1 [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    admin: Option<AdminAddress>,

    /// The account that watches the servers
    #[arg(long, value_name = "USER")]
    monitor_user: Option<String>,

    /// File with its password [default: the environment's ROLECALL_MONITOR_PASSWORD]
    #[arg(long, value_name = "FILE")]
    monitor_password_file: Option<PathBuf>,

    /// The zone that the proxy runs in, such as eu-west-1a
    #[arg(long, value_name = "ZONE", env = "ROLECALL_ZONE")]
    zone: Option<String>,

    /// Worker threads [default: one for each CPU]
    #[arg(long, value_name = "N")]
    workers: Option<u32>,

    /// Log level: error, warn, info, debug or trace; also by module [default: info]
    #[arg(long, value_name = "LEVEL", env = "ROLECALL_LOG_LEVEL")]
    log_level: Option<String>,

    /// Log format [default: text]
    #[arg(long, value_enum, value_name = "FORMAT", env = "ROLECALL_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

impl Args {
    pub fn run(self, serve: impl FnOnce(Start) -> anyhow::Result<()>) -> ExitCode {
        let loader = self.loader();
        let config = match loader.load() {
            Ok(config) => Arc::new(config),
            Err(mistakes) => {
                eprintln!("{mistakes}");
                return ExitCode::FAILURE;
            }
        };
        let served = Logging::install(&config.log).and_then(|logging| serve(Start { config, loader, logging }));
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("rolecall: {why:#}");
                ExitCode::FAILURE
            }
        }
    }

    fn loader(self) -> Loader {
        let overrides = Overrides {
            listen: self.listen,
            backend: self.backend,
            kube_selector: self.kube_selector,
            kube_role: self.kube_role,
            kube_namespace: self.kube_namespace,
            kube_port: self.kube_port,
            kubeconfig: self.kubeconfig,
            admin: self.admin,
            monitor_user: self.monitor_user,
            monitor_password_file: self.monitor_password_file,
            zone: self.zone,
            workers: self.workers,
            log_level: self.log_level,
            log_format: self.log_format,
        };
        Loader { file: self.config, overrides }
    }
}

const EXAMPLES: &str = "\
Examples:
  rolecall proxy --config /etc/rolecall/config.yaml
  rolecall proxy --listen 127.0.0.1:6446 --backend db0 --backend db1 --admin 9104
  rolecall proxy --kube-selector app=mysql --kube-role role=primary --kube-namespace shop \\
      --monitor-user rolecall --monitor-password-file /run/secrets/monitor

Signals: SIGHUP reads the configuration again; SIGTERM and SIGINT stop accepting, let work under way finish, and end by
`shutdown.deadline`.";
