//! One `[patterns]` part, read and checked: its tree, and the expressions over its steps.
//!
//! Out: what the planning needs ([`read`]), and everything that is wrong or odd, each at its place ([`problems`]).

use super::Extensions;
use super::select::problem;
use crate::config::{Located, MatchMode, Matching, PatternConfig, Skip, WithinStep};
use crate::error::{Problem, Severity, suggest};
use crate::expr::{self, MatchExpr, MatchPlace};
use crate::pattern::{self, About, Facts, Finding, Gaps, Mode, Tree};

/// A pattern as its text says it.
#[derive(Debug)]
pub struct PatternParts {
    /// Its steps, and how they follow each other.
    pub tree: Tree,
    /// The condition of each step; `None`: any event.
    pub conditions: Vec<Option<MatchExpr>>,
    /// The selected values, in order.
    pub select: Vec<MatchExpr>,
    /// The key.
    pub key: Option<expr::Tree>,
    /// What names an event.
    pub event_id: expr::Tree,
}

/// Everything that is wrong with a pattern, and what is odd.
pub fn problems(pattern: &PatternConfig, extensions: &Extensions) -> Vec<Problem> {
    read(pattern, extensions).1
}

/// Reads a pattern; `None` where a part of it cannot be read, which is among the problems.
pub fn read(pattern: &PatternConfig, extensions: &Extensions) -> (Option<PatternParts>, Vec<Problem>) {
    let mut check = Check { pattern, extensions, problems: Vec::new() };
    let parts = check.parts();
    (parts, check.problems)
}

struct Check<'a> {
    pattern: &'a PatternConfig,
    extensions: &'a Extensions,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn keep<T>(&mut self, place: &Located<String>, read: Result<T, Vec<expr::ExprError>>) -> Option<T> {
        read.map_err(|errors| self.problems.extend(errors.into_iter().map(|e| problem(place, e)))).ok()
    }

    fn parts(&mut self) -> Option<PatternParts> {
        let pattern = self.pattern;
        let key = pattern.key.as_ref().map(|text| self.scalar(text));
        let event_id = self.scalar(&pattern.event_id);
        let tree = self.tree()?;
        self.unused(&tree);
        let conditions: Vec<Option<Option<MatchExpr>>> =
            tree.steps.iter().enumerate().map(|(i, step)| self.condition(&tree, i, step)).collect();
        let select: Vec<Option<MatchExpr>> =
            pattern.select.iter().map(|(_, text)| self.expression(text, &tree, MatchPlace::Measure)).collect();
        // where a condition is wrong, the others are looked at all the same
        let known: Vec<Option<MatchExpr>> = conditions.iter().map(|c| c.clone().flatten()).collect();
        self.lint(&tree, &known);
        let key = match key {
            Some(key) => Some(key?),
            None => None,
        };
        let (conditions, select) =
            (conditions.into_iter().collect::<Option<_>>()?, select.into_iter().collect::<Option<_>>()?);
        Some(PatternParts { tree, conditions, select, key, event_id: event_id? })
    }

    fn scalar(&mut self, text: &Located<String>) -> Option<expr::Tree> {
        self.keep(text, expr::parse_with(&text.value, &self.extensions.functions))
    }

    fn mode(&self) -> Mode {
        match self.pattern.mode {
            MatchMode::Sequence => Mode::Sequence,
            MatchMode::Row => Mode::Row,
        }
    }

    fn tree(&mut self) -> Option<Tree> {
        match &self.pattern.matching {
            Matching::Text(text) => self.keep(text, pattern::parse(&text.value, self.mode())),
            Matching::Types(types) => {
                let types: Vec<String> = types.iter().map(|ty| ty.value.clone()).collect();
                Some(pattern::simple(&types))
            }
        }
    }

    /// Conditions of steps that the pattern does not have.
    fn unused(&mut self, tree: &Tree) {
        for (name, text) in &self.pattern.define {
            if !tree.steps.contains(name) {
                let help = suggest(name, tree.steps.iter().map(String::as_str), "remove it; its steps are");
                let message = format!("'{name}' is not a step of the pattern");
                self.problems.push(text.problem("pattern.define", message, Some(help)));
            }
        }
    }

    fn expression(&mut self, text: &Located<String>, tree: &Tree, place: MatchPlace<'_>) -> Option<MatchExpr> {
        let row = self.mode() == Mode::Row;
        self.keep(text, expr::parse_match_with(&text.value, &tree.steps, &self.extensions.functions, place, row))
    }

    /// The condition of a step; the outer `None`: it is wrong.
    fn condition(&mut self, tree: &Tree, index: usize, step: &str) -> Option<Option<MatchExpr>> {
        let of = |name: &str| self.pattern.define.iter().find(|(n, _)| n == name);
        // Of a list the condition is the type's, where the step has none of its own.
        let first = match &self.pattern.matching {
            Matching::Types(types) => types.iter().position(|ty| ty.value == types[index].value),
            Matching::Text(_) => None,
        };
        let defined = match of(step).or_else(|| first.and_then(|first| of(&tree.steps[first]))) {
            Some((_, text)) => Some(self.expression(text, tree, MatchPlace::Condition { of: Some(step) })?),
            None => None,
        };
        let Matching::Types(types) = &self.pattern.matching else { return Some(defined) };
        let ty = expr::is_text(&self.pattern.type_field.value, &types[index].value);
        Some(Some(match defined {
            Some(defined) => defined.with(ty),
            None => MatchExpr::plain(ty),
        }))
    }

    /// What is odd or wrong about the whole.
    fn lint(&mut self, tree: &Tree, conditions: &[Option<MatchExpr>]) {
        let pattern = self.pattern;
        let skip = match &pattern.skip.value {
            Skip::ToFirst(step) => Some((step.as_str(), false)),
            Skip::ToLast(step) => Some((step.as_str(), true)),
            _ => None,
        };
        let gaps = match &pattern.within_step {
            WithinStep::None => Gaps::None,
            WithinStep::Every(_) => Gaps::Every,
            WithinStep::Steps(steps) => Gaps::Before(steps.iter().map(|(step, _)| step.as_str()).collect()),
        };
        let within = pattern.within.is_some();
        let facts = Facts { mode: self.mode(), within, gaps, timed_out: pattern.timed_out, skip, conditions };
        for Finding { severity, about, error } in pattern::lint(tree, &facts) {
            let found = match &about {
                About::Match | About::TimedOut => match &pattern.matching {
                    Matching::Text(text) => problem(text, error),
                    Matching::Types(types) => {
                        // an element's place is that of its type
                        let ty = error.column.and_then(|c| types.get(c - 1)).unwrap_or(pattern.matching.place());
                        problem(ty, expr::ExprError { column: None, ..error })
                    }
                },
                About::Condition(step) => match pattern.define.iter().find(|(name, _)| *name == tree.steps[*step]) {
                    Some((_, text)) => problem(text, error),
                    None => problem(pattern.matching.place(), error),
                },
                About::Skip => problem(&pattern.skip, error),
                About::WithinStep(step) => match &pattern.within_step {
                    WithinStep::Steps(steps) => match steps.iter().find(|(name, _)| name == step) {
                        Some((_, span)) => problem(span, error),
                        None => continue,
                    },
                    _ => continue,
                },
            };
            self.problems.push(Problem { severity, ..found });
        }
        self.spans();
    }

    /// Limits on gaps that say nothing beside that on the whole.
    fn spans(&mut self) {
        let Some(within) = &self.pattern.within else { return };
        let gaps = match &self.pattern.within_step {
            WithinStep::None => &[][..],
            WithinStep::Every(span) => std::slice::from_ref(span),
            WithinStep::Steps(steps) => &steps.iter().map(|(_, span)| span.clone()).collect::<Vec<_>>()[..],
        };
        for gap in gaps.iter().filter(|gap| gap.value >= within.value) {
            let message = format!("it limits nothing: the whole match is within {}", within.value);
            let help = "use less than within, or remove it".to_owned();
            let found = gap.problem("pattern.within_step", message, Some(help));
            self.problems.push(Problem { severity: Severity::Warning, ..found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn pattern(keys: &str) -> PatternConfig {
        let text = format!("[sources.e]\ntype = \"stdin\"\n[patterns.p]\nfrom = \"e\"\n{keys}");
        let (config, problems) = config::parse("p.toml", &text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        config.unwrap().patterns.remove(0)
    }

    /// `line severity code message` of each problem.
    fn told(keys: &str) -> Vec<String> {
        let show = |p: &Problem| format!("{} {:?} {} {}", p.line, p.severity, p.code, p.message);
        problems(&pattern(keys), &Extensions::default()).iter().map(show).collect()
    }

    #[test]
    fn a_pattern_that_is_right_becomes_its_parts() {
        let keys = "key = \"user\"\nmatch = \"a -> b+\"\nwithin = \"5m\"\ndefine.b = \"x > a.x\"\nselect = { n = \"count(b)\" }";
        let (parts, problems) = read(&pattern(keys), &Extensions::default());
        assert_eq!(problems, []);
        let parts = parts.unwrap();
        assert_eq!(parts.tree.steps, ["a", "b"]);
        assert!(parts.conditions[0].is_none());
        assert_eq!(parts.conditions[1].as_ref().unwrap().calls.len(), 1);
        assert_eq!((parts.select.len(), parts.event_id.to_string().as_str()), (1, "coalesce(event_id, id)"));
        assert_eq!(parts.key.unwrap().to_string(), "\"user\"");
    }

    #[test]
    fn a_list_of_types_has_the_type_in_its_conditions() {
        let keys = "match = [\"view\", \"odd type\", \"view\"]\ntype_field = \"data.kind\"\nwithin = \"5m\"\n\
                    define = { view_2 = \"x > view.x\" }";
        let parts = read(&pattern(keys), &Extensions::default()).0.unwrap();
        let shown: Vec<String> = parts.conditions.iter().map(|c| c.as_ref().unwrap().tree.to_string()).collect();
        assert_eq!(shown, ["data.kind = 'view'", "data.kind = 'odd type'", "data.kind = 'view' AND x > aggregate_0"]);
        let condition = parts.conditions[2].clone().unwrap();
        let (plain, rest) = condition.split();
        assert_eq!(plain.unwrap().string_conjuncts()[0].1, ["view"]);
        assert_eq!(rest.unwrap().calls[0].step, Some(0));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_its_line() {
        let keys = "key = \"a +\"\nmatch = \"a -> b -> !c\"\nskip = \"to_first(d)\"\nwithin_step = { e = \"1s\" }\n\
                    define.a = \"avg(price) > 1\"\ndefine.f = \"x\"\nselect = { n = \"sum(a.x\", m = \"prev(x)\" }";
        assert_eq!(
            told(keys),
            [
                "5 Error expr.syntax expected: an expression, found the end",
                "10 Error pattern.define 'f' is not a step of the pattern",
                "9 Error expr.step 'price' is a field of the event under test, and avg takes the events of a step (at character 5)",
                "11 Error expr.syntax expected: ), found the end",
                "11 Error expr.step prev is known in mode = \"row\" only (at character 1)",
                "7 Error pattern.skip 'd' is not a step of the pattern",
                "8 Error pattern.within_step 'e' is not a step of the pattern",
                "6 Error pattern.negation that no c comes can be said when time is up, and there is no limit (at character 11)",
                "6 Warning pattern.unbounded what waits for b is kept for ever: there is no within (at character 6)",
            ]
        );
        assert_eq!(told("match = \"a b -> c{0}\"").len(), 2);
    }

    #[test]
    fn what_is_odd_is_a_warning_at_its_place() {
        let keys = "match = \"a -> b\"\nwithin = \"5s\"\nwithin_step = \"5s\"\ndefine.b = \"x = NULL\"";
        assert_eq!(
            told(keys),
            [
                "8 Warning pattern.never no event is ever a b: its condition is FALSE or NULL for all",
                "7 Warning pattern.within_step it limits nothing: the whole match is within 5s",
            ]
        );
        assert_eq!(told("match = \"a -> b\"\nwithin = \"5s\"\nwithin_step = { b = \"4s\" }"), [""; 0]);
        let of_types = &problems(&pattern("match = [\"view\", \"buy\"]"), &Extensions::default())[0];
        assert_eq!(of_types.message, "what waits for buy is kept for ever: there is no within");
        assert_eq!(of_types.text, "patterns.p.match = \"buy\"");
    }
}
