//! The naive engine: lines of JSON, turned into the rows that the engine must state, by the plainest road.
//!
//! It keeps every event, and computes each statement of each window and group from scratch. It shares no code with the
//! engine: JSON is read by `serde_json`, all else is here.
//!
//! What it can catch: any difference in what windows contain, when they are stated, corrected and dropped, in values,
//! in counts of late events. What it cannot catch: a rule that this page states wrongly.
//!
//! Rules. All times are microseconds.
//! 1. The watermark of a partition just before an event is the greatest time of its earlier valid events, less
//!    `out_of_orderness`; before the first it is minus infinity. The event's tick is that, rounded down to a multiple
//!    of `tick`. The event is late where its time is before its tick.
//! 2. A line that is not a JSON object or has no valid time is a reject and does not move the clock. An event that
//!    the filter takes out does.
//! 3. An event at x belongs to each window [s, E) of the shape with s <= x < E; sessions come last here. It is
//!    dropped for a window that ends at E where E + lateness <= tick. It is too late where it has windows (and passes
//!    the filter) and all of them drop it. One that has no window at all is not late either.
//! 4. The first statement of a window and group is at E, with all events whose tick is before E.
//! 5. All other events of it with one tick t, of all partitions, are applied together at t + `tick`: the old row is
//!    retracted with its revision, the new one asserted with the next. Where there was no row, the new one has
//!    revision 0. Where all values are the same, nothing is said.
//! 6. At the end of input every window is stated.
//! 7. Ties of event time go by source, partition, road and line. The same event on two roads is two events.
//! 8. Sessions, global windows, and windows with a cap on their groups, are computed on pages of their own, from rules of
//!    their own.
//! 9. With provisional rows: at each of their times p inside a window, where it has events with both time and tick before
//!    p, their row is stated with the next number `early`, from 1, where its values are not those of the last. What it
//!    replaces is retracted at that moment; the last one at the first statement of rule 4.

mod capped;
mod exact;
mod global;
mod read;
mod session;
mod shape;
mod value;

#[cfg(test)]
mod tests;

pub use read::{Partition, Unit};
pub use shape::Shape;
pub use value::{Agg, canonical, compare_values};

use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What a dimension of a group is computed with.
pub type Field = Box<dyn Fn(&Value) -> Value>;
/// What an event must meet.
pub type Condition = Box<dyn Fn(&Value) -> bool>;

/// A window part of a pipeline.
pub struct OracleWindow {
    /// Where windows begin and end.
    pub shape: Shape,
    /// How far apart the provisional rows of a window are, where it has them.
    pub early: Option<i64>,
    /// How long after its end a window is corrected.
    pub lateness: i64,
    /// The pipeline's tick.
    pub tick: i64,
    /// The dimensions of a group; no value at all is `Value::Null`.
    pub group: Vec<Field>,
    /// How many groups of a window are kept, where not all are.
    pub max_groups: Option<usize>,
    /// Events that do not meet it take no part, but move the clock.
    pub filter: Option<Condition>,
    /// The selected values.
    pub aggregates: Vec<OracleAgg>,
}

/// An aggregate and its own filter.
pub struct OracleAgg {
    /// What is computed.
    pub agg: Agg,
    /// Over which events of the group; over all of them where there is none.
    pub filter: Option<Condition>,
}

/// One change of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct OracleRow {
    /// When it is stated, by event time.
    pub time: i64,
    /// First moment of the window.
    pub window_start: i64,
    /// First moment after the window.
    pub window_end: i64,
    /// The dimensions; whole numbers as integers.
    pub key: Vec<Value>,
    /// It is of all groups that are not kept; all dimensions are null then.
    pub overflow: bool,
    /// The selected values.
    pub values: Vec<Value>,
    /// 0 for a first statement, n for the nth correction.
    pub revision: u32,
    /// n for the nth provisional row; 0 for all others.
    pub early: u32,
    /// `+` or `-`.
    pub op: char,
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Valid events, whether or not they pass the filter.
    pub events: u64,
    /// Lines that are no valid event.
    pub rejected: u64,
    /// Valid events before their tick, whether or not they pass the filter.
    pub late: u64,
    /// Events that pass the filter and that every window drops.
    pub too_late: u64,
}

/// A valid event, its time and its tick; no tick where the watermark is minus infinity.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The event.
    pub event: Value,
    /// Its time.
    pub time: i64,
    /// Its tick.
    pub tick: Option<i64>,
    /// Its partition among those of all sources.
    pub partition: u64,
    /// Where its line begins in the partition.
    pub position: u64,
}

/// An event and its dimensions.
type Keyed<'a> = (Vec<Value>, &'a Arrived);

/// The events of one window and group.
struct Pane<'a> {
    start: i64,
    end: i64,
    key: Vec<Value>,
    events: Vec<&'a Arrived>,
}

/// All rows of the window over all partitions, sorted by (time, window end, window start, key by value, revision, `-`
/// before `+`), and the counts.
pub fn run(window: &OracleWindow, partitions: &[Partition]) -> (Vec<OracleRow>, Counts) {
    let mut counts = Counts::default();
    let mut arrived = Vec::new();
    for (number, partition) in partitions.iter().enumerate() {
        arrived.extend(arrivals(partition, number as u64, &[], window.tick, &mut counts));
    }
    let (rows, too_late) = run_arrived(window, arrived);
    (rows, Counts { too_late, ..counts })
}

/// [`run`] for events that have gone through streams; and how many are too late.
pub fn run_arrived(window: &OracleWindow, mut arrived: Vec<Arrived>) -> (Vec<OracleRow>, u64) {
    let mut counts = Counts::default();
    arrived.sort_by_key(|a| (a.partition, a.position));
    let takes = |event| window.filter.as_ref().is_none_or(|meets| meets(event));
    let taken = arrived.iter().filter(|a| takes(&a.event));
    let mut rows = match window.shape {
        Shape::Session { gap } => session::rows(window, gap, taken, &mut counts),
        Shape::Global { every, offset } => global::rows(window, (every, offset), taken),
        _ => fixed(window, taken, &mut counts),
    };
    rows.sort_by(compare_rows);
    (rows, counts.too_late)
}

/// The rows of windows whose bounds are known beforehand.
fn fixed<'a>(window: &OracleWindow, taken: impl Iterator<Item = &'a Arrived>, counts: &mut Counts) -> Vec<OracleRow> {
    let mut panes: BTreeMap<(i64, i64, String), Pane> = BTreeMap::new();
    let mut whole: BTreeMap<(i64, i64), Vec<Keyed<'_>>> = BTreeMap::new();
    for a in taken {
        let all = window.shape.windows(a.time);
        let open: Vec<(i64, i64)> =
            (all.iter().copied()).filter(|(_, end)| a.tick.is_none_or(|tick| end + window.lateness > tick)).collect();
        counts.too_late += u64::from(!all.is_empty() && open.is_empty());
        let (key, name) = key_of(window, a);
        for (start, end) in open {
            if window.max_groups.is_some() {
                whole.entry((start, end)).or_default().push((key.clone(), a));
                continue;
            }
            let pane = panes.entry((start, end, name.clone()));
            pane.or_insert_with(|| Pane { start, end, key: key.clone(), events: Vec::new() }).events.push(a);
        }
    }
    if let Some(most) = window.max_groups {
        let counts = |a: &Arrived| a.tick.unwrap_or(i64::MIN);
        let rows = |((start, end), events): (&(i64, i64), &Vec<Keyed<'_>>)| {
            let all: Vec<&Arrived> = events.iter().map(|(_, a)| *a).collect();
            let moments = moments(window, *end, &all).into_iter();
            let moments = moments.map(|(time, last)| capped::Moment { time, bounds: (*start, *end), last });
            capped::rows(window, most, moments, &counts, events)
        };
        return whole.iter().flat_map(rows).collect();
    }
    panes.values().flat_map(|pane| statements(window, pane)).collect()
}

/// The group of an event, and a text that stands for it.
fn key_of(window: &OracleWindow, a: &Arrived) -> (Vec<Value>, String) {
    let key: Vec<Value> = window.group.iter().map(|field| value::canonical(&field(&a.event))).collect();
    let name = Value::from(key.clone()).to_string();
    (key, name)
}

/// How many events pass the window's filter and are before their tick, whether or not they are too late.
pub fn late_of_window(window: &OracleWindow, arrived: &[Arrived]) -> u64 {
    let takes = |event| window.filter.as_ref().is_none_or(|meets| meets(event));
    let late = |a: &&Arrived| a.tick.is_some_and(|tick| a.time < tick) && window.shape.has_window(a.time);
    arrived.iter().filter(|a| takes(&a.event)).filter(late).count() as u64
}

/// The events of a partition. `positions`: where its lines begin; their numbers where there are none.
pub fn arrivals(partition: &Partition, number: u64, positions: &[u64], tick: i64, counts: &mut Counts) -> Vec<Arrived> {
    let mut newest: Option<i64> = None;
    let mut arrived = Vec::new();
    for (i, line) in partition.lines.iter().enumerate() {
        let Some((event, time)) = partition.read(line) else {
            counts.rejected += 1;
            continue;
        };
        let tick = newest.map(|newest| (newest - partition.out_of_orderness).div_euclid(tick) * tick);
        counts.events += 1;
        counts.late += u64::from(tick.is_some_and(|tick| time < tick));
        let position = positions.get(i).copied().unwrap_or(i as u64);
        arrived.push(Arrived { event, time, tick, partition: number, position });
        newest = newest.max(Some(time));
    }
    arrived
}

/// When something may be said of a window that has these events, and up to which tick they count then. Before its end
/// a window has no other statement.
fn moments(window: &OracleWindow, end: i64, events: &[&Arrived]) -> Vec<(i64, i64)> {
    let on_time = events.iter().any(|a| a.tick.is_none_or(|tick| tick < end));
    let late: BTreeSet<i64> = events.iter().filter_map(|a| a.tick.filter(|tick| *tick >= end)).collect();
    let mut moments = Vec::new();
    if on_time {
        moments.push((end, end - 1));
    }
    moments.extend(late.into_iter().map(|tick| (tick + window.tick, tick)));
    moments
}

/// Everything that is said of one window and group, in order.
fn statements(window: &OracleWindow, pane: &Pane) -> Vec<OracleRow> {
    let moments = moments(window, pane.end, &pane.events);
    let (mut rows, last) = provisional(window, pane);
    if let (Some(last), Some((time, _))) = (last, moments.first()) {
        rows.push(OracleRow { time: *time, op: '-', ..last });
    }
    for (time, last_tick) in moments {
        let values = values(window, pane, &|a| a.tick.is_none_or(|tick| tick <= last_tick));
        let row = |values, revision, op| OracleRow { time, values, revision, op, ..blank(pane) };
        match rows.last().filter(|row| row.early == 0).cloned() {
            None => rows.push(row(values, 0, '+')),
            Some(old) if old.values == values => {}
            Some(old) => {
                rows.push(row(old.values, old.revision, '-'));
                rows.push(row(values, old.revision + 1, '+'));
            }
        }
    }
    rows
}

fn blank(pane: &Pane) -> OracleRow {
    OracleRow {
        time: pane.end,
        window_start: pane.start,
        window_end: pane.end,
        key: pane.key.clone(),
        values: Vec::new(),
        overflow: false,
        revision: 0,
        early: 0,
        op: '+',
    }
}

/// The values over those events of a window and group that count.
fn values(window: &OracleWindow, pane: &Pane, counts: &dyn Fn(&Arrived) -> bool) -> Vec<Value> {
    let mut applied: Vec<&Arrived> = pane.events.iter().copied().filter(|a| counts(a)).collect();
    // They come by partition and place: equal times stay in that order.
    applied.sort_by_key(|a| a.time);
    let events: Vec<&Value> = applied.iter().map(|a| &a.event).collect();
    window.aggregates.iter().map(|wanted| compute(wanted, &events)).collect()
}

/// What is said of a window and group before its end, and the row that stands then.
fn provisional(window: &OracleWindow, pane: &Pane) -> (Vec<OracleRow>, Option<OracleRow>) {
    let (mut rows, mut stands) = (Vec::new(), None::<OracleRow>);
    for time in window.early.map_or(Vec::new(), |every| window.shape.inside(pane.start, pane.end, every)) {
        let counts = |a: &Arrived| a.time < time && a.tick.is_none_or(|tick| tick < time);
        if !pane.events.iter().any(|a| counts(a)) {
            continue;
        }
        let values = values(window, pane, &counts);
        if stands.as_ref().is_some_and(|row| row.values == values) {
            continue;
        }
        let early = stands.as_ref().map_or(0, |row| row.early) + 1;
        rows.extend(stands.map(|row| OracleRow { time, op: '-', ..row }));
        let row = OracleRow { time, values, early, ..blank(pane) };
        rows.push(row.clone());
        stands = Some(row);
    }
    (rows, stands)
}

fn compute(wanted: &OracleAgg, events: &[&Value]) -> Value {
    let events: Vec<&Value> =
        events.iter().copied().filter(|e| wanted.filter.as_ref().is_none_or(|meets| meets(e))).collect();
    wanted.agg.of(&events)
}

fn compare_rows(a: &OracleRow, b: &OracleRow) -> Ordering {
    (a.time, a.window_end, a.window_start)
        .cmp(&(b.time, b.window_end, b.window_start))
        .then_with(|| a.overflow.cmp(&b.overflow))
        .then_with(|| {
            let fields = a.key.iter().zip(&b.key).map(|(x, y)| compare_values(x, y));
            fields.fold(Ordering::Equal, Ordering::then)
        })
        .then_with(|| (a.early == 0, a.early).cmp(&(b.early == 0, b.early)))
        .then_with(|| a.revision.cmp(&b.revision))
        .then_with(|| (a.op == '+').cmp(&(b.op == '+')))
}

/// The field at a dotted path; `Value::Null` where there is none.
pub fn at_path(event: &Value, path: &str) -> Value {
    path.split('.').try_fold(event, |value, step| value.as_object()?.get(step)).cloned().unwrap_or(Value::Null)
}
