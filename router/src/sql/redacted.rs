//! A statement's text for people, without what it may keep secret.

use super::{Kind, Lexing, Tokens};

/// The statement with `?` in place of each literal and without comments, at most about `limit` bytes of it. Where the
/// text cannot be read as the server would read it, it ends there: what follows might be a literal.
#[must_use]
pub fn redacted(sql: &[u8], lexing: &Lexing, limit: usize) -> String {
    let mut tokens = Tokens::new(sql, *lexing);
    let mut text = String::new();
    let mut end = 0;
    loop {
        let token = tokens.token();
        if token.kind == Kind::End {
            return text;
        }
        if tokens.findings().doubt.is_some() || text.len() >= limit {
            text.push('…');
            return text;
        }
        if token.start > end && !text.is_empty() {
            text.push(' ');
        }
        match token.kind {
            Kind::Text | Kind::Number => text.push('?'),
            _ => {
                let word = &sql[token.start..token.end];
                text.push_str(&String::from_utf8_lossy(&word[..word.len().min(limit)]));
            }
        }
        end = token.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(sql: &str) -> String {
        redacted(sql.as_bytes(), &Lexing::default(), 60)
    }

    #[test]
    fn literals_and_comments_stay_out() {
        assert_eq!(redact("SET  @a = 'secret' /* secret */, @b=N'secret', @c=0x736563"), "SET @a = ? , @b=?, @c=?");
        assert_eq!(redact("SELECT GET_LOCK('secret', 10)"), "SELECT GET_LOCK(?, ?)");
        assert_eq!(redact("create temporary table `x y` (a int)"), "create temporary table `x y` (a int)");
        assert_eq!(redact("SELECT 'secret"), "SELECT…");
        assert!(redact(&format!("SELECT {}", "a, ".repeat(100))).len() < 70);
    }
}
