//! The parts of a file against each other: names, inputs, circles, outputs.
//!
//! Works on the tables of the file (what exists, under which name) and on the parts that could be read, so that one
//! mistake is reported once and hides no other.

use super::notify_settings::ActionKind;
use super::reader::{Context, is_name};
use super::recommendation;
use super::settings::{AlertConfig, Config, Located, SinkKind, SourceConfig, SourceKind, StreamConfig};
use super::table::TableKind;
use super::tree::{Data, Node, Place, one_line};
use super::views;
use crate::error::{Problem, Severity, nearest, suggest};
use crate::time::Span;
use std::collections::BTreeMap;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Table,
    Stream,
    Join,
    Window,
    Pattern,
    Recommendation,
    /// The users of a recommendation.
    Users,
    Alert,
    View,
    Sink,
}

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Role::Source => "a source",
            Role::Table => "a table",
            Role::Stream => "a stream",
            Role::Join => "a join",
            Role::Window => "a window",
            Role::Pattern => "a pattern",
            Role::Recommendation => "a recommendation",
            Role::Users => "a recommendation's users",
            Role::Alert => "an alert",
            Role::View => "a view",
            Role::Sink => "a sink",
        }
    }
}

/// A part as the file names it, whether it could be read or not.
pub(super) struct Part<'a> {
    pub name: &'a str,
    pub role: Role,
    pub place: &'a Place,
    node: &'a Node,
}

/// The tables of one section as parts.
pub(super) fn parts<'a>(role: Role, entries: &'a [(String, Node)]) -> impl Iterator<Item = Part<'a>> {
    entries.iter().map(move |(name, node)| Part { name, role, place: &node.place, node })
}

/// A part of this name.
pub(super) fn part<'a>(role: Role, name: &'a str, node: &'a Node) -> Part<'a> {
    Part { name, role, place: &node.place, node }
}

/// The parts that recommendations have beside their own: those of their users.
pub(super) fn users(entries: &[(String, Node)]) -> Vec<(String, &Node)> {
    let has = |node: &Node| matches!(&node.data, Data::Table(keys) if keys.iter().any(|(key, _)| key == "per_user"));
    entries.iter().filter(|(_, node)| has(node)).map(|(name, node)| (recommendation::users_of(name), node)).collect()
}

/// Reports everything that is wrong between parts.
pub(super) fn check(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    names(parts, ctx);
    let before = ctx.problems.len();
    inputs(config, parts, ctx);
    lookups(config, parts, ctx);
    alerts(config, parts, ctx);
    rests(config, ctx);
    circles(config, ctx);
    views::circles(config, ctx);
    if ctx.problems.len() == before {
        clocks(config, ctx);
    }
    // A wrong input is likely the reason why a part seems unused.
    if ctx.problems.len() == before {
        unused(config, parts, ctx);
    }
    one_stdin(config, parts, ctx);
    served(config, parts, ctx);
    outputs(config, parts, ctx);
    for source in &config.sources {
        if source.max_line > config.run.max_inflight {
            let message = format!("max_line is more than max_inflight of [run], which is {}", config.run.max_inflight);
            let help = "raise max_inflight or lower max_line".to_owned();
            let place = place(parts, Role::Source, &source.name, "max_line");
            ctx.problems.push(place.problem("source.max_line", message, Some(help)));
        }
    }
}

/// The place of a key of a part, or of the part where the key is not written.
fn place(parts: &[Part<'_>], role: Role, name: &str, key: &str) -> Place {
    let none = || Place { line: 0, path: String::new(), written: String::new(), set: None };
    let Some(part) = parts.iter().find(|part| part.role == role && part.name == name) else { return none() };
    let written = match &part.node.data {
        Data::Table(entries) => entries.iter().find(|(one, _)| one == key).map(|(_, node)| &node.place),
        _ => None,
    };
    written.unwrap_or(part.place).clone()
}

fn names(parts: &[Part<'_>], ctx: &mut Context) {
    // The name of users is made of that of their part.
    let mut by_line: Vec<&Part<'_>> = parts.iter().filter(|part| part.role != Role::Users).collect();
    by_line.sort_by_key(|part| part.place.line);
    for (i, part) in by_line.iter().enumerate() {
        if !is_name(part.name, true) {
            let message = format!("'{}' is not a name for a part", one_line(part.name));
            let help = "use letters, digits, _ and -, beginning with a letter".to_owned();
            ctx.problems.push(part.place.problem("config.name", message, Some(help)));
        }
        if let Some(first) = by_line[..i].iter().find(|other| other.name == part.name) {
            let message = format!("two parts are named '{}'", part.name);
            let noun = first.role.noun();
            let help = match (&first.place.set, first.place.line) {
                (Some(call), _) => format!("rename one; {noun} has the name in {call}"),
                (None, line) => format!("rename one; {noun} has the name in line {line}"),
            };
            ctx.problems.push(part.place.problem("config.name", message, Some(help)));
        }
    }
}

fn inputs(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let streams = config.streams.iter().flat_map(|stream| stream.from.iter().map(|from| (Role::Stream, from)));
    let joins = config.joins.iter().flat_map(|join| join.from.iter().map(|from| (Role::Join, from)));
    let windows = config.windows.iter().flat_map(|window| window.from.iter().map(|from| (Role::Window, from)));
    let patterns = config.patterns.iter().flat_map(|part| part.from.iter().map(|from| (Role::Pattern, from)));
    let recommendations =
        config.recommendations.iter().flat_map(|part| part.from.iter().map(|from| (Role::Recommendation, from)));
    let patterns = patterns.chain(recommendations);
    let sinks = config.sinks.iter().flat_map(|sink| sink.from.iter().map(|from| (Role::Sink, from)));
    let tables = config.tables.iter().filter_map(|table| match &table.kind {
        TableKind::Stream { from, .. } => Some(from.iter().map(|from| (Role::Table, from))),
        TableKind::File(_) | TableKind::Postgres(_) | TableKind::Redis(_) => None,
    });
    let alerts = config.alerts.iter().map(|alert| (Role::Alert, &alert.from));
    let table = |name: &Located<String>| parts.iter().any(|part| part.role == Role::Table && part.name == name.value);
    let views = config.views.iter().flat_map(|view| {
        let with = view.join.iter().map(|join| &join.with).filter(|with| !table(with));
        view.from.iter().chain(with).map(|from| (Role::View, from))
    });
    let results = views.chain(alerts).chain(sinks);
    for (role, from) in streams.chain(tables.flatten()).chain(joins).chain(windows).chain(patterns).chain(results) {
        let fits = |part: &&Part<'_>| match role {
            Role::Sink => part.role == Role::Alert || has_rows(part.role),
            Role::Alert | Role::View => has_rows(part.role),
            _ => matches!(part.role, Role::Source | Role::Stream | Role::Join),
        };
        // Two parts of one name are reported elsewhere; here one that fits is enough.
        let mut named = parts.iter().filter(|part| part.name == from.value);
        let problem = match named.clone().find(fits).or_else(|| named.next()) {
            Some(part) if fits(&part) => continue,
            Some(part) => misfit(role, part.role, from),
            None => {
                let mut known: Vec<&str> = parts.iter().filter(fits).map(|part| part.name).collect();
                known.dedup();
                let results = matches!(role, Role::Sink | Role::Alert | Role::View);
                let recommends =
                    |of: &&str| results && parts.iter().any(|p| p.role == Role::Recommendation && p.name == *of);
                let of = from.value.strip_suffix(recommendation::USERS).filter(recommends);
                let help = match (of, nearest(&from.value, known.iter().copied())) {
                    (Some(of), _) => {
                        format!(
                            "give recommendations.{of} a per_user, such as per_user = {{ n = 5 }}: it has users then"
                        )
                    }
                    (_, Some(near)) => format!("did you mean {near}?"),
                    _ if known.is_empty() && results => "the file has no windows and no patterns".to_owned(),
                    _ if known.is_empty() => "the file has no sources".to_owned(),
                    _ => format!("{} can read {}", role.noun(), known.join(", ")),
                };
                from.problem("config.from", format!("nothing is named '{}'", as_written(from)), Some(help))
            }
        };
        ctx.problems.push(problem);
    }
}

/// True for parts whose rows alerts and views read.
fn has_rows(role: Role) -> bool {
    matches!(role, Role::Window | Role::Pattern | Role::Recommendation | Role::Users | Role::View)
}

/// Reports lookups in what is no table, and with keys of another length.
fn lookups(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    for enrich in config.streams.iter().flat_map(|stream| &stream.enrich) {
        let name = &enrich.table;
        let tables = || parts.iter().filter(|part| part.role == Role::Table).map(|part| part.name);
        let (message, help) = match parts.iter().find(|part| part.name == name.value) {
            _ if tables().any(|table| table == name.value) => {
                let Some(table) = config.tables.iter().find(|table| table.name == name.value) else { continue };
                let (asked, given) = (table.key.len(), enrich.key.len());
                if asked != given {
                    let columns: Vec<&str> = table.key.iter().map(|key| key.value.as_str()).collect();
                    let message = format!("the key has {given} values, and that of table {} {asked}", table.name);
                    let help = format!("give an expression for each of: {}", columns.join(", "));
                    ctx.problems.push(enrich.key[0].problem("enrich.key", message, Some(help)));
                }
                let TableKind::Stream { columns, .. } = &table.kind else { continue };
                let known = || columns.iter().map(|column| column.value.as_str());
                let given = |column: &str| columns.is_empty() || known().any(|one| one == column);
                for (_, column) in enrich.add.iter().filter(|(_, column)| !given(&column.value)) {
                    let message = format!("table {} has no column '{}'", table.name, as_written(column));
                    let help = suggest(&column.value, known(), "its columns are");
                    ctx.problems.push(column.problem("enrich.add", message, Some(help)));
                }
                continue;
            }
            Some(other) => (format!("'{}' is {}, not a table", as_written(name), other.role.noun()), None),
            None => (format!("no table is named '{}'", as_written(name)), nearest(&name.value, tables())),
        };
        let help = match help {
            Some(near) => format!("did you mean {near}?"),
            None if tables().next().is_none() => "the file has no tables; write [tables.<name>]".to_owned(),
            None => format!("the tables are {}", tables().collect::<Vec<_>>().join(", ")),
        };
        ctx.problems.push(name.problem("enrich.table", message, Some(help)));
    }
}

/// The name as a problem may show it: as written where it uses the environment.
fn as_written(from: &Located<String>) -> String {
    match from.text.split_once("${") {
        Some((_, rest)) => one_line(&format!("${{{}", rest.trim_end_matches(['"', '\'']))),
        None => one_line(&from.value),
    }
}

fn misfit(reader: Role, read: Role, from: &Located<String>) -> Problem {
    let planned = match (reader, read) {
        (Role::Window, Role::Window | Role::View) => None,
        (Role::Stream, Role::Window) => Some("a stream of a window's rows"),
        (Role::Stream, Role::View) => Some("a stream of a view's rows"),
        (Role::Join, Role::Window) => Some("a join of a window's rows"),
        (Role::Stream, Role::Pattern) => Some("a stream of matches"),
        (Role::Join, Role::Pattern) => Some("a join of matches"),
        (Role::Table, Role::Window) => Some("a table of a window's rows"),
        (Role::Table, Role::Pattern) => Some("a table of matches"),
        (Role::Sink, Role::Table) => Some("a sink of a table"),
        (Role::Stream, Role::Alert) => Some("a stream of alerts"),
        (Role::Sink, Role::Source | Role::Stream | Role::Join) => Some("a sink of events"),
        _ => None,
    };
    let help = match (reader, read) {
        (Role::Sink, _) => "name a window, a pattern, a recommendation, a view or an alert",
        (Role::Alert, _) => "name a window, a pattern, a recommendation or a view",
        (Role::View, _) => {
            "name a window, a pattern, a recommendation or a view; events are aggregated in a window first"
        }
        (Role::Window, Role::Window | Role::Pattern | Role::View) => {
            "write a view with size and select: [views.name] makes windows over rows"
        }
        _ => "name a source, a stream or a join",
    };
    match planned {
        Some(what) => {
            from.problem("config.planned", format!("{what} is planned but not in this version"), Some(help.to_owned()))
        }
        None => {
            from.problem("config.from", format!("{} cannot read {}", reader.noun(), read.noun()), Some(help.to_owned()))
        }
    }
}

/// Reports alerts that need a condition, name nobody to tell, or say what has no meaning over matches.
fn alerts(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let kinds = |alert: &AlertConfig, role| parts.iter().any(|p| p.role == role && p.name == alert.from.value);
    for alert in &config.alerts {
        let Some((name, at)) = alert.labels.iter().find(|(name, _)| matches!(&**name, "alert" | "severity")) else {
            continue;
        };
        let message = format!("'{name}' is a label that every alert has");
        ctx.problems.push(at.problem("alert.label", message, Some("use another name, or the key severity".into())));
    }
    for alert in &config.alerts {
        let mut known = vec!["log"];
        known.extend(config.actions.iter().map(|action| action.name.as_str()).filter(|name| *name != "log"));
        for name in alert.notify.iter().filter(|name| !known.contains(&name.value.as_str())) {
            let help = suggest(&name.value, known.iter().copied(), "known are");
            let message = format!("no action is named '{}'", as_written(name));
            ctx.problems.push(name.problem("alert.notify", message, Some(help)));
        }
        if !kinds(alert, Role::Pattern) {
            let misspelt = parts.iter().any(|p| p.role == Role::Alert && p.name == alert.name && misspells(p, "when"));
            let rows = parts.iter().any(|p| has_rows(p.role) && p.name == alert.from.value);
            if alert.when.is_none() && rows && !misspelt {
                let help = "for example when = \"errors > 5\"".to_owned();
                ctx.problems.push(alert.place.problem("config.required", "an alert needs when", Some(help)));
            }
            continue;
        }
        let mut wrong = |at: Problem| ctx.problems.push(at);
        let help = || Some("remove it; keep_firing_for says how long a match is told".to_owned());
        if let Some(until) = &alert.until {
            wrong(until.problem(
                "alert.pattern",
                "until is not for an alert over matches, each of which is a moment",
                help(),
            ));
        }
        if alert.hold.value > Span::ZERO {
            wrong(alert.hold.problem(
                "alert.pattern",
                "for is not for an alert over matches, each of which is a moment",
                help(),
            ));
        }
        if let Some(after) = &alert.no_data_after {
            wrong(after.problem(
                "alert.pattern",
                "no_data_after is not for an alert over matches, which come when they come",
                help(),
            ));
        }
    }
}

/// True where a part has a key that looks like `key`.
fn misspells(part: &Part<'_>, key: &str) -> bool {
    let Data::Table(entries) = &part.node.data else { return false };
    let known = super::sections::ALERT.keys.iter().map(|key| key.name);
    entries.iter().any(|(name, _)| {
        known.clone().all(|one| one != name) && nearest(name, known.clone()).is_some_and(|near| near == key)
    })
}

/// Reports names in `rest_of` that are no streams with the same inputs.
fn rests(config: &Config, ctx: &mut Context) {
    let inputs = |stream: &StreamConfig| {
        let mut names: Vec<String> = stream.from.iter().map(|from| from.value.clone()).collect();
        names.sort_unstable();
        names
    };
    for stream in &config.streams {
        for rest in &stream.rest_of {
            let found = config.streams.iter().find(|other| other.name == rest.value);
            let (message, help) = match found {
                Some(other) if inputs(other) == inputs(stream) => continue,
                Some(other) => (
                    format!("'{}' reads other inputs than '{}'", as_written(rest), stream.name),
                    format!("let both read {}", inputs(other).join(", ")),
                ),
                None => {
                    let same = config.streams.iter().filter(|s| s.name != stream.name && inputs(s) == inputs(stream));
                    let same: Vec<&str> = same.map(|s| s.name.as_str()).collect();
                    let help = match nearest(&rest.value, same.iter().copied()) {
                        Some(near) => format!("did you mean {near}?"),
                        None if same.is_empty() => format!("no other stream reads {}", inputs(stream).join(", ")),
                        None => format!("streams with the same inputs are {}", same.join(", ")),
                    };
                    (format!("no stream is named '{}'", as_written(rest)), help)
                }
            };
            ctx.problems.push(rest.problem("stream.rest_of", message, Some(help)));
        }
    }
}

/// A stream, a table of events or a join, with what it needs and where it says so: inputs, and the streams it is the rest of.
struct Needy<'a> {
    name: &'a str,
    needs: Vec<&'a Located<String>>,
}

fn needy(config: &Config) -> Vec<Needy<'_>> {
    let of_events = |name: &Located<String>| {
        let table = config.tables.iter().find(|table| table.name == name.value);
        table.is_some_and(|table| matches!(table.kind, TableKind::Stream { .. }))
    };
    let streams = config.streams.iter().map(|s| {
        let tables = s.enrich.iter().map(|enrich| &enrich.table).filter(|name| of_events(name));
        Needy { name: &s.name, needs: s.from.iter().chain(&s.rest_of).chain(tables).collect() }
    });
    let streams = streams.chain(config.tables.iter().filter_map(|table| match &table.kind {
        TableKind::Stream { from, .. } => Some(Needy { name: &table.name, needs: from.iter().collect() }),
        TableKind::File(_) | TableKind::Postgres(_) | TableKind::Redis(_) => None,
    }));
    streams.chain(config.joins.iter().map(|j| Needy { name: &j.name, needs: j.from.iter().collect() })).collect()
}

/// Reports each circle of streams and joins once, at its first one.
fn circles(config: &Config, ctx: &mut Context) {
    let streams = &needy(config);
    let position = |name: &Located<String>| {
        // Two parts of one name are reported elsewhere; a source ends the way.
        let ends = config.sources.iter().any(|source| source.name == name.value);
        if ends { None } else { streams.iter().position(|stream| stream.name == name.value) }
    };
    let mut seen = vec![false; streams.len()];
    let mut reported: Vec<Vec<usize>> = Vec::new();
    for start in 0..streams.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        // The streams on the way, and for each how many of its needs have been looked at.
        let mut walk: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((i, at)) = walk.last_mut() {
            let Some(need) = streams[*i].needs.get(*at) else {
                walk.pop();
                continue;
            };
            *at += 1;
            let Some(next) = position(need) else { continue };
            if let Some(first) = walk.iter().position(|(step, _)| *step == next) {
                let mut circle: Vec<usize> = walk[first..].iter().map(|(step, _)| *step).collect();
                let least = circle.iter().enumerate().min_by_key(|(_, i)| **i).map_or(0, |(at, _)| at);
                circle.rotate_left(least);
                if !reported.contains(&circle) {
                    report_circle(streams, &circle, ctx);
                    reported.push(circle);
                }
            } else if !std::mem::replace(&mut seen[next], true) {
                walk.push((next, 0));
            }
        }
    }
}

fn report_circle(streams: &[Needy<'_>], circle: &[usize], ctx: &mut Context) {
    let stream = |at: usize| &streams[circle[at % circle.len()]];
    let names: Vec<&str> = (0..circle.len()).map(|at| stream(at).name).collect();
    let message = format!("streams read each other in a circle: {} -> {}", names.join(" -> "), names[0]);
    let help = "let one of them read a source".to_owned();
    let next = stream(1).name;
    let place = stream(0).needs.iter().find(|need| need.value == next);
    ctx.problems.extend(place.map(|place| place.problem("config.cycle", message, Some(help))));
}

/// Reports parts where events of sources with different clocks come together; streams make no circle.
fn clocks(config: &Config, ctx: &mut Context) {
    let streams = config.streams.iter().filter_map(|s| Some((s.name.as_str(), s.from.first()?)));
    let joins = config.joins.iter().map(|join| (join.name.as_str(), &join.from[0]));
    let streams: BTreeMap<&str, &Located<String>> = streams.chain(joins).collect();
    let mut known: BTreeMap<&str, &SourceConfig> = config.sources.iter().map(|s| (s.name.as_str(), s)).collect();
    // A source behind a part: a stream that mixes them itself is reported as such.
    let mut behind = |from: &'_ Located<String>| {
        let (mut way, mut at) = (Vec::new(), from.value.as_str());
        while !known.contains_key(at)
            && let Some((name, first)) = streams.get_key_value(at)
        {
            way.push(*name);
            at = &first.value;
        }
        let source = known.get(at).copied()?;
        known.extend(way.into_iter().map(|name| (name, source)));
        Some(source)
    };
    let parts = config.streams.iter().map(|stream| (&stream.name, &stream.from[..]));
    let parts = parts.chain(config.joins.iter().map(|join| (&join.name, &join.from[..])));
    let parts = parts.chain(config.windows.iter().map(|window| (&window.name, &window.from[..])));
    let parts = parts.chain(config.recommendations.iter().map(|part| (&part.name, &part.from[..])));
    for (name, from) in parts.chain(config.patterns.iter().map(|pattern| (&pattern.name, &pattern.from[..]))) {
        let sources: Vec<_> = from.iter().filter_map(|from| Some((from, behind(from)?))).collect();
        let Some((_, first)) = sources.first() else { continue };
        if let Some((at, other)) = sources.iter().find(|(_, source)| source.time.clock != first.time.clock) {
            let say = |source: &SourceConfig| format!("{} has the clock {}", source.name, source.time.clock.word());
            let message = format!("'{name}' would mix times: {}, {}", say(first), say(other));
            let help = "read them in parts of their own".to_owned();
            ctx.problems.push(at.problem("source.clock", message, Some(help)));
        }
    }
}

fn unused(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let read = |name: &str| {
        let named = |list: &[Located<String>]| list.iter().any(|from| from.value == name);
        config.streams.iter().any(|stream| named(&stream.from) || named(&stream.rest_of))
            || config.joins.iter().any(|join| named(&join.from))
            || config.tables.iter().any(|table| matches!(&table.kind, TableKind::Stream { from, .. } if named(from)))
            || config.streams.iter().flat_map(|stream| &stream.enrich).any(|enrich| enrich.table.value == name)
            || config.joined_tables().any(|table| table.name == name)
            || config.windows.iter().any(|window| named(&window.from))
            || config.patterns.iter().any(|pattern| named(&pattern.from))
            || config.recommendations.iter().any(|part| named(&part.from))
            || config.alerts.iter().any(|alert| alert.from.value == name)
            || config.views.iter().any(|view| view.reads().any(|from| from.value == name))
            || config.sinks.iter().any(|sink| sink.from.iter().any(|from| from.value == name))
    };
    // Where a reader could not be read itself, what it reads is not known.
    let broken = |role: Role, count: usize| parts.iter().filter(|part| part.role == role).count() != count;
    let inner = broken(Role::Stream, config.streams.len())
        || broken(Role::Join, config.joins.len())
        || broken(Role::Table, config.tables.len())
        || broken(Role::Window, config.windows.len())
        || broken(Role::Pattern, config.patterns.len())
        || broken(Role::Recommendation, config.recommendations.len());
    let outer = broken(Role::Alert, config.alerts.len())
        || broken(Role::View, config.views.len())
        || broken(Role::Sink, config.sinks.iter().filter(|sink| !sink.implied).count());
    for part in parts {
        let (silent, message, help) = match part.role {
            Role::Source | Role::Stream | Role::Join => (
                inner,
                format!("nothing reads {} '{}'", &part.role.noun()[2..], part.name),
                "remove it, or name it in a from",
            ),
            Role::Table => {
                let message = format!("nothing looks up rows of table '{}'", part.name);
                (inner, message, "remove it, or name it in the enrich of a stream")
            }
            // One of its parts is enough, whichever is taken.
            Role::Users => continue,
            Role::Recommendation if read(&recommendation::users_of(part.name)) => continue,
            Role::Window | Role::Pattern | Role::Recommendation | Role::View => {
                let message = format!("no sink takes {} '{}'", &part.role.noun()[2..], part.name);
                // Who looks at the run sees it all the same.
                (outer || config.serve.listen.is_some(), message, "add it to the from of a sink")
            }
            // One that nobody takes and that tells nobody does nothing.
            Role::Alert if config.alerts.iter().any(|a| a.name == part.name && a.notify.is_empty()) => (
                outer,
                format!("nobody hears of alert '{}'", part.name),
                "add notify to it, or name it in the from of a sink",
            ),
            Role::Alert | Role::Sink => continue,
        };
        if !silent && !read(part.name) {
            let problem = part.place.problem("config.unused", message, Some(help.to_owned()));
            ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
        }
    }
}

fn one_stdin(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let mut all = config.sources.iter().filter(|source| source.kind == SourceKind::Stdin);
    let Some(first) = all.next() else { return };
    for source in all {
        let message = format!("standard input is read twice, by {} and {}", first.name, source.name);
        let help = "let one source read it, and streams read that source".to_owned();
        let place = place(parts, Role::Source, &source.name, "type");
        ctx.problems.push(place.problem("source.stdin", message, Some(help)));
    }
}

/// Events that are sent need a server, which can also be asked for when the pipeline is run.
fn served(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let sent = config.sources.iter().filter(|source| matches!(source.kind, SourceKind::Http(_)));
    for source in sent.filter(|_| config.serve.listen.is_none()) {
        let message = "events are sent to the server of the run, and the file has none";
        let help = "add [serve] with listen = \"127.0.0.1:8080\", or run it with --serve".to_owned();
        let problem = place(parts, Role::Source, &source.name, "type").problem("source.http", message, Some(help));
        ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
    }
}

/// Reports files that are written twice, or read and written.
fn outputs(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let mut taken: Vec<(String, String)> = Vec::new();
    for source in &config.sources {
        if let SourceKind::File(files) = &source.kind {
            taken.extend(files.paths.iter().map(|path| (plain(path), format!("source {} reads it", source.name))));
        }
    }
    for table in &config.tables {
        if let TableKind::File(file) = &table.kind {
            taken.push((plain(&file.path.value), format!("table {} reads it", table.name)));
        }
    }
    let mut written: Vec<(Place, String, String)> = Vec::new();
    for source in &config.sources {
        if let Some(path) = &source.dead_letters {
            let place = place(parts, Role::Source, &source.name, "dead_letters");
            written.push((place, plain(path), format!("source {} keeps bad lines in it", source.name)));
        }
    }
    for window in &config.windows {
        if let Some(path) = &window.too_late {
            let place = place(parts, Role::Window, &window.name, "too_late");
            written.push((place, plain(&path.value), format!("window {} keeps late events in it", window.name)));
        }
    }
    for sink in &config.sinks {
        let SinkKind::File { path, .. } = &sink.kind else { continue };
        let mut paths: Vec<String> = sink.from.iter().filter_map(|from| sink.kind.path_for(&from.value)).collect();
        if paths.is_empty() {
            paths.push(path.clone());
        }
        // One path for several windows has been reported as such.
        paths.dedup();
        let place = place(parts, Role::Sink, &sink.name, "path");
        written.extend(paths.iter().map(|path| (place.clone(), plain(path), format!("sink {} writes it", sink.name))));
    }
    for action in &config.actions {
        let place =
            Place { line: action.line, path: format!("actions.{}", action.name), written: String::new(), set: None };
        let kept = &action.delivery.dead_letters;
        let kept = kept.as_ref().map(|path| (path, format!("action {} keeps dead letters in it", action.name)));
        let own = match &action.kind {
            ActionKind::File { path } => Some((path, format!("action {} writes it", action.name))),
            _ => None,
        };
        written.extend(kept.into_iter().chain(own).map(|(path, use_of_it)| (place.clone(), plain(path), use_of_it)));
    }
    for (place, path, use_of_it) in written {
        if let Some((_, other)) = taken.iter().find(|(one, _)| *one == path) {
            let message = format!("one file is in use twice: {other}");
            let help = "give each its own path".to_owned();
            ctx.problems.push(place.problem("config.path", message, Some(help)));
        }
        taken.push((path, use_of_it));
    }
    if let Some(path) = &config.serve.history_path
        && let Some((_, other)) = taken.iter().find(|(one, _)| *one == plain(&path.value))
    {
        let message = format!("one file is in use twice: {other}");
        ctx.problems.push(path.problem("config.path", message, Some("give each its own path".to_owned())));
    }
}
