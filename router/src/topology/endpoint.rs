//! What a source of servers (Kubernetes, a static list) says about one of them.

use super::Address;

/// Identifies an endpoint for its source: the pod's UID, or a static address as text. Never a pod's name or IP: a
/// StatefulSet gives both away again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointKey(pub String);

/// The number that a role agent publishes beside the role; it grows with each change of the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleEpoch(pub u64);

/// What the role label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// The value that means primary.
    Primary,
    /// Any other value.
    Replica,
    /// The source has role labels, this endpoint has none.
    Absent,
    /// The source has no labels at all (a static list): the server's word alone counts.
    Unlabelled,
}

/// One server as its source describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its identity.
    pub key: EndpointKey,
    /// Pod name, or the address as text; for people.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// The role label.
    pub label: Label,
    /// The `role-epoch` annotation, where there is one.
    pub epoch: Option<RoleEpoch>,
    /// The pod's condition `Ready`; true in a static list.
    pub ready: bool,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Its share of reads, beside the others' weights; 0: only where no other may serve.
    pub weight: u32,
    /// Where it is, if that is said.
    pub zone: Option<String>,
}

impl Endpoint {
    /// The weight of a server of which nothing else was said.
    pub const WEIGHT: u32 = 1;
    /// The greatest weight. Shares are told as well by smaller ones.
    pub const WEIGHT_MAX: u32 = 10_000;

    /// An entry of a static list.
    #[must_use]
    pub fn fixed(address: Address) -> Self {
        let name = address.to_string();
        Self {
            key: EndpointKey(name.clone()),
            name,
            address,
            label: Label::Unlabelled,
            epoch: None,
            ready: true,
            deleting: false,
            weight: Self::WEIGHT,
            zone: None,
        }
    }
}
