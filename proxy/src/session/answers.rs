//! Questions about the session's last statement, when another session has the connection on which it ran.

use rolecall_protocol::command::Command;
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::packet::{HEADER_LENGTH, SequenceId, put_packet};
use rolecall_protocol::response::{ErrPacket, ReplyKind};
use rolecall_protocol::statement::put_query;
use rolecall_router::session::{Told, results_character_set};
use rolecall_router::sql::{
    Answered, Answers, CONDITIONS_QUESTION, Conditions, Flavour, QuestionForm, Statement, answered,
};

use super::dispatch::Job;
use super::unsaved::{Unsaved, asked};
use super::{CloseReason, Session};
use crate::backend::Connection;
use crate::buffer::Buffer;

impl Session {
    /// Asks for what only the connection can tell of the session's last statement, before it goes.
    pub(super) async fn save_answers(&mut self, link: &mut Connection) -> Result<(), Unsaved> {
        if self.state.last() != Some(link.server.id) {
            return Ok(());
        }
        let told = self.state.told();
        let mut answers = match self.sharing.answers.take() {
            Some(answers) => answers,
            None => {
                // SHOW WARNINGS leaves the count as it is.
                let conditions = self.conditions_of(link, told).await?;
                Box::new(Answers { row_count: told.row_count, found_rows: told.found_rows, conditions })
            }
        };
        // Behind a result whose rows do not tell, or an error.
        let is_there = !self.sharing.counts_elsewhere(self.state.last());
        if is_there && answers.found_rows.is_none() && told.row_count == Some(-1) {
            match asked(&self.worker.shared.clock, &self.handle, link.found_rows()).await {
                Ok(count) => answers.found_rows = Some(count),
                Err(Unsaved::Refused(_)) => {}
                Err(unsaved) => return Err(unsaved),
            }
        }
        self.sharing.lose_count_at(link.server.id);
        answers.found_rows = answers.found_rows.filter(|_| !rolecall_router::left_out!("found-rows"));
        self.sharing.answers = Some(answers);
        self.note_conditions();
        Ok(())
    }

    async fn conditions_of(&self, link: &mut Connection, told: Told) -> Result<Conditions, Unsaved> {
        if !told.may_have_conditions {
            return Ok(Conditions::none());
        }
        let answer = asked(&self.worker.shared.clock, &self.handle, link.query(CONDITIONS_QUESTION.as_bytes())).await?;
        // Questions tell of none though they leave the conditions as they are.
        let told = self.state.warnings_told().filter(|count| *count > 0);
        let charset = results_character_set(&self.state, link.baseline.as_deref());
        Ok(Conditions::from_rows(&answer.rows, charset, told))
    }

    /// COM_PING tells their number.
    fn note_conditions(&mut self) {
        let count = self.sharing.answers.as_ref().and_then(|answers| answers.warning_count());
        // They are not at a server any more.
        let mut told = Told { may_have_conditions: false, ..self.state.told() };
        if let Some(answers) = &self.sharing.answers {
            told.found_rows = answers.found_rows;
        }
        self.state.assume_told(told, count.and_then(|count| u16::try_from(count).ok()));
    }

    /// The proxy itself has answered a statement: with one row, or with OK.
    pub(super) fn note_own_answer(&mut self, is_row: bool) {
        let found_rows = self.state.told().found_rows;
        self.state.observe_own_ok();
        let (row_count, found_rows) = if is_row { (-1, Some(1)) } else { (0, found_rows) };
        self.keep_own(row_count, found_rows, Conditions::none());
    }

    /// Answers a statement with an error of the proxy's own, which is what it has to tell from then on.
    pub(super) async fn fail(&mut self, err: &ErrPacket) -> Result<(), CloseReason> {
        self.note_own_failure(err);
        self.send_error(err).await
    }

    /// The same with an error in a server's words, whose connection does not tell of it any more.
    pub(super) async fn pass_on_error(&mut self, err: &ErrPacket) -> Result<(), CloseReason> {
        let baseline = self.sharing.pool.baseline();
        let charset = results_character_set(&self.state, baseline.as_deref()).to_vec();
        self.note_failure(err, &charset);
        self.send_error(err).await
    }

    /// The client is told this in place of what its statement would have said.
    pub(super) fn note_own_failure(&mut self, err: &ErrPacket) {
        self.note_failure(err, b"utf8mb4");
    }

    fn note_failure(&mut self, err: &ErrPacket, charset: &[u8]) {
        // A question that was refused leaves what it was about.
        if !self.sharing.is_question {
            self.keep_own(-1, self.state.told().found_rows, Conditions::of_err(err, charset));
        }
    }

    /// The proxy itself has prepared a statement, which takes the conditions away and leaves the numbers.
    pub(super) fn note_own_preparation(&mut self) {
        self.state.observe_prepared(0);
        if let Some(answers) = &mut self.sharing.answers {
            answers.conditions = Conditions::none();
        } else if self.sharing.by_user() {
            let Told { row_count, found_rows, .. } = self.state.told();
            self.sharing.keep(Answers { row_count, found_rows, conditions: Conditions::none() });
        }
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
            self.sharing.keep(Answers { row_count, found_rows, conditions });
        }
    }

    /// Whether a statement asks for what no connection of the session can tell: the one on which the statement before it ran
    /// has gone to another session, or has served the proxy since.
    pub(super) fn asks_too_late(&mut self, sql: &[u8], statement: &Statement) -> bool {
        // Where the session's own connection is gone, or never was, nothing of another session's must answer.
        self.sharing.wants_fresh = statement.asks_previous();
        self.sharing.is_question = self.sharing.wants_fresh;
        let counts_elsewhere = self.sharing.counts_elsewhere(self.state.last());
        if !self.sharing.wants_fresh || (self.sharing.answers.is_none() && !counts_elsewhere) {
            return false;
        }
        let lexing = self.state.lexing();
        let is_about_count = |answers: &Answers| {
            let with = |found_rows| answered(sql, lexing, &Answers { found_rows, ..answers.clone() });
            with(Some(0)).is_some() && with(None).is_none()
        };
        if let Some(answers) = &self.sharing.answers {
            let is_here = || self.links.iter().any(|link| Some(link.server.id) == self.state.last());
            let can_tell = !counts_elsewhere && is_here();
            return !(can_tell && is_about_count(answers));
        }
        // Only FOUND_ROWS() outlives the statements that another session ran.
        let is_about_it = is_about_count(&Answers::default());
        if is_about_it {
            let Told { row_count, found_rows, may_have_conditions } = self.state.told();
            let conditions = if may_have_conditions { Conditions::Lost } else { Conditions::none() };
            self.sharing.keep(Answers { row_count, found_rows, conditions });
        }
        is_about_it
    }

    /// The same for a prepared question.
    pub(super) fn executes_too_late(&mut self, job: &Job) -> bool {
        let sql = match job.statement.asks_previous() {
            true => self.prepared.text(job.statement_id).map(<[u8]>::to_vec).unwrap_or_default(),
            false => Vec::new(),
        };
        self.asks_too_late(&sql, &job.statement)
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
            QuestionForm::GetDiagnostics => answers,
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
        self.sharing.keep(answers);
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
