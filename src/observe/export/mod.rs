//! What is known of a pipeline, turned into what other systems watch a run of it with: a dashboard for Grafana and rules for
//! Prometheus.
//!
//! Both ask for figures by the names that [`super::prometheus`] gives them, and by the label `job`, which Prometheus
//! sets to the name of the scrape. A test holds every name against the list of what is counted. Pure.

mod grafana;
mod rules;

pub use grafana::dashboard;
pub use rules::rules;

/// The parts of a pipeline, by name.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The pipeline.
    pub name: String,
    /// The value of the label `job` on its figures.
    pub job: String,
    /// Its sources, and whether each goes on for ever.
    pub sources: Vec<(String, bool)>,
    /// Windows, patterns and views.
    pub parts: Vec<String>,
    /// Those that are patterns.
    pub patterns: Vec<String>,
    /// The alerts, and how severe each is.
    pub alerts: Vec<(String, String)>,
    /// Tables.
    pub tables: Vec<String>,
    /// Sinks.
    pub sinks: Vec<String>,
    /// Who is told of alerts.
    pub actions: Vec<String>,
    /// Bytes that may wait for sinks before sources wait.
    pub max_inflight: u64,
}

#[cfg(test)]
mod tests {
    use super::super::metrics::list;
    use super::super::prometheus::name;
    use super::*;
    use std::collections::BTreeSet;

    pub(super) fn watched() -> Watched {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Watched {
            name: "shop \"one\"".into(),
            job: "shop".into(),
            sources: vec![("events".into(), true), ("old".into(), false)],
            parts: names(&["w", "p", "v"]),
            patterns: names(&["p"]),
            alerts: vec![("high-errors".into(), "critical".into()), ("slow".into(), "warning".into())],
            tables: names(&["users"]),
            sinks: names(&["out"]),
            actions: names(&["team"]),
            max_inflight: 64 << 20,
        }
    }

    /// The names of figures in a text.
    fn named(text: &str) -> BTreeSet<&str> {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        text.split(word).filter(|word| word.starts_with("highwater_") && *word != "highwater_").collect()
    }

    #[test]
    fn figures_that_are_asked_for_when_they_are_counted_then_have_these_names() {
        let more = ["highwater_build_info", "highwater_source_lag_seconds"].map(str::to_owned);
        let known: BTreeSet<String> = list().map(name).chain(more).collect();
        let (board, rules) = (dashboard(&watched()), rules(&watched()));
        let asked: BTreeSet<&str> = named(&board).into_iter().chain(named(&rules)).collect();
        assert!(asked.len() > 20, "{asked:?}");
        for name in asked {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn what_a_pipeline_has_not_when_it_is_watched_then_is_not_asked_for() {
        let bare = Watched { name: "bare".into(), job: "bare".into(), ..Watched::default() };
        for text in [dashboard(&bare), rules(&bare)] {
            assert!(
                !named(&text).iter().any(|name| ["sink", "table", "action"].contains(&name.split('_').nth(1).unwrap())),
                "{text}"
            );
        }
    }
}
