//! Sightings of items by users, turned into the items that are seen together, and into those that a user may like.
//!
//! ```text
//! sightings => at the worker of the user: put together with those near them           (Seen)
//!           => pairs, at the worker of the item: weights by stretch of event time      (Lists)
//!           => the first n of each item, where they have changed
//!           => at the worker of the user: those of the items that it saw last           (Users)
//! ```
//!
//! Rules; x is a sighting's event time, t its tick, P the period (`every`):
//! 1. A sighting counts from the first multiple of P on that is after both x and t: its *moment*. What is late counts at the
//!    next moment then, so nothing that is stated has to wait for it.
//! 2. Two sightings of one user are a pair where their times are no more than `within` apart and their items differ. The pair
//!    counts once for each item, at the time of the later sighting, from the later moment on, with the product of both
//!    weights.
//! 3. Of the sightings that came before it, by moment, a sighting is put together with at most `most` that are not after it
//!    and at most `most` that are, the nearest in the order of event time, partition and place.
//! 4. A sighting with t > x + `lateness` is too late, and dropped.
//! 5. A pair counts as long as its stretch of event time is kept: until `keep` after the end of the stretch. The stretches
//!    are those of a grid, 64 or fewer in `keep`.
//! 6. The score of another item at a moment m is the sum over its pairs of weight * 2^((time - m) / half_life). What has more
//!    comes first, and of equals the lesser item.
//! 7. At a moment the rows of an item are stated where its list has changed: its others, their times, or their weights. What
//!    fades alike is no change. A row that is the same is not stated again. What leaves does so at a moment at which
//!    something is seen, of whichever user: so the answer depends on the input alone.
//! 8. A user's items are those that it saw last, `recent` at most, each until `keep_user` after it was seen; what it may like
//!    are the first n of the others in the lists of these, by the sum of the scores.
//!
//! Invariants: (1) what is said at a moment depends on the sightings that count at it alone, and not on the order in which
//! they come; (2) weights are whole numbers of 2^-40, so sums do not depend on an order; (3) what is kept is bounded by
//! `within` and `lateness` for a user's sightings, by `keep` for pairs, by `recent` for a user.
//!
//! Everything here is pure: no clock, no thread, no dataflow.

mod fading;
mod lists;
mod seen;
#[cfg(test)]
mod tests;
mod users;

pub use fading::{Fading, Grown};
pub use lists::{Lists, Said};
pub use seen::{Pair, Seen, Sighting};
pub use users::Users;

/// What a recommendation goes by; spans in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How far apart two sightings of a pair are at most.
    pub within: i64,
    /// How late a sighting may be.
    pub lateness: i64,
    /// With how many others on either side a sighting is put together at most.
    pub most: usize,
    /// How pairs fade and leave.
    pub fading: Fading,
    /// How many others an item has at most.
    pub n: usize,
    /// How often another must have been seen with an item.
    pub min_times: u64,
    /// What users get, where they get anything.
    pub users: Option<UserRules>,
}

/// What users get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRules {
    /// How many items at most.
    pub n: usize,
    /// Of how many items that it saw last.
    pub recent: usize,
    /// How long these are kept.
    pub keep: i64,
}

/// How much was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// First statements of rows.
    pub rows: u64,
    /// Corrections of rows, and rows that were taken back.
    pub corrections: u64,
}

/// A row that stands: what it was stated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stands {
    /// When it was stated.
    end: i64,
    revision: u32,
}
