//! What a probe, a scraper and a curious attacker see.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use rolecall_router::topology::{Address, Primary, Role, Server, ServerId, Topology};

use super::*;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::registry::Sessions;
use crate::shared::Phase;
use crate::topology::{Observed, SourceHealth, TopologyHandle};

fn server(id: u32, role: Role, why: &str) -> Arc<Server> {
    Arc::new(Server {
        id: ServerId(id),
        address: Address::Tcp("10.0.0.1".into(), 3306),
        name: format!("db{id}"),
        uuid: None,
        role,
        why: why.into(),
        weight: 1,
        zone: None,
        is_near: false,
        outstanding: Arc::default(),
    })
}

fn state(topology: Topology) -> State {
    let (handle, publisher) = TopologyHandle::new();
    publisher.publish(topology);
    let source = SourceHealth { last_event: Some(std::time::Instant::now()), error: None };
    publisher.observe(Observed { source, missing: vec!["REPLICATION CLIENT: no lag".into()], ..Observed::default() });
    let config = Config::from_yaml("servers: [{address: db0}]").unwrap();
    let state = State {
        topology: handle,
        sessions: Arc::<Sessions>::default(),
        metrics: Metrics::new(1),
        config: watch::channel(Arc::new(config)).1,
        phase: watch::channel(Phase::Running).1,
    };
    state.feed_metrics();
    state
}

/// Sends one request to a real listener; the whole reply.
async fn ask(state: State, request: &str) -> String {
    let listener = bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, state));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    server.abort();
    reply
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn without_a_usable_server_readyz_is_503_and_says_why() {
    let topology = Topology {
        servers: vec![server(1, Role::Unroutable, "label says primary, read_only is ON")],
        ..Topology::empty()
    };
    let reply = ask(state(topology), &get_request("/readyz")).await;
    assert!(reply.starts_with("HTTP/1.1 503 "), "{reply}");
    assert!(reply.contains("no server may be used: db1: label says primary, read_only is ON"), "{reply}");
}

#[tokio::test]
async fn a_missing_primary_is_a_warning_while_replicas_serve() {
    let topology = Topology {
        servers: vec![server(1, Role::Replica, "read_only")],
        primary: Primary::None("two writable servers".into()),
        ..Topology::empty()
    };
    let reply = ask(state(topology), &get_request("/readyz")).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(reply.contains("no primary, so that writes wait: two writable servers"), "{reply}");
    assert!(reply.contains("REPLICATION CLIENT"), "{reply}");
}

#[tokio::test]
async fn a_draining_proxy_is_not_ready_but_alive() {
    let topology = Topology { servers: vec![server(1, Role::Replica, "")], ..Topology::empty() };
    let mut state = state(topology);
    state.phase = watch::channel(Phase::Draining).1;
    assert!(ask(state.clone(), &get_request("/readyz")).await.starts_with("HTTP/1.1 503 "));
    assert!(ask(state, &get_request("/livez")).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn metrics_show_the_topology() {
    let topology = Topology { servers: vec![server(1, Role::Replica, "")], ..Topology::empty() };
    let reply = ask(state(topology), &get_request("/metrics")).await;
    assert!(reply.contains("application/openmetrics-text"), "{reply}");
    assert!(reply.contains("rolecall_servers{role=\"replica\"} 1"), "{reply}");
}

#[tokio::test]
async fn markup_in_a_reason_is_only_text() {
    let topology =
        Topology { servers: vec![server(1, Role::Unroutable, "<script>alert('x')</script>")], ..Topology::empty() };
    let reply = ask(state(topology), &get_request("/")).await;
    assert!(!reply.contains("<script>"), "{reply}");
    assert!(reply.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{reply}");
}

#[tokio::test]
async fn other_methods_are_refused() {
    let request = "POST /topology HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(ask(state(Topology::empty()), request).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_is_cut_off() {
    let reply = ask(state(Topology::empty()), "GET /livez HTTP/1.1\r\nhost:").await;
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 408 "), "{reply}");
}
