//! Whole files through [`parse`]: messages to the letter, settings and defaults, the reference, text that is no file.

mod any_text;
mod list;
mod messages;
mod notify;
mod reading;
mod schema;
mod tables;
mod validator;

use super::*;

/// A small file that is right.
const GOOD: &str = r#"name = "shop"
[sources.events]
type = "file"
path = "shop.ndjson"
[streams.shopping]
from = "events"
[windows.per_user]
from = "shopping"
size = "60s"
group_by = ["user_id"]
select = { events = "count(*)" }
[sinks.out]
type = "stdout"
from = "per_user"
"#;

fn no_env(_: &str) -> Option<String> {
    None
}

/// The settings of a text that has no errors.
fn settings(text: &str, flags: &[&str]) -> Config {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let (config, problems) = parse("shop.toml", text, &flags, &no_env);
    assert!(!problems.has_errors(), "{problems}");
    config.unwrap()
}
