//! Recommendations, planned: each is a head to which roads lead, with nothing behind it but its rows.

use super::building::{Building, Built, Local, Names};
use super::{HeadInput, HeadPlan};
use crate::config::{Config, Located, RecommendationConfig};
use crate::error::Problem;
use crate::expr::{Tree, Type};
use crate::recommend::{Fading, Rules, UserRules};
use crate::result::{RowKind, RowSchema};
use crate::time::Span;

/// What `explain` calls a column that only a recommendation reads.
const COLUMN: &str = "recommendation";

/// What is recommended, and how.
#[derive(Debug)]
pub struct RecommendationPlan {
    /// The parts it reads.
    pub from: Vec<String>,
    /// Who sees, what is seen, which events are sightings, and how much they count; as text.
    pub by: String,
    /// See `by`.
    pub item: String,
    /// See `by`.
    pub filter: Option<String>,
    /// See `by`.
    pub weight: Option<String>,
    /// What it goes by.
    pub rules: Rules,
    /// The index of the schema of users, where users get anything.
    pub users: Option<u32>,
}

impl RecommendationPlan {
    /// How far behind its tick a sighting is too late.
    pub fn reach(&self) -> i64 {
        self.rules.lateness.saturating_add(1)
    }
}

/// What the rows of recommendations look like, in the order of [`Config::recommended_parts`].
pub(super) fn schemas(config: &Config) -> impl Iterator<Item = RowSchema> {
    let schema = |name: &str, dimensions: [&str; 2], values: &[&str]| RowSchema {
        name: name.to_owned(),
        dimensions: dimensions.map(str::to_owned).to_vec(),
        values: values.iter().map(|name| (*name).to_owned()).collect(),
        capped: false,
        early: false,
        kind: RowKind::Window,
        // Of a list there is one at all times.
        keep: RowSchema::FOREVER,
    };
    config.recommendations.iter().flat_map(move |part| {
        let items = schema(&part.name, ["item", "other"], &["times", "score", "rank"]);
        let users = part.per_user.as_ref().map(|of| schema(&of.name, ["user", "item"], &["score", "rank"]));
        [Some(items), users].into_iter().flatten()
    })
}

/// The index of the schema of a part of a recommendation.
pub(super) fn part_of(config: &Config, name: &str) -> Option<u32> {
    let first = config.windows.len() + config.patterns.len();
    config.recommended_parts().position(|one| one == name).map(|at| (first + at) as u32)
}

/// The plan of a recommendation.
pub(super) fn plan(config: &Config, part: &RecommendationConfig) -> RecommendationPlan {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let text = |text: &Option<Located<String>>| text.as_ref().map(|text| text.value.clone());
    let half_life = part.half_life.as_ref().map(|span| span.value.0);
    RecommendationPlan {
        from: part.from.iter().map(|from| from.value.clone()).collect(),
        by: part.by.value.clone(),
        item: part.item.value.clone(),
        filter: text(&part.filter),
        weight: text(&part.weight),
        rules: Rules {
            within: part.within.0,
            lateness: part.allowed_lateness.0,
            most: count(part.max_pairs),
            fading: Fading::new(half_life, part.every.value.0, part.keep.value.0),
            n: count(part.n),
            min_times: part.min_times,
            users: part.per_user.as_ref().map(|of| UserRules {
                n: count(of.n),
                recent: count(of.recent),
                keep: of.keep.0,
            }),
        },
        users: part.per_user.as_ref().and_then(|of| part_of(config, &of.name)),
    }
}

impl Building<'_> {
    /// Ends a road at each recommendation that reads `from`.
    pub(super) fn recommendation_roads(&mut self, from: &str, selection: usize, names: &Names) {
        let config = self.config;
        for part in &config.recommendations {
            let Some(input) = part.from.iter().position(|name| name.value == from) else { continue };
            if self.has_room(&part.name, &part.from[input]) {
                self.recommendation_road(part, input, selection, names);
            }
        }
    }

    fn recommendation_road(&mut self, part: &RecommendationConfig, input: usize, selection: usize, names: &Names) {
        let mut local = Local { first: self.computed(), ..Local::default() };
        let filter = part.filter.as_ref().and_then(|text| {
            let tree = self.parse(text)?;
            self.of_type(
                &tree,
                text,
                "where",
                &[Type::Bool],
                "write a comparison, such as data.action = 'view_product'",
            );
            Some((self.compile(names, &tree), tree, text.value.clone()))
        });
        let weight = part.weight.as_ref().and_then(|text| {
            let tree = self.parse(text)?;
            let numbers = [Type::Int, Type::Float];
            self.of_type(&tree, text, "weight", &numbers, "write a number, such as CASE WHEN bought THEN 5 ELSE 1 END");
            Some((tree, text))
        });
        let [by, item] = [&part.by, &part.item].map(|text| Some((self.parse(text)?, text)));
        let mut column = |of: Option<(Tree, &Located<String>)>| {
            let (tree, text) = of?;
            self.at = Some(text.clone());
            Some(self.column(&tree, names, COLUMN, text.value.clone(), &mut local))
        };
        let (by, item, weight) = (column(by), column(item), column(weight));
        let heads = self.heads;
        let named = |head: &HeadPlan| head.name == part.name;
        let found = heads.iter().position(|head| head.as_ref().is_some_and(named));
        if let (Some(h), Some(by), Some(item)) = (found, by, item) {
            let user = part.per_user.as_ref().map(|_| by);
            let columns = [Some(item), weight, user].into_iter().flatten().collect();
            let mut road: Vec<usize> = self.road.iter().map(|(_, input)| *input).collect();
            road.push(input);
            road.reverse();
            let (from, selection) = (self.head, self.steps.len() + 1);
            self.inputs.push((h, HeadInput { from, side: 0, selection, keys: vec![by], columns, road }));
        }
        let mut built = Built::computing(&part.name, selection, local);
        if let Some((program, tree, text)) = filter {
            built.step.filter = Some(program);
            built.filter = Some((tree, text));
            // Like a stream it says which events the decoder may drop.
            built.is_root_stream = selection == 0;
        }
        self.steps.push(built);
    }

    /// Reports an expression that can only be of another type.
    fn of_type(&mut self, tree: &Tree, text: &Located<String>, key: &str, types: &[Type], help: &str) {
        let ty = tree.ty();
        if ty == Type::Any || types.contains(&ty) {
            return;
        }
        let wanted = if types.contains(&Type::Bool) { "true or false" } else { "a number" };
        let message = format!("{key} is {}, not {wanted}", ty.word());
        self.problems.push(text.problem("recommendation.type", message, Some(help.to_owned())));
    }
}

/// A recommendation whose period the tick must divide: it is a multiple of it.
pub(super) fn off_tick(config: &Config, tick: i64) -> Option<&RecommendationConfig> {
    config.recommendations.iter().find(|part| part.every.value.0 % tick.max(1) != 0)
}

/// The problem of a tick that does not divide a period.
pub(super) fn tick_problem(set: &Located<Span>, part: &RecommendationConfig, chosen: i64) -> Problem {
    set.problem(
        "run.tick",
        format!("the tick does not divide every of recommendation {} ({})", part.name, part.every.value),
        Some(format!("use {} or a span that divides it, or leave the tick out", Span(chosen))),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{HeadKind, compile, explain_dot, explain_json, explain_text};
    use crate::event::FieldPath;

    const PART: &str = "[sources.e]\ntype = \"stdin\"\n[streams.s]\nfrom = \"e\"\nset = { page = \"lower(data.page)\" }\n\
                        [recommendations.also]\nfrom = [\"s\", \"e\"]\nby = \"user_id\"\nitem = \"page\"\nwhere = \"kind = 'view'\"\n\
                        within = \"30m\"\nhalf_life = \"1d\"\nweight = \"coalesce(data.weight, 1)\"\nevery = \"2500ms\"\n\
                        min_times = 2\nper_user = { n = 5, recent = 3, keep = \"1d\" }\nallowed_lateness = \"1m\"\n";

    fn plan(text: &str) -> Result<super::super::Plan, Vec<(&'static str, usize, String)>> {
        let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        compile(&config.unwrap()).map_err(|problems| {
            problems
                .list
                .into_iter()
                .map(|p| (p.code, p.line, format!("{}; {}", p.message, p.help.unwrap_or_default())))
                .collect()
        })
    }

    #[test]
    fn a_recommendation_takes_what_it_reads_to_the_worker_of_the_user_on_every_road() {
        let plan = plan(PART).unwrap();
        let names: Vec<_> = plan.schemas.iter().map(|schema| schema.name.as_str()).collect();
        assert_eq!(names, ["also", "also.users"]);
        assert_eq!(plan.tick, 500_000);
        let (head, source) = (&plan.heads[0], &plan.sources[0]);
        let HeadKind::Recommendation(of) = &head.kind else { panic!("{:?}", head.kind) };
        assert_eq!((head.part, of.users, of.reach(), head.inputs.len()), (0, Some(1), 60_000_001, 2));
        let paths: Vec<String> = source.stage.paths.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["data.page", "kind", "user_id", "data.weight", "page"]);
        // Item, weight and user; of the second road the field of the event.
        assert_eq!((&head.inputs[0].keys[..], &head.inputs[0].columns[..]), (&[2][..], &[5, 6, 2][..]));
        assert_eq!((&head.inputs[1].keys[..], &head.inputs[1].columns[..]), (&[2][..], &[4, 7, 2][..]));
        assert_eq!(plan.sources_of(0), [0]);
        assert_eq!(plan.sources_of(1), [0]);
    }

    #[test]
    fn one_that_says_which_events_it_takes_lets_the_decoder_drop_the_others() {
        let text = PART.replace("[\"s\", \"e\"]", "\"e\"");
        let plan = plan(&text).unwrap();
        assert_eq!(plan.sources[0].prefilter, Some((FieldPath::dotted("kind"), vec!["view".into()])));
    }

    #[test]
    fn what_is_wrong_with_expressions_and_the_tick_is_said_at_its_place() {
        let text = PART
            .replace("kind = 'view'", "lower(kind)")
            .replace("coalesce(data.weight, 1)", "data.weight = 1")
            .replace("\"user_id\"", "\"user_id +\"")
            + "[run]\ntick = \"1s\"\n";
        let found: Vec<_> = plan(&text).unwrap_err().into_iter().map(|(code, line, _)| (code, line)).collect();
        assert_eq!(
            found,
            [("expr.syntax", 8), ("recommendation.type", 10), ("recommendation.type", 13), ("run.tick", 19)]
        );
        // Also where no events lead to it.
        let text = PART
            .replace("[streams.s]", "[streams.t]")
            .replace("[\"s\", \"e\"]", "\"s\"")
            .replace("\"page\"", "\"page +\"");
        let (config, _) = crate::config::parse("t.toml", &text, &[], &|_| None);
        let found: Vec<_> = compile(&config.unwrap()).unwrap_err().list.iter().map(|p| (p.code, p.line)).collect();
        assert_eq!(found, [("expr.syntax", 9)]);
    }

    #[test]
    fn a_recommendation_is_told_with_what_it_keeps_and_until_when() {
        let plan = plan(PART).unwrap();
        let text = explain_text(&plan);
        for line in [
            "recommendation also  from s, e",
            "sightings     page by user_id, where kind = 'view', counting coalesce(data.weight, 1)",
            "pairs         two sightings of one user at most 30m apart, each with at most 100 before it",
            "fades         by half in 1d",
            "stated        every 2500ms, the lists that have changed: 10 others, seen together at least 2 times",
            "users         also.users: 5 items, from the lists of the 3 that they saw last",
            "kept          a sighting until the watermark passes its time + 31m",
            "kept          a pair for 7d, and up to 9450s longer",
            "kept          what a user saw last for 1d",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let json = &explain_json(&plan)["recommendations"][0];
        assert_eq!((json["name"].as_str(), json["pairs_kept_us"].as_i64()), (Some("also"), Some(604_800_000_000)));
        let dot = explain_dot(&plan);
        assert!(dot.contains("\"s\" -> \"also\";") && dot.contains("\"also\" -> \"also.users\";"), "{dot}");
    }
}
