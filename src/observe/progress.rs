//! Counts, turned into one live line on a terminal, about five times a second.
//!
//! `45%  12s left  12,345,678 events  3.61 M/s  at 2026-01-05T12:00:00Z  late 12  rejected 3  rows 1,234`
//!
//! Percentage and time left are there for bounded input, the lag (clock less event time) for input paced in real time,
//! late and rejected where there are any. What does not fit the terminal's width is left out, from the right.
//! Without a terminal nothing is shown and no thread runs.

use super::{Console, Metrics, Snapshot, grouped, short};
use crate::time::{EventTime, format_rfc3339};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

const EVERY: Duration = Duration::from_millis(200);

/// The columns of the terminal: `COLUMNS` where it is set, else 80.
pub fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.trim().parse().ok()).filter(|c| *c > 0).unwrap_or(80)
}

/// Totals at moments, turned into a smoothed rate: what is older than two seconds weighs little.
#[derive(Debug, Default, Clone)]
pub struct Rate {
    total: u64,
    at: Duration,
    rate: Option<f64>,
}

impl Rate {
    /// Takes the total at a moment, and gives the rate per second.
    pub fn update(&mut self, total: u64, at: Duration) -> f64 {
        let seconds = at.saturating_sub(self.at).as_secs_f64();
        if seconds > 0.0 {
            let now = total.saturating_sub(self.total) as f64 / seconds;
            let keep = (-seconds / 2.0).exp();
            self.rate = Some(self.rate.map_or(now, |old| old * keep + now * (1.0 - keep)));
            (self.total, self.at) = (total, at);
        }
        self.rate.unwrap_or(0.0)
    }
}

/// The live line, of at most `width` characters. `rate` is events per second; `lag` is how far event time is behind the
/// clock, in microseconds, for input paced in real time.
pub fn progress_line(snapshot: &Snapshot, elapsed: Duration, rate: f64, lag: Option<i64>, width: usize) -> String {
    let mut fields = Vec::new();
    if let Some(fraction) = snapshot.fraction() {
        fields.push(format!("{}%", (fraction * 100.0).floor()));
        // Too early a guess is only noise.
        if (0.01..1.0).contains(&fraction) && elapsed >= Duration::from_secs(1) {
            fields.push(format!("{} left", length(elapsed.as_secs_f64() * (1.0 - fraction) / fraction)));
        }
    } else {
        fields.push(length(elapsed.as_secs_f64()));
    }
    fields.push(format!("{} events", grouped(snapshot.events())));
    fields.push(format!("{}/s", short(rate)));
    if let Some(position) = snapshot.position() {
        fields.push(format!("at {}", format_rfc3339(EventTime(position.div_euclid(1_000_000) * 1_000_000))));
    }
    if let Some(lag) = lag {
        let seconds = lag.max(0) as f64 / 1e6;
        fields.push(match seconds {
            0.0..600.0 => format!("lag {seconds:.1}s"),
            600.0..86_400.0 => format!("lag {:.0}m", seconds / 60.0),
            _ => format!("lag {:.0}d", seconds / 86_400.0),
        });
    }
    let late = snapshot.over_parts(|p| p.late + p.too_late);
    for (word, n) in [("late", late), ("rejected", snapshot.rejected())] {
        if n > 0 {
            fields.push(format!("{word} {}", grouped(n)));
        }
    }
    fields.push(format!("rows {}", grouped(snapshot.over_parts(|p| p.rows + p.corrections))));
    let mut line = String::new();
    for field in fields {
        let gap = if line.is_empty() { "" } else { "  " };
        // All fields are ASCII: a byte is a character.
        if line.len() + gap.len() + field.len() > width {
            break;
        }
        line.push_str(gap);
        line.push_str(&field);
    }
    line
}

/// A length of time for people: `12s`, `3m05s`, `2h10m`.
fn length(seconds: f64) -> String {
    let s = seconds.clamp(0.0, 1e9) as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
    }
}

/// The thread that keeps the live line fresh.
pub struct Progress {
    console: Console,
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to show a live line, where the console can. `real_time` says that the input is paced in real time, so
    /// that its lag means something.
    pub fn start(metrics: Arc<Metrics>, console: Console, real_time: bool) -> Self {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = if console.live() {
            let (stop, console) = (Arc::clone(&stop), console.clone());
            // Without the thread there is no line; that is no reason to stop a run.
            std::thread::Builder::new()
                .name("progress".into())
                .spawn(move || tick(&metrics, &console, &stop, real_time))
                .ok()
        } else {
            None
        };
        Self { console, stop, thread }
    }

    /// Stops the thread and clears the line.
    pub fn stop(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            self.console.show("");
        }
    }
}

fn tick(metrics: &Metrics, console: &Console, stop: &(Mutex<bool>, Condvar), real_time: bool) {
    let start = Instant::now();
    let width = terminal_width().saturating_sub(1);
    let mut rate = Rate::default();
    let mut stopped = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !*stopped {
        stopped = stop.1.wait_timeout(stopped, EVERY).unwrap_or_else(PoisonError::into_inner).0;
        if !*stopped {
            let (snapshot, elapsed) = (metrics.snapshot(), start.elapsed());
            let lag = snapshot.position().filter(|_| real_time).map(|position| {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                i64::try_from(now.as_micros()).unwrap_or(i64::MAX).saturating_sub(position)
            });
            let rate = rate.update(snapshot.events(), elapsed);
            console.show(&progress_line(&snapshot, elapsed, rate, lag, width));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::testing::Screen;
    use super::super::{PartId, PartShape, SourceId, SourceShape};
    use super::*;

    fn metrics() -> Metrics {
        let source = SourceShape { name: "a".into(), partitions: vec!["a-0".into()], reasons: &["not_json"] };
        Metrics::new(&[source], &[PartShape { name: "pages".into(), values: vec![] }], &[])
    }

    #[test]
    fn the_line_of_bounded_input_has_percentage_and_time_left() {
        let m = metrics();
        m.source(SourceId(0)).events.add(12_345_678);
        m.source(SourceId(0)).rejected.add(0, 3);
        m.part(PartId(0)).late.add(12);
        m.part(PartId(0)).rows.add(1_234);
        let p = m.partition(m.partition_id(SourceId(0), 0));
        p.length.raise(1_000);
        p.offset.raise(459);
        p.position.raise(1_767_614_400_900_000);
        let full =
            "45%  1m10s left  12,345,678 events  3.61 M/s  at 2026-01-05T12:00:00Z  late 12  rejected 3  rows 1,234";
        let elapsed = Duration::from_secs(60);
        assert_eq!(progress_line(&m.snapshot(), elapsed, 3_612_345.0, None, 200), full);
        for width in 0..full.len() {
            let line = progress_line(&m.snapshot(), elapsed, 3_612_345.0, None, width);
            assert!(line.len() <= width && full.starts_with(&line), "{line}");
            assert!(full[line.len()..].starts_with("  ") || line.is_empty(), "a field is whole or not there");
        }
        let lagging = progress_line(&m.snapshot(), elapsed, 1.0, Some(1_250_000), 200);
        assert!(lagging.contains("  lag 1.2s  "), "{lagging}");
    }

    #[test]
    fn the_line_of_endless_input_begins_with_the_time_so_far() {
        let line = progress_line(&metrics().snapshot(), Duration::from_secs(7_890), 0.0, None, 80);
        assert_eq!(line, "2h11m  0 events  0/s  rows 0");
    }

    #[test]
    fn the_rate_is_smoothed_and_follows() {
        let mut rate = Rate::default();
        assert_eq!(rate.update(1_000, Duration::from_secs(1)), 1_000.0);
        let after_stall = rate.update(1_000, Duration::from_millis(1_200));
        assert!((800.0..1_000.0).contains(&after_stall), "{after_stall}");
        assert_eq!(rate.update(1_000, Duration::from_millis(1_200)), after_stall);
        assert!(rate.update(1_000, Duration::from_secs(60)) < 1.0);
    }

    #[test]
    fn progress_shows_the_line_and_clears_it_at_the_end() {
        // The screen says when the first line is drawn, so that nothing waits for the clock.
        struct Telling(Screen, std::sync::mpsc::Sender<()>);
        impl std::io::Write for Telling {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.1.send(());
                self.0.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (screen, (tell, told)) = (Screen::default(), std::sync::mpsc::channel());
        let console = Console::new(Telling(screen.clone(), tell), true);
        let progress = Progress::start(Arc::new(metrics()), console, false);
        told.recv().unwrap();
        progress.stop();
        let text = screen.text();
        assert!(text.starts_with("0s  0 events  0/s  rows 0<clear>"), "{text}");
        assert!(text.ends_with("<clear>"), "{text}");
    }

    #[test]
    fn progress_is_silent_without_a_terminal() {
        let screen = Screen::default();
        let progress = Progress::start(Arc::new(metrics()), Console::new(screen.clone(), false), false);
        assert!(progress.thread.is_none());
        progress.stop();
        assert_eq!(screen.text(), "");
    }
}
