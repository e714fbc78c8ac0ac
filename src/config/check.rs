//! The parts of a file against each other: names, inputs, circles, outputs.
//!
//! Works on the tables of the file (what exists, under which name) and on the parts that could be read, so that one
//! mistake is reported once and hides no other.

use super::reader::{Context, is_name};
use super::settings::{Config, Located, SinkKind, SourceConfig, SourceKind, StreamConfig};
use super::tree::{Data, Node, Place, one_line};
use crate::error::{Problem, Severity, nearest};
use std::collections::BTreeMap;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Stream,
    Window,
    Pattern,
    Sink,
}

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Role::Source => "a source",
            Role::Stream => "a stream",
            Role::Window => "a window",
            Role::Pattern => "a pattern",
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

/// Reports everything that is wrong between parts.
pub(super) fn check(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    names(parts, ctx);
    let before = ctx.problems.len();
    inputs(config, parts, ctx);
    rests(config, ctx);
    circles(config, ctx);
    if ctx.problems.len() == before {
        clocks(config, ctx);
    }
    // A wrong input is likely the reason why a part seems unused.
    if ctx.problems.len() == before {
        unused(config, parts, ctx);
    }
    one_stdin(config, parts, ctx);
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
    let mut by_line: Vec<&Part<'_>> = parts.iter().collect();
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
    let windows = config.windows.iter().flat_map(|window| window.from.iter().map(|from| (Role::Window, from)));
    let patterns = config.patterns.iter().flat_map(|part| part.from.iter().map(|from| (Role::Pattern, from)));
    let sinks = config.sinks.iter().flat_map(|sink| sink.from.iter().map(|from| (Role::Sink, from)));
    for (role, from) in streams.chain(windows).chain(patterns).chain(sinks) {
        let fits = |part: &&Part<'_>| match role {
            Role::Sink => matches!(part.role, Role::Window | Role::Pattern),
            _ => matches!(part.role, Role::Source | Role::Stream),
        };
        // Two parts of one name are reported elsewhere; here one that fits is enough.
        let mut named = parts.iter().filter(|part| part.name == from.value);
        let problem = match named.clone().find(fits).or_else(|| named.next()) {
            Some(part) if fits(&part) => continue,
            Some(part) => misfit(role, part.role, from),
            None => {
                let mut known: Vec<&str> = parts.iter().filter(fits).map(|part| part.name).collect();
                known.dedup();
                let help = match nearest(&from.value, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None if known.is_empty() && role == Role::Sink => {
                        "the file has no windows and no patterns".to_owned()
                    }
                    None if known.is_empty() => "the file has no sources".to_owned(),
                    None => format!("{} can read {}", role.noun(), known.join(", ")),
                };
                from.problem("config.from", format!("nothing is named '{}'", as_written(from)), Some(help))
            }
        };
        ctx.problems.push(problem);
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
        (Role::Window, Role::Window) => Some("a window over a window"),
        (Role::Stream, Role::Window) => Some("a stream of a window's rows"),
        (Role::Window, Role::Pattern) => Some("a window over matches"),
        (Role::Stream, Role::Pattern) => Some("a stream of matches"),
        (Role::Sink, Role::Source | Role::Stream) => Some("a sink of events"),
        _ => None,
    };
    let help = match reader {
        Role::Sink => "name a window or a pattern",
        _ => "name a source or a stream",
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

/// Reports each circle of streams once, at its first stream in the file.
fn circles(config: &Config, ctx: &mut Context) {
    let streams = &config.streams;
    let position = |name: &Located<String>| {
        // Two parts of one name are reported elsewhere; a source ends the way.
        let ends = config.sources.iter().any(|source| source.name == name.value);
        if ends { None } else { streams.iter().position(|stream| stream.name == name.value) }
    };
    // Each stream with what it needs and where it says so: inputs, and the streams it is the rest of.
    let needs = |i: usize| streams[i].from.iter().chain(&streams[i].rest_of);
    let mut seen = vec![false; streams.len()];
    let mut reported: Vec<Vec<usize>> = Vec::new();
    for start in 0..streams.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        // The streams on the way, and for each how many of its needs have been looked at.
        let mut walk: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((i, at)) = walk.last_mut() {
            let Some(need) = needs(*i).nth(*at) else {
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
                    report_circle(config, &circle, ctx);
                    reported.push(circle);
                }
            } else if !std::mem::replace(&mut seen[next], true) {
                walk.push((next, 0));
            }
        }
    }
}

fn report_circle(config: &Config, circle: &[usize], ctx: &mut Context) {
    let stream = |at: usize| &config.streams[circle[at % circle.len()]];
    let names: Vec<&str> = (0..circle.len()).map(|at| stream(at).name.as_str()).collect();
    let message = format!("streams read each other in a circle: {} -> {}", names.join(" -> "), names[0]);
    let help = "let one of them read a source".to_owned();
    let next = &stream(1).name;
    let place = stream(0).from.iter().chain(&stream(0).rest_of).find(|need| need.value == *next);
    ctx.problems.extend(place.map(|place| place.problem("config.cycle", message, Some(help))));
}

/// Reports parts where events of sources with different clocks come together; streams make no circle.
fn clocks(config: &Config, ctx: &mut Context) {
    let streams: BTreeMap<&str, &StreamConfig> = config.streams.iter().map(|s| (s.name.as_str(), s)).collect();
    let mut known: BTreeMap<&str, &SourceConfig> = config.sources.iter().map(|s| (s.name.as_str(), s)).collect();
    // A source behind a part: a stream that mixes them itself is reported as such.
    let mut behind = |from: &'_ Located<String>| {
        let (mut way, mut at) = (Vec::new(), from.value.as_str());
        while !known.contains_key(at)
            && let Some((name, stream)) = streams.get_key_value(at)
            && let Some(first) = stream.from.first()
        {
            way.push(*name);
            at = &first.value;
        }
        let source = known.get(at).copied()?;
        known.extend(way.into_iter().map(|name| (name, source)));
        Some(source)
    };
    let parts = config.streams.iter().map(|stream| (&stream.name, &stream.from));
    let parts = parts.chain(config.windows.iter().map(|window| (&window.name, &window.from)));
    for (name, from) in parts.chain(config.patterns.iter().map(|pattern| (&pattern.name, &pattern.from))) {
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
            || config.windows.iter().any(|window| named(&window.from))
            || config.patterns.iter().any(|pattern| named(&pattern.from))
            || config.sinks.iter().any(|sink| sink.from.iter().any(|from| from.value == name))
    };
    // Where a reader could not be read itself, what it reads is not known.
    let broken = |role: Role, count: usize| parts.iter().filter(|part| part.role == role).count() != count;
    let inner = broken(Role::Stream, config.streams.len())
        || broken(Role::Window, config.windows.len())
        || broken(Role::Pattern, config.patterns.len());
    let outer = broken(Role::Sink, config.sinks.iter().filter(|sink| !sink.implied).count());
    for part in parts {
        let (silent, message, help) = match part.role {
            Role::Source | Role::Stream => (
                inner,
                format!("nothing reads {} '{}'", &part.role.noun()[2..], part.name),
                "remove it, or name it in a from",
            ),
            Role::Window | Role::Pattern => {
                let message = format!("no sink takes {} '{}'", &part.role.noun()[2..], part.name);
                (outer, message, "add it to the from of a sink")
            }
            Role::Sink => continue,
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

/// Reports files that are written twice, or read and written.
fn outputs(config: &Config, parts: &[Part<'_>], ctx: &mut Context) {
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let mut taken: Vec<(String, String)> = Vec::new();
    for source in &config.sources {
        if let SourceKind::File(files) = &source.kind {
            taken.extend(files.paths.iter().map(|path| (plain(path), format!("source {} reads it", source.name))));
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
    for (place, path, use_of_it) in written {
        if let Some((_, other)) = taken.iter().find(|(one, _)| *one == path) {
            let message = format!("one file is in use twice: {other}");
            let help = "give each its own path".to_owned();
            ctx.problems.push(place.problem("config.path", message, Some(help)));
        }
        taken.push((path, use_of_it));
    }
}
