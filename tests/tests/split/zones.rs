//! Reads stay in the proxy's zone, as long as somebody there serves them, and follow weights.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{MiddleBox, Verdict};
use rolecall_tests::{Proxy, ProxyOptions, Stage, on_every_server};

use crate::counted::Counted;

/// A proxy in zone `here` in front of the stage's servers, with what else is said of each replica.
fn proxy(stage: &Arc<Stage>, replicas: [&str; 2], routing: &str) -> Proxy {
    let addresses = [0, 1].map(|at: usize| stage.set.replicas[at].address());
    proxy_at(stage, addresses, replicas, routing)
}

/// The same with other ways to the replicas.
fn proxy_at(stage: &Arc<Stage>, addresses: [SocketAddr; 2], replicas: [&str; 2], routing: &str) -> Proxy {
    let replicas = addresses.iter().zip(replicas);
    let replicas: Vec<_> = replicas.map(|(address, more)| format!("{{address: '{address}', {more}}}")).collect();
    let configuration = format!(
        "zone: here\nbackend: {{tls: {{mode: off}}, public_key: {{ask: true}}}}\nrouting: {{{routing}}}\nservers: [{{address: '{}'}}, {}]\n",
        stage.set.primary.address(),
        replicas.join(", ")
    );
    Proxy::start([], &ProxyOptions { configuration, ..ProxyOptions::default() })
}

/// Where 30 reads of one session went.
fn reads(session: &mut Counted) -> [i64; 3] {
    session.count("sql/select", 30, |client| (0..30).for_each(|_| drop(client.run("select * from t"))))
}

/// Waits until the proxy says this role of its `at`th server.
fn wait_for_role(proxy: &Proxy, at: usize, role: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let server = proxy.admin_json("/topology")["servers"][at].clone();
        if server["role"] == role {
            return;
        }
        assert!(Instant::now() < deadline, "it is not {role}: {server}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

on_every_server! {
    fn reads_of_an_idle_proxy_stay_in_its_zone(stage) {
        let proxy = proxy(stage, ["zone: there", "zone: here"], "");
        let mut session = Counted::behind(&proxy, stage, "split_zone", &[]);
        assert_eq!(reads(&mut session), [0, 0, 30]);
        let topology = proxy.admin_json("/topology");
        let told = |at: usize| {
            let server = &topology["servers"][at];
            (server["zone"].as_str().map(str::to_owned), server["weight"].as_u64(), server["is_in_own_zone"].as_bool())
        };
        assert_eq!([told(0), told(1), told(2)], [
            (None, Some(1), Some(false)),
            (Some("there".into()), Some(1), Some(false)),
            (Some("here".into()), Some(1), Some(true)),
        ]);
        proxy.expect_no_panic();
    }

    fn zones_may_be_ignored(stage) {
        let proxy = proxy(stage, ["zone: there", "zone: here"], "reads_in_zone: ignore");
        let mut session = Counted::behind(&proxy, stage, "split_zone_ignored", &[]);
        let reads = reads(&mut session);
        assert!(reads[0] == 0 && reads[1] > 5 && reads[2] > 5, "{reads:?}");
    }

    fn reads_leave_a_zone_whose_server_is_gone_and_come_back(stage) {
        let near = stage.set.replicas[0].address();
        let is_down = Arc::new(AtomicBool::new(false));
        let down = Arc::clone(&is_down);
        let way = MiddleBox::start(near, move |_| {
            if down.load(Ordering::Relaxed) { Verdict::Last(Vec::new()) } else { Verdict::Pass }
        });
        let proxy = proxy_at(stage, [way.address(), stage.set.replicas[1].address()], ["zone: here", "zone: there"], "");
        let mut session = Counted::behind(&proxy, stage, "split_zone_left", &[]);
        assert_eq!(reads(&mut session), [0, 30, 0]);
        is_down.store(true, Ordering::Relaxed);
        wait_for_role(&proxy, 1, "unroutable");
        assert_eq!(reads(&mut session), [0, 0, 30]);
        is_down.store(false, Ordering::Relaxed);
        wait_for_role(&proxy, 1, "replica");
        assert_eq!(reads(&mut session), [0, 30, 0]);
        proxy.expect_no_panic();
    }

    fn weights_are_shares_and_weight_0_is_the_last_resort(stage) {
        let weighted = proxy(stage, ["weight: 1", "weight: 4"], "");
        let mut session = Counted::behind(&weighted, stage, "split_weight", &[]);
        let shares = reads(&mut session);
        assert!(shares[0] == 0 && (2..=11).contains(&shares[1]), "{shares:?}: 6 and 24 are due");
        let last = proxy(stage, ["weight: 0, zone: here", "zone: there"], "");
        let mut session = Counted::behind(&last, stage, "split_weight_0", &[]);
        assert_eq!(reads(&mut session), [0, 0, 30]);
    }
}
