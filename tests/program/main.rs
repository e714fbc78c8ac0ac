//! The real program as child processes: what a user and an operator see from outside.
//!
//! - `harness`: starts the program, watches it with a limit on every wait, and ends what it started.
//! - `commands`: each command, its output, its errors and exit codes.
//! - `cases`: what `highwater test` says of case files, and writes into them.
//! - `signals`: a drain and a stop by signals.
//! - `cluster`: several processes on this machine: the same answer, and how they end when one of them fails.
//! - `patterns`: patterns of a file, at several widths.
//! - `pressure`: memory and input while the reader of the output, or one partition, stands still.
//! - `early`: rows so far by the clock of the machine.
//! - `idle`: partitions that fall silent.
//! - `letters`: lines and events that were dropped, kept and fed back.
//! - `processing`: sources whose time is that of the clock.
//! - `receivers`: alerts told to a real Alertmanager and a real mail server.
//! - `recommendations`: rows by part, what is said of them, and the events behind them.
//! - `rotation`: a followed file under a process that writes, rotates and truncates it.
//! - `serve`: what a run answers over HTTP, to whom, what clients that follow are told, and events that are sent to it.
//! - `server`, `postgres`: start real servers.
//! - `table_servers`: tables of real servers of PostgreSQL and Redis.
//! - `tables`: a table whose file changes, and wrong files of tables.
//! - `telemetry`: traces and logs for a receiver of OpenTelemetry.
//! - `sources`: files that are followed, patterns, other formats than JSON.
//!
//! No test sleeps to be in step: it waits for what the program writes, or for its end. The short looks at a process
//! that should stand still can make a fault go unseen, never make a sound program fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod alerts;
mod cases;
#[cfg(unix)]
mod cluster;
mod commands;
#[cfg(unix)]
mod early;
mod harness;
#[cfg(unix)]
mod idle;
#[cfg(unix)]
mod letters;
#[cfg(unix)]
mod patterns;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
#[cfg(target_os = "linux")]
mod pressure;
#[cfg(unix)]
mod processing;
#[cfg(unix)]
mod receivers;
mod recommendations;
#[cfg(unix)]
mod rotation;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod sources;
#[cfg(all(unix, any(feature = "postgres", feature = "redis")))]
mod table_servers;
#[cfg(unix)]
mod tables;
#[cfg(unix)]
mod telemetry;
