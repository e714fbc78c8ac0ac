//! What a pattern says: its tree, as the parser makes it and the automaton is built from it.

/// Which matches a pattern has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// `sequence`: every match that contiguity and skip strategy allow.
    #[default]
    Sequence,
    /// `row`: one preferred match for each start, with backtracking, as SQL's MATCH_RECOGNIZE has them.
    Row,
}

impl Mode {
    /// The words of the pipeline file, in the order of the reference.
    pub const ALL: [(&'static str, Mode); 2] = [("sequence", Mode::Sequence), ("row", Mode::Row)];

    /// How repetitions follow each other where the pattern does not say.
    pub fn inner(self) -> Contiguity {
        match self {
            Mode::Sequence => Contiguity::Relaxed,
            Mode::Row => Contiguity::Strict,
        }
    }
}

/// How an element follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contiguity {
    /// `,`: it is the key's next event.
    Strict,
    /// `->`: events that do not meet its condition are skipped.
    Relaxed,
    /// `->>`: any event may be skipped, also one that meets its condition.
    Any,
}

/// Index of a step among [`Tree::steps`].
pub type StepId = usize;

/// A place in the text: characters from 0, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The first character.
    pub start: usize,
    /// Behind the last one.
    pub end: usize,
}

/// A whole pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The names of its steps, each once, in the order in which they are first written; those of `until` and of
    /// negations are among them.
    pub steps: Vec<String>,
    /// Its elements; at least one, and the first is no negation.
    pub root: Sequence,
}

/// Elements, one after the other.
pub type Sequence = Vec<Item>;

/// An element of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// How it follows the element before it; for the first of a group how that follows is said before the group, and
    /// this is the same. Of the first of all it says nothing ([`Contiguity::Relaxed`]); a negation has no
    /// [`Contiguity::Any`], which would say the same as `Relaxed`.
    pub follows: Contiguity,
    /// What it is.
    pub term: Term,
    /// Where it stands.
    pub place: Place,
}

/// What an element is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `!a`, `!(a | b)`: no event that meets one of these conditions.
    Not(Vec<StepId>),
    /// Something that takes events.
    Take(Unit),
}

/// A step, a group or alternatives, with how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// What is repeated.
    pub of: Of,
    /// How often; `None`: once.
    pub times: Option<Times>,
    /// The loop ends before an event that meets this step's condition.
    pub until: Option<StepId>,
}

/// What a unit takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// One event.
    Step(StepId),
    /// `( ... )`
    Group(Sequence),
    /// `a | b`: one of these; at least two.
    Choice(Vec<Unit>),
    /// `PERMUTE(a, b)`: all of these in any order, each other by strict contiguity; of `mode = "row"` only.
    Permute(Vec<Unit>),
}

/// A quantifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The least number; 0 where it may be left out.
    pub min: u32,
    /// The greatest number, at least 1 and at least `min`; `None`: no limit.
    pub max: Option<u32>,
    /// False where it was written with a trailing `?`.
    pub greedy: bool,
    /// How the repetitions follow each other: `[,]`, `[->]`, `[->>]`; where there is one at most, and nothing is
    /// written, [`Contiguity::Relaxed`].
    pub inner: Contiguity,
    /// How far apart two neighbouring repetitions may be, microseconds, less than: `[-> 3s]`.
    pub gap: Option<i64>,
}
