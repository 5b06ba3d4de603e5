//! What real servers say of themselves, and what the proxy makes of it: a static list, no labels.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use rolecall_protocol::auth::{Credential, Password};
use rolecall_router::topology::{Primary, Replication, Role, Settings, ThreadState};
use rolecall_tests::{Flavour, ReplicaSet, Server, ServerOptions, free_port, tell};

use crate::watched::{Watched, primary, role};

fn name(server: &Server) -> String {
    server.address().to_string()
}

fn wait_for_roles(watched: &Watched, set: &ReplicaSet) {
    watched.wait_for("one primary, two replicas", |topology| {
        primary(topology) == Some(&name(&set.primary)) && topology.replicas().count() == 2
    });
}

#[test]
fn mysql_replicas_show_their_threads_and_a_stopped_one_exceeds_any_lag() {
    let set = ReplicaSet::start(Flavour::Mysql);
    set.primary.run("create database shop");
    set.primary.run("create function shop.reads() returns int deterministic reads sql data return 1");
    let settings = Settings { max_lag: Some(Duration::from_secs(30)), ..Settings::default() };
    let watched = Watched::fixed(set.servers(), settings, true);
    wait_for_roles(&watched, &set);
    let observed = watched.handle.observed();
    assert!(observed.missing.is_empty(), "{:?}", observed.missing);
    for server in &observed.servers {
        let facts = server.facts.as_ref().expect("it has answered");
        assert!(facts.uuid.is_some() && facts.gtid_executed.is_some());
        match &facts.replication {
            Replication::Async(None) => assert!(!facts.read_only),
            Replication::Async(Some(replica)) => assert_eq!(replica.receiver, ThreadState::Running),
            other => panic!("{other:?}"),
        }
    }
    let stopped = name(&set.replicas[0]);
    set.replicas[0].run("stop replica sql_thread");
    watched.wait_for("no reads from a stopped replica", |topology| role(topology, &stopped) == Some(Role::Unroutable));
    set.replicas[0].run("start replica sql_thread");
    watched.wait_for("it follows again", |topology| role(topology, &stopped) == Some(Role::Replica));
    let offer = watched.handle.load().offer.clone().expect("an offer");
    assert_eq!(offer.version_text, set.primary.value("select version()").into_bytes());
    let deadline = Instant::now() + Duration::from_secs(20);
    while !watched.catalogue.load().is_harmless_function(b"reads") {
        assert!(Instant::now() < deadline, "the catalogue is not read");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn mariadb_replicas_are_known_by_read_only() {
    let set = ReplicaSet::start(Flavour::Mariadb11);
    let settings = Settings { max_lag: Some(Duration::from_secs(30)), ..Settings::default() };
    let watched = Watched::fixed(set.servers(), settings, true);
    wait_for_roles(&watched, &set);
    assert!(watched.handle.observed().missing.is_empty(), "{:?}", watched.handle.observed().missing);
    // A replica that was left writable still follows: it competes with nobody.
    set.replicas[0].run("set global read_only=0");
    let writable = name(&set.replicas[0]);
    watched.wait_for("the writable replica is explained", |topology| {
        let server = topology.servers.iter().find(|server| server.name == writable);
        server.is_some_and(|server| server.why.contains("it replicates, though it is writable"))
    });
    assert_eq!(primary(&watched.handle.load()), Some(name(&set.primary).as_str()));
}

#[test]
fn a_plain_account_that_a_client_has_proven_is_enough_for_the_roles_of_an_asynchronous_set() {
    let set = ReplicaSet::start(Flavour::Mysql);
    set.primary.run("create user plain identified by 'plain'");
    set.wait_until_replicated();
    let watched = Watched::fixed(set.servers(), Settings::default(), false);
    watched.wait_for("clients can be greeted", |topology| topology.offer.is_some());
    watched.wait_for("nobody's role is known", |topology| {
        topology.servers.iter().all(|server| server.why.contains("nobody has logged in yet"))
    });
    let credential = Credential::Password(Password::new(b"plain".to_vec()));
    watched.accounts.prove(b"plain", &credential, b"", Instant::now());
    wait_for_roles(&watched, &set);
    let missing = watched.handle.observed().missing.clone();
    for what in ["a monitor account", "SELECT on performance_schema", "REPLICATION CLIENT"] {
        assert!(missing.iter().any(|text| text.starts_with(what)), "{what} is not in {missing:?}");
    }
}

#[test]
fn two_writable_servers_of_a_static_list_get_no_writes() {
    let servers: Vec<_> = (0..2).map(|_| Server::start(Flavour::Mysql, &ServerOptions::default())).collect();
    let watched = Watched::fixed(&servers, Settings::default(), true);
    watched.wait_for("both are named", |topology| match &topology.primary {
        Primary::None(why) => servers.iter().all(|server| why.contains(&name(server))) && why.contains("several"),
        Primary::One(_) => panic!("{topology:#?}"),
    });
    servers[1].run("set global super_read_only=1");
    watched.wait_for_primary(Some(&name(&servers[0])));
}

/// Three members. The group's own addresses must be those of an interface: ports tell them apart.
fn group() -> Vec<Server> {
    let ports: [u16; 3] = std::array::from_fn(|_| free_port(Ipv4Addr::LOCALHOST));
    let seeds = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let start = |port: u16| {
        let more = [
            "--plugin-load-add=group_replication.so".to_owned(),
            "--loose-group-replication-group-name=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".to_owned(),
            "--loose-group-replication-start-on-boot=OFF".to_owned(),
            format!("--loose-group-replication-local-address=127.0.0.1:{port}"),
            format!("--loose-group-replication-group-seeds={seeds}"),
            "--loose-group-replication-recovery-get-public-key=ON".to_owned(),
            "--loose-group-replication-ip-allowlist=127.0.0.1/8".to_owned(),
            "--loose-group-replication-message-cache-size=134217728".to_owned(),
            "--loose-group-replication-member-expel-timeout=0".to_owned(),
        ];
        Server::start(Flavour::Mysql, &ServerOptions { more: more.into(), ..ServerOptions::default() })
    };
    let servers: Vec<_> = ports.map(start).into();
    let password = Server::PASSWORD.replace('\'', "''");
    for server in &servers {
        server.run("reset binary logs and gtids");
        server.run(&format!(
            "change replication source to source_user='repl', source_password='{password}' \
             for channel 'group_replication_recovery'"
        ));
    }
    servers[0].run("set global group_replication_bootstrap_group=ON");
    servers[0].run("start group_replication");
    servers[0].run("set global group_replication_bootstrap_group=OFF");
    servers[1].run("start group_replication");
    servers[2].run("start group_replication");
    servers
}

#[test]
fn a_replication_groups_primary_is_followed_through_a_switchover_a_freeze_and_a_crash() {
    let servers = group();
    let watched = Watched::fixed(&servers, Settings::default(), true);
    let names: Vec<_> = servers.iter().map(name).collect();
    let one_primary = |which: &str| {
        watched.wait_for(&format!("{which} is primary"), |topology| {
            primary(topology) == Some(which) && topology.replicas().count() == 2
        });
    };
    one_primary(&names[0]);
    let uuid = servers[1].value("select @@server_uuid");
    servers[0].run(&format!("select group_replication_set_as_primary('{uuid}', 10)"));
    let switched = Instant::now();
    one_primary(&names[1]);
    tell(&format!("switchover seen after {:?}", switched.elapsed()));

    servers[1].signal("STOP");
    watched.wait_for("the frozen primary is left, and another elected", |topology| {
        primary(topology).is_some_and(|now| now != names[1]) && role(topology, &names[1]) == Some(Role::Unroutable)
    });
    let elected = primary(&watched.handle.load()).map(str::to_owned);
    servers[1].signal("CONT");
    // It believes itself primary for seconds; whatever it says, the elected one stays, until both agree.
    watched.wait_for("it is back, or out of its group and known to be", |topology| {
        assert_ne!(primary(topology), Some(names[1].as_str()), "a resumed primary got writes: {topology:#?}");
        let back = topology.servers.iter().find(|server| server.name == names[1]);
        back.is_some_and(|server| server.role == Role::Replica || server.why.contains("member state is"))
    });
    assert_eq!(primary(&watched.handle.load()).map(str::to_owned), elected);
}
