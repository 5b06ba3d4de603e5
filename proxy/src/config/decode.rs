//! From the tree to the raw structs, with all mistakes at once.
//!
//! serde stops at the first mistake. So the node that is wrong is dropped from the tree and the rest is read again,
//! until nothing is wrong any more; each pass adds one mistake. What is missing only because it was dropped is no news.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::at::MARKER;
use super::mistake::{Mistake, Place};
use super::tree::{Kind, Step, Tree, text_of};

/// Reads `T` from the tree. Notes every mistake; gives what remains without the wrong parts, so that the rest can be
/// validated as well, and None where nothing remains.
pub(super) fn decode<T: de::DeserializeOwned>(tree: &mut Tree, mistakes: &mut Vec<Mistake>) -> Option<T> {
    loop {
        let mut wrong = match T::deserialize(Node(tree)) {
            Ok(value) => return Some(value),
            Err(wrong) => wrong,
        };
        wrong.path.reverse();
        let follows = match (&wrong.missing, tree.descend(&wrong.path)) {
            (Some(field), Some(node)) => node.dropped(|name| near(name, field)),
            _ => false,
        };
        if !follows {
            let place = wrong.place.unwrap_or_default();
            mistakes.push(Mistake::new(place, text_of(&wrong.path), wrong.message));
        }
        if wrong.path.is_empty() {
            return None;
        }
        tree.descend(&wrong.path)?.kind = Kind::Dropped;
    }
}

/// What serde found wrong, and where. The path is collected from the inside out.
#[derive(Debug)]
struct Wrong {
    message: String,
    place: Option<Place>,
    path: Vec<Step>,
    missing: Option<&'static str>,
}

impl Wrong {
    fn new(message: String) -> Self {
        Self { message, place: None, path: Vec::new(), missing: None }
    }

    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    fn under(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{} cannot stand here: write {}", name_of(found), in_words(expected)))
    }
    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{} is out of range: write {}", name_of(found), in_words(expected)))
    }
    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("`{found}` is not known: write {}", suggestion(found, expected)))
    }
    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        if found == "password" && expected.contains(&"password_file") {
            return Self::new(
                "a password does not belong into a configuration: write it into a file and name that by `password_file`"
                    .into(),
            );
        }
        Self::new(format!("there is no such option: write {}", suggestion(found, expected)))
    }
    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("`{field}` is missing: add `{field}: …`")) }
    }
}

/// What serde calls by the names of Rust's types.
fn in_words(expected: &dyn de::Expected) -> String {
    match expected.to_string().as_str() {
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "a boolean" => "`true` or `false`".into(),
        "a string" | "path string" => "a text (put it into quotes)".into(),
        other => other.into(),
    }
}

fn name_of(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Map => "a mapping".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".into(),
        de::Unexpected::Str(text) => format!("the text `{text}`"),
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Signed(value) => format!("the number {value}"),
        de::Unexpected::Unsigned(value) => format!("the number {value}"),
        de::Unexpected::Float(value) => format!("the number {value}"),
        other => other.to_string(),
    }
}

/// The nearest of the expected words if one is near, else all of them.
fn suggestion(found: &str, expected: &[&str]) -> String {
    let near = expected
        .iter()
        .map(|word| (strsim::damerau_levenshtein(found, word), word))
        .filter(|(_, word)| near(found, word))
        .min();
    match (near, expected) {
        (Some((_, word)), _) => format!("`{word}`"),
        (None, [only]) => format!("`{only}`"),
        (None, words) => {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", words.join(", "))
        }
    }
}

/// Whether one is what is left of the other after a slip of the pen.
fn near(found: &str, word: &str) -> bool {
    strsim::damerau_levenshtein(found, word) <= 1 + word.len() / 4
}

/// A node as serde's deserializer.
struct Node<'t>(&'t Tree);

impl Node<'_> {
    fn unexpected(&self) -> de::Unexpected<'_> {
        match &self.0.kind {
            Kind::Null | Kind::Dropped => de::Unexpected::Unit,
            Kind::Bool(value) => de::Unexpected::Bool(*value),
            Kind::Integer(value) => de::Unexpected::Signed(*value),
            Kind::Float(value) => de::Unexpected::Float(*value),
            Kind::Text(text) => de::Unexpected::Str(text),
            Kind::Sequence(_) => de::Unexpected::Seq,
            Kind::Mapping(_) => de::Unexpected::Map,
        }
    }

    fn invalid<T>(&self, expected: &dyn de::Expected) -> Result<T, Wrong> {
        Err(de::Error::invalid_type(self.unexpected(), expected))
    }
}

impl<'de> de::Deserializer<'de> for Node<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match &self.0.kind {
            Kind::Null | Kind::Dropped => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text(text) => visitor.visit_str(text),
            Kind::Sequence(items) => visitor.visit_seq(Items { items, next: 0 }),
            Kind::Mapping(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
        .map_err(|wrong| wrong.at(place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A section without anything in it is an empty section.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match &self.0.kind {
            Kind::Null => visitor.visit_map(Entries { entries: &[], next: 0 }),
            Kind::Mapping(entries) => visitor.visit_map(Entries { entries, next: 0 }),
            _ => self.invalid(&visitor),
        }
        .map_err(|wrong| wrong.at(place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match &self.0.kind {
            Kind::Null => visitor.visit_seq(Items { items: &[], next: 0 }),
            Kind::Sequence(items) => visitor.visit_seq(Items { items, next: 0 }),
            _ => self.invalid(&"a list, each item on a line of its own with `- ` in front"),
        }
        .map_err(|wrong| wrong.at(place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match &self.0.kind {
            Kind::Text(text) => {
                let word: StrDeserializer<'_, Wrong> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => self.invalid(&suggestion("", variants).as_str()),
        }
        .map_err(|wrong| wrong.at(place))
    }

    /// [`super::at::At`] asks for its value together with the place.
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if name == MARKER { visitor.visit_seq(Placed { node: self.0, next: 0 }) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple map
        identifier ignored_any
    }
}

struct Items<'t> {
    items: &'t [Tree],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        while let Some(item) = self.items.get(self.next) {
            let index = self.next;
            self.next += 1;
            if !matches!(item.kind, Kind::Dropped) {
                return seed.deserialize(Node(item)).map(Some).map_err(|wrong| wrong.under(Step::Index(index)));
            }
        }
        Ok(None)
    }
}

struct Entries<'t> {
    entries: &'t [(super::tree::Key, Tree)],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        while let Some((key, value)) = self.entries.get(self.next) {
            self.next += 1;
            if !matches!(value.kind, Kind::Dropped) {
                let name: StrDeserializer<'_, Wrong> = key.name.as_str().into_deserializer();
                let step = || Step::Key(key.name.clone());
                return seed.deserialize(name).map(Some).map_err(|wrong| wrong.at(key.place).under(step()));
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        // next_key_seed has just stepped over this entry.
        let Some((key, value)) = self.next.checked_sub(1).and_then(|index| self.entries.get(index)) else {
            return Err(Wrong::new("a value was asked for before its key".into()));
        };
        seed.deserialize(Node(value)).map_err(|wrong| wrong.under(Step::Key(key.name.clone())))
    }
}

/// Line, column, value: what [`super::at::At`] reads.
struct Placed<'t> {
    node: &'t Tree,
    next: u8,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let (line, column) = match self.node.place {
            Place::File { line, column } => (line, column),
            Place::Flag(_) | Place::Nowhere => (0, 0),
        };
        self.next += 1;
        match self.next {
            1 => seed.deserialize(line.into_deserializer()).map(Some),
            2 => seed.deserialize(column.into_deserializer()).map(Some),
            3 => seed.deserialize(Node(self.node)).map(Some),
            _ => Ok(None),
        }
    }
}
