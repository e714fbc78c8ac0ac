//! SQL text, turned into sqlparser's tree, within limits that keep every later walk off the end of the stack.
//!
//! Invariants: no text, however long or nested, overflows the stack: the text, its tokens that can nest, and the depth
//! of recursion are bounded before anything recursive runs (sqlparser's own drop among it).

use super::ExprError;
use sqlparser::ast::Expr;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// The longest text, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// The most tokens that can make a tree deeper: all but names, literals, commas and dots.
const MAX_OPERATORS: usize = 2_000;
/// The deepest nesting of parentheses and of operators that take what follows them.
const MAX_NESTING: usize = 48;

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// Parses `text` as one scalar expression.
pub(super) fn expression(text: &str) -> Result<Expr, ExprError> {
    if text.trim().is_empty() {
        return Err(ExprError::new("expr.syntax", "the expression is empty", None)
            .help("write a condition or a value, such as event_type = 'error'"));
    }
    if text.len() > MAX_TEXT {
        return Err(too_large(format!("the expression is longer than {MAX_TEXT} bytes")));
    }
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(|e| {
        ExprError::new("expr.syntax", lower_first(&e.message), column(text, e.location))
            .help("text stands in single quotes ('it''s'), odd names in double quotes")
    })?;
    check_size(text, &tokens)?;
    let mut parser = Parser::new(&DIALECT).with_recursion_limit(MAX_NESTING + 2).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(|e| from_parser(text, e))?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(expr);
    }
    let at = column(text, next.span.start);
    Err(match next.token {
        Token::SemiColon => {
            ExprError::new("expr.syntax", "an expression has no ';'", at).help("write one expression without ';'")
        }
        token => ExprError::new("expr.syntax", format!("'{token}' is not expected here"), at)
            .help("write one expression; an operator (AND, OR, =, ...) or a comma may be missing before it"),
    })
}

fn too_large(message: String) -> ExprError {
    ExprError::new("expr.depth", message, None).help("compute a part of it in a stream's `set`, and use that name")
}

/// Bounds how deep the parser's tree can be.
fn check_size(text: &str, tokens: &[TokenWithSpan]) -> Result<(), ExprError> {
    let (mut operators, mut open) = (0, 0_usize);
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EOF => continue,
            Token::Word(word) if word.keyword == sqlparser::keywords::Keyword::NoKeyword => continue,
            Token::LParen | Token::LBracket | Token::LBrace => {
                open += 1;
                if open > MAX_NESTING {
                    let mut error = too_large(format!("parentheses are nested deeper than {MAX_NESTING}"));
                    error.column = column(text, span.start);
                    return Err(error);
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            Token::DoubleEq => {
                return Err(ExprError::new("expr.syntax", "'==' is not an operator of SQL", column(text, span.start))
                    .help("write = to compare"));
            }
            _ => {}
        }
        operators += 1;
        if operators > MAX_OPERATORS {
            return Err(too_large(format!("the expression has more than {MAX_OPERATORS} operators and parentheses")));
        }
    }
    Ok(())
}

fn from_parser(text: &str, error: ParserError) -> ExprError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return too_large(format!("the expression is nested deeper than {MAX_NESTING}"));
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    // sqlparser writes the place at the end of its message
    let (message, at) = match message.rsplit_once(" at Line: ") {
        Some((head, place)) => (
            head.to_owned(),
            place.split_once(", Column: ").and_then(|(line, col)| {
                column(text, Location { line: line.trim().parse().ok()?, column: col.trim().parse().ok()? })
            }),
        ),
        None => (message, None),
    };
    let message = message.replace("found: EOF", "found the end");
    ExprError::new("expr.syntax", lower_first(&message), at)
        .help("text stands in single quotes, a field that is named like a word of SQL in double quotes: \"not\"")
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// The place in the whole text, from 1 and in characters, of a line and column; `None` where there is none.
pub(super) fn column(text: &str, at: Location) -> Option<usize> {
    if at.line == 0 {
        return None;
    }
    let before: usize = text.split_inclusive('\n').take(at.line as usize - 1).map(|l| l.chars().count()).sum();
    Some(before + at.column as usize)
}

/// Whether an unquoted `word` is read as the name of a field wherever a field may stand.
pub(super) fn reads_as_name(word: &str) -> bool {
    if sqlparser::keywords::ALL_KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_err() {
        return true;
    }
    let alone = Parser::new(&DIALECT).try_with_sql(word).and_then(|mut parser| parser.parse_expr());
    if !matches!(alone, Ok(Expr::Identifier(_))) {
        return false;
    }
    // sqlparser decides by what follows, so it is asked: each text must read as it does with the word in quotes
    [
        "@ - 1",
        "@.x",
        "@ IS NULL",
        "@ || 'x'",
        "1 + @",
        "CASE @ WHEN @ THEN @ ELSE @ END",
        "CASE WHEN @ THEN @ END",
        "f(@, @)",
    ]
    .iter()
    .all(|text| {
        let read = |name: &str| {
            let mut parser = Parser::new(&DIALECT).try_with_sql(&text.replace('@', name)).ok()?;
            let expr = parser.parse_expr().ok()?;
            (parser.peek_token().token == Token::EOF).then(|| expr.to_string().replace('"', ""))
        };
        let plain = read(word);
        plain.is_some() && plain == read(&format!("\"{word}\""))
    })
}
