//! The aggregate calls of a `select`, turned into physical kernels and a row of words for each group.
//!
//! Calls that need the same state share it: `sum(x)` and `avg(x)` one exact total, all percentiles of `x` one list of
//! values, equal calls everything. The fixed-width state of a group is a row of `width` words; lists, sketches, text
//! and the rare wide totals lie beside the rows.

use super::kept::How;
use super::user::UserAggregate;
use super::{bools, extreme, squares, sum};
use crate::event::Value;
use std::sync::Arc;

/// An aggregate function as the plan asks for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// `count(*)`.
    CountRows,
    /// `count(x)`: values that are not NULL.
    Count,
    /// `count(DISTINCT x)`.
    CountDistinct,
    /// `sum(x)`.
    Sum,
    /// `avg(x)`.
    Avg,
    /// `min(x)`.
    Min,
    /// `max(x)`.
    Max,
    /// `percentile(x, p)` with p from 0 to 1; `median(x)` is 0.5.
    Percentile(f64),
    /// `bool_and(x)`.
    BoolAnd,
    /// `bool_or(x)`.
    BoolOr,
    /// `var_pop(x)`.
    VarPop,
    /// `var_samp(x)`.
    VarSamp,
    /// `stddev_pop(x)`.
    StddevPop,
    /// `stddev_samp(x)`.
    StddevSamp,
    /// `rate(*)` over windows of so many microseconds.
    RateRows(i64),
    /// `rate(x)` over windows of so many microseconds.
    Rate(i64),
    /// `first(x)`.
    First,
    /// `last(x)`.
    Last,
    /// `arg_min(x, y)`; the column of y.
    ArgMin(usize),
    /// `arg_max(x, y)`; the column of y.
    ArgMax(usize),
    /// `sum(DISTINCT x)`.
    SumDistinct,
    /// `avg(DISTINCT x)`.
    AvgDistinct,
    /// `mode(x)`.
    Mode,
    /// `top_k(x, k)`.
    TopK(u32),
    /// `approx_top_k(x, k)`.
    ApproxTopK(u32),
    /// `histogram(x, bounds...)`, ascending.
    Histogram(Arc<[Value<'static>]>),
    /// `collect(x)`.
    Collect,
    /// `collect(DISTINCT x)`.
    CollectDistinct,
    /// `string_agg(x, separator)`.
    StringAgg(Arc<str>),
    /// `string_agg(DISTINCT x, separator)`.
    StringAggDistinct(Arc<str>),
    /// An aggregate of the program, of x.
    User(UserAggregate),
    /// `approx_count_distinct(x)`.
    ApproxCountDistinct,
    /// `approx_percentile(x, p)`.
    ApproxPercentile(f64),
}

/// One call of an aggregate; columns are indices into the columns given to [`GroupTable::add`](super::GroupTable::add).
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is computed.
    pub function: Function,
    /// The column of values; only `CountRows` and `RateRows` have none.
    pub input: Option<usize>,
    /// A column of booleans: only rows where it is TRUE take part.
    pub filter: Option<usize>,
}

/// What a kernel keeps for each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One word: rows.
    Rows,
    /// One word: rows whose value is not NULL.
    Count,
    /// Four words: an exact total; `side` is the index of its store of wide totals.
    Sum,
    /// Two words: the least value; `side` is the index of its store of text.
    Min,
    /// Two words: the greatest value; `side` is the index of its store of text.
    Max,
    /// No words; `side` is the index of its list of numbers.
    Values,
    /// No words; `side` is the index of its list of hashes.
    Distinct,
    /// Two words: how many are true, how many are false.
    Bools,
    /// Seven words: the exact total of squares; `side` is the index of its store of wide totals, `twin` the exact total
    /// of the same values.
    Squares,
    /// No words; `side` is the index of its store of kept states.
    Kept,
}

/// One physical state, shared by one or more calls.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub(super) kind: Kind,
    /// The column of values; 0 for `Rows`, which reads none.
    pub(super) input: usize,
    pub(super) filter: Option<usize>,
    /// First word in the row.
    pub(super) offset: usize,
    /// Index among the side stores of its kind.
    pub(super) side: usize,
    /// Of a least and a greatest value over the same rows: the index of the other, as `add` does both in one pass.
    /// Of a total of squares: the total of the values.
    pub(super) twin: Option<usize>,
    /// What a store of kept states keeps.
    pub(super) how: Option<How>,
    /// The calls it answers, percentiles in ascending order of p.
    pub(super) calls: Vec<usize>,
}

/// The physical form of a list of calls. Two layouts of equal calls are interchangeable.
#[derive(Debug)]
pub struct Layout {
    calls: Vec<Call>,
    inputs: Vec<usize>,
    /// Kernels by filter: those without one first, then one run for each filter.
    pub(super) kernels: Vec<Kernel>,
    /// The row of a group without values.
    pub(super) empty: Vec<u64>,
    /// Side stores needed: wide totals, text, lists of values, lists of hashes, wide totals of squares,
    /// kept states.
    pub(super) sides: [usize; 6],
    /// Tells layouts apart in encoded bytes.
    pub(super) fingerprint: u64,
}

impl Layout {
    /// The layout of `calls`. Panics where a call other than `CountRows` has no input: the plan never makes one.
    pub fn new(calls: &[Call]) -> Arc<Layout> {
        let mut wanted: Vec<(Kind, Call, usize)> = Vec::new();
        for (i, call) in calls.iter().enumerate() {
            let kind = kind(&call.function);
            assert!(kind == Kind::Rows || call.input.is_some(), "an aggregate other than count(*) has an input");
            wanted.push((kind, call.clone(), i));
        }
        // One run for each filter, so that rows are picked once a filter; a stable sort keeps the order of the calls.
        wanted.sort_by_key(|(_, call, _)| call.filter);
        let mut layout = Layout {
            calls: calls.to_vec(),
            inputs: Vec::new(),
            kernels: Vec::new(),
            empty: Vec::new(),
            sides: [0; 6],
            fingerprint: 0,
        };
        for (kind, call, i) in wanted {
            if kind == Kind::Squares {
                layout.place(Kind::Sum, &call, None);
            }
            layout.place(kind, &call, Some(i));
        }
        for i in 0..layout.kernels.len() {
            let (kind, input, filter) = (layout.kernels[i].kind, layout.kernels[i].input, layout.kernels[i].filter);
            let other = match kind {
                Kind::Min => Kind::Max,
                Kind::Max => Kind::Min,
                Kind::Squares => Kind::Sum,
                _ => continue,
            };
            let twin = |k: &Kernel| k.kind == other && k.input == input && k.filter == filter;
            layout.kernels[i].twin = layout.kernels.iter().position(twin);
        }
        for kernel in &mut layout.kernels {
            kernel.calls.sort_by(|a, b| fraction(&calls[*a]).total_cmp(&fraction(&calls[*b])));
        }
        let input = |c: &Call| c.input.filter(|_| kind(&c.function) != Kind::Rows);
        let columns = calls.iter().flat_map(|c| [input(c), c.filter, by(&c.function)]);
        layout.inputs = columns.flatten().collect();
        layout.inputs.sort_unstable();
        layout.inputs.dedup();
        layout.fingerprint = crate::event::key::hash(layout.describe().join("\n").as_bytes());
        Arc::new(layout)
    }

    fn place(&mut self, kind: Kind, call: &Call, i: Option<usize>) {
        let input = if kind == Kind::Rows { 0 } else { call.input.unwrap_or(0) };
        let how = if kind == Kind::Kept { How::of(&call.function) } else { None };
        let same = |k: &&mut Kernel| k.kind == kind && k.input == input && k.filter == call.filter && k.how == how;
        if let Some(kernel) = self.kernels.iter_mut().find(same) {
            kernel.calls.extend(i);
            return;
        }
        let offset = self.empty.len();
        let mut next = |side: usize| {
            self.sides[side] += 1;
            self.sides[side] - 1
        };
        let (row, side): (&[u64], usize) = match kind {
            Kind::Rows | Kind::Count => (&[0], 0),
            Kind::Sum => (&sum::EMPTY, next(0)),
            Kind::Min => (&extreme::EMPTY_MIN, next(1)),
            Kind::Max => (&extreme::EMPTY_MAX, next(1)),
            Kind::Values => (&[], next(2)),
            Kind::Distinct => (&[], next(3)),
            Kind::Bools => (&bools::EMPTY, 0),
            Kind::Squares => (&squares::EMPTY, next(4)),
            Kind::Kept => (&[], next(5)),
        };
        self.empty.extend_from_slice(row);
        self.kernels.push(Kernel {
            kind,
            input,
            filter: call.filter,
            offset,
            side,
            twin: None,
            how,
            calls: i.into_iter().collect(),
        });
    }

    /// The same layout over other columns: its states merge with those of this one. `column` gives for each column the
    /// other, and different ones for different ones.
    pub fn over(&self, column: &dyn Fn(usize) -> usize) -> Arc<Layout> {
        let call = |c: &Call| Call {
            function: match &c.function {
                Function::ArgMin(by) => Function::ArgMin(column(*by)),
                Function::ArgMax(by) => Function::ArgMax(column(*by)),
                other => other.clone(),
            },
            input: c.input.map(column),
            filter: c.filter.map(column),
        };
        let calls: Vec<Call> = self.calls.iter().map(call).collect();
        let kernel = |k: &Kernel| Kernel {
            input: if k.kind == Kind::Rows { k.input } else { column(k.input) },
            filter: k.filter.map(column),
            how: k.how.as_ref().map(|how| how.over(column)),
            ..k.clone()
        };
        Arc::new(Layout {
            calls,
            inputs: self.inputs.iter().map(|i| column(*i)).collect(),
            kernels: self.kernels.iter().map(kernel).collect(),
            empty: self.empty.clone(),
            sides: self.sides,
            fingerprint: self.fingerprint,
        })
    }

    /// The columns of the calls, call by call; of equal lists of calls they stand at the same places.
    pub fn columns(&self) -> Vec<usize> {
        self.calls.iter().flat_map(|c| [c.input, c.filter, by(&c.function)]).flatten().collect()
    }

    /// The calls, as they were given.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The distinct columns that are read, filters among them; in ascending order, but for a layout that is made
    /// [`over`](Layout::over) other columns: there as they stand in the first one.
    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// True where a state depends on the origins of rows: they are to be given to
    /// [`GroupTable::add_from`](super::GroupTable::add_from).
    pub fn needs_origins(&self) -> bool {
        self.kernels.iter().any(|k| k.how.as_ref().is_some_and(How::needs_origins))
    }

    /// Words in the row of one group.
    pub(super) fn width(&self) -> usize {
        self.empty.len()
    }

    /// The p of a percentile call, held to 0..=1; 0 for any other call.
    pub(super) fn fraction(&self, call: usize) -> f64 {
        fraction(&self.calls[call])
    }

    /// One line for each kernel, for `explain`: what is kept, of which column, for which calls.
    pub fn describe(&self) -> Vec<String> {
        let line = |kernel: &Kernel| {
            let what = match kernel.kind {
                Kind::Rows => "row count, 8 bytes".to_owned(),
                Kind::Count => format!("count of column {}, 8 bytes", kernel.input),
                Kind::Sum => format!("exact total of column {}, 32 bytes", kernel.input),
                Kind::Min => format!("least of column {}, 16 bytes and text", kernel.input),
                Kind::Max => format!("greatest of column {}, 16 bytes and text", kernel.input),
                Kind::Values => format!(
                    "values of column {}, 8 bytes each up to {}, then a histogram",
                    kernel.input,
                    super::EXACT_VALUES
                ),
                Kind::Distinct => format!(
                    "distinct hashes of column {}, 8 bytes each up to {}, then a 16 KiB sketch",
                    kernel.input,
                    super::EXACT_DISTINCT
                ),
                Kind::Bools => format!("true and false in column {}, 16 bytes", kernel.input),
                Kind::Squares => format!("exact total of squares of column {}, 56 bytes", kernel.input),
                Kind::Kept => kernel.how.as_ref().map_or_else(String::new, |how| how.describe(kernel.input)),
            };
            let filter = kernel.filter.map(|f| format!(", where column {f}")).unwrap_or_default();
            let calls: Vec<String> = kernel.calls.iter().map(usize::to_string).collect();
            format!("{what}{filter}; answers {}", calls.join(", "))
        };
        self.kernels.iter().map(line).collect()
    }
}

fn kind(function: &Function) -> Kind {
    match function {
        Function::CountRows | Function::RateRows(_) => Kind::Rows,
        Function::Count => Kind::Count,
        Function::CountDistinct | Function::ApproxCountDistinct => Kind::Distinct,
        Function::Sum | Function::Avg | Function::Rate(_) => Kind::Sum,
        Function::Min => Kind::Min,
        Function::Max => Kind::Max,
        Function::Percentile(_) | Function::ApproxPercentile(_) => Kind::Values,
        Function::BoolAnd | Function::BoolOr => Kind::Bools,
        Function::VarPop | Function::VarSamp | Function::StddevPop | Function::StddevSamp => Kind::Squares,
        _ => Kind::Kept,
    }
}

/// The second column that a function reads.
fn by(function: &Function) -> Option<usize> {
    match function {
        Function::ArgMin(by) | Function::ArgMax(by) => Some(*by),
        _ => None,
    }
}

fn fraction(call: &Call) -> f64 {
    match call.function {
        Function::Percentile(p) | Function::ApproxPercentile(p) if p > 0.0 => p.min(1.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: Function, input: usize) -> Call {
        Call { function, input: Some(input), filter: None }
    }

    #[test]
    fn calls_of_the_same_state_share_a_kernel() {
        let calls = [
            Call { function: Function::CountRows, input: None, filter: None },
            call(Function::Percentile(0.99), 2),
            call(Function::Sum, 2),
            call(Function::Avg, 2),
            call(Function::Percentile(0.5), 2),
            Call { filter: Some(7), ..call(Function::Sum, 2) },
        ];
        let layout = Layout::new(&calls);
        assert_eq!(layout.inputs(), [2, 7]);
        assert_eq!(layout.width(), 1 + 4 + 4);
        assert_eq!(layout.describe().len(), 4);
        let values = layout.kernels.iter().find(|k| k.kind == Kind::Values).unwrap();
        assert_eq!(values.calls, [4, 1], "percentiles are answered in ascending order");
    }
}
