//! Log lines of the process, into records for somebody who passes them on.
//!
//! Invariants: (1) what the one who passes them on says itself is not among them, so that a receiver that is away is no reason for more
//! lines to it; (2) a record is bounded: its text, and the number and length of its fields; (3) until somebody listens, and
//! below the level that he asks for, a line costs what it costs without him.

use super::trace::Attribute;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

/// Whose lines are not passed on.
const OWN: &str = "highwater::telemetry";
/// Bytes of a text.
const LONGEST: usize = 8 << 10;
/// Bytes of the text of a field.
const LONGEST_FIELD: usize = 1 << 10;
/// Fields.
const MOST_FIELDS: usize = 32;

/// A line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// When it was said, nanoseconds since 1970.
    pub at: u64,
    /// How severe it is.
    pub level: Level,
    /// Which part of the program says it.
    pub target: String,
    /// What it says.
    pub text: String,
    /// Its fields.
    pub fields: Vec<(&'static str, Attribute)>,
}

impl LogRecord {
    /// A record of now.
    pub fn new(level: Level, target: &str, text: &str) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        Self { at, level, target: target.to_owned(), text: short(text, LONGEST), fields: Vec::new() }
    }
}

/// Who gets the records; it waits for nobody.
type Takes = Box<dyn Fn(LogRecord) + Send + Sync>;

/// Who listens to the lines of the process; one at a time.
static LISTENER: RwLock<Option<Takes>> = RwLock::new(None);
/// Sets the level, where logs were set up.
static LEVEL: OnceLock<Box<dyn Fn(LevelFilter) + Send + Sync>> = OnceLock::new();

/// Passes on lines from now on that are at least as severe; without effect where the logs are not set up by [`super::init_logs`].
pub fn tap_logs(level: Level, takes: impl Fn(LogRecord) + Send + Sync + 'static) {
    *LISTENER.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(takes));
    if let Some(set) = LEVEL.get() {
        set(LevelFilter::from_level(level));
    }
}

/// Passes on no more.
pub fn untap_logs() {
    if let Some(set) = LEVEL.get() {
        set(LevelFilter::OFF);
    }
    *LISTENER.write().unwrap_or_else(PoisonError::into_inner) = None;
}

fn pass_on(record: LogRecord) {
    if let Some(takes) = &*LISTENER.read().unwrap_or_else(PoisonError::into_inner) {
        takes(record);
    }
}

/// The layer that hears the lines, and how its level is set. It hears none at first.
pub(super) fn layer<S>(takes: fn(LogRecord)) -> (impl Layer<S> + Send + Sync, impl Fn(LevelFilter) + Send + Sync)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (level, handle) = reload::Layer::new(LevelFilter::OFF);
    let set = move |level| {
        // An error means that the subscriber is gone, and then nobody says anything.
        let _ = handle.reload(level);
    };
    (Tap(takes).with_filter(level), set)
}

/// Makes the lines of the process those that [`tap_logs`] passes on.
pub(super) fn layer_of_process<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (layer, set) = layer(pass_on);
    let _ = LEVEL.set(Box::new(set));
    layer
}

struct Tap(fn(LogRecord));

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        if about.target().starts_with(OWN) {
            return;
        }
        let mut record = LogRecord::new(*about.level(), about.target(), "");
        event.record(&mut record);
        (self.0)(record);
    }
}

/// The beginning of a text.
fn short(text: &str, most: usize) -> String {
    let end = (0..=text.len().min(most)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}

impl LogRecord {
    fn field(&mut self, field: &Field, value: impl Into<Attribute>) {
        if self.fields.len() < MOST_FIELDS {
            self.fields.push((field.name(), value.into()));
        }
    }
}

impl Visit for LogRecord {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.text = short(value, LONGEST),
            _ => self.field(field, short(value, LONGEST_FIELD)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, Attribute::Float(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tracing_subscriber::layer::SubscriberExt;

    thread_local!(static HEARD: RefCell<Vec<LogRecord>> = const { RefCell::new(Vec::new()) });

    #[test]
    fn lines_are_passed_on_with_their_fields_where_somebody_listens() {
        let (layer, set) = layer(|record| HEARD.with_borrow_mut(|heard| heard.push(record)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!("nobody listens");
            set(LevelFilter::INFO);
            tracing::info!(rows = 3, late = -1, share = 0.5, part = "pages", ok = true, why = ?Some(1), "all {}", "fine");
            tracing::debug!("too little");
            tracing::warn!(target: "highwater::telemetry::lane", "its own");
            let long = "\u{fc}".repeat(LONGEST);
            tracing::warn!(long, "{long}");
            set(LevelFilter::OFF);
            tracing::error!("nobody listens any more");
        });
        let heard = HEARD.take();
        let [first, second] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(
            (first.level, first.text.as_str(), first.target.as_str()),
            (Level::INFO, "all fine", module_path!())
        );
        let fields: Vec<(&'static str, Attribute)> = vec![
            ("rows", 3i64.into()),
            ("late", (-1i64).into()),
            ("share", Attribute::Float(0.5)),
            ("part", "pages".into()),
            ("ok", true.into()),
            ("why", "Some(1)".into()),
        ];
        assert_eq!(first.fields, fields);
        assert!(first.at > 1_700_000_000_000_000_000 && second.at >= first.at);
        assert_eq!(second.text.len(), LONGEST);
        assert_eq!(second.fields, [("long", Attribute::Text("\u{fc}".repeat(LONGEST_FIELD / 2)))]);
    }
}
