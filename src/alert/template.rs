//! A text with `{names}` in it, and what the names stand for, into a text.
//!
//! ```text
//! {service}: {errors} errors, {share:.1} % in {window}
//! ```
//!
//! `{name}` stands for a value, `{name:.2}` for a number with so many decimals, `{{` and `}}` for a brace. Spaces inside of
//! the braces do not count. A name is all up to the `:` or `}`, so `{data.page}` and `{95th}` are names too. Which names
//! there are is the caller's to say: [`Template::slots`] gives those of a template with their places.
//!
//! What a value looks like: text as it is, numbers as in JSON, moments in RFC 3339, objects and lists as their JSON text, and
//! what is missing as `NULL`. What stands for a name is not looked at again.

use crate::event::OwnedValue;
use crate::time::{EventTime, format_rfc3339};

/// The most decimals that can be asked for.
const MOST_DECIMALS: usize = 15;

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where in the text: the character, from 1.
    pub column: usize,
    /// What to write instead.
    pub help: String,
}

/// A name in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The name.
    pub name: String,
    /// How many decimals a number is given; `None`: as it is.
    pub decimals: Option<usize>,
    /// Where its brace stands in the text: the character, from 1.
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

/// A text with names in it. Cost: rendering allocates the text that it gives, and looks up each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first brace that is wrong.
    pub fn parse(text: &str) -> Result<Self, TemplateProblem> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '{' | '}' if chars.next_if(|(_, next)| *next == c).is_some() => plain.push(c),
                '{' => {
                    let mut inner = String::new();
                    let closed = loop {
                        match chars.next() {
                            Some((_, '}')) => break true,
                            Some((_, '{')) | None => break false,
                            Some((_, c)) => inner.push(c),
                        }
                    };
                    if !closed {
                        return Err(problem("'{' is not closed by '}'", at));
                    }
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Slot(slot(&inner, at)?));
                }
                '}' => return Err(problem("'}' closes nothing", at)),
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// A text without names.
    pub fn plain(text: &str) -> Self {
        Self { pieces: if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] } }
    }

    /// Its names, in the order of the text.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Text(_) => None,
        })
    }

    /// The name that is all of the template, so that its value can stand for itself instead of as text.
    pub fn only(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Slot(Slot { name, decimals: None, .. })] => Some(name),
            _ => None,
        }
    }

    /// The text, with what `find` gives for each name.
    pub fn render(&self, find: &dyn Fn(&str) -> Option<OwnedValue>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(slot) => write(&find(&slot.name).unwrap_or_default(), slot.decimals, &mut out),
            }
        }
        out
    }
}

fn problem(message: &str, at: usize) -> TemplateProblem {
    let help = "write {name} for a value, and {{ or }} for a brace".to_owned();
    TemplateProblem { message: message.to_owned(), column: at + 1, help }
}

/// What stands between braces; `at`: where the first one is.
fn slot(inner: &str, at: usize) -> Result<Slot, TemplateProblem> {
    let (name, form) = match inner.split_once(':') {
        Some((name, form)) => (name.trim(), Some(form.trim())),
        None => (inner.trim(), None),
    };
    if name.is_empty() {
        return Err(problem("there is no name between '{' and '}'", at));
    }
    let decimals = match form {
        None => None,
        Some(form) => {
            let digits = form.strip_prefix('.').and_then(|digits| digits.parse().ok());
            let fits = digits.filter(|n| *n <= MOST_DECIMALS);
            if fits.is_none() {
                let help = format!("write {{{name}:.2}} for two decimals, at most {MOST_DECIMALS}");
                let message = format!("'{form}' is not a number of decimals");
                return Err(TemplateProblem { message, column: at + 1, help });
            }
            fits
        }
    };
    Ok(Slot { name: name.to_owned(), decimals, column: at + 1 })
}

/// Appends a value as people read it.
fn write(value: &OwnedValue, decimals: Option<usize>, out: &mut String) {
    match (value, decimals) {
        (OwnedValue::Null, _) => out.push_str("NULL"),
        (OwnedValue::Bool(v), _) => out.push_str(if *v { "true" } else { "false" }),
        (OwnedValue::Int(v), Some(places)) => out.push_str(&format!("{:.places$}", *v as f64)),
        (OwnedValue::Float(v), Some(places)) => out.push_str(&format!("{v:.places$}")),
        (OwnedValue::Int(v), None) => out.push_str(itoa::Buffer::new().format(*v)),
        (OwnedValue::Float(v), None) => out.push_str(zmij::Buffer::new().format(*v)),
        (OwnedValue::Time(us), _) => out.push_str(&format_rfc3339(EventTime(*us))),
        (OwnedValue::Text(text) | OwnedValue::Json(text), _) => out.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<OwnedValue> {
        Some(match name {
            "service" => "api".into(),
            "errors" => 7.into(),
            "share" => 12.3456.into(),
            "at" => OwnedValue::Time(1_767_614_400_000_000),
            "tags" => OwnedValue::Json("{\"a\":1}".into()),
            "ok" => true.into(),
            "brace" => "{errors}".into(),
            "data.page" => "/".into(),
            _ => return None,
        })
    }

    #[test]
    fn names_give_way_to_values_and_braces_stay() {
        for (text, shown) in [
            ("", ""),
            ("{service}: {errors} errors", "api: 7 errors"),
            ("{ share : .1 }% {share} {share:.0} {errors:.2}", "12.3% 12.3456 12 7.00"),
            ("{at} {tags} {ok} {nothing}", "2026-01-05T12:00:00Z {\"a\":1} true NULL"),
            ("{{errors}} {{{errors}}} {brace}", "{errors} {7} {errors}"),
            ("ä{data.page}ö", "ä/ö"),
        ] {
            assert_eq!(Template::parse(text).unwrap().render(&find), shown, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_column() {
        for (text, message, column) in [
            ("ab {name", "'{' is not closed by '}'", 4),
            ("ä {a{b}", "'{' is not closed by '}'", 3),
            ("a } b", "'}' closes nothing", 3),
            ("{}", "there is no name between '{' and '}'", 1),
            ("x { : .2}", "there is no name between '{' and '}'", 3),
            ("{a:2}", "'2' is not a number of decimals", 1),
            ("{a:.x}", "'.x' is not a number of decimals", 1),
            ("{a:.99}", "'.99' is not a number of decimals", 1),
        ] {
            let problem = Template::parse(text).unwrap_err();
            assert_eq!((&*problem.message, problem.column), (message, column), "{text}");
            assert!(problem.help.starts_with("write {"), "{}", problem.help);
        }
    }

    #[test]
    fn names_come_with_their_places_and_one_alone_is_known() {
        let template = Template::parse("é {a} and {b.c:.3}").unwrap();
        let slots: Vec<_> = template.slots().map(|slot| (slot.name.as_str(), slot.decimals, slot.column)).collect();
        assert_eq!(slots, [("a", None, 3), ("b.c", Some(3), 11)]);
        assert_eq!(template.only(), None);
        assert_eq!(Template::parse("{a}").unwrap().only(), Some("a"));
        assert_eq!(Template::parse("{a:.2}").unwrap().only(), None);
        assert_eq!(Template::plain("{a}").render(&find), "{a}");
    }
}
