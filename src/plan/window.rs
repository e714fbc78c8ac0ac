//! Windows, planned: what their rows look like, the tick that they all fit, and the columns and aggregates of each.

use super::building::{Building, Built, Local, Names};
use super::select::{Inputs, Selected};
use super::{Extensions, WindowPlan, recommendation, road};
use crate::aggregate::{Call, Function, Layout};
use crate::config::{Config, Located, PreAggregate, WindowConfig, WindowShape};
use crate::error::Problem;
use crate::expr::{self, Tree};
use crate::result::{RowKind, RowSchema};
use crate::time::Span;
use crate::window::{Early, Ends, Mode, Shape, WindowSpec};

/// The most aggregate calls of one window.
const MOST_CALLS: usize = 64;
/// A day of a time zone as settings have it, microseconds.
pub(super) const DAY: i64 = 86_400_000_000;
/// The largest tick that is chosen.
const LARGEST_TICK: i64 = 1_000_000;

pub(super) fn schema(window: &WindowConfig, tick: i64) -> RowSchema {
    RowSchema {
        name: window.name.clone(),
        dimensions: window.group_by.iter().map(|(name, _)| name.clone()).collect(),
        values: window.select.iter().map(|(name, _)| name.clone()).collect(),
        capped: window.max_groups.is_some(),
        early: window.early.is_some() || window.early_wall.is_some(),
        kind: RowKind::Window,
        keep: match window.shape {
            WindowShape::Global { .. } => RowSchema::FOREVER,
            // A late event joins the session before it by up to a gap behind its end.
            WindowShape::Session { gap } => 2 * tick + gap.0 + window.allowed_lateness.0,
            _ => 2 * tick + window.allowed_lateness.0,
        },
    }
}

/// How long the window is, microseconds, where all of its windows are equally long.
pub(super) fn length(window: &WindowConfig) -> Option<i64> {
    match window.shape {
        WindowShape::Sliding { size, .. } if window.time_zone.is_none() => Some(size.0),
        _ => None,
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A span that the tick must divide so that every end of the window is a tick, and what it is.
fn grid(window: &WindowConfig) -> (i64, &'static str) {
    // Zones change by whole seconds.
    let whole = if window.time_zone.is_some() { 1_000_000 } else { 0 };
    match window.shape {
        WindowShape::Sliding { size, slide, offset } => {
            let ends = (size.0 + offset.0) % slide.0;
            let span = gcd(gcd(slide.0, ends), whole);
            match window.early {
                // It divides both, so its times are the offset and multiples of it from there.
                Some(early) => (gcd(span, early.0), if offset.0 == 0 { "early" } else { "early and offset" }),
                None => (span, if ends == 0 { "slide" } else { "size, slide and offset" }),
            }
        }
        WindowShape::Cumulating { step, offset, .. } => {
            (gcd(gcd(step.0, offset.0), whole), if offset.0 == 0 { "step" } else { "step and offset" })
        }
        WindowShape::Session { gap } => (gap.0, "gap"),
        WindowShape::Global { every, offset } => {
            (gcd(every.0, offset.0), if offset.0 == 0 { "global" } else { "global and offset" })
        }
    }
}

/// The tick: the one that is set, or the greatest common divisor of a second and all that it must divide.
pub(super) fn tick(config: &Config, problems: &mut Vec<Problem>) -> i64 {
    let stated = config.recommendations.iter().map(|part| part.every.value.0);
    let chosen = config.windows.iter().map(|w| grid(w).0).chain(stated).fold(LARGEST_TICK, gcd).max(1);
    let Some(set) = &config.run.tick else { return chosen };
    if let Some(part) = recommendation::off_tick(config, set.value.0) {
        problems.push(recommendation::tick_problem(set, part, chosen));
        return chosen;
    }
    match config.windows.iter().find(|w| grid(w).0 % set.value.0.max(1) != 0) {
        None if set.value.0 > 0 => set.value.0,
        None => chosen,
        Some(w) => {
            let (span, what) = grid(w);
            let zone = if w.time_zone.is_some() { ", with its time zone" } else { "" };
            problems.push(set.problem(
                "run.tick",
                format!("the tick does not divide the {what} of window {} ({}{zone})", w.name, Span(span)),
                Some(format!("use {} or a span that divides it, or leave the tick out", Span(chosen))),
            ));
            chosen
        }
    }
}

/// The shape as the state machines count it.
pub(super) fn spec(window: &WindowConfig, tick: i64) -> WindowSpec {
    // The name was looked up when the configuration was read.
    let zone = window.time_zone.as_ref().and_then(|name| jiff::tz::TimeZone::get(name).ok());
    let unit = if zone.is_some() { DAY } else { 1 };
    let shape = match window.shape {
        WindowShape::Sliding { size, slide, offset } => {
            Shape::Sliding { size: size.0 / unit, slide: slide.0 / unit, offset: offset.0 / unit }
        }
        WindowShape::Cumulating { size, step, offset } => {
            let fine = step.0 % unit != 0;
            let step = if fine { step.0 } else { step.0 / unit };
            Shape::Cumulating { size: size.0 / unit, step, offset: offset.0 / unit, fine }
        }
        WindowShape::Session { gap } => Shape::Session { gap: gap.0 },
        WindowShape::Global { every, offset } => Shape::Global { every: every.0, offset: offset.0 },
    };
    let early = window.early.map(|early| {
        let days = zone.is_some() && early.0 % DAY == 0;
        Early { every: early.0 / if days { DAY } else { 1 }, days }
    });
    WindowSpec { shape, early, zone, lateness: window.allowed_lateness.0, tick }
}

impl Building<'_> {
    /// The aggregates that say where a session begins and ends.
    fn session_ends(
        &mut self,
        window: &WindowConfig,
        names: &Names,
        local: &mut Local,
        selected: &mut Selected,
    ) -> Option<Ends> {
        let WindowShape::Session { .. } = window.shape else { return None };
        let tree = expr::parse("event_time()").expect("the function is built in");
        let input = Some(self.column(&tree, names, "time", tree.to_string(), local));
        let mut place =
            |function, text: &str| selected.place(Call { function, input, filter: None }, || text.to_owned());
        Some(Ends {
            first: place(Function::Min, "the session's first event"),
            last: place(Function::Max, "its last event"),
        })
    }

    pub(super) fn window(
        &mut self,
        index: usize,
        window: &WindowConfig,
        from: usize,
        names: &Names,
    ) -> Option<WindowPlan> {
        let before = self.problems.len();
        let mut local = Local { first: self.computed(), ..Local::default() };
        let mut keys = Vec::new();
        for (name, text) in &window.group_by {
            if let Some(tree) = self.parse(text) {
                keys.push(self.column(&tree, names, name, text.value.clone(), &mut local));
            }
        }
        let mut selected = Selected::new(("a window", "count(*)"), length(window));
        for (_, text) in &window.select {
            self.at = Some(text.clone());
            selected.add(text, &mut OfEvents { building: self, names, local: &mut local });
        }
        let ends = self.session_ends(window, names, &mut local, &mut selected);
        let Selected { calls, texts, answers, .. } = selected;
        if calls.len() > MOST_CALLS
            && let Some((_, text)) = window.select.first()
        {
            self.problems.push(text.problem(
                "window.aggregates",
                format!("the window has {} different aggregates", calls.len()),
                Some(format!("a window may have {MOST_CALLS}; make two windows of it")),
            ));
        }
        self.steps.push(Built::computing(&window.name, from, local));
        if self.problems.len() > before {
            return None;
        }
        let texts_of = |list: &[(String, Located<String>)]| {
            list.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect()
        };
        let layout = Layout::new(&calls);
        let road: Vec<usize> = self.road.iter().map(|(_, input)| *input).collect();
        Some(WindowPlan {
            name: window.name.clone(),
            from: window.from.iter().map(|from| from.value.clone()).collect(),
            feeds: road::first(self.head, self.steps.len(), keys, &layout, &road),
            layout,
            answers,
            calls: texts,
            group_by: texts_of(&window.group_by),
            select: texts_of(&window.select),
            spec: spec(window, self.tick),
            early_wall: window.early_wall.map(|span| span.0),
            ends,
            too_late: window.too_late.as_ref().map(|path| path.value.clone()),
            mode: match window.pre_aggregate {
                _ if window.max_groups.is_some() => Mode::Always,
                PreAggregate::Auto => Mode::Auto,
                PreAggregate::Always => Mode::Always,
                PreAggregate::Never => Mode::Never,
            },
            // More groups than a number can say are no cap.
            max_groups: window.max_groups.and_then(|most| usize::try_from(most).ok()),
            part: index as u32,
        })
    }
}

/// The fields and columns of events, for the aggregates of a window.
struct OfEvents<'a, 'b> {
    building: &'a mut Building<'b>,
    names: &'a Names,
    local: &'a mut Local,
}

impl Inputs for OfEvents<'_, '_> {
    fn extensions(&self) -> &Extensions {
        self.building.extensions
    }

    fn report(&mut self, problem: Problem) {
        self.building.problems.push(problem);
    }

    fn has(&mut self, _: &Tree, _: &Located<String>) -> bool {
        // What an event does not have is NULL.
        true
    }

    fn column(&mut self, tree: &Tree, what: &'static str) -> usize {
        self.building.column(tree, self.names, what, tree.to_string(), self.local)
    }
}
