//! Patterns over the events of a key: from the text of `match` to the matches.
//!
//! ```text
//! "view -> cart -> !leave -> buy+"  --parse-->  Tree (its steps, and how they follow each other)
//! ["view", "cart"]                  --simple->  Tree
//! Tree  -->  Automaton (nodes that take events)  -->  Matcher, Store (partial matches of a key; their events, shared)
//! events of all keys, late ones too  --Machine-->  Statements (matches said and taken back)  --Show-->  rows
//! ```
//!
//! | written | meaning |
//! |---|---|
//! | `a, b` | strict: b is the key's next event after a |
//! | `a -> b` | relaxed: b follows a, events that do not meet b are skipped |
//! | `a ->> b` | b follows a, also events that meet b may be skipped |
//! | `a?` `a*` `a+` `a{2}` `a{2,}` `a{2,4}` `a{,4}` | how often; with one more `?` reluctant |
//! | `a+[,]` `a+[->]` `a+[->>]` `a+[-> 3s]` | how repetitions follow each other, and less than how far apart |
//! | `a+ until c` | the loop ends before an event that meets c |
//! | `(a -> b){2}` | a group, quantified as a step is |
//! | `a | b` | one of these; it binds tighter than what stands between elements |
//! | `!a` `!(a | b)` | no event that meets a (or b): next after `,`, in between after `->` |
//! | `PERMUTE(a, b)` | all of these in any order, without events between; of `mode = "row"` only |

mod automaton;
mod examples;
mod lint;
mod machine;
mod matcher;
mod show;
mod speak;
mod store;
mod syntax;
mod times;
mod token;
mod trace;
mod tree;
mod value;

#[cfg(test)]
mod odd;
#[cfg(test)]
mod tests;

pub use automaton::{Automaton, Edge, End, Guards, MOST_PARTS, MOST_PERMUTED, Node, StepGaps, TooLarge, Way};
pub use examples::{EXAMPLES, Example};
pub use lint::{About, Facts, Finding, Gaps, lint};
pub use machine::{Counts, Machine, Statement, Taken};
pub use matcher::{Finished, Judge, Live, Matcher, Now, Rules, Run, Said, Skip, Tallies};
pub use speak::{Events, Show, Shown};
pub use store::{Link, Store};
pub use syntax::{MAX_NESTING, parse, simple};
pub use times::MAX_TIMES;
pub use trace::{Say, Teller, Trace};
pub use tree::{Contiguity, Item, Mode, Of, Place, Sequence, StepId, Term, Times, Tree, Unit};
pub use value::{Call, Conditions, Evaluator, Expression, Function, View};
