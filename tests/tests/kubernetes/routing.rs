//! The whole proxy in front of pods: where writes and reads went, by what the servers themselves hold and count.

use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Kubernetes, Proxy, ProxyOptions, StatementCounts};

use crate::watched::Pods;

const USER: &str = "app";
const PASSWORD: &str = "p4ss";
/// Rolecall's own error when no server may take a statement.
const NO_SERVER: u16 = 1105;

/// Three servers as pods, and a proxy that follows them. `mysql-0` is writable and labelled; the others neither.
struct Front {
    cluster: Kubernetes,
    pods: Pods,
    proxy: Proxy,
    written: u32,
}

impl Front {
    fn start() -> Self {
        let (cluster, pods) = (Kubernetes::start(), Pods::start(3));
        for (number, server) in pods.servers.iter().enumerate() {
            // Every server counts for itself: nothing replicates between them.
            server.run("create database shop");
            server.run("create table shop.t (id int primary key)");
            server.run(&format!("create user {USER} identified by '{PASSWORD}'"));
            server.run(&format!("grant all on shop.* to {USER}"));
            pods.set_writable(number, number == 0);
            let role = if number == 0 { "primary" } else { "replica" };
            cluster.create_pod(&pod(number), &[("app", "mysql"), ("role", role)], pods.ip(number));
        }
        let configuration = format!(
            "kubernetes:\n  selector: app=mysql\n  role: role=primary\n  port: {}\n  kubeconfig: {}\n\
             routing:\n  hold_timeout: 300ms\n",
            pods.port,
            cluster.kubeconfig().display()
        );
        let options = ProxyOptions { configuration, ..ProxyOptions::default() };
        let proxy = Proxy::start([], &options);
        let front = Self { cluster, pods, proxy, written: 0 };
        front.wait_for_roles(["primary", "replica", "replica"]);
        front
    }

    fn login(&self) -> Client {
        let mut client = self.proxy.login(&LoginOptions::new(USER, PASSWORD).database("shop"));
        // These servers do not replicate: nobody would ever have what the session wrote.
        client.run("set rolecall_consistency = eventual");
        client
    }

    /// Waits until the proxy sees these roles, by its own word.
    fn wait_for_roles(&self, roles: [&str; 3]) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let topology = self.proxy.admin_json("/topology");
            let of = |number: usize| {
                let servers = topology["servers"].as_array().expect("a list of servers");
                let server = servers.iter().find(|server| server["name"] == pod(number).as_str());
                server.map_or("gone", |server| server["role"].as_str().expect("a role"))
            };
            if [of(0), of(1), of(2)] == roles {
                return;
            }
            assert!(Instant::now() < deadline, "never {roles:?}: {topology:#}\n{}", self.proxy.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn rows(&self, number: usize) -> usize {
        self.pods.servers[number].value("select count(*) from shop.t").parse().expect("a number")
    }

    /// One write through the proxy: its error code, and on which servers it can be found.
    fn write(&mut self, client: &mut Client) -> (u16, Vec<usize>) {
        self.written += 1;
        let before = [0, 1, 2].map(|number| self.rows(number));
        let code = client.query(format!("insert into t values ({})", self.written)).code();
        let grown = (0..3).filter(|number| self.rows(*number) > before[*number]).collect();
        (code, grown)
    }

    /// The server that `count` reads went to, by its own counter; each must go to the same set of servers.
    fn reads(&self, client: &mut Client, count: usize) -> Vec<i64> {
        let selects = |number: usize| StatementCounts::read(&self.pods.servers[number], USER).of("sql/select");
        let before = [0, 1, 2].map(selects);
        for _ in 0..count {
            client.query("select count(*) from t").expect_ok("a read");
        }
        // A server counts a statement after it has answered it: the last one may show a moment later. A count that stays
        // wrong is returned as it is.
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let counts: Vec<i64> = (0..3).map(|number| selects(number) - before[number]).collect();
            if counts.iter().sum::<i64>() == count as i64 || Instant::now() > deadline {
                return counts;
            }
        }
    }
}

fn pod(number: usize) -> String {
    format!("mysql-{number}")
}

#[test]
fn writes_follow_label_and_server_together_and_neither_alone() {
    let mut front = Front::start();
    let mut client = front.login();
    assert_eq!(front.write(&mut client), (0, vec![0]));
    let reads = front.reads(&mut client, 20);
    assert_eq!((reads[0], reads.iter().sum::<i64>()), (0, 20), "reads go to the replicas");

    // The label alone.
    front.cluster.set_label("mysql-0", "role", Some("replica"));
    front.cluster.set_label("mysql-1", "role", Some("primary"));
    front.wait_for_roles(["unroutable", "replica", "replica"]);
    assert_eq!(front.write(&mut client), (NO_SERVER, vec![]));

    // Then the servers as well: the switchover is whole.
    front.pods.set_writable(0, false);
    front.pods.set_writable(1, true);
    front.wait_for_roles(["replica", "primary", "replica"]);
    assert_eq!(front.write(&mut client), (0, vec![1]));

    // The servers alone.
    front.pods.set_writable(1, false);
    front.pods.set_writable(2, true);
    front.wait_for_roles(["replica", "replica", "unroutable"]);
    assert_eq!(front.write(&mut client), (NO_SERVER, vec![]));
    front.cluster.set_label("mysql-1", "role", Some("replica"));
    front.cluster.set_label("mysql-2", "role", Some("primary"));
    front.wait_for_roles(["replica", "replica", "primary"]);
    assert_eq!(front.write(&mut client), (0, vec![2]));
    let reads = front.reads(&mut client, 20);
    assert_eq!((reads[2], reads.iter().sum::<i64>()), (0, 20));
    front.proxy.expect_no_panic();
}

#[test]
fn of_two_labelled_and_writable_primaries_none_gets_writes() {
    let mut front = Front::start();
    let mut client = front.login();
    front.pods.set_writable(1, true);
    front.cluster.set_label("mysql-1", "role", Some("primary"));
    front.wait_for_roles(["unroutable", "unroutable", "replica"]);
    assert_eq!(front.write(&mut client), (NO_SERVER, vec![]));
    assert_eq!(front.reads(&mut client, 5), [0, 0, 5], "reads go on where nothing is in doubt");

    // A higher epoch decides; the label that was left behind does not matter any more.
    front.cluster.set_annotation("mysql-1", "role-epoch", Some("2"));
    front.wait_for_roles(["unroutable", "primary", "replica"]);
    assert_eq!(front.write(&mut client), (0, vec![1]));
    front.proxy.expect_no_panic();
}

#[test]
fn deleted_pods_get_nothing_though_their_servers_still_answer() {
    let mut front = Front::start();
    let mut client = front.login();
    front.cluster.delete_pod("mysql-1");
    front.wait_for_roles(["primary", "gone", "replica"]);
    assert_eq!(front.reads(&mut client, 10), [0, 0, 10]);
    front.cluster.delete_pod("mysql-0");
    front.wait_for_roles(["gone", "gone", "replica"]);
    assert_eq!(front.write(&mut client), (NO_SERVER, vec![]));

    // A new pod of the old name takes over at another address.
    front.pods.set_writable(1, true);
    front.cluster.create_pod("mysql-0", &[("app", "mysql"), ("role", "primary")], front.pods.ip(1));
    front.wait_for_roles(["primary", "gone", "replica"]);
    assert_eq!(front.write(&mut client), (0, vec![1]));
    front.proxy.expect_no_panic();
}

#[test]
fn without_the_api_server_statements_go_on_and_a_restart_is_caught_up_with() {
    let mut front = Front::start();
    let mut client = front.login();
    front.cluster.stop_api_server();
    assert_eq!(front.write(&mut client), (0, vec![0]));
    assert_eq!(front.reads(&mut client, 10).iter().sum::<i64>(), 10);
    // Labels cannot change now, but servers can: what they say still counts.
    front.pods.set_writable(0, false);
    front.wait_for_roles(["replica", "replica", "replica"]);
    assert_eq!(front.write(&mut client), (NO_SERVER, vec![]));
    front.pods.set_writable(1, true);
    front.cluster.start_api_server();
    front.cluster.set_label("mysql-0", "role", Some("replica"));
    front.cluster.set_label("mysql-1", "role", Some("primary"));
    front.wait_for_roles(["replica", "primary", "replica"]);
    assert_eq!(front.write(&mut client), (0, vec![1]));
    front.proxy.expect_no_panic();
}
