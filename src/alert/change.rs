//! What becomes of an alert, as those who tell about it hear of it.

use crate::event::OwnedValue;
use std::collections::BTreeMap;

/// What an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Its condition holds, but not yet for as long as the rule asks.
    Pending,
    /// It holds.
    Firing,
    /// It held, and no longer does.
    Resolved,
    /// Nothing is heard of its group any more.
    NoData,
    /// What was said of it is taken back: with what came late it was not so.
    Corrected,
}

impl State {
    /// All, in the order of a life.
    pub const ALL: [State; 5] = [State::Pending, State::Firing, State::Resolved, State::NoData, State::Corrected];

    /// The word for it, as rows and messages have it.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Firing => "firing",
            State::Resolved => "resolved",
            State::NoData => "no_data",
            State::Corrected => "corrected",
        }
    }
}

/// One change in the life of one alert. Times are event time, microseconds.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// The alert: 16 hexadecimal digits of its rule, group and `since`; the same for all of its changes.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// What it is from now on.
    pub state: State,
    /// As the rule has it.
    pub severity: String,
    /// `alert` (the rule), `severity`, the group's dimensions, and the rule's own.
    pub labels: BTreeMap<String, String>,
    /// `summary` and others, written out.
    pub annotations: BTreeMap<String, String>,
    /// The columns of the row behind it: dimensions and values.
    pub values: Vec<(String, OwnedValue)>,
    /// The window of that row.
    pub window: (i64, i64),
    /// When its condition began to hold.
    pub since: i64,
    /// When it fired.
    pub fired: Option<i64>,
    /// When this change was.
    pub at: i64,
    /// The actions that are to be told.
    pub notify: Vec<String>,
}
