use super::*;

const PLAIN: Capabilities = Capabilities::empty();
const ATTRIBUTES: Capabilities = Capabilities::QUERY_ATTRIBUTES;

fn nowhere(_: usize) -> bool {
    false
}

/// Statement 1, 'hi' and 7 (LONG), with types.
const BOUND: &[u8] = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x01\xFE\0\x03\0\x02hi\x07\0\0\0";
/// The same without types.
const UNBOUND: &[u8] = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x00\x02hi\x07\0\0\0";
/// The same and an attribute k = 'primary', with names.
const NAMED: &[u8] = b"\x17\x01\0\0\0\x08\x01\0\0\0\x03\x00\x01\xFE\0\0\x03\0\0\xFE\0\x01k\x02hi\x07\0\0\0\x07primary";

#[test]
fn b6_an_execution_without_types_gets_those_of_an_earlier_one() {
    let bound = ExecuteRequest::read(BOUND, 2, PLAIN).expect("well formed");
    assert_eq!(bound.statement(), StatementId(1));
    assert_eq!((bound.types(), bound.needs_types()), (Some(b"\xFE\0\x03\0".as_slice()), false));
    assert_eq!(bound.values(), b"\x02hi\x07\0\0\0");
    let unbound = ExecuteRequest::read(UNBOUND, 2, PLAIN).expect("well formed");
    assert_eq!((unbound.types(), unbound.needs_types()), (None, true));
    assert_eq!(unbound.with_types(bound.types().expect("bound")).expect("they fit"), BOUND);
    assert_eq!(bound.with_types(b"").expect("has its own"), BOUND);
    assert!(unbound.with_types(b"\xFE\0").is_err(), "types of one parameter");
    assert!(unbound.with_types(b"\xFE\0\x03\0\x03\0").is_err(), "types of three");
}

#[test]
fn a_statement_without_parameters_needs_no_types() {
    let execute = ExecuteRequest::read(b"\x17\x01\0\0\0\x01\x01\0\0\0", 0, PLAIN).expect("well formed");
    assert!(!execute.needs_types() && execute.flags().wants_cursor() && execute.values().is_empty());
    let execute = ExecuteRequest::read(b"\x17\x01\0\0\0\x00\x01\0\0\0", 0, ATTRIBUTES).expect("no count without flag");
    assert_eq!(execute.parameter_count(), 0);
}

#[test]
fn b22_names_and_count_are_read_under_the_capability_even_without_the_flag() {
    // Measured on MySQL 9.7: with parameters the count is there whether the flag is set or not.
    for flags in [0, 8] {
        let mut payload = NAMED.to_vec();
        payload[5] = flags;
        let execute = ExecuteRequest::read(&payload, 2, ATTRIBUTES).expect("well formed");
        assert_eq!(execute.parameter_count(), 3);
        assert_eq!(execute.attribute(b"k", &nowhere), Some(b"primary".as_slice()));
        assert_eq!(execute.attribute(b"", &nowhere), Some(b"hi".as_slice()));
        assert_eq!(execute.attribute(b"absent", &nowhere), None);
        assert!(execute.check_values(&[], &nowhere).is_ok());
    }
}

#[test]
fn b22_attributes_are_stripped_for_a_server_without_the_bit() {
    let execute = ExecuteRequest::read(NAMED, 2, ATTRIBUTES).expect("well formed");
    assert_eq!(execute.strip_attributes(2, &[], &nowhere).expect("well formed"), BOUND);
    let only = b"\x17\x01\0\0\0\x08\x01\0\0\0\x01\x00\x01\xFE\0\x01k\x07primary";
    let execute = ExecuteRequest::read(only, 0, ATTRIBUTES).expect("well formed");
    assert_eq!(execute.strip_attributes(0, &[], &nowhere).expect("well formed"), b"\x17\x01\0\0\0\x00\x01\0\0\0");
    assert!(execute.strip_attributes(2, &[], &nowhere).is_err(), "fewer values than parameters");
}

#[test]
fn nulls_and_long_data_have_no_value_in_the_packet() {
    let null = b"\x17\x01\0\0\0\x00\x01\0\0\0\x01\x01\xFE\0\x03\0\x07\0\0\0";
    let execute = ExecuteRequest::read(null, 2, PLAIN).expect("well formed");
    assert!(execute.check_values(&[], &nowhere).is_ok());
    let long = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x01\xFE\0\x03\0\x07\0\0\0";
    let execute = ExecuteRequest::read(long, 2, PLAIN).expect("well formed");
    assert!(execute.check_values(&[], &|index| index == 0).is_ok());
    assert!(execute.check_values(&[], &nowhere).is_err());
}

#[test]
fn b7_truncated_types_and_values_are_errors_and_never_read_past() {
    for length in 0..BOUND.len() {
        let read = ExecuteRequest::read(&BOUND[..length], 2, PLAIN);
        assert!(read.and_then(|execute| execute.check_values(&[], &nowhere)).is_err(), "{length} bytes");
    }
    for length in 0..NAMED.len() {
        let read = ExecuteRequest::read(&NAMED[..length], 2, ATTRIBUTES);
        assert!(read.and_then(|execute| execute.check_values(&[], &nowhere)).is_err(), "{length} bytes");
    }
}

#[test]
fn b8_lengths_that_reach_beyond_the_packet_are_refused() {
    for claim in [5_u64, 1 << 32, (1 << 32) + 3, 1 << 63, u64::MAX] {
        let mut payload = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x01\xFE\0\xFE".to_vec();
        payload.put_u64(claim);
        payload.put_bytes(b"1234");
        let execute = ExecuteRequest::read(&payload, 1, PLAIN).expect("types are well formed");
        assert!(execute.check_values(&[], &nowhere).is_err(), "a value of {claim}");
        let mut payload = b"\x17\x01\0\0\0\x08\x01\0\0\0\xFE".to_vec();
        payload.put_u64(claim.saturating_mul(64));
        payload.put_bytes(b"\x00\x01");
        assert!(ExecuteRequest::read(&payload, 1, ATTRIBUTES).is_err(), "{claim} parameters");
    }
}

#[test]
fn b17_each_types_value_has_its_length() {
    let cases: [(u8, &[u8]); 15] = [
        (1, b"\x01"),
        (2, b"\x01\0"),
        (13, b"\x01\0"),
        (3, b"\x01\0\0\0"),
        (9, b"\x01\0\0\0"),
        (4, b"\0\0\0\0"),
        (5, b"\0\0\0\0\0\0\0\0"),
        (8, b"\0\0\0\0\0\0\0\0"),
        (6, b""),
        (10, b"\x04\xE9\x07\x01\x01"),
        (12, b"\x07\xE9\x07\x01\x01\x01\x01\x01"),
        (11, b"\x00"),
        (7, b"\x0B\xE9\x07\x01\x01\x01\x01\x01\0\0\0\0"),
        (246, b"\x031.5"),
        (242, b"\x04\0\0\0\0"),
    ];
    for (kind, value) in cases {
        // A TINY behind it shows where the value ended.
        let mut payload = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x01".to_vec();
        payload.put_bytes(&[kind, 0, 1, 0]);
        payload.put_bytes(value);
        payload.put_u8(9);
        let execute = ExecuteRequest::read(&payload, 2, PLAIN).expect("well formed");
        assert!(execute.check_values(&[], &nowhere).is_ok(), "type {kind}");
        payload.pop();
        let execute = ExecuteRequest::read(&payload, 2, PLAIN).expect("well formed");
        assert!(execute.check_values(&[], &nowhere).is_err(), "type {kind}, cut");
    }
    let unknown = b"\x17\x01\0\0\0\x00\x01\0\0\0\x00\x01\x64\0\0";
    let execute = ExecuteRequest::read(unknown, 1, PLAIN).expect("well formed");
    assert!(execute.check_values(&[], &nowhere).is_err(), "no such type");
}
