//! The last counts of a run, turned into the few lines that end it.
//!
//! ```text
//! 5,000,000 events in 1.42 s: 3.52 M events/s, 845 MB/s
//!   rows         12,340, 12 corrections
//!   late         120, 3 too late (pages: 3)
//!   rejected     3 (not_json: 2, no_time: 1), kept in dead.ndjson
//!   duplicates   40 (unique: 40)
//!   overflow     1 window (pages: 1)
//!   replaced     3 rows (users: 3)
//!   not found    15 of 4,980 lookups (users: 15)
//!   idle         2 (b.log: 2)
//!   non-numeric  7 (pages.avg: 7)
//!   not computed 2 (pages: 2)
//!   activity     12,340 rows, 3.1 MB in out/pages.ndjson
//! ```
//!
//! The first two lines are always there, the others where there is something to say.

use super::{Snapshot, grouped, short};
use std::fmt::Write;
use std::time::Duration;

/// What the summary needs beside the counts.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// How long the run took.
    pub elapsed: Duration,
    /// The dead-letter files: source and path.
    pub dead_letters: Vec<(String, String)>,
    /// The files of events that were too late: window and path.
    pub too_late: Vec<(String, String)>,
    /// Where the rows of each sink are: sink and places.
    pub places: Vec<(String, Vec<String>)>,
    /// Of each action what there is to say: messages that were sent, that failed, and so on.
    pub told: Vec<(String, Vec<(&'static str, u64)>)>,
}

/// The summary; each line ends with a line break.
pub fn summary(snapshot: &Snapshot, ending: &Ending) -> String {
    let mut out = String::new();
    let seconds = ending.elapsed.as_secs_f64();
    let each = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    let _ = write!(out, "{} in {}", counted(snapshot.events(), "event"), time(seconds));
    let _ = writeln!(out, ": {} events/s, {:.0} MB/s", short(each(snapshot.events())), each(snapshot.bytes()) / 1e6);
    let mut line = |word: &str, text: String| {
        let _ = writeln!(out, "  {word:<12} {text}");
    };

    let corrections = snapshot.over_parts(|p| p.corrections);
    let mut text = grouped(snapshot.over_parts(|p| p.rows));
    if corrections > 0 {
        let _ = write!(text, ", {}", counted(corrections, "correction"));
    }
    line("rows", text);

    let (late, too_late) = (snapshot.over_parts(|p| p.late), snapshot.over_parts(|p| p.too_late));
    if late + too_late > 0 {
        let mut text = grouped(late);
        if too_late > 0 {
            let by = by(snapshot.parts.iter().map(|p| (p.name.clone(), p.too_late)));
            let _ = write!(text, ", {} too late{by}", grouped(too_late));
            let files: Vec<&str> = (ending.too_late.iter())
                .filter(|(w, _)| snapshot.parts.iter().any(|p| p.name == *w && p.too_late > 0))
                .map(|(_, path)| path.as_str())
                .collect();
            if !files.is_empty() {
                let _ = write!(text, ", kept in {}", files.join(", "));
            }
        }
        line("late", text);
    }

    if snapshot.rejected() > 0 {
        let several = snapshot.sources.len() > 1;
        let reasons = snapshot.sources.iter().flat_map(|s| {
            s.rejected.iter().map(move |(r, n)| (if several { format!("{}.{r}", s.name) } else { r.clone() }, *n))
        });
        let mut text = format!("{}{}", grouped(snapshot.rejected()), by(reasons));
        let files: Vec<&str> = (ending.dead_letters.iter())
            .filter(|(s, _)| snapshot.sources.iter().any(|c| c.name == *s && c.rejected.iter().any(|(_, n)| *n > 0)))
            .map(|(_, path)| path.as_str())
            .collect();
        if !files.is_empty() {
            let _ = write!(text, ", kept in {}", files.join(", "));
        }
        line("rejected", text);
    }

    let filtered: u64 = snapshot.sources.iter().map(|s| s.filtered).sum();
    if filtered > 0 {
        line("filtered", grouped(filtered));
    }

    let duplicates = snapshot.over_parts(|p| p.duplicates);
    if duplicates > 0 {
        let by = by(snapshot.parts.iter().map(|p| (p.name.clone(), p.duplicates)));
        line("duplicates", format!("{}{by}", grouped(duplicates)));
    }

    let overflowed = snapshot.over_parts(|p| p.overflowed);
    if overflowed > 0 {
        let by = by(snapshot.parts.iter().map(|p| (p.name.clone(), p.overflowed)));
        line("overflow", format!("{}{by}", counted(overflowed, "window")));
    }

    for (i, word) in ["timed out", "no key", "given up", "left out"].into_iter().enumerate() {
        let count = |p: &super::PartCounts| [p.timed_out, p.no_key, p.partial_overflow, p.left_out][i];
        let total = snapshot.over_parts(count);
        if total > 0 {
            let by = by(snapshot.parts.iter().map(|p| (p.name.clone(), count(p))));
            line(word, format!("{}{by}", grouped(total)));
        }
    }

    for (i, word) in ["replaced", "without key"].into_iter().enumerate() {
        let rows = |t: &super::TableCounts| u64::try_from([t.replaced, t.without_key][i]).unwrap_or_default();
        let total: u64 = snapshot.tables.iter().map(rows).sum();
        if total > 0 {
            let by = by(snapshot.tables.iter().map(|t| (t.name.clone(), rows(t))));
            line(word, format!("{}{by}", counted(total, "row")));
        }
    }

    let missing = snapshot.tables.iter().map(|t| (t.name.clone(), t.missing));
    let total: u64 = missing.clone().map(|(_, n)| n).sum();
    if total > 0 {
        let made: u64 = snapshot.tables.iter().map(|t| t.lookups).sum();
        line("not found", format!("{} of {}{}", grouped(total), counted(made, "lookup"), by(missing)));
    }

    let timeouts = snapshot.tables.iter().map(|t| (t.name.clone(), t.timeouts));
    let total: u64 = timeouts.clone().map(|(_, n)| n).sum();
    if total > 0 {
        line("no answer", format!("{}{}", counted(total, "key"), by(timeouts)));
    }

    for part in snapshot.parts.iter().filter(|p| p.fired + p.no_data + p.corrected > 0 || p.pending > 0) {
        let also = [("resolved", part.resolved), ("no data", part.no_data), ("corrected", part.corrected)];
        let mut text = format!("fired {}", grouped(part.fired));
        for (word, n) in also.into_iter().filter(|(_, n)| *n > 0) {
            let _ = write!(text, ", {word} {}", grouped(n));
        }
        for (word, n) in [("firing", part.firing), ("pending", part.pending)] {
            if let Some(n) = u64::try_from(n).ok().filter(|n| *n > 0) {
                let _ = write!(text, ", {} still {word}", grouped(n));
            }
        }
        line("alert", format!("{}: {text}", part.name));
    }

    for (action, counts) in &ending.told {
        let counts = counts.iter().filter(|(word, n)| *word == "sent" || *n > 0);
        let text: Vec<String> = counts.map(|(word, n)| format!("{} {word}", grouped(*n))).collect();
        line("told", format!("{action}: {}", text.join(", ")));
    }

    let idles = snapshot.partitions.iter().map(|p| (p.name.clone(), u64::try_from(p.idles).unwrap_or_default()));
    let total: u64 = idles.clone().map(|(_, n)| n).sum();
    if total > 0 {
        line("idle", format!("{}{}", grouped(total), by(idles)));
    }

    let values = |p: &super::PartCounts| p.non_numeric.iter().map(|(_, n)| n).sum();
    let non_numeric = snapshot.over_parts(values);
    if non_numeric > 0 {
        let names = (snapshot.parts.iter())
            .flat_map(|p| p.non_numeric.iter().map(move |(v, n)| (format!("{}.{v}", p.name), *n)));
        line("non-numeric", format!("{}{}", grouped(non_numeric), by(names)));
    }

    let failures: Vec<(String, u64)> = (snapshot.sources.iter().map(|s| (s.name.clone(), s.expression_failures)))
        .chain(snapshot.parts.iter().map(|p| (p.name.clone(), p.expression_failures)))
        .collect();
    let total: u64 = failures.iter().map(|(_, n)| n).sum();
    if total > 0 {
        line("not computed", format!("{}{}", grouped(total), by(failures)));
    }

    for sink in &snapshot.sinks {
        let places = ending.places.iter().find(|(s, _)| *s == sink.name).map_or(&[][..], |(_, p)| p);
        let mut text = format!("{}, {}", counted(sink.rows, "row"), size(sink.bytes));
        if let Some((first, others)) = places.split_first() {
            let _ = write!(text, " in {first}");
            match others {
                [] => {}
                [second] => {
                    let _ = write!(text, " and {second}");
                }
                _ => {
                    let _ = write!(text, " and {} more", others.len());
                }
            }
        }
        line(&sink.name, text);
    }
    out
}

/// `1 event`, `2 events`.
fn counted(n: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// ` (a: 2, b: 1)`: those that are not zero, in the order given.
fn by(counts: impl IntoIterator<Item = (String, u64)>) -> String {
    let list: Vec<String> =
        counts.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name}: {}", grouped(n))).collect();
    if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
}

fn time(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.2} s")
    } else {
        let s = seconds.round() as u64;
        if s < 3_600 { format!("{} min {} s", s / 60, s % 60) } else { format!("{} h {} min", s / 3_600, s / 60 % 60) }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => counted(bytes, "byte"),
        _ => format!("{}B", short(bytes as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metrics, PartId, PartShape, SinkId, SourceId, SourceShape};
    use super::*;

    fn metrics() -> Metrics {
        let source = |name: &str| SourceShape {
            name: name.into(),
            partitions: vec![],
            reasons: &["not_json", "no_time", "too_large"],
        };
        let part = |name: &str| PartShape { name: name.into(), values: vec!["n".into(), "avg".into()] };
        Metrics::new(&[source("events")], &[part("pages"), part("health")], &["activity".into()])
    }

    #[test]
    fn what_patterns_leave_out_is_told_by_pattern() {
        let part = |name: &str, timed_out, no_key, partial_overflow| super::super::PartCounts {
            name: name.into(),
            timed_out,
            no_key,
            partial_overflow,
            ..Default::default()
        };
        let snapshot = Snapshot { parts: vec![part("p", 3, 0, 1), part("q", 2, 0, 0)], ..Default::default() };
        let text = summary(&snapshot, &Ending::default());
        assert!(text.contains("  timed out    5 (p: 3, q: 2)\n  given up     1 (p: 1)\n"), "{text}");
        assert!(!text.contains("no key"), "{text}");
    }

    #[test]
    fn a_quiet_run_ends_in_few_lines() {
        let m = metrics();
        m.source(SourceId(0)).events.add(1);
        m.source(SourceId(0)).bytes.add(2_000_000);
        let ending = Ending { elapsed: Duration::from_secs(2), ..Ending::default() };
        assert_eq!(
            summary(&m.snapshot(), &ending),
            "1 event in 2.00 s: 0 events/s, 1 MB/s\n  rows         0\n  activity     0 rows, 0 bytes\n"
        );
    }

    #[test]
    fn everything_that_went_wrong_is_named() {
        let m = metrics();
        let source = m.source(SourceId(0));
        source.events.add(5_000_000);
        source.bytes.add(1_200_000_000);
        source.rejected.add(0, 2);
        source.rejected.add(2, 1);
        source.filtered.add(7);
        source.expression_failures.add(4);
        let part = m.part(PartId(1));
        part.rows.add(12_340);
        part.corrections.add(1);
        part.late.add(120);
        part.too_late.add(3);
        part.non_numeric.add(1, 9);
        part.expression_failures.add(2);
        part.duplicates.add(6);
        part.overflowed.add(2);
        m.sink(SinkId(0)).rows.set(12_341);
        m.sink(SinkId(0)).bytes.set(3_100_000);
        let ending = Ending {
            elapsed: Duration::from_millis(1_420),
            dead_letters: vec![("events".into(), "dead.ndjson".into())],
            too_late: vec![("health".into(), "late.ndjson".into()), ("pages".into(), "none.ndjson".into())],
            places: vec![("activity".into(), ["a.csv", "b.csv", "c.csv"].map(String::from).into())],
            told: vec![("ops".into(), vec![("sent", 3), ("failed", 0), ("dropped", 1)])],
        };
        assert_eq!(
            summary(&m.snapshot(), &ending),
            "\
5,000,000 events in 1.42 s: 3.52 M events/s, 845 MB/s
  rows         12,340, 1 correction
  late         120, 3 too late (health: 3), kept in late.ndjson
  rejected     3 (not_json: 2, too_large: 1), kept in dead.ndjson
  filtered     7
  duplicates   6 (health: 6)
  overflow     2 windows (health: 2)
  told         ops: 3 sent, 1 dropped
  non-numeric  9 (health.avg: 9)
  not computed 6 (events: 4, health: 2)
  activity     12,341 rows, 3.10 MB in a.csv and 2 more
"
        );
    }

    #[test]
    fn a_run_without_time_has_no_rate() {
        assert!(
            summary(&metrics().snapshot(), &Ending::default()).starts_with("0 events in 0.00 s: 0 events/s, 0 MB/s")
        );
        assert_eq!((time(61.2), time(7_300.0)), ("1 min 1 s".into(), "2 h 1 min".into()));
    }
}
