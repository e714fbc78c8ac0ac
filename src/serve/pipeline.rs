//! The pipeline as it is shown: its file without secrets, its plan, and what is counted of its parts.

use super::answer::{Answer, json};
use super::face::Face;
use super::figures::quantiles;
use super::routes::Ask;
use crate::config::{Access, Secret};
use crate::observe::Sample;
use crate::result::{RowKind, RowSchema};
use crate::time::{EventTime, format_rfc3339};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json as value};
use std::sync::PoisonError;

/// Hides in the text of a pipeline file what must not be shown: values of keys that sound like secrets, all of a table of
/// tokens or headers, passwords and paths in addresses (those of receivers may hold a token), and the tokens themselves wherever they stand. References to the environment stay.
pub(super) fn hidden(text: &str, tokens: &[(Access, Secret)]) -> String {
    const QUOTED: &str = r#"("""(?s:.*?)"""|'''(?s:.*?)'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"#;
    let regex = |pattern: String| Regex::new(&pattern).expect("the pattern is right");
    let hide = |quoted: &str| {
        let inside = quoted.trim_matches(['"', '\'']);
        let only_name = inside.starts_with("${") && inside.ends_with('}') && !inside.contains(":-");
        if only_name { quoted.to_owned() } else { "\"***\"".to_owned() }
    };
    let quoted = regex(QUOTED.to_owned());
    let hide_all = |part: &str| quoted.replace_all(part, |found: &Captures<'_>| hide(&found[0])).into_owned();
    let key = regex(format!(
        r#"(?i)([\w.\-"]*(?:token|password|passwd|secret|api_key|apikey|credential|authorization|private_key|routing_key)[\w\-"]*\s*=\s*){QUOTED}"#
    ));
    let mut text =
        key.replace_all(text, |found: &Captures<'_>| format!("{}{}", &found[1], hide(&found[2]))).into_owned();
    // A table of tokens: all of its texts, on one line or below its header.
    let inline = regex(r"(?s)((?:tokens|headers)\s*=\s*)(\{.*?\}|\[.*?\])".to_owned());
    text =
        inline.replace_all(&text, |found: &Captures<'_>| format!("{}{}", &found[1], hide_all(&found[2]))).into_owned();
    let below = regex(r"(?ms)(^\s*\[[^\]\n]*(?:tokens|headers)\s*\][^\n]*\n)(.*?)(^\s*\[|\z)".to_owned());
    text = below
        .replace_all(&text, |found: &Captures<'_>| format!("{}{}{}", &found[1], hide_all(&found[2]), &found[3]))
        .into_owned();
    let dotted = regex(format!(r"((?:^|\n)\s*(?:serve\.)?tokens\.\w+\s*=\s*)(\[[^\]]*\]|{QUOTED})"));
    text =
        dotted.replace_all(&text, |found: &Captures<'_>| format!("{}{}", &found[1], hide_all(&found[2]))).into_owned();
    let address = regex(r"://([^:/\s@]*):([^@/\s]*)@".to_owned());
    text = address.replace_all(&text, "://$1:***@").into_owned();
    let path = regex(r#"(://[^/?\s"']+[/?])[^\s"']+"#.to_owned());
    text = path.replace_all(&text, "$1***").into_owned();
    tokens.iter().fold(text, |text, (_, token)| text.replace(token.reveal(), "***"))
}

fn kind(schema: &RowSchema) -> &'static str {
    match schema.kind {
        RowKind::Window => "window",
        RowKind::Match => "pattern",
        RowKind::Table | RowKind::Versions => "table",
        RowKind::Alert => "alert",
    }
}

/// Adds one count to an object: a number, or an object by label, or, of spans, how many and how long.
pub(super) fn put(all: &mut Map<String, Value>, s: Sample<'_>) {
    if let Some(spread) = s.spread {
        all.insert(s.metric.name.to_owned(), quantiles(spread).into());
        return;
    }
    match s.label {
        None => {
            all.insert(s.metric.name.to_owned(), s.value.into());
        }
        Some(label) => {
            let of = all.entry(s.metric.name).or_insert_with(|| value!({}));
            of[label] = s.value.into();
        }
    }
}

/// `/v1/pipeline`
pub(super) fn show(face: &Face, _: &Ask) -> Answer {
    let mut answer = face.pipeline.clone();
    answer["state"] = face.phase().word().into();
    let run = face.snapshot();
    if let Some((snapshot, partitions)) = &run {
        answer["position"] = snapshot.position().map_or(Value::Null, |us| format_rfc3339(EventTime(us)).into());
        answer["fraction"] = snapshot.fraction().map_or(Value::Null, Value::from);
        let mut rest = &snapshot.partitions[..];
        let sources = snapshot.sources.iter().zip(partitions).map(|(source, n)| {
            let (own, others) = rest.split_at((*n).min(rest.len()));
            rest = others;
            let mut counts = Map::new();
            source.each(&mut |s| put(&mut counts, s));
            let own: Vec<Value> = own
                .iter()
                .map(|p| {
                    let mut counts = Map::new();
                    p.each(&mut |s| put(&mut counts, s));
                    value!({ "name": p.name, "counts": counts })
                })
                .collect();
            value!({ "name": source.name, "counts": counts, "partitions": own })
        });
        answer["sources"] = sources.collect();
        let looks = face.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let sinks = snapshot.sinks.iter().enumerate().map(|(i, sink)| {
            let mut counts = Map::new();
            sink.each(&mut |s| put(&mut counts, s));
            // Of the last seconds; that of all time is among the counts.
            value!({ "name": sink.name, "counts": counts, "latency": looks.latency(i) })
        });
        answer["sinks"] = sinks.collect();
        drop(looks);
        let operators = snapshot.operators.iter().map(|one| {
            let mut counts = Map::new();
            one.each(&mut |s| put(&mut counts, s));
            value!({ "name": one.name, "counts": counts })
        });
        answer["operators"] = operators.collect();
    }
    let parts = face.schemas.iter().enumerate().map(|(i, schema)| {
        let held = face.shelf.store().held(i as u32);
        let mut counts = Map::new();
        let own = run.as_ref().and_then(|(s, _)| s.parts.iter().find(|part| part.name == schema.name));
        own.into_iter().for_each(|own| own.each(&mut |s| put(&mut counts, s)));
        let oldest = held.and_then(|h| h.oldest).map(|us| format_rfc3339(EventTime(us)));
        value!({
            "name": schema.name,
            "kind": kind(schema),
            "dimensions": schema.dimensions,
            "values": schema.values,
            "times": schema.times(),
            "counts": counts,
            "kept": { "rows": held.map_or(0, |h| h.rows), "dropped": held.map_or(0, |h| h.dropped), "oldest": oldest },
        })
    });
    answer["parts"] = parts.collect();
    Ok(json(&answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form_in_which_a_file_can_have_them() {
        let text = r#"
[serve]
tokens = { read = "hush-1", operate = ["hush-2", '${NAME}'] }
[serve.tokens] # who
ingest = ["hush-3",
  "hush-4"]
[sources.db]
url = "postgres://me:hush-5@host/db"
hook = "https://hooks.example.org/services/hush-B/hush-C"
headers = { X-Key = "hush-D" }
password = 'hush-6'
api_token = """hush-7"""
secret = "${FROM_ENV}"
other = "${FROM_ENV:-hush-8}"
password_default = "${FROM_ENV:-hush-9}"
tokens.read = "hush-A"
path = "tokens.csv"
comment = "hush-token is used here too"
"#;
        let shown = hidden(text, &[(Access::Read, Secret::new("hush-8")), (Access::Read, Secret::new("hush-token"))]);
        assert!(!shown.contains("hush"), "{shown}");
        for kept in [
            "${NAME}",
            "${FROM_ENV}",
            "postgres://me:***@host/***",
            "https://hooks.example.org/***",
            "X-Key",
            "path = \"tokens.csv\"",
            "# who",
            "is used here",
        ] {
            assert!(shown.contains(kept), "{kept}\n{shown}");
        }
        assert_eq!(shown.lines().count(), text.lines().count());
    }
}
