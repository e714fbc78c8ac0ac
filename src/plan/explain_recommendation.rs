//! What `explain` says of recommendations.

use super::{HeadKind, HeadPlan, Plan, RecommendationPlan};
use crate::time::Span;
use serde_json::{Value, json};
use std::fmt::Write;

/// The recommendations, in the order of the file.
pub(super) fn all(plan: &Plan) -> Vec<(&HeadPlan, &RecommendationPlan)> {
    let mut all: Vec<_> = (plan.heads.iter())
        .filter_map(|head| if let HeadKind::Recommendation(of) = &head.kind { Some((head, &**of)) } else { None })
        .collect();
    all.sort_by_key(|(head, _)| head.part);
    all
}

/// The name of the part of its users.
pub(super) fn users<'a>(plan: &'a Plan, of: &RecommendationPlan) -> Option<&'a str> {
    Some(plan.schemas[of.users? as usize].name.as_str())
}

/// What is said of one.
pub(super) fn lines(plan: &Plan, of: &RecommendationPlan) -> Vec<String> {
    let (rules, fading) = (&of.rules, &of.rules.fading);
    let filter = of.filter.as_ref().map_or(String::new(), |text| format!(", where {text}"));
    let weight = of.weight.as_ref().map_or(String::new(), |text| format!(", counting {text}"));
    let fades = fading.half_life().map_or("never".to_owned(), |half| format!("by half in {}", Span(half)));
    let often = match rules.min_times {
        1 => String::new(),
        times => format!(", seen together at least {times} times"),
    };
    let mut lines = vec![
        format!("sightings     {} by {}{filter}{weight}", of.item, of.by),
        format!(
            "pairs         two sightings of one user at most {} apart, each with at most {} before it",
            Span(rules.within),
            rules.most
        ),
        format!("fades         {fades}"),
        format!("stated        every {}, the lists that have changed: {} others{often}", Span(fading.every()), rules.n),
    ];
    if let (Some(name), Some(users)) = (users(plan, of), &rules.users) {
        let (n, recent) = (users.n, users.recent);
        lines.push(format!("users         {name}: {n} items, from the lists of the {recent} that they saw last"));
    }
    let told = if of.users.is_some() { ", lists that have changed to every worker" } else { "" };
    lines.push(format!("exchanges     sightings by {}, pairs by item{told}", of.by));
    let seen = Span(rules.within.saturating_add(rules.lateness));
    lines.push(format!("kept          a sighting until the watermark passes its time + {seen}"));
    let (keep, stretch) = (Span(fading.keep()), Span(fading.stretch()));
    lines.push(format!("kept          a pair for {keep}, and up to {stretch} longer"));
    if let Some(users) = &rules.users {
        lines.push(format!("kept          what a user saw last for {}", Span(users.keep)));
    }
    lines
}

/// The same for programs.
pub(super) fn json(plan: &Plan, head: &HeadPlan, of: &RecommendationPlan) -> Value {
    let (rules, fading) = (&of.rules, &of.rules.fading);
    json!({
        "name": head.name,
        "from": of.from,
        "by": of.by,
        "item": of.item,
        "where": of.filter,
        "weight": of.weight,
        "within_us": rules.within,
        "half_life_us": fading.half_life(),
        "every_us": fading.every(),
        "n": rules.n,
        "min_times": rules.min_times,
        "max_pairs": rules.most,
        "allowed_lateness_us": rules.lateness,
        "sightings_kept_us": rules.within.saturating_add(rules.lateness),
        "pairs_kept_us": fading.keep(),
        "pairs_leave_in_stretches_of_us": fading.stretch(),
        "users": rules.users.as_ref().map(|of_users| json!({
            "name": users(plan, of),
            "n": of_users.n,
            "recent": of_users.recent,
            "kept_us": of_users.keep,
        })),
    })
}

/// The same as nodes and edges of a graph.
pub(super) fn dot(plan: &Plan, quoted: &dyn Fn(&str) -> String, out: &mut String) {
    for (head, of) in all(plan) {
        let label = format!("{}\n{} by {}\nwithin {}", head.name, of.item, of.by, Span(of.rules.within));
        let _ = writeln!(out, "  {} [label={}, style=rounded];", quoted(&head.name), quoted(&label));
        if let Some(name) = users(plan, of) {
            let _ = writeln!(out, "  {} [label={}, style=rounded];", quoted(name), quoted(name));
            let _ = writeln!(out, "  {} -> {};", quoted(&head.name), quoted(name));
        }
    }
}
