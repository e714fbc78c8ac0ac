//! Lives by a clock that is set by hand, and against a reference that knows nothing of them.

mod oracle;
mod script;

use super::*;
use crate::config::Located;
use crate::event::{Cell, key};
use crate::expr::Program;
use crate::plan::{Extensions, RowNames};
use crate::result::{Op, RowBatch, RowHead, RowKind, RowSchema};
use std::sync::Arc;

/// A second.
const S: i64 = 1_000_000;

fn plain() -> Rule {
    Rule {
        hold: 0,
        linger: 0,
        silence: None,
        silence_of_all: false,
        pending: false,
        moments: false,
        running: false,
        keep: 60 * S,
    }
}

/// Rows of a group `k` and a value `v`.
fn schema(kind: RowKind) -> RowSchema {
    RowSchema {
        name: "w".into(),
        dimensions: vec!["k".into()],
        values: vec!["v".into()],
        capped: false,
        early: false,
        kind,
        keep: 60 * S,
    }
}

fn program(text: &str) -> Program {
    let text = Located { value: text.to_owned(), line: 1, path: "when".into(), text: format!("when = {text:?}") };
    let mut problems = Vec::new();
    let names = RowNames::of(&schema(RowKind::Window));
    let tree = names.parse(&text, &Extensions::default(), &mut problems);
    names.compile(&tree.unwrap_or_else(|| panic!("{problems:?}")))
}

fn shown() -> Shown {
    Shown {
        rule: "high".into(),
        part: 9,
        severity: "critical".into(),
        labels: vec![("team".into(), Template::parse("shop-{k}").unwrap())],
        summary: Template::parse("{k}: {v} ({state})").unwrap(),
        annotations: Vec::new(),
        notify: vec!["log".into()],
        dimensions: vec!["k".into()],
        values: vec!["v".into()],
        taken: 1,
        times: ["window_start", "window_end"],
    }
}

fn lives(rule: Rule, when: &str, until: Option<&str>) -> Lives {
    let conditions = (Some(program(when)), until.map(program));
    Lives::new(rule, Arc::new(shown()), conditions, (3, &schema(RowKind::Window)))
}

/// Appends an update of a row of group `k` with a window that ends at `end`.
fn push(batch: &mut RowBatch, (k, v): (&str, Option<i64>), end: i64, (time, revision, op): (i64, u32, Op)) {
    let start = batch.bytes.len();
    key::encode(Cell::str(0, k.len() as u32), k.as_bytes(), &mut batch.bytes);
    let middle = batch.bytes.len();
    key::encode_value(v.map_or(Cell::NULL, Cell::int), &[], &mut batch.bytes);
    batch.heads.push(RowHead {
        revision,
        op,
        start: start as u32,
        key_len: (middle - start) as u32,
        values_len: (batch.bytes.len() - middle) as u32,
        ..RowHead::new(3, time, (end - S, end))
    });
}

#[test]
fn rows_of_alerts_say_what_their_row_says_and_changes_are_read_from_them() {
    let mut lives = lives(plain(), "v > 5", None);
    let mut batch = RowBatch::default();
    push(&mut batch, ("api", Some(7)), 10 * S, (10 * S, 0, Op::Assert));
    push(&mut batch, ("web", Some(1)), 10 * S, (10 * S, 0, Op::Assert));
    lives.take(&batch);
    let mut out = std::collections::BTreeMap::new();
    lives.advance(Some(11 * S), 10 * S, &mut out);
    let rows = out.remove(&(10 * S)).unwrap();
    assert_eq!((rows.heads.len(), out.len()), (1, 0));
    let row = rows.row(0);
    assert_eq!((row.head.part, row.head.window_start, row.head.window_end), (9, 9 * S, 10 * S));
    let told = Told::of(row).unwrap();
    assert_eq!((told.state.as_str(), told.summary.as_str(), told.fired), ("firing", "api: 7 (firing)", Some(10 * S)));
    assert_eq!(row.values().nth(7).and_then(|v| v.as_i64()), Some(7));
    let shown = shown();
    let [change] = &changes(&rows, |part| (part == 9).then_some(&shown))[..] else { panic!("one change") };
    assert_eq!((change.state, change.id.len(), &change.id), (State::Firing, 16, &told.id));
    let labels: Vec<String> = change.labels.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert_eq!(labels, ["alert=high", "k=api", "severity=critical", "team=shop-api"]);
    assert_eq!(change.values, [("k".to_owned(), "api".into()), ("v".to_owned(), 7.into())]);
    assert_eq!(change.annotations["summary"], "api: 7 (firing)");
}

#[test]
fn groups_leave_when_nothing_of_them_is_open_or_can_change() {
    let mut lives = lives(Rule { keep: 2 * S, ..plain() }, "v > 5", None);
    let mut out = std::collections::BTreeMap::new();
    for n in 0..1_000 {
        let mut batch = RowBatch::default();
        let (end, name) = (n * S, format!("g{n}"));
        push(&mut batch, (&name, Some(n % 7)), end, (end, 0, Op::Assert));
        lives.take(&batch);
        lives.advance(Some(end + 1), end, &mut out);
        // Those that fire (one of seven), and those of the last two seconds.
        let open = (0..=n).filter(|n| n % 7 == 6).count();
        assert!(lives.groups() <= open + 3, "{} groups, {open} open, at {n}", lives.groups());
    }
    let tallies = lives.tallies();
    assert_eq!((tallies.firing, tallies.fired, tallies.pending), (142, 142, 0));
    assert!(tallies.bytes > 0 && tallies.bytes < 142 * 700, "{}", tallies.bytes);
}

#[test]
fn those_who_are_notified_hear_what_holds_after_a_correction() {
    let shown = shown();
    let said = |rows: &RowBatch| -> Vec<(State, i64)> {
        changes(rows, |_| Some(&shown)).iter().map(|change| (change.state, change.at / S)).collect()
    };
    let mut lives = lives(plain(), "v > 5", None);
    let mut turn = |updates: &[(i64, Option<i64>, Op)], time: i64| {
        let mut batch = RowBatch::default();
        for (end, v, op) in updates {
            push(&mut batch, ("a", *v), end * S, (time * S, 0, *op));
        }
        lives.take(&batch);
        let mut out = std::collections::BTreeMap::new();
        lives.advance(Some((time + 1) * S), (time + 1) * S - 1, &mut out);
        out.values().flat_map(said).collect::<Vec<_>>()
    };
    assert_eq!(turn(&[(10, Some(7), Op::Assert)], 10), [(State::Firing, 10)]);
    assert_eq!(turn(&[(20, Some(1), Op::Assert)], 20), [(State::Resolved, 20)]);
    // It is not over after all: it fires on.
    assert_eq!(turn(&[(20, Some(1), Op::Retract), (20, Some(9), Op::Assert)], 25), [(State::Firing, 20)]);
    // Another row counts, but the alert is as it was.
    assert_eq!(turn(&[(20, Some(9), Op::Retract), (20, Some(8), Op::Assert)], 26), []);
    // It began with other values: those who are notified hear of these.
    assert_eq!(turn(&[(10, Some(7), Op::Retract), (10, Some(8), Op::Assert)], 27), [(State::Firing, 10)]);
    // It did not begin then: the one that was told is none, and another is.
    assert_eq!(
        turn(&[(10, Some(8), Op::Retract), (10, Some(0), Op::Assert)], 28),
        [(State::Corrected, 10), (State::Firing, 20)]
    );
    assert_eq!(turn(&[(20, Some(8), Op::Retract)], 29), [(State::Corrected, 20)]);
}
