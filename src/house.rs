//! Re-reads the sources against the map of the house: who may use whom, and who may touch the outside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use. A room stands below all it uses, so there are no circles.
const ROAD: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("error", &[]),
    ("event", &[]),
    ("config", &["error", "event", "time"]),
    // The settings of a format are what its decoder is made of.
    ("codec", &["config", "event", "time"]),
    ("expr", &["error", "event", "time"]),
    ("generate", &["time"]),
    ("observe", &["error", "time"]),
    ("source", &["error", "generate", "time"]),
    ("watermark", &[]),
    ("table", &["codec", "config", "error", "event", "observe", "time"]),
    ("stream", &["event", "expr", "table"]),
    ("aggregate", &["error", "event", "time"]),
    ("result", &["event", "expr"]),
    ("alert", &["event", "expr", "result", "time"]),
    ("notify", &["alert", "config", "error", "event", "expr", "observe", "time"]),
    ("telemetry", &["config", "error", "notify", "observe"]),
    ("pattern", &["error", "event", "expr", "result", "stream", "time"]),
    ("recommend", &["event", "result", "stream"]),
    ("window", &["aggregate", "event", "expr", "result", "watermark"]),
    ("view", &["aggregate", "event", "expr", "result", "time", "window"]),
    ("sink", &["error", "event", "observe", "result", "time"]),
    (
        "plan",
        &[
            "aggregate",
            "alert",
            "codec",
            "config",
            "error",
            "event",
            "expr",
            "notify",
            "pattern",
            "recommend",
            "result",
            "stream",
            "time",
            "view",
            "window",
        ],
    ),
    (
        "dataflow",
        &[
            "aggregate",
            "alert",
            "codec",
            "config",
            "error",
            "event",
            "expr",
            "observe",
            "pattern",
            "plan",
            "recommend",
            "result",
            "sink",
            "source",
            "stream",
            "table",
            "time",
            "view",
            "watermark",
            "window",
        ],
    ),
    ("cluster", &["error"]),
    (
        "engine",
        &[
            "alert", "cluster", "codec", "config", "dataflow", "error", "generate", "notify", "observe", "plan",
            "sink", "source", "table",
        ],
    ),
    (
        "serve",
        &[
            "alert", "codec", "config", "engine", "error", "event", "notify", "observe", "plan", "result", "sink",
            "source", "time",
        ],
    ),
    (
        "builder",
        &[
            "aggregate",
            "alert",
            "config",
            "engine",
            "error",
            "event",
            "expr",
            "plan",
            "result",
            "serve",
            "sink",
            "telemetry",
            "time",
        ],
    ),
    ("story", &["config", "engine", "error", "observe", "plan", "result", "source", "time"]),
    (
        "bench",
        &[
            "aggregate",
            "codec",
            "config",
            "engine",
            "error",
            "event",
            "expr",
            "generate",
            "observe",
            "plan",
            "result",
            "sink",
            "source",
            "stream",
            "table",
            "time",
            "watermark",
            "window",
        ],
    ),
    (
        "cli",
        &[
            "aggregate",
            "alert",
            "bench",
            "cluster",
            "codec",
            "config",
            "engine",
            "error",
            "event",
            "expr",
            "generate",
            "observe",
            "pattern",
            "plan",
            "result",
            "serve",
            "sink",
            "source",
            "story",
            "telemetry",
            "time",
        ],
    ),
];

/// What only some rooms may name, outside of tests.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("timely::", &["dataflow", "cluster"]),
    ("differential_dataflow::", &["dataflow", "cluster"]),
    (
        "std::fs",
        &["config", "source", "table", "sink", "notify", "cluster", "cli", "bench", "observe", "serve", "story"],
    ),
    ("std::net", &["cluster", "notify", "bench", "serve"]),
    ("tokio::", &["serve", "table", "bench"]),
    ("axum::", &["serve"]),
    ("redb::", &["serve"]),
    // Of the server one: what writes rows to the disk, which must hold up neither requests nor the engine.
    ("thread::Builder", &["source", "table", "sink", "notify", "observe", "telemetry", "cluster", "engine", "serve"]),
    ("thread::spawn", &["cluster", "bench"]),
    (
        "Instant::now",
        &["source", "table", "notify", "observe", "telemetry", "cluster", "engine", "cli", "bench", "serve"],
    ),
    ("SystemTime", &["source", "notify", "observe", "cli", "serve"]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The text of a file without its tests and comments.
fn code(path: &Path) -> String {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let in_tests =
        path.components().any(|c| ["tests", "trial", "testing"].contains(&&*c.as_os_str().to_string_lossy()));
    if in_tests || ["tests", "testing", "trial"].contains(&name.as_str()) {
        return String::new();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod").next().unwrap_or("");
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn rooms() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut rooms = Vec::new();
    for entry in std::fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let mut list = Vec::new();
            files(&path, &mut list);
            let text = list.iter().map(|f| code(f)).collect::<Vec<_>>().join("\n");
            rooms.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
        }
    }
    rooms
}

/// The rooms that a text names after `crate::`.
fn named(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .filter_map(|(at, found)| {
            let rest = &text[at + found.len()..];
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            (!name.is_empty() && rest[name.len()..].starts_with("::")).then_some(name)
        })
        .collect()
}

#[test]
fn every_room_is_on_the_map_and_uses_only_rooms_before_it() {
    let mut seen = BTreeSet::new();
    for (name, uses) in ROAD {
        for other in *uses {
            assert!(seen.contains(other), "{name} may use {other}, which does not stand before it on the road");
        }
        seen.insert(*name);
    }
    for (room, text) in rooms() {
        let Some((_, allowed)) = ROAD.iter().find(|(name, _)| *name == room) else {
            panic!("room {room} is not on the map in src/house.rs");
        };
        for used in named(&text).into_iter().filter(|u| *u != room) {
            assert!(allowed.contains(&used.as_str()), "{room} uses {used}, which the map does not allow");
        }
    }
}

#[test]
fn only_the_rooms_at_the_edge_touch_the_outside() {
    for (room, text) in rooms() {
        for (what, allowed) in OUTSIDE {
            if text.contains(what) {
                assert!(allowed.contains(&room.as_str()), "{room} names {what}; only {allowed:?} may");
            }
        }
    }
}
