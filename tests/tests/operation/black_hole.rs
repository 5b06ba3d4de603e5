//! Networks that are cut without a FIN or RST: X10 of the wire cases.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use rolecall_tests::black_hole::BlackHole;
use rolecall_tests::middle_box::{MiddleBox, Verdict};
use rolecall_tests::raw::Client;
use rolecall_tests::{Proxy, ProxyOptions, free_port, on_every_server, tell, wait_until};

const SOON: &str = "tcp: {keepalive: 1s, user_timeout: 2s}\nbackend: {connect_timeout: 2s}\n";

on_every_server! {
    /// Keepalive finds out about it: its transaction is rolled back, its statement is killed.
    fn x10_a_client_behind_a_cut_network_holds_nothing(stage) {
        let hole = BlackHole::new();
        let address = SocketAddr::new(hole.near(), free_port(std::net::Ipv4Addr::LOCALHOST));
        let more = vec![format!("--listen={address}")];
        let options = ProxyOptions { configuration: SOON.into(), more, ..ProxyOptions::default() };
        let proxy = Proxy::start([&stage.set.primary], &options);
        let account = stage.account("oper_x10", &[]);
        let login = || hole.on_the_far_side(|| Client::login(address, &account).expect("a login"));
        let [mut holder, mut sleeper] = [login(), login()];
        holder.run("begin");
        holder.run("update t set a = 2 where id = 1");
        sleeper.send_query("select sleep(120) from t");
        let root = |sql: &str| stage.set.primary.run(sql).value();
        let sleeps = "select count(*) from information_schema.processlist where info like 'select sleep(120)%'";
        wait_until("it sleeps", || root(sleeps) == "1");
        hole.cut();
        let cut_at = Instant::now();
        wait_until("its statement is killed", || root(sleeps) == "0");
        let killed_after = cut_at.elapsed();
        let mut other = stage.set.primary.root();
        other.run("set innodb_lock_wait_timeout = 1");
        wait_until("its lock is gone", || other.query("update oper_x10.t set a = 3 where id = 1").code() == 0);
        tell(&format!("a client behind a cut network: statement killed after {killed_after:?}, lock gone after {:?}", cut_at.elapsed()));
        proxy.expect_no_panic();
    }

    /// Who waits for a server behind it is told within a bound, and of a write that its outcome is unknown. Once the network is
    /// there again, so is the server.
    fn x10_a_server_behind_a_cut_network_is_an_error_in_time(stage) {
        let hole = BlackHole::new();
        let listener = hole.on_the_far_side(|| TcpListener::bind((hole.far(), 0)).expect("a port"));
        let way = MiddleBox::over(listener, stage.set.primary.address(), |_| Verdict::Pass);
        let configuration = format!("{SOON}routing: {{hold_timeout: 1s}}\n");
        let options = ProxyOptions { configuration, backends: vec![way.address()], ..ProxyOptions::default() };
        let proxy = Proxy::start([], &options);
        let account = stage.account("oper_x10_far", &[]);
        let [mut writer, mut reader] = [0, 1].map(|_| proxy.login(&account));
        for client in [&mut writer, &mut reader] {
            client.run("begin");
            client.run("select * from t");
            client.run("commit");
        }
        hole.cut();
        let cut_at = Instant::now();
        writer.send_query("insert into t values (9, 9)");
        let reply = reader.query("select * from t");
        assert_ne!(reply.code(), 0, "{reply:?}");
        let error = writer.read_reply(rolecall_tests::raw::Kind::Result).error().expect("an error").to_string();
        assert!(error.contains("may or may not"), "{error}");
        tell(&format!("a server behind a cut network: told after {:?}", cut_at.elapsed()));
        hole.mend();
        wait_until("the server is there again", || {
            let mut client = Client::login(proxy.address(), &account).expect("a login by what the proxy knows");
            client.query("select * from t").code() == 0
        });
        proxy.expect_no_panic();
    }
}
