//! Quantifiers: how often, and how the repetitions follow each other.

use super::syntax::Parser;
use super::token::Token;
use super::tree::{Contiguity, Times};
use crate::time::{Span, parse_span};

/// The greatest number in a quantifier.
pub const MAX_TIMES: u32 = 1_000;

impl Parser {
    /// A quantifier, where there is one. The outer `None`: it is wrong.
    pub(super) fn times(&mut self) -> Option<Option<Times>> {
        let at = self.start();
        let (min, max) = match self.peek() {
            Some(Token::Sign('?')) => (0, Some(1)),
            Some(Token::Sign('*')) => (0, None),
            Some(Token::Sign('+')) => (1, None),
            Some(Token::Sign('{')) => self.braces(at)?,
            _ => return Some(None),
        };
        self.at += 1;
        let greedy = !self.take('?');
        let inner = if self.is('[') { Some(self.inner()?) } else { None };
        let unsaid = if max == Some(1) { Contiguity::Relaxed } else { self.mode.inner() };
        let (inner, gap) = inner.unwrap_or((unsaid, None));
        Some(Some(Times { min, max, greedy, inner, gap }))
    }

    /// What stands between `{` and `}`, the latter not taken.
    fn braces(&mut self, at: usize) -> Option<(u32, Option<u32>)> {
        self.at += 1;
        let least = self.number()?;
        let (min, max) = if let Some(Token::Follows(Contiguity::Strict)) = self.peek() {
            self.at += 1;
            let most = self.number()?;
            (least.unwrap_or(0), most)
        } else {
            (least.unwrap_or(0), least)
        };
        let (message, help) = if !self.is('}') || (least, max) == (None, None) {
            ("a quantifier in braces has one or two whole numbers", "write {2}, {2,}, {2,4} or {,4}".to_owned())
        } else if max == Some(0) {
            ("no times at all takes no event", "leave the step out, or write !a where no a may come".to_owned())
        } else if let Some(most) = max.filter(|most| *most < min) {
            ("the greatest number of times is less than the least", format!("write {{{most},{min}}}"))
        } else {
            return Some((min, max));
        };
        self.wrong("pattern.times", at, message, help);
        None
    }

    /// A number in braces, where there is one. The outer `None`: it is too large.
    fn number(&mut self) -> Option<Option<u32>> {
        let Some(Token::Number(digits)) = self.peek() else { return Some(None) };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(None);
        }
        let (at, number) = (self.start(), digits.parse().ok().filter(|n| *n <= MAX_TIMES));
        self.at += 1;
        if number.is_none() {
            let message = format!("a quantifier counts to at most {MAX_TIMES}");
            self.wrong("pattern.times", at, message, "write {n,} for no limit, and a condition on count(a) in define");
            return None;
        }
        Some(number)
    }

    /// `[->]`, `[-> 3s]`
    fn inner(&mut self) -> Option<(Contiguity, Option<i64>)> {
        let open = self.start();
        self.at += 1;
        let Some(Token::Follows(inner)) = self.peek() else {
            return self.no_inner(open);
        };
        let inner = *inner;
        self.at += 1;
        let gap = match self.peek() {
            Some(Token::Number(text)) => {
                let (at, read) = (self.start(), parse_span(text));
                self.at += 1;
                match read {
                    Ok(Span(gap)) if gap > 0 => Some(gap),
                    Ok(_) => {
                        let message = "repetitions that are less than no time apart are none";
                        self.wrong("pattern.times", at, message, "write a span, such as [-> 3s]");
                        return None;
                    }
                    Err(message) => {
                        self.wrong("pattern.times", at, message, "write [-> 3s]");
                        return None;
                    }
                }
            }
            _ => None,
        };
        if !self.take(']') {
            return self.no_inner(open);
        }
        Some((inner, gap))
    }

    fn no_inner<T>(&mut self, open: usize) -> Option<T> {
        self.wrong(
            "pattern.times",
            open,
            "brackets take how repetitions follow each other, and how far apart they may be",
            "write [,], [->], [->>] or [-> 3s]",
        );
        None
    }
}
