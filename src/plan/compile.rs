//! Settings, turned into a plan, with every problem of every expression.

use super::building::{Building, Built};
use super::select::{function, problem};
use super::{
    Extensions, Head, HeadPlan, PatternGroup, Plan, SinkPlan, SourcePlan, Stage, WindowPlan, alert, dedup, head,
    lookup, pattern, recommendation, road, table, view, window,
};
use crate::codec::json::{Prefilter, Projection};
use crate::config::{Config, JoinConfig, Located, TimeClock, fingerprint};
use crate::error::{Problem, Problems, Severity};
use crate::event::FieldPath;
use crate::expr::{self};
use crate::notify::Setup;
use crate::result::RowSchema;
use std::collections::{BTreeMap, BTreeSet};

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
    let tick = window::tick(config, &mut problems);
    let windows = config.windows.iter().map(|window| window::schema(window, tick));
    let mut schemas: Vec<RowSchema> =
        windows.chain(config.patterns.iter().map(|part| pattern::schema(part, tick))).collect();
    schemas.extend(recommendation::schemas(config));
    schemas.extend(table::schemas(config, &mut problems));
    view::schemas(config, &mut schemas);
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
    table::asked_behind(config, &heads, &mut problems);
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
    head::kept(&views, &mut heads);
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
    for part in &config.recommendations {
        if !part.from.iter().any(|from| known.contains(from.value.as_str())) {
            for text in [&part.by, &part.item].into_iter().chain(&part.filter).chain(&part.weight) {
                look(text, expr::parse_with(&text.value, &extensions.functions).err());
            }
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
                            .filter_map(|c| function(c, text, window::length(window), &extensions.aggregates).err()),
                    ),
                }
            }
        }
    }
    problems.append(&mut wrong);
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
    use crate::event::FieldPath;

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
