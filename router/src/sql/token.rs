//! Text cut into tokens as the server's lexer cuts it (sql/sql_lex.cc of both servers), without allocation.

use super::byte::{self, Class};
use super::comment::{self, Comment};
use super::keyword::Keyword;
use super::literal;
use super::{Flavour, Hint, Lexing};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An unquoted word; [`Keyword::None`] when it is not one of the words that classification knows, and for
    /// identifiers beside a dot (`t.select`).
    Word(Keyword),
    /// A quoted identifier, without its quotes; doubled quotes inside are left as they are.
    Quoted,
    /// A string, hexadecimal or bit literal, with its quotes; a dollar-quoted text.
    Text,
    /// A number, or a hexadecimal or bit literal of the form 0x…, 0b….
    Number,
    /// `@name`, with the `@`.
    UserVariable,
    /// `@@name`: the text is the name, or the scope; empty when a quoted name follows.
    SystemVariable,
    /// Any other single byte.
    Punctuation(u8),
    /// The end of the text.
    End,
}

/// A token: a piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, as [`Kind`] says.
    pub text: &'a [u8],
    /// Where it begins in the statement's text, quotes and `@` included.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What the text showed besides tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings {
    /// A wish in a comment.
    pub hint: Option<Hint>,
    /// Why the server may read this text differently, or refuse it.
    pub doubt: Option<&'static str>,
    /// An executable comment that a server of another version would read differently, or execute.
    pub other_version: bool,
    /// A `$tag$ … $tag$`: older servers, and all of them outside of routine bodies, may take `$` for a letter.
    pub dollar_quoted: bool,
}

/// The tokens of a text.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    sql: &'a [u8],
    lexing: Lexing,
    at: usize,
    /// Inside `/*! … */`: its end is no token.
    executable: bool,
    /// The token before was an identifier that a dot follows: what comes after the dot is one too.
    after_dot: bool,
    findings: Findings,
}

impl<'a> Tokens<'a> {
    /// The tokens of `sql`.
    #[must_use]
    pub fn new(sql: &'a [u8], lexing: Lexing) -> Self {
        Self { sql, lexing, at: 0, executable: false, after_dot: false, findings: Findings::default() }
    }

    /// What was found so far.
    #[must_use]
    pub const fn findings(&self) -> Findings {
        self.findings
    }

    /// The next token; [`Kind::End`] again and again at the end.
    pub fn token(&mut self) -> Token<'a> {
        loop {
            let start = self.at;
            let Some(&byte) = self.sql.get(start) else {
                if self.executable {
                    self.doubt("an executable comment does not end");
                    self.executable = false;
                }
                return self.make(Kind::End, start, start);
            };
            match byte::class(byte) {
                Class::Space => self.at += 1,
                Class::Letter => return self.word_or_prefixed(byte),
                Class::Digit => return self.number(),
                Class::Quote => return self.quoted_text(byte),
                Class::Backquote => return self.quoted_identifier(b'`'),
                Class::At => return self.variable(),
                Class::Comment => {
                    if let Some(token) = self.comment_or_operator(byte) {
                        return token;
                    }
                }
                Class::Star => {
                    if self.executable && self.peek(1) == Some(b'/') {
                        self.executable = false;
                        self.at += 2;
                    } else {
                        return self.punctuation(byte);
                    }
                }
                Class::Dot => {
                    if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !self.after_dot {
                        return self.literal(Kind::Number, literal::real(&self.sql[start..]));
                    }
                    return self.punctuation(byte);
                }
                Class::Nul => {
                    self.doubt("a NUL byte outside of quotes");
                    return self.punctuation(byte);
                }
                Class::Other => return self.punctuation(byte),
            }
        }
    }

    fn word_or_prefixed(&mut self, byte: u8) -> Token<'a> {
        let rest = &self.sql[self.at..];
        if !self.after_dot {
            match byte {
                b'x' | b'X' | b'b' | b'B' if rest.get(1) == Some(&b'\'') => {
                    return self.literal(Kind::Text, literal::digits(rest));
                }
                b'n' | b'N' if rest.get(1) == Some(&b'\'') => {
                    let length = literal::string(&rest[1..], self.lexing).map(|length| length + 1);
                    return self.literal(Kind::Text, length);
                }
                b'$' if self.lexing.flavour == Flavour::Mysql => {
                    if let Some(length) = literal::dollar_quoted(rest) {
                        self.findings.dollar_quoted = true;
                        return self.literal(Kind::Text, Some(length));
                    }
                }
                _ => {}
            }
        }
        self.word(0)
    }

    /// An unquoted word whose first `known` bytes are identifier bytes.
    fn word(&mut self, known: usize) -> Token<'a> {
        let start = self.at;
        let word = literal::word(&self.sql[start..], known, self.lexing.charset);
        if word.is_doubtful {
            self.doubt("a word with bytes that some character sets take for white space");
        }
        self.at = start + word.length;
        let before_dot = self.peek(0) == Some(b'.') && self.peek(1).is_some_and(byte::is_identifier);
        let keyword = if self.after_dot || before_dot || !word.is_ascii {
            Keyword::None
        } else {
            Keyword::find(&self.sql[start..], word.length)
        };
        self.after_dot = before_dot;
        self.make(Kind::Word(keyword), start, self.at)
    }

    fn number(&mut self) -> Token<'a> {
        if self.after_dot {
            return self.word(0);
        }
        match literal::number(&self.sql[self.at..]) {
            literal::Number::Length(length) => self.literal(Kind::Number, Some(length)),
            literal::Number::Identifier(known) => self.word(known),
            literal::Number::Malformed => {
                self.doubt("a malformed number");
                self.literal(Kind::Number, Some(1))
            }
        }
    }

    fn quoted_text(&mut self, quote: u8) -> Token<'a> {
        if quote == b'"' && self.lexing.mode.contains(super::SqlMode::ANSI_QUOTES) {
            return self.quoted_identifier(quote);
        }
        self.literal(Kind::Text, literal::string(&self.sql[self.at..], self.lexing))
    }

    fn quoted_identifier(&mut self, quote: u8) -> Token<'a> {
        let start = self.at;
        let found = literal::quoted_identifier(&self.sql[start..], quote, self.lexing.charset);
        let end = match found {
            Some(length) => start + length,
            None => {
                self.doubt("a quoted identifier that does not end");
                self.sql.len()
            }
        };
        self.at = end;
        self.after_dot = false;
        let inner = if found.is_some() { start + 1..end - 1 } else { start + 1..end };
        Token { kind: Kind::Quoted, text: &self.sql[inner], start, end }
    }

    fn variable(&mut self) -> Token<'a> {
        let start = self.at;
        let rest = &self.sql[start..];
        self.after_dot = false;
        match rest.get(1) {
            Some(b'@') => {
                let word = literal::word(rest, 2, self.lexing.charset);
                if word.is_doubtful {
                    self.doubt("a variable with bytes that some character sets take for white space");
                }
                self.at = start + word.length;
                Token { kind: Kind::SystemVariable, text: &rest[2..word.length], start, end: self.at }
            }
            Some(quote @ (b'\'' | b'"' | b'`')) => {
                let ansi = *quote == b'"' && self.lexing.mode.contains(super::SqlMode::ANSI_QUOTES);
                let length = if *quote == b'`' || ansi {
                    literal::quoted_identifier(&rest[1..], *quote, self.lexing.charset)
                } else {
                    literal::string(&rest[1..], self.lexing)
                };
                self.literal(Kind::UserVariable, length.map(|length| length + 1))
            }
            // The server reads a host name here: no multi-byte characters, but dots.
            _ => {
                let name = rest[1..].iter().take_while(|byte| byte::is_identifier(**byte) || **byte == b'.').count();
                if !rest[1..=name].is_ascii() {
                    self.doubt("a variable with bytes that some character sets take for white space");
                }
                self.literal(Kind::UserVariable, Some(1 + name))
            }
        }
    }

    /// Skips a comment, or gives the operator that only looked like one.
    fn comment_or_operator(&mut self, byte: u8) -> Option<Token<'a>> {
        let found = comment::at(&self.sql[self.at..], &self.lexing);
        if found == Comment::None {
            return Some(self.punctuation(byte));
        }
        self.after_dot = false;
        match found {
            Comment::None => {}
            Comment::Newer { length } => {
                self.at += length;
                self.findings.other_version = true;
            }
            Comment::Skip { length, hint, doubt } => {
                self.at += length;
                if let Some(hint) = hint {
                    self.note_hint(hint);
                }
                if let Some(doubt) = doubt {
                    self.doubt(doubt);
                }
            }
            Comment::Execute { length, is_ambiguous } => {
                self.at += length;
                self.findings.other_version |= is_ambiguous;
                self.executable = true;
            }
            Comment::Unterminated => {
                self.at = self.sql.len();
                self.doubt("a comment that does not end");
            }
        }
        None
    }

    fn punctuation(&mut self, byte: u8) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        self.after_dot = byte == b'.' && self.peek(0).is_some_and(byte::is_identifier);
        self.make(Kind::Punctuation(byte), start, self.at)
    }

    fn literal(&mut self, kind: Kind, length: Option<usize>) -> Token<'a> {
        let start = self.at;
        self.at = match length {
            Some(length) => start + length,
            None => {
                self.doubt("a literal that is malformed or does not end");
                self.sql.len()
            }
        };
        self.after_dot = false;
        self.make(kind, start, self.at)
    }

    fn make(&self, kind: Kind, start: usize, end: usize) -> Token<'a> {
        Token { kind, text: &self.sql[start..end], start, end }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.get(self.at + ahead).copied()
    }

    fn doubt(&mut self, why: &'static str) {
        self.findings.doubt.get_or_insert(why);
    }

    /// Of several wishes the one for the primary counts.
    fn note_hint(&mut self, hint: Hint) {
        if self.findings.hint != Some(Hint::Primary) {
            self.findings.hint = Some(hint);
        }
    }
}
