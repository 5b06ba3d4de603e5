//! A session's state, learnt from what servers say.

mod observe;
mod role;
mod user_variables;

pub use observe::Observed;

use rolecall_protocol::StatusFlags;

use super::diff::{BY_NAMES, CHARACTER_SET, COLLATION};
use super::held::Held;
use super::told::Told;
use super::tracking::ClientTracking;
use super::user_variables::UserVariables;
use super::view::Variables;
use super::{Pins, Role, View};
use crate::sql::{
    Access, ClientCharset, Effects, Flavour, Lexing, SqlMode, Statement, Verb, executed_name, held_change,
    is_alter_or_rename,
};
use crate::topology::ServerId;

/// Room that a session keeps for GTIDs: one is shorter.
const GTIDS_ROOM: usize = 128;

/// What COM_RESET_CONNECTION makes of the character sets and the collation.
#[derive(Debug, Clone)]
pub enum ResetNames {
    /// MariaDB: those of the login (`org_charset` in its sql_parse.cc), which every connection has that is made for the session.
    Login,
    /// MySQL: the server's, as [`GLOBAL_CHARACTER_SETS_QUESTION`] tells them.
    Global([Vec<u8>; 4]),
}

/// Asks for [`ResetNames::Global`].
pub const GLOBAL_CHARACTER_SETS_QUESTION: &str = "SELECT CAST(@@global.character_set_client AS BINARY),\
     CAST(@@global.character_set_connection AS BINARY),CAST(@@global.character_set_results AS BINARY),\
     CAST(@@global.collation_connection AS BINARY) LIMIT 1";

/// A session's state.
#[derive(Debug, Clone)]
pub struct SessionState {
    schema: Vec<u8>,
    variables: Variables,
    multi_statements: Option<bool>,
    revision: u64,
    status: StatusFlags,
    warnings: Warnings,
    pins: Pins,
    holder: Option<ServerId>,
    transaction: Option<ServerId>,
    uncertain: Option<ServerId>,
    /// Where a statement has failed behind whose text other code may have run (triggers), of which no report has come.
    hidden_code_at: Option<ServerId>,
    last: Option<ServerId>,
    lexing: Lexing,
    tracking: ClientTracking,
    was_reset: bool,
    expects_state_change: bool,
    /// GTIDs that the statement under way has committed, as the server named them.
    gtids: Vec<u8>,
    held: Held,
    told: Told,
    user_variables: UserVariables,
    role: Role,
    role_unread_at: Option<ServerId>,
    /// The server whose connection alone knows which flags were set (MariaDB).
    flags_unread_at: Option<ServerId>,
}

/// What COM_PING's OK tells of warnings on MySQL, where an error counts as one (MariaDB's tells none, ever).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warnings {
    Known(u16),
    /// The last statement ended in an error, whose packet does not say how many warnings came before it.
    KnownTo(ServerId),
}

impl SessionState {
    /// A session as it is right after its login.
    #[must_use]
    pub fn new(schema: Vec<u8>, lexing: Lexing, status: StatusFlags) -> Self {
        Self {
            schema,
            variables: Variables::new(),
            multi_statements: None,
            revision: 0,
            status,
            warnings: Warnings::Known(0),
            pins: Pins::empty(),
            holder: None,
            transaction: None,
            uncertain: None,
            hidden_code_at: None,
            last: None,
            lexing,
            tracking: ClientTracking::default(),
            was_reset: false,
            expects_state_change: false,
            gtids: Vec::new(),
            held: Held::default(),
            told: Told::default(),
            user_variables: UserVariables::default(),
            role: Role::OfLogin,
            role_unread_at: None,
            flags_unread_at: None,
        }
    }

    /// The default schema; empty: none.
    #[must_use]
    pub fn schema(&self) -> &[u8] {
        &self.schema
    }

    /// Variables that the session changed, with their values.
    #[must_use]
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// COM_SET_OPTION's state, where it differs from the handshake.
    #[must_use]
    pub const fn multi_statements(&self) -> Option<bool> {
        self.multi_statements
    }

    /// Grows with each change of schema, variables or options.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Status flags of the last OK.
    #[must_use]
    pub const fn status(&self) -> StatusFlags {
        self.status
    }

    /// Warnings that COM_PING tells of.
    ///
    /// # Errors
    /// The server to be asked, where it alone knows.
    pub const fn warnings(&self) -> Result<u16, ServerId> {
        match (self.lexing.flavour, self.warnings) {
            (Flavour::Mariadb, _) => Ok(0),
            (Flavour::Mysql, Warnings::Known(count)) => Ok(count),
            (Flavour::Mysql, Warnings::KnownTo(server)) => Err(server),
        }
    }

    /// What is known of the answers to questions about the last statement.
    #[must_use]
    pub const fn told(&self) -> Told {
        self.told
    }

    /// The last statement was a question that was answered elsewhere: what the next one would be told, and how many
    /// conditions there are.
    pub fn assume_told(&mut self, told: Told, conditions: Option<u16>) {
        self.told = told;
        if let Some(count) = conditions {
            self.warnings = Warnings::Known(count);
        }
    }

    /// How many conditions the last statement's OK packet told of; None: it ended in an error.
    #[must_use]
    pub const fn warnings_told(&self) -> Option<u16> {
        match self.warnings {
            Warnings::Known(count) => Some(count),
            Warnings::KnownTo(_) => None,
        }
    }

    /// The proxy answered a statement itself, without warnings.
    pub const fn observe_own_ok(&mut self) {
        self.warnings = Warnings::Known(0);
        self.told = Told { row_count: None, found_rows: None, ..self.told };
    }

    /// The proxy answered with an error of its own. `added`: to the warnings of the statement before, as servers do
    /// where a command does not get as far as a statement.
    pub const fn observe_own_err(&mut self, added: bool) {
        self.warnings = match self.warnings {
            Warnings::Known(count) if added => Warnings::Known(count.saturating_add(1)),
            Warnings::KnownTo(_) if added => return,
            _ => Warnings::Known(1),
        };
    }

    /// A statement was prepared with so many warnings.
    pub const fn observe_prepared(&mut self, warnings: u16) {
        self.told.observe_prepared(warnings, self.lexing.flavour);
        self.warnings = Warnings::Known(warnings);
    }

    /// Whether the server closes the connection behind its OK to `statement` (COMMIT RELEASE).
    #[must_use]
    pub fn is_released_by(&self, statement: &Statement) -> bool {
        if statement.effects.contains(Effects::RELEASES_SESSION) {
            return true;
        }
        matches!(statement.verb, Verb::Commit | Verb::Rollback)
            && !statement.effects.intersects(Effects::KEEPS_SESSION | Effects::BEGINS)
            && self.variables.get(b"completion_type".as_slice()).is_some_and(|value| **value == *b"RELEASE")
    }

    /// The client is about to read or set session_track_* variables: from now on they are its own.
    pub const fn hand_over_trackers(&mut self) {
        if !self.tracking.own {
            self.tracking.own = true;
            self.revision += 1;
        }
    }

    /// The same session in the schema and with the variables of an earlier moment.
    #[must_use]
    pub fn in_context(&self, schema: &[u8], variables: &Variables) -> Self {
        let (schema, variables) = (schema.to_vec(), variables.clone());
        Self { schema, variables, revision: self.revision.wrapping_add(1), ..self.clone() }
    }

    /// The default schema, where a server had to be asked for it.
    pub fn set_schema(&mut self, schema: Vec<u8>) {
        self.schema = schema;
        self.revision += 1;
    }

    /// Why the session cannot leave its connection; empty when it can.
    #[must_use]
    pub const fn pins(&self) -> Pins {
        self.pins
    }

    /// The server that statements must go to, whatever they are: an open transaction, a pin, or doubt after an error.
    #[must_use]
    pub fn tied_to(&self) -> Option<ServerId> {
        self.transaction.or(self.holder).or(self.uncertain)
    }

    /// Whether nothing ties the session to a connection that cannot be told elsewhere: the count that SQL_CALC_FOUND_ROWS made
    /// can, once it was asked for.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.transaction.is_none() && self.uncertain.is_none() && Pins::FOUND_ROWS.contains(self.pins)
    }

    /// The same but for what an error has left in doubt, which the connection tells when it is asked (COM_PING).
    #[must_use]
    pub const fn may_be_free(&self) -> bool {
        self.transaction.is_none() && Pins::FOUND_ROWS.contains(self.pins)
    }

    /// The server where an error has left in doubt what the session is.
    #[must_use]
    pub const fn uncertain_at(&self) -> Option<ServerId> {
        self.uncertain
    }

    /// Whether code has failed at `server`, unseen, that may have set variables of which nothing tells: MariaDB forgets the
    /// reports of a statement that failed (measured on 11.8).
    #[must_use]
    pub fn may_hide_variables_at(&self, server: ServerId) -> bool {
        self.hidden_code_at == Some(server) && self.lexing.flavour == Flavour::Mariadb
    }

    /// The server was asked for all of them: there are no others than it has told of.
    pub const fn has_no_hidden_variables(&mut self) {
        self.hidden_code_at = None;
    }

    /// The server with the open transaction.
    #[must_use]
    pub const fn transaction(&self) -> Option<ServerId> {
        self.transaction
    }

    /// The server that ran the last statement.
    #[must_use]
    pub const fn last(&self) -> Option<ServerId> {
        self.last
    }

    /// The GTIDs that OK packets have named since [`Self::forget_gtids`].
    #[must_use]
    pub fn gtids(&self) -> &[u8] {
        &self.gtids
    }

    /// They are noted. Room for what the next write brings is kept.
    pub fn forget_gtids(&mut self) {
        self.gtids.clear();
        if self.gtids.capacity() > GTIDS_ROOM {
            self.gtids = Vec::new();
        }
    }

    /// Whether each statement commits by itself.
    #[must_use]
    pub const fn is_autocommit(&self) -> bool {
        self.status.contains(StatusFlags::AUTOCOMMIT)
    }

    /// How this session's statements are cut into tokens.
    #[must_use]
    pub const fn lexing(&self) -> &Lexing {
        &self.lexing
    }

    /// What the client is shown of session-state changes.
    #[must_use]
    pub const fn tracking(&self) -> ClientTracking {
        self.tracking
    }

    /// Whether COM_RESET_CONNECTION ran: then a fresh connection has to run it too, since it undoes init_connect, and on MySQL
    /// sets character sets to the server's globals and not to the handshake's (sessions.md 4).
    #[must_use]
    pub const fn was_reset(&self) -> bool {
        self.was_reset
    }

    /// Adds a pin held by `server`.
    pub fn pin(&mut self, pins: Pins, server: ServerId) {
        #[cfg(debug_assertions)]
        let pins = super::left_out::without_left_out(pins);
        self.pins |= pins;
        if !self.pins.is_empty() {
            self.holder = Some(server);
        }
    }

    /// Ends pins.
    pub fn unpin(&mut self, pins: Pins) {
        self.pins -= pins;
        if self.pins.is_empty() {
            self.holder = None;
        }
    }

    /// Whether [`Self::note_held`] has to be told of a statement that was run: it may change what the connection holds by
    /// name.
    #[must_use]
    pub fn may_hold(&self, statement: &Statement) -> bool {
        const HOLDS: Effects = Effects::TEMPORARY_TABLE
            .union(Effects::DROPS_TEMPORARY)
            .union(Effects::NAMED_LOCK)
            .union(Effects::RELEASES_LOCK)
            .union(Effects::XA);
        statement.effects.intersects(HOLDS)
            || (statement.verb == Verb::Prepared && !statement.effects.contains(Effects::UNKNOWN_ROUTINE))
            || (statement.effects.contains(Effects::TEXT_PREPARED) && statement.verb != Verb::Prepared)
            || (matches!(statement.verb, Verb::Ddl | Verb::Several) && self.pins.contains(Pins::TEMPORARY_TABLE))
    }

    /// A statement of which [`Self::may_hold`] says so was run: accepted, or not. Pins end with the last table or lock.
    pub fn note_held(&mut self, statement: &Statement, sql: &[u8], accepted: bool) {
        if statement.verb == Verb::Prepared && executed_name(sql, &self.lexing).is_some() {
            // What is prepared stays, and what it ran cannot prepare.
            return;
        }
        let change = if statement.verb == Verb::Several { None } else { held_change(sql, &self.lexing) };
        match change {
            Some(change) if accepted => {
                let ended = self.held.changed(change, &self.schema);
                self.unpin(ended);
            }
            // It has taken nothing; what it should have let go counts as there.
            Some(_) if !sql.is_empty() => {}
            // What is not told by names stays in doubt.
            _ => {
                let renames = statement.verb == Verb::Several || is_alter_or_rename(sql, &self.lexing);
                let tables = if renames { Pins::TEMPORARY_TABLE } else { Pins::empty() };
                self.held.lose_sight(tables | Pins::from_effects(statement.effects));
            }
        }
    }

    /// The text that an EXECUTE runs, where that is known.
    #[must_use]
    pub fn executed_text(&self, statement: &Statement, sql: &[u8]) -> Option<&[u8]> {
        let is_execution = statement.verb == Verb::Prepared && statement.effects.contains(Effects::UNKNOWN_ROUTINE);
        let name = is_execution.then(|| executed_name(sql, &self.lexing)).flatten()?;
        self.held.text(&name)
    }

    /// A statement was prepared by COM_STMT_PREPARE: servers report that as a state change with the next OK.
    pub const fn expect_state_change(&mut self) {
        self.expects_state_change = true;
    }

    /// Whether the next OK is expected to report a preparation as a state change.
    #[must_use]
    pub const fn expects_state_change(&self) -> bool {
        self.expects_state_change
    }

    /// Whether triggers may have run with `statement` of whose user variables the server tells nothing.
    #[must_use]
    pub fn may_hide_variables(&self, statement: &Statement) -> bool {
        self.lexing.flavour == Flavour::Mariadb
            && statement.access == Access::Primary
            && matches!(statement.verb, Verb::Dml | Verb::Do | Verb::Several | Verb::Unknown)
    }

    /// A write by text comes next, whose triggers may change state: what the server reports then may be that, and not only
    /// the preparation before it.
    pub const fn doubt_state_change(&mut self) {
        self.expects_state_change = false;
    }

    /// SET NAMES … COLLATE was accepted: what no tracker tells, its text does.
    pub fn set_collation(&mut self, view: &mut View, collation: &[u8]) {
        self.put_variable(view, COLLATION, &[BY_NAMES, collation].concat());
        self.bump(view);
    }

    /// COM_SET_OPTION was accepted.
    pub fn set_multi_statements(&mut self, view: &mut View, on: bool) {
        self.multi_statements = Some(on);
        view.multi_statements = Some(on);
        self.bump(view);
    }

    /// COM_RESET_CONNECTION was accepted: everything goes but the schema, the roles and COM_SET_OPTION's state (MySQL 9.7,
    /// MariaDB 10.11 and 11.8 keep the roles, though MySQL's manual says nothing of it).
    pub fn reset(&mut self, baseline: Lexing) {
        self.variables.clear();
        self.held = Held::default();
        self.user_variables = UserVariables::default();
        self.flags_unread_at = None;
        self.pins = Pins::empty();
        self.holder = None;
        self.transaction = None;
        self.uncertain = None;
        self.hidden_code_at = None;
        self.lexing = baseline;
        self.tracking = ClientTracking::default();
        self.status = StatusFlags::AUTOCOMMIT;
        self.warnings = Warnings::Known(0);
        // FOUND_ROWS() stays (sessions.md 4).
        self.told = Told { found_rows: self.told.found_rows, ..Told::default() };
        self.was_reset = true;
        self.revision += 1;
    }

    /// What COM_RESET_CONNECTION made of the character sets: the session is then one that has set them, and any connection will
    /// do.
    pub fn assume_names(&mut self, names: &ResetNames) {
        if let ResetNames::Global([client, connection, results, collation]) = names {
            for (name, value) in [
                (b"character_set_client".as_slice(), client),
                (CHARACTER_SET, connection),
                (b"character_set_results", results),
            ] {
                self.note_variable(name, value);
            }
            self.note_variable(COLLATION, &[BY_NAMES, collation].concat());
        }
        self.was_reset = false;
        self.revision += 1;
    }

    /// The connection to `server` is gone, with whatever it held.
    pub fn lost(&mut self, server: ServerId) {
        if self.holder == Some(server) {
            self.holder = None;
            self.pins = Pins::empty();
            self.held = Held::default();
        }
        for tie in [&mut self.transaction, &mut self.uncertain, &mut self.last, &mut self.hidden_code_at] {
            if *tie == Some(server) {
                *tie = None;
            }
        }
        if self.warnings == Warnings::KnownTo(server) {
            self.warnings = Warnings::Known(1);
        }
        if self.transaction.is_none() {
            self.status.remove(StatusFlags::IN_TRANS | StatusFlags::IN_TRANS_READONLY);
        }
    }

    fn put_variable(&mut self, view: &mut View, name: &[u8], value: &[u8]) {
        self.variables.insert(name.into(), value.into());
        view.variables.insert(name.into(), value.into());
    }

    fn note_variable(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"sql_mode" => self.lexing.mode = SqlMode::from_value(value),
            b"character_set_client" => self.lexing.charset = ClientCharset::from_name(value),
            CHARACTER_SET | COLLATION if self.user_variables.may_be_numbers() => self.bind_numbers(name, value),
            _ => {}
        }
        self.variables.insert(name.into(), value.into());
    }

    /// On MySQL a number in a user variable has the collation of the connection when it was set (`CONCAT(@a)` shows it), which
    /// nothing tells and no literal sets.
    fn bind_numbers(&mut self, name: &[u8], value: &[u8]) {
        if self.lexing.flavour == Flavour::Mysql && self.variables.get(name).is_none_or(|before| **before != *value) {
            self.last.into_iter().for_each(|server| self.pin(Pins::USER_VARIABLE, server));
        }
    }

    fn bump(&mut self, view: &mut View) {
        self.revision += 1;
        view.revision = self.revision;
    }
}
