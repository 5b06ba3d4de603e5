//! A value together with the place where it stands.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::mistake::Place;

/// How [`At`] makes itself known to the deserializer of this folder; others do not understand it.
pub(super) const MARKER: &str = "$rolecall::config::At";

/// A value with its place, for what can be judged only later. Serialization and schema are the value's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

// === impl At ===

impl<T> At<T> {
    /// A value that a flag gave.
    pub fn flag(flag: &'static str, value: T) -> Self {
        Self { value, place: Place::Flag(flag) }
    }
}

/// A default: it stands nowhere.
impl<T> From<T> for At<T> {
    fn from(value: T) -> Self {
        Self { value, place: Place::Nowhere }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(MARKER, 3, AtVisitor(PhantomData))
    }
}

struct AtVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
    type Value = At<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<At<T>, A::Error> {
        let line = access.next_element::<u32>()?;
        let column = access.next_element::<u32>()?;
        let value = access.next_element::<T>()?;
        match (line, column, value) {
            (Some(line), Some(column), Some(value)) => Ok(At { value, place: Place::File { line, column } }),
            _ => Err(de::Error::custom("a value without its place")),
        }
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
