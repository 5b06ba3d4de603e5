//! The kinds of server that every case runs against.

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// MySQL 9.7
    Mysql,
    /// MariaDB 10.11
    Mariadb10,
    /// MariaDB 11.8
    Mariadb11,
}

impl Flavour {
    /// The MariaDB that tests run against: 11.8, or 10.11 where `ROLECALL_TESTS_MARIADB` is 10.11.
    ///
    /// # Panics
    /// Where it is anything else.
    #[must_use]
    pub fn mariadb() -> Self {
        match std::env::var("ROLECALL_TESTS_MARIADB").as_deref() {
            Err(_) | Ok("" | "11.8") => Self::Mariadb11,
            Ok("10.11") => Self::Mariadb10,
            Ok(other) => panic!("ROLECALL_TESTS_MARIADB={other}: 10.11 and 11.8 are installed"),
        }
    }

    /// Whether this is one of MariaDB's.
    #[must_use]
    pub const fn is_mariadb(self) -> bool {
        !matches!(self, Self::Mysql)
    }

    /// Its name in folders and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql-9.7",
            Self::Mariadb10 => "mariadb-10.11",
            Self::Mariadb11 => "mariadb-11.8",
        }
    }

    /// `IDENTIFIED …` for an account with this password and the server's usual plugin.
    #[must_use]
    pub fn identified(self, password: &str) -> String {
        match self {
            Self::Mysql => format!("identified with caching_sha2_password by '{password}'"),
            Self::Mariadb10 | Self::Mariadb11 => format!("identified by '{password}'"),
        }
    }
}
