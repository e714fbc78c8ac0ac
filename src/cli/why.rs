//! `why`: the life of one alert, the rows behind it, and the events behind these.
//!
//! The pipeline is run over its input again, twice: first for the life of the alert, then for the rows of its group and the
//! events in the window at which it fired. For the events a pattern of one step is put beside the window, which takes those
//! of the group.

use super::history::{self, Form, cells, json, lasting, needs_alerts, needs_files, plain, shown, time};
use super::{Failure, FileArgs, write_out};
use crate::alert::{Fact, History, State};
use crate::config::{
    Config, Events, Expressions, Located, MatchMode, Matching, PatternConfig, RecommendationConfig, Skip, WindowConfig,
    WithinStep,
};
use crate::error::{Error, nearest};
use crate::event::{FieldPath, OwnedValue};
use crate::result::{Op, RowSchema};
use crate::time::Span;
use clap::Args;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// How many events, and how many rows, are shown.
const SHOWN: usize = 20;
/// The step that takes events; a name that no field should have.
const STEP: &str = "hw_event_of_alert";

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    file: FileArgs,
    /// The alert: what its rows have as alert_id.
    id: String,
    /// Worker threads.
    #[arg(short, long, default_value_t = 1)]
    workers: usize,
    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

/// A row of the part that the alert looks at: its window and values.
type Row = ((i64, i64), Vec<OwnedValue>);

/// Rows by window and the bytes of their values, each with how often it stands.
type Standing = BTreeMap<((i64, i64), Vec<u8>), i64>;

/// What was found.
struct Found {
    rule: String,
    from: String,
    severity: String,
    texts: Vec<(&'static str, String)>,
    facts: Vec<Fact>,
    schema: RowSchema,
    group: Vec<OwnedValue>,
    window: (i64, i64),
    rows: Vec<Row>,
    events: Seen,
}

/// Events, the first of them as text.
#[derive(Default)]
struct Seen {
    count: u64,
    /// By time, place in a match, and text.
    first: BTreeMap<(i64, usize, String), u64>,
    /// Why there are none.
    none: Option<String>,
}

pub(super) fn why(args: &WhyArgs) -> Result<(), Failure> {
    let config = history::load(&args.file.file, &args.file.set)?;
    needs_alerts(&config)?;
    needs_files(&config)?;
    let found = find(config, args)?;
    let text = match args.format {
        Form::Text => text(&found),
        Form::Json => format!("{:#}\n", as_json(&found)),
    };
    write_out(text.as_bytes())
}

fn find(config: Config, args: &WhyArgs) -> Result<Found, Failure> {
    let names: Vec<String> = config.alerts.iter().map(|alert| alert.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all: Arc<Mutex<History>> = Arc::default();
    let mut rules = Vec::new();
    history::run(config.clone(), &names, args.workers, |plan| {
        for (p, alert) in plan.alerts.iter().zip(&config.alerts) {
            let mut texts: Vec<(&'static str, String)> = Vec::new();
            texts.extend(p.texts.0.clone().map(|text| ("when", text)));
            texts.extend(p.texts.1.clone().map(|text| ("until", text)));
            let spans = [("for", p.rule.hold), ("keep_firing_for", p.rule.linger)];
            texts.extend(spans.into_iter().filter(|(_, us)| *us > 0).map(|(name, us)| (name, Span(us).to_string())));
            texts.extend(p.rule.silence.map(|us| ("no_data_after", Span(us).to_string())));
            let schema = plan.schemas[p.from as usize].clone();
            rules.push((p.part, alert.clone(), texts, schema, p.rule.moments));
        }
        let all = Arc::clone(&all);
        Box::new(move |row| all.lock().unwrap_or_else(PoisonError::into_inner).take(row))
    })?;
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let id = args.id.trim().to_ascii_lowercase();
    let Some((part, facts)) = all.of(&id) else {
        let list = format!("highwater backtest {} lists them", args.file.file.display());
        let help = match (nearest(&id, all.ids()), all.ids().next()) {
            (_, None) => "no alert of it fires over its input".to_owned(),
            (Some(near), _) => format!("did you mean {near}? {list}"),
            (None, _) => list,
        };
        return Err(Error::user("why.id", format!("no alert is '{}'", plain(&args.id))).help(help).into());
    };
    let facts: Vec<Fact> = facts.into_iter().cloned().collect();
    let (_, alert, texts, schema, moments) =
        rules.into_iter().find(|rule| rule.0 == part).expect("the part of an alert is one of the plan's");
    let fired = facts.iter().find(|fact| fact.told.fired == Some(fact.told.at)).or(facts.first());
    let (group, window) = fired.map_or((Vec::new(), (0, 0)), |fact| (fact.group.clone(), fact.window));
    let (rows, events) =
        behind(config, (&alert.from.value, &schema.dimensions), &facts, (&group, window, moments), args.workers)?;
    Ok(Found {
        rule: alert.name,
        from: alert.from.value,
        severity: alert.severity,
        texts,
        facts,
        schema,
        group: cells(&group),
        window,
        rows,
        events,
    })
}

/// The rows of the group from when the condition began to hold to the last change, and the events of the row at which it fired.
fn behind(
    mut config: Config,
    (from, dimensions): (&str, &[String]),
    facts: &[Fact],
    (group, window, moments): (&[u8], (i64, i64), bool),
    workers: usize,
) -> Result<(Vec<Row>, Seen), Failure> {
    let since = facts.iter().map(|fact| fact.told.since).min().unwrap_or_default();
    let until = facts.iter().map(|fact| fact.told.at).max().unwrap_or_default();
    config.alerts.clear();
    let mut parts = vec![from.to_owned()];
    let mut events = Seen::default();
    let beside = |config: &mut Config, of: &[Located<String>], condition: String, lateness: Span| {
        let mut name = "hw-events".to_owned();
        while config.windows.iter().any(|w| w.name == name) || config.streams.iter().any(|s| s.name == name) {
            name.push('_');
        }
        config.patterns = vec![all_of(&name, of, condition, lateness)];
        name
    };
    if let Some(pattern) = config.patterns.iter().find(|pattern| pattern.name == from) {
        config.patterns = vec![PatternConfig { events: Events::Full, ..pattern.clone() }];
    } else if let Some((of, condition)) = sightings(&config, from, &cells(group)) {
        let (from, lateness) = (of.from.clone(), of.allowed_lateness);
        parts.push(beside(&mut config, &from, condition, lateness));
    } else if let Some(of) = window_behind(&config, from) {
        let (reads, lateness) = (of.from.clone(), of.allowed_lateness);
        let values = cells(group);
        if values.len() == dimensions.len() {
            // What a join has added is no column of the window.
            let known = dimensions
                .iter()
                .zip(&values)
                .filter_map(|(name, value)| Some((grouped_by(&config, from, name)?, value)));
            let condition = condition(known);
            parts.push(beside(&mut config, &reads, condition, lateness));
        } else {
            events.none = Some("the group is that of all others, beyond max_groups".to_owned());
        }
    } else {
        events.none = Some(format!("'{from}' is not made of the rows of one window; look at the parts it reads"));
    }
    let found: Arc<Mutex<(Standing, Seen)>> = Arc::new(Mutex::new((BTreeMap::new(), events)));
    let group = group.to_vec();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    history::run(config, &parts, workers, |plan| {
        let index = |name: &str| plan.schemas.iter().position(|schema| schema.name == name).map(|i| i as u32);
        let of = index(parts[0]);
        // The last value of a match with its events is these.
        let found = Arc::clone(&found);
        Box::new(move |row| {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let sign = if row.head.op == Op::Assert { 1 } else { -1 };
            let times = (row.head.window_start, row.head.window_end);
            let last = || row.values().last().and_then(|value| value.as_json().map(str::to_owned)).unwrap_or_default();
            if Some(row.head.part) == of {
                if row.key == group && row.head.early == 0 && (since..=until).contains(&times.1) {
                    *found.0.entry((times, row.values.to_vec())).or_default() += sign;
                }
                if moments && row.key == group && times == window {
                    found.1.take(times.0, last(), sign);
                }
            } else if (window.0..window.1).contains(&times.0) {
                found.1.take(times.0, last(), sign);
            }
        })
    })?;
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = std::mem::take(&mut found.0).into_iter().filter(|(_, n)| *n > 0);
    let mut rows: Vec<Row> = rows.map(|((window, values), _)| (window, cells(&values))).collect();
    rows.sort_by_key(|(window, _)| (window.1, window.0));
    if moments {
        // Its events are shown by themselves.
        rows.iter_mut().for_each(|(_, values)| values.truncate(values.len().saturating_sub(1)));
    }
    Ok((rows, std::mem::take(&mut found.1)))
}

impl Seen {
    /// Takes what a match has of its events.
    fn take(&mut self, at: i64, events: String, sign: i64) {
        let Steps(all) = serde_json::from_str(&events).unwrap_or_default();
        for (i, event) in all.iter().enumerate() {
            // What is no JSON is a text here.
            let text = serde_json::from_str(event.get()).unwrap_or_else(|_| event.get().to_owned());
            self.count = self.count.saturating_add_signed(sign);
            let place = self.first.entry((at, i, text)).or_default();
            *place = place.saturating_add_signed(sign);
        }
        self.first.retain(|_, n| *n > 0);
        while self.first.len() > SHOWN {
            self.first.pop_last();
        }
    }
}

/// The events of a match, in the order of its steps.
#[derive(Default)]
struct Steps(Vec<Box<RawValue>>);

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Steps;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("steps with their events")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Steps, A::Error> {
                let mut list = Vec::new();
                while let Some((_, mut events)) = map.next_entry::<String, Vec<Box<RawValue>>>()? {
                    list.append(&mut events);
                }
                Ok(Steps(list))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The one window whose rows a part is made of.
fn window_behind<'a>(config: &'a Config, part: &str) -> Option<&'a WindowConfig> {
    match config.views.iter().find(|view| view.name == part) {
        Some(view) => window_behind(config, &view.from.first().filter(|_| view.from.len() == 1)?.value),
        None => config.windows.iter().find(|window| window.name == part),
    }
}

/// What the window behind a part groups by in the place of a column.
fn grouped_by<'a>(config: &'a Config, part: &str, column: &str) -> Option<&'a Located<String>> {
    let named = |list: &'a Expressions| list.iter().find(|(name, _)| name == column).map(|(_, text)| text);
    let Some(view) = config.views.iter().find(|view| view.name == part) else {
        return named(&config.windows.iter().find(|window| window.name == part)?.group_by);
    };
    let column = if view.size.is_some() { &named(&view.group_by)?.value } else { column };
    grouped_by(config, &view.from.first()?.value, column)
}

/// The sightings behind a row of a recommendation, and what they meet: those of its two items, or those of its user.
fn sightings<'a>(config: &'a Config, from: &str, group: &[OwnedValue]) -> Option<(&'a RecommendationConfig, String)> {
    let of_users = |part: &RecommendationConfig| part.per_user.as_ref().is_some_and(|of| of.name == from);
    let part = config.recommendations.iter().find(|part| part.name == from || of_users(part))?;
    let equal = |text: &Located<String>, value: &OwnedValue| condition([(text, value)].into_iter());
    let [first, second] = group else { return None };
    let of = match of_users(part) {
        true => equal(&part.by, first),
        false => format!("({} OR {})", equal(&part.item, first), equal(&part.item, second)),
    };
    let filter = part.filter.as_ref().map_or(String::new(), |text| format!(" AND ({})", text.value));
    Some((part, format!("{of} AND ({}) IS NOT NULL{filter}", part.by.value)))
}

/// What an event of a group meets: each expression has its value.
fn condition<'a>(group: impl Iterator<Item = (&'a Located<String>, &'a OwnedValue)>) -> String {
    let each = group.map(|(text, value)| {
        let text = &text.value;
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match value {
            OwnedValue::Null => format!("({text}) IS NULL"),
            OwnedValue::Bool(v) => format!("({text}) IS NOT DISTINCT FROM {v}"),
            OwnedValue::Int(v) => format!("({text}) IS NOT DISTINCT FROM ({v})"),
            OwnedValue::Float(v) => format!("({text}) IS NOT DISTINCT FROM ({v:?})"),
            OwnedValue::Time(us) => format!("({text}) IS NOT DISTINCT FROM TIMESTAMP '{}'", time(*us)),
            OwnedValue::Text(v) => format!("({text}) IS NOT DISTINCT FROM {}", quoted(v)),
            OwnedValue::Json(v) => format!("CAST(({text}) AS text) IS NOT DISTINCT FROM {}", quoted(v)),
        }
    });
    let all: Vec<String> = each.collect();
    if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
}

/// A pattern that each event is a match of which meets a condition.
fn all_of(name: &str, from: &[Located<String>], condition: String, lateness: Span) -> PatternConfig {
    let text = |value: &str| Located { value: value.to_owned(), line: 0, path: name.to_owned(), text: String::new() };
    PatternConfig {
        name: name.to_owned(),
        line: 0,
        from: from.to_vec(),
        key: None,
        matching: Matching::Text(text(STEP)),
        define: vec![(STEP.to_owned(), text(&condition))],
        within: None,
        within_step: WithinStep::None,
        skip: Located { value: Skip::PastLast, line: 0, path: name.to_owned(), text: String::new() },
        timed_out: false,
        allowed_lateness: lateness,
        max_partial_matches: 10_000,
        event_id: text("NULL"),
        events: Events::Full,
        type_field: Located {
            value: FieldPath::dotted("event_type"),
            line: 0,
            path: name.to_owned(),
            text: String::new(),
        },
        mode: MatchMode::Sequence,
        select: Vec::new(),
    }
}

/// The columns of the rows that the alert looks at, with their values of a change.
fn values_of<'a>(found: &'a Found, fact: &Fact) -> Vec<(&'a str, OwnedValue)> {
    // Those of the alert itself come first.
    found.schema.values.iter().map(String::as_str).zip(cells(&fact.values).into_iter().skip(7)).collect()
}

fn text(found: &Found) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<10} {}", plain(text));
    };
    let first = found.facts.first();
    line("alert", &format!("{} ({}), {}", found.rule, found.severity, first.map_or("", |fact| &fact.told.id)));
    let group: Vec<String> = found
        .schema
        .dimensions
        .iter()
        .zip(&found.group)
        .map(|(name, cell)| format!("{name}={}", shown(cell)))
        .collect();
    line("of", &format!("{}{}{}", found.from, if group.is_empty() { "" } else { ": " }, group.join(", ")));
    for (name, text) in &found.texts {
        line(name, text);
    }
    out.push('\n');
    let began = first.map_or(0, |fact| fact.told.since);
    for fact in &found.facts {
        let told = &fact.told;
        let after = if told.at > began { format!(", after {}", lasting(told.at - began)) } else { String::new() };
        let _ = writeln!(out, "{}  {}{after}", time(told.at), told.state);
        let _ = writeln!(out, "    {}", plain(&told.summary));
        let values: Vec<String> =
            values_of(found, fact).iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
        let _ = writeln!(out, "    {} to {}: {}", time(fact.window.0), time(fact.window.1), values.join(", "));
    }
    let n = found.rows.len();
    let _ = writeln!(out, "\n{n} row{} of {} from then on", if n == 1 { "" } else { "s" }, found.from);
    for ((start, end), values) in found.rows.iter().take(SHOWN) {
        let values: Vec<String> =
            found.schema.values.iter().zip(values).map(|(name, cell)| format!("{name}={}", shown(cell))).collect();
        let _ = writeln!(out, "  {} to {}  {}", time(*start), time(*end), values.join(", "));
    }
    if n > SHOWN {
        let _ = writeln!(out, "  and {} more", n - SHOWN);
    }
    let (start, end) = (time(found.window.0), time(found.window.1));
    match &found.events.none {
        Some(why) => {
            let _ = writeln!(out, "\nno events are shown: {}", plain(why));
        }
        None => {
            let n = found.events.count;
            let _ = writeln!(out, "\n{n} event{} from {start} to {end}", if n == 1 { "" } else { "s" });
            let all = found.events.first.iter().flat_map(|((.., text), n)| std::iter::repeat_n(text, *n as usize));
            for text in all.take(SHOWN) {
                let _ = writeln!(out, "  {}", plain(text));
            }
            if n > SHOWN as u64 {
                let _ = writeln!(out, "  and {} more", n - SHOWN as u64);
            }
        }
    }
    out
}

fn as_json(found: &Found) -> Value {
    let object = |list: Vec<(&str, OwnedValue)>| -> Value {
        list.into_iter()
            .map(|(name, value)| (name.to_owned(), json(value.as_value())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let named = |names: &'_ [String], cells: &[OwnedValue]| -> Value {
        names
            .iter()
            .cloned()
            .zip(cells.iter().map(|cell| json(cell.as_value())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let changes: Vec<Value> = (found.facts.iter())
        .map(|fact| {
            json!({
                "state": fact.told.state,
                "at": time(fact.told.at),
                "summary": fact.told.summary,
                "window_start": time(fact.window.0),
                "window_end": time(fact.window.1),
                "values": object(values_of(found, fact)),
            })
        })
        .collect();
    let rows: Vec<Value> = (found.rows.iter())
        .map(|((start, end), values)| {
            json!({
                "window_start": time(*start),
                "window_end": time(*end),
                "values": named(&found.schema.values, values),
            })
        })
        .collect();
    let events = found.events.first.iter().flat_map(|((.., text), n)| std::iter::repeat_n(text, *n as usize));
    let events: Vec<Value> =
        events.take(SHOWN).map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.clone().into())).collect();
    let first = found.facts.first();
    json!({
        "alert": found.rule,
        "id": first.map(|fact| fact.told.id.clone()),
        "severity": found.severity,
        "from": found.from,
        "group": named(&found.schema.dimensions, &found.group),
        "since": first.map(|fact| time(fact.told.since)),
        "open": !found.facts.iter().any(|fact| fact.told.state == State::Resolved.word()),
        "changes": changes,
        "rows": rows,
        "event_count": found.events.count,
        "events": events,
        "no_events": found.events.none,
    })
}
