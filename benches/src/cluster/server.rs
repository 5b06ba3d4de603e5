//! One server process and an administrator's connection to it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{Child, Flavour, Folder, repository};
use crate::client::{Connection, Endpoint};

/// A server that this program started.
#[derive(Debug)]
pub struct Server {
    /// Its name in tables: `primary`, `replica-1` …
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    flavour: Flavour,
    child: Child,
    admin: Option<Connection>,
}

/// Statements that a server executed for an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// SELECT statements.
    pub reads: u64,
    /// INSERT, UPDATE and DELETE statements.
    pub writes: u64,
}

impl Server {
    /// Starts it; [`Self::wait_ready`] waits until it answers.
    ///
    /// # Errors
    /// It is not installed or cannot be started.
    pub fn start(
        flavour: Flavour,
        name: &str,
        address: SocketAddr,
        folder: &Folder,
        options: impl IntoIterator<Item = String>,
    ) -> anyhow::Result<Self> {
        let mut arguments = vec![flavour.name().to_owned()];
        arguments.push(folder.join(name).display().to_string());
        arguments.push(address.port().to_string());
        arguments.push(format!("--bind-address={}", address.ip()));
        arguments.extend(options);
        let serve = repository().join("tests/setup/serve");
        let child = Child::start(name, serve, arguments, &folder.join(format!("{name}.log")))?;
        Ok(Self { name: name.to_owned(), address, flavour, child, admin: None })
    }

    /// Waits until it lets the administrator in.
    ///
    /// # Errors
    /// It has ended, or takes longer than a minute.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let endpoint = self.endpoint("root", "", "");
        let admin = &mut self.admin;
        self.child.wait_until(Duration::from_secs(60), || {
            *admin = Connection::open(&endpoint).ok();
            admin.is_some()
        })
    }

    /// How to log in there.
    #[must_use]
    pub fn endpoint(&self, user: &str, password: &str, database: &str) -> Endpoint {
        Endpoint {
            address: self.address.to_string(),
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            deprecate_eof: true,
        }
    }

    /// The administrator's connection.
    ///
    /// # Errors
    /// The server was never ready.
    pub fn admin(&mut self) -> anyhow::Result<&mut Connection> {
        self.admin.as_mut().with_context(|| format!("{} is not ready", self.name))
    }

    /// Runs statements as the administrator.
    ///
    /// # Errors
    /// The first one that fails.
    pub fn execute<S: AsRef<str>>(&mut self, statements: impl IntoIterator<Item = S>) -> anyhow::Result<()> {
        let name = self.name.clone();
        for sql in statements {
            let sql = sql.as_ref();
            self.admin()?.query(sql).with_context(|| format!("{name}: {sql}"))?;
        }
        Ok(())
    }

    /// The first value of a query's first row, as the administrator.
    ///
    /// # Errors
    /// The query fails or has no value.
    pub fn value(&mut self, sql: &str) -> anyhow::Result<String> {
        let rows = self.admin()?.rows(sql).with_context(|| format!("{}: {sql}", self.name))?;
        rows.into_iter().next().and_then(|row| row.into_iter().next()?).with_context(|| format!("no value for {sql}"))
    }

    /// Waits until it has all transactions of `source`.
    ///
    /// # Errors
    /// It does not within 20 s.
    pub fn catch_up(&mut self, source: &mut Self) -> anyhow::Result<()> {
        let position = source.value(&format!("SELECT {}", self.flavour.position()))?;
        if position.is_empty() {
            return Ok(());
        }
        let waited = self.value(&self.flavour.wait_for(&position))?;
        if waited != "0" {
            bail!("{} does not follow {} (has it stopped? see {})", self.name, source.name, self.child.log().display());
        }
        Ok(())
    }

    /// What it has executed for `user` so far.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn counted(&mut self, user: &str) -> anyhow::Result<Counted> {
        let sql = self.flavour.counted(user);
        let rows = self.admin()?.rows(&sql)?;
        let mut values = rows.into_iter().next().unwrap_or_default().into_iter();
        let mut next = || values.next().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Counted { reads: next(), writes: next() })
    }

    /// The process.
    #[must_use]
    pub fn child(&self) -> &Child {
        &self.child
    }
}
