//! The shape of the reference: what a section, a key and the kind of its value are. The list itself is in
//! [`super::sections`].

use super::size::ByteSize;
use crate::time::Span;
use std::fmt;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyKind {
    /// Text that is not empty.
    Text,
    /// Text that is never printed.
    Secret,
    /// Text with `{names}` in it.
    Template,
    /// One text or a list of them.
    SomeTexts,
    /// A list of texts, also empty ones and equal ones.
    Texts,
    /// A table of names and texts.
    TextTable,
    /// A table of any values.
    Tree,
    /// A path of a file.
    Path,
    /// One path, folder or pattern, or a list of them.
    Paths,
    /// `true` or `false`.
    Flag,
    /// Text that may be empty.
    AnyText,
    /// One character of ASCII, or, where it says so, none.
    Character {
        /// It may be empty.
        none: bool,
    },
    /// One name or a list of them.
    Names,
    /// A table of fields and words.
    Types {
        /// The words.
        known: &'static [&'static str],
    },
    /// A field of the event, dotted: `data.page`.
    Field,
    /// One name, a list of them, or a table of names and names.
    Pairs,
    /// One name of another part or a list of them.
    Parts,
    /// One name of another part.
    Part,
    /// An SQL scalar expression.
    Sql,
    /// A table of names and SQL expressions.
    SqlTable,
    /// A table of names and SQL expressions, or a list of fields.
    Dimensions,
    /// A span of time as text, `"5s"`, within bounds.
    Span {
        /// The least.
        least: Span,
        /// The most.
        most: Span,
    },
    /// A size as text, `"64MiB"`, within bounds.
    Size {
        /// The least.
        least: ByteSize,
        /// The most.
        most: ByteSize,
    },
    /// A whole number within bounds.
    Count {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A number within bounds.
    Number {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// Events in a span of time as text, `"1000/s"`.
    Rate,
    /// A number within bounds, or a table with a section of its own in the reference.
    NumberOrTable {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// A span of time within bounds, or a table of steps and spans.
    SpanOrTable {
        /// The least.
        least: Span,
        /// The most.
        most: Span,
    },
    /// A span of time within bounds, or a table with a section of its own in the reference.
    SpanOrSection {
        /// The least.
        least: Span,
        /// The most.
        most: Span,
    },
    /// An SQL scalar expression, or a table with a section of its own in the reference.
    SqlOrSection,
    /// A pattern, or a list of event types.
    Match,
    /// One SQL expression or a list of them.
    SqlList,
    /// One column or a list of them, or a table of new names and columns.
    Columns,
    /// A table with a section of its own in the reference, or a list of them.
    TableOrList,
    /// A skip strategy.
    Skip,
    /// A moment as RFC 3339 text or a TOML date-time with an offset.
    Time,
    /// One of some words.
    Word {
        /// The words.
        known: &'static [&'static str],
        /// Words of a later version.
        planned: &'static [&'static str],
    },
    /// A table with a section of its own in the reference.
    Table,
}

impl fmt::Display for KeyKind {
    /// What a user is told to write: `a span of time, 1ms to 3650d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::Text => f.write_str("text"),
            KeyKind::Secret => f.write_str("text that is kept secret"),
            KeyKind::Template => f.write_str("a template as text"),
            KeyKind::SomeTexts => f.write_str("text, or a list of texts"),
            KeyKind::Texts => f.write_str("a list of texts"),
            KeyKind::TextTable => f.write_str("a table of names and texts"),
            KeyKind::Tree => f.write_str("a table of any values"),
            KeyKind::Path => f.write_str("a path as text"),
            KeyKind::Paths => f.write_str("a path as text, or a list of them"),
            KeyKind::Flag => f.write_str("true or false"),
            KeyKind::AnyText => f.write_str("text, also empty"),
            KeyKind::Character { none: false } => f.write_str("one character as text"),
            KeyKind::Character { none: true } => f.write_str("one character as text, or empty text"),
            KeyKind::Names => f.write_str("a name as text, or a list of them"),
            KeyKind::Types { known } => write!(f, "a table of fields, each with one of {}", known.join(", ")),
            KeyKind::Field => f.write_str("the name of a field as text"),
            KeyKind::Pairs => f.write_str("a name as text, a list of them, or a table of names and names"),
            KeyKind::Parts => f.write_str("the name of a part as text, or a list of them"),
            KeyKind::Part => f.write_str("the name of a part as text"),
            KeyKind::Sql => f.write_str("an SQL expression as text"),
            KeyKind::SqlTable => f.write_str("a table of names and SQL expressions"),
            KeyKind::Dimensions => f.write_str("a table of names and SQL expressions, or a list of fields"),
            KeyKind::Span { .. } => f.write_str("a span of time as text"),
            KeyKind::Size { .. } => f.write_str("a size as text"),
            KeyKind::Count { .. } => f.write_str("a whole number"),
            KeyKind::Number { .. } => f.write_str("a number"),
            KeyKind::Rate => f.write_str("a rate as text"),
            KeyKind::NumberOrTable { .. } => f.write_str("a number or a table"),
            KeyKind::SpanOrTable { .. } => f.write_str("a span of time as text, or a table of steps and spans"),
            KeyKind::SpanOrSection { .. } => f.write_str("a span of time as text, or a table"),
            KeyKind::SqlOrSection => f.write_str("an SQL expression as text, or a table"),
            KeyKind::Match => f.write_str("a pattern as text, or a list of event types"),
            KeyKind::SqlList => f.write_str("an SQL expression as text, or a list of them"),
            KeyKind::Columns => f.write_str("a column as text, a list of them, or a table of names and columns"),
            KeyKind::TableOrList => f.write_str("a table, or a list of them"),
            KeyKind::Skip => f.write_str("one of past_last, no_skip, to_next, to_first(step), to_last(step)"),
            KeyKind::Time => f.write_str("a time as RFC 3339 text"),
            KeyKind::Word { known, .. } => write!(f, "one of {}", known.join(", ")),
            KeyKind::Table => f.write_str("a table"),
        }
    }
}

/// One key of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// True where it must be given.
    pub required: bool,
    /// What holds where it is not given, as TOML; `None`: nothing, as `doc` says.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: &'static str,
    /// A value as TOML.
    pub example: &'static str,
}

/// One section of the file, or what a section has more where its `type` is a certain one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Section {
    /// The section's name; `<name>` stands for a name that the user chooses; empty for the top of the file.
    pub path: &'static str,
    /// The `type` that has these keys; `None`: every one.
    pub of: Option<&'static str>,
    /// What a message calls a section of this kind: `a source`.
    pub noun: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
    /// Keys of a later version.
    pub planned: &'static [&'static str],
}

impl Section {
    /// The key named `name`.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
