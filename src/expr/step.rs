//! The one list of functions over the events of a match.

/// What a call makes of the events of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepFunction {
    /// How many; of those where the argument is not NULL, where there is one.
    Count,
    /// The sum.
    Sum,
    /// The mean.
    Avg,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// That of the first event, or of the one so many after it.
    First,
    /// That of the last event, or of the one so many before it.
    Last,
    /// All values as a JSON array.
    Collect,
    /// The time of the match's first event; of the event under test where there is none yet.
    MatchStart,
    /// The time of the match's last event.
    MatchEnd,
    /// That of the event so many before this one among the events of the key.
    Prev,
}

/// A function over the events of a match, for the reference.
#[derive(Debug, Clone, Copy)]
pub struct StepFunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub function: StepFunction,
    /// How it is written.
    pub written: &'static str,
    /// What it gives.
    pub doc: &'static str,
}

const fn doc(name: &'static str, function: StepFunction, written: &'static str, doc: &'static str) -> StepFunctionDoc {
    StepFunctionDoc { name, function, written, doc }
}

/// Every function over the events of a match.
pub fn step_functions() -> &'static [StepFunctionDoc] {
    FUNCTIONS
}

const FUNCTIONS: &[StepFunctionDoc] = &[
    doc(
        "count",
        StepFunction::Count,
        "count(a), count(a.field) or count(*)",
        "How many events of the step, those of them whose field is not NULL, or all events of the match; 0 where there \
         are none.",
    ),
    doc("sum", StepFunction::Sum, "sum(a.field)", "The sum over the events of the step; NULL over none."),
    doc("avg", StepFunction::Avg, "avg(a.field)", "The mean over the events of the step; NULL over none."),
    doc("min", StepFunction::Min, "min(a.field)", "The least value."),
    doc("max", StepFunction::Max, "max(a.field)", "The greatest value."),
    doc(
        "first",
        StepFunction::First,
        "first(a.field) or first(a.field, 1)",
        "The value of the step's first event, or of the one so many after it; NULL where there is none.",
    ),
    doc(
        "last",
        StepFunction::Last,
        "last(a.field) or last(a.field, 1)",
        "The value of the step's last event, or of the one so many before it; NULL where there is none. `a.field` alone \
         is this too.",
    ),
    doc("collect", StepFunction::Collect, "collect(a.field)", "All values in order, as a JSON array."),
    doc(
        "match_start",
        StepFunction::MatchStart,
        "match_start()",
        "The time of the match's first event; of the event under test where there is none yet.",
    ),
    doc("match_end", StepFunction::MatchEnd, "match_end()", "The time of the match's last event; in `select` only."),
    doc(
        "prev",
        StepFunction::Prev,
        "prev(field) or prev(field, 2)",
        "The value of the event before this one among all events of the key, or of the one so many before; of \
         `mode = \"row\"` only.",
    ),
];

impl StepFunction {
    pub(super) fn find(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|f| f.name == name).map(|f| f.function)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    pub(super) fn written(self) -> &'static str {
        self.entry().written
    }

    fn entry(self) -> &'static StepFunctionDoc {
        FUNCTIONS.iter().find(|f| f.function == self).expect("every function is in the list")
    }
}

/// The names of the functions over the events of a match.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name)
}
