//! The reference against the reader: nothing is listed that is not read, and every example and default is right.

use super::*;
use std::collections::BTreeSet;

pub(super) const EVERY_KIND: &str = r#"
[run]
[sources.f]
type = "file"
path = "f"
[sources.s]
type = "stdin"
time = {}
[sources.g]
type = "generate"
[streams.shopping]
from = "g"
sample = { rate = 0.5 }
dedup = { by = "event_id", within = "1m" }
[windows.user_activity]
from = "shopping"
size = "10s"
select = { n = "count(*)" }
[windows.service_health]
from = "shopping"
size = "10s"
select = { n = "count(*)" }
[patterns.purchase_funnel]
from = "shopping"
match = "view -> buy"
[sinks.o]
type = "stdout"
from = "user_activity"
[sinks.p]
type = "file"
path = "p.csv"
from = "service_health"
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
        ("sources.<name>" | "sources.<name>.time", _) => "f",
        ("streams.<name>" | "streams.<name>.sample" | "streams.<name>.dedup", _) => "shopping",
        ("windows.<name>", _) => "user_activity",
        ("patterns.<name>", _) => "purchase_funnel",
        ("sinks.<name>", Some("file")) => "p",
        ("sinks.<name>", _) => "o",
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
        "{EVERY_KIND}[streams.events]\nfrom = 'f'\n[streams.shopping_errors]\nfrom = 'g'\n\
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
                    "time_zone" => text.replacen(size, "size = \"7d\"\n", 1),
                    _ => text.clone(),
                };
                let problems = parse("x.toml", &text, std::slice::from_ref(&flag), &no_env).1;
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
            assert_eq!(fingerprint(&settings(EVERY_KIND, &[&flag])), plain, "{flag}");
        }
    }
}
