//! Logins that fail: A24 of the wire cases.

use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Trial, on_every_server};

use crate::login::{account, refusal};

on_every_server! {
    fn a24_wrong_users_and_passwords_get_the_servers_words(stage) {
        let identified = stage.flavour().identified("p");
        account(stage, "a24", &identified);
        account(stage, "a24_locked", &format!("{identified} account lock"));
        let direct = stage.set.primary.address();
        for (user, password) in [("a24", "wrong"), ("a24", ""), ("a24_nobody", "p"), ("a24_locked", "p"), ("a24_locked", "wrong")] {
            let mut options = LoginOptions::new(user, password);
            if stage.flavour().is_mariadb() {
                options.plugin = "mysql_native_password".into();
            }
            for _ in 0..2 {
                assert_eq!(refusal(stage.front(), &options), refusal(direct, &options), "{user} {password:?}");
            }
        }
        let mut client = Client::login(stage.front(), &LoginOptions::new("a24", "p")).expect("the right password");
        client.run("select 1");
        assert!(refusal(stage.front(), &LoginOptions::new("a24", "wrong")).contains("1045"));
        stage.set.primary.run("drop user a24@'%', a24_locked@'%'");
    }

    fn a24_an_expired_password(stage) {
        let identified = stage.flavour().identified("p");
        account(stage, "a24_expired", &format!("{identified} password expire"));
        let mut options = LoginOptions::new("a24_expired", "p").with(Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS);
        for can in [true, false] {
            options.capabilities.set(Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS, can);
            let outcome = |address| match Client::login(address, &options) {
                Ok(mut client) => client.query("select 1").code(),
                Err(error) => error.code,
            };
            assert_eq!(outcome(stage.front()), outcome(stage.set.primary.address()), "{can}");
        }
        stage.set.primary.run("drop user a24_expired@'%'");
    }

    fn a24_unknown_users_take_as_long_as_wrong_passwords(stage) {
        Trial::new(stage, "a24_time").run_proxied(|run| {
            let median = |options: &LoginOptions| {
                let mut times: Vec<Duration> = (0..15).map(|_| {
                    let start = Instant::now();
                    let _ = refusal(run.address(), options);
                    start.elapsed()
                }).collect();
                times.sort_unstable();
                times[7]
            };
            let wrong = median(&LoginOptions { password: "wrong".into(), ..run.options().clone() });
            let unknown = median(&LoginOptions { user: "a24_nobody".into(), database: None, ..run.options().clone() });
            println!("wrong password {wrong:?}, unknown user {unknown:?}");
            assert!(unknown < wrong * 5 && wrong < unknown * 5, "wrong password {wrong:?}, unknown user {unknown:?}");
        });
    }
}
