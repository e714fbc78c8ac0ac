//! Closures where SQL does not reach: a filter, a field, a key, and a function that any expression can call; the events
//! are structs that another thread sends while the pipeline runs.
//!
//!     cargo run --example closures

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use highwater::{Pipeline, Source, Stream, Window};

/// An event, as `serde` writes it.
#[derive(serde::Serialize)]
struct Sale {
    timestamp: f64,
    customer: String,
    product: &'static str,
    price: f64,
}

/// Builds and runs the pipeline.
pub fn main() -> Result<(), highwater::PipelineError> {
    let (sender, sales) = Source::channel();
    // The source ends when its last sender is dropped.
    let shop = std::thread::spawn(move || {
        let products = ["Shoes/red", "shoes/blue", "Hats/straw"];
        (0..90_u32).try_for_each(|i| {
            sender.send_event(&Sale {
                timestamp: f64::from(i) / 2.0,
                customer: format!("customer-{}", i % 7),
                product: products[i as usize % 3],
                price: f64::from(i % 5) * 10.0,
            })
        })
    });
    Pipeline::new("sales")
        .workers(2)
        .function("discount", |[price, percent]| Some(price.as_f64()? * (1.0 - percent.as_f64()? / 100.0)))
        .source("sales", sales)
        .stream(
            "paid",
            Stream::from("sales").filter_fn(["price"], |[price]| price.as_f64().map(|price| price > 0.0)).field_fn(
                "kind",
                ["product"],
                |[product]| product.as_str()?.split('/').next().map(str::to_lowercase),
            ),
        )
        .window(
            "takings",
            Window::tumbling("15s")
                .from("paid")
                .group_by("kind", "kind")
                .group_by_fn("regular", ["customer"], |[customer]| customer.as_str().map(|c| c.ends_with(['0', '1'])))
                .select("sales", "count(*)")
                .select("total", "sum(discount(price, 15))"),
        )
        .on_rows("takings", |row| {
            let (kind, total) = (row.get("kind"), row.get("total"));
            println!(
                "{:>2} s  {:<6} regular {:<5} {:>2} sales, {:>7.2} paid",
                row.window_end().0 / 1_000_000,
                kind.as_str().unwrap_or("?"),
                row.get("regular").as_bool().unwrap_or(false),
                row.get("sales").as_i64().unwrap_or(0),
                total.as_f64().unwrap_or(0.0),
            );
        })
        .run()?;
    // The run has ended well, so it has read all that was sent.
    shop.join().expect("the shop does not panic").expect("the run reads until the shop has closed");
    Ok(())
}
