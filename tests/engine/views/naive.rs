//! Queries as text, and as plain loops over all rows there are.

use super::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What rows of a part look like.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    pub dimensions: Vec<String>,
    pub values: Vec<String>,
    /// How far apart windows are, milliseconds.
    pub step: i64,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    pub start: i64,
    pub end: i64,
    pub dimensions: Vec<Value>,
    pub values: Vec<Value>,
}

impl PartialEq for Row {
    /// Numbers are the same where they are equal, as 8 and 8.0.
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Value, &Value)| a == b || (a.is_number() && a.as_f64() == b.as_f64());
        let all = |a: &[Value], b: &[Value]| a.len() == b.len() && a.iter().zip(b).all(same);
        (self.start, self.end) == (other.start, other.end)
            && all(&self.dimensions, &other.dimensions)
            && all(&self.values, &other.values)
    }
}

impl Row {
    pub fn read(shape: &Shape, row: &Value) -> Self {
        let columns = |names: &[String]| names.iter().map(|name| row[name].clone()).collect();
        Self {
            start: row["window_start"].as_i64().expect("a time"),
            end: row["window_end"].as_i64().expect("a time"),
            dimensions: columns(&shape.dimensions),
            values: columns(&shape.values),
        }
    }

    /// What tells it from others of its part.
    pub fn id(&self) -> String {
        format!("{} {} {}", self.start, self.end, json!(self.dimensions))
    }

    fn get(&self, shape: &Shape, column: &str) -> Value {
        let of = |names: &[String], cells: &[Value]| names.iter().position(|n| n == column).map(|i| cells[i].clone());
        of(&shape.values, &self.values).or_else(|| of(&shape.dimensions, &self.dimensions)).expect("a column")
    }

    fn number(&self, shape: &Shape, column: &str) -> Option<f64> {
        self.get(shape, column).as_f64()
    }
}

/// What a series view adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Back {
    Prev(i64),
    Delta,
    MovingAvg(i64),
    MovingMax(i64),
    Zscore(i64),
    Mad(i64),
    Seasonal(i64, i64),
    /// The step from before of the one from before.
    Nested,
}

#[derive(Debug, Clone)]
pub enum Query {
    Same { from: usize },
    Filter { from: usize, least: i64 },
    Top { from: usize, n: usize, ascending: bool, per: Option<String> },
    Distinct { from: usize, columns: Vec<String> },
    Outer { from: usize, size: i64, slide: i64, group: Vec<String>, having: Option<i64> },
    Join { from: usize, with: usize, left: bool, within: Option<i64>, id: usize },
    Series { from: usize, back: Back, having: bool },
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

impl Query {
    pub fn draw(r: &mut Random, id: usize, (from, with): (usize, usize), shape: &Shape, other: &Shape) -> Self {
        let ranked = shape.values.iter().any(|v| v == "rank");
        let some = |r: &mut Random, names: &[String]| -> Vec<String> {
            names.iter().filter(|_| r.one_in(2)).cloned().collect()
        };
        match r.below(7) {
            0 => Self::Filter { from, least: r.below(8) as i64 - 2 },
            1 if !ranked => {
                let per = if r.one_in(2) {
                    Some(r.pick(&["n".to_owned(), shape.dimensions.first().cloned().unwrap_or("n".into())]))
                } else {
                    None
                };
                Self::Top { from, n: 1 + r.below(3) as usize, ascending: r.one_in(2), per }
            }
            2 => {
                let mut columns = some(r, &shape.dimensions);
                if columns.is_empty() || r.one_in(3) {
                    columns.push("n".into());
                }
                Self::Distinct { from, columns }
            }
            3 => {
                let size = shape.step * (1 + r.below(5) as i64);
                let slide = if r.one_in(2) { size } else { shape.step * (1 + r.below(3) as i64) };
                let having = r.one_in(3).then(|| r.below(10) as i64);
                Self::Outer { from, size, slide, group: some(r, &shape.dimensions), having }
            }
            4 | 5 if other.dimensions.contains(&"k".into()) && shape.dimensions.contains(&"k".into()) => {
                let within = r.one_in(2).then(|| 1000 * (1 + r.below(40) as i64));
                Self::Join { from, with, left: r.one_in(2), within, id }
            }
            _ => {
                let n = 1 + r.below(4) as i64;
                let back = match r.below(8) {
                    0 => Back::Prev(n),
                    1 => Back::Delta,
                    2 => Back::MovingAvg(n),
                    3 => Back::MovingMax(n),
                    4 => Back::Zscore(n + 1),
                    5 => Back::Mad(n + 1),
                    6 => Back::Seasonal(shape.step * n, 2),
                    _ => Back::Nested,
                };
                Self::Series { from, back, having: r.one_in(3) }
            }
        }
    }

    pub fn reads(&self) -> (usize, usize) {
        match self {
            Self::Join { from, with, .. } => (*from, *with),
            Self::Same { from }
            | Self::Filter { from, .. }
            | Self::Top { from, .. }
            | Self::Distinct { from, .. }
            | Self::Outer { from, .. }
            | Self::Series { from, .. } => (*from, *from),
        }
    }

    /// Dimensions of a partner that a join does not name.
    fn extra(&self, with: &Shape) -> Vec<String> {
        match self {
            Self::Join { within: None, .. } => with.dimensions.iter().filter(|d| *d != "k").cloned().collect(),
            _ => Vec::new(),
        }
    }

    pub fn text(&self, shape: &Shape, with: &Shape) -> String {
        let clauses = match self {
            Self::Same { .. } => String::new(),
            Self::Filter { least, .. } => {
                format!("set = {{ twice = \"2 * n\", s = \"s + 1\" }}\nwhere = \"twice + s >= {least}\"\n")
            }
            Self::Top { n, ascending, per, .. } => format!(
                "top = {{ n = {n}, by = \"s * 2\", order = \"{}\", per = [\"window\"{}] }}\n",
                if *ascending { "asc" } else { "desc" },
                per.as_ref().map_or(String::new(), |per| format!(", \"{per}\""))
            ),
            Self::Distinct { columns, .. } => format!("distinct = {}\n", list(columns)),
            Self::Outer { size, slide, group, having, .. } => format!(
                "size = \"{size}ms\"\nslide = \"{slide}ms\"\ngroup_by = {}\n\
                 select = {{ n = \"sum(n)\", s = \"max(s)\", rows = \"count(*)\", last = \"max(window_end)\" }}\n{}",
                list(group),
                having.map_or(String::new(), |least| format!("having = \"n >= {least}\"\n"))
            ),
            Self::Join { left, within, id, .. } => {
                let extra: Vec<String> =
                    self.extra(with).iter().map(|d| format!("their{id}_{d} = \"{d}\", ")).collect();
                format!(
                    "join = {{ with = \"{}\", on = [\"k\"], kind = \"{}\", add = {{ {}theirs{id} = \"n\" }}{} }}\ncolumns = [\"n\", \"s\", \"theirs{id}\"]\n",
                    with.name,
                    if *left { "left" } else { "inner" },
                    extra.concat(),
                    within.map_or(String::new(), |ms| format!(", within = \"{ms}ms\""))
                )
            }
            Self::Series { back, having, .. } => {
                let expression = match back {
                    Back::Prev(n) => format!("prev(s, {n})"),
                    Back::Delta => "delta(s)".into(),
                    Back::MovingAvg(n) => format!("moving_avg(s, {n})"),
                    Back::MovingMax(n) => format!("moving_max(s, {n})"),
                    Back::Zscore(n) => format!("zscore(s, {n})"),
                    Back::Mad(n) => format!("mad_score(s, {n})"),
                    Back::Seasonal(ms, n) => format!("seasonal(s, '{ms} milliseconds', {n})"),
                    Back::Nested => "delta(n) - prev(delta(n))".into(),
                };
                let having =
                    if *having { "where = \"n > 1\"\nhaving = \"prev(n) IS NULL OR n >= prev(n)\"\n" } else { "" };
                format!("set = {{ back = \"{expression}\" }}\n{having}")
            }
        };
        format!("from = \"{}\"\n{clauses}", shape.name)
    }

    pub fn shape(&self, name: String, shape: &Shape, with: &Shape) -> Shape {
        let mut made = Shape { name, ..shape.clone() };
        let mut add = |value: &str| {
            if !made.values.iter().any(|v| v == value) {
                made.values.push(value.to_owned());
            }
        };
        match self {
            Self::Same { .. } => {}
            Self::Filter { .. } => add("twice"),
            Self::Top { .. } => add("rank"),
            Self::Series { .. } => add("back"),
            Self::Distinct { columns, .. } => (made.dimensions, made.values) = (columns.clone(), Vec::new()),
            Self::Outer { group, slide, .. } => {
                made.dimensions = group.clone();
                made.values = ["n", "s", "rows", "last"].map(str::to_owned).to_vec();
                made.step = *slide;
            }
            Self::Join { id, .. } => {
                made.dimensions.extend(self.extra(with).iter().map(|d| format!("their{id}_{d}")));
                made.values = vec!["n".into(), "s".into(), format!("theirs{id}")];
            }
        }
        made
    }

    pub fn naive(&self, shape: &Shape, rows: &[Row], with: &Shape, others: &[Row]) -> Vec<Row> {
        match self {
            Self::Same { .. } => rows.to_vec(),
            Self::Filter { least, .. } => rows.iter().filter_map(|row| filtered(shape, row, *least)).collect(),
            Self::Top { n, ascending, per, .. } => top(shape, rows, *n, *ascending, per.as_deref()),
            Self::Distinct { columns, .. } => {
                let mut made: Vec<Row> = Vec::new();
                for row in rows {
                    let dimensions = columns.iter().map(|c| row.get(shape, c)).collect();
                    let one = Row { dimensions, values: Vec::new(), ..row.clone() };
                    if !made.contains(&one) {
                        made.push(one);
                    }
                }
                made
            }
            Self::Outer { size, slide, group, having, .. } => outer(shape, rows, *size, *slide, group, *having),
            Self::Join { left, within, .. } => {
                let extra = self.extra(with);
                let mut made = Vec::new();
                for row in rows {
                    let key = row.get(shape, "k");
                    let fits = |other: &&Row| !key.is_null() && other.get(with, "k") == key;
                    let partners: Vec<&Row> = match within {
                        None => {
                            others.iter().filter(fits).filter(|o| (o.start, o.end) == (row.start, row.end)).collect()
                        }
                        Some(ms) => {
                            let near = |o: &&Row| o.end <= row.end && o.end > row.end - ms;
                            let newest = others.iter().filter(fits).filter(near).map(|o| (o.end, o.start)).max();
                            let last = others.iter().filter(fits).filter(|o| Some((o.end, o.start)) == newest);
                            // Of several of one window the last by its columns: by all dimensions.
                            last.max_by(|a, b| order(&a.dimensions, &b.dimensions)).into_iter().collect()
                        }
                    };
                    let base = || vec![row.get(shape, "n"), row.get(shape, "s")];
                    if partners.is_empty() && *left {
                        let mut one = Row { values: base(), ..row.clone() };
                        one.dimensions.extend(extra.iter().map(|_| Value::Null));
                        one.values.push(Value::Null);
                        made.push(one);
                    }
                    for partner in partners {
                        let mut one = Row { values: base(), ..row.clone() };
                        one.dimensions.extend(extra.iter().map(|d| partner.get(with, d)));
                        one.values.push(partner.get(with, "n"));
                        made.push(one);
                    }
                }
                made
            }
            Self::Series { back, having, .. } => series(shape, rows, *back, *having),
        }
    }
}

/// NULL, numbers, text; as the engine orders keys.
fn order(a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    let class = |v: &Value| match v {
        Value::Null => 0,
        Value::Number(_) => 2,
        _ => 4,
    };
    a.iter().zip(b).fold(std::cmp::Ordering::Equal, |so_far, (x, y)| {
        so_far.then_with(|| {
            class(x).cmp(&class(y)).then_with(|| match (x, y) {
                (Value::String(x), Value::String(y)) => x.cmp(y),
                _ => x.as_f64().unwrap_or(0.0).total_cmp(&y.as_f64().unwrap_or(0.0)),
            })
        })
    })
}

/// A number as the engine writes it: whole where both it is made of are.
fn number(value: f64, whole: bool) -> Value {
    if whole { json!(value as i64) } else { json!(value) }
}

fn whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

fn with_value(shape: &Shape, row: &Row, name: &str, value: Value) -> Row {
    let mut row = row.clone();
    match shape.values.iter().position(|v| v == name) {
        Some(at) => row.values[at] = value,
        None => row.values.push(value),
    }
    row
}

fn filtered(shape: &Shape, row: &Row, least: i64) -> Option<Row> {
    let (n, s) = (row.number(shape, "n")?, row.number(shape, "s")?);
    if 2.0 * n + (s + 1.0) < least as f64 {
        return None;
    }
    let made = with_value(shape, row, "s", number(s + 1.0, whole(&row.get(shape, "s"))));
    Some(with_value(shape, &made, "twice", number(2.0 * n, whole(&row.get(shape, "n")))))
}

fn top(shape: &Shape, rows: &[Row], n: usize, ascending: bool, per: Option<&str>) -> Vec<Row> {
    let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let of = per.map(|per| row.get(shape, per));
        groups.entry(format!("{} {} {of:?}", row.start, row.end)).or_default().push(row);
    }
    let mut made = Vec::new();
    for mut list in groups.into_values() {
        list.sort_by(|a, b| {
            let (x, y) = (a.number(shape, "s"), b.number(shape, "s"));
            let by = match (x, y) {
                (Some(x), Some(y)) if ascending => x.total_cmp(&y),
                (Some(x), Some(y)) => y.total_cmp(&x),
                _ => x.is_none().cmp(&y.is_none()),
            };
            by.then_with(|| order(&a.dimensions, &b.dimensions))
        });
        let ranked = list.into_iter().take(n).enumerate();
        made.extend(ranked.map(|(i, row)| with_value(shape, row, "rank", json!(i + 1))));
    }
    made
}

fn outer(shape: &Shape, rows: &[Row], size: i64, slide: i64, group: &[String], having: Option<i64>) -> Vec<Row> {
    let mut groups: BTreeMap<String, (Row, Vec<&Row>)> = BTreeMap::new();
    for row in rows {
        let first = rows.iter().map(|row| row.end).min().unwrap_or(0) - size;
        let mut start = first.div_euclid(slide) * slide;
        while start < row.end {
            if row.end <= start + size {
                let dimensions: Vec<Value> = group.iter().map(|d| row.get(shape, d)).collect();
                let one = Row { start, end: start + size, dimensions, values: Vec::new() };
                groups.entry(one.id()).or_insert((one, Vec::new())).1.push(row);
            }
            start += slide;
        }
    }
    let mut made = Vec::new();
    for (mut one, list) in groups.into_values() {
        let cells: Vec<Value> = list.iter().map(|row| row.get(shape, "n")).filter(|v| !v.is_null()).collect();
        let total: f64 = cells.iter().filter_map(Value::as_f64).sum();
        let n = if cells.is_empty() { Value::Null } else { number(total, cells.iter().all(whole)) };
        let greatest = list
            .iter()
            .map(|row| row.get(shape, "s"))
            .filter(|v| !v.is_null())
            .max_by(|a, b| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)));
        if having.is_some_and(|least| n.as_f64().is_none_or(|n| n < least as f64)) {
            continue;
        }
        let last = list.iter().map(|row| row.end).max();
        one.values = vec![n, greatest.unwrap_or(Value::Null), json!(list.len()), json!(last)];
        made.push(one);
    }
    made
}

fn series(shape: &Shape, rows: &[Row], back: Back, having: bool) -> Vec<Row> {
    let step = shape.step;
    let find = |rows: &[Row], row: &Row, ms: i64| {
        rows.iter().find(|other| other.dimensions == row.dimensions && other.end == row.end - ms).cloned()
    };
    let cell = |row: Option<Row>, column: &str| row.map_or(Value::Null, |row| row.get(shape, column));
    let difference = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => number(x - y, whole(a) && whole(b)),
        _ => Value::Null,
    };
    let delta = |row: &Row| difference(&row.get(shape, "n"), &cell(find(rows, row, step), "n"));
    // The values of windows so far back, oldest first.
    let values = |row: &Row, steps: &mut dyn Iterator<Item = i64>| -> Vec<f64> {
        let mut list: Vec<f64> = steps.filter_map(|ms| cell(find(rows, row, ms), "s").as_f64()).collect();
        list.reverse();
        list
    };
    let score = |row: &Row, list: Vec<f64>| {
        let Some(now) = row.number(shape, "s") else { return Value::Null };
        if list.len() < 2 {
            return Value::Null;
        }
        if list.iter().all(|v| *v == list[0]) {
            return if now == list[0] { json!(0.0) } else { Value::Null };
        }
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let squares: f64 = list.iter().map(|v| (v - mean) * (v - mean)).sum();
        json!((now - mean) / (squares / (list.len() as f64 - 1.0)).sqrt())
    };
    let middle = |list: &[f64]| {
        let mut list = list.to_vec();
        list.sort_by(f64::total_cmp);
        let half = list.len() / 2;
        if list.len() % 2 == 1 { list[half] } else { list[half - 1] + (list[half] - list[half - 1]) / 2.0 }
    };
    let made: Vec<Row> = rows
        .iter()
        .map(|row| {
            let value = match back {
                Back::Prev(n) => cell(find(rows, row, n * step), "s"),
                Back::Delta => difference(&row.get(shape, "s"), &cell(find(rows, row, step), "s")),
                Back::MovingAvg(n) => {
                    let list = values(row, &mut (0..n).map(|i| i * step));
                    if list.is_empty() { Value::Null } else { json!(list.iter().sum::<f64>() / list.len() as f64) }
                }
                Back::MovingMax(n) => (0..n)
                    .rev()
                    .map(|i| cell(find(rows, row, i * step), "s"))
                    .filter(|v| !v.is_null())
                    .reduce(|a, b| if b.as_f64() > a.as_f64() { b } else { a })
                    .unwrap_or(Value::Null),
                Back::Zscore(n) => score(row, values(row, &mut (1..=n).map(|i| i * step))),
                Back::Seasonal(ms, n) => score(row, values(row, &mut (1..=n).map(|i| i * ms))),
                Back::Mad(n) => {
                    let list = values(row, &mut (1..=n).map(|i| i * step));
                    match row.number(shape, "s") {
                        Some(now) if list.len() >= 2 => {
                            let center = middle(&list);
                            let unit = middle(&list.iter().map(|v| (v - center).abs()).collect::<Vec<_>>());
                            let far = 0.6745 * (now - center);
                            match (far == 0.0, unit == 0.0) {
                                (true, true) => json!(0.0),
                                (false, true) => Value::Null,
                                _ => json!(far / unit),
                            }
                        }
                        _ => Value::Null,
                    }
                }
                Back::Nested => {
                    let before = find(rows, row, step).map_or(Value::Null, |row| delta(&row));
                    difference(&delta(row), &before)
                }
            };
            with_value(shape, row, "back", value)
        })
        .collect();
    if !having {
        return made;
    }
    let kept: Vec<Row> = made.into_iter().filter(|row| row.number(shape, "n").is_some_and(|n| n > 1.0)).collect();
    let keep = |row: &&Row| {
        let before = kept.iter().find(|other| other.dimensions == row.dimensions && other.end == row.end - step);
        let before = before.and_then(|row| row.number(shape, "n"));
        before.is_none() || row.number(shape, "n") >= before
    };
    kept.iter().filter(keep).cloned().collect()
}
