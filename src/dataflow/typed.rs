//! Values of a program's own timely dataflow, aggregated over windows of event time by the engine's own state machines.
//!
//! In: a stream of any values whose timestamps are event time in microseconds: the timestamp of a value is the watermark
//! of where it came from, rounded down to a tick. Out: the rows of windows as updates, stated when the frontier passes.
//!
//! Invariants: (1) what is stated is a function of the values, their event times and their ticks, to the last bit,
//! whatever the number of workers and the batches; (2) a value below its tick is late: it corrects the windows that still
//! take corrections, and is counted where none does; (3) only aggregates that do not depend on the places of values are
//! offered (no first, no last), as a stream of a program has none.
//!
//! Cost: values become cells of a batch, which is all that a source does behind its decoder; groups cross between workers
//! as flat bytes.

use super::container::{RowBox, SegmentBox};
use super::sent::Sent;
use super::window::stated;
use crate::aggregate::{Aggregate, Call, Function, Layout, Tally, UserAggregate};
use crate::event::{Cell, EventBatch, OwnedValue, RowKeys, Value};
use crate::observe::trace::PartNotes;
use crate::result::Op;
use crate::time::{EventTime, Span};
use crate::window::{Answer, Answers, Mode, PreAggregate, RawRows, Shape, State, Tallies, WindowSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// Rows of a batch, at most.
const ROWS: usize = 8192;
/// The largest tick that is chosen.
const LARGEST_TICK: i64 = 1_000_000;
/// An out-of-orderness that keeps the clock of a batch where its timestamp is, whatever the times in it.
const STILL: i64 = 1 << 60;

type Read<T> = Box<dyn Fn(&T) -> OwnedValue>;

/// What is aggregated of values `T`, and over which windows.
///
/// Each call adds one value to the rows, in the order of the calls.
#[must_use]
pub struct Aggregation<T> {
    shape: Shape,
    lateness: i64,
    tick: Option<i64>,
    time: Box<dyn Fn(&T) -> EventTime>,
    /// Keys first, then inputs of aggregates: the columns.
    keys: Vec<Read<T>>,
    inputs: Vec<Read<T>>,
    calls: Vec<Function>,
}

impl<T: 'static> Aggregation<T> {
    /// Windows of `size`, a new one every `slide` (both at least a microsecond), over the event time that `time` reads.
    pub fn sliding(size: Span, slide: Span, time: impl Fn(&T) -> EventTime + 'static) -> Self {
        let (size, slide) = (size.0.max(1), slide.0.max(1));
        Self {
            shape: Shape::Sliding { size, slide, offset: 0 },
            lateness: 0,
            tick: None,
            time: Box::new(time),
            keys: Vec::new(),
            inputs: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Windows of `size`, one after the other.
    pub fn tumbling(size: Span, time: impl Fn(&T) -> EventTime + 'static) -> Self {
        Self::sliding(size, size, time)
    }

    /// How long after its end a window takes late values and states corrections.
    pub fn allowed_lateness(mut self, span: Span) -> Self {
        self.lateness = span.0.max(0);
        self
    }

    /// The step in which event time advances: timestamps are rounded down to it. If unsaid the greatest span of at most a
    /// second that divides where windows end; a span that does not divide that is not taken.
    pub fn tick(mut self, span: Span) -> Self {
        self.tick = Some(span.0);
        self
    }

    /// A dimension of the groups.
    pub fn key<V: Into<OwnedValue>>(mut self, key: impl Fn(&T) -> V + 'static) -> Self {
        self.keys.push(Box::new(move |value| key(value).into()));
        self
    }

    /// How many values there are.
    pub fn count(mut self) -> Self {
        self.calls.push(Function::CountRows);
        self.inputs.push(Box::new(|_| OwnedValue::Null));
        self
    }

    fn call<V: Into<OwnedValue>>(mut self, function: Function, input: impl Fn(&T) -> V + 'static) -> Self {
        self.calls.push(function);
        self.inputs.push(Box::new(move |value| input(value).into()));
        self
    }

    /// The exact total, as `sum(x)`.
    pub fn sum<V: Into<OwnedValue>>(self, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::Sum, input)
    }

    /// The average, as `avg(x)`.
    pub fn avg<V: Into<OwnedValue>>(self, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::Avg, input)
    }

    /// The least value, as `min(x)`.
    pub fn min<V: Into<OwnedValue>>(self, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::Min, input)
    }

    /// The greatest value, as `max(x)`.
    pub fn max<V: Into<OwnedValue>>(self, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::Max, input)
    }

    /// The share `p` (0 to 1) of the values is no greater, as `percentile(x, p)`.
    pub fn percentile<V: Into<OwnedValue>>(self, p: f64, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::Percentile(p), input)
    }

    /// How many different values there are, as `count(DISTINCT x)`.
    pub fn count_distinct<V: Into<OwnedValue>>(self, input: impl Fn(&T) -> V + 'static) -> Self {
        self.call(Function::CountDistinct, input)
    }

    /// An aggregate of the program, whose states begin as `make` makes them.
    pub fn aggregate<A: Aggregate, V: Into<OwnedValue>>(
        self,
        make: impl Fn() -> A + Send + Sync + 'static,
        input: impl Fn(&T) -> V + 'static,
    ) -> Self {
        let name = format!("value {}", self.calls.len());
        self.call(Function::User(UserAggregate::new(&name, make)), input)
    }

    fn spec(&self) -> WindowSpec {
        let Shape::Sliding { size, slide, .. } = self.shape else { unreachable!("only such windows are offered") };
        // Windows end at multiples of the slide and the rest of the size.
        let grid = gcd(slide, size);
        let tick = self.tick.filter(|tick| *tick > 0 && grid % tick == 0).unwrap_or_else(|| gcd(grid, LARGEST_TICK));
        WindowSpec { shape: self.shape, zone: None, lateness: self.lateness, early: None, tick }
    }

    fn layout(&self) -> Arc<Layout> {
        let call = |(i, function): (usize, &Function)| Call {
            function: function.clone(),
            input: Some(self.keys.len() + i).filter(|_| *function != Function::CountRows),
            filter: None,
        };
        Layout::new(&self.calls.iter().enumerate().map(call).collect::<Vec<_>>())
    }

    /// Appends one value to a batch.
    fn push(&self, value: &T, batch: &mut EventBatch) {
        let time = (self.time)(value).0.clamp(EventTime::EARLIEST.0, EventTime::LATEST.0);
        batch.time.push(time);
        batch.clock.push(batch.max_time);
        batch.offset.push(batch.time.len() as u32);
        (batch.min_time, batch.max_time) = (batch.min_time.min(time), batch.max_time.max(time));
        for (column, read) in self.keys.iter().chain(&self.inputs).enumerate() {
            let owned = read(value);
            let cell = match owned.as_value() {
                _ if !owned.is_value() => Cell::NULL,
                Value::Null => Cell::NULL,
                Value::Bool(v) => Cell::bool(v),
                Value::Int(v) => Cell::int(v),
                Value::Float(v) => Cell::float(v),
                Value::Time(v) => Cell::time(v),
                Value::Str(text) => batch.push_str(text),
                Value::Json(text) => {
                    let cell = batch.push_str(text);
                    if cell.is_null() { cell } else { Cell::json(cell.bits() as u32, text.len() as u32) }
                }
            };
            batch.columns[column].push(cell);
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One change of a row: a window's values for a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The first moment of the window.
    pub window_start: EventTime,
    /// The first moment after it.
    pub window_end: EventTime,
    /// The dimensions, in the order in which they were said.
    pub key: Vec<OwnedValue>,
    /// The values, in the order of the aggregates.
    pub values: Vec<OwnedValue>,
    /// Bit i: value i came from a sketch.
    pub approximate: u64,
    /// 0 for a first statement, n for the nth correction.
    pub revision: u32,
    /// Whether it holds, or is taken back because a correction follows.
    pub op: Op,
}

/// What was counted on this worker.
#[derive(Debug, Default)]
pub struct Counted {
    late: AtomicU64,
    too_late: AtomicU64,
}

impl Counted {
    /// Late values that still corrected something.
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Values that were too late for all their windows: they are in no row.
    pub fn too_late(&self) -> u64 {
        self.too_late.load(Ordering::Relaxed)
    }
}

/// Windows over a stream of a program's own dataflow.
///
/// ```
/// use highwater::dataflow::{Aggregation, WindowAggregate};
/// use highwater::time::{EventTime, Span};
/// use highwater::dataflow::timely::{self, dataflow::operators::{Inspect, vec::Input}};
///
/// // (event time in seconds, user, price)
/// type Sale = (i64, &'static str, f64);
///
/// timely::execute_directly(|worker| {
///     let mut input = worker.dataflow::<i64, _, _>(|scope| {
///         let (input, sales) = scope.new_input::<Sale>();
///         let aggregation = Aggregation::tumbling(Span(10_000_000), |sale: &Sale| EventTime(sale.0 * 1_000_000))
///             .allowed_lateness(Span(60_000_000))
///             .key(|sale| sale.1)
///             .count()
///             .sum(|sale| sale.2);
///         let (updates, _counted) = sales.window_aggregate("takings", aggregation);
///         updates.inspect(|update| println!("{update:?}"));
///         input
///     });
///     input.send((1, "ann", 5.0));
///     input.send((2, "bob", 7.5));
///     input.advance_to(12_000_000);
///     // Late: the row of ann is taken back and said again.
///     input.send((3, "ann", 1.0));
/// });
/// ```
pub trait WindowAggregate<'scope, T> {
    /// The rows of the windows, as updates at the times at which they are said, and what was counted. `name` is what the
    /// operators are called.
    fn window_aggregate(
        self,
        name: &str,
        aggregation: Aggregation<T>,
    ) -> (Stream<'scope, i64, Vec<Update>>, Arc<Counted>);
}

impl<'scope, T: Clone + 'static> WindowAggregate<'scope, T> for Stream<'scope, i64, Vec<T>> {
    fn window_aggregate(
        self,
        name: &str,
        aggregation: Aggregation<T>,
    ) -> (Stream<'scope, i64, Vec<Update>>, Arc<Counted>) {
        let (spec, layout, peers) = (aggregation.spec(), aggregation.layout(), self.scope().peers());
        let counted = Arc::new(Counted::default());
        let contributions = contributions(self, name, aggregation, &spec, &layout, peers, Arc::clone(&counted));
        let list = (0..layout.calls().len()).map(Answer::Call).collect();
        let answers = Answers::new(Arc::clone(&layout), list);
        let state = State::new(spec, 0, Arc::clone(&layout), answers, None);
        let (raw, tally) = (RawRows::new(&layout), Tally::new(&layout));
        let damaged = |error: crate::error::Error| panic!("{error}");
        // The dataflow is somebody else's.
        let notes = PartNotes::new(&Arc::default(), "window", name, 0);
        let rows = stated(
            contributions,
            (&format!("{name}:window"), Sent::uncounted()),
            (state, None),
            (raw, tally, None),
            (damaged, notes),
            |_, _| {},
        );
        (updates(rows, name), counted)
    }
}

/// Values into groups, before they go to the workers that own them.
fn contributions<'scope, T: Clone + 'static>(
    values: Stream<'scope, i64, Vec<T>>,
    name: &str,
    aggregation: Aggregation<T>,
    spec: &WindowSpec,
    layout: &Arc<Layout>,
    peers: usize,
    counted: Arc<Counted>,
) -> Stream<'scope, i64, SegmentBox> {
    let keys = (0..aggregation.keys.len()).collect();
    // Tables that change hands whole are for sources, which get them back.
    let mut pre = PreAggregate::new(spec.clone(), Arc::clone(layout), keys, Mode::Auto, peers).one_of_several();
    let mut batch = EventBatch::new(aggregation.keys.len() + aggregation.inputs.len());
    let mut tallies = Tallies::new(layout);
    let mut found = RowKeys::default();
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let name = format!("{name}:values");
    values.unary_frontier::<CapacityContainerBuilder<SegmentBox>, _, _, _>(Pipeline, &name, move |first, _| {
        drop(first);
        // Held at the least time of what waits to be sent; dropped when nothing does.
        let mut held: Option<Capability<i64>> = None;
        move |(input, frontier), output| {
            input.for_each(|capability, values| {
                let Some(time) = capability.least().copied() else { return };
                if held.as_ref().is_none_or(|h| *h.time() > time) {
                    held = Some(capability.delayed(&time, output.output_index()));
                }
                // The clock of a partition is its out-of-orderness ahead of its ticks.
                let base = if time < EventTime::EARLIEST.0 { i64::MIN } else { time.saturating_add(STILL) };
                for values in values.chunks(ROWS) {
                    values.iter().for_each(|value| aggregation.push(value, &mut batch));
                    let rows = &rows[..values.len()];
                    pre.find_keys(&batch, rows, &mut found);
                    pre.add(&batch, rows, &found, base, STILL, &mut tallies);
                    batch.clear();
                }
            });
            let frontier = frontier.frontier().first().copied();
            if let Some(capability) = &held {
                let mut session = output.session_with_builder(capability);
                pre.flush(frontier, &mut |segment| session.give_container(&mut SegmentBox::new(segment)));
            }
            match (frontier, &mut held) {
                (Some(frontier), Some(capability)) if pre.open_slices() > 0 => {
                    if frontier > *capability.time() {
                        capability.downgrade(&frontier);
                    }
                }
                (_, held) => *held = None,
            }
            counted.late.fetch_add(std::mem::take(&mut tallies.late), Ordering::Relaxed);
            counted.too_late.fetch_add(std::mem::take(&mut tallies.too_late), Ordering::Relaxed);
        }
    })
}

/// Rows as values of their own.
fn updates<'scope>(rows: Stream<'scope, i64, RowBox>, name: &str) -> Stream<'scope, i64, Vec<Update>> {
    let name = format!("{name}:updates");
    rows.unary::<CapacityContainerBuilder<Vec<Update>>, _, _, _>(Pipeline, &name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, rows| {
                let Some(time) = capability.least().copied() else { return };
                let at = capability.delayed(&time, output.output_index());
                let owned = |row: crate::result::RowRef<'_>| Update {
                    window_start: EventTime(row.head.window_start),
                    window_end: EventTime(row.head.window_end),
                    key: row.dimensions().map(Value::into_owned).collect(),
                    values: row.values().map(Value::into_owned).collect(),
                    approximate: row.head.approximate,
                    revision: row.head.revision,
                    op: row.head.op,
                };
                let mut updates: Vec<Update> = rows.0.iter().map(owned).collect();
                output.session(&at).give_container(&mut updates);
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use timely::dataflow::operators::Inspect;
    use timely::dataflow::operators::vec::Input;

    const SECOND: i64 = 1_000_000;

    /// Event time (tenths of a second), user, price.
    type Sale = (i64, u8, f64);

    /// What comes at which timestamp (seconds): some on time, some late, some too late.
    fn sales() -> Vec<(i64, Vec<Sale>)> {
        let sale = |t: i64, i: i64| {
            let behind = [0, 3, 0, 31, 0, 150][(t * 7 + i) as usize % 6];
            (t * 10 + i % 10 - behind, ((t + i) % 5) as u8, [0.1, 0.2, 1e15, -1e15, 0.7][i as usize % 5])
        };
        (20..60).map(|t| (t, (0..25).map(|i| sale(t, i)).collect())).collect()
    }

    /// The exact total of tenths is not that of floats added in any order: the engine's is.
    fn aggregation() -> Aggregation<Sale> {
        Aggregation::sliding(Span(6 * SECOND), Span(2 * SECOND), |sale: &Sale| EventTime(sale.0 * SECOND / 10))
            .allowed_lateness(Span(4 * SECOND))
            .key(|sale| i64::from(sale.1))
            .count()
            .sum(|sale| sale.2)
            .max(|sale| Some(sale.0).filter(|time| time % 2 == 0))
            .count_distinct(|sale| sale.0.to_string())
            .aggregate(Xor::default, |sale| sale.0)
    }

    #[derive(Default)]
    struct Xor(i64);

    impl Aggregate for Xor {
        type Output = i64;

        fn add(&mut self, value: Value<'_>) -> bool {
            value.as_i64().map(|v| self.0 ^= v).is_some()
        }

        fn merge(&mut self, other: &Self) {
            self.0 ^= other.0;
        }

        fn finish(&self) -> i64 {
            self.0
        }

        fn encode(&self, out: &mut Vec<u8>) {
            out.extend(self.0.to_le_bytes());
        }

        fn decode(&self, bytes: &[u8]) -> Option<Self> {
            Some(Xor(i64::from_le_bytes(bytes.try_into().ok()?)))
        }
    }

    type Counts = (u64, u64);

    /// All updates with their timestamps, in the order in which those of a key came, and what was counted.
    fn run(workers: usize) -> (Vec<(i64, Update)>, Counts) {
        let (say, updates) = channel();
        let counts = Arc::new(Mutex::new((0, 0)));
        let total = Arc::clone(&counts);
        let config = timely::Config::process(workers);
        let guards = timely::execute(config, move |worker| {
            let say = say.clone();
            let (mut input, counted) = worker.dataflow::<i64, _, _>(|scope| {
                let (input, sales) = scope.new_input::<Sale>();
                let (updates, counted) = sales.window_aggregate("sales", aggregation());
                updates.inspect_core(move |event| {
                    if let Ok((stamp, updates)) = event {
                        let time = stamp.least().copied().unwrap();
                        updates.iter().for_each(|update| say.send((time, update.clone())).unwrap());
                    }
                });
                (input, counted)
            });
            for (t, sales) in sales() {
                input.advance_to(t * SECOND);
                for (_, sale) in sales.iter().enumerate().filter(|(i, _)| i % worker.peers() == worker.index()) {
                    input.send(*sale);
                }
                worker.step();
            }
            input.close();
            while worker.step() {}
            let mut total = total.lock().unwrap();
            *total = (total.0 + counted.late(), total.1 + counted.too_late());
        });
        drop(guards.unwrap());
        let counts = *counts.lock().unwrap();
        (updates.iter().collect(), counts)
    }

    /// What windows hold in the end, by window end and user, and the counts of late and too late sales, computed plainly.
    fn plain() -> (BTreeMap<(i64, i64), Vec<Sale>>, Counts) {
        let (mut windows, mut counts): (BTreeMap<_, Vec<Sale>>, Counts) = Default::default();
        for (t, sales) in sales() {
            for sale in sales {
                let time = sale.0 * SECOND / 10;
                let tick = t * SECOND;
                let ends = (1..=3).map(|i| (time.div_euclid(2 * SECOND) + i) * 2 * SECOND);
                let taken: Vec<i64> = ends.filter(|end| time >= tick || end + 4 * SECOND > tick).collect();
                match (time < tick, taken.is_empty()) {
                    (true, true) => counts.1 += 1,
                    (true, false) => counts.0 += 1,
                    _ => {}
                }
                taken.iter().for_each(|end| windows.entry((*end, i64::from(sale.1))).or_default().push(sale));
            }
        }
        (windows, counts)
    }

    #[test]
    fn updates_are_the_same_at_any_width_and_end_in_what_is_computed_plainly() {
        let (plain, plainly_counted) = plain();
        let mut first: Option<Vec<(i64, Update)>> = None;
        for workers in 1..=3 {
            let (mut updates, counts) = run(workers);
            assert_eq!(counts, plainly_counted, "{workers}");
            let (mut held, mut corrections) = (BTreeMap::new(), 0);
            for (time, update) in &updates {
                assert!(*time >= update.window_end.0, "{update:?}");
                let key = (update.window_end.0, update.key[0].as_value().as_i64().unwrap());
                corrections += u32::from(update.revision > 0);
                match update.op {
                    Op::Assert => assert_eq!(held.insert(key, update.values.clone()), None, "{update:?}"),
                    Op::Retract => assert_eq!(held.remove(&key), Some(update.values.clone()), "{update:?}"),
                }
                assert_eq!(update.window_end.0 - update.window_start.0, 6 * SECOND);
            }
            assert!(corrections > 20 && counts.1 > 20, "{corrections}, {counts:?}");
            assert_eq!(held.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
            for (key, sales) in &plain {
                let values: Vec<Value<'_>> = held[key].iter().map(OwnedValue::as_value).collect();
                let mut times: Vec<i64> = sales.iter().map(|sale| sale.0).collect();
                let greatest = times.iter().copied().filter(|time| time % 2 == 0).max().map_or(Value::Null, Value::Int);
                let xor = times.iter().fold(0, |xor, time| xor ^ time);
                // In tenths, and so exact.
                let large = sales.iter().filter(|sale| sale.2.abs() > 1e9).map(|sale| sale.2).sum::<f64>();
                let small = sales.iter().filter(|sale| sale.2.abs() < 1e9).map(|sale| sale.2).sum::<f64>();
                times.sort_unstable();
                times.dedup();
                assert_eq!(values[0], Value::Int(sales.len() as i64));
                assert!((values[1].as_f64().unwrap() - (large + small)).abs() <= 1e-9 * (1.0 + large.abs()), "{key:?}");
                assert_eq!((values[2], values[3]), (greatest, Value::Int(times.len() as i64)), "{key:?}");
                assert_eq!(values[4], Value::Int(xor));
            }
            updates.sort_by_key(|(time, update)| format!("{time:020} {update:?}"));
            assert_eq!(*first.get_or_insert_with(|| updates.clone()), updates, "{workers}");
        }
    }

    #[test]
    fn a_tick_is_chosen_so_that_it_divides_where_windows_end() {
        let time = |_: &Sale| EventTime(0);
        let tick = |size, slide| Aggregation::sliding(Span(size), Span(slide), time).spec().tick;
        assert_eq!((tick(6 * SECOND, 2 * SECOND), tick(1500, 1000), tick(7, 7)), (SECOND, 500, 1));
        let said = |tick| Aggregation::tumbling(Span(6), time).tick(Span(tick)).spec().tick;
        assert_eq!((said(3), said(4), said(0)), (3, 2, 2));
    }
}
