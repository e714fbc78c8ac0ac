//! Recommendations: what is seen together with an item, and what a user may like, as the lists that hold now.
//!
//! Cost: all rows of the part that are kept are looked at, a look at a time; a list is as long as the pipeline says (`n`).

use super::answer::{Answer, Wrong, json};
use super::face::Face;
use super::fields::{Fields, moment};
use super::question::is;
use super::results::gather;
use super::routes::Ask;
use super::store::{Row, Scan};
use crate::event::{Value, key};
use crate::plan::{HeadKind, Plan};
use crate::result::{RowRef, RowSchema};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lists in one answer, at most.
const MOST: usize = 1000;
/// Rows that are looked through for the newest lists, at most.
const ROWS: usize = 100_000;

/// A recommendation of the pipeline.
pub(super) struct Recommended {
    name: String,
    /// What sees, and what is seen, as text.
    by: String,
    item: String,
    /// The part of its items.
    items: u32,
    /// The part of its users, where users get anything.
    users: Option<u32>,
}

impl Recommended {
    /// Those of a plan.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let of = |head: &crate::plan::HeadPlan| match &head.kind {
            HeadKind::Recommendation(of) => Some(Self {
                name: head.name.clone(),
                by: of.by.clone(),
                item: of.item.clone(),
                items: head.part,
                users: of.users,
            }),
            _ => None,
        };
        plan.heads.iter().filter_map(of).collect()
    }
}

#[derive(Serialize)]
struct About<'a> {
    name: &'a str,
    by: &'a str,
    item: &'a str,
    /// The part with what users may like.
    users: Option<&'a str>,
    /// Rows that are kept.
    rows: usize,
}

#[derive(Serialize)]
struct List<'a> {
    recommendation: &'a str,
    /// `item` or `user`, and which.
    #[serde(flatten)]
    of: Fields<'a>,
    /// Since when it is as it is.
    at: String,
    entries: Vec<Fields<'a>>,
}

#[derive(Serialize)]
struct All<'a> {
    recommendations: Vec<About<'a>>,
    lists: Vec<List<'a>>,
}

/// The rows of one list.
struct Found {
    part: u32,
    recommendation: usize,
    rows: Vec<Arc<Row>>,
}

impl Found {
    fn at(&self) -> i64 {
        self.rows.iter().map(|row| row.get().head.window_end).max().unwrap_or(i64::MIN)
    }
}

fn rank(schema: &RowSchema, row: RowRef<'_>) -> i64 {
    let at = schema.values.iter().position(|name| name == "rank");
    match at.and_then(|at| row.values().nth(at)) {
        Some(Value::Int(rank)) => rank,
        _ => i64::MAX,
    }
}

/// The lists of a part for which `wanted` holds, those that changed last first.
fn lists(face: &Face, recommendation: usize, part: u32, wanted: impl Fn(Value<'_>) -> bool) -> Vec<Found> {
    let takes = |row: RowRef<'_>| row.dimensions().next().is_some_and(&wanted);
    let scan = Scan { newest_first: true, ..Scan::default() };
    let mut all: BTreeMap<Vec<u8>, Vec<Arc<Row>>> = BTreeMap::new();
    for row in gather(face, (part, None), scan, ROWS, takes).rows {
        let key = row.get().key;
        let rest = key::decode(key).map_or(0, |(_, rest)| rest.len());
        let whose = key[..key.len() - rest].to_vec();
        all.entry(whose).or_default().push(row);
    }
    let schema = &face.schemas[part as usize];
    let mut found: Vec<Found> = all
        .into_values()
        .map(|mut rows| {
            rows.sort_by_key(|row| rank(schema, row.get()));
            Found { part, recommendation, rows }
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.at()));
    found
}

/// `/v1/recommendations`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    let question = &ask.question;
    let names = question.list("name");
    let all = &face.recommended;
    if let Some(wrong) = names.iter().find(|name| all.iter().all(|one| one.name != **name)) {
        let help = crate::error::suggest(wrong, all.iter().map(|one| one.name.as_str()), "recommendations are");
        return Err(Wrong::question(format!("no recommendation is called '{wrong}'"), help));
    }
    let limit = question.count("limit", 50, MOST)?;
    let (item, user) = (question.get("item"), question.get("user"));
    let mut found: Vec<Found> = Vec::new();
    for (i, one) in all.iter().enumerate().filter(|(_, one)| names.is_empty() || names.contains(&one.name.as_str())) {
        if item.is_some() || user.is_none() {
            found.extend(lists(face, i, one.items, |value| item.is_none_or(|item| is(value, item))));
        }
        if let (Some(user), Some(part)) = (user, one.users) {
            found.extend(lists(face, i, part, |value| is(value, user)));
        }
    }
    // Stable: within a recommendation the order stays.
    found.sort_by_key(|one| std::cmp::Reverse(one.at()));
    found.truncate(limit);
    let about = all.iter().map(|one| About {
        name: &one.name,
        by: &one.by,
        item: &one.item,
        users: one.users.map(|part| face.schemas[part as usize].name.as_str()),
        rows: [Some(one.items), one.users]
            .into_iter()
            .flatten()
            .filter_map(|part| face.shelf.store().held(part))
            .map(|held| held.rows)
            .sum(),
    });
    let shown = found.iter().map(|one| {
        let schema = &face.schemas[one.part as usize];
        List {
            recommendation: &all[one.recommendation].name,
            of: Fields(one.rows.first().map_or(Vec::new(), |row| named(schema, row.get()).take(1).collect())),
            at: moment(one.at()),
            entries: one.rows.iter().map(|row| Fields(named(schema, row.get()).skip(1).collect())).collect(),
        }
    });
    Ok(json(&All { recommendations: about.collect(), lists: shown.collect() }))
}

/// The columns of a row with their names: whose list it is, what is in it, and how much.
fn named<'a>(schema: &'a RowSchema, row: RowRef<'a>) -> impl Iterator<Item = (&'a str, Value<'a>)> {
    let names = schema.dimensions.iter().chain(&schema.values).map(String::as_str);
    names.zip(row.dimensions().chain(row.values()))
}
