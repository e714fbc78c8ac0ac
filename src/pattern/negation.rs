//! Negations: the steps of which no event may come.

use super::syntax::Parser;
use super::token::Token;
use super::tree::StepId;

impl Parser {
    /// `!a`, `!(a | b)`
    pub(super) fn negation(&mut self) -> Option<Vec<StepId>> {
        self.at += 1;
        let mut steps = Vec::new();
        if self.take('(') {
            loop {
                let Some(step) = self.negated("a negation takes names of steps") else {
                    self.skip_group();
                    return None;
                };
                if !steps.contains(&step) {
                    steps.push(step);
                }
                if self.take(')') {
                    break;
                }
                if !self.take('|') {
                    let (at, found) = (self.start(), self.found());
                    self.wrong(
                        "pattern.negation",
                        at,
                        format!("a negation takes names of steps with | between them, not {found}"),
                        "write !(a | b); what may not happen one after the other cannot be said",
                    );
                    self.skip_group();
                    return None;
                }
            }
        } else {
            steps.push(self.negated("'!' takes the name of a step")?);
        }
        let at = self.start();
        match self.peek() {
            Some(Token::Sign('?' | '*' | '+' | '{' | '[')) => {
                self.wrong(
                    "pattern.negation",
                    at,
                    "a negation cannot be quantified",
                    "leave the quantifier out: !a forbids every a",
                );
                None
            }
            Some(Token::Sign('|')) => {
                self.wrong(
                    "pattern.negation",
                    at,
                    "a negation is no alternative",
                    "write !(a | b) for neither a nor b",
                );
                None
            }
            _ => Some(steps),
        }
    }

    /// Goes on behind the `)` of the group that is open.
    fn skip_group(&mut self) {
        while self.peek().is_some() && !self.is(')') {
            self.recover(1);
            if matches!(self.peek(), Some(Token::Follows(_))) {
                self.at += 1;
            }
        }
        self.take(')');
    }

    fn negated(&mut self, what: &str) -> Option<StepId> {
        match self.peek() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Some(self.step(name))
            }
            _ => {
                let (at, found) = (self.start(), self.found());
                self.wrong("pattern.negation", at, format!("{what}, not {found}"), "write !a or !(a | b)");
                None
            }
        }
    }
}
