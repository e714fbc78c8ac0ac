//! A query over rows, as a program says it.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;
use crate::event::Value;
use crate::expr::Answer;

/// A view: `[views.<name>]` of a pipeline file, with the same keys, defaults and checks. Its clauses hold in the order of the
/// file's reference, in whichever they are said here.
///
/// ```
/// # use highwater::View;
/// let worst = View::from("health")
///     .field("error_rate", "1.0 * errors / requests")
///     .filter("requests > 10 AND errors > prev(errors)")
///     .top(3, "error_rate");
/// ```
#[derive(Clone)]
#[must_use]
pub struct View {
    pub(super) part: Part,
}

impl View {
    /// A view of the rows of windows, patterns and other views: one name, or several for the rows of all.
    #[track_caller]
    pub fn from(names: impl IntoNames) -> Self {
        let (mut part, names) = (Part::default(), names.into_names());
        part.say("from", "from", &[&names], names.clone());
        Self { part }
    }

    offers! {
        /// The rows it keeps (key `where`): an SQL condition over their columns, which may look at earlier windows of the
        /// group. Of several, and those of [`View::filter_fn`], all must hold.
        filter(sql: &str) says "where";
        /// Makes windows over the rows: how long they are.
        size(span: impl IntoSpan) says "size";
        /// How far apart these windows begin.
        slide(span: impl IntoSpan) says "slide";
        /// The rows it keeps of those made so far: an SQL condition.
        having(sql: &str) says "having";
    }

    /// A column that is computed by an SQL expression (key `set`).
    #[track_caller]
    pub fn field(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("set", "field", name, sql);
        self
    }

    /// A dimension of the windows over rows (key `group_by`).
    #[track_caller]
    pub fn group_by(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("group_by", "group_by", name, sql);
        self
    }

    /// A value of the windows over rows.
    #[track_caller]
    pub fn select(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("select", "select", name, sql);
        self
    }

    /// One row for each window and value of these columns.
    #[track_caller]
    pub fn distinct(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("distinct", "distinct", &[&names], names.clone());
        self
    }

    /// The first `n` rows of each window by an SQL expression, greatest first.
    #[track_caller]
    pub fn top(mut self, n: u64, by: &str) -> Self {
        let said: [&Given; 2] = [&n.into(), &by.into()];
        for (key, value) in ["top.n", "top.by"].into_iter().zip(said) {
            self.part.say(key, "top", &said, value.clone());
        }
        self
    }

    /// Adds the columns of the rows of another part of the same window, where the columns of these names are equal; see
    /// [`View::with`] for the other keys of `join`.
    #[track_caller]
    pub fn join(mut self, with: &str, on: impl IntoNames) -> Self {
        let on = on.into_names();
        let said: [&Given; 2] = [&with.into(), &on];
        for (key, value) in [concat!("join", ".with"), concat!("join", ".on")].into_iter().zip(said) {
            self.part.say(key, "join", &said, value.clone());
        }
        self
    }

    /// The values that rows have, in this order.
    #[track_caller]
    pub fn columns(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("columns", "columns", &[&names], names.clone());
        self
    }

    /// The rows it keeps, by a closure over the columns that it names. It sees NULLs, gives `bool` or `Option<bool>`, and must
    /// depend on its arguments alone: it runs on any worker, any number of times.
    #[track_caller]
    pub fn filter_fn<const N: usize, R: Answer>(
        mut self,
        columns: [&str; N],
        keep: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("where", "filter_fn", ""), columns, keep);
        self
    }

    /// Any key of a view by its name, with dots for tables in tables: `join.within`.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
