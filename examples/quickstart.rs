//! What a pipeline file says, said from Rust: visits in ten seconds, by page, with a correction for one that comes late.
//!
//!     cargo run --example quickstart

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use highwater::{Pipeline, Source, Stream, Window};

/// Builds and runs the pipeline.
pub fn main() -> Result<(), highwater::PipelineError> {
    let events = [
        r#"{"timestamp": 1, "event_type": "view", "data": {"page": "home"}}"#,
        r#"{"timestamp": 3, "event_type": "view", "data": {"page": "cart"}}"#,
        r#"{"timestamp": 4, "event_type": "error", "data": {"page": "cart"}}"#,
        r#"{"timestamp": 12, "event_type": "view", "data": {"page": "home"}}"#,
        // Late: its window has been stated, and is corrected.
        r#"{"timestamp": 9, "event_type": "view", "data": {"page": "home"}}"#,
        r#"{"timestamp": 21, "event_type": "view", "data": {"page": "cart"}}"#,
    ];
    let outcome = Pipeline::new("quickstart")
        .source("events", Source::lines(events))
        .stream("views", Stream::from("events").filter("event_type = 'view'"))
        .window(
            "pages",
            Window::tumbling("10s")
                .from("views")
                .allowed_lateness("1m")
                .group_by("page", "data.page")
                .select("views", "count(*)"),
        )
        .on_rows("pages", |row| println!("{row}"))
        .run()?;
    println!("{} rows", outcome.sinks[0].rows);
    Ok(())
}
