//! A statement on a connection that does not know it.

use std::sync::Arc;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_router::session::{Variables, View, as_for_texts_of, diff, restore};

use super::unknown_statement;
use crate::backend::{Connection, QueryError, StatementContext};
use crate::session::Session;
use crate::session::links::LinkError;

impl Session {
    /// Prepares a statement of the session on a connection that does not know it, under the schema and the variables under
    /// which the client prepared it (trap D3).
    pub(super) async fn prepare_again(&self, link: &mut Connection, id: u32) -> Result<(), LinkError> {
        let flavour = self.state.lexing().flavour;
        let Some(prepared) = self.prepared.by_id.get(&id) else { return Ok(()) };
        let (key, text) = (prepared.key.clone(), Arc::clone(prepared.key.text()));
        let Some(sql) = text.sql().filter(|_| !rolecall_router::left_out!("statements")) else {
            return Err(LinkError::Refused(unknown_statement(id, "mysqld_stmt_execute", flavour)));
        };
        let StatementContext { schema, variables } = &**text.context();
        let variables = &as_for_texts_of(variables, self.state.variables());
        let is_elsewhere = **schema != *self.state.schema() || variables != self.state.variables();
        let is_elsewhere = is_elsewhere && !rolecall_router::left_out!("statement-context");
        if is_elsewhere {
            self.enter_context(link, schema, variables).await?;
        }
        // One that does not do, since others have bound other types to it.
        link.statements.close(&key);
        let closed = link.statements.close_others(self.statement_limit().saturating_sub(1));
        self.worker.metrics.statements_closed.add(closed as u64);
        let mut made = link.prepare(sql).await;
        if let Err(QueryError::Refused(err)) = &made
            && err.code == ErrorCode::MAX_PREPARED_STMT_COUNT_REACHED.code
            && self.make_room(link).await
        {
            made = link.prepare(sql).await;
        }
        if is_elsewhere {
            self.update(link).await.map_err(|error| link_error(link, error))?;
        }
        let ok = made.map_err(|error| link_error(link, error))?;
        link.statements.insert(key, ok.statement.0);
        self.worker.metrics.statements_prepared.increment();
        Ok(())
    }

    /// Makes a connection what the session was under an earlier schema and variables.
    async fn enter_context(
        &self,
        link: &mut Connection,
        schema: &[u8],
        variables: &Variables,
    ) -> Result<(), LinkError> {
        let past = self.state.in_context(schema, variables);
        let baseline = link.baseline.clone().unwrap_or_default();
        // What was not set then may be what it is now, where the connection's login is not known to have had it otherwise.
        let mut prefixes = restore(&past, &mut link.view, &baseline, false).unwrap_or_default();
        prefixes.extend(diff(&past, &link.view));
        link.view.revision = View::NOBODYS;
        for prefix in prefixes {
            if let Err(error) = link.apply(&prefix).await {
                link.is_spoilt = true;
                return Err(link_error(link, error));
            }
        }
        link.view.schema = schema.to_vec();
        link.view.variables.clone_from(variables);
        Ok(())
    }
}

pub(super) fn link_error(link: &Connection, error: QueryError) -> LinkError {
    match error {
        QueryError::Refused(err) => LinkError::Refused(err),
        QueryError::Leg(error) => LinkError::Unreachable(format!("server {}: {error}", link.server.name)),
    }
}
