//! Active roles (MySQL Reference Manual, "SET ROLE"): no tracker tells of them, CURRENT_ROLE() does.

use crate::sql::{Flavour, Kind, Lexing, SqlMode, Tokens};

/// The active roles of a session, or of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Role {
    /// What the login made them.
    #[default]
    OfLogin,
    /// A statement may have changed them: only its connection knows.
    Unread,
    /// What stands behind SET ROLE.
    Set(Box<[u8]>),
}

/// Asks for [`Role::from_answer`]'s.
pub const ROLE_QUESTION: &str = "SELECT CAST(CURRENT_ROLE() AS BINARY) LIMIT 1";

impl Role {
    /// From CURRENT_ROLE(). None: names that cannot be said again whatever the connection's character sets are.
    #[must_use]
    pub fn from_answer(flavour: Flavour, answer: Option<&[u8]>) -> Option<Self> {
        let argument = match (flavour, answer) {
            (Flavour::Mariadb, None) | (Flavour::Mysql, Some(b"NONE")) => b"NONE".to_vec(),
            // MySQL tells a list, MariaDB one bare name.
            (Flavour::Mysql, Some(roles)) => list_of_accounts(roles)?,
            (Flavour::Mariadb, Some(role)) if is_plain(role) && !role.is_empty() => quoted(role.iter().copied()),
            _ => return None,
        };
        Some(Self::Set(argument.into()))
    }
}

/// The roles of a list such as [`Role::from_answer`] makes, each by itself.
#[must_use]
pub fn each_role(list: &[u8]) -> Vec<&[u8]> {
    let mut is_quoted = false;
    let ends = |byte: &u8| {
        is_quoted ^= *byte == b'`';
        *byte == b',' && !is_quoted
    };
    list.split(ends).collect()
}

fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A name between backquotes, which every sql_mode takes for a name.
fn quoted(name: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut quoted = vec![b'`'];
    for byte in name {
        quoted.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'`')));
    }
    quoted.push(b'`');
    quoted
}

/// `` `name`@`host`,… `` and nothing else, always in backquotes: the server tells it in double ones under ANSI_QUOTES, and bare
/// where a name needs none without sql_quote_show_create.
fn list_of_accounts(mut rest: &[u8]) -> Option<Vec<u8>> {
    if !is_plain(rest) {
        return None;
    }
    let mut list = Vec::new();
    loop {
        let (role, behind) = first_name(rest)?;
        let (host, behind) = first_name(behind.strip_prefix(b"@")?)?;
        list.extend([role, b"@".to_vec(), host].concat());
        match behind {
            [] => return Some(list),
            [b',', behind @ ..] => rest = behind,
            _ => return None,
        }
        list.push(b',');
    }
}

/// The name that a text begins with, in backquotes, and what follows it.
fn first_name(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut tokens = Tokens::new(text, Lexing { mode: SqlMode::ANSI_QUOTES, ..Lexing::default() });
    let token = tokens.token();
    if token.start > 0 || tokens.findings().doubt.is_some() {
        return None;
    }
    let name = match (token.kind, text.first()?) {
        (Kind::Word(_), _) => quoted(token.text.iter().copied()),
        (Kind::Quoted, b'`') => text[..token.end].to_vec(),
        (Kind::Quoted, quote) => {
            // The second of two that stand for one.
            let mut is_first = false;
            quoted(token.text.iter().copied().filter(|byte| {
                is_first = byte == quote && !is_first;
                byte != quote || is_first
            }))
        }
        _ => return None,
    };
    Some((name, &text[token.end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(flavour: Flavour, answer: Option<&str>) -> Option<String> {
        match Role::from_answer(flavour, answer.map(str::as_bytes))? {
            Role::Set(argument) => Some(String::from_utf8(argument.into()).expect("ASCII")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn c10_roles_are_said_again_as_the_server_tells_them() {
        for roles in ["NONE", "`r1`@`%`", "`r``2`@`%`,`r1`@`host`"] {
            assert_eq!(said(Flavour::Mysql, Some(roles)).as_deref(), Some(roles));
        }
        // sql_mode = ANSI_QUOTES, sql_quote_show_create = OFF.
        let ansi = "\"r1\"@\"%\",\"a`b\"\"c\"@\"host\"";
        assert_eq!(said(Flavour::Mysql, Some(ansi)).as_deref(), Some("`r1`@`%`,`a``b\"c`@`host`"));
        assert_eq!(said(Flavour::Mysql, Some("r1@`%`,r_2@localhost")).as_deref(), Some("`r1`@`%`,`r_2`@`localhost`"));
        assert_eq!(said(Flavour::Mariadb, None).as_deref(), Some("NONE"));
        assert_eq!(said(Flavour::Mariadb, Some("none")).as_deref(), Some("`none`"));
        assert_eq!(said(Flavour::Mariadb, Some("r`2")).as_deref(), Some("`r``2`"));
    }

    #[test]
    fn c10_lists_of_roles_are_taken_apart() {
        let roles = ["`r1`@`%`", "`r,``2`@`a,b`", "`r3`@`%`"];
        assert_eq!(each_role(roles.join(",").as_bytes()), roles.map(str::as_bytes));
        assert_eq!(each_role(b"NONE"), [b"NONE"]);
    }

    /// A server that lies has nothing executed elsewhere.
    #[test]
    fn what_is_no_list_of_roles_is_not_said() {
        for roles in [
            "",
            "r1",
            "`r1`",
            "`r1`@`%",
            "`r1`@`%`,",
            "`r1`@`%`; DROP",
            "`r1`@`%` , x",
            "`\u{e4}`@`%`",
            "r 1@h",
            "r1@",
            " `r1`@`%`",
            "\"r1@h",
            "/*!`r1`@`%`*/",
        ] {
            assert_eq!(said(Flavour::Mysql, Some(roles)), None, "{roles}");
        }
        assert_eq!(said(Flavour::Mysql, None), None);
        for role in ["", "\u{e4}", "a\nb"] {
            assert_eq!(said(Flavour::Mariadb, Some(role)), None, "{role}");
        }
    }
}
