//! The table of classification cases, `router/tests/cases/*.txt` (its README tells the format), as data for tests: the
//! classifier's own, and those that ask real servers whether what is called a read leaves nothing behind.

use super::{Access, ClientCharset, Effects, Flavour, Hint, Lexing, ServerVersion, SqlMode, Verb};
use crate::catalogue::{Catalogue, Routine, View};

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The trap or rule it belongs to, as `A5` or `S7`.
    pub id: &'static str,
    /// The statement's text.
    pub sql: Vec<u8>,
    /// How it is lexed; [`Flavour`] and version name the servers that it is meant for.
    pub lexing: Lexing,
    /// The expected verb.
    pub verb: Verb,
    /// The expected access.
    pub access: Access,
    /// The expected effects.
    pub effects: Effects,
    /// The expected hint.
    pub hint: Option<Hint>,
}

/// The files, by name.
pub const FILES: [(&str, &str); 9] = [
    ("administration", include_str!("../../tests/cases/administration.txt")),
    ("data", include_str!("../../tests/cases/data.txt")),
    ("definition", include_str!("../../tests/cases/definition.txt")),
    ("lexing", include_str!("../../tests/cases/lexing.txt")),
    ("query", include_str!("../../tests/cases/query.txt")),
    ("session", include_str!("../../tests/cases/session.txt")),
    ("set", include_str!("../../tests/cases/set.txt")),
    ("several", include_str!("../../tests/cases/several.txt")),
    ("transaction", include_str!("../../tests/cases/transaction.txt")),
];

/// All cases.
///
/// # Panics
/// When a file is not written as its README says: this is test data.
#[must_use]
pub fn all() -> Vec<Case> {
    FILES.iter().flat_map(|(name, text)| parse(name, text)).collect()
}

/// Statements that make the routines and views that the cases speak of, apart from the tables `t`, `t1`, `t2` and `a`
/// with columns id, a, b, x.
#[must_use]
pub fn catalogue() -> Catalogue {
    let functions = FUNCTIONS.map(|(name, body)| Routine { name: name.into(), body: Some(body.into()) });
    let views = VIEWS.map(|(name, definition)| View { name: name.into(), definition: Some(definition.into()) });
    Catalogue::build(&functions, &views, &[], &MYSQL)
}

/// Stored functions, with their bodies; each takes one integer and returns one.
pub const FUNCTIONS: [(&str, &str); 8] = [
    ("f_reads", "BEGIN DECLARE n INT DEFAULT 0; SELECT COUNT(*) INTO n FROM t WHERE id = x; RETURN n; END"),
    ("f_calls_reads", "RETURN f_reads(x) + 1"),
    ("f_writes", "BEGIN INSERT INTO t (a) VALUES (x); RETURN x; END"),
    ("f_calls_writes", "RETURN f_writes(x)"),
    ("f_locks_rows", "BEGIN DECLARE n INT; SELECT COUNT(*) INTO n FROM t WHERE id = x FOR UPDATE; RETURN n; END"),
    ("f_takes_lock", "RETURN GET_LOCK('f', 0)"),
    ("f_sets_variable", "BEGIN SET @f = x; RETURN x; END"),
    ("f_makes_table", "BEGIN CREATE TEMPORARY TABLE f_made (a INT); RETURN x; END"),
];

/// Views, with their definitions.
pub const VIEWS: [(&str, &str); 4] = [
    ("v_plain", "select `t`.`id` AS `id`,`f_reads`(`t`.`id`) AS `n` from `t`"),
    ("v_calls_f", "select `f_writes`(`t`.`id`) AS `n` from `t`"),
    ("v_locks_rows", "select `t`.`id` AS `n` from `t` for update"),
    ("v_over_v", "select `v_calls_f`.`n` AS `n` from `v_calls_f`"),
];

/// MySQL, as cases without `with:` have it.
pub const MYSQL: Lexing = Lexing {
    mode: SqlMode::empty(),
    charset: ClientCharset::Utf8,
    flavour: Flavour::Mysql,
    version: ServerVersion(90704),
};

/// Every built-in function that the classifier knows of a server: for comparison with real ones.
pub fn built_in_functions(flavour: Flavour, version: ServerVersion) -> impl Iterator<Item = &'static str> {
    super::function::all(flavour, version.0)
}

fn parse(file: &str, text: &'static str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut header: Option<Case> = None;
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{file}.txt:{}: {line}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("    ") {
            Some(sql) => {
                let header = header.clone().unwrap_or_else(|| panic!("no header above {}", place()));
                cases.push(Case { sql: unescape(sql), ..header });
            }
            None => {
                header = Some(parse_header(line).unwrap_or_else(|word| panic!("unknown word {word:?} in {}", place())))
            }
        }
    }
    cases
}

fn parse_header(line: &'static str) -> Result<Case, &'static str> {
    let mut words = line.split_ascii_whitespace();
    let id = words.next().ok_or("")?;
    let verb = parse_verb(words.next().ok_or("")?)?;
    let access = parse_access(words.next().ok_or("")?)?;
    let mut case = Case { id, sql: Vec::new(), lexing: MYSQL, verb, access, effects: Effects::empty(), hint: None };
    for word in words {
        if let Some(hint) = word.strip_prefix("hint:") {
            case.hint = Some(Hint::from_name(hint.as_bytes()).ok_or(word)?);
        } else if let Some(switches) = word.strip_prefix("with:") {
            for switch in switches.split(',') {
                apply(switch, &mut case.lexing).ok_or(word)?;
            }
        } else {
            case.effects |= Effects::from_name(&word.to_uppercase()).ok_or(word)?;
        }
    }
    Ok(case)
}

fn parse_verb(word: &'static str) -> Result<Verb, &'static str> {
    Ok(match word {
        "select" => Verb::Select,
        "show" => Verb::Show,
        "dml" => Verb::Dml,
        "do" => Verb::Do,
        "ddl" => Verb::Ddl,
        "set" => Verb::Set,
        "use" => Verb::Use,
        "begin" => Verb::Begin,
        "commit" => Verb::Commit,
        "rollback" => Verb::Rollback,
        "savepoint" => Verb::Savepoint,
        "prepared" => Verb::Prepared,
        "administration" => Verb::Administration,
        "kill" => Verb::Kill,
        "empty" => Verb::Empty,
        "several" => Verb::Several,
        "unknown" => Verb::Unknown,
        _ => return Err(word),
    })
}

fn parse_access(word: &'static str) -> Result<Access, &'static str> {
    Ok(match word {
        "read" => Access::Read,
        "node" => Access::Node,
        "previous" => Access::Previous,
        "session" => Access::Session,
        "primary" => Access::Primary,
        _ => return Err(word),
    })
}

fn apply(switch: &str, lexing: &mut Lexing) -> Option<()> {
    match switch {
        "ansi_quotes" => lexing.mode |= SqlMode::ANSI_QUOTES,
        "no_backslash_escapes" => lexing.mode |= SqlMode::NO_BACKSLASH_ESCAPES,
        "ignore_space" => lexing.mode |= SqlMode::IGNORE_SPACE,
        "oracle" => lexing.mode |= SqlMode::ORACLE,
        "latin1" => lexing.charset = ClientCharset::AsciiSafe,
        "gbk" => lexing.charset = ClientCharset::Gbk,
        "gb18030" => lexing.charset = ClientCharset::Gb18030,
        "big5" => lexing.charset = ClientCharset::Big5,
        "sjis" => lexing.charset = ClientCharset::Sjis,
        "unknown_charset" => lexing.charset = ClientCharset::Unknown,
        "mariadb" => {
            lexing.flavour = Flavour::Mariadb;
            lexing.version = ServerVersion(101_119);
        }
        _ => lexing.version = ServerVersion(switch.strip_prefix("version=")?.parse().ok()?),
    }
    Some(())
}

/// `\n`, `\t`, `\r`, `\0`, `\\` and `\xHH`; any other backslash stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let (value, used) = match (byte, behind) {
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b'0', ..]) => (0, 2),
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => (b'\\', 1),
            },
            _ => (byte, 1),
        };
        bytes.push(value);
        rest = &rest[used..];
    }
    bytes
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
