//! An expression of the neutral form, turned into our SQL.

use super::form::{Case, Pattern};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The names of the steps, as ours: letters, digits and _.
pub fn step_names(pattern: &Pattern) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for name in pattern.names() {
        let mut ours: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        while names.values().any(|n| *n == ours) {
            ours.push('_');
        }
        names.insert(name.to_owned(), ours);
    }
    names
}

/// Writes the expressions of a case.
pub struct Sql<'a> {
    pub case: &'a Case,
    pub names: &'a BTreeMap<String, String>,
    /// The step whose condition it is, where calls over it are to see the event under test though ours do not.
    pub including: Option<&'a str>,
    /// True for the values of a finished match.
    pub finished: bool,
    /// `mode = "row"`.
    pub row: bool,
}

impl Sql<'_> {
    /// A field, of the current event or of a step's.
    fn field(&self, name: &str, step: Option<&str>) -> String {
        let step = step.map_or(String::new(), |step| format!("\"{step}\"."));
        let own = self.case.only_events().any(|e| e.fields.contains_key(name));
        if own || !["name", "t", "id"].contains(&name) {
            format!("{step}fields.\"{name}\"")
        } else {
            format!("{step}\"{name}\"")
        }
    }

    fn argument(&self, argument: &Value, step: Option<&str>) -> String {
        argument.as_str().map_or_else(|| self.of(argument, step), |name| self.field(name, step))
    }

    /// The text of an expression over the current event.
    pub fn text(&self, expression: &Value) -> String {
        self.of(expression, None)
    }

    fn of(&self, expression: &Value, step: Option<&str>) -> String {
        let Some(list) = expression.as_array() else {
            return match expression {
                Value::String(text) => format!("'{}'", text.replace('\'', "''")),
                Value::Bool(b) => b.to_string().to_uppercase(),
                Value::Null => "NULL".to_owned(),
                number => number.to_string(),
            };
        };
        let op = list[0].as_str().expect("an operator is a name");
        let part = |i: usize| self.of(&list[i], step);
        let all = |from: usize, between: &str| {
            list[from..].iter().map(|e| self.of(e, step)).collect::<Vec<_>>().join(between)
        };
        match op {
            "field" => self.field(list[1].as_str().expect("a name"), step),
            "timestamp" => self.field("t", step),
            "exists" => format!("({} IS NOT NULL)", part(1)),
            "is_null" => format!("({} IS NULL)", part(1)),
            "and" => format!("({})", all(1, " AND ")),
            "or" => format!("({})", all(1, " OR ")),
            "not" => format!("(NOT coalesce({}, FALSE))", part(1)),
            "in" => format!("({} IN ({}))", part(1), all(2, ", ")),
            "==" => format!("({} = {})", part(1), part(2)),
            "!=" => format!("({} <> {})", part(1), part(2)),
            "contains" | "starts_with" | "ends_with" => format!("{op}({}, {})", part(1), part(2)),
            "idiv" => format!("trunc(1.0 * {} / {})", part(1), part(2)),
            "prev" => {
                let field = self.field(list[1].as_str().expect("a name"), None);
                list.get(2).map_or_else(|| format!("prev({field})"), |n| format!("prev({field}, {n})"))
            }
            "first" | "last" | "list" | "sum" | "avg" | "min" | "max" | "count" => self.call(op, list),
            _ => format!("({} {op} {})", part(1), part(2)),
        }
    }

    fn call(&self, op: &str, list: &[Value]) -> String {
        if list[1][0] == "any" {
            return self.over_all(op, list);
        }
        let name = list[1][1].as_str().expect("a step's name");
        let step = self.names[name].as_str();
        let number = list.get(3).and_then(Value::as_u64);
        if self.including == Some(name) {
            // The event under test is the last one; ours come before it.
            assert_eq!(op, "last", "only the last one can be said without the event under test");
            return match number {
                None | Some(0) => self.argument(&list[2], None),
                Some(n) => self.call(op, &[list[0].clone(), list[1].clone(), list[2].clone(), json!(n - 1)]),
            };
        }
        let Some(argument) = list.get(2) else { return format!("count(\"{step}\")") };
        let argument = self.argument(argument, Some(step));
        match (op, number) {
            ("list", _) => format!("collect({argument})"),
            // A sum of nothing is 0 there.
            ("sum", _) if !self.finished && !self.row => format!("coalesce(sum({argument}), 0)"),
            (_, Some(n)) => format!("{op}({argument}, {n})"),
            // The two are the same.
            ("last", None) if self.finished && list[2].is_string() => argument,
            _ => format!("{op}({argument})"),
        }
    }

    /// A call over all events of the match: ours are over those of a step, but for count(*).
    fn over_all(&self, op: &str, list: &[Value]) -> String {
        let Some(argument) = list.get(2) else { return "count(*)".to_owned() };
        let calls = self.names.values().map(|step| format!("{op}({})", self.argument(argument, Some(step))));
        match op {
            "last" if self.finished && list.get(3).is_none() => self.argument(argument, None),
            "count" => format!("({})", calls.collect::<Vec<_>>().join(" + ")),
            "sum" => {
                let calls: Vec<_> = calls.map(|call| format!("coalesce({call}, 0)")).collect();
                format!("({})", calls.join(" + "))
            }
            // In the cases that are run, the first of these in order of name begins.
            "first" if list.get(3).is_none() => calls.into_iter().next().expect("there is a step"),
            _ => panic!("{} has no such call over all events: {list:?}", self.case.id),
        }
    }
}
