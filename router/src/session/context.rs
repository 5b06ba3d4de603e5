//! What a statement's text means something in.

use super::view::Variables;

/// Variables that decide what a text says when it is prepared. What the others are is asked when it is executed, and some
/// must not be touched on the way: setting autocommit ends a transaction, binlog_format is refused inside of one.
const OF_TEXTS: [&[u8]; 9] = [
    b"sql_mode",
    b"old_mode",
    b"character_set_client",
    b"character_set_connection",
    b"character_set_results",
    b"collation_connection",
    b"character_set_collations",
    b"default_collation_for_utf8mb4",
    b"sql_auto_is_null",
];

/// The variables `now`, but those that decide about texts as they were `then`.
#[must_use]
pub fn as_for_texts_of(then: &Variables, now: &Variables) -> Variables {
    let is_of_texts = |name: &[u8]| OF_TEXTS.contains(&name);
    let kept = now.iter().filter(|(name, _)| !is_of_texts(name));
    let earlier = then.iter().filter(|(name, _)| is_of_texts(name));
    kept.chain(earlier).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect()
    }

    #[test]
    fn d3_a_text_of_earlier_does_not_end_a_transaction() {
        let then = variables(&[("sql_mode", "ANSI"), ("time_zone", "+01:00")]);
        let now = variables(&[("autocommit", "OFF"), ("collation_connection", "utf8mb4_bin")]);
        assert_eq!(as_for_texts_of(&then, &now), variables(&[("autocommit", "OFF"), ("sql_mode", "ANSI")]));
    }
}
