//! The shop of `shop.toml` over the 14 events of `demo.ndjson`, from Rust: users from a table, purchases by a pattern, the busiest
//! page of each window, and alerts on services whose rules and whose hearers are closures.
//!
//!     cargo run --example alerts

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use highwater::{Alert, Pattern, Pipeline, Source, Stream, Table, View, Window};

/// Builds and runs the pipeline.
pub fn main() -> Result<(), highwater::PipelineError> {
    let users = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/users.csv");
    Pipeline::new("shop")
        .workers(2)
        .source("events", Source::lines(include_str!("demo.ndjson").lines()))
        .table("users", Table::file(users, "user_id"))
        .stream(
            "visits",
            Stream::from("events").enrich("users", "user_id", ["country", "plan"]).filter("event_type = 'user_action'"),
        )
        .window(
            "pages",
            Window::sliding("10s", "5s")
                .from("visits")
                .group_by("page", "data.page")
                .select("visits", "count(*)")
                .select("countries", "collect(DISTINCT country)"),
        )
        .view("top_page", View::from("pages").top(1, "visits"))
        .window(
            "service_health",
            Window::sliding("15s", "5s")
                .from("events")
                .group_by("service", "source")
                .select("errors", "count(*) FILTER (WHERE event_type = 'error')")
                .select("p95_ms", "percentile(data.response_time, 0.95)"),
        )
        .pattern(
            "purchase_funnel",
            Pattern::from("events")
                .key("session_id")
                .matching("view -> cart -> buy")
                .step("view", "data.action = 'view_product'")
                .step("cart", "data.action = 'add_to_cart'")
                .step("buy", "data.type = 'purchase'")
                .within("5m")
                .select("user", "first(view.user_id)")
                .select("amount", "last(buy.data.amount)"),
        )
        .alert(
            "high_error_rate",
            Alert::over("service_health")
                .when_fn(["errors"], |[errors]| errors.as_i64() > Some(5))
                .severity("critical")
                .summary("{service}: {errors} errors in {window}")
                .on_change(|change| println!("{:>8}: {}", change.state.word(), change.annotations["summary"])),
        )
        .alert(
            "slow",
            Alert::over("service_health")
                .when("p95_ms > 1000")
                .until("coalesce(p95_ms, 0) < 800")
                .summary("{service} answers in {p95_ms:.0} ms")
                .on_change(|change| println!("{:>8}: {}", change.state.word(), change.annotations["summary"])),
        )
        .on_rows("purchase_funnel", |row| {
            println!(
                "  bought: {} for {}",
                row.get("user").as_str().unwrap_or("?"),
                row.get("amount").as_f64().unwrap_or(0.0)
            );
        })
        .on_rows("top_page", |row| {
            let (page, visits) = (row.get("page"), row.get("visits"));
            println!("     top: {} with {} visits", page.as_str().unwrap_or("?"), visits.as_i64().unwrap_or(0));
        })
        .run()?;
    Ok(())
}
