//! The session task: wait, read a command, decide, execute, observe.
//!
//! An idle session holds no buffer and no execution state: it waits in a small future, and borrows a buffer from its
//! worker once there is something to read.

mod answers;
mod change_user;
mod close;
mod consistency;
mod dispatch;
mod forward;
mod incoming;
mod insert_id;
mod kill;
mod line;
mod links;
mod local_file;
mod own_variable;
mod patience;
mod prepared;
mod query;
mod raw;
mod relay;
mod sharing;
mod stream;
mod unsaved;
mod up_to_date;
mod user_variables;
mod waits;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use rolecall_protocol::response::{ErrPacket, LocalReply};
use rolecall_protocol::{Capabilities, SequenceId, StatusFlags};
use rolecall_router::decide::Mode;
use rolecall_router::session::SessionState;
use rolecall_router::topology::ServerId;

use crate::backend::{Connection, Identity};
use crate::buffer::Buffer;
use crate::client::Authenticated;
use crate::pool::{AccountPool, Spot};
use crate::registry::{Link, SessionHandle, Summons};
use crate::shared::ListenerProfile;
use crate::transport::Transport;
use crate::worker::Worker;

pub use close::CloseReason;

use consistency::Reads;
use prepared::PreparedStatements;
use sharing::Sharing;

/// A logged-in client and its server connections.
#[derive(Debug)]
pub struct Session {
    worker: Rc<Worker>,
    handle: Arc<SessionHandle>,
    client: Transport,
    capabilities: Capabilities,
    identity: Identity,
    mode: Mode,
    state: SessionState,
    #[expect(clippy::vec_box, reason = "a link moves out and back for each statement: a pointer, not the connection")]
    links: Vec<Box<Connection>>,
    prepared: PreparedStatements,
    /// What its reads are promised, and what they must see for that.
    reads: Reads,
    sharing: Sharing,
}

/// Commands of one client that are served in a row, where nothing is waited for.
const COMMANDS_IN_A_TURN: u32 = 32;

enum Wake {
    Read(Buffer),
    ClientGone,
    Killed,
    Draining,
    TiedLinkSpoke(Buffer),
    /// Another session wants the connection to this server.
    Wanted(ServerId),
    /// Idle for longer than wait_timeout.
    Late,
}

impl Session {
    /// A session right after its login.
    #[must_use]
    pub fn new(
        worker: Rc<Worker>,
        handle: Arc<SessionHandle>,
        client: Transport,
        profile: &ListenerProfile,
        authenticated: Authenticated,
    ) -> Self {
        let Authenticated { identity, capabilities, connection, status } = authenticated;
        let lexing = worker.baseline_lexing(&identity);
        let state = SessionState::new(identity.schema.clone(), lexing, status);
        let pool = worker.pool.account(&identity, &worker.shared.gates);
        let spot = Rc::new(Spot::new(Arc::clone(&handle)));
        let by_user = worker.with_settings(|settings| settings.shares(&identity.user, profile.shares));
        let links = placed(connection, &pool);
        let session = Self {
            worker,
            handle,
            client,
            capabilities,
            identity,
            mode: profile.mode,
            state,
            links,
            prepared: PreparedStatements::default(),
            reads: Reads::new(profile.consistency),
            sharing: Sharing::new(profile.shares, by_user, pool, spot),
        };
        session.publish_links();
        session
    }

    /// Serves the client until the session ends; says why it did. Boxed: a value that moves from future to future takes its
    /// room in each of them.
    pub async fn serve_client(mut self: Box<Self>) -> CloseReason {
        let reason = loop {
            let mut buffer = match self.idle().await {
                Wake::Read(buffer) => buffer,
                Wake::ClientGone => break CloseReason::ClientGone,
                Wake::Killed => break CloseReason::Killed,
                Wake::Draining => break self.say_goodbye().await,
                Wake::TiedLinkSpoke(words) => break self.pass_on_last_words(&words).await,
                Wake::Wanted(server) => {
                    Box::pin(self.hand_over(server)).await;
                    continue;
                }
                Wake::Late => break self.end_late().await,
            };
            // Not boxed: 1 KB more for each idle session, and no allocation for each statement.
            if let Err(reason) = self.serve(&mut buffer).await {
                break reason;
            }
        };
        self.release();
        self.client.close().await;
        reason
    }

    /// Waits for something to do, and reads it. Waiting costs no system call and holds no buffer.
    async fn idle(&mut self) -> Wake {
        self.client.new_exchange();
        let is_parked = self.park().await;
        let client = &mut self.client;
        let spot = is_parked.then_some(&*self.sharing.spot);
        let mut is_first_look = true;
        let tied = self.state.tied_to();
        let mut tied_link = tied.and_then(|server| self.links.iter_mut().find(|link| link.server.id == server));
        let wake = poll_fn(|cx| {
            // At first nothing is there yet, as a rule: no buffer for that look.
            if !std::mem::take(&mut is_first_look) || client.poll_read_ready(cx).is_ready() {
                let mut buffer = Buffer::borrow();
                match client.poll_fill(cx, &mut buffer) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Wake::ClientGone),
                    Poll::Ready(Ok(_)) => return Poll::Ready(Wake::Read(buffer)),
                    Poll::Pending => {}
                }
            }
            // A draining process lets a session go at a point where nothing is open, and at its deadline wherever it is.
            if let Poll::Ready(summons) = self.handle.poll_summons(cx, tied.is_none()) {
                return Poll::Ready(match summons {
                    Summons::Killed => Wake::Killed,
                    Summons::Draining => Wake::Draining,
                });
            }
            if let Some(spot) = spot {
                if spot.is_late() {
                    return Poll::Ready(Wake::Late);
                }
                if let Some(server) = spot.wanted() {
                    return Poll::Ready(Wake::Wanted(server));
                }
            }
            match &mut tied_link {
                // Only a read tells whether it spoke: the socket may still be marked as readable by the last one.
                Some(link) if link.transport.poll_read_ready(cx).is_ready() => {
                    let mut words = Buffer::borrow();
                    link.transport.poll_fill(cx, &mut words).map(|_| Wake::TiedLinkSpoke(words))
                }
                _ => Poll::Pending,
            }
        })
        .await;
        if is_parked {
            self.sharing.pool.unpark(&self.sharing.spot, matches!(wake, Wake::Wanted(_)));
        }
        wake
    }

    /// Serves what has been read, until nothing is left. Commands that came together may need no waiting at all: after
    /// some of them its worker's other sessions have their turn.
    async fn serve(&mut self, buffer: &mut Buffer) -> Result<(), CloseReason> {
        let mut together = 0_u32;
        loop {
            let incoming = self.read_command(buffer).await?;
            self.dispatch(buffer, incoming).await?;
            if self.handle.is_killed() {
                return Err(CloseReason::Killed);
            }
            if buffer.is_empty() {
                return Ok(());
            }
            self.client.new_exchange();
            together += 1;
            if together.is_multiple_of(COMMANDS_IN_A_TURN) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Writes replies of the proxy's own.
    const fn local(&self, sequence: SequenceId) -> LocalReply {
        LocalReply {
            capabilities: self.capabilities,
            metadata_flag: self.capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA),
            status: self.state.status().intersection(StatusFlags::OF_SESSION),
            warnings: 0,
            sequence,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        write_to_client(&mut self.client, &self.handle, bytes).await
    }

    /// Answers a command with an error of the proxy's own.
    async fn send_error(&mut self, err: &ErrPacket) -> Result<(), CloseReason> {
        self.send_error_behind(SequenceId(0), err).await
    }

    /// The same for a command whose last packet had the id `last`.
    async fn send_error_behind(&mut self, last: SequenceId, err: &ErrPacket) -> Result<(), CloseReason> {
        self.send_error_at(last.next(), err).await
    }

    /// The same in the place of a reply's packet with this id.
    async fn send_error_at(&mut self, sequence: SequenceId, err: &ErrPacket) -> Result<(), CloseReason> {
        self.state.observe_own_err(false);
        let bytes = self.local(sequence).err(err);
        self.send(&bytes).await
    }

    fn publish_links(&self) {
        let links = self.links.iter().map(|link| Link { server: link.server.id, thread_id: link.thread_id }).collect();
        self.handle.set_links(links);
    }
}

/// The connection on which a login was proven, where the server's limit leaves a place for it.
#[expect(clippy::vec_box, reason = "as the session's field")]
fn placed(connection: Option<Connection>, pool: &AccountPool) -> Vec<Box<Connection>> {
    let mut links = Vec::new();
    if let Some(connection) = connection
        && let Some(permit) = pool.try_enter(connection.server.id)
    {
        links.push(Box::new(Connection { permit: Some(permit), ..connection }));
    }
    links
}

/// A client that has stopped reading is waited for until the session must end.
async fn write_to_client(client: &mut Transport, handle: &SessionHandle, bytes: &[u8]) -> Result<(), CloseReason> {
    match client.write_now(bytes) {
        Ok(count) if count == bytes.len() => Ok(()),
        Ok(count) => {
            handle.unless_summoned(client.write_all(&bytes[count..])).await?.map_err(|_| CloseReason::ClientGone)
        }
        Err(_) => Err(CloseReason::ClientGone),
    }
}
