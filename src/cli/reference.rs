//! `reference`: every option, function, operator, aggregate, sink, counter and code of errors, in Markdown, from the one lists.

use super::command;
use crate::aggregate::aggregates;
use crate::codec::json::RejectReason;
use crate::config;
use crate::error::codes;
use crate::expr::{functions, operators, series_functions, step_functions};
use crate::observe::list;
use crate::pattern::{EXAMPLES, forms};
use crate::story::KEYS;
use std::fmt::Write;

/// The reference in Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Reference\n\nPrinted by `highwater reference` from the lists the program itself uses; a test compares this \
         file with them. The reference of the Rust library is its documentation: `cargo doc --open`, from \
         `highwater::Pipeline` on.\n",
    );
    pipeline(&mut out);
    expressions(&mut out);
    patterns(&mut out);
    counters(&mut out);
    errors(&mut out);
    commands(&mut out);
    cases(&mut out);
    differences(&mut out);
    out
}

/// Where other engines answer differently on purpose: subject, what holds here, why.
const DIFFERENCES: [[&str; 3]; 14] = [
    [
        "what is said before the last row of a window",
        "one correction a tick, each with the row it takes back",
        "a correction for each event would depend on how events are batched",
    ],
    [
        "a late event next to a session that is stated (Flink without lateness states a session beside it)",
        "it is too late where its own `gap` and `allowed_lateness` have passed its own tick; else it joins the session",
        "the answer must not depend on what other partitions or workers have stated so far",
    ],
    ["windows of a number of events", "not offered", "which events share one would depend on the order of arrival"],
    [
        "a window for each event, by difference (Kafka Streams)",
        "not offered",
        "use a sliding window with a small slide",
    ],
    [
        "panes that say only what is new (discarding)",
        "not offered: a correction replaces its row",
        "a reader that misses one pane could never be right again",
    ],
    ["input that takes rows back", "not offered", "sources give events, which have happened"],
    ["the end of bounded input", "every open window is stated", "Spark and others leave the last windows unsaid"],
    [
        "patterns at the end of bounded input",
        "it is the end of time: matches that wait, for a limit or for an earlier partial match, and partial matches that \
         ran out of time are said",
        "Flink says them where a watermark reaches the limit, and the last watermark of bounded input reaches all",
    ],
    [
        "the window of a loop (`times(2, window)` in Flink)",
        "`a{2}[-> 3s]` bounds every gap inside the loop, and no other",
        "so Flink documents it; Flink itself bounds the gap before the loop and leaves out one inside",
    ],
    [
        "the limit between neighbours on a quantified step (none in Flink)",
        "`within_step` holds for every event of the step",
        "nobody means a limit to have no effect",
    ],
    [
        "a skip to the first event of a match, or to a step that the match does not have",
        "skips nothing",
        "Flink can be told to fail then; a stream should not stop where one match lacks an optional step",
    ],
    [
        "row patterns where an event meets the loop's condition and the next one's",
        "the preferred match of SQL:2016, with backtracking",
        "Flink has no backtracking, and loses the match",
    ],
    [
        "row patterns that are said as soon as a row completes them, without waiting for a longer one, or after an \
         `interval` (Esper)",
        "the preferred match, as soon as nothing preferred can come; all matches are those of `mode = \"sequence\"` with \
         strict gaps and `skip = \"no_skip\"`",
        "a match that is greedy and one that is said at once are two different ones",
    ],
    [
        "`prev` where all matches are wanted (Esper), `first` and `last` over all events of a match (Flink)",
        "not offered: `prev` is of `mode = \"row\"`, and a call is over the events of one step",
        "in a sequence the event before need not be one of the key's matching ones",
    ],
];

fn differences(out: &mut String) {
    out.push_str(
        "\n## Where other engines answer differently\n\nThe window cases of the test suites of Flink, Beam and Kafka \
         Streams (`tests/cases/windows.jsonl`) and the pattern cases of Flink and Esper (`cep_flink.jsonl`, \
         `cep_generated.jsonl`, `match_recognize.jsonl`) run as tests; these are the differences that are meant.\n\n",
    );
    head(out, &["subject", "here", "why"]);
    for difference in &DIFFERENCES {
        row(out, difference);
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn row(out: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|c| cell(c)).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn head(out: &mut String, names: &[&str]) {
    row(out, names);
    let _ = writeln!(out, "|{}", "---|".repeat(names.len()));
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn pipeline(out: &mut String) {
    out.push_str("\n## The pipeline file\n");
    for section in config::reference() {
        let of = section.of.map_or(String::new(), |of| format!(" (`type = \"{of}\"`)"));
        let name = if section.path.is_empty() { "Top level".to_owned() } else { format!("`[{}]`", section.path) };
        let _ = writeln!(out, "\n### {name}{of}\n\n{}\n", section.doc);
        if section.keys.is_empty() {
            continue;
        }
        head(out, &["key", "type", "default", "meaning", "example"]);
        for key in section.keys {
            let default = match (key.required, key.default) {
                (true, _) => "required".to_owned(),
                (_, Some(default)) => code(default),
                (_, None) => String::new(),
            };
            row(out, &[&code(key.name), &key.kind.to_string(), &default, key.doc, &code(key.example)]);
        }
    }
}

fn expressions(out: &mut String) {
    out.push_str("\n## Expressions\n\n### Operators\n\n");
    head(out, &["operator", "meaning"]);
    for operator in operators() {
        row(out, &[&code(operator.name), operator.doc]);
    }
    out.push_str("\n### Functions\n\n");
    head(out, &["function", "meaning", "example", "gives"]);
    for f in functions() {
        let mut doc = f.doc.to_owned();
        if !f.aliases.is_empty() {
            let _ = write!(doc, " Also: {}.", f.aliases.join(", "));
        }
        row(out, &[&code(f.signature), &doc, &code(f.example), &code(f.result)]);
    }
    out.push_str("\n### Aggregates\n\n");
    head(out, &["aggregate", "meaning", "example"]);
    for a in aggregates() {
        let mut doc = a.doc.to_owned();
        if !a.aliases.is_empty() {
            let _ = write!(doc, " Also: {}.", a.aliases.join(", "));
        }
        row(out, &[&code(a.signature), &doc, &code(a.example)]);
    }
    out.push_str(
        "\n### Series functions\n\nIn `set`, `where` and `having` of a view: over the rows of the same group, by window. They need \
         windows that are equally far apart: those of a size, or of a view with one. A correction of a window corrects the rows \
         that look back at it. Every number is computed from the values in the order of their windows, so it is the same in \
         every run.\n\n",
    );
    head(out, &["function", "meaning"]);
    for f in series_functions() {
        row(out, &[&code(f.written), f.doc]);
    }
}

fn patterns(out: &mut String) {
    out.push_str(
        "\n## Patterns\n\nWhat `match` of a `[patterns]` part says. A step is a name, and an event is one of a step where \
         it meets the condition that `define` has for the name; without one any event does. Spaces are free, names are \
         letters, digits and `_`.\n\n",
    );
    head(out, &["written", "meaning"]);
    for form in forms() {
        row(out, &[&code(form.written), form.means]);
    }
    out.push_str(
        "\n### Examples of patterns\n\nEach runs as a test. Step `a` is met by the events `a`, `a1`, `a2` and so on, `any` by \
         every event; events are a second apart.\n\n",
    );
    head(out, &["shows", "pattern", "options", "events", "matches"]);
    for example in EXAMPLES {
        let mut options = vec![format!("skip = \"{}\"", example.skip)];
        options.extend(example.within.map(|s| format!("within = \"{s}s\"")));
        options.extend(example.row.then(|| "mode = \"row\"".to_owned()));
        let matches = if example.matches.is_empty() { "none".to_owned() } else { code(example.matches) };
        let cells = [code(example.pattern), code(&options.join(", ")), code(example.events), matches];
        row(out, &[example.shows, &cells[0], &cells[1], &cells[2], &cells[3]]);
    }
    out.push_str(
        "\n### Expressions of a pattern\n\nConditions are expressions over the fields of the event under test and over \
         the events that the match has so far; values of `select` over those of the whole match, and a field without a \
         step is one of its last event. A path that begins with the name of a step is of that step's events. In \
         `mode = \"sequence\"` the events so far are those before the one under test, in `mode = \"row\"` it is among those \
         of its step. The argument of a function is any expression over the events of one step: \
         `sum(a.price * a.quantity)`. A condition that is NULL is not met.\n\n",
    );
    head(out, &["function", "meaning"]);
    for f in step_functions() {
        row(out, &[&code(f.written), f.doc]);
    }
}

fn counters(out: &mut String) {
    out.push_str("\n## Why lines are rejected\n\n");
    head(out, &["reason", "meaning"]);
    for reason in RejectReason::ALL {
        row(out, &[&code(reason.code()), reason.sentence()]);
    }
    row(out, &[&code(crate::source::LINE_TOO_LONG), "The line is longer than `max_line`."]);
    out.push_str("\n## Counters\n\n");
    head(out, &["of", "counter", "unit", "meaning"]);
    for metric in list() {
        row(out, &[metric.scope, &code(metric.name), metric.unit, metric.doc]);
    }
}

fn errors(out: &mut String) {
    out.push_str(
        "\n## Codes of errors\n\nWhat stands in `error[...]` and `warning[...]`; they stay the same from version to \
         version, messages need not. Each message says more, and where.\n\n",
    );
    head(out, &["code", "meaning", "what to do"]);
    for one in codes() {
        row(out, &[&code(one.code), one.means, one.help]);
    }
}

fn commands(out: &mut String) {
    out.push_str("\n## Commands\n");
    let mut command = command();
    command.build();
    let mut all: Vec<(String, &clap::Command)> = vec![(String::from("highwater"), &command)];
    // A command with commands of its own is shown by these.
    while let Some(at) = all.iter().position(|(_, c)| c.has_subcommands()) {
        let (name, parent) = all.remove(at);
        let subs = parent.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
        all.splice(at..at, subs.map(|sub| (format!("{name} {}", sub.get_name()), sub)));
    }
    for (name, sub) in all {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "\n### `{name}`\n\n{about}\n");
        head(out, &["argument", "meaning", "default"]);
        for arg in
            sub.get_arguments().filter(|a| !a.is_hide_set() && !["help", "version"].contains(&a.get_id().as_str()))
        {
            let names = match (arg.get_short(), arg.get_long()) {
                (Some(s), Some(l)) => format!("-{s}, --{l}"),
                (None, Some(l)) => format!("--{l}"),
                _ => arg.get_id().to_string().to_uppercase(),
            };
            let default: Vec<String> =
                arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
            let flag = !arg.get_action().takes_values();
            let default = if flag { String::new() } else { code(&default.join(" ")) };
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            row(out, &[&code(&names), &help, &default]);
        }
    }
}

fn cases(out: &mut String) {
    out.push_str(
        "\n## Case files\n\nWhat `highwater test` runs: TOML files, found in folders by names that end in `.case.toml`. \
         The first comment is the case's story. Time is what the events say: a partition's watermark is its newest \
         event less `out_of_orderness`, so an event moves the clock, also one that no `where` lets through; at the end \
         of the input every open window is stated.\n\n",
    );
    head(out, &["key", "type", "default", "meaning", "example"]);
    for key in KEYS {
        let default = if key.default == "required" { "required".to_owned() } else { code(key.default) };
        row(out, &[&code(key.name), key.takes, &default, key.doc, &code(key.example)]);
    }
    out.push_str(
        "\nThe order of rows that `--rewrite` writes is that in which they are stated: by the time of the statement, \
         then by window, group, revision and op. It changes values of `expect` and `expect_counts` alone (a \
         case that expects nothing gets an `[expect]` at its end), and where the rows of a window name only some \
         values, the new ones name the same. Exit codes: 0 all as expected, 1 not, 2 a \
         case or its pipeline is wrong, 3 something outside, 4 the widths differ, which is a bug of ours.\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `REWRITE=1` writes the file anew.
    #[test]
    fn the_reference_in_the_repository_is_the_one_the_program_prints() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
        let now = reference();
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == now, "docs/reference.md is out of date: run REWRITE=1 cargo test --lib reference");
    }
}
