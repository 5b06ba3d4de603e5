//! Whether a statement that the server has can run with the types that its client has bound.

use std::sync::Arc;

use rolecall_protocol::command::Command;
use rolecall_protocol::statement::{BulkRequest, ExecuteRequest};
use rolecall_protocol::{Capabilities, ProtocolError};
use rolecall_router::sql::Flavour;

use super::statements::Prepared;
use crate::backend::BackendStatement;

/// How an execution fits the statement that the server has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it is.
    AsItIs,
    /// With its types, in this payload.
    WithTypes(Vec<u8>),
    /// Not at all: the statement has to be prepared again.
    Not,
}

/// An execution, as far as its types go.
enum Request<'a> {
    Single(ExecuteRequest<'a>),
    Bulk(BulkRequest<'a>),
}

/// Whether the server's statement is known to be as this client has left it: nearly always.
pub(super) fn fits_at_once(known: &BackendStatement, prepared: &Prepared) -> bool {
    let is_same = match (&known.types, &prepared.types) {
        (None, None) => true,
        (Some(here), Some(own)) => Arc::ptr_eq(here, own),
        _ => false,
    };
    is_same && !known.is_doubtful && !known.is_inherited
}

/// Looks at the types that `payload` brings or leaves out, and notes what the server will have been told.
pub(super) fn fit(
    known: &mut BackendStatement,
    prepared: &mut Prepared,
    payload: &[u8],
    command: Command,
    (capabilities, flavour): (Capabilities, Flavour),
) -> Result<Fit, ProtocolError> {
    // What cannot be read is refused by the server, in its own words.
    let Ok(request) = Request::read(command, payload, prepared.parameters, capabilities) else {
        return Ok(Fit::AsItIs);
    };
    if known.is_inherited {
        if known.had_cursor || !is_as_own(known, prepared, &request, flavour) {
            return Ok(Fit::Not);
        }
        known.is_inherited = false;
    }
    // None: the client has never bound any, and the server tells it so.
    let Some(own) = prepared.types.clone() else { return Ok(Fit::AsItIs) };
    let is_told = known.types.as_deref() == Some(&*own);
    let instead = match (request.types().is_some(), request.needs_types()) {
        (false, false) => return Ok(Fit::AsItIs),
        (false, true) if (!is_told || known.is_doubtful) && !rolecall_router::left_out!("parameter-types") => {
            Fit::WithTypes(request.with_types(&own)?)
        }
        _ => Fit::AsItIs,
    };
    known.is_doubtful = false;
    match &known.types {
        // One copy for both: from now on they are seen to be the same at once.
        Some(here) if is_told => prepared.types = Some(Arc::clone(here)),
        here => {
            known.is_mixed |= here.is_some();
            known.types = Some(own);
        }
    }
    Ok(instead)
}

/// Whether what others have bound to a statement makes no difference to this session. MySQL (9.7, measured) keeps what the
/// first executions have made of a parameter: where an integer was bound, a text that is bound later is compared as a number,
/// and `SELECT ?` gives 0 for it. MariaDB goes by each execution's types.
fn is_as_own(known: &BackendStatement, prepared: &Prepared, request: &Request<'_>, flavour: Flavour) -> bool {
    match (&known.types, &prepared.types) {
        (None, _) => true,
        (Some(here), Some(own)) => flavour == Flavour::Mariadb || (!known.is_mixed && here == own),
        (Some(_), None) => flavour == Flavour::Mariadb && !request.needs_types(),
    }
}

// === impl Request ===

impl<'a> Request<'a> {
    fn read(
        command: Command,
        payload: &'a [u8],
        parameters: u16,
        capabilities: Capabilities,
    ) -> Result<Self, ProtocolError> {
        match command {
            Command::StmtBulkExecute => BulkRequest::read(payload, parameters).map(Self::Bulk),
            _ => ExecuteRequest::read(payload, parameters, capabilities).map(Self::Single),
        }
    }

    fn types(&self) -> Option<&'a [u8]> {
        match self {
            Self::Single(request) => request.types(),
            Self::Bulk(request) => request.types(),
        }
    }

    fn needs_types(&self) -> bool {
        match self {
            Self::Single(request) => request.needs_types(),
            Self::Bulk(request) => request.needs_types(),
        }
    }

    fn with_types(&self, types: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        match self {
            Self::Single(request) => request.with_types(types),
            Self::Bulk(request) => request.with_types(types),
        }
    }
}

#[cfg(test)]
mod tests;
