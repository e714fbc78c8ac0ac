//! The text of `match`, turned into a tree; everything that is wrong with it at once.
//!
//! ```text
//! sequence   := item (op item)*               op := ',' | '->' | '->>'
//! item       := '!' name | '!(' name ('|' name)* ')' | choice
//! choice     := unit ('|' unit)*
//! unit       := atom quantifier? ('until' name)?
//! atom       := name | '(' sequence ')' | PERMUTE '(' unit (',' unit)* ')'
//! quantifier := ('?' | '*' | '+' | '{n}' | '{n,}' | '{n,m}' | '{,m}') '?'? inner?
//! inner      := '[' op span? ']'
//! ```
//!
//! Invariants: (1) no text panics or overflows the stack: its length and the nesting are bounded; (2) what is in
//! parentheses alone is the same as without them, so that a tree has one text, which `Display` writes; (3) the first
//! element of the whole and of each group is no negation, nor is the last of a group.
//!
//! Errors: each with its character; after one the reading goes on behind the next `,`, `->` or `->>`.

use super::token::{Token, tokens};
use super::tree::{Contiguity, Item, Mode, Of, Place, Sequence, StepId, Term, Tree, Unit};
use crate::expr::ExprError;

/// The longest text of a pattern, in bytes.
const MAX_TEXT: usize = 16 * 1024;
/// The deepest nesting of parentheses.
pub const MAX_NESTING: usize = 32;
/// The most elements of a PERMUTE: any order of them is one way to match.
const MAX_PERMUTE: usize = 6;
/// The most steps of a pattern.
const MAX_STEPS: usize = 1_000;
/// The most mistakes of one text that are told.
const MAX_ERRORS: usize = 16;

/// Parses a pattern.
///
/// # Errors
/// Everything that is wrong with the text itself; what the steps mean is not looked at.
pub fn parse(text: &str, mode: Mode) -> Result<Tree, Vec<ExprError>> {
    if text.len() > MAX_TEXT {
        return Err(vec![
            ExprError::new("pattern.size", format!("the pattern is longer than {MAX_TEXT} bytes"), None)
                .help("use groups with quantifiers, or several patterns"),
        ]);
    }
    let mut errors = Vec::new();
    let tokens = tokens(text, &mut errors);
    if tokens.is_empty() && errors.is_empty() {
        return Err(vec![
            ExprError::new("pattern.syntax", "the pattern is empty", None)
                .help("write names of steps with -> between them, such as \"view -> buy\""),
        ]);
    }
    // what follows a sign that is not known would be told as a mistake of its own
    if errors.is_empty() {
        let mut parser = Parser { tokens, at: 0, end: text.chars().count(), mode, steps: Vec::new(), errors };
        let root = parser.sequence(Contiguity::Relaxed, 0);
        errors = parser.errors;
        if parser.steps.len() > MAX_STEPS {
            let message = format!("the pattern has {} steps, more than {MAX_STEPS}", parser.steps.len());
            errors.push(
                ExprError::new("pattern.size", message, None).help("use fewer, with quantifiers and alternatives"),
            );
        }
        if errors.is_empty() {
            return Ok(Tree { steps: parser.steps, root });
        }
    }
    errors.truncate(MAX_ERRORS);
    Err(errors)
}

pub(super) struct Parser {
    tokens: Vec<(Token, Place)>,
    pub(super) at: usize,
    /// The number of characters of the text.
    end: usize,
    pub(super) mode: Mode,
    steps: Vec<String>,
    /// Where there is one, no tree is given: what is made after it only serves to find more.
    errors: Vec<ExprError>,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    pub(super) fn is(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    pub(super) fn take(&mut self, sign: char) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    /// Where the next token begins.
    pub(super) fn start(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(_, place)| place.start)
    }

    /// The place from `start` to the token before the next.
    fn since(&self, start: usize) -> Place {
        let end = self.at.checked_sub(1).map_or(start, |last| self.tokens[last].1.end);
        Place { start, end: end.max(start) }
    }

    /// The next token as a message names it.
    pub(super) fn found(&self) -> String {
        self.peek().map_or_else(|| "the end".to_owned(), |token| format!("'{token}'"))
    }

    pub(super) fn wrong(&mut self, code: &'static str, at: usize, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(ExprError::new(code, message, Some(at + 1)).help(help));
    }

    pub(super) fn step(&mut self, name: String) -> StepId {
        self.steps.iter().position(|s| *s == name).unwrap_or_else(|| {
            self.steps.push(name);
            self.steps.len() - 1
        })
    }

    /// Goes on to the next `,`, `->` or `->>` of this group, to its end, or behind everything.
    pub(super) fn recover(&mut self, depth: usize) {
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Follows(_) if open == 0 => return,
                Token::Sign(')') if open == 0 && depth > 0 => return,
                Token::Sign('(' | '{' | '[') => open += 1,
                Token::Sign(')' | '}' | ']') => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Elements up to the end or to a `)`, which stays.
    fn sequence(&mut self, mut follows: Contiguity, depth: usize) -> Sequence {
        let (mut items, mut first) = (Vec::new(), true);
        loop {
            let errors = self.errors.len();
            match self.item(follows, first, depth) {
                Some(item) => items.push(item),
                None => self.recover(depth),
            }
            first = false;
            match self.peek() {
                None => break,
                Some(Token::Sign(')')) if depth > 0 => break,
                Some(Token::Follows(_)) => {}
                Some(_) => {
                    if self.errors.len() == errors {
                        self.behind();
                    }
                    self.recover(depth);
                }
            }
            let Some(Token::Follows(next)) = self.peek() else { break };
            follows = *next;
            self.at += 1;
        }
        if depth > 0
            && self.errors.is_empty()
            && let Some(Item { term: Term::Not(_), place, .. }) = items.last()
        {
            self.wrong(
                "pattern.negation",
                place.start,
                "a group cannot end with a negation",
                "write it behind the group, or behind it what must follow",
            );
        }
        items
    }

    /// Says what is wrong with what stands behind an element.
    fn behind(&mut self) {
        let (at, found) = (self.start(), self.found());
        let (code, message, help) = match self.peek() {
            Some(Token::Name(name)) if name.eq_ignore_ascii_case("until") => {
                ("pattern.until", "only a loop ends before an event".to_owned(), "write a+ until b, or a -> !b -> c")
            }
            Some(Token::Name(_) | Token::Number(_) | Token::Sign('(' | '!')) => (
                "pattern.syntax",
                format!("how {found} follows is not said"),
                "write -> before it, or a comma where it is the next event",
            ),
            Some(Token::Sign(')')) => ("pattern.syntax", "there is no '(' for this ')'".to_owned(), "leave it out"),
            Some(Token::Sign('[')) => (
                "pattern.times",
                "'[' says how repetitions follow each other, and here are none".to_owned(),
                "write it behind a quantifier: a+[,]",
            ),
            Some(Token::Sign('?' | '*' | '+' | '{')) => (
                "pattern.times",
                format!("{found} is one quantifier too many"),
                "write one quantifier, and one more '?' where it is reluctant; (a{2})+ for one of another",
            ),
            _ => ("pattern.syntax", format!("{found} is not expected here"), "write -> or a comma, and a step"),
        };
        self.wrong(code, at, message, help);
    }

    fn item(&mut self, mut follows: Contiguity, first: bool, depth: usize) -> Option<Item> {
        let start = self.start();
        let term = if self.is('!') {
            if first {
                self.wrong(
                    "pattern.negation",
                    start,
                    if depth == 0 {
                        "a pattern cannot begin with a negation"
                    } else {
                        "a group cannot begin with a negation"
                    },
                    "write a step before it: a -> !b -> c",
                );
            }
            if follows == Contiguity::Any {
                follows = Contiguity::Relaxed;
            }
            Term::Not(self.negation()?)
        } else {
            Term::Take(self.choice(follows, depth)?)
        };
        Some(Item { follows, term, place: self.since(start) })
    }

    fn choice(&mut self, follows: Contiguity, depth: usize) -> Option<Unit> {
        let first = self.unit(follows, depth)?;
        if !self.is('|') {
            return Some(first);
        }
        let mut units = Vec::new();
        // alternatives among alternatives are alternatives
        let mut push = |unit: Unit| match unit {
            Unit { of: Of::Choice(more), times: None, until: None } => units.extend(more),
            other => units.push(other),
        };
        push(first);
        while self.take('|') {
            push(self.unit(follows, depth)?);
        }
        Some(Unit { of: Of::Choice(units), times: None, until: None })
    }

    fn unit(&mut self, follows: Contiguity, depth: usize) -> Option<Unit> {
        let start = self.start();
        let mut unit = self.atom(follows, depth)?;
        let times = self.times()?;
        let until = match self.peek() {
            Some(Token::Name(word)) if word.eq_ignore_ascii_case("until") => {
                let at = self.start();
                if times.is_none_or(|t| t.max == Some(1)) {
                    self.wrong(
                        "pattern.until",
                        at,
                        "only a loop ends before an event",
                        "write a+ until b; a -> !b -> c where no b may come in between",
                    );
                }
                self.at += 1;
                let Some(Token::Name(name)) = self.peek() else {
                    let (at, found) = (self.start(), self.found());
                    let message = format!("until takes the name of a step, not {found}");
                    self.wrong("pattern.until", at, message, "write a+ until b, and b's condition in define");
                    return None;
                };
                let name = name.clone();
                self.at += 1;
                Some(self.step(name))
            }
            _ => None,
        };
        if times.is_none() && until.is_none() {
            return Some(unit);
        }
        if unit.times.is_some() || unit.until.is_some() {
            let item = Item { follows, term: Term::Take(unit), place: self.since(start) };
            unit = Unit { of: Of::Group(vec![item]), times: None, until: None };
        }
        Some(Unit { of: unit.of, times, until })
    }

    fn atom(&mut self, follows: Contiguity, depth: usize) -> Option<Unit> {
        let at = self.start();
        let of = |of| Some(Unit { of, times: None, until: None });
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                if self.is('(') && name.eq_ignore_ascii_case("permute") {
                    return of(Of::Permute(self.permute(at, depth)?));
                }
                if self.is('(') {
                    self.wrong(
                        "pattern.syntax",
                        self.start(),
                        format!("'{name}' takes nothing in parentheses"),
                        "write -> before a group; conditions stand in [patterns.name.define]",
                    );
                    return None;
                }
                of(Of::Step(self.step(name)))
            }
            Some(Token::Sign('(')) => {
                self.at += 1;
                self.deeper(at, depth)?;
                let mut items = self.sequence(follows, depth + 1);
                self.close(at);
                match items.as_mut_slice() {
                    // parentheses round one element
                    [Item { term: Term::Take(_), .. }] => match items.pop() {
                        Some(Item { term: Term::Take(unit), .. }) => Some(unit),
                        _ => None,
                    },
                    _ => of(Of::Group(items)),
                }
            }
            Some(Token::Number(text)) => {
                let (message, help) = (format!("'{text}' is no name of a step"), format!("write _{text}, or another"));
                self.wrong("pattern.syntax", at, message, help);
                None
            }
            Some(Token::Sign('!')) => {
                self.wrong(
                    "pattern.negation",
                    at,
                    "a negation takes no event: it is no alternative and nothing to repeat",
                    "write it between two steps: a -> !b -> c",
                );
                None
            }
            Some(Token::Sign('?' | '*' | '+' | '{' | '[')) => {
                let message = format!("there is nothing that {} could repeat", self.found());
                self.wrong("pattern.times", at, message, "write a quantifier behind a step or a group");
                None
            }
            _ => {
                let before =
                    if self.at == 0 { String::new() } else { format!(" behind '{}'", self.tokens[self.at - 1].0) };
                let message = match self.peek() {
                    None => format!("a step is missing{before}"),
                    Some(token) => format!("a step is missing before '{token}'"),
                };
                self.wrong("pattern.syntax", at, message, "write a step's name, or leave the sign out");
                None
            }
        }
    }

    fn deeper(&mut self, at: usize, depth: usize) -> Option<()> {
        if depth < MAX_NESTING {
            return Some(());
        }
        let message = format!("parentheses are nested deeper than {MAX_NESTING}");
        self.wrong("pattern.size", at, message, "write it with fewer groups");
        // what is inside is not looked at
        self.at = self.tokens.len();
        None
    }

    /// The `)` of the `(` at `open`.
    fn close(&mut self, open: usize) {
        if !self.take(')') {
            const MISSING: &str = "a ')' is missing for this '('";
            // a text that is cut off has no end of any of its groups: the innermost says so
            if !self.errors.iter().any(|e| e.code == "pattern.size" || e.message == MISSING) {
                self.wrong("pattern.syntax", open, MISSING, "write it where the group ends");
            }
        }
    }

    fn permute(&mut self, at: usize, depth: usize) -> Option<Vec<Unit>> {
        if self.mode != Mode::Row {
            self.wrong(
                "pattern.syntax",
                at,
                "PERMUTE is known in mode = \"row\" only",
                "write mode = \"row\", or the orders as alternatives: (a, b) | (b, a)",
            );
        }
        let open = self.start();
        self.at += 1;
        self.deeper(open, depth)?;
        let mut units = Vec::new();
        loop {
            match self.unit(Contiguity::Strict, depth + 1) {
                Some(unit) => units.push(unit),
                None => self.recover(depth + 1),
            }
            match self.peek() {
                Some(Token::Follows(Contiguity::Strict)) => self.at += 1,
                Some(Token::Sign(')')) | None => break,
                Some(_) => {
                    let (at, found) = (self.start(), self.found());
                    let message = format!("PERMUTE takes elements with commas between them, not {found}");
                    self.wrong("pattern.syntax", at, message, "write PERMUTE(a, b), and a group in parentheses");
                    self.at += 1;
                    self.recover(depth + 1);
                    if let Some(Token::Follows(_)) = self.peek() {
                        self.at += 1;
                    }
                }
            }
        }
        self.close(open);
        if units.len() > MAX_PERMUTE {
            let message = format!("PERMUTE takes at most {MAX_PERMUTE} elements, not {}", units.len());
            self.wrong("pattern.size", at, message, "permute fewer");
        }
        Some(units)
    }
}
