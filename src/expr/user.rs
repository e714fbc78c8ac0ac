//! Functions of the program, turned into functions of the language.
//!
//! Invariants: (1) a function sees NULLs and gets its arguments in the order of the call; (2) what it gives is a value of
//! SQL: a float that is not finite, a time beyond the years 1 to 9999, and text that is no JSON object or array where it
//! says so, are NULL, counted; (3) its call is never computed ahead, even of constants; (4) a panic in it leaves as a
//! [`Panicked`](crate::error::Panicked) with its name.
//!
//! Cost: one indirect call a row; text that it gives is copied once.

use super::eval::MAX_ARGUMENTS;
use super::heap::Heap;
use super::tree::Type;
use crate::event::{Cell, OwnedValue, Value};
use crate::time::EventTime;
use std::fmt;
use std::sync::Arc;

/// What a function of a program may give; its type is known to the checker of expressions.
pub trait Answer {
    /// What is known of its values.
    const TYPE: Type;

    /// The value.
    fn into_value(self) -> OwnedValue;
}

macro_rules! answers {
    ($($of:ty => $ty:ident;)*) => {$(
        impl Answer for $of {
            const TYPE: Type = Type::$ty;

            fn into_value(self) -> OwnedValue {
                self.into()
            }
        }
    )*};
}

answers! {
    bool => Bool;
    i32 => Int;
    i64 => Int;
    u32 => Int;
    u64 => Number;
    usize => Number;
    f64 => Float;
    &str => Str;
    String => Str;
}

impl Answer for EventTime {
    const TYPE: Type = Type::Time;

    fn into_value(self) -> OwnedValue {
        OwnedValue::Time(self.0)
    }
}

impl Answer for OwnedValue {
    const TYPE: Type = Type::Any;

    fn into_value(self) -> OwnedValue {
        self
    }
}

impl<T: Answer> Answer for Option<T> {
    const TYPE: Type = T::TYPE;

    fn into_value(self) -> OwnedValue {
        self.map_or(OwnedValue::Null, T::into_value)
    }
}

type Run = Arc<dyn Fn(&[Value<'_>]) -> OwnedValue + Send + Sync>;

/// A function of a program.
#[derive(Clone)]
pub struct UserFunction {
    /// The name by which it is called.
    pub name: String,
    /// How many arguments it takes.
    pub arguments: usize,
    /// What it gives.
    pub returns: Type,
    run: Run,
}

impl UserFunction {
    /// A function of `N` arguments, at most eight. What it gives must depend on them alone.
    pub fn new<const N: usize, R: Answer>(
        name: &str,
        run: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        const { assert!(N <= MAX_ARGUMENTS, "a function takes at most eight arguments") };
        Self {
            name: name.to_owned(),
            arguments: N,
            returns: R::TYPE,
            run: Arc::new(move |args| run(std::array::from_fn(|i| args[i])).into_value()),
        }
    }

    /// The value for a row.
    pub(super) fn call(&self, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
        let values: [Value<'_>; MAX_ARGUMENTS] =
            std::array::from_fn(|i| args.get(i).map_or(Value::Null, |cell| cell.value(heap.arena)));
        match (self.run)(&values[..args.len()]) {
            value if !value.is_value() => heap.fail(),
            OwnedValue::Null => Cell::NULL,
            OwnedValue::Bool(v) => Cell::bool(v),
            OwnedValue::Int(v) => Cell::int(v),
            OwnedValue::Float(v) => heap.float(v),
            OwnedValue::Time(us) => heap.time(Some(us)),
            OwnedValue::Text(text) => heap.push(text.as_bytes()),
            OwnedValue::Json(text) => {
                let cell = heap.push(text.as_bytes());
                if cell.is_null() { cell } else { Cell::json(cell.bits() as u32, text.len() as u32) }
            }
        }
    }
}

impl fmt::Debug for UserFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.arguments)
    }
}

impl PartialEq for UserFunction {
    /// Names tell functions of one pipeline apart.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The functions that a program adds to the language.
#[derive(Debug, Clone, Default)]
pub struct Functions(Vec<Arc<UserFunction>>);

impl Functions {
    /// None.
    pub const NONE: &'static Functions = &Functions(Vec::new());

    /// Adds one.
    pub fn add(&mut self, function: UserFunction) {
        self.0.push(Arc::new(function));
    }

    /// All, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &UserFunction> {
        self.0.iter().map(|function| &**function)
    }

    /// The function of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<UserFunction>> {
        self.0.iter().find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Program, Rows, Scratch, compile, parse_with};
    use super::*;
    use crate::error::Panicked;
    use crate::event::{Column, FieldPath};

    fn functions() -> Functions {
        let mut functions = Functions::default();
        functions.add(UserFunction::new("discount", |[price, percent]| {
            Some(price.as_f64()? * (1.0 - percent.as_f64()? / 100.0))
        }));
        functions.add(UserFunction::new("Shout", |[text]| text.as_str().map(str::to_uppercase)));
        functions.add(UserFunction::new("is null here", |[value]| value.is_null()));
        functions.add(UserFunction::new("list", |[value]| {
            OwnedValue::Json(value.as_i64().map_or("no".into(), |n| format!("[{n}]")))
        }));
        functions.add(UserFunction::new("inverse", |[value]| value.as_f64().map(|v| 1.0 / v)));
        functions.add(UserFunction::new("boom", |[_]| -> i64 { panic!("on purpose") }));
        functions
    }

    fn program(text: &str) -> Program {
        compile(&parse_with(text, &functions()).unwrap(), &mut |path| {
            ["a", "b"].iter().position(|name| *path == FieldPath::dotted(name)).unwrap()
        })
    }

    /// The values over four rows of a (2, NULL, 0, 4.5) and b ('x', 'y', NULL, 'z'), and how many failed.
    fn eval(text: &str) -> (Vec<OwnedValue>, u64) {
        let mut arena = b"xyz".to_vec();
        let a: Column = vec![Cell::int(2), Cell::NULL, Cell::int(0), Cell::float(4.5)];
        let b: Column = vec![Cell::str(0, 1), Cell::str(1, 1), Cell::NULL, Cell::str(2, 1)];
        let (mut scratch, mut out) = (Scratch::default(), Column::new());
        let rows = Rows { columns: &[a, b], time: &[0; 4] };
        program(text).eval(&rows, &mut arena, &[0, 1, 2, 3], &mut scratch, &mut out);
        (out.iter().map(|cell| cell.value(&arena).into_owned()).collect(), scratch.failures())
    }

    #[test]
    fn functions_are_called_anywhere_in_an_expression_and_see_nulls() {
        use OwnedValue::{Bool, Float, Int, Json, Null, Text};
        let text = |text: &str| Text(text.to_owned());
        for (expression, expected, failed) in [
            ("discount(a * 10, 50) + 1", vec![Float(11.0), Null, Float(1.0), Float(23.5)], 0),
            ("coalesce(SHOUT(b), '-') || '!'", vec![text("X!"), text("Y!"), text("-!"), text("Z!")], 0),
            ("\"is null here\"(a)", vec![Bool(false), Bool(true), Bool(false), Bool(false)], 0),
            ("list(a)", vec![Json("[2]".into()), Null, Json("[0]".into()), Null], 2),
            ("inverse(a)", vec![Float(0.5), Null, Null, Float(1.0 / 4.5)], 1),
            ("CASE WHEN a > 100 THEN boom(a) END", vec![Null, Null, Null, Null], 0),
            ("length(shout('ab'))", vec![Int(2), Int(2), Int(2), Int(2)], 0),
        ] {
            assert_eq!(eval(expression), (expected, failed), "{expression}");
        }
    }

    #[test]
    fn types_and_numbers_of_arguments_are_checked_and_names_are_suggested() {
        for (text, message, help) in [
            ("discount(a)", "discount takes 2 arguments, not 1", ""),
            ("shout(b) AND TRUE", "AND takes boolean, not text", ""),
            ("discout(a, 1)", "there is no function 'discout'", "did you mean discount?"),
            ("shout(DISTINCT b)", "shout is not an aggregate", ""),
        ] {
            let errors = parse_with(text, &functions()).unwrap_err();
            assert!(errors[0].message.starts_with(message), "{text}: {errors:?}");
            assert!(errors[0].help.as_deref().unwrap_or("").contains(help), "{text}: {errors:?}");
        }
    }

    #[test]
    fn a_call_shows_itself_as_text_that_reads_back() {
        for text in ["discount(a, 5) > 1", "\"is null here\"(b)"] {
            let tree = parse_with(text, &functions()).unwrap();
            assert_eq!(tree.to_string(), text);
            assert!(!parse_with("shout('a')", &functions()).unwrap().is_constant());
        }
    }

    #[test]
    fn a_panic_leaves_with_the_name_of_its_function() {
        let cause = std::panic::catch_unwind(|| eval("boom(a)")).unwrap_err();
        let panicked = cause.downcast_ref::<Panicked>().unwrap();
        assert_eq!((&*panicked.what, &*panicked.text), ("function boom", "on purpose"));
    }
}
