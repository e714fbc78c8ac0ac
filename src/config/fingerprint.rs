//! Settings into 32 bytes that are the same where the results must be.
//!
//! Taken in: the pipeline's name, the tick, and everything of sources, tables, streams, joins, windows, patterns, recommendations, views, alerts and sinks,
//! after overrides and
//! environment. Left out: the file's name, lines, comments, the order of keys that has no meaning, and what only says
//! how fast a process may read (`max_inflight`, `max_drift`, `rate_limit`) who is told of alerts, or who
//! looks at it (`[serve]`, `[observe]`).

use super::recommendation::{PerUserConfig, RecommendationConfig};
use super::settings::{
    AlertConfig, Config, DedupConfig, Expressions, FileConfig, GenerateConfig, IngestConfig, JoinConfig, Located,
    Matching, PatternConfig, RunSettings, SampleConfig, SinkConfig, SinkKind, SourceConfig, SourceKind, StreamConfig,
    TopConfig, ViewConfig, ViewJoin, WindowConfig, WindowShape, WithinStep,
};
use super::table::{EnrichConfig, TableConfig, TableFile, TableKind, TableTime};
use super::table_server::{PostgresRows, RedisRows, TablePostgres, TableRedis, TableServer};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// SHA-256 over a canonical text of the settings that decide results.
pub fn fingerprint(config: &Config) -> [u8; 32] {
    // Every struct is taken apart by name, so that a new setting cannot be forgotten.
    // Who is told, and when, changes no result.
    let Config { actions: _, inhibitions: _, silences: _, notify: _, .. } = config;
    let Config { file: _, name, run, serve: _, otlp: _, sources, tables, .. } = config;
    let Config { streams, joins, lookups: _, windows, patterns, views, alerts, sinks, warnings: _, .. } = config;
    let Config { recommendations, .. } = config;
    let RunSettings { tick, max_inflight: _, max_drift: _ } = run;
    let mut text = Canon(String::from("highwater pipeline 1\n"));
    text.put("name", name);
    text.put("tick", tick.as_ref().map_or(-1, |tick| tick.value.0));
    sources.iter().for_each(|part| source(&mut text, part));
    // Files without tables keep their fingerprint.
    tables.iter().for_each(|part| table(&mut text, part));
    streams.iter().for_each(|part| stream(&mut text, part));
    // Files without joins, or without patterns, keep their fingerprint.
    joins.iter().for_each(|part| join(&mut text, part));
    windows.iter().for_each(|part| window(&mut text, part));
    // Files without patterns and views keep their fingerprint.
    patterns.iter().for_each(|part| pattern(&mut text, part));
    recommendations.iter().for_each(|part| recommendation(&mut text, part));
    alerts.iter().for_each(|part| alert(&mut text, part));
    views.iter().for_each(|part| view(&mut text, part));
    sinks.iter().for_each(|part| sink(&mut text, part));
    Sha256::digest(text.0.as_bytes()).into()
}

/// Lines of `key:length:value`; the length keeps values with line ends apart.
struct Canon(String);

impl Canon {
    fn put(&mut self, key: &str, value: impl ToString) {
        let value = value.to_string();
        writeln!(self.0, "{key}:{}:{value}", value.len()).expect("a string takes all text");
    }

    fn maybe(&mut self, key: &str, value: Option<impl ToString>) {
        match value {
            Some(value) => self.put(key, value),
            None => self.0.push_str("none\n"),
        }
    }

    fn names(&mut self, key: &str, list: &[Located<String>]) {
        self.put(key, list.len());
        list.iter().for_each(|name| self.put("part", &name.value));
    }

    fn expressions(&mut self, key: &str, list: &Expressions) {
        self.put(key, list.len());
        for (name, sql) in list {
            self.put(name, &sql.value);
        }
    }
}

fn recommendation(text: &mut Canon, part: &RecommendationConfig) {
    let RecommendationConfig { name, line: _, from, by, item, filter, within, half_life, weight, .. } = part;
    let RecommendationConfig { every, keep, n, min_times, max_pairs, per_user, allowed_lateness, .. } = part;
    text.put("recommendation", name);
    text.names("from", from);
    text.put("by", &by.value);
    text.put("item", &item.value);
    text.maybe("where", filter.as_ref().map(|sql| &sql.value));
    text.put("within", within.0);
    text.maybe("half_life", half_life.as_ref().map(|span| span.value.0));
    text.maybe("weight", weight.as_ref().map(|sql| &sql.value));
    text.put("every", every.value.0);
    text.put("keep", keep.value.0);
    text.put("n", n);
    text.put("min_times", min_times);
    text.put("max_pairs", max_pairs);
    text.put("allowed_lateness", allowed_lateness.0);
    if let Some(PerUserConfig { name: _, n, recent, keep }) = per_user {
        text.put("per_user", n);
        text.put("recent", recent);
        text.put("keep", keep.0);
    }
}

fn view(text: &mut Canon, part: &ViewConfig) {
    let ViewConfig {
        name,
        line: _,
        from,
        join,
        set,
        filter,
        size,
        slide,
        group_by,
        select,
        having,
        distinct,
        top,
        columns,
    } = part;
    text.put("view", name);
    text.names("from", from);
    if let Some(ViewJoin { with, on, left, within, add }) = join {
        text.put("join", &with.value);
        text.expressions("on", on);
        text.put("left", left);
        text.maybe("within", within.as_ref().map(|span| span.value.0));
        text.expressions("add", add);
    }
    text.expressions("set", set);
    text.maybe("where", filter.as_ref().map(|sql| &sql.value));
    // A slide of the size is none.
    let slide = slide.as_ref().or(size.as_ref()).map(|span| span.value.0);
    text.maybe("size", size.as_ref().map(|span| span.value.0));
    text.maybe("slide", slide);
    text.expressions("group_by", group_by);
    text.expressions("select", select);
    text.maybe("having", having.as_ref().map(|sql| &sql.value));
    text.names("distinct", distinct);
    if let Some(TopConfig { n, by, ascending, per }) = top {
        text.put("top", n);
        text.put("by", &by.value);
        text.put("ascending", ascending);
        text.names("per", per);
    }
    text.names("columns", columns);
}

fn source(text: &mut Canon, part: &SourceConfig) {
    let SourceConfig {
        name,
        line: _,
        kind,
        format,
        time,
        out_of_orderness,
        idle_after,
        on_bad,
        dead_letters,
        max_line,
        rate_limit: _,
    } = part;
    text.put("source", name);
    match kind {
        SourceKind::File(FileConfig { paths, as_one, compression, follow }) => {
            text.put("file", paths.len());
            paths.iter().for_each(|path| text.put("path", path));
            text.put("as_one", as_one);
            text.put("compression", format!("{compression:?}"));
            text.put("follow", follow);
        }
        SourceKind::Program => text.put("program", ""),
        SourceKind::Stdin => text.put("stdin", ""),
        // How much of it may wait changes no result.
        SourceKind::Http(IngestConfig { queue: _, max_body: _ }) => text.put("http", ""),
        SourceKind::Generate(settings) => {
            let GenerateConfig {
                events,
                seed,
                rate,
                disorder,
                max_delay,
                late,
                bad,
                users,
                pages,
                partitions,
                start,
                pace,
            } = settings;
            text.put("events", events);
            text.put("seed", seed);
            text.put("rate", rate.to_bits());
            text.put("disorder", disorder.to_bits());
            text.put("max_delay", max_delay.0);
            text.put("late", late.to_bits());
            text.put("bad", bad.to_bits());
            text.put("users", users);
            text.put("pages", pages);
            text.put("partitions", partitions);
            text.put("start", start.0);
            text.put("pace", format!("{pace:?}"));
        }
    }
    text.put("format", format!("{format:?}"));
    text.put("clock", time.clock.word());
    text.put("field", time.field.steps().len());
    time.field.steps().iter().for_each(|step| text.put("step", step));
    text.put("unit", time.unit.word());
    text.maybe("format", time.format.as_ref());
    text.put("out_of_orderness", out_of_orderness.0);
    text.maybe("idle_after", idle_after.map(|span| span.0).as_ref());
    text.put("on_bad", format!("{on_bad:?}"));
    text.maybe("dead_letters", dead_letters.as_ref());
    text.put("max_line", max_line.0);
}

fn table(text: &mut Canon, part: &TableConfig) {
    let TableConfig { name, line: _, kind, key } = part;
    text.put("table", name);
    text.names("key", key);
    match kind {
        TableKind::File(TableFile { path, format, refresh: _, time }) => {
            text.put("file", &path.value);
            text.put("format", format!("{format:?}"));
            versions(text, time.as_ref());
        }
        TableKind::Stream { from, columns, keep } => {
            text.names("from", from);
            text.names("columns", columns);
            text.maybe("keep", keep.map(|span| span.0).as_ref());
        }
        TableKind::Postgres(TablePostgres { server: on, rows, time }) => {
            match rows {
                PostgresRows::Table(name) => text.put("postgres table", &name.value),
                PostgresRows::Query(query) => text.put("postgres query", &query.value),
            }
            server(text, on);
            versions(text, time.as_ref());
        }
        TableKind::Redis(TableRedis { server: on, rows, types }) => {
            match rows {
                RedisRows::Prefix(prefix) => text.put("redis prefix", prefix),
                RedisRows::Hash(name) => text.put("redis hash", name),
            }
            server(text, on);
            text.put("types", format!("{types:?}"));
        }
    }
}

fn versions(text: &mut Canon, time: Option<&TableTime>) {
    if let Some(TableTime { field, unit, format }) = time {
        text.put("time", field.value.steps().len());
        field.value.steps().iter().for_each(|step| text.put("step", step));
        text.put("unit", unit.word());
        text.maybe("format", format.as_ref());
    }
}

/// Where a server is and how it is asked may differ between processes; what is read of it may not.
fn server(text: &mut Canon, server: &TableServer) {
    let TableServer { url: _, refresh: _, timeout: _, asked } = server;
    text.put("asked", asked.is_some());
}

fn stream(text: &mut Canon, part: &StreamConfig) {
    let StreamConfig { name, line: _, from, rest_of, enrich, filter, sample, set, dedup } = part;
    text.put("stream", name);
    text.names("from", from);
    text.names("rest_of", rest_of);
    for EnrichConfig { table, key, add } in enrich {
        text.put("enrich", &table.value);
        text.names("key", key);
        text.expressions("add", add);
    }
    text.maybe("where", filter.as_ref().map(|filter| &filter.value));
    if let Some(SampleConfig { rate, by, seed }) = sample {
        text.put("sample", rate.to_bits());
        text.maybe("by", by.as_ref().map(|by| &by.value));
        text.put("seed", seed);
    }
    text.expressions("set", set);
    if let Some(DedupConfig { by, within }) = dedup {
        text.put("dedup", &by.value);
        text.put("within", within.0);
    }
}

fn join(text: &mut Canon, part: &JoinConfig) {
    let JoinConfig { name, line: _, from, on, before, after, kind, allowed_lateness } = part;
    text.put("join", name);
    text.names("from", from);
    text.names("on", on);
    text.put("before", before.0);
    text.put("after", after.0);
    text.put("kind", format!("{kind:?}"));
    text.put("allowed_lateness", allowed_lateness.0);
}

fn window(text: &mut Canon, part: &WindowConfig) {
    let WindowConfig {
        name,
        line: _,
        from,
        shape,
        time_zone,
        early,
        early_wall,
        allowed_lateness,
        too_late,
        group_by,
        max_groups,
        select,
        pre_aggregate,
    } = part;
    text.put("window", name);
    text.names("from", from);
    match shape {
        WindowShape::Sliding { size, slide, offset } => {
            text.put("size", size.0);
            text.put("slide", slide.0);
            text.put("offset", offset.0);
        }
        WindowShape::Cumulating { size, step, offset } => {
            text.put("size", size.0);
            text.put("step", step.0);
            text.put("offset", offset.0);
        }
        WindowShape::Session { gap } => text.put("gap", gap.0),
        WindowShape::Global { every, offset } => {
            text.put("global", every.0);
            text.put("offset", offset.0);
        }
    }
    text.maybe("time_zone", time_zone.as_ref());
    // Files without it keep their fingerprint.
    if let Some(early) = early {
        text.put("early", early.0);
    }
    if let Some(early) = early_wall {
        text.put("early_wall", early.0);
    }
    text.put("allowed_lateness", allowed_lateness.0);
    text.maybe("too_late", too_late.as_ref().map(|path| &path.value));
    text.expressions("group_by", group_by);
    if let Some(most) = max_groups {
        text.put("max_groups", most);
    }
    text.expressions("select", select);
    text.put("pre_aggregate", pre_aggregate.word());
}

fn pattern(text: &mut Canon, part: &PatternConfig) {
    let PatternConfig {
        name,
        line: _,
        from,
        key,
        matching,
        define,
        within,
        within_step,
        skip,
        timed_out,
        allowed_lateness,
        max_partial_matches,
        event_id,
        events,
        type_field,
        mode,
        select,
    } = part;
    text.put("pattern", name);
    text.names("from", from);
    text.maybe("key", key.as_ref().map(|key| &key.value));
    match matching {
        Matching::Text(pattern) => text.put("match", &pattern.value),
        Matching::Types(types) => {
            text.names("types", types);
            text.put("type_field", type_field.value.steps().len());
            type_field.value.steps().iter().for_each(|step| text.put("step", step));
        }
    }
    text.expressions("define", define);
    text.maybe("within", within.as_ref().map(|span| span.value.0));
    match within_step {
        WithinStep::None => {}
        WithinStep::Every(span) => text.put("within_step", span.value.0),
        WithinStep::Steps(steps) => {
            text.put("within_steps", steps.len());
            steps.iter().for_each(|(step, span)| text.put(step, span.value.0));
        }
    }
    text.put("skip", format!("{:?}", skip.value));
    text.put("timed_out", timed_out);
    text.put("allowed_lateness", allowed_lateness.0);
    text.put("max_partial_matches", max_partial_matches);
    text.put("event_id", &event_id.value);
    text.put("events", format!("{events:?}"));
    text.put("mode", format!("{mode:?}"));
    text.expressions("select", select);
}

fn alert(text: &mut Canon, part: &AlertConfig) {
    let AlertConfig {
        name,
        line: _,
        place: _,
        from,
        when,
        until,
        hold,
        keep_firing_for,
        no_data_after,
        no_data_of_all,
        pending,
        severity,
        labels,
        summary,
        annotations,
        notify,
    } = part;
    text.put("alert", name);
    text.put("from", &from.value);
    text.maybe("when", when.as_ref().map(|sql| &sql.value));
    text.maybe("until", until.as_ref().map(|sql| &sql.value));
    text.put("for", hold.value.0);
    text.put("keep_firing_for", keep_firing_for.0);
    text.maybe("no_data_after", no_data_after.as_ref().map(|span| span.value.0));
    text.put("no_data_of_all", no_data_of_all);
    text.put("pending", pending);
    text.put("severity", severity);
    text.expressions("labels", labels);
    text.maybe("summary", summary.as_ref().map(|text| &text.value));
    text.expressions("annotations", annotations);
    text.names("notify", notify);
}

fn sink(text: &mut Canon, part: &SinkConfig) {
    let SinkConfig { name, line: _, implied: _, kind, from, times, mode } = part;
    text.put("sink", name);
    match kind {
        SinkKind::Program => text.put("program", ""),
        SinkKind::Stdout { format } => text.put("stdout", format!("{format:?}")),
        SinkKind::File { path, format } => {
            text.put("file", path);
            text.put("format", format!("{format:?}"));
        }
    }
    text.names("from", from);
    text.put("times", format!("{times:?}"));
    text.put("mode", format!("{mode:?}"));
}
