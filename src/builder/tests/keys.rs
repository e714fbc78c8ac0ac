//! Every key of the one list, with its example, said by `with` and in a file.

use super::*;
use crate::config::{Given, KeyKind, Setting};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of TOML as a program says it; tables in the order they are written in.
fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => (&**text).into(),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).unwrap().into(),
        DeValue::Float(n) => n.as_str().parse::<f64>().unwrap().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => Given::List(items.iter().map(|item| given(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Setting { key: key.to_string(), value: given(value.get_ref()), place: String::new() }
            };
            Given::Table(entries.into_iter().map(entry).collect())
        }
    }
}

fn value(text: &str) -> Given {
    let text = format!("v = {text}");
    let table = DeTable::parse(&text).unwrap().into_inner();
    given(table.values().next().unwrap().get_ref())
}

/// The keys that a part needs beside the one that is looked at.
fn needed(section: &str, of: Option<&str>, key: &str) -> Vec<(&'static str, &'static str)> {
    let csv =
        section.starts_with("sources.") && ["header", "columns", "delimiter", "quote", "null", "types"].contains(&key);
    let part = section.match_indices('.').nth(1).map_or(section, |(at, _)| &section[..at]);
    let mut list = match (part, of) {
        ("sources.<name>", Some("file")) => vec![("type", "\"file\""), ("path", "\"x.ndjson\"")],
        ("sources.<name>", Some("generate")) => vec![("type", "\"generate\"")],
        ("sources.<name>", Some("http")) => vec![("type", "\"http\"")],
        ("sources.<name>", _) => vec![("type", "\"stdin\"")],
        ("tables.<name>", Some("postgres")) => vec![
            ("type", "\"postgres\""),
            ("url", "\"postgres://localhost/shop\""),
            ("from", "\"users\""),
            ("key", "\"id\""),
        ],
        ("tables.<name>", Some("redis")) => {
            vec![("type", "\"redis\""), ("url", "\"redis://localhost\""), ("match", "\"user:*\""), ("key", "\"id\"")]
        }
        ("tables.<name>", _) => vec![("type", "\"file\""), ("path", "\"x.csv\""), ("key", "\"id\"")],
        ("streams.<name>", _) => vec![("from", "\"events\"")],
        ("joins.<name>", _) => {
            vec![("left", "\"events\""), ("right", "\"spare\""), ("on", "\"id\""), ("within", "\"1m\"")]
        }
        ("windows.<name>", _) => {
            vec![("from", "\"events\""), ("size", "\"10s\""), ("select", "{ n = \"count(*)\" }")]
        }
        ("patterns.<name>", _) => {
            vec![("from", "\"events\""), ("match", "\"view -> cart -> buy\""), ("within", "\"1h\"")]
        }
        ("alerts.<name>", _) => vec![("from", "\"service_health\""), ("when", "\"errors > 5\"")],
        ("recommendations.<name>", _) => {
            vec![("from", "\"events\""), ("by", "\"user_id\""), ("item", "\"page\""), ("within", "\"30m\"")]
        }
        ("views.<name>", _) => vec![("from", "\"service_health\"")],
        ("sinks.<name>", Some("file")) => vec![("type", "\"file\""), ("path", "\"x.csv\""), ("from", "\"first\"")],
        ("sinks.<name>", _) => vec![("type", "\"stdout\""), ("from", "\"first\"")],
        _ => Vec::new(),
    };
    match key {
        "query" => list.retain(|(key, _)| *key != "from"),
        "hash" => list.retain(|(key, _)| *key != "match"),
        _ => {}
    }
    match section {
        "tables.<name>.time" => list.push(("time.field", "\"at\"")),
        "streams.<name>.enrich" => {
            list.extend([("enrich.table", "\"users\""), ("enrich.key", "\"user_id\""), ("enrich.add", "[\"country\"]")])
        }
        "streams.<name>.sample" => list.push(("sample.rate", "0.5")),
        "joins.<name>.on" => {
            list.retain(|(key, _)| *key != "on");
            list.extend([("on.left", "\"id\""), ("on.right", "\"id\"")]);
        }
        "joins.<name>.within" => list.retain(|(key, _)| *key != "within"),
        "streams.<name>.dedup" => list.extend([("dedup.by", "\"id\""), ("dedup.within", "\"1m\"")]),
        "views.<name>.join" => list.extend([
            (concat!("join", ".with"), "\"user_activity\""),
            (concat!("join", ".on"), "[]"),
            (concat!("join", ".add"), "{ other = \"n\" }"),
        ]),
        "views.<name>.top" => list.extend([("top.n", "3"), ("top.by", "\"n\"")]),
        _ => {}
    }
    match key {
        "size" | "slide" | "group_by" if section == "views.<name>" => {
            list.extend([("size", "\"1h\""), ("select", "{ m = \"sum(n)\" }")]);
        }
        "select" if section == "views.<name>" => list.push(("size", "\"1h\"")),
        _ if csv => list.extend([("format", "\"csv\""), ("columns", "[\"timestamp\"]")]),
        "pattern" => list.push(("format", "\"lines\"")),
        "gap" | "global" => list.retain(|(key, _)| *key != "size"),
        "type_field" => {
            list.iter_mut().filter(|(key, _)| *key == "match").for_each(|(_, value)| *value = "[\"a\", \"b\"]")
        }
        "max_groups" => list.push(("group_by", "{ k = \"k\" }")),
        "early_clock" => list.push(("early", "\"2s\"")),
        "time_zone" => list.iter_mut().filter(|(key, _)| *key == "size").for_each(|(_, value)| *value = "\"1d\""),
        _ => {}
    }
    list
}

/// What examples refer to.
const AROUND: &str = "[sources.events]\ntype = \"generate\"\n[sources.spare]\ntype = \"generate\"\n\
    [tables.users]\ntype = \"file\"\npath = \"users.csv\"\nkey = \"user_id\"\n\
    [streams.shopping]\nfrom = \"events\"\n[streams.shopping_errors]\nfrom = \"events\"\n[streams.orders]\nfrom = \"events\"\n\
    [streams.payments]\nfrom = \"events\"\n[windows.first]\nfrom = \"shopping\"\n\
    size = \"5s\"\nselect = { n = \"count(*)\" }\n[windows.user_activity]\nfrom = \"shopping\"\nsize = \"5s\"\n\
    select = { n = \"count(*)\" }\n[windows.service_health]\nfrom = \"shopping\"\nsize = \"5s\"\n\
    group_by = [\"service\"]\nselect = { n = \"count(*)\", errors = \"count(*)\" }\n";

#[test]
fn every_key_of_the_reference_can_be_said_and_means_what_it_means_in_a_file() {
    // All others are said in the file that a pipeline begins with.
    let of_program =
        ["", "run", "sources", "tables", "streams", "joins", "windows", "recommendations", "views", "alerts", "sinks"];
    let in_file = |section: &config::Section| {
        !of_program.contains(&section.path.split('.').next().unwrap_or_default()) || section.of == Some("stream")
    };
    for section in config::reference().iter().filter(|section| !in_file(section)) {
        for key in section.keys.iter().filter(|key| !(section.path.is_empty() && key.kind == KeyKind::Table)) {
            let inner = section.path.splitn(3, '.').nth(2).map_or(String::new(), |inner| format!("{inner}."));
            let own = format!("{inner}{}", key.name);
            let mut pairs = needed(section.path, section.of, key.name);
            pairs.retain(|(one, _)| *one != own);
            let constructed = pairs.iter().find(|(key, _)| *key == "type").map(|(_, kind)| *kind);
            if key.name == "type" {
                // What a constructor says.
                continue;
            }
            pairs.push((&own, key.example));
            let table: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            let (kind, text) = match section.path.split('.').next() {
                Some("") => ("", format!("{}{AROUND}", table.concat())),
                Some(kind @ ("run" | "serve")) => (kind, format!("{AROUND}[{}]\n{}", section.path, table.concat())),
                kind => (kind.unwrap_or(""), format!("{AROUND}[{}.part]\n{}", kind.unwrap_or(""), table.concat())),
            };
            let (file, problems) = config::parse("p.toml", &text, &[], &|_| None);
            assert!(!problems.has_errors(), "{problems}\n{text}");
            let pairs = pairs.iter().filter(|(key, _)| *key != "type").map(|(key, text)| (*key, value(text)));
            let around = Pipeline::from_toml("p.toml", AROUND);
            let built = match kind {
                "" => pairs.fold(around, |p, (key, value)| p.with(key, value)),
                "run" | "serve" => {
                    pairs.fold(around, |p, (key, value)| p.with(&format!("{}.{key}", section.path), value))
                }
                "sources" => {
                    let part = Source::of_type(constructed.unwrap().trim_matches('"'));
                    around.source("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "tables" => {
                    let part = Table::of_type(constructed.unwrap().trim_matches('"'));
                    around.table("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "streams" => {
                    let part = Stream { part: Default::default() };
                    around.stream("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "joins" => {
                    let part = Join { part: Default::default() };
                    around.join("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "windows" => {
                    let part = Window { part: Default::default() };
                    around.window("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "patterns" => {
                    let part = Pattern { part: Default::default() };
                    around.pattern("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "alerts" => {
                    let part = Alert { part: Default::default(), on_change: None };
                    around.alert("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "recommendations" => {
                    let part = Recommendation { part: Default::default() };
                    around.recommendation("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "views" => {
                    let part = View { part: Default::default() };
                    around.view("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                "sinks" => {
                    let part = Sink::of_type(constructed.unwrap().trim_matches('"'));
                    around.sink("part", pairs.fold(part, |part, (key, value)| part.with(key, value)))
                }
                other => panic!("section {other} cannot be said by the builder: add it, or say here why not"),
            };
            let built = built.config().unwrap_or_else(|problems| panic!("{own}: {problems}"));
            assert_eq!(bare(&file.unwrap()), bare(&built), "{own}");
        }
    }
}
