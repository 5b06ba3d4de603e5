//! Questions about the statement before, where the answers are known: the same text with the answers in their places.

use super::diagnostics::{Diagnostics, read_diagnostics};
use super::reader::Reader;
use crate::sql::answers::{Answers, put_cast, put_number};
use crate::sql::keyword::Keyword as K;
use crate::sql::token::{Kind, Token};
use crate::sql::{Lexing, variable};

/// A text that any connection can run in a question's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The text.
    pub sql: Vec<u8>,
    /// What asked.
    pub form: QuestionForm,
}

/// What a question leaves of what can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionForm {
    /// SHOW WARNINGS, SHOW ERRORS: everything but ROW_COUNT().
    ShowConditions,
    /// GET DIAGNOSTICS: everything.
    GetDiagnostics,
    /// SHOW COUNT(*) …: the conditions.
    ShowCount,
    /// A SELECT without FROM: on MariaDB the conditions.
    BareSelect,
    /// A statement as any other.
    Other,
}

/// The longest name that a column is given for what stood there.
const LONGEST_NAME: usize = 200;

/// The text that answers `sql`. None where something is asked that `answers` do not tell, or in another way than by ROW_COUNT(),
/// FOUND_ROWS(), `@@warning_count`, `@@error_count`, SHOW WARNINGS, SHOW ERRORS and SHOW COUNT(*) of them.
#[must_use]
pub fn answered(sql: &[u8], lexing: &Lexing, answers: &Answers) -> Option<Answered> {
    let mut reader = Reader::new(sql, lexing, None);
    let answered = match reader.keyword() {
        K::Show => show(&mut reader, answers)?,
        K::Get => diagnostics(&mut reader, answers)?,
        _ => Rewriting::new(sql, answers).run(&mut reader)?,
    };
    while reader.take_punctuation(b';') {}
    (reader.peek().kind == Kind::End && reader.findings().doubt.is_none()).then_some(answered)
}

fn show(reader: &mut Reader<'_>, answers: &Answers) -> Option<Answered> {
    reader.next();
    if reader.take(K::Count) {
        let is_all = reader.take_punctuation(b'(') && reader.take_punctuation(b'*') && reader.take_punctuation(b')');
        let errors = is_errors(reader)?;
        let count = if errors { answers.error_count()? } else { answers.warning_count()? };
        let mut sql = b"SELECT ".to_vec();
        put_number(&mut sql, count);
        let name: &[u8] = if errors { b"@@session.error_count" } else { b"@@session.warning_count" };
        sql.extend([b" AS `", name, b"`"].concat());
        return is_all.then_some(Answered { sql, form: QuestionForm::ShowCount });
    }
    let errors = is_errors(reader)?;
    let (mut skipped, mut most) = (0, usize::MAX);
    if reader.take(K::Limit) {
        most = number(reader)?;
        if reader.take_punctuation(b',') {
            skipped = std::mem::replace(&mut most, number(reader)?);
        } else if reader.take(K::Offset) {
            skipped = number(reader)?;
        }
    }
    let sql = answers.conditions_as_select(errors, skipped, most)?;
    Some(Answered { sql, form: QuestionForm::ShowConditions })
}

/// GET DIAGNOSTICS into user variables becomes a SET of these.
fn diagnostics(reader: &mut Reader<'_>, answers: &Answers) -> Option<Answered> {
    let Diagnostics { condition, items } = read_diagnostics(reader)?;
    let condition = match condition {
        Some(token) => Some(as_number(token)?.checked_sub(1)?),
        None => None,
    };
    let mut sql = Vec::new();
    for (variable, item) in items {
        sql.extend_from_slice(if sql.is_empty() { b"SET " } else { b"," });
        sql.extend_from_slice(variable.text);
        sql.push(b'=');
        if let Some(condition) = condition {
            answers.put_condition_item(&mut sql, condition, item.text)?;
        } else if item.text.eq_ignore_ascii_case(b"NUMBER") {
            put_cast(&mut sql, answers.warning_count()?, "UNSIGNED");
        } else if item.text.eq_ignore_ascii_case(b"ROW_COUNT") {
            sql.extend(answers.row_count?.to_string().into_bytes());
        } else {
            return None;
        }
    }
    Some(Answered { sql, form: QuestionForm::GetDiagnostics })
}

fn is_errors(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.take(K::Warnings) { Some(false) } else { reader.take(K::Errors).then_some(true) }
}

fn number(reader: &mut Reader<'_>) -> Option<usize> {
    as_number(reader.next())
}

fn as_number(token: Token<'_>) -> Option<usize> {
    if token.kind != Kind::Number {
        return None;
    }
    std::str::from_utf8(token.text).ok()?.parse().ok()
}

/// Puts answers in the places of questions, and gives columns the names that they would have had.
struct Rewriting<'a> {
    sql: &'a [u8],
    answers: &'a Answers,
    out: Vec<u8>,
    /// The text up to here is in `out`.
    copied: usize,
    depth: u32,
    /// Between SELECT and what ends its list of columns.
    in_list: bool,
    has_from: bool,
    /// The column under way.
    column: Option<Column>,
    changed: bool,
}

#[derive(Clone, Copy)]
struct Column {
    start: usize,
    end: usize,
    tokens: usize,
    last: Kind,
    changed: bool,
}

impl<'a> Rewriting<'a> {
    const fn new(sql: &'a [u8], answers: &'a Answers) -> Self {
        Self {
            sql,
            answers,
            out: Vec::new(),
            copied: 0,
            depth: 0,
            in_list: false,
            has_from: false,
            column: None,
            changed: false,
        }
    }

    fn run(mut self, reader: &mut Reader<'a>) -> Option<Answered> {
        let is_select = reader.take(K::Select);
        self.in_list = is_select;
        let mut before = Kind::End;
        while !reader.is_at_end() {
            let token = reader.next();
            self.look(token, before, reader)?;
            before = token.kind;
        }
        self.end_column();
        self.out.extend_from_slice(self.sql.get(self.copied..)?);
        let form = if is_select && !self.has_from { QuestionForm::BareSelect } else { QuestionForm::Other };
        self.changed.then_some(Answered { sql: self.out, form })
    }

    fn look(&mut self, token: Token<'a>, before: Kind, reader: &mut Reader<'a>) -> Option<()> {
        if self.depth == 0 && self.in_list {
            match token.kind {
                Kind::Punctuation(b',') => {
                    self.end_column();
                    return Some(());
                }
                Kind::Word(word) if ends_list(word) => {
                    self.end_column();
                    self.in_list = false;
                }
                Kind::Word(K::Distinct | K::Distinctrow | K::All | K::StraightJoin | K::HighPriority)
                    if self.column.is_none() => {}
                _ if self.column.is_none() => {
                    let column =
                        Column { start: token.start, end: token.end, tokens: 0, last: Kind::End, changed: false };
                    self.column = Some(column);
                }
                _ => {}
            }
        }
        let mut end = token.end;
        let mut kind = token.kind;
        match token.kind {
            Kind::Word(K::From) => self.has_from = true,
            Kind::Word(_) if before != Kind::Punctuation(b'.') => {
                if let Some(close) = self.function(token, reader)? {
                    end = close;
                    kind = Kind::Punctuation(b')');
                }
            }
            Kind::SystemVariable => end = self.variable(token, reader)?,
            Kind::Punctuation(b'(') => self.depth += 1,
            Kind::Punctuation(b')') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if let Some(column) = &mut self.column {
            (column.end, column.last, column.tokens) = (end, kind, column.tokens + 1);
        }
        Some(())
    }

    /// Outer None: it cannot be answered; inner None: it is no question.
    fn function(&mut self, token: Token<'a>, reader: &mut Reader<'a>) -> Option<Option<usize>> {
        let is_row_count = token.text.eq_ignore_ascii_case(b"ROW_COUNT");
        if !is_row_count && !token.text.eq_ignore_ascii_case(b"FOUND_ROWS") {
            return Some(None);
        }
        if reader.peek().kind != Kind::Punctuation(b'(') {
            return Some(None);
        }
        reader.next();
        let close = reader.next();
        if close.kind != Kind::Punctuation(b')') {
            return None;
        }
        if is_row_count {
            let count = self.answers.row_count?;
            self.put(token.start, close.end, count)?;
        } else {
            let count = self.answers.found_rows?;
            self.put(token.start, close.end, count)?;
        }
        Some(Some(close.end))
    }

    /// Where the variable's name ends.
    fn variable(&mut self, token: Token<'a>, reader: &mut Reader<'a>) -> Option<usize> {
        let mut name = token;
        let is_scoped = variable::is_session(name.text) && reader.take_punctuation(b'.');
        if is_scoped || (name.text.is_empty() && reader.peek().kind == Kind::Quoted) {
            name = reader.next();
        }
        if name.text.eq_ignore_ascii_case(b"warning_count") {
            self.put(token.start, name.end, self.answers.warning_count()?)?;
        } else if name.text.eq_ignore_ascii_case(b"error_count") {
            self.put(token.start, name.end, self.answers.error_count()?)?;
        }
        Some(name.end)
    }

    fn put(&mut self, start: usize, end: usize, value: impl std::fmt::Display) -> Option<()> {
        self.out.extend_from_slice(self.sql.get(self.copied..start)?);
        put_number(&mut self.out, value);
        self.copied = end;
        self.changed = true;
        if let Some(column) = &mut self.column {
            column.changed = true;
        }
        Some(())
    }

    fn end_column(&mut self) {
        let Some(column) = self.column.take() else { return };
        // A word or a text at its end may be an alias already.
        let may_have_alias = column.tokens > 1 && matches!(column.last, Kind::Word(_) | Kind::Quoted | Kind::Text);
        let name = self.sql.get(column.start..column.end).unwrap_or_default();
        if !column.changed || may_have_alias || name.len() > LONGEST_NAME || name.contains(&b'`') {
            return;
        }
        self.out.extend_from_slice(self.sql.get(self.copied..column.end).unwrap_or_default());
        self.out.extend([b" AS `", name, b"`"].concat());
        self.copied = column.end;
    }
}

const fn ends_list(word: K) -> bool {
    matches!(
        word,
        K::From
            | K::Into
            | K::Where
            | K::Group
            | K::Having
            | K::Order
            | K::Limit
            | K::Union
            | K::Except
            | K::Intersect
            | K::For
            | K::Lock
            | K::Procedure
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::answers::{Condition, Conditions};

    fn answers() -> Answers {
        let condition = |level: &str, code: &str, message: &str| {
            let [level, code, message] = [level, code, message].map(|text| text.as_bytes().to_vec());
            Condition { level, code, message }
        };
        let list = vec![condition("Warning", "1292", "it's"), condition("Error", "1146", "gone")];
        let conditions = Conditions::Known { list, charset: "latin1".into() };
        Answers { row_count: Some(-1), found_rows: Some(7), conditions }
    }

    fn text(sql: &str) -> Option<String> {
        let answered = answered(sql.as_bytes(), &Lexing::default(), &answers())?;
        Some(String::from_utf8(answered.sql).expect("ASCII"))
    }

    #[test]
    fn q16_questions_become_answers_under_their_names() {
        for (sql, expected) in [
            ("select ROW_COUNT()", "select COALESCE(-1,9223372036854775807) AS `ROW_COUNT()`"),
            ("SELECT found_rows() AS n, 1 FROM dual;", "SELECT COALESCE(7,9223372036854775807) AS n, 1 FROM dual;"),
            (
                "select @@warning_count, @@Session.error_count e",
                "select COALESCE(2,9223372036854775807) AS `@@warning_count`, COALESCE(1,9223372036854775807) e",
            ),
            (
                "select distinct (row_count() + 1)",
                "select distinct (COALESCE(-1,9223372036854775807) + 1) AS `(row_count() + 1)`",
            ),
            ("insert into t select row_count() from u", "insert into t select COALESCE(-1,9223372036854775807) from u"),
            ("set @n = row_count()", "set @n = COALESCE(-1,9223372036854775807)"),
            (
                "select a from t where a > row_count() order by 1, found_rows()",
                "select a from t where a > COALESCE(-1,9223372036854775807) order by 1, COALESCE(7,9223372036854775807)",
            ),
            ("select row_count() /* why */", "select COALESCE(-1,9223372036854775807) AS `row_count()` /* why */"),
            ("get diagnostics @n = number, @`r` = row_count", "SET @n=CAST(2 AS UNSIGNED),@`r`=-1"),
            (
                "GET CURRENT DIAGNOSTICS CONDITION 1 @e = MYSQL_ERRNO, @m = MESSAGE_TEXT;",
                "SET @e=CAST(1292 AS UNSIGNED),@m=_latin1 x'69742773'",
            ),
            ("show count(*) errors", "SELECT COALESCE(1,9223372036854775807) AS `@@session.error_count`"),
        ] {
            assert_eq!(text(sql).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn q16_conditions_are_shown_again() {
        let one = "SELECT CAST(_latin1 x'5761726E696E67' AS CHAR(7)) AS `Level`,CAST(1292 AS UNSIGNED) AS `Code`,\
                   CAST(_latin1 x'69742773' AS CHAR(512)) AS `Message`";
        let two = "SELECT CAST(_latin1 x'4572726F72' AS CHAR(7)) AS `Level`,CAST(1146 AS UNSIGNED) AS `Code`,\
                   CAST(_latin1 x'676F6E65' AS CHAR(512)) AS `Message`";
        let all = |sql: &str| Some(format!("{sql} LIMIT 65536"));
        assert_eq!(text("show warnings"), all(&format!("{one} UNION ALL {two}")));
        assert_eq!(text("SHOW WARNINGS LIMIT 1;"), all(one));
        assert_eq!(text("show warnings limit 1, 5"), all(two));
        assert_eq!(text("show warnings limit 5 offset 1"), all(two));
        assert_eq!(text("show errors"), all(two));
        assert!(text("show errors limit 0").is_some_and(|sql| sql.ends_with(" FROM DUAL WHERE FALSE LIMIT 65536")));
    }

    #[test]
    fn what_is_not_known_or_not_understood_stays_a_question() {
        for sql in [
            "select 1",
            "get diagnostics condition 1 @n = returned_sqlstate",
            "get diagnostics condition 3 @n = mysql_errno",
            "get diagnostics n = number",
            "select row_count(); show warnings",
            "select found_rows(1)",
            "show warnings limit ?",
            "show tables",
        ] {
            assert_eq!(text(sql), None, "{sql}");
        }
        let unknown = Answers { row_count: None, found_rows: None, conditions: Conditions::Lost };
        for sql in ["select row_count()", "select found_rows()", "show warnings", "select @@error_count"] {
            assert_eq!(answered(sql.as_bytes(), &Lexing::default(), &unknown), None, "{sql}");
        }
    }
}
