//! The pipeline files of the jobs of patterns.

use std::fmt::Write;

/// How many patterns PD has.
pub(super) const PRODUCTS: usize = 100;

pub(super) const PA: &str = r#"name = "pa"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[patterns.pa]
from = "events"
key = "coalesce(session_id, user_id, 'global')"
match = "view -> cart -> buy"
within = "5m"
event_id = "event_id"
define.view = "event_type = 'user_action' AND data.action = 'view_product'"
define.cart = "event_type = 'user_action' AND data.action = 'add_to_cart'"
define.buy = "event_type = 'transaction' AND data.type = 'purchase'"
select = { user = "first(view.user_id)", amount = "last(buy.data.amount)" }

[sinks.rows]
type = "file"
from = ["pa"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const PB: &str = r#"name = "pb"

[sources.ticks]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[patterns.pb]
from = "ticks"
key = "symbol"
match = "a, up+[,], down"
within = "5m"
event_id = "id"
define.up = "price > coalesce(avg(up.price), last(a.price))"
define.down = "price <= avg(up.price)"
select = { ups = "count(up)", mean = "avg(up.price)", low = "last(down.price)" }

[sinks.rows]
type = "file"
from = ["pb"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const PC: &str = r#"name = "pc"

[sources.ticks]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[patterns.pc]
from = "ticks"
key = "symbol"
match = "a+[->>] ->> b"
within = "1m"
event_id = "id"
define.a = "kind = 'a'"
define.b = "kind = 'b'"
select = { n = "count(a)" }

[sinks.rows]
type = "file"
from = ["pc"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const PCN: &str = r#"name = "pcn"

[sources.ticks]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[patterns.pcn]
from = "ticks"
key = "symbol"
match = "a+[->>] ->> b"
within = "5s"
skip = "no_skip"
event_id = "id"
define.a = "rare = 'a'"
define.b = "rare = 'b'"
select = { n = "count(a)" }

[sinks.rows]
type = "file"
from = ["pcn"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const PE: &str = r#"name = "pe"

[sources.keys]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[patterns.pe]
from = "keys"
key = "key"
match = "a -> c"
within = "1h"
event_id = "id"
define.a = "kind = 'a'"
define.c = "kind = 'c' AND value > a.value"
select = { a = "a.value", c = "c.value" }

[sinks.rows]
type = "file"
from = ["pe"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const PE0: &str = r#"name = "pe0"

[sources.keys]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.pe0]
from = "keys"
size = "10s"
select = { events = "count(*)", keys = "count(key)", ids = "count(id)", kinds = "count(kind)", values = "count(value)" }

[sinks.rows]
type = "file"
from = ["pe0"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

/// PD of the first `count` products: a pattern for each.
pub(super) fn products(count: usize) -> String {
    let mut out = "name = \"pd\"\n\n[sources.events]\ntype = \"file\"\npath = \"${BENCH_INPUT}\"\n\
                   time = { field = \"timestamp\", unit = \"s\" }\nout_of_orderness = \"2s\"\n"
        .to_owned();
    for product in 0..count {
        let _ = write!(
            out,
            r#"
[patterns.pd_{product}]
from = "events"
key = "coalesce(session_id, user_id, 'global')"
match = "view -> cart -> buy"
within = "5m"
event_id = "event_id"
define.view = "event_type = 'user_action' AND data.action = 'view_product' AND data.page = 'product_{product}'"
define.cart = "event_type = 'user_action' AND data.action = 'add_to_cart' AND data.page = 'product_{product}'"
define.buy = "event_type = 'transaction' AND data.type = 'purchase'"
select = {{ user = "first(view.user_id)", amount = "last(buy.data.amount)" }}
"#
        );
    }
    let names: Vec<String> = names(count).iter().map(|name| format!("\"{name}\"")).collect();
    let _ = write!(
        out,
        "\n[sinks.rows]\ntype = \"file\"\nfrom = [{}]\npath = \"${{BENCH_OUTPUT}}.{{name}}\"\nformat = \"json\"\n",
        names.join(", ")
    );
    out
}

/// The names of the patterns of PD; each has a file of its own.
pub(super) fn names(count: usize) -> Vec<String> {
    (0..count).map(|product| format!("pd_{product}")).collect()
}
