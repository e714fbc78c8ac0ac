//! Alerts as they stand, and one with its life and the rows behind it.

use super::access::Refusal;
use super::answer::{Answer, Wrong, json};
use super::book::Life;
use super::face::Face;
use super::fields::{Fields, Span, moment};
use super::results::{array, gather};
use super::routes::Ask;
use super::store::{Row, Scan};
use crate::alert::{Change, Shown, State};
use crate::observe::PartCounts;
use crate::plan::{AlertPlan, Plan};
use crate::result::RowRef;
use crate::sink::{JsonRows, Times};
use crate::time;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Alerts in one answer, at most.
const MOST: usize = 10_000;
/// Rows behind an alert that are shown: the newest.
const BEHIND: usize = 200;

/// What is known of a rule.
pub(super) struct Rule {
    part: u32,
    from: u32,
    moments: bool,
    texts: [Option<String>; 2],
    spans: [i64; 2],
    no_data_after: Option<i64>,
    shown: Arc<Shown>,
}

impl Rule {
    /// The rules of a plan.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let one = |alert: &AlertPlan| Self {
            part: alert.part,
            from: alert.from,
            moments: alert.rule.moments,
            texts: [alert.texts.0.clone(), alert.texts.1.clone()],
            spans: [alert.rule.hold, alert.rule.linger],
            no_data_after: alert.rule.silence,
            shown: Arc::clone(&alert.shown),
        };
        plan.alerts.iter().map(one).collect()
    }
}

#[derive(Serialize)]
struct RuleShown<'a> {
    name: &'a str,
    from: &'a str,
    severity: &'a str,
    /// The gravest state of its groups.
    state: &'static str,
    when: Option<&'a str>,
    until: Option<&'a str>,
    #[serde(rename = "for")]
    hold: String,
    keep_firing_for: String,
    no_data_after: Option<String>,
    notify: &'a [String],
    now: Now,
    total: Total,
}

/// How many of its groups are what. Groups in which nothing holds are not kept.
#[derive(Serialize, Default, Clone, Copy)]
struct Now {
    firing: u64,
    no_data: u64,
    pending: u64,
}

#[derive(Serialize, Default)]
struct Total {
    fired: u64,
    resolved: u64,
    no_data: u64,
    corrected: u64,
}

#[derive(Serialize)]
struct AlertShown<'a> {
    id: &'a str,
    rule: &'a str,
    state: &'static str,
    severity: &'a str,
    summary: &'a str,
    group: Fields<'a>,
    values: Fields<'a>,
    window: Span,
    since: String,
    fired: Option<String>,
    ended: Option<String>,
    at: String,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    notify: &'a [String],
    silenced: bool,
    inhibited: bool,
    /// It stood so when an earlier run ended; this run has said nothing of it.
    earlier_run: bool,
}

#[derive(Serialize)]
struct List<'a> {
    rules: Vec<RuleShown<'a>>,
    alerts: Vec<AlertShown<'a>>,
    /// How many more there are.
    more: usize,
    /// Alerts that had to leave although they were not over.
    left_out: u64,
}

#[derive(Serialize)]
struct Fact<'a> {
    state: &'static str,
    at: String,
    summary: &'a str,
    window: Span,
    values: Fields<'a>,
}

#[derive(Serialize)]
struct One<'a> {
    alert: AlertShown<'a>,
    rule: RuleShown<'a>,
    life: Vec<Fact<'a>>,
    behind: Behind<'a>,
}

/// The rows that the alert is about.
#[derive(Serialize)]
struct Behind<'a> {
    part: &'a str,
    /// The newest rows of the group in the time of the alert.
    rows: Box<RawValue>,
    /// There are more, or some have left the server.
    more: bool,
}

/// An alert, copied out of the book so that it is not held.
struct Seen {
    rule: usize,
    state: State,
    change: Change,
    earlier: bool,
}

fn seen(face: &Face, part: u32, life: &Life) -> Option<Seen> {
    let rule = face.rules.iter().position(|rule| rule.part == part)?;
    let change = face.rules[rule].shown.standing(life.row()?.get())?;
    Some(Seen { rule, state: life.state(), change, earlier: life.is_of_earlier_run() })
}

fn split<'a>(rule: &Rule, change: &'a Change) -> (Fields<'a>, Fields<'a>) {
    let fields = |list: &'a [(String, crate::event::OwnedValue)]| {
        Fields(list.iter().map(|(name, value)| (name.as_str(), value.as_value())).collect())
    };
    let (group, values) = change.values.split_at(rule.shown.dimensions.len().min(change.values.len()));
    (fields(group), fields(values))
}

fn shown<'a>(face: &'a Face, seen: &'a Seen, (silenced, inhibited): (bool, bool)) -> AlertShown<'a> {
    let change = &seen.change;
    let (group, values) = split(&face.rules[seen.rule], change);
    let over = matches!(seen.state, State::Resolved | State::Corrected);
    AlertShown {
        id: &change.id,
        rule: &change.rule,
        state: seen.state.word(),
        severity: &change.severity,
        summary: change.annotations.get("summary").map_or("", String::as_str),
        group,
        values,
        window: Span::of(change.window),
        since: moment(change.since),
        fired: change.fired.map(moment),
        ended: over.then(|| moment(change.at)),
        at: moment(change.at),
        labels: &change.labels,
        annotations: &change.annotations,
        notify: &change.notify,
        silenced: silenced && !over,
        inhibited: inhibited && !over,
        earlier_run: seen.earlier,
    }
}

fn rules(face: &Face) -> Vec<RuleShown<'_>> {
    let mut now = vec![Now::default(); face.rules.len()];
    for (part, life) in face.shelf.book().active().filter(|(_, life)| !life.is_of_earlier_run()) {
        let Some(i) = face.rules.iter().position(|rule| rule.part == part) else { continue };
        match life.state() {
            State::Firing => now[i].firing += 1,
            State::NoData => now[i].no_data += 1,
            _ => now[i].pending += 1,
        }
    }
    let run = face.snapshot();
    let of = |name: &str| run.as_ref().and_then(|(run, _)| run.parts.iter().find(|part| part.name == name));
    face.rules.iter().zip(now).map(|(rule, now)| about(face, rule, now, of(&rule.shown.rule))).collect()
}

fn about<'a>(face: &'a Face, rule: &'a Rule, mut now: Now, counts: Option<&PartCounts>) -> RuleShown<'a> {
    let shown = &rule.shown;
    // Rows tell of what is pending only where the pipeline asks for them.
    now.pending = now.pending.max(counts.map_or(0, |counts| u64::try_from(counts.pending).unwrap_or(0)));
    let state = match (now.firing, now.no_data, now.pending) {
        (1.., ..) => "firing",
        (_, 1.., _) => "no_data",
        (.., 1..) => "pending",
        _ => "inactive",
    };
    let total = counts.map_or(Total::default(), |counts| Total {
        fired: counts.fired,
        resolved: counts.resolved,
        no_data: counts.no_data,
        corrected: counts.corrected,
    });
    RuleShown {
        name: &shown.rule,
        from: &face.schemas[rule.from as usize].name,
        severity: &shown.severity,
        state,
        when: rule.texts[0].as_deref(),
        until: rule.texts[1].as_deref(),
        hold: time::Span(rule.spans[0]).to_string(),
        keep_firing_for: time::Span(rule.spans[1]).to_string(),
        no_data_after: rule.no_data_after.map(|us| time::Span(us).to_string()),
        notify: &shown.notify,
        now,
        total,
    }
}

fn muted(face: &Face, list: &[Seen]) -> Result<Vec<(bool, bool)>, Wrong> {
    let changes: Vec<Change> = list.iter().map(|seen| seen.change.clone()).collect();
    let muted = face.of_notices(|notices| notices.muted(&changes))?;
    Ok(muted.unwrap_or_else(|| vec![(false, false); list.len()]))
}

/// `/v1/alerts`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    const STATES: [State; 4] = [State::Firing, State::NoData, State::Pending, State::Resolved];
    let question = &ask.question;
    let words = question.list("state");
    if let Some(wrong) = words.iter().find(|word| STATES.iter().all(|state| state.word() != **word)) {
        let help = "write firing, no_data, pending or resolved, several with commas between";
        return Err(Wrong::question(format!("state is '{wrong}'"), help));
    }
    let (names, severities) = (question.list("rule"), question.list("severity"));
    let known = |name: &&str| face.rules.iter().any(|rule| rule.shown.rule == **name);
    if let Some(wrong) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = face.rules.iter().map(|rule| rule.shown.rule.as_str()).collect();
        let help = crate::error::suggest(wrong, all.iter().copied(), "alerts are");
        return Err(Wrong::question(format!("no alert is called '{wrong}'"), help));
    }
    let limit = question.count("limit", 500, MOST)?;
    let wants = |state: State| match words.is_empty() {
        true => state != State::Resolved,
        false => words.contains(&state.word()),
    };
    let rule = |part: u32| face.rules.iter().find(|rule| rule.part == part).map(|rule| &rule.shown);
    let right = |(part, life): &(u32, &Life)| {
        wants(life.state())
            && rule(*part).is_some_and(|shown| {
                (names.is_empty() || names.contains(&shown.rule.as_str()))
                    && (severities.is_empty() || severities.contains(&shown.severity.as_str()))
            })
    };
    let (found, more, left_out) = {
        let book = face.shelf.book();
        let mut all: Vec<(u32, &Life)> = book.active().filter(right).collect();
        // What is graver first; the newest first within.
        all.sort_by_key(|(_, life)| STATES.iter().position(|state| *state == life.state()));
        if wants(State::Resolved) {
            all.extend(book.over().filter(right));
        }
        let found: Vec<Seen> = all.iter().take(limit).filter_map(|(part, life)| seen(face, *part, life)).collect();
        (found, all.len().saturating_sub(limit), book.left_out())
    };
    let muted = muted(face, &found)?;
    let alerts = found.iter().zip(muted).map(|(seen, muted)| shown(face, seen, muted)).collect();
    Ok(json(&List { rules: rules(face), alerts, more, left_out }))
}

/// `/v1/alerts/{id}`
pub(super) fn one(face: &Face, ask: &Ask) -> Answer {
    let id = ask.name.trim().to_ascii_lowercase();
    let found = {
        let book = face.shelf.book();
        book.find(&id).map(|(part, life)| (part, life.clone()))
    };
    let unknown = || {
        let help =
            "/v1/alerts has those that are not over, /v1/alerts?state=resolved those that are and are still kept";
        Wrong::new(StatusCode::NOT_FOUND, Refusal::Path, "api.alert", format!("no alert here is '{id}'"), help)
    };
    let (part, life) = found.ok_or_else(unknown)?;
    let seen = seen(face, part, &life).ok_or_else(unknown)?;
    let rule = &face.rules[seen.rule];
    let facts: Vec<Change> = life.rows().filter_map(|row| rule.shown.standing(row.get())).collect();
    let muted = muted(face, std::slice::from_ref(&seen))?.first().copied().unwrap_or_default();
    let about = rules(face).swap_remove(seen.rule);
    let rows = behind(face, rule, &life, &facts);
    let life = facts.iter().map(|change| fact(rule, change)).collect();
    Ok(json(&One { alert: shown(face, &seen, muted), rule: about, life, behind: rows }))
}

fn fact<'a>(rule: &Rule, change: &'a Change) -> Fact<'a> {
    Fact {
        state: change.state.word(),
        at: moment(change.at),
        summary: change.annotations.get("summary").map_or("", String::as_str),
        window: Span::of(change.window),
        values: split(rule, change).1,
    }
}

/// The rows behind an alert that are still kept.
fn behind<'a>(face: &'a Face, rule: &Rule, life: &Life, facts: &[Change]) -> Behind<'a> {
    let schema = &face.schemas[rule.from as usize];
    let since = facts.iter().map(|change| change.since).min().unwrap_or_default();
    let until = if life.is_active() { i64::MAX } else { life.at() };
    let key: Vec<u8> = life.row().map_or(Vec::new(), |row| row.get().key.to_vec());
    let windows: Vec<(i64, i64)> = facts.iter().map(|change| change.window).collect();
    let wanted = |row: RowRef<'_>| {
        let times = (row.head.window_start, row.head.window_end);
        row.key == key
            && row.head.early == 0
            && if rule.moments { windows.contains(&times) } else { (since..=until).contains(&times.1) }
    };
    // A row's window ends when its condition begins to hold; of a match the last event is the moment.
    let scan = Scan { newest_first: true, ends_behind: Some(since.saturating_sub(1)), ..Scan::default() };
    let mut rows: Vec<Arc<Row>> = gather(face, (rule.from, None), scan, BEHIND + 1, wanted).rows;
    let held = face.shelf.store().held(rule.from);
    let more = rows.len() > BEHIND
        || face.history.is_none()
            && held.is_some_and(|held| held.dropped > 0 && held.oldest.is_none_or(|oldest| oldest > since));
    rows.truncate(BEHIND);
    rows.reverse();
    let mut out = Vec::new();
    array(&rows, &mut JsonRows::new([(rule.from, schema)], Times::Rfc3339, false), &mut out);
    let rows = RawValue::from_string(String::from_utf8_lossy(&out).into_owned()).unwrap_or_default();
    Behind { part: &schema.name, rows, more }
}
