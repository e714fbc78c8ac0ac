//! What is odd or wrong about a pattern as a whole: what it keeps for ever, what of it can never match.
//!
//! Invariants: (1) an error is what cannot run as it is written; a warning is what can, and is likely not meant; (2) what
//! is said to never match never does: where that is not certain nothing is said.

use super::tree::{Contiguity, Item, Mode, Of, StepId, Term, Tree, Unit};
use super::walk::{befores, first_of, is_needed, steps_of};
use crate::error::Severity;
use crate::expr::{ExprError, MatchExpr};
use std::collections::BTreeSet;

/// What is known of a pattern beside its tree.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Which matches it has.
    pub mode: Mode,
    /// Its length is limited.
    pub within: bool,
    /// What neighbouring events are less than apart.
    pub gaps: Gaps<'a>,
    /// Partial matches that run out of time are rows.
    pub timed_out: bool,
    /// The step of `to_first(step)` or `to_last(step)`, and whether it is the latter.
    pub skip: Option<(&'a str, bool)>,
    /// The conditions, by step; `None`: any event.
    pub conditions: &'a [Option<MatchExpr>],
}

/// Limits on the time between neighbouring events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gaps<'a> {
    /// None.
    None,
    /// On every gap.
    Every,
    /// On those before the events of these steps.
    Before(Vec<&'a str>),
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The text of the pattern.
    Match,
    /// The condition of a step.
    Condition(StepId),
    /// `skip`
    Skip,
    /// `within_step`, of this step.
    WithinStep(String),
    /// `timed_out`
    TimedOut,
}

/// Something odd or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it can run.
    pub severity: Severity,
    /// Where it stands.
    pub about: About,
    /// What it is; its column is one of the text of [`About::Match`].
    pub error: ExprError,
}

/// Looks at a pattern as a whole.
pub fn lint(tree: &Tree, facts: &Facts<'_>) -> Vec<Finding> {
    let mut lint = Lint { tree, facts, found: Vec::new(), waits: false, endless: false };
    lint.names();
    lint.end();
    lint.sequence(&tree.root, true);
    lint.contradictions(&tree.root, false);
    lint.conditions();
    lint.found
}

struct Lint<'a> {
    tree: &'a Tree,
    facts: &'a Facts<'a>,
    found: Vec<Finding>,
    /// A wait without an end has been told; one is enough.
    waits: bool,
    /// A loop without an end has been told.
    endless: bool,
}

impl Lint<'_> {
    fn say(
        &mut self,
        severity: Severity,
        (about, code, column): (About, &'static str, Option<usize>),
        message: String,
        help: impl Into<String>,
    ) {
        let error = ExprError { code, message, column, help: Some(help.into()) };
        self.found.push(Finding { severity, about, error });
    }

    fn name(&self, step: StepId) -> &str {
        &self.tree.steps[step]
    }

    /// Steps that other settings name.
    fn names(&mut self) {
        let mut takes = BTreeSet::new();
        steps_of(&self.tree.root, &mut takes);
        let facts = self.facts;
        if let Some((step, last)) = facts.skip {
            let about = || (About::Skip, "pattern.skip", None);
            match self.unknown(step, &takes) {
                Some((message, help)) => self.say(Severity::Error, about(), message, help),
                None if self.begins_with(step, last) => {
                    let message =
                        format!("every match begins with {step}, so it leaves all to others: no match is skipped");
                    self.say(Severity::Warning, about(), message, "name a later step, or write skip = \"to_next\"");
                }
                None => {}
            }
        }
        if let Gaps::Before(steps) = &facts.gaps {
            // A negation at the end has a time, too: that behind the last event.
            takes.extend(self.pending());
            for step in steps {
                if let Some((message, help)) = self.unknown(step, &takes) {
                    let about = (About::WithinStep((*step).to_owned()), "pattern.within_step", None);
                    self.say(Severity::Error, about, message, help);
                }
            }
        }
        if facts.timed_out && !facts.within && facts.gaps == Gaps::None {
            let about = (About::TimedOut, "pattern.timed_out", None);
            let message = "nothing runs out of time without within or within_step".to_owned();
            self.say(Severity::Warning, about, message, "add within = \"5m\", or remove it");
        }
    }

    /// Why a name is of no step that takes events, and what to write.
    fn unknown(&self, name: &str, takes: &BTreeSet<StepId>) -> Option<(String, String)> {
        match self.tree.steps.iter().position(|s| s == name) {
            Some(step) if takes.contains(&step) => None,
            found => {
                let known: Vec<&str> = takes.iter().map(|s| self.name(*s)).collect();
                let message = match found {
                    Some(_) => format!("{name} takes no event: it only says what may not come, or where a loop ends"),
                    None => format!("'{name}' is not a step of the pattern"),
                };
                let help = crate::error::suggest(name, known.iter().copied(), "its steps are");
                Some((message, help))
            }
        }
    }

    /// Whether the first event of every match is the first (or, `last`: the last) one of a step.
    fn begins_with(&self, step: &str, last: bool) -> bool {
        let Some(Item { term: Term::Take(unit), .. }) = self.tree.root.first() else { return false };
        let once = unit.times.is_none_or(|t| t.max == Some(1));
        let mut all = BTreeSet::new();
        steps_of(&self.tree.root[1..], &mut all);
        match unit.of {
            Of::Step(first) if self.name(first) == step => {
                !unit.is_optional() && (!last || (once && !all.contains(&first)))
            }
            _ => false,
        }
    }

    /// The steps that must not come before time is up.
    fn pending(&self) -> &[StepId] {
        match self.tree.root.last() {
            Some(Item { follows, term: Term::Not(steps), .. }) if *follows != Contiguity::Strict => steps,
            _ => &[],
        }
    }

    /// A negation at the end.
    fn end(&mut self) {
        let Some(Item { term: Term::Not(steps), place, .. }) = self.tree.root.last() else { return };
        let pending = self.pending();
        let limited = match &self.facts.gaps {
            Gaps::None => false,
            Gaps::Every => true,
            Gaps::Before(limited) => pending.iter().any(|s| limited.contains(&self.name(*s))),
        };
        if pending.is_empty() || self.facts.within || limited {
            return;
        }
        let name = self.name(steps[0]).to_owned();
        self.say(
            Severity::Error,
            (About::Match, "pattern.negation", Some(place.start + 1)),
            format!("that no {name} comes can be said when time is up, and there is no limit"),
            "add within = \"5m\", or within_step for the time after the last event",
        );
    }

    /// Whether the time before an event that begins with `unit` is limited.
    fn limited(&self, unit: &Unit) -> bool {
        match &self.facts.gaps {
            Gaps::Every => true,
            Gaps::None => false,
            Gaps::Before(steps) => {
                let mut first = BTreeSet::new();
                first_of(unit, &mut first);
                first.iter().all(|s| steps.contains(&self.name(*s)))
            }
        }
    }

    /// What is kept for ever.
    fn sequence(&mut self, items: &[Item], whole: bool) {
        if self.facts.within {
            return;
        }
        for (i, item) in items.iter().enumerate() {
            let Term::Take(unit) = &item.term else { continue };
            let begins = whole && i == 0;
            if !begins && item.follows != Contiguity::Strict && !self.limited(unit) {
                self.wait(unit, item);
            }
            self.unit(unit, item);
        }
    }

    fn unit(&mut self, unit: &Unit, item: &Item) {
        if let Some(times) = unit.times {
            if times.max != Some(1) && times.inner != Contiguity::Strict && times.gap.is_none() && !self.limited(unit) {
                self.wait(unit, item);
            } else if times.max.is_none() && !self.endless {
                self.endless = true;
                let message = "the loop has no end, so a match may grow for ever: there is no within".to_owned();
                let about = (About::Match, "pattern.unbounded", Some(item.place.start + 1));
                self.say(
                    Severity::Warning,
                    about,
                    message,
                    "add within = \"5m\", or write how often at most: a{1,100}",
                );
            }
        }
        match &unit.of {
            Of::Step(_) => {}
            Of::Group(items) => self.sequence(items, true),
            Of::Choice(units) => units.iter().for_each(|u| self.unit(u, item)),
            Of::Permute(units) => units.iter().for_each(|u| self.unit(u, item)),
        }
    }

    fn wait(&mut self, unit: &Unit, item: &Item) {
        if std::mem::replace(&mut self.waits, true) {
            return;
        }
        let mut first = BTreeSet::new();
        first_of(unit, &mut first);
        let names: Vec<&str> = first.iter().map(|s| self.name(*s)).collect();
        let message = format!("what waits for {} is kept for ever: there is no within", names.join(" or "));
        let about = (About::Match, "pattern.unbounded", Some(item.place.start + 1));
        self.say(
            Severity::Warning,
            about,
            message,
            "add within = \"5m\" for the whole match, or within_step for the gaps",
        );
    }

    /// What forbids what it asks for; `more`: behind these a match has another event.
    fn contradictions(&mut self, items: &[Item], more: bool) {
        for (i, item) in items.iter().enumerate() {
            let behind = |at: usize| more || items[at..].iter().any(is_needed);
            if let Term::Take(unit) = &item.term {
                self.looped(unit, item, behind(i + 1));
            }
            // how negations go with loops, and with what completes a match, is of the matches of this mode
            let Term::Not(steps) = &item.term else { continue };
            if self.facts.mode != Mode::Sequence {
                continue;
            }
            if let Some(before @ Item { term: Term::Take(unit), .. }) = i.checked_sub(1).and_then(|at| items.get(at)) {
                self.repeated(unit, before, item, steps);
            }
            let Some(next @ Item { term: Term::Take(unit), .. }) = items.get(i + 1) else { continue };
            let (Some(step), false) = (unit.only_step(), unit.is_optional()) else { continue };
            let never = match item.follows {
                Contiguity::Strict => next.follows == Contiguity::Strict,
                // the event that completes a match may be one that is forbidden before it
                _ => unit.takes_several() || behind(i + 2),
            };
            if steps.contains(&step) && never {
                let name = self.name(step);
                let message = format!("{name} cannot come here: !{name} before it forbids it");
                self.never(next, message, "leave the negation out, or use a step with a condition of its own");
            }
        }
    }

    /// A loop, and behind it a negation of its own step, which holds between its events too.
    fn repeated(&mut self, unit: &Unit, loops: &Item, not: &Item, steps: &[StepId]) {
        let (Of::Step(step), Some(times)) = (&unit.of, unit.times) else { return };
        if !steps.contains(step) || not.follows == Contiguity::Strict || times.max == Some(1) {
            return;
        }
        let name = self.name(*step);
        let message = match times.min {
            0 | 1 => format!("the loop takes one event at most: !{name} behind it holds between its events too"),
            _ => format!("the loop cannot match: !{name} behind it holds between its events too"),
        };
        self.never(loops, message, "leave the negation out, or write it with a comma: the next event is none");
    }

    fn looped(&mut self, unit: &Unit, item: &Item, more: bool) {
        if let Some(until) = unit.until
            && unit.times.is_some_and(|t| t.min > 0)
            && unit.needs(until)
        {
            let name = self.name(until).to_owned();
            let message = format!("the loop ends before an event that meets {name}, and needs one");
            self.never(item, message, "write another step behind until");
        }
        match &unit.of {
            Of::Step(_) => {}
            Of::Group(items) => self.contradictions(items, more),
            Of::Choice(units) | Of::Permute(units) => units.iter().for_each(|u| self.looped(u, item, more)),
        }
    }

    fn never(&mut self, item: &Item, message: String, help: &str) {
        self.say(Severity::Warning, (About::Match, "pattern.never", Some(item.place.start + 1)), message, help);
    }

    /// Conditions that never hold.
    fn conditions(&mut self) {
        let mut before = vec![None; self.tree.steps.len()];
        let mut seen = BTreeSet::new();
        befores(&self.tree.root, &mut seen, &mut before);
        for (step, condition) in self.facts.conditions.iter().enumerate() {
            let (Some(condition), Some(before)) = (condition, before.get(step).and_then(Option::as_ref)) else {
                continue;
            };
            let name = self.name(step).to_owned();
            let about = || (About::Condition(step), "pattern.never", None);
            if condition.never_holds(&|_| false) {
                let message = format!("no event is ever a {name}: its condition is FALSE or NULL for all");
                self.say(Severity::Warning, about(), message, "write a condition that some events meet");
                continue;
            }
            // in mode row a call over the step under test sees that event too
            let own = self.facts.mode == Mode::Row;
            let empty = |other: usize| if other == step { !own } else { !before.contains(&other) };
            if !condition.never_holds(&empty) {
                continue;
            }
            let needs: BTreeSet<StepId> = condition.calls.iter().filter_map(|c| c.step).filter(|s| empty(*s)).collect();
            let (message, help) = if needs.contains(&step) {
                (
                    format!(
                        "no event is ever a {name}: its condition asks for an event of {name} before it, and so would that"
                    ),
                    {
                        let own = condition.calls.iter().find(|c| c.step == Some(step)).and_then(|c| c.arg.as_ref());
                        let field = own.map_or_else(|| "field".to_owned(), ToString::to_string);
                        format!(
                            "write {field} for the event under test; that of {name} is of the one before, NULL at first"
                        )
                    },
                )
            } else {
                let names: Vec<&str> = needs.iter().map(|s| self.name(*s)).collect();
                (
                    format!(
                        "no event is ever a {name}: its condition asks for events of {}, which come later",
                        names.join(", ")
                    ),
                    "a condition sees the events before; write this one at the later step".to_owned(),
                )
            };
            self.say(Severity::Warning, about(), message, help);
        }
    }
}
