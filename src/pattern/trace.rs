//! What happens to the partial matches of one key, told event by event: patterns that can be debugged.

use super::automaton::{Automaton, End, Way};
use super::store::{NONE, Store};
use super::value::at;
use crate::event::Value;
use crate::stream::KeyHash;
use crate::time::EventTime;
use std::fmt::{self, Write};
use std::sync::Arc;

/// Hears lines.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Which pattern and key is told about, and to whom.
#[derive(Clone)]
pub struct Trace {
    /// The pattern's part.
    pub part: u32,
    /// Its key; `None`: all keys, as of a pattern without one.
    pub key: Option<String>,
    /// Who hears it.
    pub say: Say,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("part", &self.part).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Tells what becomes of partial matches.
pub struct Teller {
    say: Say,
    /// The hashes that the key may have: as text, as a number, as a boolean.
    keys: Option<Vec<KeyHash>>,
    steps: Vec<String>,
    /// The column that names an event.
    event: Option<usize>,
    /// The event being looked at is one of the key.
    on: bool,
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").field("on", &self.on).finish_non_exhaustive()
    }
}

impl Teller {
    /// Tells of a pattern with these steps. `event`: the column that names an event.
    pub fn new(trace: &Trace, steps: Vec<String>, event: Option<usize>) -> Self {
        let keys = trace.key.as_ref().map(|text| {
            let mut values = vec![Value::Str(text.as_bytes())];
            values.extend(text.parse().ok().map(Value::Int));
            values.extend(text.parse().ok().filter(|v: &f64| v.is_finite()).map(Value::Float));
            values.extend(text.parse().ok().map(Value::Bool));
            values.into_iter().map(crate::stream::hash_of).collect()
        });
        Self { say: Arc::clone(&trace.say), keys, steps, event, on: false }
    }

    /// From here on events are those of this key.
    pub(super) fn turn(&mut self, key: KeyHash) {
        self.on = self.keys.as_ref().is_none_or(|keys| keys.contains(&key));
    }

    /// True where the key is told about.
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    pub(super) fn say(&self, text: &str) {
        (self.say)(text);
    }

    /// An event, with the steps whose conditions it meets by itself.
    pub(super) fn event(&self, store: &Store, event: u32, mask: u64, late: bool) {
        let met = self.steps.iter().enumerate().filter(|(s, _)| mask >> s & 1 == 1).map(|(_, name)| name.as_str());
        let met: Vec<&str> = met.collect();
        let mut line = format!("{}  {}", EventTime(store.origin(event).time), self.name(store, event));
        let _ = match met.len() {
            0 => write!(line, "  meets no condition"),
            _ => write!(line, "  may be {}", met.join(", ")),
        };
        if late {
            line.push_str("  (late)");
        }
        self.say(&line);
    }

    fn name(&self, store: &Store, event: u32) -> String {
        let origin = store.origin(event);
        match self.event.map_or(Value::Null, |column| at(store.bytes(event), column)) {
            Value::Null => format!("{}:{}", origin.partition, origin.position),
            Value::Str(text) => String::from_utf8_lossy(text).into_owned(),
            other => {
                let mut text = Vec::new();
                super::value::json(other, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
        }
    }

    /// A chain: `view(evt_1) cart(evt_2)`.
    pub(super) fn chain(&self, store: &Store, link: u32) -> String {
        let mut list: Vec<String> = store
            .back(link)
            .map(|(step, event)| format!("{}({})", self.steps[step], self.name(store, event)))
            .collect();
        list.reverse();
        list.join(" ")
    }

    /// What became of a chain.
    pub(super) fn tell(&self, store: &Store, what: &str, link: u32, why: &str) {
        let chain = self.chain(store, link);
        let gap = if why.is_empty() { "" } else { ": " };
        self.say(&format!("    {what:<9} {chain}{gap}{why}"));
    }

    /// A chain that has taken an event.
    pub(super) fn took(&self, store: &Store, automaton: &Automaton, node: u32, link: u32, before: u32) {
        let mut waits: Vec<&str> = Vec::new();
        let mut ends = false;
        for way in &automaton.nodes[node as usize].next {
            match way {
                Way::Edge(e) => {
                    let name = self.steps[automaton.nodes[automaton.edges[*e as usize].to as usize].step].as_str();
                    if !waits.contains(&name) {
                        waits.push(name);
                    }
                }
                Way::Accept => ends = true,
            }
        }
        let mut why = Vec::new();
        if ends {
            why.push(match automaton.end {
                End::Plain => "complete".to_owned(),
                End::Pending(..) => "complete if nothing forbidden comes within the time".to_owned(),
                End::Next(_) => "complete if the next event is not forbidden".to_owned(),
            });
        }
        if !waits.is_empty() {
            why.push(format!("waits for {}", waits.join(" or ")));
        }
        self.tell(store, if before == NONE { "begins" } else { "goes on" }, link, &why.join("; "));
    }

    /// The names of steps.
    pub(super) fn step(&self, step: usize) -> &str {
        &self.steps[step]
    }
}
