//! A replica that lags gets no reads until it has caught up and stayed near.

use std::time::{Duration, Instant};

use rolecall_tests::{Proxy, on_every_server};

use crate::field::Field;

fn wait_for_role(proxy: &Proxy, replica: &str, role: &str, mut meanwhile: impl FnMut()) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        meanwhile();
        let topology = proxy.admin_json("/topology");
        let servers = topology["servers"].as_array().expect("servers");
        let server = servers.iter().find(|server| server["address"] == replica).expect("the replica");
        if server["role"] == role {
            let (observed, threads) = (&server["observed"], &server["observed"]["replication"]);
            assert_eq!(
                (&observed["health"], &threads["kind"]),
                (&"trusted".into(), &"asynchronous".into()),
                "{server:#}"
            );
            assert_eq!(
                (&threads["receiver"], &threads["applier"]),
                (&"running".into(), &"running".into()),
                "{server:#}"
            );
            return;
        }
        assert!(Instant::now() < deadline, "never {role}: {topology:#}\n{}", proxy.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

on_every_server! {
    /// F1: `max_lag`, of a fraction of a second, which Seconds_Behind_Source cannot tell.
    fn a_replica_that_lags_gets_no_reads(stage) {
        let field = Field::new(stage, "cons_lag");
        let proxy = field.another_proxy("routing: {max_lag: 400ms}\nprobe: {interval: 50ms}\n");
        let late = stage.set.replicas[1].address().to_string();
        let mut writer = stage.set.primary.root();
        writer.init_db("cons_lag").expect_ok("schema");
        let mut number = 100;
        let mut write = || {
            number += 1;
            writer.run(&format!("update t set a = {number} where id = 1"));
        };
        wait_for_role(&proxy, &late, "replica", &mut write);
        let held = field.hold_back(1);
        wait_for_role(&proxy, &late, "unroutable", &mut write);
        let mut reader = proxy.login(&field.options);
        reader.run("set rolecall_consistency = eventual");
        let before = field.counts_of(&stage.set.replicas[1], "sql/select");
        for _ in 0..20 {
            reader.run("select a from t where id = 1");
        }
        assert_eq!(field.counts_of(&stage.set.replicas[1], "sql/select"), before);
        let freed = Instant::now();
        drop(held);
        wait_for_role(&proxy, &late, "replica", &mut write);
        assert!(freed.elapsed() >= Duration::from_secs(1), "it has to stay near for a second first");
    }
}
