//! COM_CHANGE_USER and COM_RESET_CONNECTION.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::SequenceId;
use rolecall_protocol::auth::{AuthExchange, AuthPlugin};
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::handshake::ChangeUser;
use rolecall_protocol::packet::HEADER_LENGTH;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::session::SessionState;
use rolecall_router::topology::ServerId;
use tokio::time::Instant;

use super::consistency::Reads;
use super::sharing::Sharing;
use super::unsaved::Unsaved;
use super::{CloseReason, Session};
use crate::backend::{Connection, Identity};
use crate::buffer::Buffer;
use crate::client::{Claim, LoginEnd, authenticate, first_plugin, prove};
use crate::exchange::Exchange;
use crate::metrics::{Destroyed, LoginOutcome};
use crate::pool::Spot;

/// How long the answer to a wrong password takes.
const WRONG_GUESS: Duration = Duration::from_secs(1);

impl Session {
    /// COM_CHANGE_USER: a login on an open connection; a refusal closes it, as at the server.
    pub(super) async fn change_user(&mut self, buffer: &mut Buffer, taken: usize) -> Result<(), CloseReason> {
        let body = &buffer.filled()[HEADER_LENGTH + 1..taken];
        let request = ChangeUser::decode(body, self.capabilities);
        buffer.consume(taken);
        // A client whose plugin is mysql_clear_password has sent its password there.
        buffer.wipe_consumed();
        let Ok(request) = request else {
            return self.send_error(&ErrPacket::new(ErrorCode::UNKNOWN_COM_ERROR, "Unknown command")).await;
        };
        let handle = Arc::clone(&self.handle);
        let outcome = handle.unless_summoned(self.log_in_again(buffer, &request)).await?;
        match outcome {
            Ok((identity, connection, sequence)) => {
                self.start_over(identity, connection);
                let ok = self.local(sequence).ok();
                self.send(&ok).await
            }
            Err((LoginEnd::Refused(err), sequence)) => {
                self.make_guessing_slow(&err).await;
                let bytes = self.local(sequence).err(&err);
                let _ = self.send(&bytes).await;
                Err(CloseReason::ChangeUserRefused)
            }
            Err((LoginEnd::Leg(_) | LoginEnd::NoRandomness, _)) => Err(CloseReason::ClientBroke),
        }
    }

    /// A session may not guess passwords faster than by new connections, whose number is bounded: a wrong answer is
    /// answered late, as in MariaDB (CVE-2012-5627). What the session holds is let go of first: it ends in any case.
    async fn make_guessing_slow(&mut self, err: &ErrPacket) {
        self.worker.metrics.logins.increment(LoginOutcome::Refused);
        self.worker.shared.refusals.note(self.handle.peer, &LoginEnd::Refused(err.clone()));
        if err.code != ErrorCode::ACCESS_DENIED.code {
            return;
        }
        for link in std::mem::take(&mut self.links) {
            link.transport.close().await;
        }
        self.publish_links();
        let late = self.worker.shared.clock.sleep_until(Instant::now() + WRONG_GUESS);
        // Whoever ends the session meanwhile ends it with this answer.
        let _ = self.handle.unless_summoned(late).await;
    }

    async fn log_in_again(
        &mut self,
        buffer: &mut Buffer,
        request: &ChangeUser,
    ) -> Result<(Identity, Option<Connection>, SequenceId), (LoginEnd, SequenceId)> {
        let shared = Arc::clone(&self.worker.shared);
        let fresh = shared.scramble().map_err(|_| (LoginEnd::NoRandomness, SequenceId(1)))?;
        let plugin = request.plugin.as_deref().and_then(AuthPlugin::from_name);
        let greeted = shared.topology.load().offer.as_ref().map_or(AuthPlugin::CachingSha2Password, first_plugin);
        let (exchange, step) = AuthExchange::switched(plugin, greeted, fresh, shared.accounts.known(&request.user));
        let claim = Claim { user: &request.user, peer: self.handle.peer };
        let mut leg = Exchange::new(&mut self.client, buffer);
        leg.sequence = SequenceId(1);
        let limit = self.worker.with_settings(|settings| settings.handshake_timeout);
        let login = authenticate(&shared, &mut leg, Some(exchange), step, claim);
        let authenticated = shared.clock.timeout(limit, login).await.unwrap_or_else(|_| {
            let text = "Got timeout reading communication packets";
            Err(LoginEnd::Refused(ErrPacket::new(ErrorCode::NET_READ_INTERRUPTED, text)))
        });
        let (credential, before_ok) = authenticated.map_err(|end| (end, leg.sequence))?;
        let identity = Identity {
            user: request.user.clone(),
            credential,
            schema: request.database.clone(),
            collation: request.collation.unwrap_or(self.identity.collation),
            attributes: request.attributes.clone(),
            ..self.identity.clone()
        };
        let connection = if shared.is_proven(&identity.user, &identity.credential, &identity.schema) {
            None
        } else {
            Some(prove(&shared, &identity).await.map_err(|error| (error.into(), leg.sequence))?)
        };
        if let Some(payload) = before_ok {
            leg.write(&payload).await.map_err(|error| (error.into(), leg.sequence))?;
        }
        Ok((identity, connection, leg.sequence))
    }

    fn start_over(&mut self, identity: Identity, connection: Option<Connection>) {
        let status =
            connection.as_ref().map_or(rolecall_protocol::StatusFlags::AUTOCOMMIT, |connection| connection.status);
        let lexing = self.worker.baseline_lexing(&identity);
        self.state = SessionState::new(identity.schema.clone(), lexing, status);
        self.reads = Reads::new(self.reads.default_level);
        self.prepared.clear();
        let pool = self.worker.pool.account(&identity, &self.worker.shared.gates);
        self.links = super::placed(connection, &pool);
        let by_listener = self.sharing.by_listener();
        let by_user = self.worker.with_settings(|settings| settings.shares(&identity.user, by_listener));
        // The old spot stands in the lines of the old account.
        let spot = Rc::new(Spot::new(Arc::clone(&self.handle)));
        self.sharing = Sharing::new(by_listener, by_user, pool, spot);
        self.handle.set_user(&identity.user);
        self.handle.set_pins(self.state.pins());
        self.identity = identity;
        self.publish_links();
    }

    /// COM_RESET_CONNECTION. Where the session holds nothing that others would see, its connections go to them. Else every
    /// connection is given up, which rolls back, unlocks and drops what it held, and the session goes on with fresh ones,
    /// reset as the server would.
    pub(super) async fn reset_connection(&mut self) -> Result<(), CloseReason> {
        // One that is under way must not hit the reset.
        self.handle.kills_over().await;
        let lexing = self.worker.baseline_lexing(&self.identity);
        let tracked_by_client = self.state.tracking().own;
        let role_at = self.save_role_for_reset().await;
        let tied = role_at.or(self.state.tied_to());
        let leaves_nothing = role_at.is_none() && self.is_shareable() && self.state.told().found_rows.is_some();
        let mut names = None;
        if leaves_nothing {
            names = self.reset_names().await;
            self.release();
        }
        self.state.reset(lexing);
        self.reads = Reads::new(self.reads.default_level);
        self.prepared.clear();
        self.sharing.begin_anew(self.state.told());
        if !leaves_nothing {
            let handle = Arc::clone(&self.handle);
            handle.unless_summoned(self.reset_links(tied, tracked_by_client)).await?;
            if self.sharing.is_on {
                names = self.reset_names().await;
                if role_at.is_none() {
                    handle.unless_summoned(self.close_links()).await?;
                }
            }
        }
        if let Some(names) = names {
            self.state.assume_names(&names);
        }
        self.publish_links();
        self.handle.set_pins(self.state.pins());
        let ok = self.local(SequenceId(1)).ok();
        self.send(&ok).await
    }

    /// Roles outlive the reset. The server whose connection has to stay, since its roles cannot be said again.
    async fn save_role_for_reset(&mut self) -> Option<ServerId> {
        let server = self.state.role_unread_at()?;
        if let Some(at) = self.links.iter().position(|link| link.server.id == server) {
            let mut link = self.links.remove(at);
            let saved = self.save_role(&mut link).await;
            if saved != Err(Unsaved::Lost) {
                self.links.push(link);
                return saved.err().map(|_| server);
            }
            self.publish_links();
        }
        self.state.forget_role();
        None
    }

    async fn reset_links(&mut self, tied: Option<ServerId>, tracked_by_client: bool) {
        let mut links = std::mem::take(&mut self.links);
        links.sort_by_key(|link| Some(link.server.id) != tied);
        // One connection is kept and reset: its OK is the proof that nothing of the session is left at that server.
        let mut kept = None;
        for mut link in links {
            if kept.is_none() && link.is_tracked && link.reset().await.is_ok() {
                link.forget_session();
                if tracked_by_client && let Ok(schema) = link.schema().await {
                    // The client may have switched off the reports of the schema.
                    link.view.schema.clone_from(&schema);
                    self.state.set_schema(schema);
                }
                kept = Some(link);
            } else {
                if self.sharing.by_user() {
                    self.worker.metrics.destroyed.increment(Destroyed::NotClean);
                }
                link.transport.close().await;
            }
        }
        self.links.extend(kept);
    }
}
