//! Any bytes, and real ones with errors in them, into every parser: nothing panics, and what must hold does.
//!
//! PROPTEST_CASES=100000 makes a long run of it; `protocol/fuzz/smoke` runs the same targets under libFuzzer.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

mod targets;

/// One direction each of real connections.
const STREAMS: [&[u8]; 12] = [
    include_bytes!("captures/mysql-9.7-caching-sha2-full-server.bin"),
    include_bytes!("captures/mysql-9.7-caching-sha2-full-client.bin"),
    include_bytes!("captures/mysql-9.7-sha256-server.bin"),
    include_bytes!("captures/mysql-9.7-mariadb-client-client.bin"),
    include_bytes!("captures/mysql-9.7-change-user-client.bin"),
    include_bytes!("captures/mysql-9.7-statements-server.bin"),
    include_bytes!("captures/mysql-9.7-statements-client.bin"),
    include_bytes!("captures/mysql-9.7-zlib-server.bin"),
    include_bytes!("captures/mysql-9.7-zstd-client.bin"),
    include_bytes!("captures/mariadb-11.8-native-server.bin"),
    include_bytes!("captures/mariadb-11.8-ed25519-server.bin"),
    include_bytes!("captures/mariadb-11.8-ed25519-client.bin"),
];

/// A change to bytes: at a relative position, one byte becomes another, goes, or comes.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    // Bytes that mean something as lengths, headers and flags come more often than others.
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![0, 1, 2, 3, 4, 8, 20, 0x7F, 0x80, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF])
    ];
    let at = any::<prop::sample::Index>();
    prop_oneof![
        4 => (at.clone(), byte.clone()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => at.clone().prop_map(Edit::Remove),
        1 => (at, byte).prop_map(|(at, byte)| Edit::Insert(at, byte)),
    ]
}

fn apply(bytes: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits.iter().filter(|_| !bytes.is_empty()).copied().collect::<Vec<_>>() {
        if bytes.is_empty() {
            return;
        }
        match edit {
            Edit::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Edit::Remove(at) => {
                bytes.remove(at.index(bytes.len()));
            }
            Edit::Insert(at, byte) => bytes.insert(at.index(bytes.len()), byte),
        }
    }
}

/// Options and a piece of a real stream, from one packet's payload or header on, with errors in it.
fn real() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop::sample::select(STREAMS.to_vec());
    (vec(any::<u8>(), 4), any::<bool>(), stream, any::<prop::sample::Index>(), any::<bool>(), vec(edit(), 0..5))
        .prop_map(|(mut input, with_capabilities, stream, packet, payload_only, edits)| {
            input.extend(if with_capabilities { 0x0FFF_F7FF_u32 } else { 0 }.to_le_bytes());
            let (start, end) = packet_range(stream, packet);
            let mut bytes = if payload_only { stream[start + 4..end].to_vec() } else { stream[start..].to_vec() };
            apply(&mut bytes, &edits);
            input.extend(bytes);
            input
        })
}

/// One of the stream's packets, by the length in its header.
fn packet_range(stream: &[u8], chosen: prop::sample::Index) -> (usize, usize) {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at + 4 <= stream.len() {
        let length = usize::from(stream[at]) | usize::from(stream[at + 1]) << 8 | usize::from(stream[at + 2]) << 16;
        let end = (at + 4 + length).min(stream.len());
        ranges.push((at, end));
        at = end;
    }
    ranges[chosen.index(ranges.len())]
}

/// Inputs for each target, where PROPTEST_CASES does not ask for more.
const CASES: u32 = 4096;

/// Unlike `proptest!`, with the target's name in the message, and without a file of past failures.
fn run(inputs: &(impl Strategy<Value = Vec<u8>> + Clone)) {
    for (name, target) in targets::ALL {
        let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        config.cases = config.cases.max(CASES);
        let result = TestRunner::new(config).run(inputs, |input| {
            target(&input);
            Ok(())
        });
        if let Err(failure) = result {
            panic!("target {name}: {failure}");
        }
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    run(&vec(any::<u8>(), 0..600).boxed());
}

#[test]
fn real_bytes_with_errors_are_read_or_refused() {
    run(&real().boxed());
}

#[test]
fn zeros_and_nothing_are_read_or_refused() {
    for length in 0..64 {
        for byte in [0, 1, 0xFE, 0xFF] {
            for (_, target) in targets::ALL {
                target(&vec![byte; length]);
            }
        }
    }
}
