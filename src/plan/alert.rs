//! Alerts, planned: conditions over the columns of a part's rows, and the texts that are made of these.

use super::{Extensions, RowNames};
use crate::alert::{Rule, Shown, Template};
use crate::config::{AlertConfig, Config, Located, WindowShape};
use crate::error::{Problem, suggest};
use crate::expr::{Program, Type};
use crate::result::{RowKind, RowSchema};
use std::sync::Arc;

/// An alert.
#[derive(Debug)]
pub struct AlertPlan {
    /// Its index among the schemas.
    pub part: u32,
    /// The index of the part whose rows it looks at.
    pub from: u32,
    /// What is to be told; `None`: every row.
    pub when: Option<Program>,
    /// When it is over; `None`: where `when` is FALSE.
    pub until: Option<Program>,
    /// Its spans.
    pub rule: Rule,
    /// What its rows and messages say.
    pub shown: Arc<Shown>,
    /// `when` and `until` as text, for `explain`.
    pub texts: (Option<String>, Option<String>),
}

/// The columns that rows of alerts have of themselves, before the values of the row behind.
pub(super) const OWN: [&str; 7] = ["alert_id", "state", "at", "since", "fired_at", "severity", "summary"];
/// The most values of a row.
const MOST: usize = 64;

/// What the rows of an alert look like; `schemas`: those of the parts before.
pub(super) fn schema(config: &Config, alert: &AlertConfig, schemas: &[RowSchema]) -> RowSchema {
    let from = schemas.iter().find(|schema| schema.name == alert.from.value);
    let own = OWN.iter().map(|name| (*name).to_owned());
    let values = from.map_or(&[][..], |from| &from.values).iter().take(MOST - OWN.len()).cloned();
    RowSchema {
        name: alert.name.clone(),
        dimensions: from.map_or(Vec::new(), |from| from.dimensions.clone()),
        values: own.chain(values).collect(),
        capped: from.is_some_and(|from| from.capped),
        early: false,
        kind: RowKind::Alert,
        keep: rule(config, alert, from).keep_of_rows(),
    }
}

/// The spans of an alert over rows of `from`.
fn rule(config: &Config, alert: &AlertConfig, from: Option<&RowSchema>) -> Rule {
    let global = |window: &&crate::config::WindowConfig| matches!(window.shape, WindowShape::Global { .. });
    let running = config.windows.iter().filter(global).any(|window| window.name == alert.from.value)
        || config.recommended_parts().any(|name| name == alert.from.value);
    Rule {
        hold: alert.hold.value.0,
        linger: alert.keep_firing_for.0,
        silence: alert.no_data_after.as_ref().map(|span| span.value.0),
        silence_of_all: alert.no_data_of_all,
        pending: alert.pending,
        moments: from.is_some_and(|from| from.kind == RowKind::Match),
        running,
        // What stands is replaced, and never corrected: it was right in its time.
        keep: if running { 1 } else { from.map_or(0, |from| from.keep) },
    }
}

/// Plans all alerts that are right. `schemas`: those of all parts.
pub(super) fn alerts(
    (config, extensions): (&Config, &Extensions),
    schemas: &[RowSchema],
    problems: &mut Vec<Problem>,
) -> Vec<AlertPlan> {
    let first = schemas.len() - config.alerts.len();
    let mut plans = Vec::new();
    for (i, alert) in config.alerts.iter().enumerate() {
        // One that is not there, or is no part with rows, is reported with the settings.
        let from = schemas[..first].iter().position(|schema| schema.name == alert.from.value);
        let plan = from.and_then(|from| one((config, extensions), alert, (first + i, from), schemas, problems));
        plans.extend(plan);
    }
    plans
}

fn one(
    (config, extensions): (&Config, &Extensions),
    alert: &AlertConfig,
    (part, index): (usize, usize),
    schemas: &[RowSchema],
    problems: &mut Vec<Problem>,
) -> Option<AlertPlan> {
    let (before, from) = (problems.len(), &schemas[index]);
    if let Some(name) = from.columns().find(|name| OWN.contains(name)) {
        let message = format!("the rows of '{}' have a column '{name}', as those of alerts have", from.name);
        let help = format!("give it another name there, such as {name}_value");
        problems.push(alert.from.problem("alert.column", message, Some(help)));
    }
    let names = RowNames::of(from);
    let mut condition = |text: &Option<Located<String>>, key: &str| -> Option<Program> {
        let text = text.as_ref()?;
        let tree = names.parse(text, extensions, problems)?;
        if !matches!(tree.ty(), Type::Any | Type::Bool) {
            let message = format!("{key} is {}, not true or false", tree.ty().word());
            problems.push(text.problem("alert.when", message, Some("write a comparison, such as errors > 5".into())));
        }
        Some(names.compile(&tree))
    };
    let when = condition(&alert.when, "when");
    let until = condition(&alert.until, "until");
    let mut template = |text: &Located<String>| self::template(text, from, problems);
    let summary = alert.summary.as_ref().and_then(&mut template);
    let mut texts = |list: &[(String, Located<String>)]| -> Vec<(String, Template)> {
        list.iter().filter_map(|(name, text)| Some((name.clone(), template(text)?))).collect()
    };
    let (labels, annotations) = (texts(&alert.labels), texts(&alert.annotations));
    if let Some((name, at)) = alert.labels.iter().find(|(name, _)| from.dimensions.contains(name)) {
        let message = format!("'{name}' is a dimension of '{}', which is a label of the alert already", from.name);
        problems.push(at.problem("alert.label", message, Some("use another name, or remove it".into())));
    }
    if let Some((_, at)) = alert.annotations.iter().find(|(name, _)| name == "summary") {
        let help = "use the key summary".to_owned();
        problems.push(at.problem("alert.label", "'summary' is an annotation that every alert has", Some(help)));
    }
    if problems.len() > before {
        return None;
    }
    let shown = Shown {
        rule: alert.name.clone(),
        part: part as u32,
        severity: alert.severity.clone(),
        labels,
        summary: summary.unwrap_or_else(|| told_by_group(from)),
        annotations,
        notify: alert.notify.iter().map(|name| name.value.clone()).collect(),
        dimensions: from.dimensions.clone(),
        values: from.values.clone(),
        taken: from.values.len().min(MOST - OWN.len()),
        times: from.times(),
    };
    Some(AlertPlan {
        part: part as u32,
        from: index as u32,
        when,
        until,
        rule: rule(config, alert, Some(from)),
        shown: Arc::new(shown),
        texts: [&alert.when, &alert.until].map(|text| text.as_ref().map(|text| text.value.clone())).into(),
    })
}

/// The summary of an alert that has none: its name, and what its group is.
fn told_by_group(from: &RowSchema) -> Template {
    let group: Vec<String> = from.dimensions.iter().map(|name| format!("{name}={{{name}}}")).collect();
    let text = if group.is_empty() { "{alert}".to_owned() } else { format!("{{alert}}: {}", group.join(", ")) };
    Template::parse(&text).unwrap_or_default()
}

/// A template whose names are columns of the row, or what the alert has of itself.
fn template(text: &Located<String>, from: &RowSchema, problems: &mut Vec<Problem>) -> Option<Template> {
    let template = match Template::parse(&text.value) {
        Ok(template) => template,
        Err(wrong) => {
            let problem = text.problem("alert.template", wrong.message, Some(wrong.help));
            problems.push(Problem { column: Some(wrong.column), ..problem });
            return None;
        }
    };
    let known = || from.columns().chain(Shown::NAMES);
    let before = problems.len();
    for slot in template.slots().filter(|slot| !known().any(|name| name == slot.name)) {
        let help = suggest(&slot.name, known(), "there are");
        let problem = text.problem("alert.template", format!("nothing is named '{}'", slot.name), Some(help));
        problems.push(Problem { column: Some(slot.column), ..problem });
    }
    (problems.len() == before).then_some(template)
}
