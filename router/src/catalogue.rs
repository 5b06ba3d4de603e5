//! Stored routines and views that write, read from the servers. (Stub.)

use crate::sql::Lexing;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    _private: (),
}

impl Catalogue {
    /// Nothing is known: every routine that is not built in counts as writing.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// From all routines and views of the servers. A routine is harmless when its body only reads and calls only
    /// built-in or harmless routines; a view when its definition does. Fixed point over the call graph.
    #[must_use]
    pub fn build(functions: &[Routine], views: &[View], lexing: &Lexing) -> Self {
        let _ = (functions, views, lexing);
        Self::default()
    }

    /// Whether a stored function of this name (any case) is known to be harmless.
    #[must_use]
    pub fn is_harmless_function(&self, name: &[u8]) -> bool {
        let _ = name;
        false
    }

    /// Whether a view of this name may write or lock.
    #[must_use]
    pub fn is_writing_view(&self, name: &[u8]) -> bool {
        let _ = name;
        false
    }
}
