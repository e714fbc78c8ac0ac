//! The settings of who is told, made ready: conditions and templates are read, and what is wrong with them is said.

use super::condition::{Condition, problem};
use super::inhibit::Inhibition;
use super::silence::{Ready, Silence};
use crate::alert::Template;
use crate::config::{
    ActionConfig, ActionKind, Config, InhibitionConfig, Located, NotifySettings, SilenceConfig, parse_silences,
};
use crate::error::{Problem, Problems};
use crate::event::OwnedValue;
use crate::observe::trace::Trace;
use serde_json::Value;
use std::sync::Arc;

use super::message::json_of;

/// All that a notifier is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What holds for all.
    pub settings: NotifySettings,
    /// Who is told; `log` is always among them.
    pub actions: Vec<Arc<Action>>,
    /// Alerts that keep others quiet.
    pub inhibitions: Vec<Inhibition>,
    /// Silences of the pipeline.
    pub silences: Vec<Ready>,
    /// Where it is told that somebody was told.
    pub trace: Arc<Trace>,
}

/// An action and its templates.
#[derive(Debug)]
pub struct Action {
    /// Its settings.
    pub config: ActionConfig,
    /// The first line of a message.
    pub title: Option<Template>,
    /// What is said of an alert.
    pub text: Option<Template>,
    /// The document.
    pub body: Option<Body>,
    /// Arguments of a program.
    pub args: Vec<Template>,
}

/// A document whose texts are templates.
#[derive(Debug, Clone)]
pub enum Body {
    /// A template.
    Text(Template),
    /// What is no text.
    Plain(Value),
    /// A list.
    List(Vec<Body>),
    /// A table.
    Table(Vec<(String, Body)>),
}

impl Body {
    /// The document, with what `find` gives for each name; a template that is one name alone gives way to its value.
    pub fn render(&self, find: &dyn Fn(&str) -> Option<OwnedValue>) -> Value {
        match self {
            Body::Text(template) => match template.only() {
                Some(name) => json_of(&find(name).unwrap_or_default()),
                None => template.render(find).into(),
            },
            Body::Plain(value) => value.clone(),
            Body::List(items) => items.iter().map(|item| item.render(find)).collect(),
            Body::Table(entries) => {
                Value::Object(entries.iter().map(|(name, item)| (name.clone(), item.render(find))).collect())
            }
        }
    }
}

impl Setup {
    /// Makes the settings of a pipeline ready. What is wrong goes to `problems`, and is left out.
    pub fn compile(config: &Config, problems: &mut Vec<Problem>) -> Self {
        Self::of(&config.notify, &config.actions, &config.inhibitions, &config.silences, problems)
    }

    /// [`Setup::compile`], of the settings alone.
    pub fn of(
        settings: &NotifySettings,
        actions: &[ActionConfig],
        inhibitions: &[InhibitionConfig],
        silences: &[SilenceConfig],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let built_in = ActionConfig::built_in();
        let all = std::iter::once(&built_in).chain(actions.iter().filter(|action| action.name != built_in.name));
        Self {
            settings: settings.clone(),
            actions: all.map(|config| Arc::new(action(config, problems))).collect(),
            inhibitions: inhibitions.iter().filter_map(|config| inhibition(config, problems)).collect(),
            silences: silences.iter().filter_map(|config| silence(config, problems)).collect(),
            trace: Arc::default(),
        }
    }
}

fn condition(text: &Located<String>, problems: &mut Vec<Problem>) -> Option<Condition> {
    match Condition::parse(&text.value) {
        Ok(condition) => Some(condition),
        Err(wrong) => {
            problems.extend(wrong.into_iter().map(|e| problem(text, e)));
            None
        }
    }
}

fn inhibition(config: &InhibitionConfig, problems: &mut Vec<Problem>) -> Option<Inhibition> {
    let source = condition(&config.source, problems);
    let target = condition(&config.target, problems);
    Some(Inhibition { name: config.name.clone(), source: source?, target: target?, equal: config.equal.clone() })
}

fn silence(config: &SilenceConfig, problems: &mut Vec<Problem>) -> Option<Ready> {
    match Ready::new(Silence::from(config)) {
        Ok(ready) => Some(ready),
        Err(wrong) => {
            problems.extend(wrong.into_iter().map(|e| problem(&config.matching, e)));
            None
        }
    }
}

/// Reads the text of a file of silences.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_silences(file: &str, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Ready>, Problems> {
    let configs = parse_silences(file, text, env)?;
    let mut problems = Vec::new();
    let silences = configs.iter().filter_map(|config| silence(config, &mut problems)).collect();
    if problems.is_empty() { Ok(silences) } else { Err(Problems { file: file.to_owned(), list: problems }) }
}

fn template(text: &Located<String>, problems: &mut Vec<Problem>) -> Option<Template> {
    match Template::parse(&text.value) {
        Ok(template) => Some(template),
        Err(wrong) => {
            let at = Problem {
                column: Some(wrong.column),
                ..text.problem("notify.template", wrong.message, Some(wrong.help))
            };
            problems.push(at);
            None
        }
    }
}

fn body(value: &Value, of: &Located<Value>, problems: &mut Vec<Problem>) -> Body {
    match value {
        Value::String(text) => match Template::parse(text) {
            Ok(template) => Body::Text(template),
            Err(wrong) => {
                let message = format!("{} in {text:?}", wrong.message);
                problems.push(of.problem("notify.template", message, Some(wrong.help)));
                Body::Plain(Value::Null)
            }
        },
        Value::Array(items) => Body::List(items.iter().map(|item| body(item, of, problems)).collect()),
        Value::Object(entries) => {
            Body::Table(entries.iter().map(|(name, item)| (name.clone(), body(item, of, problems))).collect())
        }
        other => Body::Plain(other.clone()),
    }
}

fn action(config: &ActionConfig, problems: &mut Vec<Problem>) -> Action {
    let mut read = |text: &Option<Located<String>>| text.as_ref().and_then(|text| template(text, problems));
    let (title, text) = match &config.kind {
        ActionKind::Slack(slack) => (read(&slack.title), read(&slack.text)),
        ActionKind::Email(email) => (read(&email.subject), read(&email.text)),
        ActionKind::PagerDuty { text, .. } => (None, read(text)),
        _ => (None, None),
    };
    let args = match &config.kind {
        ActionKind::Command { args, .. } => args.iter().filter_map(|arg| template(arg, problems)).collect(),
        _ => Vec::new(),
    };
    let body = match &config.kind {
        ActionKind::Webhook(webhook) => webhook.body.as_ref().map(|of| body(&of.value, of, problems)),
        _ => None,
    };
    Action { config: config.clone(), title, text, body, args }
}
