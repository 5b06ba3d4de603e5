//! Cases of the fusion, each named after what an operator would see.

use std::time::Duration;

use rolecall_protocol::{Capabilities, MariadbCapabilities};

use super::*;
use crate::consistency::Bounds;
use crate::sql::{Flavour, ServerVersion};

// === Building blocks ===

pub(super) fn identity(version_text: &str) -> Identity {
    let (flavour, version) = Identity::version_of(version_text.as_bytes());
    Identity {
        flavour,
        version_text: version_text.into(),
        version,
        capabilities: Capabilities::PROTOCOL_41 | Capabilities::SSL | Capabilities::QUERY_ATTRIBUTES,
        mariadb: MariadbCapabilities::empty(),
        collation: 255,
    }
}

fn server(uuid: &str, replication: Replication) -> ServerFacts {
    ServerFacts {
        identity: identity("9.7.0"),
        uuid: Some(uuid.into()),
        read_only: false,
        super_read_only: false,
        offline_mode: false,
        replication,
        gtid_executed: None,
        lag: None,
        sql_mode: Vec::new(),
        missing: Vec::new(),
    }
}

pub(super) fn writable(uuid: &str) -> ServerFacts {
    server(uuid, Replication::Async(None))
}

pub(super) fn read_only(uuid: &str) -> ServerFacts {
    ServerFacts { read_only: true, super_read_only: true, ..writable(uuid) }
}

fn replicating(facts: ServerFacts, receiver: ThreadState, applier: ThreadState, lag: Option<u64>) -> ServerFacts {
    ServerFacts {
        replication: Replication::Async(Some(ReplicaStatus { receiver, applier, source_uuid: None })),
        lag: lag.map(Duration::from_secs),
        ..facts
    }
}

fn group(uuid: &str, primary: bool, quorate: bool, view: u64) -> ServerFacts {
    let view = Some(GroupView { incarnation: "17".into(), number: view });
    let member = GroupReplication { group: "g".into(), state: MemberState::Online, primary, quorate, view };
    ServerFacts {
        read_only: !primary,
        super_read_only: !primary,
        ..server(uuid, Replication::GroupReplication(member))
    }
}

fn galera(uuid: &str, local_state: u32) -> ServerFacts {
    let node = Galera {
        cluster: "c".into(),
        ready: true,
        primary_component: true,
        local_state,
        rejects_queries: false,
        maintenance: false,
    };
    server(uuid, Replication::Galera(node))
}

pub(super) fn pod(name: &str, label: Label) -> Endpoint {
    let address = Address::Tcp(format!("{name}.test"), 3306);
    Endpoint { key: EndpointKey(format!("uid-{name}")), name: name.into(), label, ..Endpoint::fixed(address) }
}

/// A fusion with a clock.
struct Set {
    fusion: Fusion,
    now: Duration,
    log: Vec<String>,
    asked: Vec<ServerId>,
}

impl Set {
    fn new(endpoints: Vec<Endpoint>) -> Self {
        Self::with(Settings::default(), endpoints)
    }

    fn with(settings: Settings, endpoints: Vec<Endpoint>) -> Self {
        let mut set = Self { fusion: Fusion::new(settings), now: Duration::ZERO, log: Vec::new(), asked: Vec::new() };
        set.list(endpoints);
        set
    }

    fn take(&mut self, step: Step) {
        self.log.extend(step.changes.iter().map(ToString::to_string));
        self.asked = step.probe;
    }

    fn list(&mut self, endpoints: Vec<Endpoint>) {
        self.now += Duration::from_millis(10);
        let step = self.fusion.set_endpoints(endpoints, self.now);
        self.take(step);
    }

    fn id(&self, name: &str) -> ServerId {
        let servers = &self.fusion.topology().servers;
        servers.iter().find(|server| server.name == name).expect("a server of this name").id
    }

    fn probe(&mut self, name: &str, outcome: ProbeOutcome) {
        let started = self.now;
        self.now += Duration::from_millis(10);
        let step = self.fusion.on_probe(self.id(name), started, outcome, self.now);
        self.take(step);
    }

    fn says(&mut self, name: &str, facts: ServerFacts) {
        self.probe(name, ProbeOutcome::Facts(Box::new(facts)));
    }

    fn silent(&mut self, name: &str) {
        self.probe(name, ProbeOutcome::Failed("connection refused".into()));
    }

    fn primary(&self) -> Option<&str> {
        self.fusion.topology().primary().map(|server| server.name.as_str())
    }

    fn why_none(&self) -> &str {
        match &self.fusion.topology().primary {
            Primary::None(why) => why,
            Primary::One(_) => panic!("there is a primary"),
        }
    }

    fn role(&self, name: &str) -> Role {
        self.fusion.topology().server(self.id(name)).expect("it is there").role
    }

    fn why(&self, name: &str) -> &str {
        &self.fusion.topology().server(self.id(name)).expect("it is there").why
    }
}

fn labelled_pair() -> Set {
    let mut set = Set::new(vec![pod("a", Label::Primary), pod("b", Label::Replica)]);
    set.says("a", writable("A"));
    set.says("b", read_only("B"));
    assert_eq!((set.primary(), set.role("b")), (Some("a"), Role::Replica));
    set
}

// === Labels and servers ===

/// Label and state of two pods; who is primary, and both roles.
#[test]
fn writes_need_label_and_server() {
    use Label::{Absent, Primary as P, Replica as R};
    use Role::{Primary, Replica, Unroutable};
    let cases = [
        // a: label, writable; b: label, writable => primary, a's role, b's role
        ((P, true), (R, false), Some("a"), Primary, Replica, "label and server agree"),
        ((R, true), (P, false), None, Unroutable, Replica, "the label alone has moved"),
        ((P, false), (R, true), None, Replica, Unroutable, "the servers alone have moved"),
        ((P, true), (R, true), Some("a"), Primary, Unroutable, "a replica was left writable"),
        ((P, true), (P, true), None, Unroutable, Unroutable, "two labelled and writable"),
        ((P, false), (P, true), Some("b"), Replica, Primary, "two labelled, one writable"),
        ((P, false), (P, false), None, Replica, Replica, "two labelled, none writable"),
        ((P, false), (R, false), None, Replica, Replica, "none writable"),
        ((R, false), (R, true), None, Replica, Unroutable, "no label says primary"),
        ((Absent, true), (R, false), None, Unroutable, Replica, "the label was taken away"),
        ((P, true), (Absent, false), Some("a"), Primary, Unroutable, "a pod without label gets nothing"),
    ];
    for (a, b, primary, a_role, b_role, name) in cases {
        let mut set = Set::new(vec![pod("a", a.0), pod("b", b.0)]);
        for (server, is_writable) in [("a", a.1), ("b", b.1)] {
            set.says(server, if is_writable { writable(server) } else { read_only(server) });
        }
        assert_eq!(set.primary(), primary, "{name}");
        assert_eq!((set.role("a"), set.role("b")), (a_role, b_role), "{name}");
        assert!(!set.why("a").is_empty() && !set.why("b").is_empty(), "{name}");
    }
}

#[test]
fn a_disagreement_is_explained() {
    let mut set = labelled_pair();
    set.list(vec![pod("a", Label::Replica), pod("b", Label::Primary)]);
    assert!(set.why("a").contains("writable, but its label says replica"), "{}", set.why("a"));
    assert!(set.why("b").contains("label says primary, but super_read_only is on: no writes"), "{}", set.why("b"));
    assert!(set.why_none().contains("its label says primary, but super_read_only is on"), "{}", set.why_none());
}

#[test]
fn a_label_change_asks_all_servers_at_once() {
    let mut set = labelled_pair();
    set.list(vec![pod("a", Label::Replica), pod("b", Label::Primary)]);
    assert_eq!(set.asked, [set.id("a"), set.id("b")]);
}

#[test]
fn a_switchover_is_followed_when_both_agree_and_no_earlier() {
    let mut set = labelled_pair();
    set.says("a", read_only("A"));
    assert_eq!(set.primary(), None);
    set.says("b", writable("B"));
    assert_eq!(set.primary(), None, "the label is still a's");
    set.list(vec![pod("a", Label::Replica), pod("b", Label::Primary)]);
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Replica));
    assert!(set.log.iter().any(|line| line == "primary: none -> b"), "{:?}", set.log);
}

#[test]
fn readiness_and_deletion_end_new_reads_and_leave_writes_to_the_servers_word() {
    let unready = |name, label| Endpoint { ready: false, ..pod(name, label) };
    let deleting = |name, label| Endpoint { deleting: true, ..pod(name, label) };
    let mut set = labelled_pair();
    for change in [unready, deleting] {
        set.list(vec![change("a", Label::Primary), change("b", Label::Replica)]);
        assert_eq!((set.primary(), set.role("b")), (Some("a"), Role::Unroutable));
    }
    set.says("a", read_only("A"));
    assert_eq!((set.primary(), set.role("a")), (None, Role::Unroutable), "its pod is being deleted: no reads either");
}

#[test]
fn an_absent_label_may_mean_replica_by_policy() {
    let settings = Settings { absent_label: AbsentLabel::Replica, ..Settings::default() };
    let mut set = Set::with(settings, vec![pod("a", Label::Primary), pod("b", Label::Absent)]);
    set.says("a", writable("A"));
    set.says("b", read_only("B"));
    assert_eq!(set.role("b"), Role::Replica);
}

// === Epochs ===

#[test]
fn the_higher_role_epoch_supersedes_and_never_falls() {
    let at = |name, epoch| Endpoint { epoch: Some(RoleEpoch(epoch)), ..pod(name, Label::Primary) };
    let mut set = Set::new(vec![at("a", 3), at("b", 4)]);
    set.says("a", writable("A"));
    assert_eq!(set.primary(), None, "a is superseded even before b has answered");
    set.says("b", writable("B"));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Unroutable));
    set.list(vec![at("a", 3)]);
    assert_eq!(set.primary(), None, "epoch 4 has been seen");
    set.list(vec![at("a", 5)]);
    assert_eq!(set.primary(), Some("a"));
}

#[test]
fn a_label_primary_without_epoch_stands_behind_one_that_has_it() {
    let mut set =
        Set::new(vec![pod("a", Label::Primary), Endpoint { epoch: Some(RoleEpoch(1)), ..pod("b", Label::Primary) }]);
    set.says("a", writable("A"));
    set.says("b", writable("B"));
    assert_eq!(set.primary(), Some("b"));
}

// === A static list ===

fn fixed(names: &[&str]) -> Set {
    Set::new(names.iter().map(|name| pod(name, Label::Unlabelled)).collect())
}

#[test]
fn in_a_static_list_the_servers_word_alone_counts() {
    let mut set = fixed(&["a", "b", "c"]);
    set.says("a", writable("A"));
    assert!(set.why_none().contains("b has not answered yet"), "{}", set.why_none());
    set.says("b", read_only("B"));
    set.silent("c");
    assert_eq!((set.primary(), set.role("b"), set.role("c")), (Some("a"), Role::Replica, Role::Unroutable));
}

#[test]
fn two_writable_servers_get_nothing_until_one_turns_read_only() {
    let mut set = fixed(&["a", "b", "c"]);
    set.says("a", writable("A"));
    set.says("b", writable("B"));
    set.says("c", read_only("C"));
    assert_eq!((set.role("a"), set.role("b"), set.role("c")), (Role::Unroutable, Role::Unroutable, Role::Replica));
    assert!(set.why_none().contains("several servers are writable: a, b"), "{}", set.why_none());
    set.says("a", read_only("A"));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Replica));
}

#[test]
fn a_writable_server_that_replicates_does_not_compete_with_its_source() {
    let mut set = fixed(&["a", "b"]);
    set.says("a", writable("A"));
    set.says("b", replicating(writable("B"), ThreadState::Running, ThreadState::Running, Some(0)));
    assert_eq!((set.primary(), set.role("b")), (Some("a"), Role::Replica));
    // Each follows the other: nothing is proven.
    set.says("a", replicating(writable("A"), ThreadState::Running, ThreadState::Running, Some(0)));
    assert_eq!(set.primary(), None);
}

// === Silence ===

#[test]
fn a_failed_probe_ends_traffic_at_once_and_asks_the_others() {
    let mut set = labelled_pair();
    set.silent("a");
    assert_eq!((set.primary(), set.role("a")), (None, Role::Unroutable));
    assert_eq!(set.asked, [set.id("a"), set.id("b")]);
    assert!(set.why("a").contains("connection refused"));
    set.says("a", writable("A"));
    assert_eq!(set.primary(), Some("a"), "nothing happened meanwhile");
}

#[test]
fn a_probe_that_began_before_the_suspicion_does_not_readmit() {
    let mut set = labelled_pair();
    let a = set.id("a");
    let early = set.now;
    let step = set.fusion.on_report(a, Report::ConnectFailed, early + Duration::from_millis(1));
    assert_eq!(step.probe, [a, set.id("b")]);
    set.now += Duration::from_millis(2);
    let late = set.fusion.on_probe(a, early, ProbeOutcome::Facts(Box::new(writable("A"))), set.now);
    assert!(late.topology.is_none());
    assert_eq!(set.primary(), None);
    set.says("a", writable("A"));
    assert_eq!(set.primary(), Some("a"));
}

#[test]
fn a_broken_connection_is_asked_about_but_ends_no_traffic() {
    let mut set = labelled_pair();
    let a = set.id("a");
    for report in [Report::ConnectionLost, Report::Demoted] {
        let step = set.fusion.on_report(a, report, set.now);
        assert_eq!(step.probe, [a]);
        assert!(step.topology.is_none());
    }
}

#[test]
fn an_old_primary_that_comes_back_writable_gets_nothing_until_it_is_read_only() {
    let mut set = fixed(&["a", "b"]);
    set.says("a", writable("A"));
    set.says("b", read_only("B"));
    set.silent("a");
    set.says("b", writable("B"));
    assert_eq!(set.primary(), Some("b"));
    set.says("a", writable("A"));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Unroutable), "the new primary goes on");
    assert!(set.why("a").contains("b became primary meanwhile"), "{}", set.why("a"));
    set.silent("b");
    set.says("a", writable("A"));
    assert_eq!(set.primary(), None, "what b acknowledged is not on a");
    set.says("a", read_only("A"));
    assert_eq!(set.role("a"), Role::Replica);
    set.says("a", writable("A"));
    assert_eq!(set.primary(), Some("a"), "promoted again, in sight of everybody");
}

#[test]
fn an_old_primary_with_a_stale_label_does_not_stop_the_new_one() {
    let mut set = labelled_pair();
    set.silent("a");
    set.list(vec![pod("a", Label::Primary), pod("b", Label::Primary)]);
    set.says("b", writable("B"));
    assert_eq!(set.primary(), Some("b"), "a dead node cannot take its own label away");
    set.says("a", writable("A"));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Unroutable));
}

#[test]
fn a_resumed_group_member_that_shows_an_old_view_gets_nothing() {
    let mut set = fixed(&["a", "b", "c"]);
    set.says("a", group("A", true, true, 3));
    set.says("b", group("B", false, true, 3));
    set.says("c", group("C", false, true, 3));
    assert_eq!(set.primary(), Some("a"));
    set.silent("a");
    set.says("b", group("B", true, true, 4));
    set.says("c", group("C", false, true, 4));
    assert_eq!(set.primary(), Some("b"));
    set.says("a", group("A", true, true, 3));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Unroutable));
    set.says("a", group("A", false, true, 5));
    assert_eq!(set.role("a"), Role::Replica);
}

#[test]
fn another_server_uuid_is_another_server() {
    let mut set = labelled_pair();
    let old = set.id("b");
    set.says("b", read_only("X"));
    assert_ne!(set.id("b"), old);
    assert_eq!(set.fusion.topology().server(old).map(|server| &server.name), None);
    assert_eq!(set.role("b"), Role::Replica);
    let unchanged = set.id("b");
    set.says("b", read_only("X"));
    assert_eq!(set.id("b"), unchanged);
}

#[test]
fn a_recreated_pod_is_another_server_and_inherits_nothing() {
    let mut set = labelled_pair();
    let old = set.id("a");
    let recreated = Endpoint { key: EndpointKey("uid-new".into()), ..pod("a", Label::Primary) };
    set.list(vec![recreated, pod("b", Label::Replica)]);
    assert_ne!(set.id("a"), old);
    assert_eq!((set.primary(), set.asked.clone()), (None, vec![set.id("a"), set.id("b")]));
    set.says("a", writable("A2"));
    assert_eq!(set.primary(), Some("a"));
}

// === Group Replication and Galera ===

#[test]
fn only_a_quorate_online_member_counts() {
    let member = |facts: &ServerFacts, change: &dyn Fn(&mut GroupReplication)| {
        let mut facts = facts.clone();
        if let Replication::GroupReplication(member) = &mut facts.replication {
            change(member);
        }
        facts
    };
    let good = group("A", true, true, 1);
    let elected = ServerFacts { super_read_only: true, ..good.clone() };
    let offline = ServerFacts { offline_mode: true, ..good.clone() };
    let cases = [
        ("quorate primary", good.clone(), Role::Primary),
        ("an expelled primary still believes itself ONLINE", group("A", true, false, 1), Role::Unroutable),
        ("elected, its backlog not applied yet", elected, Role::Unroutable),
        ("offline_mode", offline, Role::Unroutable),
        ("recovering", member(&good, &|member| member.state = MemberState::Recovering), Role::Unroutable),
        ("not in its group", member(&good, &|member| member.state = MemberState::Offline), Role::Unroutable),
        ("secondary", group("A", false, true, 1), Role::Replica),
        ("secondary without quorum", group("A", false, false, 1), Role::Unroutable),
    ];
    for (name, facts, role) in cases {
        let mut set = fixed(&["a"]);
        set.says("a", facts);
        assert_eq!(set.role("a"), role, "{name}: {}", set.why("a"));
    }
}

#[test]
fn of_two_primaries_in_different_views_the_newer_view_wins() {
    let mut set = fixed(&["a", "b"]);
    set.says("a", group("A", true, true, 3));
    set.says("b", group("B", true, true, 4));
    assert_eq!(set.primary(), Some("b"));
}

#[test]
fn one_galera_node_is_chosen_and_kept() {
    let mut set = fixed(&["a", "b", "c"]);
    for name in ["c", "b", "a"] {
        set.says(name, galera(name, 4));
    }
    assert_eq!((set.primary(), set.role("b"), set.role("c")), (Some("a"), Role::Replica, Role::Replica));
    set.says("a", galera("a", 2));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Unroutable), "a donor is not asked");
    set.says("a", galera("a", 4));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Replica), "kept");
}

#[test]
fn the_labelled_galera_node_is_the_one() {
    let mut set = Set::new(vec![pod("a", Label::Replica), pod("b", Label::Primary)]);
    set.says("a", galera("a", 4));
    set.says("b", galera("b", 4));
    assert_eq!((set.primary(), set.role("a")), (Some("b"), Role::Replica));
}

#[test]
fn a_galera_node_that_refuses_is_not_asked() {
    let node = |change: &dyn Fn(&mut Galera)| {
        let mut facts = galera("A", 4);
        if let Replication::Galera(node) = &mut facts.replication {
            change(node);
        }
        facts
    };
    let cases = [
        node(&|node| node.primary_component = false),
        node(&|node| node.ready = false),
        node(&|node| node.rejects_queries = true),
        node(&|node| node.maintenance = true),
    ];
    for facts in cases {
        let mut set = fixed(&["a"]);
        set.says("a", facts);
        assert_eq!(set.role("a"), Role::Unroutable, "{}", set.why("a"));
    }
}

// === Lag ===

#[test]
fn max_lag_decides_over_replicas() {
    use ThreadState::{Connecting, Running, Stopped};
    let cases = [
        ("in step", Running, Running, Some(0), Role::Replica, Role::Replica),
        ("at the limit", Running, Running, Some(5), Role::Replica, Role::Replica),
        ("behind", Running, Running, Some(6), Role::Replica, Role::Unroutable),
        ("unknown", Running, Running, None, Role::Replica, Role::Unroutable),
        ("applier stopped", Running, Stopped, Some(0), Role::Replica, Role::Unroutable),
        ("receiver stopped", Stopped, Running, None, Role::Replica, Role::Unroutable),
        ("cannot connect", Connecting, Running, None, Role::Replica, Role::Unroutable),
    ];
    for (name, receiver, applier, lag, without_limit, with_limit) in cases {
        for (max_lag, expected) in [(None, without_limit), (Some(Duration::from_secs(5)), with_limit)] {
            let settings = Settings { max_lag, ..Settings::default() };
            let mut set = Set::with(settings, vec![pod("a", Label::Primary), pod("b", Label::Replica)]);
            set.says("a", writable("A"));
            set.says("b", replicating(read_only("B"), receiver, applier, lag));
            assert_eq!(set.role("b"), expected, "{name} with {max_lag:?}: {}", set.why("b"));
        }
    }
}

#[test]
fn replicas_go_on_serving_reads_when_the_primary_they_look_for_is_gone() {
    let settings = Settings { max_lag: Some(Duration::from_secs(5)), ..Settings::default() };
    let mut set = Set::with(settings, vec![pod("a", Label::Primary), pod("b", Label::Replica)]);
    set.silent("a");
    set.says("b", replicating(read_only("B"), ThreadState::Connecting, ThreadState::Running, None));
    assert_eq!(set.role("b"), Role::Replica);
}

/// Seconds_Behind_Source is 0 where the receiver has fetched nothing: positions tell, and a replica that comes back has to
/// stay near for a while.
#[test]
fn positions_decide_over_the_replicas_own_word() {
    let settings = Settings { max_lag: Some(Duration::from_secs(2)), ..Settings::default() };
    let mut set = Set::with(settings, vec![pod("a", Label::Primary), pod("b", Label::Replica)]);
    let probe = |set: &mut Set, name: &str, last: u64| {
        let id = set.id(name);
        let executed = format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{last}");
        let row = [Some(b"ON".as_slice()), Some(b"".as_slice()), Some(executed.as_bytes())];
        set.fusion.on_position(id, &Bounds::read(Flavour::Mysql, &row));
        if name == "a" {
            set.says("a", writable("A"));
        } else {
            set.says("b", replicating(read_only("B"), ThreadState::Running, ThreadState::Running, Some(0)));
        }
    };
    let at = |set: &mut Set, seconds: u64, primary: u64, replica: u64| {
        set.now = Duration::from_secs(seconds);
        probe(set, "a", primary);
        probe(set, "b", replica);
        set.role("b")
    };
    assert_eq!(at(&mut set, 10, 100, 100), Role::Replica);
    assert_eq!(at(&mut set, 11, 110, 100), Role::Replica, "a second behind");
    assert_eq!(at(&mut set, 12, 120, 100), Role::Replica, "two");
    assert_eq!(at(&mut set, 13, 130, 100), Role::Unroutable, "three, and by its own word none");
    assert_eq!(at(&mut set, 14, 130, 110), Role::Unroutable, "still more than half of the limit");
    assert_eq!(at(&mut set, 15, 130, 130), Role::Unroutable, "near, but only just");
    assert_eq!(at(&mut set, 16, 140, 140), Role::Replica, "for a whole second");
    // A primary that writes nothing leaves nobody behind.
    assert_eq!(at(&mut set, 60, 150, 150), Role::Replica);
}

// === Offer ===

#[test]
fn the_offer_is_the_minimum_and_one_flavour_rules() {
    let mut set = fixed(&["a", "b", "c"]);
    assert_eq!(set.fusion.topology().offer, None);
    set.says("a", writable("A"));
    let mut older = read_only("B");
    older.identity = Identity { capabilities: Capabilities::PROTOCOL_41, collation: 45, ..identity("8.4.3") };
    set.says("b", older);
    set.says("c", ServerFacts { identity: identity("11.8.2-MariaDB"), ..read_only("C") });
    let offer = set.fusion.topology().offer.clone().expect("an offer");
    assert_eq!((offer.version, offer.version_text.as_slice()), (ServerVersion(80_403), b"8.4.3".as_slice()));
    assert_eq!((offer.capabilities, offer.flavour, offer.collation), (Capabilities::PROTOCOL_41, Flavour::Mysql, 45));
    assert_eq!(set.role("c"), Role::Unroutable);
    assert!(set.why("c").contains("it is Mariadb, the others are Mysql"), "{}", set.why("c"));
}

#[test]
fn a_server_that_only_greets_is_offered_but_gets_no_traffic() {
    let mut set = fixed(&["a"]);
    let reason = "there is no monitor account".to_owned();
    set.probe("a", ProbeOutcome::Greeted { identity: Box::new(identity("9.7.0")), reason });
    assert!(set.fusion.topology().offer.is_some());
    assert!(set.why("a").contains("no monitor account"), "{}", set.why("a"));
    set.says("a", writable("A"));
    assert_eq!(set.primary(), Some("a"));
}

#[test]
fn versions_are_read_as_executable_comments_count_them() {
    let cases = [
        ("9.7.4", Flavour::Mysql, 90_704),
        ("8.0.36-0ubuntu0.22.04.1", Flavour::Mysql, 80_036),
        ("5.5.5-10.11.19-MariaDB-1:10.11.19+maria~deb12", Flavour::Mariadb, 101_119),
        ("11.8.2-MariaDB", Flavour::Mariadb, 110_802),
        ("", Flavour::Mysql, 0),
        ("99999999999.x", Flavour::Mysql, 99_990_000),
    ];
    for (text, flavour, version) in cases {
        assert_eq!(Identity::version_of(text.as_bytes()), (flavour, ServerVersion(version)), "{text}");
    }
}

#[test]
fn an_unchanged_answer_publishes_nothing() {
    let mut set = labelled_pair();
    let generation = set.fusion.topology().generation;
    for _ in 0..3 {
        set.says("a", ServerFacts { gtid_executed: Some("u:1-9".into()), ..writable("A") });
        set.says("b", ServerFacts { lag: Some(Duration::from_secs(3)), ..read_only("B") });
    }
    assert_eq!(set.fusion.topology().generation, generation);
}

#[test]
fn a_changed_weight_or_zone_is_published_though_no_role_changes() {
    let settings = Settings { zone: Some("a".into()), ..Settings::default() };
    let in_zone = |zone: &str| Endpoint { zone: Some(zone.into()), ..pod("b", Label::Replica) };
    let mut set = Set::with(settings, vec![pod("a", Label::Primary), in_zone("b")]);
    let near = |set: &Set| set.fusion.topology().server(set.id("b")).map(|server| (server.is_near, server.weight));
    assert_eq!(near(&set), Some((false, 1)));
    assert!(!set.fusion.topology().servers[0].is_near, "nobody said where it is");
    let id = set.id("b");
    set.list(vec![pod("a", Label::Primary), in_zone("a")]);
    assert_eq!(near(&set), Some((true, 1)));
    set.list(vec![pod("a", Label::Primary), Endpoint { weight: 0, ..in_zone("a") }]);
    assert_eq!(near(&set), Some((true, 0)));
    assert_eq!(set.id("b"), id, "it is the same server");
    set.fusion.set_settings(Settings::default());
    set.says("a", writable("a"));
    assert_eq!(near(&set), Some((false, 0)));
}
