//! COM_QUERY and the prepared-statement commands.

use rolecall_protocol::Capabilities;
use rolecall_protocol::statement::{ExecuteRequest, PrepareOk, QueryRequest};

use super::{capabilities, options};

fn nowhere(_: usize) -> bool {
    false
}

/// The text behind the attributes stays the text without them.
pub fn query_request(input: &[u8]) {
    let (options, rest) = options(input);
    let capabilities = capabilities(options);
    let Ok(query) = QueryRequest::read(rest, capabilities) else { return };
    assert_eq!(&rest[query.sql_range()], query.sql());
    assert_eq!(query.attributes_range().end, query.sql_range().start);
    let _ = query.attribute(b"rolecall");
    for towards in [Capabilities::empty(), Capabilities::QUERY_ATTRIBUTES] {
        let stripped = query.strip_attributes(towards);
        let again = QueryRequest::read(&stripped, towards).expect("what was stripped reads");
        assert_eq!((again.sql(), again.has_attributes()), (query.sql(), false));
    }
}

/// Types that are taken off and put back change nothing; what is stripped is whole.
pub fn execute_request(input: &[u8]) {
    let (options, rest) = options(input);
    let capabilities = capabilities(options);
    let params = u16::from(options[0] % 8);
    let Ok(execute) = ExecuteRequest::read(rest, params, capabilities) else { return };
    let _ = execute.attribute(b"rolecall", &nowhere);
    let _ = execute.check_values(b"\xFE\0\x03\0\xFE\0\x01k", &|index| index == usize::from(options[1]));
    if execute.needs_types() {
        let count = execute.parameter_count();
        let named = capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        let types = if named { b"\xFE\0\0".as_slice() } else { b"\xFE\0" }.repeat(count);
        let whole = execute.with_types(&types).expect("as many types as parameters");
        let bound = ExecuteRequest::read(&whole, params, capabilities).expect("what was rebuilt reads");
        assert_eq!((bound.types(), bound.values()), (Some(types.as_slice()), execute.values()));
        assert_eq!((bound.statement(), bound.flags()), (execute.statement(), execute.flags()));
    }
    if let Ok(stripped) = execute.strip_attributes(params, &[], &nowhere)
        && capabilities.contains(Capabilities::QUERY_ATTRIBUTES)
    {
        let plain = ExecuteRequest::read(&stripped, params, Capabilities::empty()).expect("what was stripped reads");
        assert_eq!(plain.parameter_count(), usize::from(params));
        assert!(plain.needs_types() || plain.check_values(&[], &nowhere).is_ok());
    }
}

/// A prepare OK that is read is written the same.
pub fn prepare_ok(input: &[u8]) {
    let (options, rest) = options(input);
    let capabilities = capabilities(options);
    let Ok(ok) = PrepareOk::decode(rest, capabilities) else { return };
    assert_eq!(PrepareOk::decode(&ok.encode(capabilities), capabilities), Ok(ok));
}
