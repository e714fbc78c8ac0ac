//! Rows of a window, view or pattern, turned into the lives of alerts.
//!
//! A rule is looked at for each group by itself, at each of its rows in the order of `window_end`, which is the time of the
//! row; all time is event time, so history gives what the present would have. Provisional rows are not looked at.
//!
//! Invariants, which tests cite:
//! 1. `for`: it is pending since the first row with `when` TRUE, and fires at the first row with `when` TRUE that is at least
//!    `for` later, where all rows between had it TRUE too; with `0s` at once. At a row with `when` FALSE or NULL what is
//!    pending is gone.
//! 2. A gap is nothing: no row neither resets `for` nor ends an alert.
//! 3. It is over at the first row with `until` TRUE (if unsaid: `when` FALSE) and `when` not TRUE. NULL ends nothing.
//!    Between the two it goes on as it is.
//! 4. `keep_firing_for`: it is over when what ends it has held for so long, at every row there was; a row with `when` TRUE or
//!    `until` not TRUE begins that anew. It is over at exactly that time, whether or not there is a row.
//! 5. `no_data_after`: an alert that is pending or fires has no data when so much time has passed since the last row of its
//!    group. The next row says how it goes on: it fires, is over, or is pending as it was. With `no_data = "all"` the silence of
//!    a group in which nothing held is an alert of its own, over at the next row.
//! 6. A match is a moment: it fires once and is over without a word; with `keep_firing_for` it fires from the first match until
//!    so long after the last.
//! 7. A correction of a row makes the life of its group since then anew: rows of changes that are no more are taken back,
//!    those that are new are said, all at the time of the correction. What stays is not said again.
//! 8. What only time brings happens when event time has come there: at the latest by the end of the input, where that is not
//!    before it. The end of the input is no silence: what is open then stays open.
//! 9. An alert is told by its rule, its group and its `since`; a match that is told once by its rule, group and row.
//! 10. What is said, and at which time, depends on the content of the input alone: not on workers, batches or how the frontier
//!     moved.

mod change;
mod group;
mod history;
mod life;
mod lives;
mod rule;
mod show;
mod tell;
mod template;
#[cfg(test)]
mod tests;

pub use change::{Change, State};
pub use history::{Difference, Episode, Fact, History, differ};
pub use life::{Moment, Said};
pub use lives::{Lives, Snapshot, Tallies};
pub use rule::Rule;
pub use show::{Shown, Told};
pub use tell::{Hears, changes};
pub use template::{Slot, Template, TemplateProblem};
