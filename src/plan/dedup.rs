//! Streams that drop duplicates, each turned into a stage of its own: what is read behind it decides which columns
//! come with an event, and the roads to it end there.

use super::compile::{Building, DAY, Names, stage};
use super::{DedupInput, DedupPlan, Extensions, Head, WindowPlan, pattern, road};
use crate::config::{Config, DedupConfig, StreamConfig, WindowConfig, WindowShape};
use crate::error::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// What `explain` calls a column that is only the key of a dedup: no name that a stream can set.
pub(super) const KEY: &str = "dedup by";

/// The streams that drop duplicates, with all that is behind them; without their inputs.
pub(super) fn dedups(
    (config, extensions): (&Config, &Extensions),
    needed: &BTreeSet<&str>,
    drafts: &[pattern::Draft<'_>],
    tick: i64,
    windows: &mut [Option<WindowPlan>],
    problems: &mut Vec<Problem>,
) -> Vec<DedupPlan> {
    let reached = road::reached(config);
    let known =
        |stream: &&StreamConfig| needed.contains(stream.name.as_str()) && reached.contains(stream.name.as_str());
    let mut list = Vec::new();
    for stream in config.streams.iter().filter(known) {
        let Some(dedup) = &stream.dedup else { continue };
        let head = Head::Dedup(list.len());
        let mut draft = config.windows.iter().map(|_| None).collect::<Vec<_>>();
        let mut building = Building::new((config, extensions), needed, &[], tick, head, Vec::new());
        building.drafts = drafts;
        building.children(&stream.name, 0, &BTreeMap::new(), &mut draft);
        problems.append(&mut building.problems);
        // Where no window is behind it, it is only named by a rest, which asks for what comes to it.
        if draft.iter().all(Option::is_none) {
            continue;
        }
        let mut building = Building::new((config, extensions), needed, &[], tick, head, building.paths);
        building.children(&stream.name, 0, &BTreeMap::new(), windows);
        let Building { paths, steps, .. } = building;
        list.push(DedupPlan {
            name: stream.name.clone(),
            by: dedup.by.value.clone(),
            within: dedup.within.0,
            horizon: 0,
            inputs: Vec::new(),
            // What it feeds is known when all roads are.
            stage: stage(paths, steps, Vec::new()),
            part: (config.windows.len() + config.patterns.len() + list.len()) as u32,
        });
    }
    list
}

/// How far behind its tick an event is too late for the window, whatever its place in it. For a window over all of time
/// none is; keys are not kept for ever, so duplicates are dropped among those up to `within` behind.
pub(super) fn reach(window: &WindowConfig, within: i64) -> i64 {
    let longest = match window.shape {
        WindowShape::Global { .. } => within,
        WindowShape::Sliding { size, .. } | WindowShape::Cumulating { size, .. } => size.0,
        WindowShape::Session { gap } => gap.0 + 1,
    };
    // Days of a zone have up to 25 hours, and more where it has moved.
    longest + if window.time_zone.is_some() { DAY } else { 0 } + window.allowed_lateness.0
}

/// Reports windows behind a dedup that are to keep what is too late: events have left their lines behind there.
pub(super) fn keeps(config: &Config, windows: &[Option<WindowPlan>], problems: &mut Vec<Problem>) {
    for (window, plan) in config.windows.iter().zip(windows) {
        let behind = plan.iter().flat_map(|w| &w.feeds).any(|feed| matches!(feed.head, Head::Dedup(_)));
        if let Some(path) = window.too_late.as_ref().filter(|_| behind) {
            problems.push(path.problem(
                "window.too_late",
                "a window behind a dedup cannot keep events that are too late: only the fields it reads get there",
                Some("keep them in a window of the stream before the dedup".into()),
            ));
        }
    }
}

impl Building<'_> {
    /// Ends the road at a stream that drops duplicates.
    pub(super) fn duplicates(
        &mut self,
        stream: &StreamConfig,
        dedup: &DedupConfig,
        (selection, key): (usize, Option<usize>),
        names: &Names,
    ) {
        let Head::Source(source) = self.head else {
            self.problems.push(dedup.by.problem(
                "config.planned",
                "a dedup behind another dedup is planned but not in this version",
                Some("drop duplicates in one of the streams".into()),
            ));
            return;
        };
        let dedups = self.dedups;
        let found = dedups.iter().enumerate().find(|(_, d)| d.name == stream.name);
        if let (Some((d, plan)), Some(key)) = (found, key) {
            let columns = plan.stage.paths.iter().map(|path| self.slot(names, path)).collect();
            let road = self.road.iter().rev().map(|(_, input)| *input).collect();
            self.inputs.push((d, DedupInput { source, selection, key, columns, road }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;
    use crate::event::FieldPath;

    const SOURCE: &str = "[sources.e]\ntype = \"stdin\"\n";
    const DEDUP: &str = "dedup = { by = \"lower(id)\", within = \"10s\" }\n";
    const WINDOW: &str = "size = \"3s\"\nallowed_lateness = \"2s\"\nselect = { n = \"sum(y)\", m = \"max(x)\" }\n";

    #[test]
    fn behind_a_dedup_there_is_what_is_read_there_and_no_more() {
        let text = format!(
            "{SOURCE}[streams.d]\nfrom = \"e\"\nwhere = \"t = 'a'\"\nset = {{ y = \"x + 1\" }}\n{DEDUP}[streams.s]\nfrom = \"d\"\n\
             where = \"u > 1\"\n[windows.w]\nfrom = [\"e\", \"s\"]\n{WINDOW}"
        );
        let (config, problems) = crate::config::parse("t.toml", &text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        let plan = compile(&config.unwrap()).unwrap();
        let (source, dedup, window) = (&plan.sources[0], &plan.dedups[0], &plan.windows[0]);
        let names = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&dedup.stage.paths), ["u", "y", "x"]);
        // Computed there: y of d, and the key.
        assert_eq!(names(&source.stage.paths), ["t", "x", "id", "u", "y"]);
        let input = &dedup.inputs[0];
        assert_eq!((input.key, &input.columns[..], input.selection), (6, &[3, 5, 1][..], 1));
        assert_eq!((dedup.within, dedup.horizon), (10_000_000, 5_000_000));
        let heads: Vec<_> = window.feeds.iter().map(|f| (f.head, f.layout.columns())).collect();
        assert_eq!(heads, [(Head::Source(0), vec![4, 1]), (Head::Dedup(0), vec![1, 2])]);
        assert_eq!(
            (&source.stage.feeds[..], &source.dedups[..], &dedup.stage.feeds[..]),
            (&[(0, 0)][..], &[(0, 0)][..], &[(0, 1)][..])
        );
    }

    #[test]
    fn a_window_behind_a_dedup_that_keeps_what_is_too_late_is_a_problem() {
        for (from, expected) in [("d", &[("window.too_late", 12)][..]), ("e", &[])] {
            let text = format!(
                "{SOURCE}[streams.d]\nfrom = \"e\"\n{DEDUP}[windows.v]\nfrom = \"d\"\nsize = \"3s\"\nselect.n = \"count(*)\"\n\
                 [windows.w]\nfrom = \"{from}\"\ntoo_late = \"late.ndjson\"\n{WINDOW}"
            );
            let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
            let problems = compile(&config.unwrap()).err().map(|p| p.list).unwrap_or_default();
            let found: Vec<_> = problems.iter().map(|p| (p.code, p.line)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_dedup_behind_another_is_said_to_be_planned() {
        let text = format!(
            "{SOURCE}[streams.d]\nfrom = \"e\"\n{DEDUP}[streams.s]\nfrom = \"d\"\n{DEDUP}[windows.w]\nfrom = \"s\"\n{WINDOW}"
        );
        let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
        let problems = compile(&config.unwrap()).unwrap_err();
        let found: Vec<_> = problems.list.iter().map(|p| (p.code, p.line)).collect();
        assert_eq!(found, [("config.planned", 8)]);
    }
}
