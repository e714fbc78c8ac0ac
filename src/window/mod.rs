//! Slices of group states, turned into window rows and their corrections. Pure: no timely, no clock, no I/O.
//!
//! Time is cut into slices so that each window is a run of them ([`WindowSpec`]); a slice's groups are aggregated once
//! and shared by every window over it. [`PreAggregate`] does that on the worker that reads; [`Slices`], [`Sessions`] or
//! [`Global`] on the worker that owns a group. Sessions and global windows have rules of their own; they stand there.
//!
//! Rules, for a window that ends at `e` with lateness `L` and pipeline tick `D`; `t` is an event's tick:
//! 1. An event at time `x` belongs to the windows `[s, e)` of the shape with `s <= x < e`; where there is none, it
//!    takes no part.
//! 2. The first statement of a window is made at time `e` and holds all events with `t < e`.
//! 3. An event with `e <= t < e + L` corrects the window at time `t + D`; all events of one window, group and tick
//!    together: the old row is retracted and the new one asserted, with the next revision. Where nothing changes
//!    nothing is said. A group that had no row yet gets its first statement (revision 0) then.
//! 4. An event with `e + L <= t` is too late for the window. Too late for all its windows, it is counted as such.
//! 5. A slice's state leaves when the frontier reaches the end of its last window plus `L`.
//! 6. At the end of the input every window that has events is stated.
//! 7. Where the part has provisional rows ([`Early`]), at each of their times `p` with `s < p < e` the row of `[s, p)` as
//!    of `p` is stated, with all events with `t < p`, where it is another than the last. It is retracted when the next
//!    one, or the first statement of the window, takes its place. Rules 2 to 6 hold as if there were none.
//! 8. With a cap of k groups, a window's groups are those k of its groups whose keys have the least hashes, and one of
//!    all others. By rule 3 a late event may take a group's row back: one of a lesser hash has taken its place.

mod answer;
mod cap;
mod directory;
mod early;
mod global;
mod handover;
mod merged;
mod packet;
mod preaggregate;
mod sessions;
mod slices;
mod spec;
mod state;

pub use answer::{Answer, Answers};
pub use global::Global;
pub use handover::Handover;
pub use packet::{PacketError, RawRows};
pub use preaggregate::{Mode, PreAggregate, Segment, SegmentKind, Tallies};
pub use sessions::{Ends, Sessions};
pub use slices::{Slices, Stated};
pub use spec::{Early, Shape, Slice, WindowSpec};
pub use state::State;
