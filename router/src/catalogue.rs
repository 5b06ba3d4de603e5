//! Stored routines and views that write, read from the servers.

use std::collections::HashSet;

use crate::sql::{ClientCharset, Lexing, SqlMode, body_is_harmless, view_is_harmless};

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

/// Which names a read must not touch. Names count in every schema: a false alarm costs a read on the primary only.
///
/// The system schemas' own views are not to be fed in: reads of these are found by their schemas' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// In lower case, ASCII, without quotes.
    harmless_functions: HashSet<Box<[u8]>>,
    /// In lower case.
    writing_views: HashSet<Box<[u8]>>,
    /// Some writing view has a name with bytes outside ASCII, which a client may send in another character set.
    has_foreign_view: bool,
    /// Some writing view has a name with quotes, which are doubled in a text.
    has_quoted_view: bool,
}

impl Catalogue {
    /// Nothing is known: every routine that is not built in counts as writing.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// From all routines and views of the servers. A routine is harmless when its body only reads and calls only
    /// built-in or harmless routines; a view when its definition does. Fixed point over the call graph.
    ///
    /// A body was lexed under the sql_mode of its creation, which is not known here: it has to be harmless under each.
    #[must_use]
    pub fn build(functions: &[Routine], views: &[View], lexing: &Lexing) -> Self {
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
        if !self.has_writing_views() {
            return false;
        }
        if self.has_foreign_view && !name.is_ascii() {
            return true;
        }
        if self.has_quoted_view && name.iter().any(|byte| matches!(byte, b'`' | b'"')) {
            return true;
        }
        with_lower_case(name, |name| self.writing_views.contains(name))
    }

    /// Whether there is any view that may write.
    #[must_use]
    pub fn has_writing_views(&self) -> bool {
        !self.writing_views.is_empty()
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
                catalogue.has_foreign_view |= !view.name.is_ascii();
                catalogue.has_quoted_view |= view.name.contains(['`', '"']);
                catalogue.writing_views.insert(lower_case(&view.name));
            }
        }
        catalogue
    }
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
