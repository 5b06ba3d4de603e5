//! Users whose sessions keep, or share, their connections whatever their listener says.

use std::sync::Arc;
use std::time::Duration;

use rolecall_tests::raw::LoginOptions;
use rolecall_tests::{Proxy, ProxyOptions, Stage, on_every_server, wait_until};

use crate::pool::{NO_SERVER, connections};

const HANDOVERS: &str = "rolecall_pool_handovers_total";

/// A proxy in front of the primary alone, with this `pooling` of its listener and these `users`.
fn proxy(stage: &Arc<Stage>, mode: &str, pool: &str, users: &str) -> Proxy {
    let configuration = format!("workers: 1\npool: {{wait_timeout: 300ms, {pool}}}\nusers: [{users}]\n");
    let listener = Some(format!("pooling: {mode}"));
    Proxy::start([&stage.set.primary], &ProxyOptions { configuration, listener, ..ProxyOptions::default() })
}

/// Two accounts.
fn accounts(stage: &Arc<Stage>, name: &str) -> [LoginOptions; 2] {
    [stage.account(&format!("{name}_a"), &[]), stage.account(&format!("{name}_b"), &[])]
}

/// Two sessions of the account run a statement each, both idle before; whether they share a connection.
fn share(stage: &Arc<Stage>, proxy: &Proxy, options: &LoginOptions) -> bool {
    let handovers = proxy.metric(HANDOVERS);
    let [mut one, mut other] = [proxy.login(options), proxy.login(options)];
    one.run("select count(*) from t");
    wait_until("its connection", || !connections(&stage.set.primary, &options.user).is_empty());
    std::thread::sleep(Duration::from_millis(50));
    // With one connection for each user it is the other's, or nobody's.
    let shared = other.query("select count(*) from t").code() != NO_SERVER;
    assert_eq!(proxy.metric(HANDOVERS) > handovers, shared);
    shared
}

on_every_server! {
    /// Neither needs a password in the configuration: they log in by what is learnt, as everybody does.
    fn a_user_keeps_its_connections_at_a_listener_that_shares(stage) {
        let [kept, shared] = accounts(stage, "users_kept");
        let proxy = proxy(stage, "transaction", "max_connections_per_user: 1", "{name: users_kept_a, pooling: session}");
        assert!(!share(stage, &proxy, &kept));
        assert!(share(stage, &proxy, &shared));
        // A connection that ended with its session is nobody's.
        wait_until("they are gone", || connections(&stage.set.primary, &kept.user).is_empty());
        assert_eq!(connections(&stage.set.primary, &shared.user).len(), 1);
        let listed = proxy.admin_json("/config")["users"].clone();
        assert_eq!(listed[0], "users_kept_a");
        proxy.expect_no_panic();
    }

    fn a_user_shares_its_connections_at_a_listener_where_others_keep_them(stage) {
        let [shared, kept] = accounts(stage, "users_shared");
        let proxy = proxy(stage, "session", "max_connections_per_user: 1", "{name: users_shared_a, pooling: transaction}");
        assert!(share(stage, &proxy, &shared));
        assert!(!share(stage, &proxy, &kept));
        proxy.expect_no_panic();
    }

    fn com_change_user_goes_by_the_new_user(stage) {
        let [kept, shared] = accounts(stage, "users_change");
        let proxy = proxy(stage, "transaction", "max_connections_per_user: 1", "{name: users_change_a, pooling: session}");
        let mut changing = proxy.login(&shared);
        changing.run("select count(*) from t");
        changing.change_user(&kept).expect("it is let in");
        changing.run("select count(*) from t");
        let mut other = proxy.login(&kept);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(other.query("select count(*) from t").code(), NO_SERVER, "it is kept");
        changing.change_user(&shared).expect("it is let in");
        changing.run("select count(*) from t");
        other.run("select count(*) from t");
        let mut other = proxy.login(&shared);
        std::thread::sleep(Duration::from_millis(50));
        other.run("select count(*) from t");
        changing.run("select count(*) from t");
        proxy.expect_no_panic();
    }

    /// A session that has changed its user stands in the new account's lines, and in the old one's no more.
    fn who_has_changed_its_user_gives_to_its_new_account(stage) {
        let [old, new] = accounts(stage, "users_new");
        let proxy = proxy(stage, "transaction", "max_connections: 10", "");
        let mut changing = proxy.login(&old);
        changing.run("select count(*) from t");
        std::thread::sleep(Duration::from_millis(50));
        changing.change_user(&new).expect("it is let in");
        changing.run("select count(*) from t");
        std::thread::sleep(Duration::from_millis(50));
        for options in [&old, &new] {
            let mut other = proxy.login(options);
            other.run("select count(*) from t");
            changing.run("select count(*) from t");
        }
        proxy.expect_no_panic();
    }
}
