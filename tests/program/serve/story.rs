//! The pipeline of the tests of pages and of the interface: a window, a pattern, an alert, and events for them.

use crate::harness::Scratch;

pub const JOB: &str = r#"
name = "shop"
[sources.events]
type = "stdin"

[windows.health]
from = "events"
size = "10s"
allowed_lateness = "10m"
group_by = { service = "service" }
select = { errors = "count(*) FILTER (WHERE type = 'error')", requests = "count(*)" }

[patterns.funnel]
from = "events"
key = "user_id"
match = "view -> cart -> buy"
within = "5m"
events = "full"
define.view = "type = 'view'"
define.cart = "type = 'cart'"
define.buy = "type = 'buy'"
select = { amount = "last(buy.amount)" }

[alerts.high_errors]
from = "health"
when = "errors > 5"
severity = "critical"
summary = "{service}: {errors} errors"
notify = "log"

[sinks.rows]
type = "stdout"
format = "json"
from = "health"
"#;

/// A folder with the pipeline, and more in it.
pub fn job(more: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", &format!("{JOB}{more}"));
    scratch
}

fn event(second: u32, rest: &str) -> String {
    format!("{{\"timestamp\": {}, {rest}}}\n", 1_767_614_400 + second)
}

/// Errors of a service within a second.
pub fn errors(second: u32, service: &str, n: u32) -> String {
    (0..n).map(|_| event(second, &format!("\"service\": \"{service}\", \"type\": \"error\""))).collect()
}

/// One event that is no error.
pub fn calm(second: u32, service: &str) -> String {
    event(second, &format!("\"service\": \"{service}\", \"type\": \"request\""))
}

/// A view, a cart and a purchase, one a second.
pub fn funnel(second: u32, user: &str) -> String {
    steps(second, std::iter::once(user.to_owned()))
}

/// A view, a cart and a purchase of many users, step by step, so that events are in order.
pub fn steps(second: u32, users: impl Iterator<Item = String> + Clone) -> String {
    let mut text = String::new();
    for (i, step) in ["view", "cart", "buy"].into_iter().enumerate() {
        for user in users.clone() {
            let rest =
                format!("\"user_id\": \"{user}\", \"service\": \"shop\", \"type\": \"{step}\", \"amount\": {}", 10 + i);
            text += &event(second + i as u32, &rest);
        }
    }
    text
}
