//! Questions about the session's last statement, when another session has the connection on which it ran.

use std::sync::Arc;

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{HEADER_LENGTH, SequenceId, put_packet};
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_protocol::statement::put_query;
use rolecall_router::session::Told;
use rolecall_router::sql::{
    Answered, Answers, CONDITIONS_QUESTION, Conditions, Flavour, QuestionForm, Statement, answered,
};

use super::dispatch::Job;
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;

impl Session {
    /// Asks for what only the connection can tell, before it goes; false where it does not answer.
    pub(super) async fn save_answers(&mut self, link: &mut Connection) -> bool {
        let told = self.state.told();
        let mut conditions = Conditions::none();
        if told.may_have_conditions {
            let handle = Arc::clone(&self.handle);
            let Ok(Ok(answer)) = handle.unless_summoned(link.query(CONDITIONS_QUESTION.as_bytes())).await else {
                return false;
            };
            let name = b"character_set_results".as_slice();
            let own = self.state.variables().get(name);
            let charset =
                own.or_else(|| link.baseline.as_ref()?.get(name)).map(|charset| &**charset).unwrap_or_default();
            conditions = {
                // Questions tell of none though they leave the conditions as they are.
                let told = self.state.warnings_told().filter(|count| *count > 0);
                Conditions::from_rows(&answer.rows, charset, told)
            };
        }
        let mut found_rows = told.found_rows;
        // Behind a result whose rows do not tell, or an error.
        if found_rows.is_none() && told.row_count == Some(-1) {
            let handle = Arc::clone(&self.handle);
            let Ok(Ok(count)) = handle.unless_summoned(link.found_rows()).await else { return false };
            found_rows = Some(count);
        }
        let found_rows = found_rows.filter(|_| !rolecall_router::left_out!("found-rows"));
        self.sharing.answers = Some(Box::new(Answers { row_count: told.row_count, found_rows, conditions }));
        self.note_conditions();
        true
    }

    /// COM_PING tells their number.
    fn note_conditions(&mut self) {
        let count = self.sharing.answers.as_ref().and_then(|answers| answers.warning_count());
        // They are not at a server any more.
        let told = Told { may_have_conditions: false, ..self.state.told() };
        self.state.assume_told(told, count.and_then(|count| u16::try_from(count).ok()));
    }

    /// The proxy itself has answered a statement: with one row, or with OK.
    pub(super) fn note_own_answer(&mut self, is_row: bool) {
        let found_rows = self.state.told().found_rows;
        self.state.observe_own_ok();
        let (row_count, found_rows) = if is_row { (-1, Some(1)) } else { (0, found_rows) };
        self.keep_own(row_count, found_rows, Conditions::none());
    }

    /// The proxy itself has answered a COM_PING, which leaves all but ROW_COUNT().
    pub(super) fn note_own_ping(&mut self) {
        self.state.assume_told(Told { row_count: Some(0), ..self.state.told() }, None);
        if let Some(answers) = &mut self.sharing.answers {
            answers.row_count = Some(0);
        }
    }

    /// No connection can tell of a statement that none has seen.
    fn keep_own(&mut self, row_count: i64, found_rows: Option<u64>, conditions: Conditions) {
        if self.sharing.by_user() {
            let row_count = Some(row_count);
            self.state.assume_told(Told { row_count, found_rows, may_have_conditions: false }, None);
            self.sharing.answers = Some(Box::new(Answers { row_count, found_rows, conditions }));
        }
    }

    /// Whether a statement asks for what went with the connection on which the one before it ran.
    pub(super) fn asks_too_late(&mut self, statement: &Statement) -> bool {
        // Where the session's own connection is gone, or never was, nothing of another session's must answer.
        self.sharing.wants_fresh = statement.asks_previous();
        self.sharing.wants_fresh && self.sharing.answers.is_some()
    }

    /// Whether a question must get its answer from what is known though its connection is there: only FOUND_ROWS() outlives
    /// the statements that another session ran.
    pub(super) fn asks_for_anothers_count(&mut self, sql: &[u8], statement: &Statement) -> bool {
        if !self.sharing.has_anothers_count || !statement.asks_previous() {
            return false;
        }
        let Told { row_count, found_rows, may_have_conditions } = self.state.told();
        let lexing = self.state.lexing();
        let is_about_it = answered(sql, lexing, &Answers::default()).is_some()
            && answered(sql, lexing, &Answers { found_rows: None, ..Answers::default() }).is_none();
        if is_about_it {
            let conditions = if may_have_conditions { Conditions::Lost } else { Conditions::none() };
            self.sharing.answers = Some(Box::new(Answers { row_count, found_rows, conditions }));
        }
        is_about_it
    }

    /// The same for a prepared question.
    pub(super) fn executes_anothers_count(&mut self, job: &Job) -> bool {
        if !self.sharing.has_anothers_count || !job.statement.asks_previous() {
            return false;
        }
        let sql = self.prepared.text(job.statement_id).map(<[u8]>::to_vec);
        sql.is_some_and(|sql| self.asks_for_anothers_count(&sql, &job.statement))
    }

    /// Runs the question `sql` with the answers in it, on whatever connection.
    pub(super) async fn answer(&mut self, buffer: &mut Buffer, taken: usize, sql: &[u8]) -> Result<(), CloseReason> {
        let Some(answers) = self.sharing.answers.clone() else { return self.send_error(&too_late()).await };
        let Some((Answered { sql, form }, statement)) = self.answered(sql, &answers) else {
            if *answers == Answers::default() && self.state.last().is_none() {
                // Nothing has run yet: a connection on which nothing has run knows as much.
                let statement = self.worker.classify(sql, self.state.lexing()).in_schema(self.state.schema());
                return self.run(buffer, taken, Job::new(Command::Query, ReplyKind::Results, statement)).await;
            }
            return self.send_error(&too_late()).await;
        };
        self.sharing.wants_fresh = false;
        let mut payload = Vec::with_capacity(sql.len() + 3);
        put_query(&mut payload, &sql, self.leg_capabilities());
        let mut packet = Vec::with_capacity(payload.len() + HEADER_LENGTH);
        put_packet(&mut packet, &mut SequenceId(0), &payload);
        let length = packet.len();
        let mut own = Buffer::borrow();
        own.extend(&packet);
        let job = Job::new(Command::Query, ReplyKind::Results, statement);
        let accepted = self.run_observed(&mut own, length, job).await;
        // Pipelined commands that came meanwhile.
        debug_assert!(buffer.len() >= taken);
        buffer.extend(&own.filled()[length..]);
        if accepted?.is_some() {
            self.keep_answers(*answers, form);
        }
        Ok(())
    }

    fn answered(&self, sql: &[u8], answers: &Answers) -> Option<(Answered, Statement)> {
        let answered = answered(sql, self.state.lexing(), answers)?;
        let statement = self.worker.classify(&answered.sql, self.state.lexing()).in_schema(self.state.schema());
        (!statement.asks_previous()).then_some((answered, statement))
    }

    /// What can still be asked behind the question that was answered.
    fn keep_answers(&mut self, answers: Answers, form: QuestionForm) {
        let told = self.state.told();
        let answers = match form {
            QuestionForm::ShowConditions => Answers { row_count: Some(-1), ..answers },
            QuestionForm::ShowCount => Answers { row_count: Some(-1), found_rows: Some(1), ..answers },
            QuestionForm::BareSelect
                if self.state.lexing().flavour == Flavour::Mariadb && !answers.conditions.is_none() =>
            {
                Answers { row_count: told.row_count, found_rows: told.found_rows, ..answers }
            }
            QuestionForm::BareSelect | QuestionForm::Other => return,
        };
        let Answers { row_count, found_rows, .. } = answers;
        self.state.assume_told(Told { row_count, found_rows, ..told }, None);
        self.sharing.answers = Some(Box::new(answers));
        self.note_conditions();
    }
}

/// What a client is told when its question comes too late.
pub(super) fn too_late() -> ErrPacket {
    ErrPacket::new(
        ErrorCode::NOT_SUPPORTED_YET,
        "Rolecall cannot answer this any more: another session has used the connection since the statement that it is about. \
         Ask right behind it, in one transaction with it, or use a listener with pooling: session",
    )
}
