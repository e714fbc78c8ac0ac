//! `backtest`: history through the alerts of a pipeline, without telling anybody: a time line, totals, and how another version
//! of the file differs.

use super::history::{self, Form, cells, json, lasting, needs_alerts, needs_files, plain, shown, time};
use super::{Failure, FileArgs, write_out};
use crate::alert::{Difference, Episode, History, differ};
use crate::config::Config;
use crate::time::parse_rfc3339;
use clap::Args;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How wide a table is.
const WIDTH: u16 = 80;
/// Names up to this long are never cut into lines.
const SHORT: usize = 20;

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Show only alerts that were not over by then: RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Show only alerts that fired before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<i64>,
    /// Another version of the pipeline: show how the alerts of FILE differ from those of this one.
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// Worker threads.
    #[arg(short, long, default_value_t = 1)]
    workers: usize,
    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

fn moment(text: &str) -> Result<i64, String> {
    let time = parse_rfc3339(text.as_bytes()).map(|time| time.0);
    time.ok_or_else(|| format!("'{text}' is not a time in RFC 3339, such as 2026-01-05T12:00:00Z"))
}

/// What one pipeline gave.
struct Tested {
    file: String,
    /// The names of its alerts, their severities, and the dimensions of their groups, by part.
    rules: Vec<(u32, String, String, Vec<String>)>,
    episodes: Vec<Episode>,
    events: u64,
    unfired: u64,
    /// How far event time came.
    end: i64,
}

impl Tested {
    fn rule(&self, part: u32) -> &(u32, String, String, Vec<String>) {
        self.rules.iter().find(|rule| rule.0 == part).expect("an alert is one of the pipeline's")
    }

    fn name(&self, episode: &Episode) -> &str {
        &self.rule(episode.part).1
    }

    fn group(&self, episode: &Episode) -> String {
        let list: Vec<String> = cells(&episode.group).iter().map(shown).collect();
        if list.is_empty() && !self.rule(episode.part).3.is_empty() { "overflow".to_owned() } else { list.join(", ") }
    }

    /// How long it fired within the times that are shown.
    fn fired_for(&self, episode: &Episode, args: &BacktestArgs) -> i64 {
        let end = episode.ended.unwrap_or(self.end.max(episode.fired));
        let end = args.to.map_or(end, |to| end.min(to));
        (end - args.from.map_or(episode.fired, |from| episode.fired.max(from))).max(0)
    }

    fn json(&self, episode: &Episode) -> Value {
        let (_, rule, severity, dimensions) = self.rule(episode.part);
        let group: serde_json::Map<String, Value> =
            dimensions.iter().cloned().zip(cells(&episode.group).iter().map(|cell| json(cell.as_value()))).collect();
        json!({
            "alert": rule,
            "id": episode.id,
            "severity": severity,
            "group": group,
            "since": time(episode.since),
            "fired": time(episode.fired),
            "ended": episode.ended.map(time),
            "fired_for_us": episode.ended.map(|ended| ended - episode.fired),
            "no_data": episode.silences,
            "summary": episode.summary,
        })
    }
}

fn test(config: Config, args: &BacktestArgs) -> Result<Tested, Failure> {
    needs_alerts(&config)?;
    let names: Vec<String> = config.alerts.iter().map(|alert| alert.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let file = config.file.clone();
    let all: Arc<Mutex<History>> = Arc::default();
    let mut rules = Vec::new();
    let mut once = Vec::new();
    let outcome = history::run(config, &names, args.workers, |plan| {
        for p in &plan.alerts {
            let shown = &p.shown;
            rules.push((p.part, shown.rule.clone(), shown.severity.clone(), shown.dimensions.clone()));
            once.extend((p.rule.moments && p.rule.linger == 0).then_some(p.part));
        }
        let all = Arc::clone(&all);
        Box::new(move |row| all.lock().unwrap_or_else(PoisonError::into_inner).take(row))
    })?;
    let counts = outcome.metrics.snapshot();
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let mut episodes = all.episodes(&|part| once.contains(&part));
    episodes.retain(|one| {
        let over = args.from.is_some_and(|from| one.ended.is_some_and(|ended| ended < from));
        !over && args.to.is_none_or(|to| one.fired < to)
    });
    // Windows go on to their ends when the input has ended.
    let last = episodes.iter().map(|one| one.ended.unwrap_or(one.fired)).max();
    let end = counts.position().into_iter().chain(last).max().unwrap_or_default();
    Ok(Tested { file, rules, episodes, events: counts.events(), unfired: all.unfired(), end })
}

pub(super) fn backtest(args: &BacktestArgs) -> Result<(), Failure> {
    let config = history::load(&args.file.file, &args.file.set)?;
    let other = match &args.against {
        Some(other) => {
            needs_files(&config)?;
            let other = history::load(other, &args.file.set)?;
            needs_files(&other)?;
            Some(other)
        }
        None => None,
    };
    let tested = test(config, args)?;
    let other = other.map(|other| test(other, args)).transpose()?;
    let difference = other.as_ref().map(|other| {
        let name = |part: u32| tested.rule(part).1.clone();
        let of_other = |part: u32| other.rule(part).1.clone();
        (other, differ(&tested.episodes, &other.episodes, (&name, &of_other)))
    });
    let text = match args.format {
        Form::Text => text(&tested, difference, args),
        Form::Json => format!("{:#}\n", as_json(&tested, difference, args)),
    };
    write_out(text.as_bytes())
}

/// A table within the width of a terminal; some columns at the right, and some that are never cut into lines.
fn table(head: &[&str], right: &[usize], whole: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(head);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i + 1 == head.len() { 0 } else { 2 }));
        if whole.contains(&i) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if right.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn put(out: &mut String, table: &Table) {
    for line in table.lines() {
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

fn text(tested: &Tested, difference: Option<(&Tested, Difference)>, args: &BacktestArgs) -> String {
    let mut out = String::new();
    let s = if tested.events == 1 { "" } else { "s" };
    let _ = writeln!(out, "{}: {} event{s}, up to {}", plain(&tested.file), tested.events, time(tested.end));
    let episodes = &tested.episodes;
    if episodes.is_empty() {
        out.push_str("\nno alert fired\n");
    } else {
        out.push('\n');
        let short = episodes.iter().all(|one| tested.name(one).chars().count() <= SHORT);
        let whole: &[usize] = if short { &[0, 1, 2, 4] } else { &[0, 1, 4] };
        let mut line = table(&["fired", "for", "alert", "group", "id"], &[], whole);
        for one in episodes {
            let lasted = match one.ended {
                Some(ended) if ended == one.fired => "a moment".to_owned(),
                Some(ended) => lasting(ended - one.fired),
                None => format!("{}, open", lasting((tested.end - one.fired).max(0))),
            };
            let silent = if one.silences > 0 { ", no data" } else { "" };
            let lasted = format!("{lasted}{silent}");
            line.add_row([&time(one.fired), &lasted, tested.name(one), &tested.group(one), &one.id]);
        }
        put(&mut out, &line);
    }
    out.push('\n');
    let mut totals =
        table(&["alert", "fired", "groups", "fired for", "longest", "open"], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]);
    for (part, rule, ..) in &tested.rules {
        let of: Vec<&Episode> = episodes.iter().filter(|one| one.part == *part).collect();
        let (groups, total, longest, open) = sums(tested, &of, args);
        let numbers = [of.len().to_string(), groups.to_string(), lasting(total), lasting(longest), open.to_string()];
        totals.add_row([rule.clone()].into_iter().chain(numbers));
    }
    put(&mut out, &totals);
    if tested.unfired > 0 {
        let n = plural(tested.unfired as usize, "firing");
        let _ = writeln!(out, "\n{n} taken back by events that came late");
    }
    if let Some((other, found)) = difference {
        out.push('\n');
        differences(tested, other, &found, &mut out);
    }
    out
}

/// Groups, the time all of them fired, the longest, and how many are open.
fn sums(tested: &Tested, of: &[&Episode], args: &BacktestArgs) -> (usize, i64, i64, usize) {
    let groups: std::collections::BTreeSet<&[u8]> = of.iter().map(|one| &one.group[..]).collect();
    let times = of.iter().map(|one| tested.fired_for(one, args));
    (groups.len(), times.clone().sum(), times.max().unwrap_or(0), of.iter().filter(|one| one.ended.is_none()).count())
}

fn differences(tested: &Tested, other: &Tested, found: &Difference, out: &mut String) {
    let _ = writeln!(out, "against {}: {} the same", plain(&other.file), plural(found.same, "alert"));
    let (new, gone) = (found.new.len(), found.gone.len());
    if new + gone + found.moved.len() == 0 {
        return;
    }
    let mut lines = table(&["", "fired", "what differs", "alert", "group"], &[], &[0, 1]);
    let mut all: Vec<(i64, u8, [String; 5])> = Vec::new();
    for (list, of, sign, word) in [(&found.gone, other, "-", "does not fire"), (&found.new, tested, "+", "fires now")] {
        for i in list {
            let one = &of.episodes[*i];
            let for_long = one.ended.map_or("open".to_owned(), |ended| lasting(ended - one.fired));
            let what = format!("{word} ({for_long})");
            let row = [sign.to_owned(), time(one.fired), what, of.name(one).to_owned(), of.group(one)];
            all.push((one.fired, u8::from(sign == "+"), row));
        }
    }
    for (i, j) in &found.moved {
        let (one, before) = (&tested.episodes[*i], &other.episodes[*j]);
        let row = ["~".to_owned(), time(one.fired), moved(one, before), tested.name(one).to_owned(), tested.group(one)];
        all.push((one.fired, 2, row));
    }
    all.sort();
    all.into_iter().for_each(|(.., row)| {
        lines.add_row(row);
    });
    put(out, &lines);
}

/// How the times of an alert differ.
fn moved(one: &Episode, before: &Episode) -> String {
    let mut parts = Vec::new();
    match one.fired - before.fired {
        0 => {}
        d if d > 0 => parts.push(format!("fires {} later", lasting(d))),
        d => parts.push(format!("fires {} earlier", lasting(-d))),
    }
    match (one.ended, before.ended) {
        (Some(a), Some(b)) if a > b => parts.push(format!("ends {} later", lasting(a - b))),
        (Some(a), Some(b)) if a < b => parts.push(format!("ends {} earlier", lasting(b - a))),
        (None, Some(_)) => parts.push("stays open".to_owned()),
        (Some(_), None) => parts.push("ends".to_owned()),
        _ => {}
    }
    parts.join(", ")
}

fn as_json(tested: &Tested, difference: Option<(&Tested, Difference)>, args: &BacktestArgs) -> Value {
    let totals: Vec<Value> = (tested.rules.iter())
        .map(|(part, rule, ..)| {
            let of: Vec<&Episode> = tested.episodes.iter().filter(|one| one.part == *part).collect();
            let (groups, total, longest, open) = sums(tested, &of, args);
            json!({
                "alert": rule,
                "fired": of.len(),
                "groups": groups,
                "fired_for_us": total,
                "longest_us": longest,
                "open": open,
            })
        })
        .collect();
    let against = difference.map(|(other, found)| {
        json!({
            "file": other.file,
            "same": found.same,
            "new": found.new.iter().map(|i| tested.json(&tested.episodes[*i])).collect::<Vec<_>>(),
            "gone": found.gone.iter().map(|i| other.json(&other.episodes[*i])).collect::<Vec<_>>(),
            "moved": found.moved.iter().map(|(i, j)| json!({
                "now": tested.json(&tested.episodes[*i]),
                "before": other.json(&other.episodes[*j]),
            })).collect::<Vec<_>>(),
        })
    });
    json!({
        "file": tested.file,
        "events": tested.events,
        "end": time(tested.end),
        "alerts": tested.episodes.iter().map(|one| tested.json(one)).collect::<Vec<_>>(),
        "totals": totals,
        "taken_back": tested.unfired,
        "against": against,
    })
}
