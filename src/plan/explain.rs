//! A plan, turned into what a person, a program or Graphviz reads.
//!
//! All three forms say the same: the parts with what they read, the fields that are decoded, the slices, the state
//! that is kept and until when, and what each sink can promise.

use super::{
    DedupPlan, Feed, Head, HeadKind, HeadPlan, JoinPlan, LookupPlan, Plan, SinkPlan, SourcePlan, Stage, VersionsPlan,
    WindowPlan,
};
use super::{dedup, explain_alert, explain_pattern, explain_recommendation, join, lookup, table};
use crate::config::{SinkKind, SinkMode, SourceKind};
use crate::result::RowSchema;
use crate::time::Span;
use crate::window::{Mode, Shape, WindowSpec};
use serde_json::{Value, json};
use std::fmt::Write;

/// The plan as text.
pub fn explain_text(plan: &Plan) -> String {
    let mut out = String::new();
    let say = &mut out;
    line(say, 0, &format!("pipeline {}", plan.name));
    line(say, 1, &format!("tick          {}", Span(plan.tick)));
    line(say, 1, &format!("max_drift     {}", Span(plan.max_drift)));
    line(say, 1, &format!("max_inflight  {} bytes", plan.max_inflight));
    for source in &plan.sources {
        line(say, 0, &format!("source {}  ({})", source.name, kind(source)));
        if source.processing {
            line(say, 1, "time          the wall clock when a line is read: results depend on it");
            line(say, 1, "watermark     the wall clock, also while nothing comes");
        } else {
            line(say, 1, &format!("time          {} in {}", source.config.time.field, source.config.time.written()));
            line(say, 1, &format!("watermark     newest event - {}", Span(source.out_of_orderness)));
        }
        if let Some(rate) = source.config.rate_limit {
            line(say, 1, &format!("rate limit    {rate}"));
        }
        if let Some(after) = source.idle_after {
            line(say, 1, &format!("idle          after {} without input: windows do not wait for it", Span(after)));
        }
        let paths: Vec<String> = source.stage.paths.iter().map(ToString::to_string).collect();
        line(say, 1, &format!("decodes       {}", or_none(&paths.join(", "))));
        if let Some((path, texts)) = &source.prefilter {
            line(say, 1, &format!("drops early   events whose {path} is none of: {}", texts.join(", ")));
        }
    }
    for table in &plan.tables {
        line(say, 0, &format!("table {}  ({})", table.name, table::kind(table)));
        let key: Vec<&str> = table.config.key.iter().map(|key| key.value.as_str()).collect();
        line(say, 1, &format!("key           {}", key.join(", ")));
        line(say, 1, &format!("keeps         {}", or_none(&table.columns.join(", "))));
        line(say, 1, &format!("versions      {}", table::versions(table)));
        line(say, 1, &format!("changes       {}", table::refresh(table)));
    }
    for stream in streams(plan) {
        let (stage, i) = (stream.behind.stage, stream.step);
        line(say, 0, &format!("stream {}  from {}", stream.name(), stream.from.join(", ")));
        let rest = stream.rest_of();
        if !rest.is_empty() {
            line(say, 1, &format!("rest of       {}", rest.join(", ")));
        }
        for enrich in &stage.enriches[i] {
            let add = enrich.add.iter().map(
                |(name, column)| {
                    if name == column { name.clone() } else { format!("{name} = {column}") }
                },
            );
            let add = add.collect::<Vec<_>>().join(", ");
            line(say, 1, &format!("enrich        {add} of {} by {}", enrich.table, enrich.key.join(", ")));
        }
        if let Some(filter) = &stage.filters[i] {
            line(say, 1, &format!("where         {filter}"));
        }
        if let Some(sample) = &stage.samples[i] {
            line(say, 1, &format!("sample        {sample}"));
        }
        for (name, text) in stream.behind.sets(i) {
            line(say, 1, &format!("set           {name} = {text}"));
        }
        if let Some((dedup, stage)) = stream.dedup {
            line(
                say,
                1,
                &format!("drops         events less than {} from one with the same {}", Span(dedup.within), dedup.by),
            );
            let paths: Vec<String> = stage.paths.iter().map(ToString::to_string).collect();
            line(say, 1, &format!("exchanges     events by {}, with {}", dedup.by, or_none(&paths.join(", "))));
            let kept = Span(dedup.within + dedup.horizon);
            line(say, 1, &format!("kept          a key until the watermark passes its event + {kept}"));
        }
    }
    for (head, lookup) in lookups(plan) {
        line(say, 0, &format!("lookup {}  from {}", head.name, lookup.from[1].join(", ")));
        lookup_lines(head, lookup).iter().for_each(|text| line(say, 1, text));
    }
    for (head, of) in versions(plan) {
        line(say, 0, &format!("rows {}  from {}", head.name, of.from.join(", ")));
        versions_lines(of).iter().for_each(|text| line(say, 1, text));
    }
    for (head, join) in joins(plan) {
        line(say, 0, &format!("join {}  from {}", head.name, sides(join).join(", ")));
        for text in join_lines(head, join) {
            line(say, 1, &text);
        }
    }
    for window in &plan.windows {
        line(say, 0, &format!("window {}  from {}", window.name, window.from.join(", ")));
        for feed in window.feeds.iter().filter(|_| window.feeds.len() > 1) {
            line(say, 1, &format!("fed by        {}", road(plan, feed).join(" -> ")));
        }
        let spec = &window.spec;
        line(say, 1, &format!("shape         {}", shape(window)));
        if let Some(early) = early(spec) {
            line(say, 1, &format!("early         rows so far every {early}, until the window ends"));
        }
        if let Some(early) = window.early_wall.map(Span) {
            line(
                say,
                1,
                &format!("early         rows so far every {early} by the clock of the machine, until the window ends"),
            );
        }
        line(say, 1, &format!("slices        {}", slices(spec)));
        for (name, text) in &window.group_by {
            line(say, 1, &format!("group by      {name} = {text}"));
        }
        if let Some(most) = window.max_groups {
            line(say, 1, &format!("max groups    {}", capped(most)));
        }
        for (name, text) in &window.select {
            line(say, 1, &format!("select        {name} = {text}"));
        }
        for text in state(plan, window) {
            line(say, 1, &format!("state         {text}"));
        }
        line(say, 1, &format!("kept          {}", kept(window)));
        line(say, 1, &format!("before exchange: {}{}", before(window), owner(window)));
    }
    for (group, pattern) in explain_pattern::all(plan) {
        line(say, 0, &format!("pattern {}  from {}", pattern.name, group.from.join(", ")));
        explain_pattern::lines(group, pattern).iter().for_each(|text| line(say, 1, text));
    }
    for (head, of) in explain_recommendation::all(plan) {
        line(say, 0, &format!("recommendation {}  from {}", head.name, of.from.join(", ")));
        explain_recommendation::lines(plan, of).iter().for_each(|text| line(say, 1, text));
    }
    for view in &plan.views {
        line(say, 0, &format!("view {}  from {}", view.name, view.from.join(", ")));
        super::view::lines(plan, view).iter().for_each(|text| line(say, 1, text));
    }
    for alert in &plan.alerts {
        let (head, lines) = explain_alert::lines(plan, alert);
        line(say, 0, &head);
        lines.iter().for_each(|text| line(say, 1, text));
    }
    for sink in &plan.sinks {
        let from: Vec<&str> = sink.parts.iter().map(|p| plan.schemas[*p as usize].name.as_str()).collect();
        line(say, 0, &format!("sink {}  from {}", sink.config.name, or_none(&from.join(", "))));
        line(say, 1, &format!("writes        {}", target(&sink.config.kind)));
        line(say, 1, &format!("rows          {}", rows(plan, sink)));
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    if depth == 0 && !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// True for what is no stream.
fn is_part(plan: &Plan, name: &str) -> bool {
    let heads = plan.heads.iter().filter(|head| !matches!(head.kind, HeadKind::Dedup(_)));
    plan.schemas.iter().map(|s| &s.name).chain(heads.map(|head| &head.name)).any(|one| one == name)
}

pub(super) fn joins(plan: &Plan) -> impl Iterator<Item = (&HeadPlan, &JoinPlan)> {
    plan.heads.iter().filter_map(|head| match &head.kind {
        HeadKind::Join(join) => Some((head, join)),
        HeadKind::Dedup(_) | HeadKind::Lookup(_) | HeadKind::Versions(_) | HeadKind::Recommendation(_) => None,
    })
}

pub(super) fn lookups(plan: &Plan) -> impl Iterator<Item = (&HeadPlan, &LookupPlan)> {
    plan.heads.iter().filter_map(|head| match &head.kind {
        HeadKind::Lookup(lookup) => Some((head, lookup)),
        HeadKind::Dedup(_) | HeadKind::Join(_) | HeadKind::Versions(_) | HeadKind::Recommendation(_) => None,
    })
}

fn versions(plan: &Plan) -> impl Iterator<Item = (&HeadPlan, &VersionsPlan)> {
    plan.heads.iter().filter_map(|head| match &head.kind {
        HeadKind::Versions(versions) => Some((head, versions)),
        HeadKind::Dedup(_) | HeadKind::Join(_) | HeadKind::Lookup(_) | HeadKind::Recommendation(_) => None,
    })
}

/// What is said of the rows of a table of events.
fn versions_lines(versions: &VersionsPlan) -> Vec<String> {
    let key = versions.key.join(", ");
    let rows =
        versions.keep.map_or("until the next of the key".to_owned(), |keep| format!("for {} at most", Span(keep)));
    vec![
        format!("rows          each event, from its time on, {rows}"),
        format!("exchanges     events by {key}, with {}", or_none(&versions.columns.join(", "))),
        match versions.horizon {
            horizon if horizon >= RowSchema::FOREVER => "kept          each version for ever".to_owned(),
            horizon => {
                format!("kept          the newest of a key, older ones for rows that change for {}", Span(horizon))
            }
        },
    ]
}

/// What is said of a lookup in a table of events.
fn lookup_lines(head: &HeadPlan, lookup: &LookupPlan) -> Vec<String> {
    let mut lines = vec![
        format!("looks up      {} of {} in {}", lookup.on[1].join(", "), lookup.from[1].join(", "), lookup.table.1),
        "row           the newest of the key that is not after the event".to_owned(),
    ];
    lines.extend(lookup.add.iter().map(|(name, column)| format!("adds          {name} = {column}")));
    for (side, what) in ["rows", "events"].iter().enumerate() {
        let paths: Vec<String> = lookup.columns[side].iter().map(|at| head.stage.paths[*at].to_string()).collect();
        let on = lookup.on[side].join(", ");
        lines.push(format!("exchanges     {what} by {on}, with {}", or_none(&paths.join(", "))));
    }
    let newest = lookup.keep.map_or("for ever".to_owned(), |keep| format!("for {}", Span(keep)));
    lines.push(format!(
        "kept          the newest row of a key {newest}, older ones for late events of {}",
        Span(lookup.horizon)
    ));
    lines
}

/// The parts that a join reads, each once.
fn sides(join: &JoinPlan) -> Vec<&str> {
    let mut sides: Vec<&str> = join.from.iter().map(String::as_str).collect();
    sides.dedup();
    sides
}

/// Where the right event of a pair is, seen from the left one.
fn near(join: &JoinPlan) -> String {
    let (before, after) = (Span(join.bounds.before), Span(join.bounds.after));
    if before == after {
        format!("at most {after} from it")
    } else {
        format!("at most {before} before and {after} after it")
    }
}

/// What is said of a join.
fn join_lines(head: &HeadPlan, join: &JoinPlan) -> Vec<String> {
    let [left, right] = &join.from;
    let mut lines = vec![
        format!("pairs         an event of {left} (left) with each of {right} (right) that is {}", near(join)),
        format!("on            {}", if join.on[0] == join.on[1] { join.on[0].clone() } else { join.on.join(" = ") }),
    ];
    if join.bounds.outer {
        lines.push("also          left events without a partner, with their own time".to_owned());
        lines.push(format!("watermark     {} behind that of its inputs", Span(head.delay)));
    }
    for (side, name) in ["left", "right"].iter().enumerate() {
        let paths = join.columns[side].iter().map(|at| head.stage.paths[*at].to_string());
        let paths: Vec<String> = paths.collect();
        lines.push(format!("exchanges     {name} events by {}, with {}", join.on[side], or_none(&paths.join(", "))));
    }
    for (side, name) in ["left", "right"].iter().enumerate() {
        let span = Span(join.bounds.kept(side));
        lines.push(format!("kept          a {name} event until the watermark passes its time + {span}"));
    }
    lines
}

/// A stage with the name of its head.
#[derive(Clone, Copy)]
struct Behind<'a> {
    name: &'a str,
    stage: &'a Stage,
}

/// The stages in the order of the plan.
fn stages(plan: &Plan) -> impl Iterator<Item = Behind<'_>> {
    let sources = plan.sources.iter().map(|s| Behind { name: &s.name, stage: &s.stage });
    sources.chain(plan.heads.iter().map(|head| Behind { name: &head.name, stage: &head.stage }))
}

fn behind(plan: &Plan, head: Head) -> Behind<'_> {
    let at = match head {
        Head::Source(i) => i,
        Head::Keyed(i) => plan.sources.len() + i,
    };
    stages(plan).nth(at).expect("a road begins at a part of the plan")
}

impl<'a> Behind<'a> {
    fn selection(&self, selection: usize) -> &'a str {
        if selection == 0 { self.name } else { &self.stage.steps[selection - 1].name }
    }

    /// The fields that a step sets.
    fn sets(&self, step: usize) -> impl Iterator<Item = &'a (String, String)> {
        self.stage.computed[step]
            .iter()
            .filter(|(name, _)| ![dedup::KEY, join::KEY, lookup::KEY, table::LOOKUP].contains(&name.as_str()))
    }
}

/// A stream as it stands on the first road that was planned, with its inputs on all.
pub(super) struct Shown<'a> {
    behind: Behind<'a>,
    step: usize,
    from: Vec<&'a str>,
    dedup: Option<(&'a DedupPlan, &'a Stage)>,
}

impl<'a> Shown<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.behind.stage.steps[self.step].name
    }

    /// What it lets through, as text.
    pub(super) fn filter(&self) -> Option<&'a str> {
        self.behind.stage.filters[self.step].as_deref()
    }

    /// The streams that it is the rest of.
    fn rest_of(&self) -> Vec<&'a str> {
        self.behind.stage.steps[self.step].minus.iter().map(|taken| self.behind.selection(*taken)).collect()
    }
}

/// Each stream once, in the order of the plan.
pub(super) fn streams(plan: &Plan) -> Vec<Shown<'_>> {
    let mut list: Vec<Shown<'_>> = Vec::new();
    for behind in stages(plan) {
        for (i, step) in behind.stage.steps.iter().enumerate().filter(|(_, s)| !is_part(plan, &s.name)) {
            let from = behind.selection(step.from);
            match list.iter_mut().find(|s| s.name() == step.name) {
                Some(shown) if shown.from.contains(&from) => {}
                Some(shown) => shown.from.push(from),
                None => {
                    let dedup =
                        plan.heads.iter().filter(|head| head.name == step.name).find_map(|head| match &head.kind {
                            HeadKind::Dedup(dedup) => Some((dedup, &head.stage)),
                            HeadKind::Join(_)
                            | HeadKind::Lookup(_)
                            | HeadKind::Versions(_)
                            | HeadKind::Recommendation(_) => None,
                        });
                    list.push(Shown { behind, step: i, from: vec![from], dedup });
                }
            }
        }
    }
    list
}

/// The parts on the road of a feed, from its source, or what stands at the worker of a key, on.
fn road<'a>(plan: &'a Plan, feed: &Feed) -> Vec<&'a str> {
    let behind = behind(plan, feed.head);
    let mut names = Vec::new();
    let mut at = feed.selection;
    while at > 0 {
        at = behind.stage.steps[at - 1].from;
        names.push(behind.selection(at));
    }
    names.reverse();
    names
}

pub(super) fn kind(source: &SourcePlan) -> String {
    match &source.config.kind {
        SourceKind::File(files) => {
            // How many files a folder or pattern has is known when the run begins.
            let partitions = match files.paths.len() {
                _ if files.as_one => "1 partition".to_owned(),
                1 => "a partition for each file of the path".to_owned(),
                n => format!("{n} paths, a partition for each file"),
            };
            format!("file, {partitions}{}", if files.follow { ", followed" } else { "" })
        }
        SourceKind::Program => "the program, 1 partition".into(),
        SourceKind::Stdin => "standard input, 1 partition".into(),
        SourceKind::Http(http) => {
            format!("sent to /v1/ingest/{}, 1 partition, {} may wait", source.name, http.queue)
        }
        SourceKind::Generate(g) => {
            let s = if g.partitions == 1 { "" } else { "s" };
            format!("generator, {} events, {} partition{s}", g.events, g.partitions)
        }
    }
}

/// What the aggregates keep, with columns and answers by name.
fn state(plan: &Plan, window: &WindowPlan) -> Vec<String> {
    let source = behind(plan, window.feeds[0].head);
    let computed: Vec<&str> = source.stage.computed.iter().flatten().map(|(_, text)| text.as_str()).collect();
    let name = |column: usize| match source.stage.paths.get(column) {
        Some(path) => path.to_string(),
        None => computed.get(column - source.stage.paths.len()).map_or_else(String::new, |text| format!("({text})")),
    };
    let call = |i: usize| window.calls.get(i).cloned().unwrap_or_default();
    let describe = window.feeds[0].layout.describe();
    describe.iter().map(|text| numbers_to_names(&numbers_to_names(text, "column ", &name), "answers ", &call)).collect()
}

/// Puts names for the numbers (one, or several with commas) behind `word`.
fn numbers_to_names(text: &str, word: &str, name: &dyn Fn(usize) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = rest.split_at(at + word.len());
        let answers = word.starts_with('a');
        let end = after.find(|c: char| !(c.is_ascii_digit() || answers && ", ".contains(c))).unwrap_or(after.len());
        let names: Vec<String> = after[..end].split(',').filter_map(|n| n.trim().parse().ok()).map(name).collect();
        out.push_str(if answers { before } else { &before[..at] });
        out.push_str(&names.join(", "));
        rest = &after[end..];
    }
    out + rest
}

/// A length of the window, which counts days where it has a zone.
fn length(spec: &WindowSpec, n: i64) -> Span {
    Span(if spec.zone.is_some() { n * 86_400_000_000 } else { n })
}

pub(super) fn shape(window: &WindowPlan) -> String {
    let spec = &window.spec;
    let span = |n| length(spec, n);
    let (mut text, offset) = match spec.shape {
        Shape::Sliding { size, slide, offset } if size == slide => (format!("tumbling, {}", span(size)), offset),
        Shape::Sliding { size, slide, offset } => {
            let gaps = if slide > size { ", with events between windows left out" } else { "" };
            (format!("sliding, {} every {}{gaps}", span(size), span(slide)), offset)
        }
        Shape::Cumulating { size, step, offset, fine } => {
            let step = if fine { Span(step) } else { span(step) };
            (format!("cumulating, every {step} up to {}", span(size)), offset)
        }
        Shape::Session { gap } => (format!("session, events no more than {} apart", Span(gap)), 0),
        Shape::Global { every, offset } => (format!("global, stated every {}", Span(every)), offset),
    };
    if offset != 0 {
        let _ = write!(text, ", {} after 1970-01-01", span(offset));
    }
    if let Some(name) = spec.zone.as_ref().and_then(|zone| zone.iana_name()) {
        let _ = write!(text, ", days of {name}");
    }
    text
}

fn is_global(spec: &WindowSpec) -> bool {
    matches!(spec.shape, Shape::Global { .. })
}

/// The longest that a window is; `None` where that is not known beforehand.
fn size(spec: &WindowSpec) -> Option<i64> {
    (spec.gap().is_none() && !is_global(spec)).then(|| lasting(spec).0 - spec.lateness)
}

/// From one start or end of a window to the next.
fn slide(spec: &WindowSpec) -> Option<i64> {
    match spec.shape {
        Shape::Sliding { slide, .. } => Some(length(spec, slide).0),
        Shape::Cumulating { step, fine, .. } => Some(if fine { step } else { length(spec, step).0 }),
        Shape::Session { .. } | Shape::Global { .. } => None,
    }
}

/// From one statement of the rows so far to the next.
fn early(spec: &WindowSpec) -> Option<Span> {
    spec.early.map(|early| if early.days { length(spec, early.every) } else { Span(early.every) })
}

fn slices(spec: &WindowSpec) -> String {
    if let Some(early) = early(spec) {
        return format!("{early} each, at most {} in a window", spec.slices());
    }
    match spec.shape {
        Shape::Global { every, .. } => format!("{} each, merged into the groups when they are stated", Span(every)),
        Shape::Session { gap } => format!("{} each, as long as the gap; a session is a run of them", Span(gap)),
        Shape::Sliding { size, slide, .. } if size > slide && size % slide != 0 => {
            let (first, second) = (length(spec, size % slide), length(spec, slide - size % slide));
            format!("{first} and {second} by turns, {} in a window", spec.slices())
        }
        Shape::Sliding { size, slide, .. } => {
            format!("{} each, {} in a window", length(spec, size.min(slide)), spec.slices())
        }
        Shape::Cumulating { step, fine, .. } => {
            let step = if fine { Span(step) } else { length(spec, step) };
            format!("{step} each, at most {} in a window", spec.slices())
        }
    }
}

/// How long after its start the state of a slice is kept.
fn lasting(spec: &WindowSpec) -> Span {
    let size = match spec.shape {
        Shape::Sliding { size, .. } | Shape::Cumulating { size, .. } => length(spec, size).0,
        Shape::Session { gap } => 3 * gap,
        Shape::Global { every, .. } => every,
    };
    Span(size + spec.lateness)
}

fn kept(window: &WindowPlan) -> String {
    let spec = &window.spec;
    if is_global(spec) {
        let groups = if window.group_by.is_empty() {
            "its one group"
        } else if window.max_groups.is_some() {
            "a group that has a row"
        } else {
            "a group, of which there should be a bounded number (max_groups),"
        };
        return format!("{groups} for ever");
    }
    let why = match spec.shape {
        Shape::Session { .. } => {
            "3 gaps + allowed lateness; what a session that goes on has there moves to its next slice"
        }
        _ => "size + allowed lateness",
    };
    format!("a slice until the watermark passes its start + {} ({why})", lasting(spec))
}

fn before(window: &WindowPlan) -> &'static str {
    match window.mode {
        Mode::Auto => "groups are aggregated where that makes less of them",
        Mode::Always => "groups are always aggregated",
        Mode::Never => "events are sent as they are",
    }
}

/// What a cap on groups does.
fn capped(most: usize) -> String {
    let bound = most.saturating_mul(3).saturating_add(1);
    format!(
        "{most} in a window, those of the least hashes; all others are one row, overflow; a slice has at most {bound} states"
    )
}

fn owner(window: &WindowPlan) -> String {
    window.max_groups.map_or_else(String::new, |most| format!(", at most {most} and overflow, and sent to one worker"))
}

pub(super) fn target(kind: &SinkKind) -> String {
    match kind {
        SinkKind::Program => "to the program as they are stated".into(),
        SinkKind::Stdout { .. } => "to standard output as they are stated".into(),
        SinkKind::File { path, .. } => format!("to {path}, which appears when the run has finished"),
    }
}

fn rows(plan: &Plan, sink: &SinkPlan) -> &'static str {
    let early = sink.parts.iter().any(|part| plan.schemas[*part as usize].early);
    match sink.config.mode {
        SinkMode::Corrections if early => "provisional rows, first statements and corrections",
        SinkMode::Changes => "every change: assertions and retractions, with op",
        SinkMode::Corrections => "first statements and corrections",
        SinkMode::First => "first statements only",
    }
}

fn pairs<'a>(list: impl IntoIterator<Item = &'a (String, String)>) -> Value {
    list.into_iter().map(|(name, text)| json!({ "name": name, "expression": text })).collect()
}

/// The plan as JSON.
pub fn explain_json(plan: &Plan) -> Value {
    let sources: Vec<Value> = plan
        .sources
        .iter()
        .map(|s| {
            json!({
                "name": s.name,
                "kind": kind(s),
                "time": match s.processing {
                    true => json!({ "clock": "processing" }),
                    false => json!({ "field": s.config.time.field.to_string(), "unit": s.config.time.written() }),
                },
                "rate_limit_per_second": s.config.rate_limit.map(|rate| rate.0),
                "out_of_orderness_us": s.out_of_orderness,
                "idle_after_us": s.idle_after,
                "decodes": s.stage.paths.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "prefilter": s.prefilter.as_ref().map(|(p, t)| json!({ "field": p.to_string(), "texts": t })),
            })
        })
        .collect();
    let tables: Vec<Value> = plan.tables.iter().map(table::json).collect();
    let streams: Vec<Value> = streams(plan)
        .iter()
        .map(|s| {
            let dedup =
                s.dedup.map(|(d, _)| json!({ "by": d.by, "within_us": d.within, "kept_us": d.within + d.horizon }));
            json!({
                "name": s.name(),
                "from": s.from,
                "rest_of": s.rest_of(),
                "enrich": s.behind.stage.enriches[s.step].iter().map(|e| {
                    json!({ "table": e.table, "key": e.key, "add": pairs(e.add.iter()) })
                }).collect::<Vec<_>>(),
                "where": s.behind.stage.filters[s.step],
                "sample": s.behind.stage.samples[s.step],
                "set": pairs(s.behind.sets(s.step)),
                "dedup": dedup,
            })
        })
        .collect();
    let lookups: Vec<Value> = lookups(plan)
        .map(|(head, lookup)| {
            json!({
                "name": head.name,
                "from": lookup.from[1],
                "table": lookup.table.1,
                "rows_from": lookup.from[0],
                "key": lookup.on[1],
                "add": lookup.add.iter().map(|(name, column)| json!({ "name": name, "column": column })).collect::<Vec<_>>(),
                "keep_us": lookup.keep,
                "late_events_us": lookup.horizon,
            })
        })
        .collect();
    let table_rows: Vec<Value> = versions(plan)
        .map(|(head, of)| {
            json!({
                "name": head.name,
                "from": of.from,
                "table": of.table.1,
                "key": of.key,
                "columns": of.columns,
                "keep_us": of.keep,
                "changes_for_us": (of.horizon < RowSchema::FOREVER).then_some(of.horizon),
            })
        })
        .collect();
    let joins: Vec<Value> = joins(plan)
        .map(|(head, join)| {
            json!({
                "name": head.name,
                "left": join.from[0],
                "right": join.from[1],
                "on": { "left": join.on[0], "right": join.on[1] },
                "before_us": join.bounds.before,
                "after_us": join.bounds.after,
                "kind": if join.bounds.outer { "left" } else { "inner" },
                "allowed_lateness_us": join.bounds.lateness,
                "fields": head.stage.paths.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "watermark_behind_us": head.delay,
                "kept_us": { "left": join.bounds.kept(0), "right": join.bounds.kept(1) },
            })
        })
        .collect();
    let windows: Vec<Value> = plan
        .windows
        .iter()
        .map(|w| {
            json!({
                "name": w.name,
                "from": w.from,
                "fed_by": w.feeds.iter().map(|feed| road(plan, feed)).collect::<Vec<_>>(),
                "shape": shape(w),
                "size_us": size(&w.spec),
                "slide_us": slide(&w.spec),
                "gap_us": w.spec.gap(),
                "global_us": if let Shape::Global { every, .. } = w.spec.shape { Some(every) } else { None },
                "early_us": early(&w.spec).map(|span| span.0),
                "early_wall_us": w.early_wall,
                "time_zone": w.spec.zone.as_ref().and_then(|zone| zone.iana_name()),
                "slices": w.spec.slices(),
                "allowed_lateness_us": w.spec.lateness,
                "group_by": pairs(&w.group_by),
                "max_groups": w.max_groups,
                "select": pairs(&w.select),
                "state": state(plan, w),
                "kept": kept(w),
                "before_exchange": format!("{}{}", before(w), owner(w)),
            })
        })
        .collect();
    let sinks: Vec<Value> = plan
        .sinks
        .iter()
        .map(|s| {
            json!({
                "name": s.config.name,
                "from": s.parts.iter().map(|p| &plan.schemas[*p as usize].name).collect::<Vec<_>>(),
                "writes": target(&s.config.kind),
                "rows": rows(plan, s),
            })
        })
        .collect();
    json!({
        "name": plan.name,
        "tick_us": plan.tick,
        "max_drift_us": plan.max_drift,
        "max_inflight_bytes": plan.max_inflight,
        "fingerprint": plan.fingerprint.iter().map(|b| format!("{b:02x}")).collect::<String>(),
        "sources": sources,
        "tables": tables,
        "streams": streams,
        "lookups": lookups,
        "table_rows": table_rows,
        "joins": joins,
        "windows": windows,
        "patterns": explain_pattern::all(plan).into_iter().map(|(g, p)| explain_pattern::json(g, p)).collect::<Vec<_>>(),
        "recommendations": explain_recommendation::all(plan).into_iter().map(|(h, of)| explain_recommendation::json(plan, h, of)).collect::<Vec<_>>(),
        "views": plan.views.iter().map(|view| super::view::json(plan, view)).collect::<Vec<_>>(),
        "alerts": plan.alerts.iter().map(|alert| explain_alert::json(plan, alert)).collect::<Vec<_>>(),
        "sinks": sinks,
    })
}

/// The plan as a Graphviz graph.
pub fn explain_dot(plan: &Plan) -> String {
    let mut out = String::from("digraph highwater {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    let mut node = |name: &str, label: &str, more: &str| {
        let _ = writeln!(out, "  {} [label={}{more}];", quoted(name), quoted(label));
    };
    for s in &plan.sources {
        let until = if s.processing { "now".to_owned() } else { format!("newest - {}", Span(s.out_of_orderness)) };
        node(&s.name, &format!("{}\n{}\nuntil {until}", s.name, kind(s)), ", shape=cds");
    }
    for table in &plan.tables {
        node(&table.name, &format!("{}\n{}", table.name, table::kind(table)), ", shape=cylinder");
    }
    for s in streams(plan) {
        let name = s.name();
        let filter = s.behind.stage.filters[s.step].as_deref().map_or(String::new(), |f| format!("\nwhere {f}"));
        node(name, &format!("{name}{filter}"), "");
    }
    for (head, lookup) in lookups(plan) {
        node(&head.name, &format!("{}\n{}", head.name, lookup.on[1].join(", ")), ", shape=diamond");
    }
    for (head, join) in joins(plan) {
        let on = if join.on[0] == join.on[1] { join.on[0].clone() } else { join.on.join(" = ") };
        node(&head.name, &format!("{}\n{on}\n{}", head.name, near(join)), ", shape=diamond");
    }
    for w in &plan.windows {
        let by: Vec<&str> = w.group_by.iter().map(|(name, _)| name.as_str()).collect();
        let lasting = if is_global(&w.spec) { "for ever".to_owned() } else { lasting(&w.spec).to_string() };
        let label = format!("{}\n{}\nby {}\nkept {lasting}", w.name, shape(w), or_none(&by.join(", ")));
        node(&w.name, &label, ", style=rounded");
    }
    for (group, p) in explain_pattern::all(plan) {
        let by = group.key.as_deref().unwrap_or("nothing");
        node(&p.name, &format!("{}\n{}\nby {by}", p.name, p.text), ", style=rounded");
    }
    for view in &plan.views {
        node(&view.name, &super::view::label(view), ", style=rounded");
    }
    for s in &plan.sinks {
        node(
            &format!("sink {}", s.config.name),
            &format!("{}\n{}", s.config.name, target(&s.config.kind)),
            ", shape=note",
        );
    }
    for (from, to) in edges(plan) {
        let _ = writeln!(out, "  {} -> {};", quoted(from), quoted(to));
    }
    for view in &plan.views {
        for from in &view.from {
            let _ = writeln!(out, "  {} -> {};", quoted(from), quoted(&view.name));
        }
    }
    for s in &plan.sinks {
        for part in &s.parts {
            let name = &plan.schemas[*part as usize].name;
            let _ = writeln!(out, "  {} -> {};", quoted(name), quoted(&format!("sink {}", s.config.name)));
        }
    }
    for alert in &plan.alerts {
        explain_alert::dot(plan, alert, &|text| quoted(text), &mut out);
    }
    explain_recommendation::dot(plan, &|text| quoted(text), &mut out);
    for (_, pattern) in explain_pattern::all(plan) {
        explain_pattern::dot(pattern, &|text| quoted(text), &mut out);
    }
    out.push_str("}\n");
    out
}

/// What reads what, up to windows and patterns; each pair once.
pub(super) fn edges(plan: &Plan) -> Vec<(&str, &str)> {
    let mut edges: Vec<(&str, &str)> = Vec::new();
    for s in stages(plan) {
        for (step, enriches) in s.stage.steps.iter().zip(&s.stage.enriches) {
            edges.extend(enriches.iter().map(|enrich| (enrich.table.as_str(), step.name.as_str())));
            let inputs = [step.from].into_iter().chain(step.minus.iter().copied());
            // The patterns of a group have one step.
            let group = plan.pattern_groups.iter().find(|g| g.patterns.iter().any(|p| p.name == step.name));
            let names: Vec<&str> = match group {
                Some(group) => group.patterns.iter().map(|p| p.name.as_str()).collect(),
                // The rows of a table are the table.
                None => vec![
                    versions(plan).find(|(head, _)| head.name == step.name).map_or(&step.name, |(_, of)| &of.table.1),
                ],
            };
            edges.extend(inputs.flat_map(|input| names.iter().map(move |name| (s.selection(input), *name))));
        }
    }
    let mut once: Vec<(&str, &str)> = Vec::new();
    for edge in edges {
        if !once.contains(&edge) {
            once.push(edge);
        }
    }
    once
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_on_groups_is_shown_with_what_it_bounds() {
        let text = "[sources.e]\ntype = \"stdin\"\n[windows.w]\nfrom = \"e\"\nsize = \"1s\"\ngroup_by = [\"k\"]\n\
                    max_groups = 10\nselect = { n = \"count(*)\" }\n";
        let plan = |text: &str| {
            let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
            crate::plan::compile(&config.unwrap_or_else(|| panic!("{problems}"))).unwrap()
        };
        let (capped, free) = (plan(text), plan(&text.replace("max_groups = 10\n", "")));
        let said = explain_text(&capped);
        for part in ["max groups    10 in a window", "at most 31 states", "always aggregated, at most 10 and overflow"]
        {
            assert!(said.contains(part), "{said}");
        }
        assert!(!explain_text(&free).contains("max groups"));
        assert_eq!(explain_json(&capped)["windows"][0]["max_groups"], 10);
        assert!(explain_json(&free)["windows"][0]["max_groups"].is_null());
    }

    #[test]
    fn numbers_become_names() {
        let name = |i: usize| format!("n{i}");
        let text = numbers_to_names("exact total of column 3, where column 11; answers 1, 2", "column ", &name);
        assert_eq!(text, "exact total of n3, where n11; answers 1, 2");
        assert_eq!(numbers_to_names(&text, "answers ", &name), "exact total of n3, where n11; answers n1, n2");
    }

    #[test]
    fn provisional_rows_and_windows_without_an_end_are_told() {
        let text = "[sources.e]\ntype = \"stdin\"\n[windows.w]\nfrom = \"e\"\nsize = \"10s\"\nearly = \"2s\"\n\
                    select = { n = \"count(*)\" }\n[windows.g]\nfrom = \"e\"\nglobal = \"5s\"\ngroup_by = [\"k\"]\n\
                    select = { n = \"count(*)\" }\n[sinks.o]\ntype = \"stdout\"\nfrom = \"w\"\nmode = \"corrections\"\n";
        let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        let plan = super::super::compile(&config.unwrap()).unwrap();
        let text = explain_text(&plan);
        for line in [
            "early         rows so far every 2s, until the window ends",
            "slices        2s each, at most 5 in a window",
            "rows          provisional rows, first statements and corrections",
            "shape         global, stated every 5s",
            "kept          a group, of which there should be a bounded number (max_groups), for ever",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let json = explain_json(&plan);
        let (w, g) = (&json["windows"][0], &json["windows"][1]);
        assert_eq!(
            (w["early_us"].as_i64(), w["global_us"].as_i64(), w["size_us"].as_i64()),
            (Some(2_000_000), None, Some(10_000_000))
        );
        assert_eq!(
            (g["early_us"].as_i64(), g["global_us"].as_i64(), g["size_us"].as_i64()),
            (None, Some(5_000_000), None)
        );
    }
}
