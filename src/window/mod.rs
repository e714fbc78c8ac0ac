//! Slices of group states, turned into window rows and their corrections. Pure: no timely, no clock, no I/O.
//!
//! Time is cut into slices as long as the slide; a slice's groups are aggregated once and shared by every window over
//! it. [`PreAggregate`] does that on the worker that reads, [`Slices`] on the worker that owns a group.
//!
//! Rules, for a window that ends at `e` with lateness `L` and pipeline tick `D`; `t` is an event's tick:
//! 1. An event at time `x` belongs to the windows `[s, s + size)` with `s` a multiple of the slide and
//!    `s <= x < s + size`.
//! 2. The first statement of a window is made at time `e` and holds all events with `t < e`.
//! 3. An event with `e <= t < e + L` corrects the window at time `t + D`; all events of one window, group and tick
//!    together: the old row is retracted and the new one asserted, with the next revision. Where nothing changes
//!    nothing is said. A group that had no row yet gets its first statement (revision 0) then.
//! 4. An event with `e + L <= t` is too late for the window. Too late for all its windows, it is counted as such.
//! 5. A slice's state leaves when the frontier reaches the end of its last window plus `L`.
//! 6. At the end of the input every window that has events is stated.

mod answer;
mod directory;
mod packet;
mod preaggregate;
mod slices;

pub use answer::{Answer, Answers};
pub use packet::{PacketError, RawRows};
pub use preaggregate::{Mode, PreAggregate, Segment, SegmentKind, Tallies};
pub use slices::Slices;

/// The shape of a window in time; all in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// The length of a window.
    pub size: i64,
    /// The distance from one window's start to the next; divides `size`. Equal to it for tumbling windows.
    pub slide: i64,
    /// How long after its end a window takes corrections.
    pub lateness: i64,
    /// The pipeline's tick; divides `slide`.
    pub tick: i64,
}

impl WindowSpec {
    /// The start of the slice that holds moment `x`.
    #[inline]
    pub fn slice_of(&self, x: i64) -> i64 {
        x.div_euclid(self.slide) * self.slide
    }

    /// The first moment after a slice: the end of the first window over it.
    #[inline]
    pub fn first_end(&self, slice: i64) -> i64 {
        slice + self.slide
    }

    /// The end of the last window over a slice.
    #[inline]
    pub fn last_end(&self, slice: i64) -> i64 {
        slice + self.size
    }

    /// True where an event of this slice with tick `tick` is too late for all its windows (rule 4).
    #[inline]
    pub fn is_too_late(&self, slice: i64, tick: i64) -> bool {
        self.last_end(slice) + self.lateness <= tick
    }

    /// How many slices a window has.
    pub fn slices(&self) -> i64 {
        self.size / self.slide
    }
}
