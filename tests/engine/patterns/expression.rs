//! An expression of the neutral form over the event under test and the events of the match so far: its value.
//!
//! What is absent is null; a comparison with null is false. By plain Rust over JSON, and nothing of the engine's.

use super::form::Event;
use serde_json::{Value, json};

/// What an expression sees beside the event under test.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// The match so far: step and event.
    pub taken: Vec<(&'a str, &'a Event)>,
    /// The rows of the partition, and which of them is under test; in row patterns alone.
    pub rows: Option<(&'a [Event], usize)>,
}

/// A field, or one of the event's own.
pub fn field(event: &Event, name: &str) -> Value {
    match (event.fields.get(name), name) {
        (Some(value), _) => value.clone(),
        (None, "name") => event.name.clone(),
        (None, "id") => json!(event.id),
        (None, "t") => json!(event.t),
        _ => Value::Null,
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn same(a: &Value, b: &Value) -> bool {
    number(a).zip(number(b)).map_or_else(|| a == b, |(a, b)| a == b)
}

impl<'a> Seen<'a> {
    fn of(&self, step: &Value) -> Vec<&'a Event> {
        let any = step[0] == "any";
        self.taken.iter().filter(|(name, _)| any || step[1] == *name).map(|(_, event)| *event).collect()
    }

    /// The argument of a call, over one of the events taken.
    fn argument(&self, argument: &Value, event: &'a Event) -> Value {
        argument.as_str().map_or_else(|| self.value(argument, event), |name| field(event, name))
    }

    /// True where the condition is met.
    pub fn meets(&self, condition: &Value, event: &'a Event) -> bool {
        self.value(condition, event) == Value::Bool(true)
    }

    /// The value of an expression.
    pub fn value(&self, expression: &Value, event: &'a Event) -> Value {
        let Some(list) = expression.as_array() else { return expression.clone() };
        let op = list[0].as_str().expect("an operator is a name");
        let part = |i: usize| self.value(&list[i], event);
        let all = || list[1..].iter().map(|e| self.value(e, event));
        let is_true = |v: Value| v == Value::Bool(true);
        match op {
            "field" => field(event, list[1].as_str().expect("a name")),
            "timestamp" => json!(event.t),
            "exists" => json!(!part(1).is_null()),
            "is_null" => json!(part(1).is_null()),
            "and" => json!(all().all(is_true)),
            "or" => json!(all().any(is_true)),
            "not" => json!(!is_true(part(1))),
            "in" => json!(!part(1).is_null() && list[2..].iter().any(|e| same(&part(1), &self.value(e, event)))),
            // The step under test has the event under test already.
            "including" => {
                let mut seen = self.clone();
                seen.taken.push((list[1].as_str().expect("a name"), event));
                seen.value(&list[2], event)
            }
            "prev" => {
                let (rows, at) = self.rows.expect("prev is of row patterns");
                let back = list.get(2).map_or(1, |n| n.as_u64().expect("a number") as usize);
                at.checked_sub(back).map_or(Value::Null, |i| field(&rows[i], list[1].as_str().expect("a name")))
            }
            "first" | "last" => {
                let events = self.of(&list[1]);
                let n = list.get(3).map_or(0, |n| n.as_u64().expect("a number") as usize);
                let at = if op == "first" { Some(n) } else { events.len().checked_sub(1 + n) };
                let found = at.and_then(|at| events.get(at));
                found.map_or(Value::Null, |e| self.argument(&list[2], e))
            }
            "list" => Value::from_iter(self.of(&list[1]).into_iter().map(|e| self.argument(&list[2], e))),
            "count" if list.len() == 2 => json!(self.of(&list[1]).len()),
            "sum" | "avg" | "min" | "max" | "count" => {
                let values = self.of(&list[1]).into_iter().map(|e| self.argument(&list[2], e));
                self.aggregate(op, values.filter(|v| !v.is_null()).collect())
            }
            _ => binary(op, &part(1), &part(2)),
        }
    }

    /// False where the event fails the condition whatever was taken before it.
    pub fn may_meet(condition: &Value, event: &Event) -> bool {
        let looks_back = condition.to_string().contains("\"step\"");
        match condition.as_array() {
            Some(list) if list[0] == "and" => list[1..].iter().all(|part| Seen::may_meet(part, event)),
            _ => looks_back || Seen { taken: Vec::new(), rows: None }.meets(condition, event),
        }
    }

    fn aggregate(&self, op: &str, values: Vec<Value>) -> Value {
        let numbers: Vec<f64> = values.iter().filter_map(number).collect();
        match op {
            "count" => json!(values.len()),
            // Of no event it is 0 in sequences, and null in SQL.
            "sum" if numbers.is_empty() => self.rows.map_or(json!(0), |_| Value::Null),
            "sum" => json!(numbers.iter().sum::<f64>()),
            _ if numbers.is_empty() => Value::Null,
            "avg" => json!(numbers.iter().sum::<f64>() / numbers.len() as f64),
            "min" => json!(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
            _ => json!(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        }
    }
}

fn binary(op: &str, a: &Value, b: &Value) -> Value {
    match op {
        "==" => return json!(!a.is_null() && !b.is_null() && same(a, b)),
        "!=" => return json!(!a.is_null() && !b.is_null() && !same(a, b)),
        "contains" | "starts_with" | "ends_with" => {
            let Some((a, b)) = a.as_str().zip(b.as_str()) else { return json!(false) };
            return json!(match op {
                "contains" => a.contains(b),
                "starts_with" => a.starts_with(b),
                _ => a.ends_with(b),
            });
        }
        _ => {}
    }
    let compares = ["<", "<=", ">", ">="].contains(&op);
    let ordering = match (a, b) {
        (Value::String(a), Value::String(b)) => a.partial_cmp(b),
        _ => number(a).zip(number(b)).and_then(|(a, b)| a.partial_cmp(&b)),
    };
    if compares {
        return json!(ordering.is_some_and(|o| match op {
            "<" => o.is_lt(),
            "<=" => o.is_le(),
            ">" => o.is_gt(),
            _ => o.is_ge(),
        }));
    }
    let Some((a, b)) = number(a).zip(number(b)) else { return Value::Null };
    json!(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "idiv" => (a / b).trunc(),
        other => panic!("no operator {other}"),
    })
}
