//! One probe: the questions of `router::topology::Inquiry`, over a real login that is kept from probe to probe.

use std::sync::Arc;
use std::time::Duration;

use rolecall_router::consistency::Bounds;
use rolecall_router::topology::{Answer, Denied, Identity, Inquiry, ProbeOutcome, Rows, Server};

use super::positions::Told;
use crate::monotonic;

/// Why a client has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The connection is not usable, or could not be made.
    #[error("{0}")]
    Broken(String),
    /// There is no account to log in with yet; the server has greeted.
    #[error("there is no account to ask with")]
    NoAccount(Box<Identity>),
}

/// Something that can log in at a server and run statements. Two implementations: sockets, and a script for tests.
pub trait ProbeClient: Clone + 'static {
    /// A login.
    type Connection;

    /// Logs in. The caller bounds the time.
    fn connect(&self, server: &Arc<Server>) -> impl Future<Output = Result<(Self::Connection, Identity), ProbeError>>;

    /// Runs one statement; an ERR packet is an answer. The connection is dropped after an error.
    fn query(connection: &mut Self::Connection, sql: &str) -> impl Future<Output = Result<Answer, ProbeError>>;

    /// Waits until the server hangs up, or speaks unasked, while nothing is asked. Cancel safe.
    fn ended(connection: &mut Self::Connection) -> impl Future<Output = ()>;
}

/// A server's probes: holds the login between them.
#[derive(Debug)]
pub struct Probe<C: ProbeClient> {
    client: C,
    timeout: Duration,
    open: Option<Open<C::Connection>>,
    asked: u32,
    position: Option<Told>,
}

#[derive(Debug)]
struct Open<T> {
    connection: T,
    identity: Identity,
    denied: Denied,
    /// When it was made ([`crate::monotonic`]).
    since: u64,
}

impl<C: ProbeClient> Probe<C> {
    /// What an account was refused is asked again after so many probes: grants change.
    const ASK_AGAIN: u32 = 60;

    /// No login yet; each probe ends within `timeout`.
    pub const fn new(client: C, timeout: Duration) -> Self {
        Self { client, timeout, open: None, asked: 0, position: None }
    }

    /// Asks `server` everything. Cancel safe: a login in use when it is dropped is gone.
    pub async fn ask(&mut self, server: &Arc<Server>) -> ProbeOutcome {
        self.position = None;
        match tokio::time::timeout(self.timeout, self.ask_twice(server)).await {
            Ok(outcome) => outcome,
            Err(_) => ProbeOutcome::Failed(format!("no answer within {:?}", self.timeout)),
        }
    }

    /// Waits for the end of the login that is kept until the next probe: the server has started anew, or is gone. Cancel safe.
    pub async fn ended(&mut self) {
        match &mut self.open {
            Some(open) => C::ended(&mut open.connection).await,
            None => std::future::pending().await,
        }
    }

    /// How far the server was at the last probe.
    pub const fn take_position(&mut self) -> Option<Told> {
        self.position.take()
    }

    /// A kept login may have ended by itself (wait_timeout, a restart): that is told from a dead server by a new one.
    async fn ask_twice(&mut self, server: &Arc<Server>) -> ProbeOutcome {
        if let Some(open) = self.open.take()
            && let Ok(outcome) = self.converse(open).await
        {
            return outcome;
        }
        let (connection, identity) = match self.client.connect(server).await {
            Ok(open) => open,
            Err(ProbeError::NoAccount(identity)) => {
                let reason = "there is no monitor account, and nobody has logged in yet".into();
                return ProbeOutcome::Greeted { identity, reason };
            }
            Err(error) => return ProbeOutcome::Failed(error.to_string()),
        };
        match self
            .converse(Open { connection, identity, denied: Denied::default(), since: monotonic::nanoseconds() })
            .await
        {
            Ok(outcome) => outcome,
            Err(error) => ProbeOutcome::Failed(error),
        }
    }

    async fn converse(&mut self, mut open: Open<C::Connection>) -> Result<ProbeOutcome, String> {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(Self::ASK_AGAIN) {
            open.denied = Denied::default();
        }
        let mut inquiry = Inquiry::new(open.identity.clone(), open.denied);
        while let Some(question) = inquiry.question() {
            let answer = C::query(&mut open.connection, question).await.map_err(|error| error.to_string())?;
            inquiry.answer(answer)?;
        }
        let (facts, denied) = inquiry.finish();
        open.denied = denied;
        self.position = ask_position::<C>(&mut open).await?;
        self.open = Some(open);
        Ok(ProbeOutcome::Facts(Box::new(facts)))
    }
}

/// None where the server does not tell: then a session's reads stay with the primary once it has written.
async fn ask_position<C: ProbeClient>(open: &mut Open<C::Connection>) -> Result<Option<Told>, String> {
    let asked_at = monotonic::nanoseconds();
    let flavour = open.identity.flavour;
    let answer = C::query(&mut open.connection, Bounds::question(flavour)).await.map_err(|error| error.to_string())?;
    let Answer::Rows(Rows { rows, .. }) = answer else { return Ok(None) };
    let row: Vec<Option<&[u8]>> = rows.first().into_iter().flatten().map(Option::as_deref).collect();
    Ok(Some(Told { asked_at, bounds: Bounds::read(flavour, &row), unbroken_since: open.since }))
}
