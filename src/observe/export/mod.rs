//! What is known of a pipeline, turned into what other systems watch a run of it with: a dashboard for Grafana and rules for
//! Prometheus.
//!
//! Both ask for figures by the names that [`super::prometheus`] gives them, and by the label `job`, which Prometheus
//! sets to the name of the scrape. A test holds every name against the list of what is counted. Pure.

mod grafana;
mod rules;

pub use grafana::dashboard;
pub use rules::rules;

/// What there is of a pipeline to watch.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The pipeline's name.
    pub name: String,
    /// The value of the label `job` on its figures.
    pub job: String,
    /// The names of the sources that go on for ever.
    pub lasting: Vec<String>,
    /// There are sources that are sent their events.
    pub sent: bool,
    /// There are windows, patterns, recommendations or views.
    pub parts: bool,
    /// There are patterns.
    pub patterns: bool,
    /// There are tables.
    pub tables: bool,
    /// There are sinks.
    pub sinks: bool,
    /// The alerts, and how severe each is; somebody is told where there are any.
    pub alerts: Vec<(String, String)>,
    /// Bytes that may wait for sinks before sources wait.
    pub max_inflight: u64,
}

#[cfg(test)]
mod tests {
    use super::super::kinds::Moves;
    use super::super::list::list;
    use super::super::prometheus::name;
    use super::*;
    use std::collections::BTreeSet;

    pub(super) fn watched() -> Watched {
        Watched {
            name: "shop \"one\"".into(),
            job: "shop".into(),
            lasting: vec!["events".into()],
            sent: true,
            parts: true,
            patterns: true,
            tables: true,
            sinks: true,
            alerts: vec![("high-errors".into(), "critical".into()), ("slow".into(), "warning".into())],
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
        let spread = list().filter(|metric| metric.moves == Moves::Spread).map(|metric| name(metric) + "_bucket");
        let known: BTreeSet<String> = list().map(name).chain(spread).chain(more).collect();
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
                !named(&text).iter().any(
                    |name| ["sink", "table", "action", "ingest", "part"].contains(&name.split('_').nth(1).unwrap())
                ),
                "{text}"
            );
        }
    }
}
