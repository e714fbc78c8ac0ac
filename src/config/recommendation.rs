//! One table of `[recommendations]` into a [`RecommendationConfig`]; the rules for how its spans fit together.
//!
//! Rules:
//! 1. What is seen does not fade faster than it is stated: `half_life` is at least `every`.
//! 2. What has faded to nothing need not be kept: `keep` is at most [`MOST_HALVES`] half-lives.

use super::reader::{Context, Fields};
use super::sections::{RECOMMENDATION, RECOMMENDATION_USERS};
use super::settings::Located;
use super::tree::Node;
use super::value;
use crate::time::Span;

/// The most half-lives that pairs are kept.
const MOST_HALVES: i64 = 1_000;

/// One recommendation: `[recommendations.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RecommendationConfig {
    /// Its name, which is that of the part with the rows of items.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The sources and streams it reads.
    pub from: Vec<Located<String>>,
    /// Who sees.
    pub by: Located<String>,
    /// What is seen.
    pub item: Located<String>,
    /// Which events are sightings (`where`).
    pub filter: Option<Located<String>>,
    /// How far apart the sightings of a pair are at most.
    pub within: Span,
    /// After how long what is seen counts half as much; `None`: it does not fade.
    pub half_life: Option<Located<Span>>,
    /// How much a sighting counts.
    pub weight: Option<Located<String>>,
    /// How often rows are stated.
    pub every: Located<Span>,
    /// How long pairs are kept.
    pub keep: Located<Span>,
    /// How many others an item has.
    pub n: u64,
    /// How often others were seen with it at least.
    pub min_times: u64,
    /// With how many others a sighting makes pairs.
    pub max_pairs: u64,
    /// What users get.
    pub per_user: Option<PerUserConfig>,
    /// How late a sighting may be.
    pub allowed_lateness: Span,
}

/// What users get: `per_user`.
#[derive(Debug, Clone, PartialEq)]
pub struct PerUserConfig {
    /// The name of the part with the rows of users.
    pub name: String,
    /// How many items.
    pub n: u64,
    /// By how many items a user is remembered.
    pub recent: u64,
    /// How long.
    pub keep: Span,
}

/// What the name of the part with the rows of users ends in.
pub(super) const USERS: &str = ".users";

/// The name of the part with the rows of users.
pub(super) fn users_of(name: &str) -> String {
    format!("{name}{USERS}")
}

/// Reads one recommendation; `None` where what it reads is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<RecommendationConfig> {
    let fields = Fields::open(node, &[&RECOMMENDATION], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let [by, item] = ["by", "item"].map(|key| fields.get(key, ctx, value::text));
    let [filter, weight] = ["where", "weight"].map(|key| fields.get(key, ctx, value::text));
    let [within, half_life] = ["within", "half_life"].map(|key| fields.get(key, ctx, value::span));
    let [every, keep] =
        ["every", "keep"].map(|key| fields.get(key, ctx, value::span).expect("the key has a default in the reference"));
    let [n, min_times, max_pairs] =
        ["n", "min_times", "max_pairs"].map(|key| fields.or_default(key, ctx, value::count));
    let per_user = per_user(name, &fields, ctx);
    let allowed_lateness = fields.or_default("allowed_lateness", ctx, value::span);
    if let Some(half) = &half_life {
        fits(half, &every, &keep, ctx);
    }
    if from.is_empty() {
        return None;
    }
    Some(RecommendationConfig {
        name: name.to_owned(),
        line: node.place.line,
        from,
        by: by?,
        item: item?,
        filter,
        within: within?.value,
        half_life,
        weight,
        every,
        keep,
        n,
        min_times,
        max_pairs,
        per_user,
        allowed_lateness,
    })
}

/// Reports a half-life that is too short.
fn fits(half_life: &Located<Span>, every: &Located<Span>, keep: &Located<Span>, ctx: &mut Context) {
    let half = half_life.value;
    if half < every.value {
        let message = format!("half_life is less than every, which is {}", every.value);
        let help = format!("use a half_life of at least {}, or state rows more often: every = \"{half}\"", every.value);
        ctx.problems.push(half_life.problem("recommendation.half_life", message, Some(help)));
    } else if keep.value.0 / half.0 >= MOST_HALVES {
        let most = Span(half.0.saturating_mul(MOST_HALVES));
        let message =
            format!("keep is {}, which is more than {MOST_HALVES} half-lives: nothing is left by then", keep.value);
        let help = format!("use a keep of less than {most}, such as keep = \"{}\"", Span(half.0.saturating_mul(10)));
        ctx.problems.push(half_life.problem("recommendation.half_life", message, Some(help)));
    }
}

fn per_user(name: &str, fields: &Fields<'_>, ctx: &mut Context) -> Option<PerUserConfig> {
    let (_, node) = fields.entry("per_user", ctx);
    let table = Fields::open(node?, &[&RECOMMENDATION_USERS], ctx)?;
    table.unknown_keys(&[], ctx);
    let [n, recent] = ["n", "recent"].map(|key| table.or_default(key, ctx, value::count));
    let keep = table.or_default("keep", ctx, value::span);
    Some(PerUserConfig { name: users_of(name), n, recent, keep })
}
