//! A problem, turned into what a user reads: what is wrong, where, and what to do.
//!
//! Every room has its own small error enum where it needs one; what reaches a user is an [`Error`] (one problem) or a
//! list of [`Problem`]s (everything wrong with a pipeline file at once). Both are shown in one place, here.
//!
//! ```text
//! error[window.step]: step does not divide size
//!   --> shop.toml:14  windows.per_user.step = "7s"
//!   help: size is 60s; use a step that divides it, such as 5s or 10s
//! ```

mod codes;

pub use codes::{Code, codes};

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Whose fault an error is; decides the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A test or a check found a difference (exit code 1).
    Difference,
    /// What the user gave is wrong: a flag, a pipeline file, an input under `on_bad = "stop"` (exit code 2).
    User,
    /// Something outside failed: a disk, a peer, a server (exit code 3).
    Outside,
    /// A bug of ours (exit code 4).
    Bug,
    /// Another process of the cluster went down and this one followed (exit code 5).
    Followed,
}

impl Kind {
    /// The exit code of the program for this kind of error.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Difference => 1,
            Kind::User => 2,
            Kind::Outside => 3,
            Kind::Bug => 4,
            Kind::Followed => 5,
        }
    }
}

/// An error as users see it. Cheap to make only in the sense that errors are rare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is.
    pub kind: Kind,
    /// A stable, dotted code such as `source.open`.
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where: `file:line` and the text, or a partition and an offset.
    pub place: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Error {
    /// An error of `kind` with a stable `code` and one sentence of `message`.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), place: None, help: None }
    }

    /// The user's input is wrong.
    pub fn user(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::User, code, message)
    }

    /// Something outside failed.
    pub fn outside(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Outside, code, message)
    }

    /// Says where.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// How grave a [`Problem`] of a pipeline file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot run.
    Error,
    /// The file can run, but probably not as meant.
    Warning,
}

/// One thing that is wrong with a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// A stable, dotted code such as `window.step`.
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The line of the file, from 1; 0 where the problem has no line (a flag, an override).
    pub line: usize,
    /// The text at fault, such as `windows.per_user.step = "7s"`.
    pub text: String,
    /// Where in the value of `text`, which is text then: the character, from 1.
    pub column: Option<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    /// How many characters of `text` stand before the place, where that can be seen in it.
    fn before_place(&self) -> Option<usize> {
        let column = self.column?;
        let (key, value) = self.text.split_once(" = ")?;
        let inside = value.strip_prefix('"')?.strip_suffix('"')?;
        // An escape has more characters here than in the text.
        let plain = !inside.contains(['\\', '\n']) && column <= inside.chars().count() + 1;
        plain.then(|| key.chars().count() + 4 + column - 1)
    }
}

/// All problems of one pipeline file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    /// The file's name, as the user gave it.
    pub file: String,
    /// The problems, sorted by line.
    pub list: Vec<Problem>,
}

impl Problems {
    /// True where at least one problem is an error.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|p| p.severity == Severity::Error)
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let word = match p.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            write!(f, "{word}[{}]: {}", p.code, p.message)?;
            if p.line > 0 {
                write!(f, "\n  --> {}:{}  {}", self.file, p.line, p.text)?;
                if let Some(before) = p.before_place() {
                    let place = format!("  --> {}:{}  ", self.file, p.line).chars().count() + before;
                    write!(f, "\n{:place$}^", "")?;
                }
            } else if !p.text.is_empty() {
                write!(f, "\n  --> {}", p.text)?;
            }
            if let Some(help) = &p.help {
                write!(f, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

/// What a panic said.
pub fn panic_text(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}

/// A panic of the program's own code, on its way out of the operators that called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    /// Whose it is: `function discount`.
    pub what: String,
    /// What it said.
    pub text: String,
}

impl Panicked {
    /// Calls code of the program; a panic goes on as one that says whose it is.
    pub fn named<T>(what: impl FnOnce() -> String, call: impl FnOnce() -> T) -> T {
        catch_unwind(AssertUnwindSafe(call))
            .unwrap_or_else(|cause| resume_unwind(Box::new(Panicked { what: what(), text: panic_text(&*cause) })))
    }

    /// Calls what may call code of the program: a panic of that is an error, any other goes on.
    ///
    /// # Errors
    /// `program.panic`.
    pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
        catch_unwind(AssertUnwindSafe(call)).map_err(|cause| match cause.downcast::<Panicked>() {
            Ok(panicked) => Error::user("program.panic", format!("{} panicked: {}", panicked.what, panicked.text))
                .help("let it give NULL for what it cannot work on"),
            Err(cause) => resume_unwind(cause),
        })
    }
}

/// The name among `known` that is nearest to `name`, where one is near enough to be what was meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1) + 1;
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(&name.to_ascii_lowercase(), &k.to_ascii_lowercase()), k))
        .filter(|(d, k)| *d <= limit && *d < k.chars().count().max(2))
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// What to write instead of a name that is none of `known`: the nearest of them, or all, behind `list`, such as "its keys are".
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, list: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("{list} {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_place_and_help() {
        let e = Error::user("window.step", "step does not divide size").at("shop.toml:14").help("use 5s");
        assert_eq!(e.to_string(), "error[window.step]: step does not divide size\n  --> shop.toml:14\n  help: use 5s");
        assert_eq!(e.kind.exit_code(), 2);
    }

    #[test]
    fn a_place_inside_of_a_text_is_pointed_at_where_it_can_be_seen() {
        let show = |text: &str, column| {
            let (severity, code, message) = (Severity::Error, "pattern.syntax", "it is wrong".to_owned());
            let problem =
                Problem { severity, code, message, line: 7, text: text.to_owned(), column: Some(column), help: None };
            Problems { file: "p.toml".into(), list: vec![problem] }.to_string()
        };
        let pointed = "error[pattern.syntax]: it is wrong\n  --> p.toml:7  p.match = \"a -> (c\"\n                                ^";
        assert_eq!(show("p.match = \"a -> (c\"", 6), pointed);
        // Beyond the text, behind an escape, and where there is no value nothing can be shown.
        for (text, column) in [("p.match = \"a\"", 9), ("p.match = \"a\\n\"", 2), ("[p]", 1)] {
            assert!(!show(text, column).contains('^'), "{text}");
        }
    }

    #[test]
    fn nearest_finds_typos_and_leaves_strangers() {
        let known = ["out_of_orderness", "allowed_lateness", "size", "slide"];
        assert_eq!(nearest("slid", known), Some("slide"));
        assert_eq!(nearest("out_of_orderliness", known), Some("out_of_orderness"));
        assert_eq!(nearest("zebra", known), None);
    }
}
