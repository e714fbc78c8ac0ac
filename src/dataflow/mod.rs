//! A plan, turned into a timely dataflow. Operators are thin shells round pure state machines.
//!
//! ```text
//! source (one operator a source and worker): blocks -> decode -> streams -> pre-aggregation, one output a window
//!    => contributions, exchanged to the owners of the groups
//! head (one operator a stream that drops duplicates, a join, or a lookup in a table of events): events by key, in order
//!    -> streams -> pre-aggregation, as at a source
//! window (one operator a window part): slices -> rows and corrections, stated when the frontier passes
//!    => rows, brought together on worker 0
//! pattern (one operator a group of patterns): events by key, in order -> matches, as the frontier passes
//!    => rows, brought together on worker 0
//! alert (one operator an alert): rows of its part by group, and the clocks of the sources -> what becomes of alerts
//!    => rows, brought together on worker 0, where those who are notified hear of them
//! view (a chain of operators a view): rows by keys, arranged and reduced -> rows and corrections, as the frontier passes
//!    => rows, brought together on worker 0
//! recommendation (up to three operators a recommendation): sightings by user -> pairs by item -> lists -> users -> rows
//!    => rows, brought together on worker 0
//! sink (one operator a sink, worker 0): complete times, in order, to the sink's thread
//! ```
//!
//! A program with a timely dataflow of its own can use windows as an operator there: [`WindowAggregate`].
//!
//! The timely timestamp is event time in microseconds. A worker's source holds one capability an output, at the least
//! tick of the partitions it still reads.
//!
//! Back-pressure, two bounds (both in `[run]`): a partition whose tick is more than `max_drift` ahead of the frontier
//! behind the sinks is not read on, and no partition is while a sink's queue holds more than `max_inflight` bytes. A
//! sink that is full keeps its capability, so the frontier, and with it every process, waits for it.

mod alert;
mod behind;
mod build;
mod bytes;
mod container;
mod cost;
mod head;
mod part;
mod pattern;
mod reader;
mod recommend;
mod rows;
mod sender;
mod sent;
mod shared;
mod sink;
mod source;
mod table;
mod typed;
mod versions;
mod view;
mod window;

pub use build::{Built, Takers, build};
pub use shared::{Opened, Pace, Shared, Tell};
/// The dataflow library, in the version that [`WindowAggregate`] extends.
pub use timely;
pub use typed::{Aggregation, Counted, Update, WindowAggregate};
