//! No password shows anywhere: not in the log, not on an admin page, not in what a core dump would hold, and what was
//! not proven not in memory (threats.md 3).

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server};

use crate::ground::{PASSWORD, USER, account, ground, right};

fn all_pages(proxy: &Proxy) -> String {
    let pages = ["/", "/healthz", "/livez", "/readyz", "/metrics", "/config", "/topology", "/sessions"];
    pages.map(|page| proxy.admin(page).1).concat()
}

/// Every way in and out, with right and wrong passwords.
fn many_logins(proxy: &Proxy, password: &str) {
    let user = right();

    for tls in [false, true] {
        for plugin in ["caching_sha2_password", "mysql_native_password", "mysql_clear_password"] {
            let mut options = user.clone().plugin(plugin);

            options.tls = tls;
            if tls || plugin != "mysql_clear_password" {
                proxy.login(&options).run("select 1");
            }
            options.password = password.into();
            let error = Client::login(proxy.address(), &options).map(drop).expect_err("a wrong password");
            assert_eq!(error.code, 1045, "{error}");

            let mut client = proxy.login(&user);
            client.change_user(&options).expect_err("a wrong password");
        }
    }
}

#[test]
fn passwords_show_neither_in_the_log_at_its_most_talkative_nor_on_any_page() {
    const WRONG: &str = "Unproven-5ecret-one";
    let options = ProxyOptions {
        configuration: "users: [{name: configured, password_hash: \"*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19\"}]\n"
            .into(),
        // Not the log of the watch on the configuration's folder, where this log is written: it would feed itself.
        more: vec!["--log-level=info,rolecall=trace,rustls=trace".into()],
        ..ProxyOptions::default()
    };
    let proxy = Proxy::start([&ground().server], &options);
    let held = proxy.login(&right());
    many_logins(&proxy, WRONG);
    let (log, pages) = (proxy.log(), all_pages(&proxy));
    // What has to be there, so that the rest is no accident.
    assert!(log.contains("TRACE") && log.contains(USER), "{log}");
    assert!(pages.contains(USER) && pages.contains("monitor"), "{pages}");
    for (what, text) in [("log", &log), ("pages", &pages)] {
        for secret in [PASSWORD, WRONG, Server::PASSWORD, "2470C0C06DEE42FD", "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{secret} in the {what}");
        }
        let hex = |secret: &str| secret.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let list = |secret: &str| secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        for secret in [PASSWORD, WRONG, Server::PASSWORD] {
            assert!(!text.contains(&hex(secret)) && !text.contains(&list(secret)), "{secret} as bytes in the {what}");
        }
    }
    drop(held);
}

#[test]
fn statements_with_passwords_are_not_logged_at_the_usual_level() {
    let ground = ground();
    let mut client = ground.proxy.login(&LoginOptions::new(USER, PASSWORD));
    for sql in [
        "create user evil@'%' identified by 'St4tement-5ecret'",
        "set password = 'St4tement-5ecret' retain nothing",
        "change replication source to source_password = 'St4tement-5ecret'",
        "syntax error 'St4tement-5ecret'",
    ] {
        assert_ne!(client.query(sql).code(), 0, "{sql}");
    }
    assert!(!ground.proxy.log().contains("St4tement-5ecret"), "{}", ground.proxy.log());
    assert!(!all_pages(&ground.proxy).contains("St4tement-5ecret"));
}

#[test]
fn core_dumps_hold_no_memory() {
    let filter = std::fs::read_to_string(format!("/proc/{}/coredump_filter", ground().proxy.pid())).expect("readable");
    assert_eq!(filter.trim(), "00000010", "anonymous memory would be dumped");
}

/// Whether the process' memory holds these bytes now.
fn memory_holds(pid: u32, bytes: &[u8]) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("the proxy is ours");
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("the proxy is ours");
    let writable = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw")));
    for line in writable {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        let mut content = vec![0; usize::try_from(to - from).expect("a size")];
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut content).is_ok() {
            let mut rest = &content[..];
            while let Some(at) = rest.iter().position(|byte| *byte == bytes[0]) {
                if rest[at..].starts_with(bytes) {
                    return true;
                }
                rest = &rest[at + 1..];
            }
        }
    }
    false
}

#[test]
fn a_password_that_was_not_proven_is_gone_from_memory_with_its_client() {
    let proxy = Proxy::start([&ground().server], &ProxyOptions::default());
    account(&ground().server, "threats_memory", "Pr0ven-in-memory");
    // Seen once where it has to be: a proven password is kept, in clear, for logins at other servers.
    proxy.login(&LoginOptions::new("threats_memory", "Pr0ven-in-memory")).run("select 1");
    assert!(memory_holds(proxy.pid(), b"Pr0ven-in-memory"), "the search does not find what is there");
    // Encrypted with the proxy's key. Inside TLS the library's own buffers, which are freed as they are, hold it longer.
    let wrong = "Unpr0ven-by-rsa";
    let options = LoginOptions::new("threats_memory", wrong);
    let error = Client::login(proxy.address(), &options).map(drop).expect_err("a wrong password");
    assert_eq!(error.code, 1045, "{error}");
    let deadline = Instant::now() + Duration::from_secs(5);
    while memory_holds(proxy.pid(), wrong.as_bytes()) {
        assert!(Instant::now() < deadline, "{wrong} stays in memory");
        std::thread::sleep(Duration::from_millis(50));
    }
}
