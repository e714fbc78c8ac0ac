//! Streams that drop duplicates, joins, lookups in tables of events, and recommendations: each is a *head* at the worker of a key, where the roads to it end and other
//! roads begin. What is read behind a head decides which columns come with an event, so those furthest behind are planned
//! first.

use super::building::Building;
use super::compile::stage;
use super::{
    DedupPlan, Extensions, Head, HeadInput, HeadKind, HeadPlan, Keyed, PatternInput, ViewPlan, WindowPlan, dedup, join,
    lookup, pattern, recommendation, road,
};
use crate::config::{Config, DedupConfig, JoinConfig, Located, LookupConfig, RecommendationConfig, StreamConfig};
use crate::error::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// A head as the file has it.
#[derive(Clone, Copy)]
enum Said<'a> {
    Dedup(&'a StreamConfig, &'a DedupConfig),
    Join(&'a JoinConfig),
    Lookup(&'a LookupConfig),
    Recommendation(&'a RecommendationConfig),
}

impl<'a> Said<'a> {
    fn name(self) -> &'a str {
        match self {
            Said::Dedup(stream, _) => &stream.name,
            Said::Join(join) => &join.name,
            Said::Lookup(lookup) => &lookup.name,
            Said::Recommendation(part) => &part.name,
        }
    }

    fn inputs(self) -> Vec<&'a str> {
        let list: Vec<&Located<String>> = match self {
            Said::Dedup(stream, _) => stream.from.iter().collect(),
            Said::Join(join) => join.from.iter().collect(),
            Said::Lookup(lookup) => lookup.from.iter().flatten().collect(),
            Said::Recommendation(part) => part.from.iter().collect(),
        };
        list.into_iter().map(|from| from.value.as_str()).collect()
    }
}

/// The heads on the roads from sources to windows and patterns, each after all that lead to it, else in the order of the
/// file. Those in a circle are left out: that is reported elsewhere.
fn in_order(config: &Config) -> Vec<Said<'_>> {
    let (led, reached) = (road::on_road(config), road::reached(config));
    let live = |name: &str| led.contains(name) && reached.contains(name);
    let streams = config.streams.iter().filter(|s| live(&s.name));
    let dedups = streams.filter_map(|s| Some(Said::Dedup(s, s.dedup.as_ref()?)));
    let joins = config.joins.iter().filter(|j| live(&j.name)).map(Said::Join);
    let lookups = config.lookups.iter().filter(|l| live(&l.name)).map(Said::Lookup);
    let mut open: Vec<Said<'_>> = dedups.chain(joins).chain(lookups).collect();
    // Those that lead to each without another one between.
    let names: BTreeSet<&str> = open.iter().map(|keyed| keyed.name()).collect();
    let before = |keyed: Said<'_>| {
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut list: Vec<String> = keyed.inputs().into_iter().map(str::to_owned).collect();
        while let Some(name) = list.pop() {
            if names.contains(name.as_str()) {
                found.insert(name);
            } else if seen.insert(name.clone()) {
                let streams = config.streams.iter().filter(|s| s.name == name);
                list.extend(streams.flat_map(|s| &s.from).map(|from| from.value.clone()));
            }
        }
        found
    };
    let mut order: Vec<Said<'_>> = Vec::new();
    while let Some(at) = open
        .iter()
        .position(|keyed| before(*keyed).iter().all(|name| order.iter().any(|done| done.name() == name.as_str())))
    {
        order.push(open.remove(at));
    }
    // Nothing reads them, so they can stand at the end, where they leave no gap among what is counted.
    let live = |part: &&RecommendationConfig| part.from.iter().any(|from| reached.contains(from.value.as_str()));
    order.extend(config.recommendations.iter().filter(live).map(Said::Recommendation));
    order
}

/// What planning has found so far.
pub(super) struct Found<'f, 'a> {
    pub(super) windows: &'f mut [Option<WindowPlan>],
    pub(super) drafts: &'f [pattern::Draft<'a>],
    pub(super) patterns: &'f mut Vec<(usize, PatternInput)>,
    pub(super) problems: &'f mut Vec<Problem>,
}

/// The heads with all that is behind them, without the inputs that come from sources. `parts`: how many parts have rows.
pub(super) fn heads<'a>(
    (config, extensions): (&'a Config, &'a Extensions),
    needed: &'a BTreeSet<&'a str>,
    (tick, parts): (i64, usize),
    found: &mut Found<'_, 'a>,
) -> Vec<HeadPlan> {
    let order = in_order(config);
    let mut plans: Vec<Option<HeadPlan>> = order.iter().map(|_| None).collect();
    for (h, keyed) in order.iter().enumerate().rev() {
        // Twice: the first time finds the paths, and so where the computed columns begin.
        let mut draft = config.windows.iter().map(|_| None).collect::<Vec<_>>();
        let joined = if let Said::Join(join) = keyed { Some(*join) } else { None };
        let begin = |paths| {
            let mut building = Building::new((config, extensions), needed, &plans, tick, Head::Keyed(h), paths);
            (building.drafts, building.joined) = (found.drafts, joined);
            building
        };
        let mut building = begin(Vec::new());
        building.children(keyed.name(), 0, &BTreeMap::new(), &mut draft);
        found.problems.append(&mut building.problems);
        let mut building = begin(building.paths);
        building.children(keyed.name(), 0, &BTreeMap::new(), found.windows);
        let Building { paths, steps, inputs, pattern_inputs, .. } = building;
        found.patterns.extend(pattern_inputs);
        add(&mut plans, inputs);
        let (kind, delay) = match keyed {
            Said::Dedup(_, dedup) => {
                let (by, within) = (dedup.by.value.clone(), dedup.within.0);
                (HeadKind::Dedup(DedupPlan { by, within, horizon: 0 }), 0)
            }
            Said::Join(join) => {
                let plan = join::plan(join, tick, &paths);
                let delay = plan.bounds.hold;
                (HeadKind::Join(plan), delay)
            }
            Said::Lookup(of) if of.is_rows() => {
                let part = config.row_parts().position(|name| name == of.table).unwrap_or(0);
                (HeadKind::Versions(lookup::versions(config, of, part)), 0)
            }
            Said::Lookup(of) => (HeadKind::Lookup(lookup::plan(config, of, &paths)), 0),
            Said::Recommendation(of) => (HeadKind::Recommendation(Box::new(recommendation::plan(config, of))), 0),
        };
        let own = recommendation::part_of(config, keyed.name());
        plans[h] = Some(HeadPlan {
            name: keyed.name().to_owned(),
            kind,
            inputs: Vec::new(),
            delay,
            // What it feeds is known when all roads are.
            stage: stage(paths, steps, Vec::new()),
            part: own.unwrap_or((parts + h) as u32),
        });
    }
    plans.into_iter().flatten().collect()
}

/// Adds inputs to the heads that they are of.
pub(super) fn add(plans: &mut [Option<HeadPlan>], inputs: Vec<(usize, HeadInput)>) {
    for (h, input) in inputs {
        if let Some(plan) = &mut plans[h] {
            plan.inputs.push(input);
        }
    }
}

/// Says how far behind its tick an event is too late for all that is behind each head that drops duplicates. All feeds
/// are known.
pub(super) fn horizons(config: &Config, lateness: &[i64], heads: &mut [HeadPlan]) {
    for h in (0..heads.len()).rev() {
        let within = match &heads[h].kind {
            HeadKind::Dedup(dedup) => dedup.within,
            HeadKind::Lookup(_) => 0,
            HeadKind::Join(_) | HeadKind::Versions(_) | HeadKind::Recommendation(_) => continue,
        };
        let reach = behind(config, lateness, heads, h, within);
        match &mut heads[h].kind {
            HeadKind::Dedup(dedup) => dedup.horizon = reach,
            HeadKind::Lookup(lookup) => lookup.horizon = reach,
            HeadKind::Join(_) | HeadKind::Versions(_) | HeadKind::Recommendation(_) => {}
        }
    }
}

/// Says how long rows may change that versions of tables are joined with. The views are planned.
pub(super) fn kept(views: &[ViewPlan], heads: &mut [HeadPlan]) {
    for head in heads {
        let HeadKind::Versions(versions) = &mut head.kind else { continue };
        let reads = |step: &&Keyed| {
            step.feeds.iter().any(|feed| feed.parts.as_ref().is_some_and(|p| p.contains(&versions.part)))
        };
        let steps = views.iter().flat_map(|view| &view.steps).filter(reads);
        versions.horizon = steps.map(|step| step.keep).max().unwrap_or(0);
    }
}

/// How far behind its tick an event is too late for all that is behind a head. `lateness`: that of each group of patterns;
/// `within`: of windows over all of time, as [`dedup::reach`] has it.
fn behind(config: &Config, lateness: &[i64], heads: &[HeadPlan], h: usize, within: i64) -> i64 {
    let head = &heads[h];
    let windows = head.stage.feeds.iter().map(|(w, _)| dedup::reach(&config.windows[*w], within));
    let patterns = head.stage.patterns.iter().map(|(g, _)| lateness[*g].saturating_add(1));
    let behind = head.stage.heads.iter().map(|(other, _)| reach(config, lateness, heads, *other, within));
    windows.chain(patterns).chain(behind).max().unwrap_or(0)
}

/// The same for what comes to a head.
fn reach(config: &Config, lateness: &[i64], heads: &[HeadPlan], h: usize, within: i64) -> i64 {
    let head = &heads[h];
    let most = behind(config, lateness, heads, h, within);
    match &head.kind {
        HeadKind::Dedup(_) => most,
        HeadKind::Versions(versions) => versions.horizon,
        // No version of a row is too late, as of a window over all of time no event is.
        HeadKind::Lookup(_) => most.max(within),
        // What has no key goes on.
        HeadKind::Join(join) if join.bounds.outer => most.saturating_add(head.delay).max(join.bounds.reach()),
        HeadKind::Join(join) => join.bounds.reach(),
        HeadKind::Recommendation(of) => of.reach(),
    }
}

/// How far behind that of the sources the watermark is behind each head.
pub(super) fn held(heads: &[HeadPlan]) -> i64 {
    let mut held: Vec<i64> = Vec::new();
    for head in heads {
        let before = head.inputs.iter().map(|input| match input.from {
            Head::Source(_) => 0,
            Head::Keyed(other) => held.get(other).copied().unwrap_or(0),
        });
        held.push(before.max().unwrap_or(0).saturating_add(head.delay));
    }
    held.into_iter().max().unwrap_or(0)
}
