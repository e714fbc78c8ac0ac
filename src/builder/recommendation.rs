//! What is seen together, as a program says it.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;

/// A recommendation: `[recommendations.<name>]` of a pipeline file, with the same keys, defaults and checks. What takes its
/// rows names it like a window; the rows of users are those of `<name>.users`.
///
/// ```
/// use highwater::{Pipeline, Recommendation, Source};
///
/// let events = [
///     r#"{"timestamp": 1, "user": "ann", "page": "shoes"}"#,
///     r#"{"timestamp": 3, "user": "ann", "page": "socks"}"#,
///     r#"{"timestamp": 4, "user": "bob", "page": "socks"}"#,
/// ];
/// let (rows, seen) = std::sync::mpsc::channel();
/// Pipeline::new("shop")
///     .source("events", Source::lines(events))
///     .recommendation("also", Recommendation::from("events").by("user").item("page").within("10m").per_user(3))
///     .on_rows("also.users", move |row| {
///         rows.send((row.get("user").as_str().map(str::to_owned), row.get("item").as_str().map(str::to_owned)))
///     })
///     .run()?;
/// assert_eq!(seen.iter().collect::<Vec<_>>(), [(Some("bob".to_owned()), Some("shoes".to_owned()))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Recommendation {
    pub(super) part: Part,
}

impl Recommendation {
    /// A recommendation of what is seen in sources and streams: one name, or several.
    #[track_caller]
    pub fn from(names: impl IntoNames) -> Self {
        let (mut part, names) = (Part::default(), names.into_names());
        part.say("from", "from", &[&names], names.clone());
        Self { part }
    }

    offers! {
        /// Who sees: an SQL expression.
        by(sql: &str) says "by";
        /// What is seen: an SQL expression.
        item(sql: &str) says "item";
        /// Which events are sightings (key `where`): an SQL condition. Of several all must hold.
        filter(sql: &str) says "where";
        /// How far apart in event time two sightings are at most that are together.
        within(span: impl IntoSpan) says "within";
        /// After how long what is seen counts half as much.
        half_life(span: impl IntoSpan) says "half_life";
        /// How much a sighting counts: an SQL expression.
        weight(sql: &str) says "weight";
        /// How often rows are stated.
        every(span: impl IntoSpan) says "every";
        /// How long pairs are kept.
        keep(span: impl IntoSpan) says "keep";
        /// How late a sighting may be.
        allowed_lateness(span: impl IntoSpan) says "allowed_lateness";
    }

    /// How many others an item has at most (key `n`).
    #[track_caller]
    pub fn first(mut self, n: u64) -> Self {
        let n = Given::from(n);
        self.part.say("n", "first", &[&n], n.clone());
        self
    }

    /// How many items each user gets, which makes rows of users; [`Recommendation::with`] has the other keys of `per_user`.
    #[track_caller]
    pub fn per_user(mut self, n: u64) -> Self {
        let n = Given::from(n);
        self.part.say("per_user.n", "per_user", &[&n], n.clone());
        self
    }

    /// Any key of a recommendation by its name, with dots for tables in tables: `per_user.recent`.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
