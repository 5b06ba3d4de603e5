//! The pods that the API server has told of. Pure: events in, endpoints out.
//!
//! Keyed by UID: a StatefulSet gives a dead pod's name to the next one, and networks give its IP away again. A pod's
//! `resourceVersion` never goes back, and a deleted UID never comes back: a relist may be answered from the cache of an
//! API server that lags behind the one whose events were seen.

use std::collections::{BTreeMap, HashSet, VecDeque};

use rolecall_router::topology::Endpoint;

/// UIDs of deleted pods that are remembered.
const TOMBSTONES: usize = 1024;

/// A pod as far as routing cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodEntry {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.resourceVersion`; None where it is no number, then every event counts as newer.
    pub version: Option<u64>,
    /// What it means as a server; None while it has no IP, or when it has ended.
    pub endpoint: Option<Endpoint>,
}

/// The pods known now.
#[derive(Debug, Default)]
pub struct Index {
    pods: BTreeMap<String, PodEntry>,
    relist: Option<BTreeMap<String, PodEntry>>,
    deleted: HashSet<String>,
    deleted_order: VecDeque<String>,
    synced: bool,
}

impl Index {
    /// A pod was created or changed.
    pub fn apply(&mut self, pod: PodEntry) {
        if !self.deleted.contains(&pod.uid) {
            insert_newer(&mut self.pods, pod);
        }
    }

    /// A pod was deleted.
    pub fn delete(&mut self, uid: &str) {
        self.pods.remove(uid);
        if self.deleted.insert(uid.to_owned()) {
            self.deleted_order.push_back(uid.to_owned());
        }
        if self.deleted_order.len() > TOMBSTONES
            && let Some(oldest) = self.deleted_order.pop_front()
        {
            self.deleted.remove(&oldest);
        }
    }

    /// A relist begins. The pods known so far stay until it is complete.
    pub fn begin_reset(&mut self) {
        self.relist = Some(BTreeMap::new());
    }

    /// One pod of the relist.
    pub fn reset_apply(&mut self, pod: PodEntry) {
        let Some(relist) = &mut self.relist else { return self.apply(pod) };
        if !self.deleted.contains(&pod.uid) {
            insert_newer(relist, pod);
        }
    }

    /// The relist is complete: it replaces what was known, as a whole. Pods that it does not have are gone.
    pub fn finish_reset(&mut self) {
        let Some(relist) = self.relist.take() else { return };
        let mut before = std::mem::replace(&mut self.pods, relist);
        for (uid, pod) in &mut self.pods {
            if let Some(known) = before.remove(uid)
                && known.version > pod.version
            {
                *pod = known;
            }
        }
        self.synced = true;
    }

    /// Whether a whole list has been seen: before that, what is missing is not known to be absent.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.synced
    }

    /// The servers, ordered by name so that `mysql-2` stands before `mysql-10`.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints: Vec<_> = self.pods.values().filter_map(|pod| pod.endpoint.clone()).collect();
        endpoints.sort_by(|one, other| by_ordinal(&one.name).cmp(&by_ordinal(&other.name)));
        endpoints
    }
}

fn insert_newer(pods: &mut BTreeMap<String, PodEntry>, pod: PodEntry) {
    let is_older = |known: &PodEntry| known.version.zip(pod.version).is_some_and(|(known, new)| new < known);
    if !pods.get(&pod.uid).is_some_and(is_older) {
        pods.insert(pod.uid.clone(), pod);
    }
}

/// A pod's name, and its ordinal where it belongs to a StatefulSet.
fn by_ordinal(name: &str) -> (&str, u64, &str) {
    match name.rsplit_once('-') {
        Some((set, ordinal)) => ordinal.parse().map_or((name, 0, name), |number| (set, number, name)),
        None => (name, 0, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_router::topology::{Address, EndpointKey, Label};

    fn pod(name: &str, uid: &str, version: u64, label: Label) -> PodEntry {
        let endpoint = Endpoint {
            key: EndpointKey(uid.into()),
            name: name.into(),
            label,
            ..Endpoint::fixed(Address::Tcp("10.0.0.1".into(), 3306))
        };
        PodEntry { uid: uid.into(), version: Some(version), endpoint: Some(endpoint) }
    }

    fn labels(index: &Index) -> Vec<(String, Label)> {
        index.endpoints().into_iter().map(|endpoint| (endpoint.name, endpoint.label)).collect()
    }

    #[test]
    fn an_older_version_never_overwrites_a_newer_one() {
        let mut index = Index::default();
        index.apply(pod("mysql-0", "a", 7, Label::Primary));
        index.apply(pod("mysql-0", "a", 5, Label::Replica));
        assert_eq!(labels(&index), [("mysql-0".into(), Label::Primary)]);
    }

    #[test]
    fn a_relist_is_swapped_in_whole_and_forgets_what_was_deleted_meanwhile() {
        let mut index = Index::default();
        index.apply(pod("mysql-0", "a", 7, Label::Primary));
        index.apply(pod("mysql-1", "b", 8, Label::Replica));
        index.begin_reset();
        index.reset_apply(pod("mysql-1", "b", 9, Label::Primary));
        assert_eq!(labels(&index), [("mysql-0".into(), Label::Primary), ("mysql-1".into(), Label::Replica)]);
        index.finish_reset();
        assert_eq!(labels(&index), [("mysql-1".into(), Label::Primary)]);
    }

    #[test]
    fn a_relist_from_a_lagging_cache_takes_no_label_back_and_raises_no_dead() {
        let mut index = Index::default();
        index.apply(pod("mysql-0", "a", 20, Label::Replica));
        index.apply(pod("mysql-1", "b", 21, Label::Primary));
        index.delete("b");
        index.begin_reset();
        index.reset_apply(pod("mysql-0", "a", 10, Label::Primary));
        index.reset_apply(pod("mysql-1", "b", 11, Label::Replica));
        index.finish_reset();
        assert_eq!(labels(&index), [("mysql-0".into(), Label::Replica)]);
    }

    #[test]
    fn an_interrupted_relist_changes_nothing() {
        let mut index = Index::default();
        index.apply(pod("mysql-0", "a", 7, Label::Primary));
        index.begin_reset();
        index.begin_reset();
        assert_eq!(labels(&index).len(), 1);
        assert!(!index.is_synced());
    }

    #[test]
    fn a_recreated_pod_of_the_same_name_is_another_server() {
        let mut index = Index::default();
        index.apply(pod("mysql-0", "a", 7, Label::Primary));
        index.apply(pod("mysql-0", "b", 9, Label::Replica));
        index.delete("a");
        let keys: Vec<_> = index.endpoints().into_iter().map(|endpoint| endpoint.key.0).collect();
        assert_eq!(keys, ["b"]);
    }

    #[test]
    fn ordinals_are_numbers() {
        let mut index = Index::default();
        for (uid, name) in [("a", "mysql-10"), ("b", "mysql-2"), ("c", "mysql-0")] {
            index.apply(pod(name, uid, 1, Label::Replica));
        }
        let names: Vec<_> = index.endpoints().into_iter().map(|endpoint| endpoint.name).collect();
        assert_eq!(names, ["mysql-0", "mysql-2", "mysql-10"]);
    }
}
