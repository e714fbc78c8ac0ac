//! Silences: which alerts nobody is told of, and until when.
//!
//! Times are of the clock of the machine. Those of the pipeline and of its file stand there; those that are added while it runs are
//! kept in the state of the router, and leave it when they are over.

use super::condition::Condition;
use crate::config::SilenceConfig;
use crate::expr::ExprError;
use std::collections::BTreeMap;

/// The most silences that can be added while it runs.
const MOST_ADDED: usize = 10_000;

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Silence {
    /// Its name.
    pub name: String,
    /// Which alerts it is about, in SQL over labels.
    pub matching: String,
    /// When it begins; microseconds.
    pub from: i64,
    /// When it ends.
    pub until: i64,
    /// Why.
    pub comment: String,
    /// Whose it is.
    pub by: String,
}

impl From<&SilenceConfig> for Silence {
    fn from(config: &SilenceConfig) -> Self {
        Self {
            name: config.name.clone(),
            matching: config.matching.value.clone(),
            from: config.from.map_or(i64::MIN, |time| time.0),
            until: config.until.0,
            comment: config.comment.clone().unwrap_or_default(),
            by: config.by.clone().unwrap_or_default(),
        }
    }
}

/// A silence that is ready to be asked.
#[derive(Debug, Clone)]
pub struct Ready {
    /// What it says.
    pub silence: Silence,
    condition: Condition,
}

impl Ready {
    /// Makes a silence ready.
    ///
    /// # Errors
    /// Everything that is wrong with its condition.
    pub fn new(silence: Silence) -> Result<Self, Vec<ExprError>> {
        Ok(Self { condition: Condition::parse(&silence.matching)?, silence })
    }

    fn silences(&self, labels: &BTreeMap<String, String>, now: i64) -> bool {
        (self.silence.from..self.silence.until).contains(&now) && self.condition.matches(labels)
    }
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Origin {
    /// In the pipeline.
    Pipeline,
    /// In its file of silences.
    File,
    /// It was added while the pipeline ran.
    Added,
}

/// Why a silence was not added.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NotAdded {
    /// Its condition is wrong.
    Condition(Vec<ExprError>),
    /// It is over already, or ends before it begins.
    Over,
    /// There are too many.
    TooMany,
}

/// All silences.
#[derive(Debug, Clone, Default)]
pub struct Silences {
    fixed: Vec<Ready>,
    file: Vec<Ready>,
    added: Vec<Ready>,
}

impl Silences {
    /// Those of the pipeline.
    pub fn new(fixed: Vec<Ready>) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// Puts what a file says in the place of what it said before.
    pub fn replace_file(&mut self, silences: Vec<Ready>) {
        self.file = silences;
    }

    /// Adds one, in the place of one of the same name that was added before.
    ///
    /// # Errors
    /// Where it is wrong; then nothing changes.
    pub fn add(&mut self, silence: Silence, now: i64) -> Result<(), NotAdded> {
        self.forget(now);
        if silence.until <= now || silence.until <= silence.from {
            return Err(NotAdded::Over);
        }
        let ready = Ready::new(silence).map_err(NotAdded::Condition)?;
        let others = self.added.iter().filter(|one| one.silence.name != ready.silence.name).count();
        if others >= MOST_ADDED {
            return Err(NotAdded::TooMany);
        }
        self.added.retain(|one| one.silence.name != ready.silence.name);
        self.added.push(ready);
        Ok(())
    }

    /// Ends one that was added; false where none has the name.
    pub fn expire(&mut self, name: &str) -> bool {
        let before = self.added.len();
        self.added.retain(|one| one.silence.name != name);
        self.added.len() < before
    }

    /// Lets go of added ones that are over.
    pub fn forget(&mut self, now: i64) {
        self.added.retain(|one| one.silence.until > now);
    }

    /// All: those of the pipeline, of its file, and those that were added.
    pub fn list(&self) -> impl Iterator<Item = (Origin, &Silence)> {
        let all = [(Origin::Pipeline, &self.fixed), (Origin::File, &self.file), (Origin::Added, &self.added)];
        all.into_iter().flat_map(|(origin, list)| list.iter().map(move |one| (origin, &one.silence)))
    }

    /// Those that were added.
    pub fn added(&self) -> Vec<Silence> {
        self.added.iter().map(|one| one.silence.clone()).collect()
    }

    /// Whether an alert with these labels is silenced now.
    pub fn silence(&self, labels: &BTreeMap<String, String>, now: i64) -> bool {
        self.fixed.iter().chain(&self.file).chain(&self.added).any(|one| one.silences(labels, now))
    }
}
