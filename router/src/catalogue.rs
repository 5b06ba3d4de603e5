//! Stored routines, views and triggers that do more than a statement's text says, read from the servers.

use std::collections::HashSet;

use crate::sql::{
    ClientCharset, Lexing, SqlMode, body_is_harmless, names_leaving_table, trigger_leaves_nothing, view_is_harmless,
};

/// A stored function or procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routine {
    /// Name, without schema.
    pub name: String,
    /// Body text; None where the monitor account may not see it.
    pub body: Option<String>,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Name, without schema.
    pub name: String,
    /// Definition; None where the monitor account may not see it.
    pub definition: Option<String>,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Its table's name, without schema.
    pub table: String,
    /// Body text; None where the monitor account may not see it.
    pub body: Option<String>,
}

/// Names of tables or views, as they may stand in any text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    /// In lower case.
    names: HashSet<Box<[u8]>>,
    /// Some have bytes outside ASCII, which a client may send in another character set.
    has_foreign: bool,
    /// Some have quotes, which are doubled in a text.
    has_quoted: bool,
}

impl Names {
    fn insert(&mut self, name: &str) {
        self.has_foreign |= !name.is_ascii();
        self.has_quoted |= name.contains(['`', '"']);
        self.names.insert(lower_case(name));
    }

    /// `name` is as it stands between quotes in a text.
    fn has(&self, name: &[u8]) -> bool {
        if self.names.is_empty() {
            return false;
        }
        let is_foreign = self.has_foreign && !name.is_ascii();
        let is_quoted = self.has_quoted && name.iter().any(|byte| matches!(byte, b'`' | b'"'));
        is_foreign || is_quoted || with_lower_case(name, |name| self.names.contains(name))
    }
}

/// Which names a read must not touch, and which no write may without keeping its connection. Names count in every schema: a false alarm costs a read on the primary only.
///
/// The system schemas' own views are not to be fed in: reads of these are found by their schemas' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// In lower case, ASCII, without quotes.
    harmless_functions: HashSet<Box<[u8]>>,
    writing_views: Names,
    /// Tables whose triggers may leave something on the connection, and views of such.
    leaving_tables: Names,
}

impl Catalogue {
    /// Nothing is known: every routine that is not built in counts as writing.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// From all routines, views and triggers of the servers. A routine is harmless when its body only reads and calls only
    /// built-in or harmless routines; a view when its definition does. Fixed point over the call graph.
    ///
    /// A body was lexed under the sql_mode of its creation, which is not known here: it has to be harmless under each.
    #[must_use]
    pub fn build(functions: &[Routine], views: &[View], triggers: &[Trigger], lexing: &Lexing) -> Self {
        let mut catalogue = Self::of_reads(functions, views, lexing);
        catalogue.find_leaving(views, triggers, &readings(lexing));
        catalogue
    }

    /// The least fixed point: a trigger that changes a table of such a trigger, and a view over one, are like it.
    fn find_leaving(&mut self, views: &[View], triggers: &[Trigger], readings: &[Lexing]) {
        loop {
            let is_new = |name: &str| !self.leaving_tables.has(name.as_bytes());
            let leaves =
                |text: &str| !readings.iter().all(|lexing| trigger_leaves_nothing(text.as_bytes(), lexing, self));
            let tables = triggers.iter().filter(|trigger| is_new(&trigger.table));
            let tables = tables.filter(|trigger| trigger.body.as_deref().is_none_or(leaves));
            let over = views.iter().filter(|view| self.has_leaving_tables() && is_new(&view.name));
            // A view that nobody may look into is a writing one already.
            let over =
                over.filter(|view| view.definition.as_deref().is_some_and(|text| names_one(text, readings, self)));
            let found: Vec<&str> = tables.map(|trigger| &*trigger.table).chain(over.map(|view| &*view.name)).collect();
            if found.is_empty() {
                return;
            }
            found.into_iter().for_each(|name| self.leaving_tables.insert(name));
        }
    }

    fn of_reads(functions: &[Routine], views: &[View], lexing: &Lexing) -> Self {
        let readings = readings(lexing);
        let mut functions: Vec<(&Routine, bool)> =
            functions.iter().map(|function| (function, is_plain(&function.name) && function.body.is_some())).collect();
        let mut views: Vec<(&View, bool)> = views.iter().map(|view| (view, view.definition.is_some())).collect();
        // The greatest fixed point: all is harmless until shown otherwise, so that recursion alone harms nobody.
        loop {
            let catalogue = Self::from_verdicts(&functions, &views);
            let mut changed = false;
            for (function, harmless) in functions.iter_mut().filter(|(_, harmless)| *harmless) {
                let body = function.body.as_deref().unwrap_or_default().as_bytes();
                *harmless = readings.iter().all(|lexing| body_is_harmless(body, lexing, &catalogue));
                changed |= !*harmless;
            }
            for (view, harmless) in views.iter_mut().filter(|(_, harmless)| *harmless) {
                let definition = view.definition.as_deref().unwrap_or_default().as_bytes();
                *harmless = readings.iter().all(|lexing| view_is_harmless(definition, lexing, &catalogue));
                changed |= !*harmless;
            }
            if !changed {
                return catalogue;
            }
        }
    }

    /// Whether a stored function of this name (any case) is known to be harmless.
    #[must_use]
    pub fn is_harmless_function(&self, name: &[u8]) -> bool {
        !self.harmless_functions.is_empty() && with_lower_case(name, |name| self.harmless_functions.contains(name))
    }

    /// Whether a view of this name may write or lock. `name` is as it stands between quotes in a text.
    #[must_use]
    pub fn is_writing_view(&self, name: &[u8]) -> bool {
        self.writing_views.has(name)
    }

    /// Whether a table of this name has a trigger that may leave something on the connection (a named lock, a temporary table, a
    /// sequence's last value, whatever a procedure does), or is a view of such a table. `name` as above.
    #[must_use]
    pub fn is_leaving_table(&self, name: &[u8]) -> bool {
        self.leaving_tables.has(name)
    }

    /// Whether there is any such table.
    #[must_use]
    pub fn has_leaving_tables(&self) -> bool {
        !self.leaving_tables.names.is_empty()
    }

    /// Whether there is any view that may write.
    #[must_use]
    pub fn has_writing_views(&self) -> bool {
        !self.writing_views.names.is_empty()
    }

    fn from_verdicts(functions: &[(&Routine, bool)], views: &[(&View, bool)]) -> Self {
        let mut catalogue = Self::default();
        for (function, harmless) in functions {
            if *harmless {
                catalogue.harmless_functions.insert(lower_case(&function.name));
            }
        }
        for (function, harmless) in functions {
            if !*harmless {
                catalogue.harmless_functions.retain(|name| !may_be_called(&function.name, name));
            }
        }
        for (view, harmless) in views {
            if !*harmless {
                catalogue.writing_views.insert(&view.name);
            }
        }
        catalogue
    }
}

/// Whether a view's definition names a table whose changes may leave something.
fn names_one(definition: &str, readings: &[Lexing], catalogue: &Catalogue) -> bool {
    readings.iter().any(|lexing| names_leaving_table(definition.as_bytes(), lexing, catalogue))
}

/// The ways in which a text may have been lexed when it was stored. Stored texts are UTF-8.
fn readings(lexing: &Lexing) -> Vec<Lexing> {
    let modes = [
        SqlMode::empty(),
        SqlMode::ANSI_QUOTES,
        SqlMode::NO_BACKSLASH_ESCAPES,
        SqlMode::ANSI_QUOTES.union(SqlMode::NO_BACKSLASH_ESCAPES),
    ];
    modes.iter().map(|mode| Lexing { mode: *mode, charset: ClientCharset::Utf8, ..*lexing }).collect()
}

/// Whether a name stands in a text as it is.
fn is_plain(name: &str) -> bool {
    name.is_ascii() && !name.contains(['`', '"'])
}

/// Whether a call of `plain` may reach the function `name`: the servers compare routines' names without case and
/// accents, so that any character outside ASCII may equal any within.
fn may_be_called(name: &str, plain: &[u8]) -> bool {
    let name = name.trim_end();
    name.chars().count() == plain.len()
        && name
            .chars()
            .zip(plain)
            .all(|(character, byte)| !character.is_ascii() || character.eq_ignore_ascii_case(&(*byte).into()))
}

fn lower_case(name: &str) -> Box<[u8]> {
    name.to_ascii_lowercase().into_bytes().into()
}

/// Asks for a name in lower case, without allocation: names have up to 64 characters.
fn with_lower_case(name: &[u8], ask: impl FnOnce(&[u8]) -> bool) -> bool {
    let mut buffer = [0; 256];
    let Some(lower) = buffer.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    ask(lower)
}
