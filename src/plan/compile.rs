//! Settings, turned into a plan, with every problem of every expression.

use super::select::{function, problem, show};
use super::{
    EnrichText, Extensions, Head, HeadInput, HeadPlan, PatternGroup, PatternInput, Plan, SinkPlan, SourcePlan, Stage,
    WindowPlan, alert, dedup, head, lookup, pattern, road, table, view, view_shape,
};
use crate::aggregate::{Call, Function, Layout};
use crate::codec::json::{Prefilter, Projection};
use crate::config::{
    Config, JoinConfig, Located, PreAggregate, SampleConfig, StreamConfig, TimeClock, WindowConfig, WindowShape,
    fingerprint,
};
use crate::error::{Problem, Problems, Severity};
use crate::event::FieldPath;
use crate::expr::{self, Program, Tree, Type};
use crate::notify::Setup;
use crate::result::{RowKind, RowSchema};
use crate::stream::{Sample, Step};
use crate::time::Span;
use crate::window::{Answer, Early, Ends, Mode, Shape, WindowSpec};
use std::collections::{BTreeMap, BTreeSet};

/// The most aggregate calls of one window.
const MOST_CALLS: usize = 64;
/// A day of a time zone as settings have it, microseconds.
pub(super) const DAY: i64 = 86_400_000_000;
/// The largest tick that is chosen.
const LARGEST_TICK: i64 = 1_000_000;

/// Compiles the pipeline.
///
/// # Errors
/// All problems of its expressions, by line.
pub fn compile(config: &Config) -> Result<Plan, Problems> {
    compile_with(config, &Extensions::default())
}

/// [`compile`], where a program has added to the language; the plan's fingerprint holds the names and versions of that.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(config: &Config, extensions: &Extensions) -> Result<Plan, Problems> {
    let mut problems = Vec::new();
    let written = config;
    let config = &lookup::lowered(config, &mut problems);
    let tick = tick(config, &mut problems);
    let windows = config.windows.iter().map(|window| schema(window, tick));
    let mut schemas: Vec<RowSchema> =
        windows.chain(config.patterns.iter().map(|part| pattern::schema(part, tick))).collect();
    schemas.extend(table::schemas(config, &mut problems));
    view_shape::schemas(config, &mut schemas);
    let alerts = config.alerts.iter().map(|part| alert::schema(config, part, &schemas)).collect::<Vec<_>>();
    schemas.extend(alerts);
    let alerts = alert::alerts((config, extensions), &schemas, &mut problems);
    let mut windows: Vec<Option<WindowPlan>> = config.windows.iter().map(|_| None).collect();
    let (mut parts, mut pattern_inputs) = (Vec::new(), Vec::new());
    let tables = table::tables(written);
    let needed = road::needed(config);
    let drafts = pattern::groups((config, extensions), &mut problems);
    let mut found =
        head::Found { windows: &mut windows, drafts: &drafts, patterns: &mut pattern_inputs, problems: &mut problems };
    let heads = head::heads((config, extensions), &needed, (tick, schemas.len()), &mut found);
    let mut heads: Vec<Option<HeadPlan>> = heads.into_iter().map(Some).collect();
    for (i, source) in config.sources.iter().enumerate() {
        // Twice: the first time finds the paths, and so where the computed columns begin.
        let mut draft = config.windows.iter().map(|_| None).collect::<Vec<_>>();
        let head = Head::Source(i);
        let mut building = Building::new((config, extensions), &needed, &heads, tick, head, Vec::new());
        building.drafts = &drafts;
        building.children(&source.name, 0, &BTreeMap::new(), &mut draft);
        problems.append(&mut building.problems);
        let mut building = Building::new((config, extensions), &needed, &heads, tick, head, building.paths);
        building.drafts = &drafts;
        building.children(&source.name, 0, &BTreeMap::new(), &mut windows);
        let Building { paths, steps, inputs, pattern_inputs: roads, .. } = building;
        pattern_inputs.extend(roads);
        head::add(&mut heads, inputs);
        parts.push((paths, steps));
    }
    let mut heads: Vec<HeadPlan> = heads.into_iter().flatten().collect();
    unreached((config, extensions), &needed, &windows, &mut problems);
    dedup::keeps(config, &windows, &mut problems);
    let notify = Setup::compile(config, &mut problems);
    let views = view::views((config, extensions), &schemas, &mut problems);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        // What stands on several roads is compiled for each.
        let mut said: Vec<Problem> = Vec::new();
        for problem in problems {
            let same = |p: &Problem| {
                (p.code, p.line, &p.text, &p.message) == (problem.code, problem.line, &problem.text, &problem.message)
            };
            if !said.iter().any(same) {
                said.push(problem);
            }
        }
        let mut problems = said;
        problems.sort_by_key(|p| p.line);
        return Err(Problems { file: config.file.clone(), list: problems });
    }
    let sources =
        parts.into_iter().enumerate().map(|(i, (paths, steps))| finish_source(config, i, paths, steps, &windows));
    let mut sources: Vec<SourcePlan> = sources.collect();
    for h in 0..heads.len() {
        heads[h].inputs.sort_by(|a, b| (a.side, &a.road).cmp(&(b.side, &b.road)));
        heads[h].stage.feeds = feeds(Head::Keyed(h), &windows);
        let from: Vec<Head> = heads[h].inputs.iter().map(|input| input.from).collect();
        for (i, from) in from.into_iter().enumerate() {
            stage_of(from, &mut sources, &mut heads).heads.push((h, i));
        }
    }
    let mut pattern_groups: Vec<PatternGroup> = drafts.into_iter().map(|draft| draft.group).collect();
    for (g, input) in pattern_inputs {
        pattern_groups[g].inputs.push(input);
    }
    for (g, group) in pattern_groups.iter_mut().enumerate() {
        group.inputs.sort_by(|a, b| a.road.cmp(&b.road));
        for (i, input) in group.inputs.iter().enumerate() {
            stage_of(input.from, &mut sources, &mut heads).patterns.push((g, i));
        }
    }
    let lateness: Vec<i64> =
        pattern_groups.iter().map(|group| group.patterns.iter().map(|p| p.lateness).max().unwrap_or(0)).collect();
    head::horizons(config, &lateness, &mut heads);
    let sinks = config.sinks.iter().map(|sink| SinkPlan {
        config: sink.clone(),
        parts: (sink.from.iter())
            .filter_map(|from| config.row_parts().position(|name| name == from.value))
            .map(|part| part as u32)
            .collect(),
    });
    problems.sort_by_key(|p| p.line);
    Ok(Plan {
        warnings: problems,
        trace: None,
        name: config.name.clone(),
        tick,
        max_drift: config.run.max_drift.0,
        max_inflight: config.run.max_inflight.0,
        sources,
        held: head::held(&heads),
        heads,
        tables,
        windows: windows.into_iter().flatten().collect(),
        pattern_groups,
        alerts,
        views,
        sinks: sinks.collect(),
        notify,
        schemas,
        fingerprint: extensions.mark(fingerprint(written)),
    })
}

/// Problems of the expressions of parts that no source leads to, or that lead to no window: they are not planned, and
/// are to be right all the same.
fn unreached(
    (config, extensions): (&Config, &Extensions),
    needed: &BTreeSet<&str>,
    windows: &[Option<WindowPlan>],
    problems: &mut Vec<Problem>,
) {
    let known = road::reached(config);
    let mut look = |text: &Located<String>, errors: Option<Vec<expr::ExprError>>| {
        problems.extend(errors.into_iter().flatten().map(|e| problem(text, e)));
    };
    let mut wrong = Vec::new();
    let planned = |name: &str| known.contains(name) && needed.contains(name);
    for stream in config.streams.iter().filter(|s| !planned(&s.name)) {
        for text in {
            let by = stream.sample.iter().filter_map(|sample| sample.by.as_ref());
            let key = stream.dedup.iter().map(|dedup| &dedup.by);
            let lookups = stream.enrich.iter().flat_map(|enrich| &enrich.key);
            lookups.chain(&stream.filter).chain(by).chain(key).chain(stream.set.iter().map(|(_, text)| text))
        } {
            look(text, expr::parse_with(&text.value, &extensions.functions).err());
        }
    }
    let led = |join: &JoinConfig, side: usize| {
        needed.contains(join.name.as_str()) && known.contains(join.from[side].value.as_str())
    };
    for join in &config.joins {
        for side in (0..2).filter(|side| !led(join, *side)) {
            look(&join.on[side], expr::parse_with(&join.on[side].value, &extensions.functions).err());
        }
    }
    for lookup in config.lookups.iter().filter(|lookup| !planned(&lookup.name)) {
        for text in &lookup.key {
            look(text, expr::parse_with(&text.value, &extensions.functions).err());
        }
    }
    for (window, plan) in config.windows.iter().zip(windows) {
        if plan.is_none() && !window.from.iter().any(|from| known.contains(from.value.as_str())) {
            for (_, text) in &window.group_by {
                look(text, expr::parse_with(&text.value, &extensions.functions).err());
            }
            for (_, text) in &window.select {
                match extensions.select(&text.value) {
                    Err(errors) => look(text, Some(errors)),
                    Ok(select) => wrong.extend(
                        select
                            .aggregates
                            .iter()
                            .filter_map(|c| function(c, text, length(window), &extensions.aggregates).err()),
                    ),
                }
            }
        }
    }
    problems.append(&mut wrong);
}

fn schema(window: &WindowConfig, tick: i64) -> RowSchema {
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
fn length(window: &WindowConfig) -> Option<i64> {
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
fn tick(config: &Config, problems: &mut Vec<Problem>) -> i64 {
    let chosen = config.windows.iter().map(|w| grid(w).0).fold(LARGEST_TICK, gcd).max(1);
    let Some(set) = &config.run.tick else { return chosen };
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
fn spec(window: &WindowConfig, tick: i64) -> WindowSpec {
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

/// A step, and how it is shown.
pub(super) struct Built {
    pub(super) step: Step,
    pub(super) filter: Option<(Tree, String)>,
    pub(super) sample: Option<String>,
    pub(super) computed: Vec<(String, String)>,
    pub(super) enriches: Vec<EnrichText>,
    pub(super) is_root_stream: bool,
}

impl Built {
    /// What a condition of this step asks of fields of the event: paths, each with the texts that are let pass.
    fn conjuncts(&self) -> Vec<(FieldPath, Vec<String>)> {
        let mut list = self.filter.as_ref().map(|(tree, _)| tree.string_conjuncts()).unwrap_or_default();
        // What a lookup adds hides a field of the event.
        let added: Vec<&String> = self.enriches.iter().flat_map(|enrich| &enrich.add).map(|(name, _)| name).collect();
        list.retain(|(path, _)| !matches!(path.steps(), [step] if added.contains(&step)));
        list
    }
}

/// One source while it is planned.
pub(super) struct Building<'a> {
    pub(super) config: &'a Config,
    pub(super) extensions: &'a Extensions,
    /// The streams and joins that a window needs.
    pub(super) needed: &'a BTreeSet<&'a str>,
    /// What stands at the workers of keys, as far as it is planned; roads end at it.
    pub(super) heads: &'a [Option<HeadPlan>],
    /// What was found of their inputs, with their numbers.
    pub(super) inputs: Vec<(usize, HeadInput)>,
    /// The join that roads begin at, where they do.
    pub(super) joined: Option<&'a JoinConfig>,
    /// What was read last, and asks for fields.
    pub(super) at: Option<Located<String>>,
    /// Groups of patterns.
    pub(super) drafts: &'a [pattern::Draft<'a>],
    /// What was found of their inputs, with their numbers.
    pub(super) pattern_inputs: Vec<(usize, PatternInput)>,
    tick: i64,
    pub(super) head: Head,
    /// Where computed columns begin: behind the decoded ones.
    base: usize,
    /// The decoded columns.
    pub(super) paths: Vec<FieldPath>,
    pub(super) steps: Vec<Built>,
    /// The streams on the road that is being planned, from the source on, and for each which of its inputs that is.
    pub(super) road: Vec<(&'a str, usize)>,
    pub(super) problems: Vec<Problem>,
}

/// Names that streams have set, and their columns.
pub(super) type Names = BTreeMap<String, usize>;

impl<'a> Building<'a> {
    /// `paths`: the decoded columns, as far as they are known.
    pub(super) fn new(
        (config, extensions): (&'a Config, &'a Extensions),
        needed: &'a BTreeSet<&'a str>,
        heads: &'a [Option<HeadPlan>],
        tick: i64,
        head: Head,
        paths: Vec<FieldPath>,
    ) -> Self {
        let base = paths.len();
        let (steps, road, problems) = (Vec::new(), Vec::new(), Vec::new());
        let (inputs, pattern_inputs) = (Vec::new(), Vec::new());
        Self {
            config,
            extensions,
            needed,
            heads,
            inputs,
            joined: None,
            at: None,
            drafts: &[],
            pattern_inputs,
            tick,
            head,
            base,
            paths,
            steps,
            road,
            problems,
        }
    }

    /// Where computed columns begin.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Plans everything that reads `from`, whose rows are `selection`.
    pub(super) fn children(&mut self, from: &str, selection: usize, names: &Names, windows: &mut [Option<WindowPlan>]) {
        let config = self.config;
        let input = |list: &[Located<String>]| list.iter().position(|name| name.value == from);
        let readers = config.streams.iter().filter(|s| self.needed.contains(s.name.as_str()));
        let mut done: Vec<(&str, usize)> = Vec::new();
        for stream in road::in_order(readers.filter(|s| input(&s.from).is_some()).collect()) {
            // A circle is reported elsewhere.
            if self.road.iter().any(|(name, _)| *name == stream.name) || !self.has_room(&stream.name, &stream.from[0]) {
                continue;
            }
            let taken = |rest: &Located<String>| done.iter().find(|(name, _)| *name == rest.value).map(|(_, s)| *s);
            let minus = stream.rest_of.iter().filter_map(taken).collect();
            self.road.push((&stream.name, input(&stream.from).unwrap_or(0)));
            done.push((&stream.name, self.stream(stream, (selection, minus), names, windows)));
            self.road.pop();
        }
        for (w, window) in config.windows.iter().enumerate() {
            let Some(input) = input(&window.from).filter(|_| self.has_room(&window.name, &window.from[0])) else {
                continue;
            };
            self.road.push((&window.name, input));
            let planned = self.window(w, window, selection, names);
            self.road.pop();
            match (&mut windows[w], planned) {
                (Some(window), Some(other)) => road::join(window, other),
                (place, planned) => *place = planned,
            }
        }
        self.join_roads(from, selection, names);
        self.lookup_roads(from, selection, names);
        self.pattern_roads(from, selection, names, self.drafts);
    }

    /// True where one more road may lead to a part; else reports it at `place`.
    pub(super) fn has_room(&mut self, name: &str, place: &Located<String>) -> bool {
        let most = road::MOST_ROADS;
        if self.steps.iter().filter(|built| built.step.name == name).count() < most {
            return true;
        }
        self.problems.push(place.problem(
            "stream.roads",
            format!("events reach '{name}' on more than {most} roads"),
            Some("each input of a part is a road of its own; read fewer streams that read the same".into()),
        ));
        false
    }

    pub(super) fn computed(&self) -> usize {
        self.steps.iter().map(|s| s.computed.len()).sum()
    }

    /// The column of a path: one that a stream has set, or a field of the event.
    pub(super) fn slot(&mut self, names: &Names, path: &FieldPath) -> usize {
        if let [step] = path.steps()
            && let Some(slot) = names.get(step)
        {
            return *slot;
        }
        self.paths.iter().position(|p| p == path).unwrap_or_else(|| {
            self.pair_field(path);
            self.paths.push(path.clone());
            self.paths.len() - 1
        })
    }

    pub(super) fn parse(&mut self, text: &Located<String>) -> Option<Tree> {
        self.at = Some(text.clone());
        match expr::parse_with(&text.value, &self.extensions.functions) {
            Ok(tree) => Some(tree),
            Err(list) => {
                self.problems.extend(list.into_iter().map(|e| problem(text, e)));
                None
            }
        }
    }

    pub(super) fn compile(&mut self, names: &Names, tree: &Tree) -> Program {
        expr::compile(tree, &mut |path| self.slot(names, path))
    }

    /// Plans a stream that reads a selection without some others, and all that reads it; gives its selection.
    fn stream(
        &mut self,
        stream: &StreamConfig,
        (from, minus): (usize, Vec<usize>),
        names: &Names,
        windows: &mut [Option<WindowPlan>],
    ) -> usize {
        let mut names = names.clone();
        let first = self.computed();
        let (enrich, enriches, mut shown) = self.lookups(stream, first, &mut names);
        let mut filter = None;
        if let Some(text) = &stream.filter
            && let Some(tree) = self.parse(text)
        {
            if !matches!(tree.ty(), Type::Any | Type::Bool) {
                self.problems.push(text.problem(
                    "stream.where",
                    format!("the condition is {}, not true or false", tree.ty().word()),
                    Some("write a comparison, such as event_type = 'error'".into()),
                ));
            }
            filter = Some((self.compile(&names, &tree), tree, text.value.clone()));
        }
        let sample = stream.sample.as_ref().map(|sample| self.sample(sample, &names));
        let enrich_first = self.reads_added(stream, &enriches);
        let mut sets = Vec::new();
        for (name, text) in &stream.set {
            if let Some(tree) = self.parse(text) {
                let program = self.compile(&names, &tree);
                let slot = self.base + first + shown.len();
                sets.push((slot, program));
                shown.push((name.clone(), text.value.clone()));
                names.insert(name.clone(), slot);
            }
        }
        let key = stream.dedup.as_ref().and_then(|dedup| {
            let tree = self.parse(&dedup.by)?;
            let program = self.compile(&names, &tree);
            Some(program.as_slot().unwrap_or_else(|| {
                let slot = self.base + first + shown.len();
                sets.push((slot, program));
                shown.push((dedup::KEY.to_owned(), dedup.by.value.clone()));
                slot
            }))
        });
        let (program, filter) = match filter {
            Some((program, tree, text)) => (Some(program), Some((tree, text))),
            None => (None, None),
        };
        let (sample, sample_text) = sample.unzip();
        self.steps.push(Built {
            step: Step { name: stream.name.clone(), from, minus, enrich, enrich_first, filter: program, sample, sets },
            filter,
            sample: sample_text,
            computed: shown,
            enriches,
            is_root_stream: from == 0,
        });
        let selection = self.steps.len();
        match &stream.dedup {
            None => self.children(&stream.name, selection, &names, windows),
            Some(_) => self.duplicates(stream, (selection, key), &names),
        }
        selection
    }

    /// A sample, and how it is shown.
    fn sample(&mut self, sample: &SampleConfig, names: &Names) -> (Sample, String) {
        let by = sample.by.as_ref().and_then(|text| self.parse(text)).map(|tree| self.compile(names, &tree));
        let text = sample.by.as_ref().map_or(String::new(), |by| format!(" by {}", by.value));
        let seed = if sample.seed == 0 { String::new() } else { format!(", seed {}", sample.seed) };
        (Sample::new(sample.rate, sample.seed, by), format!("{}{text}{seed}", sample.rate))
    }

    /// The column that holds an expression, computed by the step of this window where it is not a column already.
    pub(super) fn column(&mut self, tree: &Tree, names: &Names, what: &str, text: String, local: &mut Local) -> usize {
        let program = self.compile(names, tree);
        if let Some(slot) = program.as_slot() {
            return slot;
        }
        let normal = tree.to_string();
        if let Some((_, slot)) = local.known.iter().find(|(t, _)| *t == normal) {
            return *slot;
        }
        let slot = self.base + local.first + local.sets.len();
        local.sets.push((slot, program));
        local.shown.push((what.to_owned(), text));
        local.known.push((normal, slot));
        slot
    }

    /// The aggregates that say where a session begins and ends.
    fn session_ends(
        &mut self,
        window: &WindowConfig,
        names: &Names,
        local: &mut Local,
        calls: &mut Vec<Call>,
        texts: &mut Vec<String>,
    ) -> Option<Ends> {
        let WindowShape::Session { .. } = window.shape else { return None };
        let tree = expr::parse("event_time()").expect("the function is built in");
        let input = Some(self.column(&tree, names, "time", tree.to_string(), local));
        let mut place = |function, text: &str| {
            let call = Call { function, input, filter: None };
            calls.iter().position(|c| *c == call).unwrap_or_else(|| {
                calls.push(call);
                texts.push(text.to_owned());
                calls.len() - 1
            })
        };
        Some(Ends {
            first: place(Function::Min, "the session's first event"),
            last: place(Function::Max, "its last event"),
        })
    }

    fn window(&mut self, index: usize, window: &WindowConfig, from: usize, names: &Names) -> Option<WindowPlan> {
        let before = self.problems.len();
        let mut local = Local { first: self.computed(), ..Local::default() };
        let mut keys = Vec::new();
        for (name, text) in &window.group_by {
            if let Some(tree) = self.parse(text) {
                keys.push(self.column(&tree, names, name, text.value.clone(), &mut local));
            }
        }
        let (mut calls, mut texts, mut answers) = (Vec::<Call>::new(), Vec::new(), Vec::new());
        for (_, text) in &window.select {
            self.at = Some(text.clone());
            let select = match self.extensions.select(&text.value) {
                Ok(select) => select,
                Err(list) => {
                    self.problems.extend(list.into_iter().map(|e| problem(text, e)));
                    continue;
                }
            };
            if select.aggregates.is_empty() {
                self.problems.push(text.problem(
                    "window.select",
                    "the value has no aggregate",
                    Some("a window selects aggregates, such as count(*); a plain value belongs in group_by".into()),
                ));
                continue;
            }
            let mut of = Vec::new();
            for aggregate in &select.aggregates {
                let mut function = match function(aggregate, text, length(window), &self.extensions.aggregates) {
                    Ok(function) => function,
                    Err(problem) => {
                        self.problems.push(problem);
                        continue;
                    }
                };
                let shown = show(aggregate);
                let input = aggregate
                    .args
                    .first()
                    .filter(|_| !aggregate.star)
                    .map(|tree| self.column(tree, names, "input", tree.to_string(), &mut local));
                if let Function::ArgMin(by) | Function::ArgMax(by) = &mut function
                    && let Some(tree) = aggregate.args.get(1)
                {
                    *by = self.column(tree, names, "input", tree.to_string(), &mut local);
                }
                let filter = aggregate
                    .filter
                    .as_ref()
                    .map(|tree| self.column(tree, names, "filter", tree.to_string(), &mut local));
                let call = Call { function, input, filter };
                of.push(calls.iter().position(|c| *c == call).unwrap_or_else(|| {
                    calls.push(call);
                    texts.push(shown);
                    calls.len() - 1
                }));
            }
            if of.len() < select.aggregates.len() {
                continue;
            }
            let program = expr::compile_post(&select.post, &|i| of[i]);
            answers.push(match program.as_slot() {
                Some(call) => Answer::Call(call),
                None => Answer::Post { program, calls: of.iter().fold(0, |m, c| m | 1u64.wrapping_shl(*c as u32)) },
            });
        }
        let ends = self.session_ends(window, names, &mut local, &mut calls, &mut texts);
        if calls.len() > MOST_CALLS
            && let Some((_, text)) = window.select.first()
        {
            self.problems.push(text.problem(
                "window.aggregates",
                format!("the window has {} different aggregates", calls.len()),
                Some(format!("a window may have {MOST_CALLS}; make two windows of it")),
            ));
        }
        self.steps.push(Built {
            step: Step {
                name: window.name.clone(),
                from,
                minus: Vec::new(),
                enrich: Vec::new(),
                enrich_first: false,
                filter: None,
                sample: None,
                sets: local.sets,
            },
            filter: None,
            sample: None,
            computed: local.shown,
            enriches: Vec::new(),
            is_root_stream: false,
        });
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

/// The columns that one window computes.
#[derive(Default)]
pub(super) struct Local {
    pub(super) first: usize,
    pub(super) sets: Vec<(usize, Program)>,
    pub(super) shown: Vec<(String, String)>,
    pub(super) known: Vec<(String, usize)>,
}

/// What is behind a head, where all heads are planned.
fn stage_of<'a>(head: Head, sources: &'a mut [SourcePlan], heads: &'a mut [HeadPlan]) -> &'a mut Stage {
    match head {
        Head::Source(i) => &mut sources[i].stage,
        Head::Keyed(h) => &mut heads[h].stage,
    }
}

/// What a source, or what stands at the worker of a key, feeds.
fn feeds(head: Head, windows: &[Option<WindowPlan>]) -> Vec<(usize, usize)> {
    let all = windows.iter().enumerate().flat_map(|(w, plan)| plan.iter().map(move |plan| (w, plan)));
    let all = all.flat_map(|(w, plan)| plan.feeds.iter().enumerate().map(move |(f, feed)| (w, f, feed)));
    all.filter(|(_, _, feed)| feed.head == head).map(|(w, f, _)| (w, f)).collect()
}

fn finish_source(
    config: &Config,
    index: usize,
    paths: Vec<FieldPath>,
    steps: Vec<Built>,
    windows: &[Option<WindowPlan>],
) -> SourcePlan {
    let source = &config.sources[index];
    let direct = steps.iter().any(|s| s.step.from == 0 && !s.is_root_stream);
    let prefilter = if direct { None } else { prefilter(&steps) };
    let slot = prefilter.as_ref().and_then(|(path, _)| paths.iter().position(|p| p == path));
    let decoder = prefilter.as_ref().zip(slot).map(|((_, allowed), slot)| Prefilter { slot, allowed: allowed.clone() });
    let processing = source.time.clock == TimeClock::Processing;
    SourcePlan {
        name: source.name.clone(),
        projection: match processing {
            true => Projection::untimed(&paths, decoder),
            false => Projection::new(&paths, &source.time.field, source.time.unit, decoder)
                .with_format(source.time.format.clone()),
        },
        processing,
        prefilter: prefilter.filter(|_| slot.is_some()),
        stage: stage(paths, steps, feeds(Head::Source(index), windows)),
        out_of_orderness: source.out_of_orderness.0,
        idle_after: source.idle_after.map(|span| span.0),
        on_bad: source.on_bad,
        config: source.clone(),
    }
}

/// What is planned behind a head, from its steps.
pub(super) fn stage(paths: Vec<FieldPath>, steps: Vec<Built>, feeds: Vec<(usize, usize)>) -> Stage {
    Stage {
        filters: steps.iter().map(|s| s.filter.as_ref().map(|(_, text)| text.clone())).collect(),
        samples: steps.iter().map(|s| s.sample.clone()).collect(),
        columns: paths.len() + steps.iter().map(|s| s.computed.len()).sum::<usize>(),
        computed: steps.iter().map(|s| s.computed.clone()).collect(),
        enriches: steps.iter().map(|s| s.enriches.clone()).collect(),
        steps: steps.into_iter().map(|s| s.step).collect(),
        paths,
        feeds,
        heads: Vec::new(),
        patterns: Vec::new(),
    }
}

/// A condition on one text field that every stream of the source needs: events that fail it reach no window.
fn prefilter(steps: &[Built]) -> Option<(FieldPath, Vec<String>)> {
    let mut roots = steps.iter().filter(|s| s.is_root_stream);
    let mut common = roots.next()?.conjuncts();
    for step in roots {
        let other = step.conjuncts();
        common.retain_mut(|(path, texts)| match other.iter().find(|(p, _)| p == path) {
            Some((_, more)) => {
                texts.extend(more.iter().filter(|t| !texts.contains(t)).cloned().collect::<Vec<_>>());
                true
            }
            None => false,
        });
    }
    common.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(&'static str, usize)> {
        let (config, _) = crate::config::parse("t.toml", text, &[], &|_| None);
        match config.as_ref().map(compile) {
            Some(Err(problems)) => problems.list.iter().map(|p| (p.code, p.line)).collect(),
            _ => Vec::new(),
        }
    }

    const SOURCE: &str = "[sources.e]\ntype = \"stdin\"\n";

    #[test]
    fn every_expression_is_looked_at_also_behind_a_wrong_name() {
        let text = format!(
            "{SOURCE}[streams.s]\nfrom = \"nowhere\"\nwhere = \"a = = b\"\n[windows.w]\nfrom = \"s\"\nsize = \"1s\"\n\
             group_by = {{ g = \"lowr(a)\" }}\nselect = {{ n = \"count(*)\", m = \"sm(a)\" }}\n"
        );
        let found = problems(&text);
        assert_eq!(found.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [5, 9, 10], "{found:?}");
    }

    #[test]
    fn paths_are_shared_and_computed_columns_come_behind_them() {
        let text = format!(
            "{SOURCE}[streams.s]\nfrom = \"e\"\nwhere = \"t IN ('a', 'b') AND x > 1\"\nset = {{ y = \"x + 1\" }}\n[windows.w]\n\
             from = \"s\"\nsize = \"3s\"\nslide = \"1500ms\"\ngroup_by = {{ g = \"y\", h = \"lower(t)\" }}\n\
             select = {{ a = \"sum(y)\", b = \"avg(y)\", c = \"2 * sum(y) / count(*)\" }}\n"
        );
        let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
        let plan = compile(&config.unwrap()).unwrap();
        let (source, window) = (&plan.sources[0], &plan.windows[0]);
        assert_eq!(source.stage.paths, [FieldPath::dotted("t"), FieldPath::dotted("x")]);
        assert_eq!((source.stage.columns, &window.feeds[0].keys[..]), (4, &[2, 3][..]));
        assert_eq!(source.prefilter, Some((FieldPath::dotted("t"), vec!["a".into(), "b".into()])));
        assert_eq!(window.calls, ["sum(y)", "avg(y)", "count(*)"]);
        assert_eq!(plan.tick, 500_000);
    }

    /// Every level reads the two of the level before.
    fn doubling(levels: usize) -> String {
        let mut text = SOURCE.to_owned();
        for i in 0..levels {
            let from = if i == 0 { "[\"e\"]".to_owned() } else { format!("[\"a{0}\", \"b{0}\"]", i - 1) };
            text += &format!("[streams.a{i}]\nfrom = {from}\n[streams.b{i}]\nfrom = {from}\nwhere = \"x > 1\"\n");
        }
        let last = levels - 1;
        text + &format!(
            "[windows.w]\nfrom = [\"a{last}\", \"b{last}\"]\nsize = \"1s\"\nselect = {{ n = \"count(x)\" }}\n"
        )
    }

    #[test]
    fn roads_are_planned_each_up_to_a_limit_that_is_said_once_for_each_part() {
        let (config, _) = crate::config::parse("t.toml", &doubling(3), &[], &|_| None);
        let plan = compile(&config.unwrap()).unwrap();
        assert_eq!((plan.windows[0].feeds.len(), plan.sources[0].stage.feeds.len()), (8, 8));
        assert_eq!(problems(&doubling(6)), []);
        assert_eq!(problems(&doubling(40)).len(), 2 * 33 + 1);
        assert!(problems(&doubling(40)).iter().all(|(code, _)| *code == "stream.roads"));
    }

    #[test]
    fn a_problem_on_several_roads_is_said_once() {
        let text = doubling(3).replace("count(x)", "cont(x)");
        assert_eq!(problems(&text).len(), 1);
    }

    #[test]
    fn a_circle_behind_a_source_does_no_harm() {
        let text = format!(
            "{SOURCE}[streams.a]\nfrom = [\"e\", \"b\"]\n[streams.b]\nfrom = \"a\"\n[windows.w]\nfrom = \"b\"\nsize = \"1s\"\n\
             select = {{ n = \"count(*)\" }}\n"
        );
        assert_eq!(problems(&text), []);
    }

    #[test]
    fn columns_of_roads_go_by_their_places() {
        let text = format!(
            "{SOURCE}[streams.a]\nfrom = \"e\"\nset = {{ y = \"x + 1\" }}\n[streams.b]\nfrom = \"e\"\nset = {{ z = \"x + 2\" }}\n\
             [windows.w]\nfrom = [\"b\", \"a\", \"e\"]\nsize = \"1s\"\ngroup_by = [\"z\"]\nselect = {{ n = \"sum(y)\", m = \"max(z)\" }}\n"
        );
        let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
        let plan = compile(&config.unwrap()).unwrap();
        // Decoded: x, z, y; computed: y of a, z of b.
        let feeds = &plan.windows[0].feeds;
        let columns: Vec<_> = feeds.iter().map(|f| (f.keys[0], f.layout.columns())).collect();
        let paths: Vec<String> = plan.sources[0].stage.paths.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["x", "z", "y"]);
        assert_eq!(columns, [(4, vec![2, 4]), (1, vec![3, 1]), (1, vec![2, 1])]);
        assert_eq!(feeds.iter().map(|f| &f.road[..]).collect::<Vec<_>>(), [&[0, 0][..], &[1, 0], &[2]]);
    }
}
