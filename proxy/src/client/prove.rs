//! Proving a login at a server.

use std::sync::Arc;
use std::time::Instant;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::topology::{Server, Topology};

use crate::backend::{ConnectError, Connection, Identity};
use crate::shared::Shared;
use crate::topology::ServerError;

/// Why a login could not be proven.
#[derive(Debug)]
pub struct ProveError(pub ErrPacket);

/// Logs in at a server as the client would have: at the primary, else at any replica, so that errors 1045, 1049 and 3118
/// are the server's own. What a server says of the credential is remembered.
///
/// # Errors
/// The server's refusal, or an error of the proxy's own when no server can be reached.
pub async fn prove(shared: &Shared, identity: &Identity) -> Result<Connection, ProveError> {
    let (mut last, mut turned_away) = (None, None);
    for server in candidates(&shared.topology.load()) {
        match shared.connector.connect(&server, identity).await {
            Ok(connection) => {
                shared.accounts.prove(&identity.user, &identity.credential, &identity.schema, Instant::now());
                return Ok(connection);
            }
            Err(ConnectError::Refused(err)) => {
                if err.code == ErrorCode::ACCESS_DENIED.code {
                    shared.accounts.disprove(&identity.user, &identity.credential);
                }
                return Err(ProveError(err));
            }
            // Another server may look at the login; where none does, this is what the client is told.
            Err(ConnectError::TurnedAway(err)) => turned_away = Some(err),
            Err(error) => {
                shared.topology.report(server.id, ServerError::Unreachable);
                tracing::debug!(server = %server.name, %error, "cannot prove a login");
                last = Some(error);
            }
        }
    }
    if let Some(err) = turned_away {
        return Err(ProveError(err));
    }
    let text = match last {
        Some(error) => format!(
            "Rolecall cannot reach a server to check this login: {error}. Nothing was executed; try again later"
        ),
        None => "Rolecall has no server to check this login with. Nothing was executed; try again later".to_owned(),
    };
    Err(ProveError(ErrPacket::new(ErrorCode::NO_SERVER, text)))
}

fn candidates(topology: &Topology) -> Vec<Arc<Server>> {
    let routable: Vec<_> = topology.primary().into_iter().chain(topology.replicas()).cloned().collect();
    // Without a monitor account nobody's role is known until somebody has logged in: any server can check a password.
    if routable.is_empty() { topology.servers.clone() } else { routable }
}
