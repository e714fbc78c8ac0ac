//! The text of a pattern, turned into its words and signs, each with its place.

use super::tree::{Contiguity, Place};
use crate::expr::ExprError;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Letters and digits of ASCII and `_`, no digit first.
    Name(String),
    /// What begins with a digit: a number, or a span of time.
    Number(String),
    /// `,`, `->` or `->>`.
    Follows(Contiguity),
    /// One of `! | ? * + ( ) { } [ ]`.
    Sign(char),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Name(text) | Token::Number(text) => f.write_str(text),
            Token::Follows(follows) => f.write_str(follows.sign()),
            Token::Sign(c) => write!(f, "{c}"),
        }
    }
}

fn wrong(at: usize, message: String, help: &str) -> ExprError {
    ExprError::new("pattern.syntax", message, Some(at + 1)).help(help)
}

/// The tokens of a text; what is none is told and left out.
pub(super) fn tokens(text: &str, errors: &mut Vec<ExprError>) -> Vec<(Token, Place)> {
    let chars: Vec<char> = text.chars().collect();
    let is = |at: usize, wanted: &str| wanted.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        let token = match c {
            c if c.is_whitespace() => continue,
            c if c == '_' || c.is_alphanumeric() => {
                at += chars[at..].iter().take_while(|c| **c == '_' || c.is_alphanumeric()).count();
                if !chars[start..at].iter().all(char::is_ascii) {
                    let message = format!("'{}' is no name of a step", chars[start..at].iter().collect::<String>());
                    errors.push(wrong(start, message, "use the letters a to z and A to Z, digits and _"));
                    continue;
                }
                let word = chars[start..at].iter().collect();
                if c.is_ascii_digit() { Token::Number(word) } else { Token::Name(word) }
            }
            ',' => Token::Follows(Contiguity::Strict),
            '-' if is(start, "->>") => {
                at += 2;
                Token::Follows(Contiguity::Any)
            }
            '-' if is(start, "->") => {
                at += 1;
                Token::Follows(Contiguity::Relaxed)
            }
            '!' | '|' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '[' | ']' => Token::Sign(c),
            other => {
                // an arrow of another language is one mistake, not two
                at += chars[at..].iter().take_while(|c| matches!(c, '>' | '=' | '-' | '&')).count();
                let what: String = chars[start..at].iter().collect();
                errors.push(wrong(
                    start,
                    format!("'{what}' is not known in a pattern"),
                    match other {
                        '-' | '=' | '>' | '~' => "write a -> b for: b follows a, other events are skipped",
                        '.' => "a pattern names steps; their fields stand in conditions: [patterns.name.define]",
                        '&' => "write a, b where one event follows the other; two conditions of one event are one step",
                        ';' => "write -> between steps, or a comma where one is the next event after the other",
                        '\'' | '"' => {
                            "write names of steps without quotes, or a list of event types: [\"view\", \"buy\"]"
                        }
                        _ => "a pattern has names of steps, and , -> ->> ! | ? * + { } [ ] ( )",
                    },
                ));
                continue;
            }
        };
        out.push((token, Place { start, end: at }));
    }
    out
}
