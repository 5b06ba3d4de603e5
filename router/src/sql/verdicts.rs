//! Verdicts that are remembered by the shape of the statement's text: most statements of an application are few texts
//! with other literals.

use std::sync::Arc;

use super::shape::{SHAPE_LIMIT, Shape};
use super::{Effects, Lexing, Statement, Verb, classify};
use crate::catalogue::Catalogue;

/// Shapes that are remembered; a newer one takes the place of one with the same remainder of its hash.
const SLOTS: usize = 256;

/// Classifies as [`classify`] does, and remembers verdicts. One for each worker: about 90 KiB, never more.
#[derive(Debug)]
pub struct Verdicts {
    /// What the verdicts were found with.
    catalogue: Arc<Catalogue>,
    slots: Vec<Slot>,
    shape: Shape,
}

#[derive(Debug, Clone)]
struct Slot {
    statement: Statement,
    lexing: Lexing,
    /// Bytes of the shape; 0: nothing is remembered here.
    length: usize,
    shape: [u8; SHAPE_LIMIT],
}

impl Slot {
    const EMPTY: Self =
        Self { statement: Statement::unknown(""), lexing: Lexing::DEFAULT, length: 0, shape: [0; SHAPE_LIMIT] };
}

impl Verdicts {
    /// Nothing is remembered.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, slots: vec![Slot::EMPTY; SLOTS], shape: Shape::new() }
    }

    /// The verdict on `sql`: that of [`classify`].
    #[must_use]
    pub fn classify(&mut self, sql: &[u8], lexing: &Lexing, catalogue: &Arc<Catalogue>) -> Statement {
        if !Arc::ptr_eq(&self.catalogue, catalogue) {
            self.catalogue = Arc::clone(catalogue);
            self.slots.iter_mut().for_each(|slot| slot.length = 0);
        }
        if !self.shape.take(sql, lexing) {
            return classify(sql, lexing, catalogue);
        }
        let slot = &mut self.slots[(self.shape.hash() >> 32) as usize % SLOTS];
        let shape = self.shape.bytes();
        if slot.length == shape.len() && slot.shape[..slot.length] == *shape && slot.lexing == *lexing {
            return slot.statement;
        }
        let statement = classify(sql, lexing, catalogue);
        if is_told_by_shape(&statement) {
            slot.statement = statement;
            slot.lexing = *lexing;
            slot.length = shape.len();
            slot.shape[..shape.len()].copy_from_slice(shape);
        }
        statement
    }
}

/// Only of these it is certain that no literal's value counts.
fn is_told_by_shape(statement: &Statement) -> bool {
    matches!(statement.verb, Verb::Select | Verb::Dml)
        && statement.effects.difference(Effects::READS_INSERT_ID).is_empty()
}

#[cfg(test)]
mod tests;
