//! `rolecall explain`: the router's own verdict and decision, on a set of one primary and one replica.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use rolecall_protocol::StatusFlags;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::consistency::{Board, Causality, Consistency};
use rolecall_router::decide::{Action, Decision, DecisionInput, Mode, ReadsOnPrimary, decide};
use rolecall_router::session::{Pins, SessionState};
use rolecall_router::sql::{ClientCharset, Flavour, Hint, Lexing, ServerVersion, SqlMode, Statement, classify};
use rolecall_router::topology::{Address, Primary, Role, Server, ServerId, Topology};
use serde_json::json;

/// What is explained.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The statement; `-` reads it from standard input
    #[arg(value_name = "SQL", allow_hyphen_values = true)]
    sql: String,

    /// Whose dialect
    #[arg(long, value_enum, default_value_t = Dialect::Mysql)]
    flavour: Dialect,

    /// Server version, for executable comments
    #[arg(long, value_name = "X.Y.Z", value_parser = version)]
    server_version: Option<ServerVersion>,

    /// The session's sql_mode, such as ANSI_QUOTES,NO_BACKSLASH_ESCAPES
    #[arg(long, value_name = "MODES", default_value = "")]
    sql_mode: String,

    /// The session's character_set_client
    #[arg(long, value_name = "NAME", default_value = "utf8mb4")]
    charset: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Dialect {
    Mysql,
    Mariadb,
}

const PRIMARY: ServerId = ServerId(0);
const REPLICA: ServerId = ServerId(1);

impl Args {
    pub fn run(self) -> ExitCode {
        let sql = match self.text() {
            Ok(sql) => sql,
            Err(why) => {
                eprintln!("rolecall: cannot read the statement: {why}");
                return ExitCode::FAILURE;
            }
        };
        let lexing = self.lexing();
        let statement = classify(&sql, &lexing, &Catalogue::unknown());
        let decision = decision(&statement, lexing);
        super::print(&if self.json { as_json(&statement, &decision) } else { as_text(&statement, &decision) })
    }

    fn text(&self) -> std::io::Result<Vec<u8>> {
        if self.sql != "-" {
            return Ok(self.sql.clone().into_bytes());
        }
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text)?;
        // The line break is the shell's.
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        Ok(text)
    }

    fn lexing(&self) -> Lexing {
        let (flavour, version) = match self.flavour {
            Dialect::Mysql => (Flavour::Mysql, ServerVersion(90_700)),
            Dialect::Mariadb => (Flavour::Mariadb, ServerVersion(110_800)),
        };
        Lexing {
            mode: SqlMode::from_value(self.sql_mode.to_ascii_uppercase().as_bytes()),
            charset: ClientCharset::from_name(self.charset.to_ascii_lowercase().as_bytes()),
            flavour,
            version: self.server_version.unwrap_or(version),
        }
    }
}

fn version(text: &str) -> Result<ServerVersion, String> {
    let wrong = || format!("`{text}` is not a version: write it like 9.7.0 or 10.11.19");
    let parts: Vec<u32> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    match parts.as_slice() {
        [major @ 0..100, minor @ 0..100, patch @ 0..100] => Ok(ServerVersion(major * 10_000 + minor * 100 + patch)),
        _ => Err(wrong()),
    }
}

/// Where a fresh session in autocommit would send it, in split mode.
fn decision(statement: &Statement, lexing: Lexing) -> Decision {
    let session = SessionState::new(Vec::new(), lexing, StatusFlags::AUTOCOMMIT);
    let server = |id, role, name: &str| {
        Arc::new(Server {
            id,
            address: Address::Tcp(name.into(), 3306),
            name: name.into(),
            uuid: None,
            role,
            why: String::new(),
            weight: 1,
            zone: None,
            is_near: false,
            outstanding: Arc::default(),
        })
    };
    let topology = Topology {
        servers: vec![server(PRIMARY, Role::Primary, "primary"), server(REPLICA, Role::Replica, "replica")],
        primary: Primary::One(PRIMARY),
        ..Topology::empty()
    };
    let level = match statement.hint {
        Some(Hint::Consistency(level)) => level,
        _ => Consistency::default(),
    };
    decide(&DecisionInput {
        statement,
        session: &session,
        topology: &topology,
        mode: Mode::Split,
        reads_on_primary: ReadsOnPrimary::WhenNoReplica,
        rotation: 0,
        favourite: None,
        requirement: Causality::default().needs(level),
        board: &Board::default(),
    })
}

fn target(decision: &Decision) -> &'static str {
    match decision.action {
        Action::Forward(REPLICA) => "replica",
        Action::Forward(_) | Action::Ask(_) => "primary",
        Action::After(_) => "replica",
        Action::NoServer(_) | Action::Refuse(_) => "no server",
    }
}

/// How the replica is chosen, where there are several.
fn choice(decision: &Decision) -> Option<&'static str> {
    (target(decision) == "replica").then_some(
        "those in the proxy's zone first, unless much busier; of these the one with the fewest statements under way for its \
         weight; weight 0 last",
    )
}

fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    names.map(|name| name.to_lowercase().replace('_', "-")).collect()
}

fn as_json(statement: &Statement, decision: &Decision) -> String {
    let value = json!({
        "verb": format!("{:?}", statement.verb).to_lowercase(),
        "access": format!("{:?}", statement.access).to_lowercase(),
        "effects": names(statement.effects.iter_names().map(|(name, _)| name.to_owned())),
        "pins": names(Pins::of(statement).names()),
        "hint": statement.hint.map(|hint| format!("{hint:?}").to_lowercase()),
        "why": statement.why.0,
        "target": target(decision),
        "target_why": decision.why,
        "choice": choice(decision),
    });
    format!("{value:#}\n")
}

fn as_text(statement: &Statement, decision: &Decision) -> String {
    let list = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let hint = statement.hint.map_or_else(|| "none".to_owned(), |hint| format!("{hint:?}").to_lowercase());
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "goes to  {} ({})", target(decision), decision.why);
    if let Some(choice) = choice(decision) {
        let _ = writeln!(text, "choice   {choice}");
    }
    let _ = writeln!(text, "verb     {}", format!("{:?}", statement.verb).to_lowercase());
    let _ = writeln!(text, "access   {} ({})", format!("{:?}", statement.access).to_lowercase(), statement.why.0);
    let effects = names(statement.effects.iter_names().map(|(name, _)| name.to_owned()));
    let _ = writeln!(text, "effects  {}", list(effects));
    let _ = writeln!(text, "pins     {}", list(names(Pins::of(statement).names())));
    let _ = writeln!(text, "hint     {hint}");
    text
}

const EXAMPLES: &str = "\
Examples:
  rolecall explain 'SELECT * FROM t WHERE id = 1'
  rolecall explain 'SELECT * FROM t FOR UPDATE' --json
  rolecall explain --sql-mode ANSI_QUOTES 'SELECT \"a\" FROM t'
  rolecall explain --flavour mariadb --server-version 10.11.19 'SELECT /*M!100100 a*/ FROM t'
  rolecall explain - < statement.sql

The answer is for a fresh session in autocommit at a listener in split mode, with one primary and one replica. A stored
function counts as writing here; the running proxy knows better from the servers' catalogue.";
