//! A proxy that may not watch pods: it says what it lacks, and goes on by itself once it is given.

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Kubernetes, Proxy, ProxyOptions, wait_until};

use crate::watched::Pods;

#[test]
fn a_missing_right_to_watch_is_named_and_its_grant_is_enough() {
    let (cluster, pods) = (Kubernetes::start(), Pods::start(1));
    pods.servers[0].run("create user app identified by 'p4ss'");
    cluster.create_pod("mysql-0", &[("app", "mysql"), ("role", "primary")], pods.ip(0));
    // The administrator's kubeconfig without its credentials: whoever uses it is `system:anonymous`.
    let text = std::fs::read_to_string(cluster.kubeconfig()).expect("a kubeconfig");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["users"][0]["user"] = serde_json::json!({});
    let anonymous = cluster.kubeconfig().with_file_name("anonymous");
    std::fs::write(&anonymous, config.to_string()).expect("writable");

    let proxy = Proxy::start(
        [],
        &ProxyOptions {
            configuration: format!(
                "kubernetes:\n  selector: app=mysql\n  role: role=primary\n  port: {}\n  kubeconfig: {}\n",
                pods.port,
                anonymous.display()
            ),
            ..ProxyOptions::default()
        },
    );
    proxy.wait_for_log("grant the service account list and watch on pods");
    let (status, page) = proxy.admin("/readyz");
    assert_eq!(status, 503, "{page}");
    assert!(page.contains("forbidden") && page.contains("pods"), "the reason is not on /readyz: {page}");
    let options = LoginOptions::new("app", "p4ss");
    let refused = Client::login(proxy.address(), &options).map(drop).expect_err("there is no server yet");
    assert_eq!(refused.code, 1105, "{refused}");

    cluster.kubectl_ok(&["create", "role", "watcher", "--verb=list,watch", "--resource=pods"]);
    cluster.kubectl_ok(&["create", "rolebinding", "watcher", "--role=watcher", "--user=system:anonymous"]);
    wait_until("it is ready", || proxy.admin("/readyz").0 == 200);
    assert_eq!(proxy.login(&options).run("select 1").value(), "1");
    proxy.expect_no_panic();
}
