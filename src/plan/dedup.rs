//! Roads to a stream that drops duplicates, which end at it, and how late an event may be that windows behind it take.

use super::building::{Building, Names};
use super::window::DAY;
use super::{Head, HeadInput, HeadPlan, WindowPlan};
use crate::config::{Config, StreamConfig, WindowConfig, WindowShape};
use crate::error::Problem;

/// What `explain` calls a column that is only the key of a dedup: no name that a stream can set.
pub(super) const KEY: &str = "dedup by";

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
        let behind = plan.iter().flat_map(|w| &w.feeds).any(|feed| matches!(feed.head, Head::Keyed(_)));
        if let Some(path) = window.too_late.as_ref().filter(|_| behind) {
            problems.push(path.problem(
                "window.too_late",
                "a window behind a dedup or a join cannot keep events that are too late: only the fields it reads get there",
                Some("keep them in a window of the stream before that".into()),
            ));
        }
    }
}

impl Building<'_> {
    /// Ends the road at a stream that drops duplicates.
    pub(super) fn duplicates(
        &mut self,
        stream: &StreamConfig,
        (selection, key): (usize, Option<usize>),
        names: &Names,
    ) {
        let heads = self.heads;
        let named = |head: &HeadPlan| head.name == stream.name;
        let found = heads.iter().enumerate().find_map(|(h, head)| Some((h, head.as_ref().filter(|h| named(h))?)));
        if let (Some((h, plan)), Some(key)) = (found, key) {
            let columns = plan.stage.paths.iter().map(|path| self.slot(names, path)).collect();
            let road = self.road.iter().rev().map(|(_, input)| *input).collect();
            self.inputs.push((h, HeadInput { from: self.head, side: 0, selection, keys: vec![key], columns, road }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::HeadKind;
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
        let (source, dedup, window) = (&plan.sources[0], &plan.heads[0], &plan.windows[0]);
        let names = |paths: &[FieldPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&dedup.stage.paths), ["u", "y", "x"]);
        // Computed there: y of d, and the key.
        assert_eq!(names(&source.stage.paths), ["t", "x", "id", "u", "y"]);
        let input = &dedup.inputs[0];
        assert_eq!((&input.keys[..], &input.columns[..], input.selection), (&[6][..], &[3, 5, 1][..], 1));
        let HeadKind::Dedup(of) = &dedup.kind else { panic!("{:?}", dedup.kind) };
        assert_eq!((of.within, of.horizon), (10_000_000, 5_000_000));
        let heads: Vec<_> = window.feeds.iter().map(|f| (f.head, f.layout.columns())).collect();
        assert_eq!(heads, [(Head::Source(0), vec![4, 1]), (Head::Keyed(0), vec![1, 2])]);
        assert_eq!(
            (&source.stage.feeds[..], &source.stage.heads[..], &dedup.stage.feeds[..]),
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
    fn what_is_behind_another_head_is_planned_before_it() {
        let text = format!(
            "{SOURCE}[streams.s]\nfrom = \"d\"\n{DEDUP}[streams.d]\nfrom = \"e\"\n{DEDUP}[joins.j]\nleft = \"s\"\n\
             right = \"d\"\non = \"k\"\nwithin = \"3s\"\nkind = \"left\"\nallowed_lateness = \"1500ms\"\n[windows.w]\n\
             from = \"j\"\nsize = \"3s\"\nselect = {{ n = \"sum(left.a + right.b)\" }}\n"
        );
        let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
        let plan = compile(&config.unwrap()).unwrap();
        let told: Vec<_> = plan.heads.iter().map(|h| (h.name.as_str(), h.delay, &h.stage.heads[..])).collect();
        assert_eq!(told, [("d", 0, &[(1, 0), (2, 1)][..]), ("s", 0, &[(2, 0)]), ("j", 5_000_000, &[])]);
        assert_eq!((plan.held, &plan.sources[0].stage.heads[..]), (5_000_000, &[(0, 0)][..]));
        let HeadKind::Dedup(first) = &plan.heads[0].kind else { panic!() };
        // As late as what the join takes from its side, or says alone for the window.
        assert_eq!(first.horizon, 8_000_000);
    }
}
