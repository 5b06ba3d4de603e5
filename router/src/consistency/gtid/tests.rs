use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "ffffffff-71ca-11e1-9e33-c80aa9429562";

fn compact(set: &GtidSet) -> String {
    let mut text = String::new();
    set.put_compact(&mut text).expect("a String");
    text
}

fn set(text: &str) -> GtidSet {
    GtidSet::parse(text.replace('A', A).replace('B', B).as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn text(text: &str) -> String {
    text.replace('A', A).replace('B', B)
}

fn source(uuid: &str, tag: &str) -> Source {
    let tag = if tag.is_empty() { Tag::NONE } else { Tag::parse(tag.as_bytes()).expect("a tag") };
    Source { uuid: Source::uuid(uuid.as_bytes()).expect("a UUID"), tag }
}

fn interval(first: u64, last: u64) -> Interval {
    Interval::new(first, last).expect("an interval")
}

/// What GTID_SUBTRACT(x, '') answers on MySQL 9.7.4, and @@gtid_executed and the tracker in the same form.
#[test]
fn f6_texts_become_what_the_server_makes_of_them() {
    for (given, canonical) in [
        ("", ""),
        (" ", ""),
        ("A:1", "A:1"),
        ("A:3-3", "A:3"),
        ("A:00012", "A:12"),
        ("A:1-5:3-9:11", "A:1-9:11"),
        ("A:11:1-5:6", "A:1-6:11"),
        ("A:1:2:3", "A:1-3"),
        ("A:tag_x:1-2:5", "A:tag_x:1-2:5"),
        ("A:Dom:1-3,A:4,A:abc:9", "A:4:abc:9:dom:1-3"),
        ("A:1-4:aaaa:1:abc:1-3:5:x:1", "A:1-4:aaaa:1:abc:1-3:5:x:1"),
        ("A:1-3:zz:1:zz:2", "A:1-3:zz:1-2"),
        ("B:1,A:2:zz:4,A:3", "A:2-3:zz:4,\nB:1"),
        (" A:1-3 ,\n B:7 ", "A:1-3,\nB:7"),
        ("A:9223372036854775806", "A:9223372036854775806"),
        ("A:1-9223372036854775806", "A:1-9223372036854775806"),
    ] {
        assert_eq!(set(given).to_string(), text(canonical), "{given}");
        assert_eq!(compact(&set(given)), text(canonical).replace('\n', ""), "{given}");
    }
    let upper = text("A:1-3").to_uppercase();
    assert_eq!(GtidSet::parse(upper.as_bytes()), Ok(set("A:1-3")));
    assert_eq!(Tag::parse(b"abcdefghijklmnopqrstuvwxyz012345").expect("32 bytes").as_str().len(), 32);
}

#[test]
fn f6_bad_texts_are_refused_and_the_place_is_named() {
    for (given, error) in [
        ("junk", GtidError::Malformed(0)),
        ("A", GtidError::Malformed(36)),
        ("A:", GtidError::Malformed(37)),
        ("A:1:", GtidError::Malformed(39)),
        ("A:1-", GtidError::Malformed(39)),
        ("A:-1", GtidError::Malformed(37)),
        ("A:+1", GtidError::Malformed(37)),
        ("A:1x:1", GtidError::Malformed(38)),
        ("A:a", GtidError::Malformed(38)),
        ("A:a:b:1", GtidError::Malformed(39)),
        ("A:1:tag", GtidError::Malformed(42)),
        ("A:1,", GtidError::Malformed(39)),
        (",A:1", GtidError::Malformed(0)),
        ("A:1,,B:1", GtidError::Malformed(39)),
        ("A:1, B:x y:1", GtidError::Malformed(77)),
        ("A :1", GtidError::Malformed(0)),
        ("A:0", GtidError::OutOfRange(37)),
        ("A:0-5", GtidError::OutOfRange(37)),
        ("A:5-1", GtidError::OutOfRange(37)),
        ("A:9223372036854775807", GtidError::OutOfRange(37)),
        ("A:1-99999999999999999999999", GtidError::OutOfRange(39)),
        ("A:abcdefghijklmnopqrstuvwxyz0123456:1", GtidError::Malformed(37)),
        ("3e11fa4771ca11e19e33c80aa9429562:1", GtidError::Malformed(0)),
        ("0-1-7", GtidError::Malformed(0)),
    ] {
        assert_eq!(GtidSet::parse(text(given).as_bytes()), Err(error), "{given}");
    }
}

#[test]
fn the_next_number_does_not_allocate() {
    let mut set = set("A:1-5");
    let place = |set: &GtidSet| set.iter().map(|(source, numbers)| (*source, numbers.as_ptr())).collect::<Vec<_>>();
    let before = place(&set);
    for number in 6..2000 {
        set.insert(&source(A, ""), interval(number, number)).expect("room");
        set.insert(&source(A, ""), interval(number - 1, number)).expect("known already");
    }
    assert_eq!(place(&set), before);
    assert_eq!(set.to_string(), text("A:1-1999"));
}

#[test]
fn a_set_over_its_limits_says_so_and_keeps_what_it_had() {
    let mut gaps = GtidSet::new();
    for number in 0..GtidSet::MAX_INTERVALS as u64 {
        gaps.insert(&source(A, ""), interval(2 * number + 1, 2 * number + 1)).expect("room");
    }
    let full = gaps.clone();
    assert_eq!(gaps.insert(&source(A, ""), interval(1_000_000, 1_000_000)), Err(TooLarge));
    assert_eq!(gaps.insert(&source(B, ""), interval(1, 1)), Err(TooLarge));
    assert_eq!(gaps.union(&set("A:1000000")), Err(TooLarge));
    assert_eq!(gaps, full);
    // What fills a gap needs no room, and makes some.
    gaps.insert(&source(A, ""), interval(2, 2)).expect("it joins two intervals");
    gaps.insert(&source(B, ""), interval(1, 1)).expect("one has become free");
    assert_eq!(GtidSet::parse(full.to_string().as_bytes()), Ok(full.clone()));
    let too_long = format!("{full}:{}", 1_000_000);
    assert_eq!(GtidSet::parse(too_long.as_bytes()), Err(GtidError::TooLarge(TooLarge)));

    let uuids = (0..=GtidSet::MAX_SOURCES).map(|number| format!("{number:08x}-71ca-11e1-9e33-c80aa9429562:1"));
    let all: Vec<_> = uuids.collect();
    assert!(GtidSet::parse(all[1..].join(",").as_bytes()).is_ok());
    assert_eq!(GtidSet::parse(all.join(",").as_bytes()), Err(GtidError::TooLarge(TooLarge)));
    let mut sources = GtidSet::parse(all[1..].join(",").as_bytes()).expect("just enough");
    assert_eq!(sources.union(&set("A:1-2:5")), Err(TooLarge));
}

/// Measured on MySQL 9.7.4 with five sessions that had set gtid_next.
#[test]
fn owned_gtids_are_read_though_threads_run_into_uuids() {
    let owned = "A:8#121:7#120A:aa:4#117A:zz:9#118B:8#119";
    let mut found = set("A:1-6");
    found.insert_owned(text(owned).as_bytes()).expect("owned");
    assert_eq!(found.to_string(), text("A:1-8:aa:4:zz:9,\nB:8"));
    assert_eq!(GtidSet::new().insert_owned(b""), Ok(()));
    for (bad, error) in [
        ("A:8", GtidError::Malformed(37)),
        ("A:0#3", GtidError::OutOfRange(37)),
        ("A:8#", GtidError::Malformed(39)),
        ("A:8#1-2", GtidError::Malformed(40)),
        ("A:8#x", GtidError::Malformed(39)),
        ("junk", GtidError::Malformed(0)),
    ] {
        assert_eq!(GtidSet::new().insert_owned(text(bad).as_bytes()), Err(error), "{bad}");
    }
}

/// A position that seems covered and is not costs a stale read.
#[test]
fn f1_numbers_count_for_their_own_source_only() {
    for (wanted, executed, covered) in [
        ("A:1", "A:1-5", true),
        ("A:1", "B:1-5", false),
        ("B:1", "A:1-5", false),
        ("A:1", "A:tag:1-5", false),
        ("A:tag:1", "A:1-5", false),
        ("A:tag:1", "A:taga:1-5", false),
        ("A:taga:1", "A:tag:1-5", false),
        ("A:1,B:1", "A:1-5,B:1-5", true),
        ("A:1:tag:1,B:1", "A:1-5,B:1-5", false),
        ("A:1,B:6", "A:1-9,B:1-5", false),
        ("A:1-5", "A:1-3:5", false),
        ("A:3-4", "A:1-3:4-6", true),
        ("", "", true),
        ("A:1", "", false),
    ] {
        assert_eq!(set(executed).contains(&set(wanted)), covered, "{wanted} in {executed}");
        assert_eq!(set(wanted).missing_from(&set(executed)) == 0, covered, "{wanted} from {executed}");
    }
}

/// A number of the only source has a quick way, which takes what the other one takes.
#[test]
fn f6_the_next_write_of_the_only_source_is_read_as_any_text() {
    let upper = A.to_uppercase();
    for given in [
        "A:6",
        "A:7",
        "A:3",
        "A:006",
        "A:6-7",
        "A:6:8",
        "A:tag:6",
        "B:6",
        " A:6",
        "A:6 ",
        "A:0",
        "A:",
        "A:x",
        "A:6,",
        "A:-6",
        "A",
        "A:9223372036854775806",
        "A:9223372036854775807",
        "A:99999999999999999999",
        &format!("{upper}:6"),
    ] {
        for known in ["A:1-5", "A:tag:1-5", "A:1-5:tag:1", "A:1-5,B:1"] {
            let mut quick = set(known);
            let added = quick.insert_text(text(given).as_bytes());
            let parsed = GtidSet::parse(text(given).as_bytes());
            assert_eq!(added.is_ok(), parsed.is_ok(), "{given} to {known}");
            if let Ok(parsed) = parsed {
                let mut joined = set(known);
                joined.union(&parsed).expect("small");
                assert_eq!(quick, joined, "{given} to {known}");
            }
        }
    }
}

/// Workers note in any order; the number that none of them notes bounds what is covered.
#[test]
fn f1_many_threads_note_no_number_that_nobody_reached() {
    const MISSING: u64 = 900;
    let (told, tail) = (set("A:1-5"), Tail::default());
    let note = |number: u64| tail.note(&told, &set(&format!("A:{number}")));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let note = &note;
            scope.spawn(move || {
                (6..1000).filter(|number| number % 4 == thread && *number != MISSING).for_each(|number| {
                    note(number);
                })
            });
        }
    });
    // Those that came before the number in front of them were refused: once more, in order.
    assert!((6..MISSING).all(note));
    assert!(tail.covers(&told, &set(&format!("A:1-{}", MISSING - 1))));
    assert!(!note(MISSING + 1) && !tail.covers(&told, &set(&format!("A:{MISSING}"))));
    assert_eq!(tail.missing(&told, &set("A:1-999")), 1000 - MISSING);
}

type Model = BTreeSet<(usize, u64)>;

/// Sets of at most three sources and numbers to 24, as a model and as the ranges that built it.
fn ranges() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    prop::collection::vec((0_usize..3, 1_u64..24, 0_u64..5), 0..14)
}

fn sources() -> [Source; 3] {
    [source(A, ""), source(A, "tag"), source(B, "")]
}

fn build(ranges: &[(usize, u64, u64)]) -> (GtidSet, Model) {
    let (mut set, mut model) = (GtidSet::new(), Model::new());
    for (who, first, more) in ranges {
        set.insert(&sources()[*who], interval(*first, first + more)).expect("small");
        model.extend((*first..=first + more).map(|number| (*who, number)));
    }
    (set, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_is_a_set(left in ranges(), right in ranges()) {
        let ((mut set, mut model), (other, others)) = (build(&left), build(&right));
        prop_assert_eq!(set.count(), model.len() as u64);
        prop_assert_eq!(set.contains(&other), model.is_superset(&others));
        prop_assert_eq!(set.missing_from(&other), model.difference(&others).count() as u64);
        prop_assert_eq!(set == other, model == others);
        set.union(&other).expect("small");
        model.extend(&others);
        prop_assert_eq!(&set, &build(&model.iter().map(|(who, number)| (*who, *number, 0)).collect::<Vec<_>>()).0);
        prop_assert!(set.contains(&other));
    }

    /// Trap F1: what a tail says to cover was noted, or was in its set.
    #[test]
    fn f1_a_tail_covers_what_was_noted_and_no_more(
        told in ranges(),
        notes in prop::collection::vec(ranges(), 0..8),
        asked in prop::collection::vec((0_usize..3, 1_u64..24, 0_u64..5), 1..3),
    ) {
        let (set, mut model) = build(&told);
        let tail = Tail::default();
        for ranges in notes.iter().map(|ranges| &ranges[..ranges.len().min(2)]) {
            let (position, numbers) = build(ranges);
            if tail.note(&set, &position) {
                model.extend(&numbers);
                prop_assert!(tail.covers(&set, &position), "{} in {}", position, set);
            }
        }
        let (position, numbers) = build(&asked);
        prop_assert_eq!(tail.missing(&set, &position), numbers.difference(&model).count() as u64);
        if tail.covers(&set, &position) {
            prop_assert!(model.is_superset(&numbers), "{} in {}", position, set);
        }
        if let Some((source, last)) = tail.end() {
            let set = set.extended(&source, last);
            prop_assert_eq!(&set, &build(&model.iter().map(|(who, number)| (*who, *number, 0)).collect::<Vec<_>>()).0);
        }
    }

    #[test]
    fn what_is_written_is_read_again(ranges in ranges()) {
        let (set, _) = build(&ranges);
        prop_assert_eq!(GtidSet::parse(set.to_string().as_bytes()), Ok(set.clone()));
        prop_assert_eq!(GtidSet::parse(compact(&set).as_bytes()), Ok(set));
    }

    #[test]
    fn any_bytes_give_a_set_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_usize..80) {
        let _ = GtidSet::parse(&bytes);
        let _ = GtidSet::new().insert_owned(&bytes);
        // Near misses: a good text with a few bytes changed.
        let mut near = text("A:1-4:aaaa:1#7:5,B:2").into_bytes();
        for (index, byte) in bytes.iter().take(3).enumerate() {
            let place = (at + index * 7) % near.len();
            near[place] = *byte;
        }
        let _ = GtidSet::new().insert_owned(&near);
        if let Ok(set) = GtidSet::parse(&near) {
            prop_assert_eq!(GtidSet::parse(set.to_string().as_bytes()), Ok(set));
        }
    }
}
