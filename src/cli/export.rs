//! `export`: what other systems watch a run with.

use super::{Failure, FileArgs, plan, write_out};
use crate::config::SourceKind;
use crate::observe::export::{Watched, dashboard, rules};
use crate::plan::Plan;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// What to write.
    #[arg(value_enum)]
    what: What,
    #[command(flatten)]
    file: FileArgs,
    /// The label job that Prometheus gives to the figures of the run; not given: highwater.
    #[arg(long, default_value = "highwater")]
    job: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// A dashboard: Dashboards, New, Import.
    Grafana,
    /// A file of rules, for rule_files: what is wrong with the run, and the pipeline's alerts.
    PrometheusRules,
}

fn watched(plan: &Plan, job: &str) -> Watched {
    let lasting = |kind: &SourceKind| match kind {
        SourceKind::File(file) => file.follow,
        SourceKind::Generate(_) => false,
        _ => true,
    };
    let patterns = plan.pattern_groups.iter().flat_map(|group| &group.patterns);
    let patterns: Vec<String> = patterns.map(|pattern| pattern.name.clone()).collect();
    let windows = plan.windows.iter().map(|window| window.name.clone());
    let views = plan.views.iter().map(|view| view.name.clone());
    // One that writes to the log is always there.
    let actions =
        plan.notify.actions.iter().filter(|_| !plan.alerts.is_empty()).map(|action| action.config.name.clone());
    Watched {
        name: plan.name.clone(),
        job: job.to_owned(),
        sources: plan.sources.iter().map(|source| (source.name.clone(), lasting(&source.config.kind))).collect(),
        parts: windows.chain(patterns.iter().cloned()).chain(views).collect(),
        patterns,
        alerts: plan
            .alerts
            .iter()
            .map(|a| (plan.schemas[a.part as usize].name.clone(), a.shown.severity.clone()))
            .collect(),
        tables: plan.tables.iter().map(|table| table.name.clone()).collect(),
        sinks: plan.sinks.iter().map(|sink| sink.config.name.clone()).collect(),
        actions: actions.collect(),
        max_inflight: plan.max_inflight,
    }
}

pub(super) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let (plan, _) = plan(&args.file.file, &args.file.set)?;
    let watched = watched(&plan, &args.job);
    let text = match args.what {
        What::Grafana => dashboard(&watched),
        What::PrometheusRules => rules(&watched),
    };
    write_out(text.as_bytes())
}
