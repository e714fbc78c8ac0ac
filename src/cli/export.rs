//! `export`: what other systems watch a run with.

use super::{Failure, FileArgs, plan, write_out};
use crate::config::SourceKind;
use crate::observe::export::{Watched, dashboard, rules};
use crate::plan::{Plan, SourcePlan};
use crate::result::RowKind;
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
    let lasts = |source: &&SourcePlan| match &source.config.kind {
        SourceKind::File(file) => file.follow,
        SourceKind::Generate(_) => false,
        SourceKind::Stdin | SourceKind::Program | SourceKind::Http(_) => true,
    };
    let made = |kind: RowKind| matches!(kind, RowKind::Window | RowKind::Match);
    Watched {
        name: plan.name.clone(),
        job: job.to_owned(),
        lasting: plan.sources.iter().filter(lasts).map(|source| source.name.clone()).collect(),
        sent: plan.sources.iter().any(|source| matches!(source.config.kind, SourceKind::Http(_))),
        parts: plan.schemas.iter().any(|schema| made(schema.kind)),
        patterns: !plan.pattern_groups.is_empty(),
        tables: !plan.tables.is_empty(),
        sinks: !plan.sinks.is_empty(),
        alerts: plan.alerts.iter().map(|alert| (alert.shown.rule.clone(), alert.shown.severity.clone())).collect(),
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
