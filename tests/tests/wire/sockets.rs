//! Unix sockets on both sides, E10 of the traps: a password may go in clear there, and the host of the account is
//! `localhost`.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, on_every_server};

use crate::login::account;

/// A proxy that listens at a unix socket, in front of the primary's.
fn proxy_between_sockets(stage: &rolecall_tests::Stage) -> (Proxy, PathBuf) {
    let path = std::env::temp_dir().join(format!("rolecall-{}-{}.sock", stage.flavour().name(), std::process::id()));
    // What another process left behind looks like a listener, and is replaced.
    drop(UnixListener::bind(&path).expect("the temporary folder is writable"));
    let backend = stage.set.primary.folder().join("socket");
    let more = vec![format!("--backend={}", backend.display()), format!("--listen=unix:{}", path.display())];
    (Proxy::start([], &ProxyOptions { more, ..ProxyOptions::default() }), path)
}

on_every_server! {
    fn e10_unix_sockets_on_both_sides(stage) {
        let (proxy, path) = proxy_between_sockets(stage);
        let direct = stage.set.primary.folder().join("socket");
        let identified = stage.flavour().identified("p");
        // Nobody else's: the account is the socket's alone.
        stage.set.primary.run(&format!("create user e10@localhost {identified}"));
        account(stage, "e10_anywhere", &identified);
        for (user, password) in [("e10", "p"), ("e10", "wrong"), ("e10", ""), ("e10_anywhere", "p"), ("e10_nobody", "p"), ("e10", "p")] {
            let mut options = LoginOptions::new(user, password);
            if stage.flavour().is_mariadb() {
                options.plugin = "mysql_native_password".into();
            }
            // Twice each: by full authentication, and from the server's cache or the proxy's belief.
            for _ in 0..2 {
                let outcome = |path: &PathBuf| match Client::login_at_socket(path, &options) {
                    Ok(mut client) => client.run("select concat(user(), ' ', current_user())").value(),
                    Err(error) => error.to_string(),
                };
                assert_eq!(outcome(&direct), outcome(&path), "{user} {password:?}");
            }
        }
        let options = LoginOptions::new("e10", "p");
        let mut client = Client::login_at_socket(&path, &options).expect("a login");
        assert_eq!(client.run("select user()").value(), "e10@localhost");
        if !stage.flavour().is_mariadb() {
            let connection = "select connection_type from performance_schema.threads where processlist_user = 'e10'";
            assert_eq!(stage.set.primary.value(connection), "Socket");
        }
        // Plain statements, prepared ones, a change of user, a row that needs many reads.
        assert_eq!(client.run("select length(repeat('a', 20000000))").value(), "20000000");
        assert_eq!(client.run("select repeat('a', 20000000)").value().len(), 20_000_000);
        let statement = client.prepare("select 1").id;
        client.execute(statement, &[]).expect_ok("execute");
        client.change_user(&LoginOptions::new("e10_anywhere", "p")).expect("a change of user");
        assert_eq!(client.run("select user()").value(), "e10_anywhere@localhost");
        // From TCP to the server's socket, too.
        let mut remote = proxy.login(&options);
        assert_eq!(remote.run("select user()").value(), "e10@localhost");
        proxy.expect_no_panic();
        drop((client, remote));
        let (status, log) = proxy.stop();
        assert_eq!(status, Some(0), "{log}");
        assert!(!path.exists(), "the socket's file is left behind");
        stage.set.primary.run("drop user e10@localhost, e10_anywhere@'%'");
    }
}
