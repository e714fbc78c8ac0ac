//! What all parts of a pipeline share: settings, said one call after the other, each with its place in the program.

use crate::config::{Given, Setting};
use crate::event::{FieldPath, Value};
use crate::expr::{self, Answer, UserFunction};
use crate::time::Span;
use std::panic::Location;
use std::time::Duration;

/// A span of time: text such as `"5s"`, a [`Span`] or a [`Duration`].
pub trait IntoSpan: Into<Given> {}
impl IntoSpan for &str {}
impl IntoSpan for &String {}
impl IntoSpan for String {}
impl IntoSpan for Span {}
impl IntoSpan for Duration {}

/// One name or several: text, an array or a vector of texts.
pub trait IntoNames {
    /// The names as a list.
    fn into_names(self) -> Given;
}

impl IntoNames for &str {
    fn into_names(self) -> Given {
        Given::List(vec![self.into()])
    }
}

impl IntoNames for String {
    fn into_names(self) -> Given {
        Given::List(vec![self.into()])
    }
}

impl<T: Into<Given>> IntoNames for Vec<T> {
    fn into_names(self) -> Given {
        self.into()
    }
}

impl<T: Into<Given>, const N: usize> IntoNames for [T; N] {
    fn into_names(self) -> Given {
        self.into()
    }
}

/// A call of the builder and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(&'static Location<'static>);

impl At {
    /// Where the caller of the calling function stands; both are `#[track_caller]`.
    #[track_caller]
    pub(super) fn here() -> Self {
        At(Location::caller())
    }

    /// The place of a call: `src/main.rs:14  windows.per_user.slide("7s")`.
    pub(super) fn place(self, call: &str) -> String {
        format!("{}:{}  {call}", self.0.file(), self.0.line())
    }

    /// `src/main.rs:14`
    pub(super) fn line(self) -> String {
        format!("{}:{}", self.0.file(), self.0.line())
    }
}

/// One setting as it was said.
#[derive(Debug, Clone)]
struct Said {
    /// Keys of tables in tables.
    path: Vec<String>,
    value: Given,
    /// The call without the part: `slide("7s")`.
    call: String,
    at: At,
}

/// A closure that stands where an expression would.
#[derive(Debug, Clone)]
struct Closure {
    /// Which of what was said has its call as its value.
    said: usize,
    /// What it is of the part: `field segment`.
    what: String,
    paths: Vec<FieldPath>,
    function: UserFunction,
}

/// The settings of one part, in the order of the calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    said: Vec<Said>,
    closures: Vec<Closure>,
}

/// The key of a condition; of several all must hold.
const WHERE: &str = "where";

/// How many characters of a call a problem shows.
const SHOWN: usize = 90;

impl Part {
    /// Says `method(arguments)`, which gives the key at `path` (with dots) a value.
    #[track_caller]
    pub(super) fn say(&mut self, path: &str, method: &str, arguments: &[&Given], value: Given) {
        let arguments: Vec<String> = arguments.iter().map(|value| value.written()).collect();
        let arguments: String = arguments.join(", ").split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = arguments.chars().take(SHOWN).collect();
        let more = if cut.len() < arguments.len() { "..." } else { "" };
        self.said.push(Said {
            path: path.split('.').map(str::to_owned).collect(),
            value,
            call: format!("{method}({cut}{more})"),
            at: At::here(),
        });
    }

    /// Gives a name of a table an expression.
    #[track_caller]
    pub(super) fn say_in(&mut self, table: &str, method: &str, name: &str, sql: &str) {
        self.say_value_in(table, method, name, sql.into());
    }

    /// Gives a name of a table a value.
    #[track_caller]
    pub(super) fn say_value_in(&mut self, table: &str, method: &str, name: &str, value: Given) {
        self.say(table, method, &[&name.into(), &value], value.clone());
        // The name is one key as it is, dots and all.
        self.said.last_mut().expect("it was just said").path = vec![table.to_owned(), name.to_owned()];
    }

    /// The settings as a table; `part` is `windows.per_user`.
    pub(super) fn settings(&self, part: &str) -> Vec<Setting> {
        let conditions: Vec<&Said> = self.said.iter().filter(|said| said.path == [WHERE]).collect();
        let mut list = Vec::new();
        for said in &self.said {
            if said.path != [WHERE] || conditions.len() == 1 {
                list.push(said.setting(part));
            } else if std::ptr::eq(said, conditions[0]) {
                // Said at the first one, which has its place.
                let texts = conditions.iter().filter_map(|said| match &said.value {
                    Given::Text(text) => Some(format!("({text})")),
                    _ => None,
                });
                let value = Given::from(texts.collect::<Vec<_>>().join(" AND "));
                let call = conditions.iter().map(|said| said.call.as_str()).collect::<Vec<_>>().join(".");
                list.push(Said { value, call, ..said.clone() }.setting(part));
            }
        }
        list
    }

    /// Says `method(name, paths, closure)`, where the closure stands for an expression of `table`, or of `table` itself
    /// where the name is empty.
    #[track_caller]
    pub(super) fn say_closure<const N: usize, R: Answer>(
        &mut self,
        (table, method, name): (&str, &str, &str),
        paths: [&str; N],
        run: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) {
        let given: Given = paths.into();
        let closure = Given::Program;
        if name.is_empty() {
            self.say(table, method, &[&given, &closure], Given::Program);
        } else {
            self.say(table, method, &[&name.into(), &given, &closure], Given::Program);
            self.said.last_mut().expect("it was just said").path = vec![table.to_owned(), name.to_owned()];
        }
        let of_what = self.closures.iter().filter(|one| self.said[one.said].path[0] == table).count();
        let what = match (name, of_what) {
            ("", 0) => table.to_owned(),
            ("", n) => format!("{table} {}", n + 1),
            (name, _) => format!("{table} {name}"),
        };
        self.closures.push(Closure {
            said: self.said.len() - 1,
            what,
            paths: paths.map(FieldPath::dotted).to_vec(),
            function: UserFunction::new("", run),
        });
    }

    /// Gives the closures names that no other part's have, and lets the part's expressions call them; the functions.
    pub(super) fn name_closures(&mut self, part: &str) -> Vec<UserFunction> {
        let mut functions = Vec::new();
        for Closure { said, what, paths, mut function } in self.closures.drain(..) {
            let name = format!("{what} of {part}");
            let paths: Vec<String> = paths.iter().map(|path| expr::field(path).to_string()).collect();
            let called = expr::field(&FieldPath::new(vec![name.clone()]));
            self.said[said].value = Given::Text(format!("{called}({})", paths.join(", ")));
            function.name = name;
            functions.push(function);
        }
        functions
    }
}

impl Said {
    fn setting(&self, part: &str) -> Setting {
        let dot = if part.is_empty() { "" } else { "." };
        let place = self.at.place(&format!("{part}{dot}{}", self.call));
        let (last, tables) = self.path.split_last().expect("a path has a step");
        let mut setting = Setting { key: last.clone(), value: self.value.clone(), place: place.clone() };
        for key in tables.iter().rev() {
            setting = Setting { key: key.clone(), value: Given::Table(vec![setting]), place: place.clone() };
        }
        setting
    }
}

/// Methods that each say one key, with the value as it comes.
macro_rules! offers {
    ($($(#[$doc:meta])* $method:ident($arg:ident: $of:ty) says $key:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $method(mut self, $arg: $of) -> Self {
            let value: Given = $arg.into();
            self.part.say($key, stringify!($method), &[&value], value.clone());
            self
        }
    )*};
}
pub(super) use offers;
