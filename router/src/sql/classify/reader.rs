//! A statement's tokens, one ahead, and what each of them means wherever it stands.

use super::verdict::Verdict;
use crate::catalogue::Catalogue;
use crate::sql::function::{self, Arguments, Class, Spelling};
use crate::sql::keyword::Keyword;
use crate::sql::token::{Findings, Kind, Token, Tokens};
use crate::sql::{Access, Effects, Flavour, Lexing, SqlMode, byte, variable};

/// Reads a text token by token.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    sql: &'a [u8],
    tokens: Tokens<'a>,
    ahead: Token<'a>,
    /// The kind of the token before `ahead`, [`Kind::End`] at a statement's beginning.
    before: Kind,
    lexing: Lexing,
    /// None where nothing is asked about names.
    catalogue: Option<&'a Catalogue>,
    /// The same, where it has any.
    writing_views: Option<&'a Catalogue>,
    /// The same, where there are triggers that may leave something.
    leaving_tables: Option<&'a Catalogue>,
    pub(super) verdict: Verdict,
    /// How many parentheses are open.
    pub(super) depth: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sql: &'a [u8], lexing: &Lexing, catalogue: Option<&'a Catalogue>) -> Self {
        let mut tokens = Tokens::new(sql, *lexing);
        let ahead = tokens.token();
        Self {
            sql,
            tokens,
            ahead,
            before: Kind::End,
            lexing: *lexing,
            catalogue,
            writing_views: catalogue.filter(|catalogue| catalogue.has_writing_views()),
            leaving_tables: catalogue.filter(|catalogue| catalogue.has_leaving_tables()),
            verdict: Verdict::new(),
            depth: 0,
        }
    }

    /// The next token, which stays.
    pub(super) const fn peek(&self) -> Token<'a> {
        self.ahead
    }

    /// The keyword that comes next.
    pub(super) const fn keyword(&self) -> Keyword {
        match self.ahead.kind {
            Kind::Word(keyword) => keyword,
            _ => Keyword::None,
        }
    }

    /// Takes the next token without looking at what it means.
    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.ahead;
        self.before = token.kind;
        self.ahead = self.tokens.token();
        token
    }

    /// Takes the next token if it is `keyword`.
    pub(super) fn take(&mut self, keyword: Keyword) -> bool {
        let found = self.keyword() == keyword;
        if found {
            self.next();
        }
        found
    }

    /// Takes the next token if it is this character.
    pub(super) fn take_punctuation(&mut self, byte: u8) -> bool {
        let found = self.ahead.kind == Kind::Punctuation(byte);
        if found {
            self.next();
        }
        found
    }

    /// Whether the statement ends here: a semicolon, or the end of the text.
    pub(super) const fn is_at_end(&self) -> bool {
        matches!(self.ahead.kind, Kind::End | Kind::Punctuation(b';'))
    }

    /// Forgets what stood before: a new statement begins.
    pub(super) fn begin_statement(&mut self) {
        self.before = Kind::End;
        self.depth = 0;
        self.verdict = Verdict::new();
    }

    /// The server's kind.
    pub(super) const fn flavour(&self) -> Flavour {
        self.lexing.flavour
    }

    /// What the text showed besides tokens; complete only at the end.
    pub(super) const fn findings(&self) -> Findings {
        self.tokens.findings()
    }

    /// Skips to the statement's end.
    pub(super) fn skip(&mut self) {
        while !self.is_at_end() {
            self.next();
        }
    }

    /// Looks at everything up to the statement's end.
    pub(super) fn rest(&mut self) {
        while !self.is_at_end() {
            self.step();
        }
    }

    /// Looks at everything up to a comma outside of parentheses, or the statement's end.
    pub(super) fn until_comma(&mut self) {
        let outer = self.depth;
        while !self.is_at_end() && (self.depth != outer || self.ahead.kind != Kind::Punctuation(b',')) {
            self.step();
        }
    }

    /// Takes one token and notes what it means.
    pub(super) fn step(&mut self) -> Token<'a> {
        let before = self.before;
        let token = self.next();
        match token.kind {
            Kind::Word(keyword) => {
                if keyword != Keyword::None {
                    self.word(keyword);
                }
                self.name(token, keyword, before);
            }
            Kind::Quoted => self.name(token, Keyword::None, before),
            Kind::SystemVariable => self.system_variable(token),
            Kind::Punctuation(b'(') => self.depth += 1,
            Kind::Punctuation(b')') => self.depth = self.depth.saturating_sub(1),
            Kind::Punctuation(b':') => self.verdict.leaves(Effects::USER_VARIABLES, "assigns a user variable"),
            _ => {}
        }
        token
    }

    fn word(&mut self, keyword: Keyword) {
        use Keyword as K;
        match keyword {
            K::Into => match self.keyword() {
                K::Outfile | K::Dumpfile => self.verdict.raise(Access::Primary, "writes a file on the server"),
                _ => self.verdict.leaves(Effects::USER_VARIABLES, "SELECT … INTO"),
            },
            K::For if matches!(self.keyword(), K::Update | K::Share) => {
                self.verdict.leaves(Effects::LOCKS_ROWS, "locks rows");
                self.next();
            }
            K::Lock => self.verdict.leaves(Effects::LOCKS_ROWS, "locks rows"),
            K::Select | K::Table | K::Values | K::With => self.verdict.has_query = true,
            K::Offset | K::Union | K::Except | K::Intersect => self.verdict.returns_part = true,
            K::Limit if self.is_offset_behind() => self.verdict.returns_part = true,
            K::SqlCalcFoundRows => self.verdict.effects |= Effects::FOUND_ROWS,
            K::Next if self.keyword() == K::Value => {
                self.verdict.leaves(Effects::OPAQUE_STATE, "takes a sequence's next value")
            }
            K::Previous if self.keyword() == K::Value => {
                self.verdict.raise(Access::Primary, "a sequence's last value belongs to the connection");
            }
            keyword if keyword.writes() && self.ahead.kind != Kind::Punctuation(b'(') => {
                self.verdict.raise(Access::Primary, "contains a word that only writing statements have");
            }
            _ => {}
        }
    }

    /// Behind LIMIT: whether the number that comes next is an offset.
    fn is_offset_behind(&self) -> bool {
        self.tokens.clone().token().kind == Kind::Punctuation(b',')
    }

    /// A word or a quoted name: a function's, a schema's, a view's?
    fn name(&mut self, token: Token<'a>, keyword: Keyword, before: Kind) {
        match self.ahead.kind {
            Kind::Punctuation(b'(') if !keyword.is_never_a_function() => self.call(token, before),
            Kind::Punctuation(b'.') => {
                if let Some((access, why)) = system_schema(token.text) {
                    self.verdict.raise(access, why);
                }
            }
            _ => {}
        }
        if self.writing_views.is_some_and(|catalogue| catalogue.is_writing_view(token.text)) {
            self.verdict.leaves(Effects::UNKNOWN_ROUTINE, "names a view that may write");
        }
        self.table(token);
    }

    /// A name that may be a table's.
    pub(super) fn table(&mut self, token: Token<'a>) {
        if self.leaving_tables.is_some_and(|catalogue| catalogue.is_leaving_table(token.text)) {
            self.verdict.names_leaving_table = true;
        }
    }

    /// A name with `(` behind it.
    fn call(&mut self, token: Token<'a>, before: Kind) {
        let qualified = before == Kind::Punctuation(b'.');
        if !qualified {
            let spelling = Spelling { quoted: token.kind == Kind::Quoted, tight: self.is_tight(token.end) };
            if let Some((class, arguments)) = function::find(token.text, spelling, &self.lexing)
                && self.has(arguments)
            {
                return self.built_in(class);
            }
        }
        if self.is_no_call(before) || self.catalogue.is_some_and(|catalogue| catalogue.is_harmless_function(token.text))
        {
            return;
        }
        self.verdict
            .leaves(Effects::UNKNOWN_ROUTINE, "calls a function that is neither built in nor known to be harmless");
    }

    /// The primary's connection has it: reads on replicas in between do not change it (trap C15).
    fn last_insert_id(&mut self) {
        self.verdict.leaves(Effects::READS_INSERT_ID, "asks for the last insert id");
    }

    /// Whether `(` follows the name that ended at `end` in the way that the words of the grammar demand.
    fn is_tight(&self, end: usize) -> bool {
        let gap = &self.sql[end..self.ahead.start];
        gap.is_empty()
            || (self.lexing.mode.contains(SqlMode::IGNORE_SPACE) && gap.iter().all(|byte| byte::is_space(*byte)))
    }

    fn built_in(&mut self, class: Class) {
        match class {
            Class::Pure => {}
            Class::Node => self.verdict.raise(Access::Node, "calls a function that tells of the server"),
            Class::ConnectionId => {
                self.verdict.effects |= Effects::CONNECTION_ID;
                self.verdict.raise(Access::Node, "asks for the connection's id");
            }
            Class::Previous => self.verdict.raise(Access::Previous, "asks about the previous statement"),
            Class::LastInsertId => {
                if self.has_arguments() {
                    self.verdict
                        .leaves(Effects::SETS_INSERT_ID, "LAST_INSERT_ID(expr) changes what the connection tells");
                } else {
                    self.last_insert_id();
                }
            }
            Class::TakesLock => self.verdict.leaves(Effects::NAMED_LOCK, "takes a named lock"),
            Class::ReleasesLock => self.verdict.leaves(Effects::RELEASES_LOCK, "releases named locks"),
            Class::HeldByPrimary => self.verdict.raise(Access::Primary, "asks about what only the primary has"),
            Class::Writes => self.verdict.raise(Access::Primary, "calls a function that writes"),
            Class::NextValue => self.verdict.leaves(Effects::OPAQUE_STATE, "takes a sequence's next value"),
        }
    }

    /// Whether these arguments stand between the `(` that comes next and its `)`.
    fn has(&self, arguments: Arguments) -> bool {
        match arguments {
            Arguments::Any => return true,
            Arguments::Some => return self.has_arguments(),
            Arguments::Two | Arguments::Columns => {}
        }
        let mut tokens = self.tokens.clone();
        let (mut depth, mut commas, mut columns) = (1, 0, false);
        while depth > 0 {
            let token = tokens.token();
            match token.kind {
                Kind::End => break,
                Kind::Punctuation(b'(') => depth += 1,
                Kind::Punctuation(b')') => depth -= 1,
                Kind::Punctuation(b',') if depth == 1 => commas += 1,
                Kind::Word(_) if depth == 1 => columns |= token.text.eq_ignore_ascii_case(b"COLUMNS"),
                _ => {}
            }
        }
        if arguments == Arguments::Two { commas == 1 } else { columns }
    }

    /// Whether something stands between the `(` that comes next and its `)`.
    fn has_arguments(&self) -> bool {
        let mut tokens = self.tokens.clone();
        tokens.token().kind != Kind::Punctuation(b')')
    }

    /// Whether a name with `(` behind it is no call, by what stands around it: after AS, a literal or `)` (an alias with
    /// columns, AGAINST, OVER, COLUMNS), after WITH or RECURSIVE or before `) AS (` (a common table expression), or
    /// before a subquery (`= ANY (SELECT …`).
    fn is_no_call(&self, before: Kind) -> bool {
        use Keyword as K;
        if matches!(
            before,
            Kind::Word(K::As | K::With | K::Recursive | K::Member)
                | Kind::Text
                | Kind::Number
                | Kind::Punctuation(b')')
        ) {
            return true;
        }
        let mut tokens = self.tokens.clone();
        let mut token = tokens.token();
        if matches!(token.kind, Kind::Word(K::Select | K::With)) {
            return true;
        }
        loop {
            match token.kind {
                Kind::Word(_) | Kind::Quoted | Kind::Punctuation(b',') => token = tokens.token(),
                Kind::Punctuation(b')') => {
                    return tokens.token().kind == Kind::Word(K::As) && tokens.token().kind == Kind::Punctuation(b'(');
                }
                _ => return false,
            }
        }
    }

    fn system_variable(&mut self, token: Token<'a>) {
        let mut name = token.text;
        if variable::is_scope(name) && self.ahead.kind == Kind::Punctuation(b'.') {
            self.next();
            name = self.next().text;
        } else if name.is_empty() && matches!(self.ahead.kind, Kind::Quoted) {
            name = self.next().text;
        }
        match variable::read(name) {
            variable::Read::LastInsertId => self.last_insert_id(),
            variable::Read::Previous => self.verdict.raise(Access::Previous, "asks about the previous statement"),
            variable::Read::ConnectionId => {
                self.verdict.effects |= Effects::CONNECTION_ID;
                self.verdict.raise(Access::Node, "asks for the connection's id");
            }
            variable::Read::Trackers => self
                .verdict
                .leaves(Effects::TRACKERS | Effects::OPAQUE_STATE, "asks for what the proxy has set for its own use"),
            variable::Read::Own => {
                self.verdict.effects |= Effects::OWN_VARIABLE;
                self.verdict.raise(Access::Node, "asks for a variable of the proxy's own");
            }
            variable::Read::Node => self.verdict.raise(Access::Node, "reads a system variable"),
        }
    }
}

/// Where reads of a schema go that the server keeps itself; None for all others.
pub(crate) fn system_schema(name: &[u8]) -> Option<(Access, &'static str)> {
    const SCHEMAS: [&[u8]; 3] = [b"information_schema", b"performance_schema", b"mysql"];
    if name.eq_ignore_ascii_case(b"sys") {
        // @sys.statement_truncate_len and its like: the server reports a change of the session.
        Some((Access::Primary, "reads the sys schema, whose functions set user variables"))
    } else {
        let found = SCHEMAS.iter().any(|schema| name.eq_ignore_ascii_case(schema));
        found.then_some((Access::Node, "reads a system schema"))
    }
}
