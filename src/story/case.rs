//! A case as its author wrote it: what it says, and where in its file each of it stands.

use crate::error::{Problem, Problems, Severity};
use std::ops::Range;
use std::path::Path;

/// How much of a line a problem shows, in characters.
const SHOWN: usize = 80;

/// A text of the case file and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text, with the escapes of TOML taken out.
    pub text: String,
    /// The line of the file in which its first line stands, from 1.
    pub line: usize,
    /// The bytes of the file that it takes, quotes and all.
    pub span: Range<usize>,
}

/// The pipeline of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineText {
    /// A path, relative to the case.
    File(Written),
    /// The text itself.
    Here(Written),
}

/// What one partition of a source reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// These bytes.
    Text(String),
    /// A file, relative to the case.
    File(String),
}

/// What one source reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The source.
    pub source: String,
    /// Where its key stands.
    pub line: usize,
    /// Its partitions.
    pub feeds: Vec<Feed>,
}

/// Rows that are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The window or pattern they are of; `None`: they name theirs, and are all there are.
    pub part: Option<String>,
    /// Where that name stands.
    pub line: usize,
    /// The rows, one a line.
    pub rows: Written,
}

/// A number that a counter must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The counter, maybe with the part before and a label after it.
    pub path: Vec<String>,
    /// The number.
    pub number: u64,
    /// Where its key stands.
    pub line: usize,
    /// The bytes of the file that the number takes.
    pub span: Range<usize>,
}

/// A case as its author wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The file's name, as the user gave it.
    pub file: String,
    /// The whole text.
    pub text: String,
    /// Its first comment; empty where it has none.
    pub story: String,
    /// The pipeline.
    pub pipeline: PipelineText,
    /// What sources read, in the order of the file.
    pub inputs: Vec<Input>,
    /// The rows that are expected; empty where the case says nothing of them.
    pub expects: Vec<Expect>,
    /// The counts that are expected.
    pub counts: Vec<Count>,
    /// What the error of the run must say.
    pub error: Option<Written>,
    /// Expected rows name every value.
    pub exact: bool,
    /// How far numbers may be apart.
    pub tolerance: f64,
    /// How many workers, each.
    pub workers: Vec<usize>,
    /// As `--set`.
    pub set: Vec<String>,
    /// The environment of the pipeline.
    pub env: Vec<(String, String)>,
}

impl Case {
    /// A problem of this case at a line of it.
    pub fn problem(
        &self,
        code: &'static str,
        line: usize,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        problem(&self.text, code, line, message.into(), help)
    }

    /// Problems of this case.
    pub fn problems(&self, list: Vec<Problem>) -> Problems {
        Problems { file: self.file.clone(), list }
    }

    /// The folder that paths of the case are relative to.
    pub fn folder(&self) -> &Path {
        Path::new(&self.file).parent().unwrap_or(Path::new(""))
    }
}

/// A problem of a text at a line of it, from 1.
pub(super) fn problem(text: &str, code: &'static str, line: usize, message: String, help: Option<String>) -> Problem {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    let mut shown: String = written.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < written.len() {
        shown.push_str("...");
    }
    Problem { severity: Severity::Error, code, message, line, text: shown, column: None, help }
}
