//! The drivers of other languages, each by its program in `tests/drivers`, through the proxy: drivers' README lists the
//! steps. One server stands behind each proxy.

use std::process::Command;
use std::sync::OnceLock;

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions, tests_folder};

/// A server with a proxy in front.
struct Front {
    server: Server,
    proxy: Proxy,
}

impl Front {
    fn start(flavour: Flavour) -> Self {
        let server = Server::start(flavour, &ServerOptions::default());
        server.run("create database drivers character set utf8mb4");
        let proxy = Proxy::start([&server], &ProxyOptions::default());
        Self { server, proxy }
    }

    fn mysql() -> &'static Self {
        static FRONT: OnceLock<Front> = OnceLock::new();
        FRONT.get_or_init(|| Self::start(Flavour::Mysql))
    }

    fn mariadb() -> &'static Self {
        static FRONT: OnceLock<Front> = OnceLock::new();
        FRONT.get_or_init(|| Self::start(Flavour::mariadb()))
    }
}

/// How a run talks to the proxy.
#[derive(Clone, Copy)]
enum Tls {
    Required,
    Disabled,
}

/// One run of a driver's scenario, by an account of its own: whoever logs in by it first has to convince the proxy, which
/// knows nothing of it, by a full authentication (with caching_sha2_password on MySQL, mysql_native_password on MariaDB).
fn scenario(driver: &str, front: &Front, tls: Tls) {
    let flavour = front.server.flavour();
    let (tls, mark) = match tls {
        Tls::Required => ("required", "tls"),
        Tls::Disabled => ("disabled", "plain"),
    };
    let user = format!("{}_{mark}", driver.replace('-', "_"));
    front.server.run(&format!("create user {user}@'%' {}", flavour.identified(PASSWORD)));
    front.server.run(&format!("grant all on drivers.* to {user}@'%'"));
    let python = (driver, mark) == ("mysql-connector-python", "plain");
    let java = (driver, flavour) == ("connector-j", Flavour::Mariadb10);
    if python || java {
        // Asked for a full authentication, these fail at a server as well (drivers' README): they need one that knows them.
        drop(Client::login(front.proxy.address(), &LoginOptions::new(&user, PASSWORD)).expect("a first login"));
    }
    let address = front.proxy.address();
    let output = Command::new(tests_folder().join("drivers/run"))
        .args([driver, "--", "--host", &address.ip().to_string(), "--port", &address.port().to_string()])
        .args(["--user", &user, "--password", PASSWORD, "--database", "drivers", "--tls", tls])
        .args(["--flavour", if flavour.is_mariadb() { "mariadb" } else { "mysql" }])
        .output()
        .expect("tests/drivers/run runs");
    let (steps, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    front.proxy.expect_no_panic();
    assert!(
        output.status.success(),
        "{driver} on {}, tls {tls}, {}:\n{steps}{errors}\nthe proxy's log:\n{}",
        flavour.name(),
        output.status,
        front.proxy.log()
    );
    for step in STEPS {
        // `ok STEP`, `skip STEP: why`; behind the step may be a note in parentheses.
        let told = steps.lines().any(|line| line.split([' ', ':']).nth(1) == Some(step));
        assert!(told, "{driver} says nothing of {step}:\n{steps}{errors}");
    }
}

/// What no driver may leave out without a word.
const STEPS: [&str; 9] =
    ["login", "types", "transactions", "local-infile", "multi-statement", "procedure", "big-packet", "cursor", "close"];

const PASSWORD: &str = "S3cret-";

/// One test for each server and each use of TLS.
macro_rules! drivers {
    ($($module:ident = $driver:literal)*) => {$(
        mod $module {
            use super::{Front, Tls, scenario};

            #[test]
            fn mysql_tls() {
                scenario($driver, Front::mysql(), Tls::Required);
            }

            #[test]
            fn mysql_plain() {
                scenario($driver, Front::mysql(), Tls::Disabled);
            }

            #[test]
            fn mariadb_tls() {
                scenario($driver, Front::mariadb(), Tls::Required);
            }

            #[test]
            fn mariadb_plain() {
                scenario($driver, Front::mariadb(), Tls::Disabled);
            }
        }
    )*

        #[test]
        fn every_driver_has_tests() {
            let output = Command::new(tests_folder().join("drivers/run")).arg("--list").output().expect("it runs");
            let tested = [$($driver),*];
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>(), tested);
        }
    };
}

drivers! {
    pymysql = "pymysql"
    mysqlclient = "mysqlclient"
    mysql_connector_python = "mysql-connector-python"
    mysql2 = "mysql2"
    go_sql_driver = "go-sql-driver"
    connector_j = "connector-j"
    sqlx = "sqlx"
    mysql_async = "mysql_async"
}
