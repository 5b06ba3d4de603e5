//! Servers from Kubernetes: a watch of pods that feeds the `Index`.
//!
//! kube's defaults are wrong for routing (a silent API server is never noticed, a restarted one is listed again after
//! up to half a minute), so every bound is set here. Fail static: whatever the API server does or does not, the last
//! complete set of pods stays, and probes go on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, ExponentialBackoff, watcher};
use kube::{Api, Client, ResourceExt};
use rolecall_router::topology::Endpoint;

use super::index::Index;
use super::pod::{RoleLabel, entry, wrong_weight};
use super::source::SourceSender;

/// Between two list or watch attempts while the API server is away.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// An error that repeats is logged again after this time.
const REPEAT_ERROR: Duration = Duration::from_secs(30);

/// Which pods are servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesOptions {
    /// Label selector, as in `app=mysql,tier!=test`.
    pub selector: String,
    /// The label that tells the primary.
    pub role: RoleLabel,
    /// None: the namespace of the kubeconfig's context, or the pod's own.
    pub namespace: Option<String>,
    /// The port at which all of them listen.
    pub port: u16,
    /// The label, or else annotation, with a pod's zone.
    pub zone_key: String,
    /// The label, or else annotation, with a pod's weight.
    pub weight_key: String,
    /// None: `$KUBECONFIG`, `~/.kube/config`, or the pod's service account.
    pub kubeconfig: Option<PathBuf>,
}

/// Watches for ever; whole sets of endpoints go to `sender`. Ends when nobody receives them.
pub async fn watch(options: KubernetesOptions, sender: SourceSender) {
    let mut errors = ErrorLog::default();
    let api = loop {
        match pods(&options).await {
            Ok(api) => break api,
            Err(error) => {
                sender.failed(format!("{error:#}"));
                errors.log(&format!("{error:#}"), "set KUBECONFIG, or run in a pod with a service account");
                tokio::time::sleep(RETRY.1).await;
            }
        }
    };
    let config = watcher::Config::default().labels(&options.selector).timeout(15);
    let backoff = backon::ExponentialBuilder::default()
        .with_min_delay(RETRY.0)
        .with_max_delay(RETRY.1)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times();
    let events = watcher(api, config).modify(trim).backoff(ExponentialBackoff::from(backoff));
    let mut events = pin!(events);
    let (mut index, mut weights) = (Index::default(), WeightLog::default());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // A list that begins is not the API server's word: the error before it still stands.
                if !matches!(event, Event::Init) {
                    sender.heard();
                }
                if let Event::InitApply(pod) | Event::Apply(pod) = &event {
                    weights.look_at(pod, &options.weight_key);
                }
                if apply(&mut index, event, &options) && index.is_synced() && !sender.endpoints(index.endpoints()) {
                    return;
                }
            }
            Err(error) => {
                let advice = advice(&error);
                sender.failed(format!("{error}: {advice}"));
                errors.log(&error.to_string(), advice);
            }
        }
    }
}

async fn pods(options: &KubernetesOptions) -> anyhow::Result<Api<Pod>> {
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("cannot read {}", path.display()))?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => kube::Config::infer().await.context("no way to the Kubernetes API server")?,
    };
    config.connect_timeout = Some(Duration::from_secs(3));
    // Longer than the watch's own 15 s and 5 s of grace; without it a silent API server is never noticed.
    config.read_timeout = Some(Duration::from_secs(25));
    config.reset_reader_on_write = true;
    let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).context("cannot make a client of the Kubernetes API server")?;
    Ok(Api::namespaced(client, &namespace))
}

/// Drops what routing never looks at: a pod's specification is most of its size.
fn trim(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
    pod.spec = None;
}

/// Whether the set of pods may have changed.
fn apply(index: &mut Index, event: Event<Pod>, options: &KubernetesOptions) -> bool {
    let read = |pod: &Pod| entry(pod, options);
    match event {
        Event::Init => {
            index.begin_reset();
            false
        }
        Event::InitApply(pod) => {
            if let Some(pod) = read(&pod) {
                index.reset_apply(pod);
            }
            false
        }
        Event::InitDone => {
            index.finish_reset();
            true
        }
        Event::Apply(pod) => {
            if let Some(pod) = read(&pod) {
                index.apply(pod);
            }
            true
        }
        Event::Delete(pod) => {
            if let Some(uid) = &pod.metadata.uid {
                index.delete(uid);
            }
            true
        }
    }
}

/// What to do about an error.
fn advice(error: &watcher::Error) -> &'static str {
    let (watcher::Error::InitialListFailed(source)
    | watcher::Error::WatchStartFailed(source)
    | watcher::Error::WatchFailed(source)) = error
    else {
        return "the last known pods stay in use; the list is read again";
    };
    match source {
        kube::Error::Api(status) if status.code == 401 => {
            "the API server does not accept the credentials: renew the kubeconfig or the service account's token"
        }
        kube::Error::Api(status) if status.code == 403 => {
            "grant the service account list and watch on pods in this namespace (a Role and a RoleBinding)"
        }
        kube::Error::Api(status) if status.code == 410 => "the list is read again",
        _ => "the last known pods stay in use, and the API server is tried again",
    }
}

/// Logs an error once, and then every half minute while it repeats.
#[derive(Debug, Default)]
struct ErrorLog {
    last: Option<(String, Instant)>,
}

impl ErrorLog {
    fn log(&mut self, error: &str, advice: &str) {
        let repeats = |(last, at): &(String, Instant)| last == error && at.elapsed() < REPEAT_ERROR;
        if !self.last.as_ref().is_some_and(repeats) {
            tracing::warn!(error, advice, "the watch of pods is interrupted");
            self.last = Some((error.to_owned(), Instant::now()));
        }
    }
}

/// Tells of each pod's weight that is none, once.
#[derive(Debug, Default)]
struct WeightLog {
    told: HashMap<String, String>,
}

/// Pods of whose wrong weights it is remembered that they were told.
const WRONG_WEIGHTS: usize = 1024;

impl WeightLog {
    fn look_at(&mut self, pod: &Pod, key: &str) {
        let Some(uid) = &pod.metadata.uid else { return };
        let Some(wrong) = wrong_weight(pod, key) else {
            self.told.remove(uid);
            return;
        };
        if self.told.get(uid).is_some_and(|told| told == wrong) {
            return;
        }
        if self.told.len() >= WRONG_WEIGHTS {
            self.told.clear();
        }
        self.told.insert(uid.clone(), wrong.to_owned());
        let pod = pod.metadata.name.as_deref().unwrap_or(uid);
        tracing::warn!(
            pod,
            key,
            value = wrong,
            "no weight: write a number from 0 to {}; it counts as {}",
            Endpoint::WEIGHT_MAX,
            Endpoint::WEIGHT
        );
    }
}
