//! What is offered to a client: what all servers do, what the proxy does by itself, and no more.

use std::time::Duration;

use rolecall_protocol::auth::AuthPlugin;
use rolecall_protocol::compression::Algorithm;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::handshake::Greeting;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{Capabilities, MariadbCapabilities, StatusFlags};
use rolecall_router::topology::Offer;

use super::LoginEnd;
use crate::shared::{ClientTls, ListenerProfile, Shared};

/// How long a greeting waits for the first probe of a server.
const FIRST_PROBE: Duration = Duration::from_secs(5);

/// What the proxy speaks towards clients by itself, whatever the servers do.
const OWN: Capabilities = Capabilities::PROTOCOL_41
    .union(Capabilities::SECURE_CONNECTION)
    .union(Capabilities::PLUGIN_AUTH)
    .union(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(Capabilities::CONNECT_WITH_DB)
    .union(Capabilities::CONNECT_ATTRS)
    .union(Capabilities::DEPRECATE_EOF)
    .union(Capabilities::SESSION_TRACK)
    .union(Capabilities::COMPRESS)
    .union(Capabilities::ZSTD_COMPRESSION_ALGORITHM);

/// What the proxy never offers: TLS is added per listener, further factors cannot be carried over.
const WITHHELD: Capabilities = Capabilities::SSL
    .union(Capabilities::MULTI_FACTOR_AUTHENTICATION)
    .union(Capabilities::CAPABILITY_EXTENSION)
    .union(Capabilities::SSL_VERIFY_SERVER_CERT)
    .union(Capabilities::REMEMBER_OPTIONS);

/// MariaDB's extended capabilities that work through the proxy.
pub(super) const OWN_MARIADB: MariadbCapabilities = MariadbCapabilities::PROGRESS
    .union(MariadbCapabilities::STMT_BULK_OPERATIONS)
    .union(MariadbCapabilities::EXTENDED_METADATA)
    .union(MariadbCapabilities::BULK_UNIT_RESULTS);

/// What the servers offer, once one of them was asked.
pub(super) async fn first_offer(shared: &Shared) -> Result<Offer, LoginEnd> {
    let wait = async {
        loop {
            let (offer, generation) = {
                let topology = shared.topology.load();
                (topology.offer.clone(), topology.generation)
            };
            match offer {
                Some(offer) => return offer,
                None => shared.topology.newer_than(generation).await,
            }
        }
    };
    shared.clock.timeout(FIRST_PROBE, wait).await.map_err(|_| {
        LoginEnd::Refused(ErrPacket::new(
            ErrorCode::NO_SERVER,
            "Rolecall has not reached any server yet: see /readyz or the log for the reason. Nothing was executed",
        ))
    })
}

/// The plugin that clients are greeted with.
///
/// To a version that begins with 5.5.5, as MariaDB's before 11 does, MySQL's Connector/J speaks the protocol of its time, in
/// which an authentication has one step: with mysql_native_password it gets in where the account is known already.
pub fn first_plugin(offer: &Offer) -> AuthPlugin {
    if offer.version_text.starts_with(b"5.5.5-") { AuthPlugin::NativePassword } else { AuthPlugin::CachingSha2Password }
}

/// The greeting of a listener.
pub(super) fn greeting(offer: &Offer, profile: &ListenerProfile, connection_id: u32, scramble: [u8; 20]) -> Greeting {
    let mut capabilities = (offer.capabilities - WITHHELD) | OWN;
    if !matches!(profile.tls, ClientTls::Off) {
        capabilities |= Capabilities::SSL;
    }
    Greeting {
        server_version: offer.version_text.clone(),
        connection_id,
        scramble,
        capabilities,
        mariadb: offer.mariadb & OWN_MARIADB,
        collation: offer.collation,
        status: StatusFlags::AUTOCOMMIT,
        plugin: first_plugin(offer).name().into(),
    }
}

/// The strongest zstd level that a client gets. It names a level for its own end's work as much as for this one's, and
/// what the higher levels cost is paid by all sessions of its worker.
const STRONGEST_ZSTD: u8 = 6;

/// zlib goes before zstd where a client names both, as in the server.
pub(super) fn compression(capabilities: Capabilities, zstd_level: u8) -> Option<Algorithm> {
    if capabilities.contains(Capabilities::COMPRESS) {
        Some(Algorithm::Zlib)
    } else if capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
        Some(Algorithm::Zstd(zstd_level.clamp(1, STRONGEST_ZSTD)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_make_its_worker_compress_at_any_price() {
        let level = |wanted| match compression(Capabilities::ZSTD_COMPRESSION_ALGORITHM, wanted) {
            Some(Algorithm::Zstd(level)) => level,
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 3, 22].map(level), [1, 1, 3, STRONGEST_ZSTD]);
    }
}
