//! Pods as objects: no kubelet sets anything, the test does.

use std::net::IpAddr;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::Kubernetes;

impl Kubernetes {
    /// Creates a pod with these labels, ready at this address.
    ///
    /// # Panics
    /// Where the API server refuses it.
    pub fn create_pod(&self, name: &str, labels: &[(&str, &str)], ip: IpAddr) {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let pod = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "mysql", "image": "mysql"}]},
        }));
        let pods = self.pods();
        let created = self.runtime.block_on(pods.create(&PostParams::default(), &pod.expect("a pod")));
        created.unwrap_or_else(|error| panic!("creating {name}: {error}"));
        self.patch_status(
            name,
            &json!({
                "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                "conditions": [{"type": "Ready", "status": "True"}],
            }),
        );
    }

    /// Sets a label; None takes it away.
    pub fn set_label(&self, name: &str, key: &str, value: Option<&str>) {
        self.patch(name, &json!({"metadata": {"labels": {key: value}}}));
    }

    /// Sets an annotation; None takes it away.
    pub fn set_annotation(&self, name: &str, key: &str, value: Option<&str>) {
        self.patch(name, &json!({"metadata": {"annotations": {key: value}}}));
    }

    /// Sets the condition `Ready`.
    pub fn set_ready(&self, name: &str, ready: bool) {
        let status = if ready { "True" } else { "False" };
        self.patch_status(name, &json!({"conditions": [{"type": "Ready", "status": status}]}));
    }

    /// Sets the finalizers: with one a deleted pod stays, with its `deletionTimestamp`, until it is taken away.
    pub fn set_finalizers(&self, name: &str, finalizers: &[&str]) {
        self.patch(name, &json!({"metadata": {"finalizers": finalizers}}));
    }

    /// Deletes a pod.
    ///
    /// # Panics
    /// Where the API server refuses.
    pub fn delete_pod(&self, name: &str) {
        let pods = self.pods();
        let deleted = self.runtime.block_on(pods.delete(name, &DeleteParams::default().grace_period(0)));
        deleted.unwrap_or_else(|error| panic!("deleting {name}: {error}"));
    }

    /// A merge patch of a pod.
    ///
    /// # Panics
    /// Where the API server refuses it.
    pub fn patch(&self, name: &str, patch: &Value) {
        let pods = self.pods();
        let patched = self.runtime.block_on(pods.patch(name, &PatchParams::default(), &Patch::Merge(patch)));
        patched.unwrap_or_else(|error| panic!("patching {name}: {error}"));
    }

    /// A merge patch of a pod's status.
    ///
    /// # Panics
    /// Where the API server refuses it.
    pub fn patch_status(&self, name: &str, status: &Value) {
        let (pods, patch) = (self.pods(), json!({ "status": status }));
        let patched = self.runtime.block_on(pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)));
        patched.unwrap_or_else(|error| panic!("patching the status of {name}: {error}"));
    }
}
