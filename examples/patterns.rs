//! A pattern with a closure as a condition: a card that is tried with a small payment, and then used for two large
//! ones. One payment comes late, and what has been said of its card is corrected.
//!
//!     cargo run --example patterns

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use highwater::{Pattern, Pipeline, Source};

/// Builds and runs the pipeline.
pub fn main() -> Result<(), highwater::PipelineError> {
    let payments = [
        r#"{"timestamp": 1, "id": "p1", "card": "4711", "shop": "kiosk", "amount": 1.5}"#,
        r#"{"timestamp": 4, "id": "p2", "card": "1234", "shop": "kiosk", "amount": 2}"#,
        r#"{"timestamp": 9, "id": "p3", "card": "4711", "shop": "jewels", "amount": 800}"#,
        r#"{"timestamp": 12, "id": "p4", "card": "1234", "shop": "market", "amount": 30}"#,
        r#"{"timestamp": 15, "id": "p5", "card": "4711", "shop": "phones", "amount": 650}"#,
        r#"{"timestamp": 21, "id": "p6", "card": "4711", "shop": "watches", "amount": 990}"#,
        r#"{"timestamp": 40, "id": "p7", "card": "1234", "shop": "market", "amount": 35}"#,
        // Late: a second try, so it is the two payments after it that count.
        r#"{"timestamp": 12, "id": "p8", "card": "4711", "shop": "kiosk", "amount": 2.5}"#,
    ];
    Pipeline::new("cards")
        .workers(2)
        .source("payments", Source::lines(payments))
        .pattern(
            "tried",
            Pattern::from("payments")
                .key("card")
                // The next payment after a small one, and the next after that.
                .matching("small, large{2}[,]")
                .step("small", "amount < 5")
                // The amount under test, and that of the step before it.
                .step_fn("large", ["amount", "small.amount"], |[amount, small]| {
                    Some(amount.as_f64()? > 100.0 * small.as_f64()?)
                })
                .within("30s")
                .allowed_lateness("1m")
                .select("paid", "sum(large.amount)")
                .select("shops", "collect(large.shop)"),
        )
        .on_rows("tried", |row| {
            let (card, shops, events) = (row.get("key"), row.get("shops"), row.get("events"));
            println!(
                "{} card {} from {:>2} s to {:>2} s: {:>6.2} in {}, payments {}",
                row.op().sign(),
                card.as_str().unwrap_or("?"),
                row.match_start().0 / 1_000_000,
                row.match_end().0 / 1_000_000,
                row.get("paid").as_f64().unwrap_or(0.0),
                shops.as_json().unwrap_or("?"),
                events.as_json().unwrap_or("?"),
            );
        })
        .run()?;
    Ok(())
}
