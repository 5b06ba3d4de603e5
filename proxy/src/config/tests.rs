//! Every mistake with its line, and what a configuration means.

use std::path::Path;
use std::time::Duration;

use super::*;

const SERVERS: &str = "servers: [{address: db0}]\n";

/// The mistakes of `text`, without the name of the file.
#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    let found = Config::from_yaml(text).expect_err("the configuration was accepted");
    found.to_string().lines().map(|line| line.strip_prefix("configuration:").unwrap_or(line).trim().into()).collect()
}

fn valid(text: &str) -> Config {
    Config::from_yaml(text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn servers_alone_are_a_configuration() {
    let config = valid("servers:\n  - address: db0\n  - {address: '10.0.0.2:3307', name: second}\n");
    let Source::Servers(servers) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!(servers.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["db0:3306", "second"]);
    assert_eq!(config.listeners[0].address.to_string(), "0.0.0.0:3306");
    assert_eq!(config.limits.statement_buffer, 256 << 10);
    assert_eq!(config.routing.hold_timeout, Duration::from_secs(5));
    assert_eq!(config.admin, None);
}

#[test]
fn every_way_to_write_an_address() {
    let config = valid(
        "listeners: [{address: '[::1]:3306'}, {address: /run/a.sock}, {address: 'unix:/run/b.sock'}]\n\
         servers: [{address: '[fe80::1]'}, {address: /run/mysqld.sock}]\nadmin: {address: 9104}\n",
    );
    let listeners: Vec<_> = config.listeners.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(listeners, ["[::1]:3306", "/run/a.sock", "/run/b.sock"]);
    let Source::Servers(servers) = &config.source else { panic!("{:?}", config.source) };
    let servers: Vec<_> = servers.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(servers, ["[fe80::1]:3306", "/run/mysqld.sock"]);
    assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9104");
}

#[test]
fn off_is_a_word_and_an_empty_section_is_empty() {
    let config = valid("servers: [{address: db0}]\nbackend: {tls: {mode: off}}\nlimits:\nusers:\n");
    assert_eq!(config.backend.tls.mode, ServerTlsMode::Off);
}

#[test]
fn mistakes_come_all_at_once_with_their_lines() {
    let text = "\
listeners:
  - address: 3306
  - adress: 0.0.0.0:3307
    mode: replcia
servers:
  - address: db0
  - address: db0:3306
backend:
  tls: {mode: off}
  connect_timeout: 5
limits:
routing: {reads_on_primary: often, hold_timeout: 5 weeks}
workers: 0
workers: 2
";
    let expected = [
        "2:14: listeners[0].address: the number 3306 cannot stand here: write an address such as `0.0.0.0:3306` or \
         `/path/to.sock`",
        "3:5: listeners[1].adress: there is no such option: write `address`",
        "4:11: listeners[1].mode: `replcia` is not known: write `replica`",
        "7:14: servers[1].address: `db0:3306` stands in line 6 already: delete one of the two",
        "10:20: backend.connect_timeout: the number 5 cannot stand here: write a duration with a unit, such as `5s` or \
         `250ms`",
        "12:29: routing.reads_on_primary: `often` is not known: write one of `when-no-replica`, `never`, `always`",
        "12:50: routing.hold_timeout: 1month 4days 13h 26m 24s is out of range: write 0s to 1h",
        "13:10: workers: 0 is out of range: write 1 to 1024",
        "14:1: workers: stands here again, first in line 13: keep one of them",
    ];
    assert_eq!(mistakes(text), expected);
}

/// (what stands behind a valid list of servers, from line 2 on; the one mistake that it is).
const ONE_MISTAKE: [(&str, &str); 33] = [
    ("serves: 1", "2:1: serves: there is no such option: write `servers`"),
    ("probe: 1s", "2:8: probe: the text `1s` cannot stand here: write a mapping such as `interval: 1s`"),
    (
        "probe: {interval: 1}",
        "2:19: probe.interval: the number 1 cannot stand here: write a duration with a unit, such as `5s` or `250ms`",
    ),
    (
        "probe: {interval: fast}",
        "2:19: probe.interval: `fast` is not a duration: write a number with a unit, such as `5s`, `250ms` or `1m 30s`",
    ),
    ("probe: {interval: 1ms}", "2:19: probe.interval: 1ms is out of range: write 10ms to 1m"),
    ("login: {belief: 61s}", "2:17: login.belief: 1m 1s is out of range: write 0s to 1m"),
    (
        "limits: {statement_buffer: big}",
        "2:28: limits.statement_buffer: `big` is not a size: write a number with a unit, such as `256KiB`, `64MiB` or `1GiB`",
    ),
    ("limits: {max_packet: 2GiB}", "2:22: limits.max_packet: 2GiB is out of range: write 4KiB to 1GiB"),
    (
        "limits: {max_packet: 64KiB, statement_buffer: 128KiB}",
        "2:47: limits.statement_buffer: is larger than `limits.max_packet`: write at most that",
    ),
    (
        "limits: {max_sessions: -1}",
        "2:24: limits.max_sessions: the number -1 is out of range: write a whole number from 0 to 4294967295",
    ),
    (
        "limits: {unauthenticated: 8, unauthenticated_per_address: 9}",
        "2:59: limits.unauthenticated_per_address: 9 is out of range: write 1 to 8",
    ),
    ("listeners: []", "2:12: listeners: is empty, so that no client could connect: add `- address: 0.0.0.0:3306`"),
    (
        "listeners: {address: x}",
        "2:12: listeners: a mapping cannot stand here: write a list, each item on a line of its own with `- ` in front",
    ),
    (
        "listeners: [{address: localhost}]",
        "2:23: listeners[0].address: `localhost` names no port: write `0.0.0.0:3306` (all interfaces), `127.0.0.1:3306` (this machine) or `/path/to.sock`",
    ),
    (
        "listeners: [{address: '::1'}]",
        "2:23: listeners[0].address: `::1` is an IPv6 address without brackets: write `[::1]:3306`",
    ),
    (
        "listeners: [{address: 'h:99999'}]",
        "2:23: listeners[0].address: `h:99999` is not an address: write `0.0.0.0:3306` (all interfaces), `127.0.0.1:3306` (this machine) or `/path/to.sock`",
    ),
    (
        "listeners: [{address: 'unix:rel.sock'}]",
        "2:23: listeners[0].address: `unix:rel.sock` is not a socket's path: write the whole path, such as `/run/rolecall/mysql.sock`",
    ),
    ("listeners: [{mode: split}]", "2:13: listeners[0]: `address` is missing: add `address: …`"),
    (
        "listeners: [{address: 'h:1', tls: {certificate: c.pem}}]",
        "2:49: listeners[0].tls.certificate: has no private key beside it: add `key: FILE.pem`",
    ),
    (
        "listeners: [{address: 'h:1', tls: {mode: always}}]",
        "2:42: listeners[0].tls.mode: `always` is not known: write one of `off`, `preferred`, `required`",
    ),
    (
        "kubernetes: {selector: a=b, role: c=d}",
        "2:13: kubernetes: stands beside `servers`: keep the one that says where the servers are, delete the other",
    ),
    (
        "monitor: {user: m, password: x}",
        "2:20: monitor.password: a password does not belong into a configuration: write it into a file and name that by `password_file`",
    ),
    (
        "monitor: {user: m, password_file: /nonexistent}",
        "2:35: monitor.password_file: cannot read /nonexistent: No such file or directory (os error 2): name a file that the proxy may read",
    ),
    (
        "users: [{name: app}]",
        "2:9: users[0]: says nothing of the account: add `password_file: FILE`, `password_hash: \"*…\"` or `pooling: session`",
    ),
    (
        "users: [{name: app, password_hash: sesame}]",
        "2:36: users[0].password_hash: is not what mysql_native_password stores: write `\"*` and 40 hexadecimal digits`\"`, as in mysql.user.authentication_string",
    ),
    (
        "users: [{name: 7, password_file: x}]",
        "2:16: users[0].name: the number 7 cannot stand here: write a text (put it into quotes)",
    ),
    (
        "backend: {tls: {mode: verify-ca}}",
        "2:16: backend.tls: verifies certificates, but no authority is trusted: add `ca: FILE.pem`",
    ),
    (
        "backend: {public_key: {ask: true, file: k.pem}}",
        "2:23: backend.public_key: names a key and asks for one: keep `file` or `ask: true`",
    ),
    (
        "admin: {address: /run/x.sock}",
        "2:18: admin.address: `/run/x.sock` is a socket's path, but the admin endpoint listens on TCP only: write `127.0.0.1:9104` (this machine), `0.0.0.0:9104` (all interfaces) or a port alone",
    ),
    (
        "log: {level: loud}",
        "2:14: log.level: `loud` is not a level: write `error`, `warn`, `info`, `debug` or `trace`, or by module `info,rolecall::topology=debug`",
    ),
    ("log: {format: xml}", "2:15: log.format: `xml` is not known: write one of `text`, `json`"),
    ("workers: many", "2:10: workers: the text `many` cannot stand here: write a whole number from 0 to 4294967295"),
    ("tcp: {keepalive: 1ms}", "2:18: tcp.keepalive: 1ms is out of range: write 1s to 1h"),
];

#[test]
fn each_mistake_names_its_place_and_what_to_write() {
    for (text, expected) in ONE_MISTAKE {
        assert_eq!(mistakes(&format!("{SERVERS}{text}\n")), [expected], "{text}");
    }
}

#[test]
fn mistakes_about_kubernetes() {
    let text = "kubernetes:\n  selector: ' '\n  role: primary\n  namespace: Shop\n  port: 0\n";
    let expected =
        ["3:9: kubernetes.role: `primary` is not KEY=VALUE: write the label that the primary's pod has, such as \
         `role=primary`"];
    // What a wrong `role` leaves of the mapping is judged once the role is right.
    assert_eq!(mistakes(text), expected);
    let expected = [
        "2:13: kubernetes.selector: selects every pod of the namespace: write a label selector such as `app=mysql`",
        "4:14: kubernetes.namespace: `Shop` is not a namespace: write lower-case letters, digits and `-`",
        "5:9: kubernetes.port: 0 is no port: write the servers' port, such as 3306",
    ];
    assert_eq!(mistakes(&text.replace("primary", "role=primary")), expected);
}

#[test]
fn without_servers_the_two_ways_are_named() {
    let found = mistakes("log: {level: debug}\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("add `servers:` with their addresses, or `kubernetes:`"), "{found:?}");
}

#[test]
fn what_is_no_yaml_is_one_mistake_with_its_line() {
    let found = mistakes("servers:\n  - address: 'db0\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("this is not YAML"), "{found:?}");
    assert!(found[0].starts_with(|first: char| first.is_ascii_digit()), "{found:?}");
}

#[test]
fn a_password_file_ends_without_its_line_break_and_never_shows() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s3cret-of-app\n").unwrap();
    let file = folder.path().join("config.yaml");
    let hash = "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9";
    let text =
        format!("{SERVERS}users:\n- {{name: app, password_file: secret}}\n- {{name: old, password_hash: '{hash}'}}\n");
    std::fs::write(&file, text).unwrap();
    let config = Loader { file: Some(file.clone()), ..Loader::default() }.load().unwrap();
    let Some(Secret::Password(password)) = &config.users[0].secret else { panic!("{:?}", config.users) };
    assert_eq!(password.expose(), b"s3cret-of-app");
    let Some(Secret::NativeStored(stored)) = &config.users[1].secret else { panic!("{:?}", config.users) };
    assert_eq!(stored.0[..3], [0x6B, 0xB4, 0x83]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.to_uppercase().contains("6BB4"), "{shown}");
    assert_eq!(config.files, [file, folder.path().join("secret")]);
}

#[test]
fn an_empty_password_file_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let file = folder.path().join("empty");
    let found = mistakes(&format!("{SERVERS}users: [{{name: a, password_file: {}}}]\n", file.display()));
    assert_eq!(
        found,
        [format!("2:34: users[0].password_file: {} is empty: write the password into it", file.display())]
    );
}

#[test]
fn a_key_of_another_certificate_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (ours, theirs) = (make("a"), make("b"));
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("cert.pem", ours.cert.pem());
    write("key.pem", ours.signing_key.serialize_pem());
    write("other.pem", theirs.signing_key.serialize_pem());
    let load = |key: &str| {
        let file = folder.path().join("config.yaml");
        let listener = format!("{{address: 'h:1', tls: {{certificate: cert.pem, key: {key}}}}}");
        std::fs::write(&file, format!("{SERVERS}listeners: [{listener}]\n")).unwrap();
        Loader { file: Some(file), ..Loader::default() }.load()
    };
    assert!(load("key.pem").unwrap().listeners[0].tls.identity.is_some());
    let found = load("other.pem").unwrap_err();
    assert_eq!(found.list.len(), 1, "{found}");
    assert!(found.list[0].message.starts_with("is not the key of the certificate in"), "{found}");
    assert!(load("cert.pem").unwrap_err().to_string().contains("holds no private key"));
}

#[test]
fn flags_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "kubernetes: {selector: a=b, role: c=d, namespace: shop}\nworkers: 3\n").unwrap();
    let mut loader = Loader { file: Some(file), ..Loader::default() };
    loader.overrides.kube_selector = Some("app=mysql".into());
    loader.overrides.kube_role = Some("role=primary".parse().unwrap());
    loader.overrides.workers = Some(2);
    let config = loader.load().unwrap();
    let Source::Kubernetes(pods) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!((pods.selector.as_str(), pods.namespace.as_deref()), ("app=mysql", Some("shop")));
    assert_eq!(config.workers.get(), 2);
    loader.overrides = Overrides { backend: vec!["db9".parse().unwrap()], ..Overrides::default() };
    assert!(matches!(loader.load().unwrap().source, Source::Servers(_)));
}

#[test]
fn a_wrong_flag_is_named() {
    let overrides = Overrides {
        backend: vec!["db0".parse().unwrap()],
        workers: Some(0),
        monitor_user: Some("m".into()),
        monitor_password_file: Some("/nonexistent".into()),
        ..Overrides::default()
    };
    let found = Loader { file: None, overrides }.load().unwrap_err().to_string();
    let expected = "\
--monitor-password-file: cannot read /nonexistent: No such file or directory (os error 2): name a file that the proxy may read
--workers: 0 is out of range: write 1 to 1024";
    assert_eq!(found, expected);
}

#[test]
fn a_missing_file_is_a_mistake() {
    let loader = Loader { file: Some("/nonexistent/config.yaml".into()), ..Loader::default() };
    let found = loader.load().unwrap_err().to_string();
    let expected = "/nonexistent/config.yaml: cannot read it: No such file or directory (os error 2): name a file that \
                    the proxy may read by --config";
    assert_eq!(found, expected);
}

#[test]
fn a_difference_says_what_needs_a_restart() {
    let old = valid(SERVERS);
    let new = valid(
        "servers: [{address: db1}]\nrouting: {hold_timeout: 1s}\nlisteners: [{address: 'h:1'}]\nlog: {level: debug}\n",
    );
    let reload = new.diff(&old);
    assert_eq!(reload.applies, [Part::Servers, Part::Routing, Part::LogLevel]);
    assert_eq!(reload.needs_restart, [Part::Listeners]);
    assert!(old.diff(&old).is_empty());
}

#[test]
fn the_configuration_reference_is_current() {
    crate::cli::assert_current("docs/configuration.md", &crate::cli::reference());
}

#[test]
fn the_metrics_reference_is_current() {
    crate::cli::assert_current("docs/metrics.md", &crate::metrics::reference());
}

#[test]
fn every_option_and_every_metric_has_a_meaning() {
    for page in [crate::cli::reference(), crate::metrics::reference()] {
        let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(rows.len() > 20, "{page}");
        for row in rows {
            assert!(!row.ends_with("|  |"), "{row}");
        }
    }
}

#[test]
fn the_example_in_the_reference_is_valid() {
    let page = crate::cli::reference();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let found = Config::from_yaml(example).unwrap_err();
    // Its password file exists in production only.
    assert!(found.list.iter().all(|mistake| mistake.message.starts_with("cannot read /run/secrets/")), "{found}");
    assert!(Path::new("/run/secrets/rolecall").exists() || found.list.len() == 1, "{found}");
}

#[test]
fn zones_and_weights() {
    let config = valid(
        "zone: a\nrouting: {reads_in_zone: ignore}\nservers: [{address: db0}, {address: db1, zone: b, weight: 0}]\n",
    );
    let Source::Servers(servers) = &config.source else { panic!("{:?}", config.source) };
    let told: Vec<_> = servers.iter().map(|one| (one.zone.as_deref(), one.weight)).collect();
    assert_eq!(told, [(None, 1), (Some("b"), 0)]);
    assert_eq!((config.zone.as_deref(), config.routing.reads_in_zone), (Some("a"), ReadsInZone::Ignore));
    assert!(config.diff(&valid(SERVERS)).needs_restart.is_empty());
    let config = valid("kubernetes: {selector: app=mysql, role: role=primary, weight_key: share}\n");
    let Source::Kubernetes(pods) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!((pods.zone_key.as_str(), pods.weight_key.as_str()), ("topology.kubernetes.io/zone", "share"));
    let found = mistakes("zone: ''\nservers: [{address: db0, weight: 10001}]\n");
    assert!(found[0].contains("zone") && found[1].contains("write 0 to 10000"), "{found:?}");
}

#[test]
fn a_user_may_stand_there_for_its_pooling_alone() {
    let config = valid(&format!("{SERVERS}users: [{{name: batch, pooling: session}}]\n"));
    let User { name, secret, pooling } = &config.users[0];
    assert_eq!((name.as_str(), secret, *pooling), ("batch", &None, Some(Pooling::Session)));
    assert_eq!(config.diff(&valid(SERVERS)).applies, [Part::Users]);
}

#[test]
fn connections_in_advance_fit_under_the_limits() {
    assert_eq!(valid(&format!("{SERVERS}pool: {{min_idle: 4, max_connections: 4}}\n")).pool.min_idle, 4);
    let found = mistakes(&format!("{SERVERS}pool: {{min_idle: 4, max_connections: 9, max_connections_per_user: 3}}\n"));
    assert!(found[0].contains("pool.min_idle: 4 is more than the 3 connections"), "{found:?}");
}
