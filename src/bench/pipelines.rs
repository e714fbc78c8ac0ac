//! The pipeline files of the jobs of windows.

pub(super) const J1: &str = r#"name = "j1"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "event_type IN ('user_action', 'transaction')"

[windows.j1]
from = "visits"
size = "10s"
slide = "5s"
group_by = { user_type = "coalesce(tags.user_type, 'unknown')", page = "coalesce(data.page, 'unknown')" }
[windows.j1.select]
events = "count(*)"
sum_duration = "sum(data.duration)"
avg_duration = "avg(data.duration)"
min_duration = "min(data.duration)"
max_duration = "max(data.duration)"
p95_duration = "percentile(data.duration, 0.95)"
p99_duration = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"

[sinks.rows]
type = "file"
from = ["j1"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const J2: &str = r#"name = "j2"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.metrics]
from = "events"
where = "event_type = 'system_metric'"

[windows.j2]
from = "metrics"
size = "10s"
group_by = ["source"]
select = { requests = "count(*)", sum_ms = "sum(data.response_time)", max_ms = "max(data.response_time)" }

[sinks.rows]
type = "file"
from = ["j2"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const J0: &str = r#"name = "j0"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.none]
from = "events"
where = "event_type = 'none'"

[windows.j0]
from = "none"
size = "10s"
select = { events = "count(*)" }

[sinks.rows]
type = "file"
from = ["j0"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const J0B: &str = r#"name = "j0b"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.j0b]
from = "events"
size = "10s"
[windows.j0b.select]
events = "count(*)"
pages = "count(data.page)"
user_types = "count(tags.user_type)"
durations = "count(data.duration)"
users = "count(user_id)"

[sinks.rows]
type = "file"
from = ["j0b"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const JX: &str = r#"name = "jx"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.jx]
from = "visits"
size = "10s"
group_by = ["user_id"]
select = { events = "count(*)", sum_duration = "sum(data.duration)" }
pre_aggregate = "${BENCH_PRE_AGGREGATE:-auto}"

[sinks.rows]
type = "file"
from = ["jx"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const JS: &str = r#"name = "js"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.js]
from = "visits"
gap = "30s"
group_by = ["user_id"]
select = { events = "count(*)", sum_duration = "sum(data.duration)" }

[sinks.rows]
type = "file"
from = ["js"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const JC: &str = r#"name = "jc"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.jc]
from = "events"
size = "1d"
step = "1h"
group_by = { page = "coalesce(data.page, 'unknown')" }
select = { events = "count(*)", sum_duration = "sum(data.duration)", max_duration = "max(data.duration)" }

[sinks.rows]
type = "file"
from = ["jc"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const JA: &str = r#"name = "ja"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "event_type = 'user_action' AND user_id IS NOT NULL"

[windows.ja]
from = "visits"
size = "10s"
group_by = { page = "coalesce(data.page, 'unknown')" }
[windows.ja.select]
events = "count(*)"
timed = "count(data.duration)"
sum_duration = "sum(data.duration)"
avg_duration = "avg(data.duration)"
min_duration = "min(data.duration)"
max_duration = "max(data.duration)"
median_duration = "median(data.duration)"
p95_duration = "percentile(data.duration, 0.95)"
p99_duration = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"
var_pop = "var_pop(data.duration)"
stddev_pop = "stddev_pop(data.duration)"
var_samp = "var_samp(data.duration)"
stddev_samp = "stddev_samp(data.duration)"
first_duration = "first(data.duration)"
last_duration = "last(data.duration)"
longest = "coalesce(arg_max(user_id, data.duration), 'nobody')"
shortest = "coalesce(arg_min(user_id, data.duration), 'nobody')"
any_long = "bool_or(data.duration > 60)"
all_real = "bool_and(data.duration > 1)"
per_second = "rate(*)"

[sinks.rows]
type = "file"
from = ["ja"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const JF: &str = r#"name = "jf"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.chain]
from = "events"
where = "data.duration IS NOT NULL AND data.page IS NOT NULL"
[streams.chain.set]
FIELDS
[windows.jf]
from = "chain"
size = "10s"
select = { events = "count(*)", total = "sum(LAST)", most = "max(LAST)" }

[sinks.rows]
type = "file"
from = ["jf"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const VT: &str = r#"name = "vt"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.users]
from = "visits"
size = "1s"
group_by = ["user_id"]
select = { events = "count(*)", longest = "max(data.duration)" }

[views.long]
from = "users"
where = "longest > 1"

[views.longest]
from = "long"
top = { n = 10, by = "longest" }

[views.vt]
from = "longest"
size = "10s"
group_by = ["user_id"]
select = { seconds = "count(*)", events = "sum(events)", longest = "max(longest)" }

[sinks.rows]
type = "file"
from = ["vt"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;
