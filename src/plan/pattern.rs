//! Patterns, planned: those that look at the same events by the same key are one group, which is one road from each
//! source, one exchange and one operator, however many they are.
//!
//! Of a condition the part that looks at the event alone is worked out where the event comes in, once for all patterns
//! that have it: the event is sent with a mark for each that it meets. What looks at the match so far is worked out
//! behind the exchange, over the columns that come with the event.

use super::building::{Building, Built, Local, Names};
use super::{Extensions, Head, PatternParts, pattern_check};
use crate::config::{self, Config, Located, MatchMode, Matching, PatternConfig, WithinStep};
use crate::error::{Problem, Severity};
use crate::event::FieldPath;
use crate::expr::{self, MatchExpr, Program, StepCall, StepFunction, Tree};
use crate::pattern::{self, Automaton, Call, Events, Expression, Function, Rules, Shown, Skip, StepGaps};
use crate::result::{RowKind, RowSchema};
use std::collections::{BTreeMap, BTreeSet};

/// Of how many texts a field is asked for, at least, where it is looked at once for all conditions.
const FEW_TEXTS: usize = 8;
/// What names an event where the file does not say.
const EVENT_ID: &str = "coalesce(event_id, id)";
/// The most steps of a pattern.
const MOST_STEPS: usize = 64;

/// Patterns that look at the same events by the same key.
#[derive(Debug)]
pub struct PatternGroup {
    /// The streams and sources they read, by name.
    pub from: Vec<String>,
    /// The key as text; none where all events are one sequence.
    pub key: Option<String>,
    /// Conditions that are worked out where the events come in, as text.
    pub marks: Vec<String>,
    /// The columns that come with an event, as text.
    pub columns: Vec<String>,
    /// The roads on which events reach them, from sources.
    pub inputs: Vec<PatternInput>,
    /// The patterns, in file order.
    pub patterns: Vec<PatternPlan>,
}

impl PatternGroup {
    /// How many times 64 marks an event comes with.
    pub fn words(&self) -> usize {
        self.marks.len().div_ceil(64).max(1)
    }
}

/// The conditions that are worked out where events come in.
#[derive(Debug, Clone)]
pub struct Marks {
    /// One for each mark.
    pub conditions: Vec<Program>,
    /// Marks whose conditions are looked at for every event.
    pub free: Vec<usize>,
    /// Columns, and texts with the marks that only events with that text in the column can have.
    pub by_text: Vec<(usize, Vec<(String, usize)>)>,
}

/// A road on which events reach a group of patterns.
#[derive(Debug)]
pub struct PatternInput {
    /// Where it begins.
    pub from: Head,
    /// The selection of the source's steps that they take.
    pub selection: usize,
    /// The column of the key.
    pub key: Option<usize>,
    /// The conditions of the marks.
    pub marks: Marks,
    /// The columns that come with an event.
    pub columns: Vec<usize>,
    /// The one of these that is the whole event.
    pub full: Option<usize>,
    /// As of a [`Feed`](super::Feed).
    pub road: Vec<usize>,
}

/// A pattern.
#[derive(Debug)]
pub struct PatternPlan {
    /// Its name.
    pub name: String,
    /// The pattern as text.
    pub text: String,
    /// What the matcher goes by.
    pub rules: Rules,
    /// For each step its mark among the group's; none where any event meets what it asks of the event alone.
    pub marks: Vec<Option<usize>>,
    /// For each step what of its condition looks at the match so far.
    pub conditions: Vec<Option<Expression>>,
    /// How its matches are shown.
    pub shown: Shown,
    /// Microseconds.
    pub lateness: i64,
    /// Step names and conditions, for `explain`.
    pub define: Vec<(String, String)>,
    /// Value names and expressions, for `explain`.
    pub select: Vec<(String, String)>,
}

impl PatternPlan {
    /// True where events that meet none of its conditions matter to it.
    pub fn sees_all(&self) -> bool {
        self.rules.automaton.sees_all() || self.marks.iter().any(Option::is_none)
    }

    /// The marks it looks at.
    pub fn looks(&self, group: &PatternGroup) -> Vec<u64> {
        let mut words = vec![0; group.words()];
        if self.sees_all() {
            words.fill(u64::MAX);
        }
        self.marks.iter().flatten().for_each(|mark| words[mark / 64] |= 1 << (mark % 64));
        words
    }
}

/// What the rows of a pattern look like.
pub(super) fn schema(pattern: &PatternConfig, tick: i64) -> RowSchema {
    let own = |name: &str, present: bool| present.then(|| name.to_owned());
    let values = pattern.select.iter().map(|(name, _)| name.clone());
    RowSchema {
        name: pattern.name.clone(),
        dimensions: own("key", pattern.key.is_some()).into_iter().collect(),
        values: values
            .chain(own("timed_out", pattern.timed_out))
            .chain(own("events", pattern.events != config::Events::None))
            .collect(),
        capped: false,
        early: false,
        kind: RowKind::Match,
        keep: 2 * tick + pattern.allowed_lateness.0 + pattern.within.as_ref().map_or(0, |within| within.value.0),
    }
}

/// A group, with what each road to it computes.
pub(super) struct Draft<'a> {
    from: &'a [Located<String>],
    key: Option<Tree>,
    marks: Distinct,
    columns: Distinct,
    /// Whole events come as well, as the last column.
    full: bool,
    pub(super) group: PatternGroup,
}

/// A pattern whose columns are known to the group, and which is not compiled yet.
struct Open<'a> {
    config: &'a PatternConfig,
    tree: pattern::Tree,
    automaton: Automaton,
    marks: Vec<Option<usize>>,
    rest: Vec<Option<MatchExpr>>,
    select: Vec<MatchExpr>,
    event_id: Tree,
    define: Vec<(String, String)>,
}

/// The groups of all patterns that are right; problems of the others are found by
/// [`pattern_check`](super::pattern_check).
pub(super) fn groups<'a>(
    (config, extensions): (&'a Config, &Extensions),
    problems: &mut Vec<Problem>,
) -> Vec<Draft<'a>> {
    let mut drafts: Vec<(Draft<'a>, Vec<(u32, Open<'a>)>)> = Vec::new();
    for (i, pattern) in config.patterns.iter().enumerate() {
        let part = (config.windows.len() + i) as u32;
        let from: Vec<&str> = pattern.from.iter().map(|f| f.value.as_str()).collect();
        let key = pattern.key.as_ref().map(|key| key.value.as_str());
        let (parts, found) = pattern_check::read(pattern, extensions);
        let wrong = found.iter().any(|p| p.severity == Severity::Error);
        problems.extend(found);
        let Some(parts) = parts.filter(|_| !wrong) else { continue };
        let same = |d: &Draft<'_>| d.group.from == from && d.group.key.as_deref() == key;
        let at = match drafts.iter().position(|(draft, _)| same(draft)) {
            Some(at) => at,
            None => {
                let key = parts.key.clone();
                let group = PatternGroup {
                    from: from.iter().map(|f| (*f).to_owned()).collect(),
                    key: pattern.key.as_ref().map(|key| key.value.clone()),
                    marks: Vec::new(),
                    columns: Vec::new(),
                    inputs: Vec::new(),
                    patterns: Vec::new(),
                };
                let mut columns = Distinct::default();
                key.iter().for_each(|key| {
                    columns.place(key.clone());
                });
                let draft = Draft { from: &pattern.from, key, marks: Distinct::default(), columns, full: false, group };
                drafts.push((draft, Vec::new()));
                drafts.len() - 1
            }
        };
        let (draft, open) = &mut drafts[at];
        if let Some(pattern) = draft.open(pattern, parts, problems) {
            open.push((part, pattern));
        }
    }
    drafts
        .into_iter()
        .map(|(mut draft, open)| {
            for (part, pattern) in open {
                let plan = draft.close(part, pattern);
                draft.group.patterns.push(plan);
            }
            (draft.group.marks, draft.group.columns) = (draft.marks.texts(), draft.columns.texts());
            draft.group.columns.extend(draft.full.then(|| "the whole event".to_owned()));
            draft
        })
        .filter(|draft| !draft.group.patterns.is_empty())
        .collect()
}

impl Draft<'_> {
    /// Columns of an event, once they are all known.
    fn width(&self) -> usize {
        self.columns.trees.len() + usize::from(self.full)
    }

    /// The number of a column, which is new where there is none like it.
    fn column(&mut self, tree: Tree) -> usize {
        self.columns.place(tree)
    }

    fn open<'a>(
        &mut self,
        config: &'a PatternConfig,
        parts: PatternParts,
        problems: &mut Vec<Problem>,
    ) -> Option<Open<'a>> {
        let PatternParts { tree, conditions, select, event_id, .. } = parts;
        let place_of = config.matching.place();
        if tree.steps.len() > MOST_STEPS {
            problems.push(place_of.problem(
                "pattern.steps",
                format!("the pattern has {} steps", tree.steps.len()),
                Some(format!("a pattern may have {MOST_STEPS} different ones")),
            ));
            return None;
        }
        let step = |name: &str| tree.steps.iter().position(|s| s == name);
        let mode = if config.mode == MatchMode::Row { pattern::Mode::Row } else { pattern::Mode::Sequence };
        let gaps = match &config.within_step {
            WithinStep::None => StepGaps::None,
            WithinStep::Every(span) => StepGaps::Every(span.value.0),
            WithinStep::Steps(list) => {
                StepGaps::Steps(list.iter().filter_map(|(name, span)| Some((step(name)?, span.value.0))).collect())
            }
        };
        let Ok(automaton) = Automaton::new(&tree, &gaps, mode) else {
            problems.push(place_of.problem(
                "pattern.size",
                "the pattern is too large when its repetitions are written out",
                Some("use smaller numbers in {n,m}, or nest fewer of them".into()),
            ));
            return None;
        };
        let (mut marks, mut rest, mut define) = (Vec::new(), Vec::new(), Vec::new());
        for (name, condition) in tree.steps.iter().zip(conditions) {
            let text =
                condition.as_ref().map_or_else(|| "any event".to_owned(), |c| shown(&c.tree, &c.calls, &tree.steps));
            define.push((name.clone(), text));
            let (plain, looks) = condition.map_or((None, None), MatchExpr::split);
            marks.push(plain.map(|plain| self.marks.place(plain)));
            if let Some(of) = &looks {
                self.columns_of(of);
            }
            rest.push(looks);
        }
        for of in &select {
            self.columns_of(of);
        }
        let prev = |of: &MatchExpr| of.calls.iter().any(|c| c.call == StepFunction::Prev);
        if rest.iter().flatten().chain(&select).any(prev) {
            problems.push(place_of.problem(
                "config.planned",
                "prev is planned but not in this version",
                Some("compare with last(x.f) of a step that takes the event before".into()),
            ));
            return None;
        }
        if config.events == config::Events::Ids {
            self.column(event_id.clone());
        }
        self.full |= config.events == config::Events::Full;
        Some(Open { config, tree, automaton, marks, rest, select, event_id, define })
    }

    /// Makes columns of what an expression reads of events.
    fn columns_of(&mut self, of: &MatchExpr) {
        for path in of.tree.paths() {
            self.column(expr::field(&path));
        }
        for tree in of.calls.iter().filter_map(|call| call.arg.clone()) {
            self.column(tree);
        }
    }

    fn expression(&mut self, of: &MatchExpr) -> Expression {
        let calls = of.calls.iter().map(|call| Call {
            function: match call.call {
                StepFunction::Count => Function::Count,
                StepFunction::Sum => Function::Sum,
                StepFunction::Avg => Function::Avg,
                StepFunction::Min => Function::Min,
                StepFunction::Max => Function::Max,
                StepFunction::First => Function::First,
                StepFunction::Last => Function::Last,
                StepFunction::Collect => Function::Collect,
                StepFunction::MatchStart => Function::MatchStart,
                StepFunction::MatchEnd | StepFunction::Prev => Function::MatchEnd,
            },
            step: call.step,
            column: call.arg.clone().map(|arg| self.column(arg)),
            offset: call.offset,
        });
        let calls: Vec<Call> = calls.collect();
        let width = self.width();
        let program = expr::compile_match(&of.tree, &mut |path| self.column(expr::field(path)), &|call| width + call);
        Expression { program, calls }
    }

    fn close(&mut self, part: u32, open: Open<'_>) -> PatternPlan {
        let Open { config, tree, automaton, marks, rest, select, event_id, define } = open;
        let step = |name: &str| tree.steps.iter().position(|s| s == name);
        let or_no = |skip: Option<Skip>| skip.unwrap_or(Skip::No);
        let skip = match &config.skip.value {
            config::Skip::PastLast => Skip::PastLast,
            config::Skip::NoSkip => Skip::No,
            config::Skip::ToNext => Skip::ToNext,
            config::Skip::ToFirst(name) => or_no(step(name).map(Skip::ToFirst)),
            config::Skip::ToLast(name) => or_no(step(name).map(Skip::ToLast)),
        };
        let conditions: Vec<Option<Expression>> =
            rest.iter().map(|of| of.as_ref().map(|of| self.expression(of))).collect();
        let shown_select = select.iter().map(|of| self.expression(of)).collect();
        let event = match config.events {
            config::Events::Ids => Some(self.column(event_id)),
            config::Events::Full => Some(self.columns.trees.len()),
            config::Events::None => None,
        };
        PatternPlan {
            name: config.name.clone(),
            text: match &config.matching {
                Matching::Text(text) => text.value.clone(),
                Matching::Types(_) => tree.to_string(),
            },
            rules: Rules {
                automaton,
                within: config.within.as_ref().map(|span| span.value.0),
                skip,
                preferred: config.mode == MatchMode::Row,
                timed_out: config.timed_out,
                most: usize::try_from(config.max_partial_matches).unwrap_or(usize::MAX),
                looks_back: conditions.iter().map(Option::is_some).collect(),
            },
            marks,
            conditions,
            shown: Shown {
                part,
                steps: tree.steps,
                key: self.key.is_some().then_some(0),
                event,
                events: match config.events {
                    config::Events::None => Events::None,
                    config::Events::Ids => Events::Ids,
                    config::Events::Full => Events::Full,
                },
                timed_out: config.timed_out,
                select: shown_select,
                width: self.width(),
            },
            lateness: config.allowed_lateness.0,
            define,
            select: config.select.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect(),
        }
    }
}

/// Trees, each once, with their places by text.
#[derive(Debug, Default)]
struct Distinct {
    trees: Vec<Tree>,
    places: BTreeMap<String, usize>,
}

impl Distinct {
    /// The place of a tree: behind all others where it is new.
    fn place(&mut self, tree: Tree) -> usize {
        let next = self.trees.len();
        let at = *self.places.entry(tree.to_string()).or_insert(next);
        if at == next {
            self.trees.push(tree);
        }
        at
    }

    fn texts(&self) -> Vec<String> {
        self.trees.iter().map(ToString::to_string).collect()
    }
}

impl<'a> Building<'a> {
    /// The conditions of marks, over the columns of a road. Where many ask whether a field is one of some texts, the
    /// field is looked at once for all.
    fn marks(&mut self, names: &Names, trees: &[Tree]) -> Marks {
        let asked: Vec<Vec<(FieldPath, Vec<String>)>> = trees.iter().map(Tree::string_conjuncts).collect();
        // How many texts a field is asked for, in all.
        let mut texts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (path, of) in asked.iter().flatten() {
            texts.entry(path.to_string()).or_default().extend(of.iter().map(String::as_str));
        }
        let count = |path: &FieldPath| texts.get(&path.to_string()).map_or(0, BTreeSet::len);
        let mut by_text: Vec<(usize, Vec<(String, usize)>)> = Vec::new();
        let mut free = Vec::new();
        for (mark, asked) in asked.iter().enumerate() {
            // The one of most texts leaves fewest events.
            let best =
                asked.iter().rev().max_by_key(|(path, _)| count(path)).filter(|(path, _)| count(path) >= FEW_TEXTS);
            let Some((path, texts)) = best else {
                free.push(mark);
                continue;
            };
            let column = self.slot(names, path);
            let at = by_text.iter().position(|(c, _)| *c == column).unwrap_or_else(|| {
                by_text.push((column, Vec::new()));
                by_text.len() - 1
            });
            by_text[at].1.extend(texts.iter().map(|text| (text.clone(), mark)));
        }
        Marks { conditions: trees.iter().map(|tree| self.compile(names, tree)).collect(), free, by_text }
    }

    /// Plans a road to each group that reads `from`.
    pub(super) fn pattern_roads(&mut self, from: &str, selection: usize, names: &Names, drafts: &[Draft<'a>]) {
        for (g, draft) in drafts.iter().enumerate() {
            let Some(input) = draft.from.iter().position(|name| name.value == from) else { continue };
            let name = draft.group.patterns.first().map_or(String::new(), |p| p.name.clone());
            if !self.has_room(&name, &draft.from[0]) {
                continue;
            }
            if draft.full && matches!(self.head, Head::Keyed(_)) {
                self.problems.push(draft.from[input].problem(
                    "config.planned",
                    "events = \"full\" behind a dedup or a join is planned but not in this version",
                    Some("select the fields that you need, or let the pattern read the stream before that".into()),
                ));
                continue;
            }
            self.at = Some(draft.from[input].clone());
            let mut local = Local { first: self.computed(), ..Local::default() };
            let mut column = |building: &mut Self, tree: &Tree, what: &str| {
                building.column(tree, names, what, tree.to_string(), &mut local)
            };
            let key = draft.key.as_ref().map(|tree| column(self, tree, "key"));
            let marks = self.marks(names, &draft.marks.trees);
            let unsaid = expr::parse(EVENT_ID).ok();
            let columns = draft.columns.trees.iter().map(|tree| {
                // What nobody has written needs not be there.
                let at = if unsaid.as_ref() == Some(tree) { self.at.take() } else { None };
                let slot = column(self, tree, "value");
                self.at = at.or(self.at.take());
                slot
            });
            let mut columns: Vec<usize> = columns.collect();
            let full = draft.full.then(|| {
                // It is filled in where the events are sent.
                local.shown.push(("event".to_owned(), "the whole event".to_owned()));
                self.base() + local.first + local.sets.len()
            });
            columns.extend(full);
            let all = draft.group.patterns.iter().any(PatternPlan::sees_all);
            let any = expr::any_of(&draft.marks.trees);
            let text = any.to_string();
            self.steps.push(Built {
                // Not worked out as one, but what it leaves out is not sent, and need not be decoded.
                filter: (!all).then_some((any, text)),
                is_root_stream: selection == 0 && !all,
                ..Built::computing(&name, selection, local)
            });
            let mut road: Vec<usize> = self.road.iter().map(|(_, input)| *input).collect();
            road.push(input);
            road.reverse();
            let selection = self.steps.len();
            self.pattern_inputs.push((g, PatternInput { from: self.head, selection, key, marks, columns, full, road }));
        }
    }
}

/// A condition as `explain` shows it: its calls in their places.
fn shown(tree: &Tree, calls: &[StepCall], steps: &[String]) -> String {
    let mut text = tree.to_string();
    for (i, call) in calls.iter().enumerate().rev() {
        let arg = call.arg.as_ref().map(ToString::to_string);
        let inside = match (call.step.and_then(|s| steps.get(s)), arg) {
            (Some(step), Some(arg)) => format!("{step}: {arg}"),
            (Some(step), None) => step.clone(),
            (None, Some(arg)) => arg,
            (None, None) => String::new(),
        };
        text = text.replace(&format!("aggregate_{i}"), &format!("{}({inside})", call.call.name()));
    }
    text
}
