//! What all tests of one process share: a replica set of each flavour with a proxy in front.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use crate::raw::LoginOptions;
use crate::{Flavour, Proxy, ProxyOptions, ReplicaSet};

/// A replica set and a proxy in front of it.
pub struct Stage {
    /// The servers.
    pub set: ReplicaSet,
    proxy: OnceLock<Proxy>,
}

impl Stage {
    /// MySQL 9.7's.
    #[must_use]
    pub fn mysql() -> Arc<Self> {
        static STAGE: OnceLock<Arc<Stage>> = OnceLock::new();
        STAGE.get_or_init(|| Self::start(Flavour::Mysql)).clone()
    }

    /// MariaDB's: 11.8, or 10.11 where `ROLECALL_TESTS_MARIADB` is 10.11.
    #[must_use]
    pub fn mariadb() -> Arc<Self> {
        static STAGE: OnceLock<Arc<Stage>> = OnceLock::new();
        STAGE.get_or_init(|| Self::start(Flavour::mariadb())).clone()
    }

    fn start(flavour: Flavour) -> Arc<Self> {
        Arc::new(Self { set: ReplicaSet::start(flavour), proxy: OnceLock::new() })
    }

    /// The proxy in `split` mode that tests share.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.get_or_init(|| Proxy::start(self.set.servers(), &ProxyOptions::default()))
    }

    /// An account `name` with a schema of its name on all servers, in which `t (id, a)` has rows 1, 2 and 3; `setup` ran
    /// there as root.
    #[must_use]
    pub fn account(&self, name: &str, setup: &[&str]) -> LoginOptions {
        const PASSWORD: &str = "p4ss";
        let mut root = self.set.primary.root();
        root.run(&format!("create user {name} {}", self.flavour().identified(PASSWORD)));
        root.run(&format!("create schema {name}"));
        root.run(&format!("grant all on {name}.* to {name}"));
        root.init_db(name).expect_ok("the schema");
        root.run("create table t (id int primary key, a int)");
        root.run("insert into t values (1, 1), (2, 2), (3, 3)");
        setup.iter().for_each(|statement| drop(root.run(statement)));
        self.set.wait_until_replicated();
        let mut options = LoginOptions::new(name, PASSWORD).database(name);
        if self.flavour().is_mariadb() {
            options.plugin = "mysql_native_password".into();
        }
        options
    }

    /// Where proxied runs connect. With `ROLECALL_TESTS_DIRECT` set it is the primary, which shows whether a case is
    /// sound by itself.
    pub fn front(&self) -> SocketAddr {
        if std::env::var_os("ROLECALL_TESTS_DIRECT").is_some() {
            return self.set.primary.address();
        }
        self.proxy().address()
    }

    /// Checks that the proxy, if it was started, has not panicked.
    pub fn expect_no_panic(&self) {
        self.proxy.get().into_iter().for_each(Proxy::expect_no_panic);
    }

    /// The kind of its servers.
    #[must_use]
    pub const fn flavour(&self) -> Flavour {
        self.set.primary.flavour()
    }
}

/// Defines tests, each with a body that runs on a [`Stage`] of MySQL and on one of MariaDB.
#[macro_export]
macro_rules! on_every_server {
    ($($(#[$attribute:meta])* fn $name:ident($stage:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "not every body needs all of the file's names")]
            use super::*;

            fn body($stage: &std::sync::Arc<$crate::Stage>) $body

            #[test]
            fn mysql() {
                $crate::judge(module_path!(), "mysql", || body(&$crate::Stage::mysql()));
            }

            #[test]
            fn mariadb() {
                $crate::judge(module_path!(), "mariadb", || body(&$crate::Stage::mariadb()));
            }
        }
    )*};
}
