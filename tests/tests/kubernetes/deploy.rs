//! The manifests in `deploy/`, applied to a real API server and used as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall_router::topology::inventory::{FUNCTIONS, TRIGGERS, VIEWS};
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Kubernetes, NAMESPACE, Proxy, ProxyOptions, Server, ServerOptions, binary, wait_until};

use crate::watched::Pods;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// With the service account's rights, and by the configuration that the manifests bring, but for addresses and files.
#[test]
fn a_proxy_works_with_what_the_manifests_give_it() {
    let (cluster, pods) = (Kubernetes::start(), Pods::start(1));
    let folder = deploy().join("proxy");
    let applied = cluster.kubectl_ok(&["apply", "--validate=strict", "-f", folder.to_str().expect("UTF-8")]);
    for kind in [
        "configmap/rolecall",
        "deployment.apps/rolecall",
        "poddisruptionbudget.policy/rolecall",
        "service/rolecall-admin",
    ] {
        assert!(applied.contains(kind), "{applied}");
    }
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:rolecall");
    for (verb, what, may) in [
        ("list", "pods", true),
        ("watch", "pods", true),
        ("patch", "pods", false),
        ("get", "secrets", false),
        ("list", "secrets", false),
        ("create", "pods/exec", false),
    ] {
        let told = cluster.kubectl(&["auth", "can-i", verb, what, &account]);
        assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), if may { "yes" } else { "no" }, "{verb} {what}");
    }
    let elsewhere = cluster.kubectl(&["auth", "can-i", "list", "pods", "--namespace=kube-system", &account]);
    assert_eq!(String::from_utf8_lossy(&elsewhere.stdout).trim(), "no");

    let text = cluster.kubectl_ok(&["get", "configmap", "rolecall", "-o", "jsonpath={.data.rolecall\\.yaml}"]);
    let file = cluster.kubeconfig().with_file_name("rolecall.yaml");
    let password = cluster.kubeconfig().with_file_name("password");
    std::fs::write(&password, Server::PASSWORD).expect("writable");
    std::fs::write(&file, text.replace("/run/secrets/rolecall/password", &password.display().to_string()))
        .expect("writable");
    let checked = Command::new(binary()).arg("check").arg("--config").arg(&file).output().expect("it runs");
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );

    pods.servers[0].run("create user app identified by 'p4ss'");
    cluster.create_pod("mysql-0", &[("app", "mysql"), ("role", "primary")], pods.ip(0));
    let token = cluster.kubectl_ok(&["create", "token", "rolecall"]);
    let admin = std::fs::read_to_string(cluster.kubeconfig()).expect("a kubeconfig");
    let mut config: serde_json::Value = serde_json::from_str(&admin).expect("JSON");
    config["users"][0]["user"] = serde_json::json!({ "token": token });
    let own = cluster.kubeconfig().with_file_name("service-account");
    std::fs::write(&own, config.to_string()).expect("writable");
    let part = text.lines().skip_while(|line| *line != "kubernetes:").take(3).collect::<Vec<_>>().join("\n");
    let configuration = format!("{part}\n  port: {}\n  kubeconfig: {}\n", pods.port, own.display());
    let proxy = Proxy::start([], &ProxyOptions { configuration, ..ProxyOptions::default() });
    wait_until("it is ready", || proxy.admin("/readyz").0 == 200);
    assert_eq!(proxy.login(&LoginOptions::new("app", "p4ss")).run("select 1").value(), "1");
    proxy.expect_no_panic();
}

/// The monitor account has all rights that the proxy asks for.
fn expect_a_monitor_account_that_lacks_nothing(flavour: Flavour) {
    let text = std::fs::read_to_string(deploy().join("monitor.sql")).expect("the file");
    let (mysql, mariadb) = text.split_once("-- MariaDB").expect("two parts");
    let lines: Vec<&str> = match flavour.is_mariadb() {
        false => mysql.lines().filter(|line| !line.starts_with("--")).collect(),
        true => mariadb.lines().skip(1).filter_map(|line| line.strip_prefix("-- ")).collect(),
    };
    let server = Server::start(flavour, &ServerOptions::default());
    server.run("drop user if exists monitor");
    for statement in lines.join(" ").split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        // The name and password that all tests' proxies have.
        let password = format!("'{}'", Server::PASSWORD.replace('\'', "''"));
        server.run(&statement.replace("'change me'", &password).replace("rolecall", "monitor"));
    }
    for sql in [
        "create schema shop",
        "create table shop.t (a int)",
        "create function shop.f() returns int deterministic return (select max(a) from shop.t)",
        "create view shop.v as select a from shop.t",
        "create trigger shop.g before insert on shop.t for each row set new.a = 1",
    ] {
        server.run(sql);
    }
    let mut monitor =
        Client::login(server.address(), &LoginOptions::new("monitor", Server::PASSWORD)).expect("a login");
    for (question, part) in [(FUNCTIONS, "max(a)"), (VIEWS, "shop"), (TRIGGERS, "new.a")] {
        let rows = monitor.run(question).rows();
        let told = |row: &Vec<Option<String>>| row[1].as_ref().is_some_and(|text| text.to_lowercase().contains(part));
        assert!(rows.iter().any(told), "{question}: {rows:?}");
    }
    let proxy = Proxy::start([&server], &ProxyOptions::default());
    wait_until("it is ready", || proxy.admin("/readyz").0 == 200);
    let (_, ready) = proxy.admin("/readyz");
    let page: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    assert_eq!(page["warnings"], serde_json::json!([]), "{ready}");
    proxy.expect_no_panic();
}

#[test]
fn the_monitor_account_of_the_manifests_lacks_nothing_on_mysql() {
    expect_a_monitor_account_that_lacks_nothing(Flavour::Mysql);
}

#[test]
fn the_monitor_account_of_the_manifests_lacks_nothing_on_mariadb() {
    expect_a_monitor_account_that_lacks_nothing(Flavour::mariadb());
}
