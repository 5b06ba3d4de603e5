//! A replica that replicates through the proxy, with semi-synchronous replication: E15 of the traps. Its acknowledgements
//! travel against the stream, on a connection that is its own.

use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, tell, wait_until};

/// Commits that wait for the replica's acknowledgement.
const COMMITS: u32 = 50;

/// Options, status variables and statements, which the flavours name differently.
struct Words {
    source: [&'static str; 4],
    replica: [&'static str; 2],
    clients: &'static str,
    acknowledged: &'static str,
    given_up: &'static str,
    start: &'static str,
    enabled: &'static str,
}

fn words(flavour: Flavour) -> Words {
    if flavour.is_mariadb() {
        return Words {
            source: [
                "--rpl-semi-sync-master-enabled=1",
                "--rpl-semi-sync-master-timeout=20000",
                "--log-warnings=2",
                "--sync-binlog=0",
            ],
            replica: ["--rpl-semi-sync-slave-enabled=1", "--log-warnings=2"],
            clients: "Rpl_semi_sync_master_clients",
            acknowledged: "Rpl_semi_sync_master_yes_tx",
            given_up: "Rpl_semi_sync_master_no_tx",
            start: "start slave",
            enabled: "rpl_semi_sync_master_enabled",
        };
    }
    Words {
        source: [
            "--plugin-load-add=semisync_source.so",
            "--rpl-semi-sync-source-enabled=1",
            "--rpl-semi-sync-source-timeout=20000",
            "--rpl-semi-sync-source-wait-no-replica=ON",
        ],
        replica: ["--plugin-load-add=semisync_replica.so", "--rpl-semi-sync-replica-enabled=1"],
        clients: "Rpl_semi_sync_source_clients",
        acknowledged: "Rpl_semi_sync_source_yes_tx",
        given_up: "Rpl_semi_sync_source_no_tx",
        start: "start replica",
        enabled: "rpl_semi_sync_source_enabled",
    }
}

fn status(server: &Server, name: &str) -> u64 {
    let rows = server.run(&format!("show global status like '{name}'")).rows();
    rows.first().and_then(|row| row[1].clone()).and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn replicates_through_the_proxy(flavour: Flavour) {
    let words = words(flavour);
    let start = |more: &[&str], id| {
        let more = more.iter().map(ToString::to_string).collect();
        Server::start(flavour, &ServerOptions { id, more, ..ServerOptions::default() })
    };
    let (source, replica) = (start(&words.source, 71), start(&words.replica, 72));
    // MariaDB 10's replicas know no way to tell a proxy their password: it is configured. (The file is the harness's.)
    let configuration = "users: [{name: repl, password_file: monitor-password}]\n";
    let configuration = if flavour == Flavour::Mariadb10 { configuration } else { "" }.into();
    let proxy = Proxy::start([&source], &ProxyOptions { configuration, ..ProxyOptions::default() });
    let (port, password) = (proxy.address().port(), Server::PASSWORD.replace('\'', "''"));
    replica.run(&if flavour.is_mariadb() {
        format!(
            "change master to master_host='127.0.0.1', master_port={port}, master_user='repl', \
             master_password='{password}', master_use_gtid=slave_pos, master_connect_retry=1"
        )
    } else {
        format!(
            "change replication source to source_host='127.0.0.1', source_port={port}, source_user='repl', \
             source_password='{password}', source_auto_position=1, get_source_public_key=1, source_connect_retry=1"
        )
    });
    replica.run(words.start);
    wait_until("the replica is there as a semi-synchronous one", || status(&source, words.clients) == 1);
    source.run("create schema semi");
    source.run("create table semi.t (a int primary key)");
    let (acknowledged, given_up) = (status(&source, words.acknowledged), status(&source, words.given_up));
    let started = std::time::Instant::now();
    for number in 0..COMMITS {
        source.run(&format!("insert into semi.t values ({number})"));
    }
    tell(&format!("{COMMITS} commits acknowledged through the proxy in {:.1?}, {}", started.elapsed(), flavour.name()));
    assert_eq!(status(&source, words.acknowledged) - acknowledged, u64::from(COMMITS), "each was waited for");
    assert_eq!(status(&source, words.given_up), given_up, "none without an acknowledgement");
    let there = || replica.try_run("select count(*) from semi.t").rows().first().and_then(|row| row[0].clone());
    wait_until("the replica has all", || there() == Some(COMMITS.to_string()));
    // Its connection is nobody else's, and goes with it; the source finds out when it has something to send.
    let listed = || proxy.admin_json("/sessions").to_string().contains("\"repl\"");
    assert!(listed(), "{}", proxy.admin_json("/sessions"));
    replica.signal("KILL");
    wait_until("the proxy has let go of it", || !listed());
    source.run(&format!("set global {} = 0", words.enabled));
    let mut number = COMMITS;
    wait_until("the source has let go of it", || {
        number += 1;
        source.run(&format!("insert into semi.t values ({number})"));
        source.value("select count(*) from information_schema.processlist where user = 'repl'") == "0"
    });
    proxy.expect_no_panic();
}

#[test]
fn e15_a_semi_synchronous_replica_acknowledges_through_the_proxy_mysql() {
    replicates_through_the_proxy(Flavour::Mysql);
}

#[test]
fn e15_a_semi_synchronous_replica_acknowledges_through_the_proxy_mariadb() {
    replicates_through_the_proxy(Flavour::mariadb());
}
