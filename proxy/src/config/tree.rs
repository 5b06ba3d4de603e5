//! A YAML document as a tree whose every node knows its line and column.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::mistake::{Mistake, Place};

/// A node with its place.
#[derive(Debug)]
pub(super) struct Tree {
    pub place: Place,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Sequence(Vec<Tree>),
    Mapping(Vec<(Key, Tree)>),
    /// Wrong, already on record: later passes step over it.
    Dropped,
}

/// A mapping's key with its place.
#[derive(Debug)]
pub(super) struct Key {
    pub name: String,
    pub place: Place,
}

/// One step from a node to a child of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

// === impl Tree ===

impl Tree {
    /// Reads a document. What is no YAML at all is one mistake, since the parser cannot go on; keys that stand twice are
    /// noted in `mistakes`, and the first of them counts.
    pub fn read(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
        };
        match serde_saphyr::from_str_with_options::<Option<Self>>(text, options) {
            Ok(tree) => {
                let mut tree = tree.unwrap_or(Self { place: Place::file(1, 1), kind: Kind::Null });
                tree.note_duplicates(&mut Vec::new(), mistakes);
                Some(tree)
            }
            Err(error) => {
                let place = error.location().map_or(Place::Nowhere, |at| Place::file(at.line(), at.column()));
                let message = error.without_snippet().to_string();
                mistakes.push(Mistake::new(place, "", format!("this is not YAML: {}", without_location(&message))));
                None
            }
        }
    }

    /// The node at the end of `path`.
    pub fn descend(&mut self, path: &[Step]) -> Option<&mut Self> {
        let Some((step, rest)) = path.split_first() else { return Some(self) };
        let child = match (&mut self.kind, step) {
            (Kind::Sequence(items), Step::Index(index)) => items.get_mut(*index),
            (Kind::Mapping(entries), Step::Key(name)) => {
                entries.iter_mut().find(|(key, _)| key.name == *name).map(|(_, value)| value)
            }
            _ => None,
        };
        child.and_then(|child| child.descend(rest))
    }

    /// Whether a value of this mapping was dropped whose key `is` one that matters.
    pub fn dropped(&self, is: impl Fn(&str) -> bool) -> bool {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().any(|(key, value)| is(&key.name) && value.kind.is_dropped()),
            _ => false,
        }
    }

    /// Whether something of this option was dropped: the option itself, or items of its list.
    pub fn lost(&self, name: &str) -> bool {
        let Kind::Mapping(entries) = &self.kind else { return false };
        entries.iter().filter(|(key, _)| key.name == name).any(|(_, value)| match &value.kind {
            Kind::Sequence(items) => items.iter().any(|item| item.kind.is_dropped()),
            kind => kind.is_dropped(),
        })
    }

    fn note_duplicates(&mut self, path: &mut Vec<Step>, mistakes: &mut Vec<Mistake>) {
        match &mut self.kind {
            Kind::Sequence(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(Step::Index(index));
                    item.note_duplicates(path, mistakes);
                    path.pop();
                }
            }
            Kind::Mapping(entries) => {
                let mut kept: Vec<(Key, Self)> = Vec::with_capacity(entries.len());
                for (key, mut value) in entries.drain(..) {
                    path.push(Step::Key(key.name.clone()));
                    match kept.iter().find(|(other, _)| other.name == key.name) {
                        Some((first, _)) => {
                            let line = match first.place {
                                Place::File { line, .. } => line,
                                Place::Flag(_) | Place::Nowhere => 0,
                            };
                            let message = format!("stands here again, first in line {line}: keep one of them");
                            mistakes.push(Mistake::new(key.place, text_of(path), message));
                        }
                        None => {
                            value.note_duplicates(path, mistakes);
                            kept.push((key, value));
                        }
                    }
                    path.pop();
                }
                *entries = kept;
            }
            _ => {}
        }
    }
}

// === impl Kind ===

impl Kind {
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Dropped)
    }
}

/// A path as people write it: `servers[1].address`.
pub(super) fn text_of(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(name) if text.is_empty() => text.push_str(name),
            Step::Key(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// The parser ends its messages with the location, which stands in front of ours.
fn without_location(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        let place = Place::file(spanned.referenced.line(), spanned.referenced.column());
        Ok(Self { place, kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        // Beyond i64 no option has a meaning: i64::MAX is as far out of range.
        Ok(Kind::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Text(value))
    }
    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Kind::Sequence(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let place = Place::file(key.referenced.line(), key.referenced.column());
            entries.push((Key { name: key.value, place }, access.next_value()?));
        }
        Ok(Kind::Mapping(entries))
    }
}
