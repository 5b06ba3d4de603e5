//! Who a client says that it is.

use std::net::IpAddr;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::handshake::is_user_name;
use rolecall_protocol::response::ErrPacket;
use rolecall_router::sql::Flavour;

/// Who a client says that it is, and where it comes from; nothing has proven it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The user name as it came.
    pub user: &'a [u8],
    /// None: a unix socket.
    pub peer: Option<IpAddr>,
}

impl Claim<'_> {
    /// Whether servers of this flavour can have such an account (MySQL: 32 characters, MariaDB: 128). Servers cut a
    /// longer name off, and would log in whoever has the shorter one (wire.md A6).
    #[must_use]
    pub fn is_possible(&self, flavour: Flavour) -> bool {
        let most = match flavour {
            Flavour::Mysql => 32,
            Flavour::Mariadb => 128,
        };
        is_user_name(self.user, most)
    }

    /// Error 1045, in the words of servers of this flavour, which show no more of a long name than this.
    #[must_use]
    pub fn denied(&self, flavour: Flavour) -> ErrPacket {
        let shown = match flavour {
            Flavour::Mysql => 48,
            Flavour::Mariadb => 128,
        };
        let user: String = String::from_utf8_lossy(self.user).chars().take(shown).collect();
        let host = self.peer.map_or_else(|| "localhost".to_owned(), |peer| peer.to_string());
        let text = format!("Access denied for user '{user}'@'{host}' (using password: YES)");
        ErrPacket::new(ErrorCode::ACCESS_DENIED, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_longer_name_than_an_account_can_have_is_nobodys() {
        let of = |characters: usize| "ü".repeat(characters).into_bytes();
        for (flavour, most) in [(Flavour::Mysql, 32), (Flavour::Mariadb, 128)] {
            assert!(Claim { user: &of(most), peer: None }.is_possible(flavour), "{flavour:?}");
            assert!(!Claim { user: &of(most + 1), peer: None }.is_possible(flavour), "{flavour:?}");
        }
    }

    #[test]
    fn a24_the_refusal_names_user_and_host() {
        let claim = Claim { user: b"app", peer: Some(IpAddr::from([10, 0, 0, 7])) };
        let text = |claim: Claim<'_>, flavour| String::from_utf8(claim.denied(flavour).message).expect("text");
        assert_eq!(text(claim, Flavour::Mysql), "Access denied for user 'app'@'10.0.0.7' (using password: YES)");
        let long = Claim { user: &[b'x'; 300], peer: None };
        for (flavour, shown) in [(Flavour::Mysql, 48), (Flavour::Mariadb, 128)] {
            assert!(text(long, flavour).contains(&format!("'{}'@'localhost'", "x".repeat(shown))), "{flavour:?}");
        }
    }
}
