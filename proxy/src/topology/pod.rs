//! What a pod object means as a server.

use k8s_openapi::api::core::v1::Pod;
use rolecall_router::topology::{Address, Endpoint, EndpointKey, Label, RoleEpoch};

use super::index::PodEntry;
use super::kubernetes::KubernetesOptions;

/// The annotation in which a role agent counts changes of the primary.
const ROLE_EPOCH: &str = "role-epoch";

/// The label that tells the primary, as `KEY=VALUE`: that value is the primary, any other value of the key a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLabel {
    /// The label's key.
    pub key: String,
    /// The value that means primary; compared without regard to case, since operators' documentation and code differ.
    pub primary: String,
}

/// Reads a pod. None without a UID, which no API server leaves out.
#[must_use]
pub fn entry(pod: &Pod, options: &KubernetesOptions) -> Option<PodEntry> {
    let uid = pod.metadata.uid.clone()?;
    let version = pod.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
    let endpoint = address(pod, options.port).map(|address| Endpoint {
        key: EndpointKey(uid.clone()),
        name: pod.metadata.name.clone().unwrap_or_else(|| uid.clone()),
        address,
        label: label(pod, &options.role),
        epoch: epoch(pod),
        ready: is_ready(pod),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        weight: told(pod, &options.weight_key).and_then(weight).unwrap_or(Endpoint::WEIGHT),
        zone: told(pod, &options.zone_key).map(str::to_owned),
    });
    Some(PodEntry { uid, version, endpoint })
}

/// A pod that has ended (an evicted one, say) keeps its labels and its IP, which may be another pod's by now.
fn address(pod: &Pod, port: u16) -> Option<Address> {
    let status = pod.status.as_ref()?;
    if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        return None;
    }
    let ip = status.pod_ip.as_deref().filter(|ip| !ip.is_empty())?;
    Some(Address::Tcp(ip.into(), port))
}

fn label(pod: &Pod, role: &RoleLabel) -> Label {
    match pod.metadata.labels.as_ref().and_then(|labels| labels.get(&role.key)) {
        None => Label::Absent,
        Some(value) if value.eq_ignore_ascii_case(&role.primary) => Label::Primary,
        Some(_) => Label::Replica,
    }
}

/// What a label, or else an annotation, says; None where it says nothing.
fn told<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    let places = [pod.metadata.labels.as_ref(), pod.metadata.annotations.as_ref()];
    places
        .into_iter()
        .flatten()
        .find_map(|place| place.get(key))
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

fn weight(text: &str) -> Option<u32> {
    text.parse().ok().filter(|weight| *weight <= Endpoint::WEIGHT_MAX)
}

/// What stands in the place of a weight and is none.
#[must_use]
pub fn wrong_weight<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    told(pod, key).filter(|text| weight(text).is_none())
}

fn epoch(pod: &Pod) -> Option<RoleEpoch> {
    pod.metadata.annotations.as_ref()?.get(ROLE_EPOCH)?.trim().parse().ok().map(RoleEpoch)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> PodEntry {
        let pod = serde_json::from_value(json).expect("a pod");
        let options = KubernetesOptions {
            selector: String::new(),
            role: RoleLabel { key: "role".into(), primary: "primary".into() },
            namespace: None,
            port: 3306,
            zone_key: "zone".into(),
            weight_key: "weight".into(),
            kubeconfig: None,
        };
        entry(&pod, &options).expect("a pod with a UID")
    }

    #[test]
    fn zone_and_weight_stand_in_labels_or_annotations_and_lies_are_told() {
        let of = |metadata: serde_json::Value| {
            let mut pod = serde_json::json!({"metadata": metadata, "status": {"podIP": "10.1.2.3"}});
            pod["metadata"]["uid"] = "u".into();
            let wrong = wrong_weight(&serde_json::from_value(pod.clone()).expect("a pod"), "weight").map(str::to_owned);
            let endpoint = read(pod).endpoint.expect("it has an address");
            (endpoint.zone, endpoint.weight, wrong)
        };
        let by_labels = serde_json::json!({"labels": {"zone": "a", "weight": "3"}, "annotations": {"zone": "b"}});
        assert_eq!(of(by_labels), (Some("a".into()), 3, None), "labels come first");
        let by_annotations = serde_json::json!({"annotations": {"zone": "b", "weight": " 0 "}});
        assert_eq!(of(by_annotations), (Some("b".into()), 0, None));
        assert_eq!(of(serde_json::json!({})), (None, 1, None));
        assert_eq!(of(serde_json::json!({"labels": {"zone": "", "weight": ""}})), (None, 1, None));
        for lie in ["-1", "heavy", "1.5", "10001", "99999999999"] {
            assert_eq!(of(serde_json::json!({"labels": {"weight": lie}})), (None, 1, Some(lie.to_owned())));
        }
    }

    #[test]
    fn a_running_pod_is_a_server() {
        let entry = read(serde_json::json!({
            "metadata": {
                "name": "mysql-0", "uid": "u0", "resourceVersion": "12",
                "labels": {"role": "Primary"}, "annotations": {"role-epoch": "4"},
            },
            "status": {"podIP": "10.1.2.3", "conditions": [{"type": "Ready", "status": "True"}]},
        }));
        let endpoint = entry.endpoint.expect("it has an address");
        assert_eq!(entry.version, Some(12));
        assert_eq!(endpoint.address, Address::Tcp("10.1.2.3".into(), 3306));
        assert_eq!((endpoint.label, endpoint.epoch), (Label::Primary, Some(RoleEpoch(4))));
        assert!(endpoint.ready && !endpoint.deleting);
    }

    #[test]
    fn an_ipv6_address_is_printed_in_brackets() {
        let entry = read(serde_json::json!({
            "metadata": {"name": "mysql-0", "uid": "u0", "labels": {"role": "replica"}},
            "status": {"podIP": "fd00::5"},
        }));
        let endpoint = entry.endpoint.expect("it has an address");
        assert_eq!(endpoint.address.to_string(), "[fd00::5]:3306");
        assert_eq!(endpoint.label, Label::Replica);
        assert!(!endpoint.ready, "without the condition a pod is not ready");
    }

    #[test]
    fn a_pod_without_ip_or_at_its_end_is_no_server() {
        for status in [
            serde_json::json!({}),
            serde_json::json!({"podIP": ""}),
            serde_json::json!({"podIP": "10.1.2.3", "phase": "Failed"}),
            serde_json::json!({"podIP": "10.1.2.3", "phase": "Succeeded"}),
        ] {
            let entry = read(serde_json::json!({"metadata": {"name": "m", "uid": "u"}, "status": status}));
            assert_eq!(entry.endpoint, None);
        }
    }

    #[test]
    fn a_deleted_pod_a_pod_without_label_and_a_bad_epoch() {
        let entry = read(serde_json::json!({
            "metadata": {
                "name": "m", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"role-epoch": "soon"},
            },
            "status": {"podIP": "10.1.2.3"},
        }));
        let endpoint = entry.endpoint.expect("it has an address");
        assert_eq!((endpoint.label, endpoint.epoch, endpoint.deleting), (Label::Absent, None, true));
    }
}
