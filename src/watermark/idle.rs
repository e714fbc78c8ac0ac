//! Which partitions move and which are silent, turned into the tick that the silent ones may be taken to have reached.
//!
//! A partition that says nothing for its source's `idle_after` no longer holds the windows of the others open. It is
//! taken to stand where the slowest partition stands that is not silent; where all are silent, where the newest stands,
//! so that what has come is stated. When it speaks again its events count from there: one before that tick is late,
//! within the allowed lateness a correction, however long the silence was.
//!
//! Only a silence of the input counts. A partition that has events which are not read yet, because the sinks are full
//! or because it is ahead by `max_drift`, is not silent.
//!
//! Units: ticks in microseconds of event time; [`i64::MIN`] is "no event yet".

/// How far the partitions of a process, or of all, have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The least tick of the partitions that move; [`i64::MAX`] where none does.
    pub least: i64,
    /// The greatest tick of all partitions, those that are silent or ended among them.
    pub newest: i64,
}

impl Activity {
    /// No partition.
    pub const NONE: Self = Self { least: i64::MAX, newest: i64::MIN };

    /// With one more partition. `moves`: it is neither silent nor ended.
    #[must_use]
    pub fn with(self, tick: i64, moves: bool) -> Self {
        let least = if moves { self.least.min(tick) } else { self.least };
        Self { least, newest: self.newest.max(tick) }
    }

    /// The partitions of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), newest: self.newest.max(other.newest) }
    }

    /// The tick at which a silent partition is taken to stand.
    pub fn floor(self) -> i64 {
        if self.least == i64::MAX { self.newest } else { self.least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_partition_stands_with_the_slowest_that_moves() {
        let all = Activity::NONE.with(70, true).with(50, true).with(10, false);
        assert_eq!(all.floor(), 50);
        assert_eq!(all.with(20, true).floor(), 20);
    }

    #[test]
    fn where_nothing_moves_it_stands_with_the_newest() {
        assert_eq!(Activity::NONE.with(70, false).with(10, false).floor(), 70);
        assert_eq!(Activity::NONE.floor(), i64::MIN);
    }

    #[test]
    fn one_that_has_not_spoken_yet_holds_the_others_until_it_is_silent() {
        let others = Activity::NONE.with(70, true);
        assert_eq!(others.with(i64::MIN, true).floor(), i64::MIN);
        assert_eq!(others.with(i64::MIN, false).floor(), 70);
    }

    #[test]
    fn processes_add_up() {
        let (a, b) = (Activity::NONE.with(70, true).with(10, false), Activity::NONE.with(90, false).with(60, true));
        assert_eq!(a.and(b), Activity { least: 60, newest: 90 });
        assert_eq!(a.and(Activity::NONE), a);
    }
}
