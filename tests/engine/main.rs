//! The engine, against the oracle and against itself at other widths.
//!
//! - `oracle`: the naive engine, and its own tests: small stories computed by hand.
//! - `harness`: a pipeline text over given partitions, run in this process at a given width.
//! - `random`: a seed, turned into a pipeline and its input, both for the engine and for the oracle.
//! - `agree_generated`: large generated input at several widths; sums of awkward floats.
//! - `costs`: what operators and workers cost, and how late results are: names and numbers, not times.
//! - `conformance`: windows from the test suites of other engines.
//! - `cases`: the case files in `tests/cases` and `examples`, through the runner that users have.
//! - `demo`: the smallest of these, against the oracle.
//! - `ends`: what happens at the ends of input: of none, of bad lines, of a drain; counts and dead letters.
//! - `examples`: the Rust programs in `examples`, run as they are.
//! - `library`: pipelines of a program on several processes.
//! - `live`: sources that fall silent while they are open: the time of the clock, and what waits for whom; by a clock that
//!   the test sets.
//! - `patterns`: patterns from the test suites of other engines, and random ones, against a brute-force reference.
//! - `sent`: batches that are sent, through the queue of their source, against the same lines in a file.
//! - `recommendations`: random sightings against a recomputation at every moment, and that their state leaves.
//! - `sources`: one input in every format, packed, cut and listed in every way, against the plain JSON file.
//! - `tables`: lookups of streams in tables, against a search through all rows.
//! - `views`: random views against a recomputation at every moment, and that their state leaves.
//! - `oracle_random`: the complete change stream and all counts of random cases against the oracle; cannot catch a rule
//!   that the oracle states wrongly, nor what only large inputs do.

mod agree_generated;
mod alerts;
mod cases;
mod conformance;
mod costs;
mod demo;
mod ends;
mod examples;
mod harness;
mod joins;
mod library;
mod live;
mod oracle;
mod oracle_random;
mod patterns;
mod random;
mod recommendations;
mod sent;
mod sources;
mod streams;
mod tables;
mod views;
