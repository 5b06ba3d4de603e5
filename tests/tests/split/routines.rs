//! Stored functions, procedures and views: what they do decides, as far as the proxy may look into them.

use std::time::{Duration, Instant};

use rolecall_tests::{Proxy, ProxyOptions, on_every_server};

use crate::counted::Counted;

const SETUP: &[&str] = &[
    "create table u (a int)",
    "create function f_reads (x int) returns int deterministic return (select count(*) from t where id = x)",
    "create function f_writes (x int) returns int deterministic begin insert into u values (x); return x; end",
    "create view v_reads as select f_reads(id) as n from t",
    "create view v_writes as select f_writes(id) as n from t where id = 1",
    "create procedure p () select 1",
];

on_every_server! {
    /// A3, A4, A17
    fn reads_through_code_that_writes_go_to_the_primary(stage) {
        let options = ProxyOptions { configuration: "catalogue_refresh: 1s\n".into(), ..ProxyOptions::default() };
        let proxy = Proxy::start(stage.set.servers(), &options);
        let mut session = Counted::behind(&proxy, stage, "split_routines", SETUP);
        // Code that is not known yet counts as writing.
        let deadline = Instant::now() + Duration::from_secs(20);
        while session.run("sql/select", &["select f_reads(1)"]) != [0, 1] {
            // The doubt ties the session.
            session.client.reset_connection();
            assert!(Instant::now() < deadline, "the catalogue is never read: {}", proxy.log());
        }
        // A view that was made while the catalogue was being read is a table to the proxy until the next time; a replica
        // refuses what it would write.
        while session.run("sql/select", &["select * from v_writes"]) != [1, 0] {
            session.client.reset_connection();
            assert!(Instant::now() < deadline, "the new view is never seen: {}", proxy.log());
        }
        session.client.reset_connection();
        assert_eq!(session.run("sql/select", &["select f_reads(1), f_reads(2)", "select * from v_reads"]), [0, 2]);
        for write in ["select f_writes(1)", "select * from v_writes", "select n from v_writes as v"] {
            assert_eq!(session.run("sql/select", &[write]), [1, 0], "{write}");
            session.client.reset_connection();
        }
        assert_eq!(session.run("sql/call_procedure", &["call p()"]), [1, 0]);
        assert!(!session.is_free(), "nobody looks into procedures");
        session.client.reset_connection();
        assert!(session.is_free());
        proxy.expect_no_panic();
    }
}
