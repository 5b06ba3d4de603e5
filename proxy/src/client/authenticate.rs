//! Driving the authentication exchange with a client, for a login and for COM_CHANGE_USER alike.

use rolecall_protocol::auth::{AuthExchange, AuthFailure, AuthStep, Channel, Credential};
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::sql::Flavour;

use super::{Claim, LoginEnd};
use crate::exchange::Exchange;
use crate::shared::Shared;

/// No packet of the connection phase is longer: 64 KiB of attributes and some hundred bytes besides.
pub(super) const LOGIN_PACKET_LIMIT: usize = 68 * 1024;

/// Drives an exchange from `step` to its end: gives the credential, with the payload that goes in front of OK. The
/// credential is the client's claim; a server has to confirm it unless it was confirmed lately.
///
/// # Errors
/// The refusal to send, or the leg's failure.
pub async fn authenticate(
    shared: &Shared,
    leg: &mut Exchange<'_>,
    mut exchange: Option<AuthExchange>,
    mut step: AuthStep,
    claim: Claim<'_>,
) -> Result<(Credential, Option<Vec<u8>>), LoginEnd> {
    let flavour = shared.topology.load().offer.as_ref().map(|offer| offer.flavour).unwrap_or_default();
    if !claim.is_possible(flavour) {
        return Err(LoginEnd::Refused(claim.denied(flavour)));
    }
    let private = leg.transport.is_private();
    let channel = if private { Channel::Private } else { Channel::Plain { public_key: shared.own_key.public_pem() } };
    loop {
        step = match (step, &mut exchange) {
            (AuthStep::Send(payload), Some(exchange)) => {
                leg.write(&payload).await?;
                let answer = leg.read_secret(LOGIN_PACKET_LIMIT).await?;
                exchange.handle(&answer, channel, &shared.own_key)?
            }
            (AuthStep::Send(_), None) => return Err(LoginEnd::Refused(refusal(AuthFailure::NoWay, claim, flavour))),
            (AuthStep::Proven { before_ok, credential }, _) => return Ok((credential, before_ok)),
            (AuthStep::Learnt(credential), _) => return Ok((credential, None)),
            (AuthStep::Refuse(failure), _) => return Err(LoginEnd::Refused(refusal(failure, claim, flavour))),
        };
    }
}

fn refusal(failure: AuthFailure, claim: Claim<'_>, flavour: Flavour) -> ErrPacket {
    match failure {
        AuthFailure::WrongPassword => claim.denied(flavour),
        AuthFailure::NoWay => ErrPacket::new(
            ErrorCode::NOT_SUPPORTED_AUTH_MODE,
            "Rolecall cannot learn this account's password from this client: use a client with caching_sha2_password, or \
             mysql_clear_password over TLS, or give the account's password or mysql_native_password hash in the \
             configuration (users)",
        ),
    }
}
