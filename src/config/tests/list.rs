//! The reference against the reader: nothing is listed that is not read, and every example and default is right.

use super::*;
use std::collections::BTreeSet;

pub(super) const EVERY_KIND: &str = r#"
[run]
[serve]
[serve.tls]
certificate = "c.pem"
key = "k.pem"
[serve.tokens]
[observe.otlp]
[sources.f]
type = "file"
path = "f"
[sources.s]
type = "stdin"
time = {}
[sources.g]
type = "generate"
[sources.h]
type = "http"
[tables.users]
type = "file"
path = "users.csv"
key = "user_id"
time = { field = "valid_from" }
[tables.pages]
type = "stream"
from = "g"
key = "data.page"
columns = ["user_id"]
[tables.accounts]
type = "postgres"
url = "postgres://localhost/shop"
from = "accounts"
key = "user_id"
time = { field = "since" }
[tables.sessions]
type = "redis"
url = "redis://localhost"
match = "session:*"
key = "session_id"
[streams.shopping]
from = "g"
enrich = { table = "users", key = "user_id", add = ["country"] }
sample = { rate = 0.5 }
dedup = { by = "event_id", within = "1m" }
[joins.paid]
left = "shopping"
right = "g"
on = { left = "id", right = "order" }
within = {}
[joins.near]
left = "g"
right = "g"
on = "id"
within = "1s"
[windows.user_activity]
from = ["shopping", "paid", "near"]
size = "10s"
select = { n = "count(*)" }
[windows.service_health]
from = "shopping"
size = "10s"
select = { n = "count(*)" }
[patterns.purchase_funnel]
from = "shopping"
match = "view -> buy"
[recommendations.also]
from = "shopping"
by = "user_id"
item = "data.page"
within = "30m"
half_life = "1d"
per_user = {}
[views.busy]
from = "service_health"
join = { with = "user_activity", on = [] }
size = "1h"
select = { n = "sum(n)" }
top = { n = 3, by = "n" }
[alerts.high_error_rate]
from = "service_health"
when = "n > 5"
[sinks.o]
type = "stdout"
from = "user_activity"
[sinks.p]
type = "file"
path = "p.csv"
from = "service_health"
[actions.l]
type = "log"
[actions.f]
type = "file"
path = "alerts.ndjson"
[actions.w]
type = "webhook"
url = "http://localhost/"
[actions.sl]
type = "slack"
url = "http://localhost/"
[actions.am]
type = "alertmanager"
url = "http://localhost/"
[actions.pd]
type = "pagerduty"
url = "http://localhost/"
routing_key = "k"
[actions.m]
type = "email"
tls = "none"
host = "localhost"
from = "a@localhost"
to = "b@localhost"
[actions.c]
type = "command"
program = "true"
[inhibitions.i]
source = "a = '1'"
target = "a = '2'"
[silences.q]
match = "a = '1'"
until = 2030-01-05T12:00:00Z
"#;

#[test]
fn every_key_of_the_reference_is_read_and_no_other() {
    let mut ctx = Context::default();
    read("x.toml", EVERY_KIND, (&[], &[]), &no_env, &mut ctx).unwrap();
    let listed: BTreeSet<_> =
        reference().iter().flat_map(|s| s.keys.iter().map(|key| (s.path, s.of, key.name))).collect();
    assert_eq!(ctx.asked, listed);
}

#[test]
fn keys_are_unique_documented_and_not_planned() {
    for (i, section) in reference().iter().enumerate() {
        assert!(!section.doc.is_empty() && !section.noun.is_empty());
        assert!(reference()[..i].iter().all(|other| (other.path, other.of) != (section.path, section.of)));
        for (k, key) in section.keys.iter().enumerate() {
            assert!(key.doc.ends_with('.') && !key.doc.contains("  "), "{}", key.doc);
            assert!(!section.planned.contains(&key.name), "{}", key.name);
            assert!(section.keys[..k].iter().all(|other| other.name != key.name), "{}", key.name);
            assert!(!(key.required && key.default.is_some()), "{}", key.name);
        }
    }
}

/// A part of [`EVERY_KIND`] that is read by `section`.
pub(super) fn part_of(section: &Section) -> Option<String> {
    let name = match (section.path, section.of) {
        ("", _) => return None,
        ("sources.<name>", Some("stdin")) => "s",
        ("sources.<name>", Some("generate")) => "g",
        ("sources.<name>", Some("http")) => "h",
        ("sources.<name>" | "sources.<name>.time", _) => "f",
        ("tables.<name>", Some("stream")) => "pages",
        ("tables.<name>", Some("postgres")) => "accounts",
        ("tables.<name>", Some("redis")) => "sessions",
        ("tables.<name>" | "tables.<name>.time", _) => "users",
        ("streams.<name>" | "streams.<name>.enrich" | "streams.<name>.sample" | "streams.<name>.dedup", _) => {
            "shopping"
        }
        ("joins.<name>" | "joins.<name>.on" | "joins.<name>.within", _) => "paid",
        ("windows.<name>", _) => "user_activity",
        ("patterns.<name>", _) => "purchase_funnel",
        ("recommendations.<name>" | "recommendations.<name>.per_user", _) => "also",
        ("alerts.<name>", _) => "high_error_rate",
        ("views.<name>" | "views.<name>.join" | "views.<name>.top", _) => "busy",
        ("sinks.<name>", Some("file")) => "p",
        ("sinks.<name>", _) => "o",
        ("actions.<name>", Some("file")) => "f",
        ("actions.<name>", Some("webhook")) => "w",
        ("actions.<name>", Some("slack")) => "sl",
        ("actions.<name>", Some("alertmanager")) => "am",
        ("actions.<name>", Some("pagerduty")) => "pd",
        ("actions.<name>", Some("email")) => "m",
        ("actions.<name>", Some("command")) => "c",
        ("actions.<name>", _) => "l",
        ("inhibitions.<name>", _) => "i",
        ("silences.<name>", _) => "q",
        _ => "",
    };
    Some(section.path.replace("<name>", name))
}

#[test]
fn every_example_default_and_word_is_taken() {
    let words = |kind| match kind {
        KeyKind::Word { known, .. } => known.iter().map(|word| format!("\"{word}\"")).collect(),
        _ => Vec::new(),
    };
    let text = format!(
        "{EVERY_KIND}[streams.events]\nfrom = 'f'\n[streams.orders]\nfrom = 'g'\n[streams.payments]\nfrom = 'g'\n[streams.shopping_errors]\nfrom = 'g'\n\
         [sources.spare]\ntype = 'file'\npath = 'spare'\n"
    );
    for section in reference() {
        let Some(part) = part_of(section) else { continue };
        for key in section.keys {
            let values =
                [key.example.to_owned()].into_iter().chain(key.default.map(str::to_owned)).chain(words(key.kind));
            for value in values {
                if key.name == "type" {
                    // Another type asks for other keys.
                    assert!(text.contains(&format!("type = {value}")), "{value}");
                    continue;
                }
                let flag = format!("{part}.{}={value}", key.name);
                // Keys that ask for another size, or for groups.
                let size = "size = \"10s\"\n";
                let text = match key.name {
                    "gap" | "global" => text.replacen(size, "", 1),
                    "max_groups" => text.replacen(size, &format!("{size}group_by = [\"k\"]\n"), 1),
                    // The other key that says which rows there are.
                    "query" => text.replacen("from = \"accounts\"\n", "", 1),
                    "hash" => text.replacen("match = \"session:*\"\n", "", 1),
                    "time_zone" => text.replacen(size, "size = \"7d\"\n", 1),
                    _ => text.clone(),
                };
                // Who logs in is said by a pair, or a token instead.
                let mut flags = vec![flag.clone()];
                match key.name {
                    "user" => flags.push(format!("{part}.password=x")),
                    "password" => flags.push(format!("{part}.user=x")),
                    // Without TLS only a plain connection is right.
                    "tls" if part != "serve" && !cfg!(feature = "tls") && value != "\"none\"" => continue,
                    "ca" if !cfg!(feature = "tls") => continue,
                    _ => {}
                }
                let problems = parse("x.toml", &text, &flags, &no_env).1;
                assert!(!problems.has_errors(), "{flag}\n{problems}");
            }
        }
    }
}

#[test]
fn a_default_given_by_hand_changes_nothing() {
    let plain = fingerprint(&settings(EVERY_KIND, &[]));
    for section in reference() {
        let Some(part) = part_of(section) else { continue };
        for key in section.keys {
            let Some(default) = key.default else { continue };
            let flag = format!("{part}.{}={default}", key.name);
            if section.path == "actions.<name>" && key.name == "tls" && !cfg!(feature = "tls") {
                continue;
            }
            assert_eq!(fingerprint(&settings(EVERY_KIND, &[&flag])), plain, "{flag}");
        }
    }
}
