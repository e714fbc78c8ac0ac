//! An aggregate of one's own: the longest common prefix of texts, with late events and on three workers.
//!
//!     cargo run --example user_aggregate

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use highwater::aggregate::check_law;
use highwater::{Aggregate, Pipeline, Source, Value, Window};

/// The longest text that all texts begin with; nothing before the first text.
#[derive(Default)]
struct CommonPrefix(Option<String>);

impl CommonPrefix {
    fn take(&mut self, text: &str) {
        match &mut self.0 {
            None => self.0 = Some(text.to_owned()),
            Some(prefix) => {
                let same = prefix.chars().zip(text.chars()).take_while(|(a, b)| a == b);
                prefix.truncate(same.map(|(c, _)| c.len_utf8()).sum());
            }
        }
    }
}

// The law: the order of texts, and how they are spread over states, changes nothing. A common prefix keeps it.
impl Aggregate for CommonPrefix {
    type Output = Option<String>;

    fn add(&mut self, value: Value<'_>) -> bool {
        value.as_str().map(|text| self.take(text)).is_some()
    }

    fn merge(&mut self, other: &Self) {
        if let Some(text) = &other.0 {
            self.take(text);
        }
    }

    fn finish(&self) -> Option<String> {
        self.0.clone()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(text) = &self.0 {
            out.push(1);
            out.extend(text.bytes());
        }
    }

    fn decode(&self, bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            None => Some(CommonPrefix(None)),
            Some((1, text)) => Some(CommonPrefix(Some(String::from_utf8(text.to_vec()).ok()?))),
            Some(_) => None,
        }
    }

    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, String::capacity)
    }
}

/// Builds and runs the pipeline.
pub fn main() -> Result<(), highwater::PipelineError> {
    let pages = ["shop/shoes/red", "shop/shoes/blue", "shop/hats", "about/us", "about/jobs"];
    check_law(CommonPrefix::default, &pages.map(|page| Value::Str(page.as_bytes()))).expect("it keeps the law");

    let page = move |i: usize| pages[if i < 60 { i % 3 } else { 3 + i % 2 }];
    // Every tenth event is four seconds late.
    let time = |i: usize| i as f64 / 4.0 - if i % 10 == 9 { 4.0 } else { 0.0 };
    let events = (20..120).map(move |i| serde_json::json!({"timestamp": time(i), "page": page(i)}));
    Pipeline::new("prefixes")
        .workers(3)
        .aggregate("common_prefix", CommonPrefix::default)
        .source("events", Source::events(events))
        .window(
            "pages",
            Window::tumbling("5s")
                .from("events")
                .allowed_lateness("10s")
                .select("prefix", "common_prefix(page)")
                .select("shop", "common_prefix(page) FILTER (WHERE page LIKE 'shop/%')")
                .select("length", "length(common_prefix(page))"),
        )
        .on_rows("pages", |row| println!("{row}"))
        .run()?;
    Ok(())
}
