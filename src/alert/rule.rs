//! What a rule asks of the rows of a group, once their conditions are known.

/// The spans of a rule, and what kind of rows it looks at. All are of event time, microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How long `when` must have been TRUE.
    pub hold: i64,
    /// How long what ends it must have held (`keep_firing_for`).
    pub linger: i64,
    /// After which time without a row there is no data; `None`: never.
    pub silence: Option<i64>,
    /// The silence of every group is told, and not only of open alerts.
    pub silence_of_all: bool,
    /// What is pending is told.
    pub pending: bool,
    /// Its rows are matches, each of which is a moment.
    pub moments: bool,
    /// A row that is retracted has been replaced by a later one, or is gone from then on, and was right in its time: those of
    /// global windows and of recommendations.
    pub running: bool,
    /// How long after its `window_end` a row can be corrected; of [`crate::result::RowSchema::keep`].
    pub keep: i64,
}

impl Rule {
    /// How long after its `window_end` a row of the alert can be corrected: it may have come when a span behind its last
    /// row had passed, and a correction of that row can change it.
    pub fn keep_of_rows(&self) -> i64 {
        self.keep.saturating_add(self.linger.max(self.silence.unwrap_or(0)))
    }
}
