//! The verdict while a statement is being read.

use crate::sql::{Access, Effects};

/// Grows more careful with each finding, never less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub access: Access,
    pub effects: Effects,
    pub why: &'static str,
    pub returns_part: bool,
    pub counts_matched: bool,
    pub has_query: bool,
    /// A table is named whose triggers may leave something.
    pub names_leaving_table: bool,
}

impl Verdict {
    pub(super) const fn new() -> Self {
        Self {
            access: Access::Read,
            effects: Effects::empty(),
            why: "reads what every server has",
            returns_part: false,
            counts_matched: false,
            has_query: false,
            names_leaving_table: false,
        }
    }

    /// Demands at least `access`; the first reason for the most demanding one is kept.
    pub(super) fn raise(&mut self, access: Access, why: &'static str) {
        if matches!((self.access, access), (Access::Primary, Access::Previous) | (Access::Previous, Access::Primary)) {
            self.effects |= Effects::ASKS_PREVIOUS;
        }
        if rank(access) > rank(self.access) {
            self.access = access;
            self.why = why;
        }
    }

    /// Demands the primary, and notes an effect.
    pub(super) fn leaves(&mut self, effects: Effects, why: &'static str) {
        self.effects |= effects;
        self.raise(Access::Primary, why);
    }

    /// Takes over what another statement of the same text demands.
    pub(super) fn merge(&mut self, other: &Self) {
        self.effects |= other.effects;
        self.returns_part |= other.returns_part;
        self.counts_matched |= other.counts_matched;
        self.has_query |= other.has_query;
        self.names_leaving_table |= other.names_leaving_table;
        self.raise(other.access, other.why);
    }
}

const fn rank(access: Access) -> u8 {
    match access {
        Access::Read => 0,
        Access::Session => 1,
        Access::Node => 2,
        Access::Previous => 3,
        Access::Primary => 4,
    }
}
