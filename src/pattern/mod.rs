//! Patterns over the events of a key: from the text of `match` to the matches.
//!
//! ```text
//! "view -> cart -> !leave -> buy+"  --parse-->  Tree (its steps, and how they follow each other)
//! ["view", "cart"]                  --simple->  Tree
//! Tree  -->  Automaton (nodes that take events)  -->  Matcher, Store (partial matches of a key; their events, shared)
//! events of all keys, late ones too  --Machine-->  Statements (matches said and taken back)  --Show-->  rows
//! ```
//!
//! What can be written is in [`forms`].

mod automaton;
mod examples;
mod forms;
mod lint;
mod list;
mod machine;
mod matcher;
mod negation;
mod show;
mod speak;
mod store;
mod syntax;
mod times;
mod token;
mod trace;
mod tree;
mod value;
mod walk;

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;

pub use automaton::{Automaton, Edge, End, Guards, MOST_PARTS, MOST_PERMUTED, Node, StepGaps, TooLarge, Way};
pub use examples::{EXAMPLES, Example};
pub use forms::{Form, forms};
pub use lint::{About, Facts, Finding, Gaps, lint};
pub use machine::{Counts, Machine, Statement, Taken};
pub use matcher::{Finished, Judge, Live, Matcher, Now, Rules, Run, Said, Skip, Tallies};
pub use speak::{Events, Show, Shown};
pub use store::{Link, Store};

pub use list::simple;
pub use syntax::{MAX_NESTING, parse};
pub use times::MAX_TIMES;
pub use trace::{Say, Teller, Trace};
pub use tree::{Contiguity, Item, Mode, Of, Place, Sequence, StepId, Term, Times, Tree, Unit};
pub use value::{Call, Conditions, Evaluator, Expression, Function, View};
