//! The part of Lucene's query syntax that Open Library's search accepts: words, phrases, fields,
//! groups, `AND`, `OR`, `NOT`, `+`, `-`, backslash escapes. `AND` is the default operator, as Open
//! Library sets it (`q.op=AND`); boosts and slop are read and ignored.

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Term { field: Option<String>, text: String },
}

/// The reason why a query cannot be read. Open Library then searches for its words instead.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum SyntaxError {
    #[error("a parenthesis or quote is not closed")]
    Unclosed,
    #[error("an operator, term or group is missing its operand")]
    Operand,
    #[error("groups are nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

const MAX_DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Field(String),
    Text(String),
}

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Query, SyntaxError> {
    let tokens = tokenize(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
    };
    let query = parser.any(None)?;
    if parser.at < tokens.len() {
        return Err(SyntaxError::Unclosed);
    }
    Ok(query)
}

fn tokenize(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            c if c.is_whitespace() => {
                chars.next();
            }
            '(' => {
                chars.next();
                tokens.push(Token::Open);
            }
            ')' => {
                chars.next();
                skip_modifier(&mut chars);
                tokens.push(Token::Close);
            }
            '+' => {
                chars.next();
            }
            '-' | '!' => {
                chars.next();
                tokens.push(Token::Not);
            }
            '"' => {
                chars.next();
                let mut phrase = String::new();
                loop {
                    match chars.next().ok_or(SyntaxError::Unclosed)? {
                        '"' => break,
                        '\\' => phrase.push(chars.next().ok_or(SyntaxError::Unclosed)?),
                        c => phrase.push(c),
                    }
                }
                skip_modifier(&mut chars);
                tokens.push(Token::Text(phrase));
            }
            _ => tokens.push(word(&mut chars)),
        }
    }
    Ok(tokens)
}

fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Token {
    let mut word = String::new();
    let mut escaped = false;
    while let Some(&c) = chars.peek() {
        match c {
            ':' if !word.is_empty() => {
                chars.next();
                return Token::Field(word);
            }
            '\\' => {
                chars.next();
                escaped = true;
                word.extend(chars.next());
            }
            '^' | '~' => {
                skip_modifier(chars);
                break;
            }
            c if c.is_whitespace() || matches!(c, '(' | ')' | '"') => break,
            c => {
                chars.next();
                word.push(c);
            }
        }
    }
    match word.as_str() {
        "AND" | "&&" if !escaped => Token::And,
        "OR" | "||" if !escaped => Token::Or,
        "NOT" if !escaped => Token::Not,
        _ => Token::Text(word),
    }
}

/// Skips boosts and slop (`^4`, `~2`), which change only the order of results.
fn skip_modifier(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if chars.next_if(|c| matches!(c, '^' | '~')).is_some() {
        while chars.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn eat(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, field: Option<&str>) -> Result<Query, SyntaxError> {
        let mut branches = vec![self.all(field)?];
        while self.eat(&Token::Or) {
            branches.push(self.all(field)?);
        }
        Ok(one_or(branches, Query::Any))
    }

    fn all(&mut self, field: Option<&str>) -> Result<Query, SyntaxError> {
        let mut clauses = vec![self.clause(field)?];
        loop {
            let explicit = self.eat(&Token::And);
            match self.tokens.get(self.at) {
                None | Some(Token::Close | Token::Or) if explicit => {
                    return Err(SyntaxError::Operand);
                }
                None | Some(Token::Close | Token::Or) => break,
                Some(_) => clauses.push(self.clause(field)?),
            }
        }
        Ok(one_or(clauses, Query::All))
    }

    fn clause(&mut self, field: Option<&str>) -> Result<Query, SyntaxError> {
        // `NOT NOT NOT ...` nests as much as parentheses do.
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let token = self.tokens.get(self.at).ok_or(SyntaxError::Operand)?;
        self.at += 1;
        let query = match token {
            Token::Not => Query::Not(Box::new(self.clause(field)?)),
            Token::Open => {
                let group = self.any(field)?;
                if !self.eat(&Token::Close) {
                    return Err(SyntaxError::Unclosed);
                }
                group
            }
            Token::Field(name) => self.clause(Some(name))?,
            Token::Text(text) => Query::Term {
                field: field.map(str::to_owned),
                text: text.clone(),
            },
            Token::And | Token::Or | Token::Close => return Err(SyntaxError::Operand),
        };
        self.depth -= 1;
        Ok(query)
    }
}

fn one_or(mut queries: Vec<Query>, many: fn(Vec<Query>) -> Query) -> Query {
    if queries.len() == 1 {
        queries.remove(0)
    } else {
        many(queries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(field: Option<&str>, text: &str) -> Query {
        Query::Term {
            field: field.map(str::to_owned),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_field_covers_its_whole_group() {
        assert_eq!(
            parse("isbn:(1 OR 2)"),
            Ok(Query::Any(vec![
                term(Some("isbn"), "1"),
                term(Some("isbn"), "2")
            ]))
        );
    }

    #[test]
    fn and_binds_tighter_than_or_and_stands_between_words() {
        assert_eq!(
            parse(r#"(title:"a \"b\"" AND author:c^2) OR d e"#),
            Ok(Query::Any(vec![
                Query::All(vec![
                    term(Some("title"), r#"a "b""#),
                    term(Some("author"), "c")
                ]),
                Query::All(vec![term(None, "d"), term(None, "e")]),
            ]))
        );
    }

    #[test]
    fn escaped_operators_and_slashes_are_text() {
        assert_eq!(
            parse(r"key:(/works/OL1W OR \/works\/OL2W) -\AND"),
            Ok(Query::All(vec![
                Query::Any(vec![
                    term(Some("key"), "/works/OL1W"),
                    term(Some("key"), "/works/OL2W")
                ]),
                Query::Not(Box::new(term(None, "AND"))),
            ]))
        );
    }

    #[test]
    fn broken_queries_are_errors() {
        for broken in ["", "(", "a AND", "OR a", "\"a", "a)", "title:", "()"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert_eq!(parse(&"(".repeat(10_000)), Err(SyntaxError::TooDeep));
        assert_eq!(parse(&"-".repeat(10_000)), Err(SyntaxError::TooDeep));
    }
}
