//! The greeting's content: what every probed server can do.

use super::{Identity, Offer};
use crate::sql::Flavour;

/// The minimum over `identities`, all of the ruling flavour; None without any.
///
/// The version text is that of the lowest version, so that no client believes in a feature that one server lacks.
pub(super) fn minimum<'a>(
    flavour: Flavour,
    identities: impl Iterator<Item = &'a Identity>,
    sql_mode: Vec<u8>,
) -> Option<Offer> {
    let mut identities = identities.filter(|identity| identity.flavour == flavour);
    let first = identities.next()?;
    let mut offer = Offer {
        flavour,
        version_text: first.version_text.clone(),
        version: first.version,
        capabilities: first.capabilities,
        mariadb: first.mariadb,
        collation: first.collation,
        sql_mode,
    };
    for identity in identities {
        if identity.version < offer.version {
            offer.version = identity.version;
            offer.version_text.clone_from(&identity.version_text);
            offer.collation = identity.collation;
        }
        offer.capabilities &= identity.capabilities;
        offer.mariadb &= identity.mariadb;
    }
    Some(offer)
}
