//! The pipeline of a case, turned into settings that read the case's input and write rows to nowhere but the runner.

use super::case::{Case, Feed, Input, PipelineText};
use super::find::read_text;
use super::scratch::Scratch;
use crate::config::{
    self, Config, FileCompression, FileConfig, Located, Pace, SinkConfig, SinkKind, SinkMode, SourceFormat, SourceKind,
    StdoutFormat, TableFile, TableKind, Times,
};
use crate::error::{Error, Problem, Problems, suggest};
use crate::plan::{all_problems, compile};
use crate::result::RowSchema;

/// The largest pipeline file, in bytes.
const LARGEST: u64 = 8 << 20;

/// A pipeline that can be run as often as is needed.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The settings, with input and output replaced.
    pub(super) config: Config,
    /// What the rows of each part look like.
    pub(super) schemas: Vec<RowSchema>,
    /// Bytes of the largest text that a source reads.
    pub(super) longest: u64,
}

/// Why a case cannot be run.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The case or its pipeline is wrong.
    Problems(Problems),
    /// The scratch folder is.
    Error(Error),
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Self {
        Trouble::Problems(problems)
    }
}

/// Reads the pipeline of a case and puts the case's input into `scratch`.
pub(super) fn prepare(case: &Case, scratch: &Scratch) -> Result<Prepared, Trouble> {
    let (file, text) = text_of(case)?;
    let env = |name: &str| case.env.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone());
    let (config, mut problems) = config::parse(&file, &text, &case.set, &env);
    let mut config = match config {
        Some(config) if !problems.has_errors() => config,
        config => {
            for problem in problems.list.iter_mut().filter(|p| p.code == "config.env") {
                problem.help = Some("give it in env = { NAME = \"...\" } of the case, or a default here".into());
            }
            return Err(all_problems(config.as_ref(), problems).into());
        }
    };
    check(case, &config)?;
    let mut longest = 0;
    for source in &mut config.sources {
        // A run of a case writes nothing that was not asked for.
        source.dead_letters = None;
        // Nor does it depend on the clock, or wait for it.
        (source.idle_after, source.rate_limit) = (None, None);
        if let Some(input) = case.inputs.iter().find(|input| input.source == source.name) {
            let (paths, bytes) = paths(case, &source.name, &input.feeds, scratch)?;
            longest = longest.max(bytes);
            let as_one = matches!(&source.kind, SourceKind::File(files) if files.as_one);
            let texts = input.feeds.iter().all(|feed| matches!(feed, Feed::Text(_)));
            let compression = if texts { FileCompression::None } else { FileCompression::Auto };
            source.kind = SourceKind::File(FileConfig { paths, as_one, compression, follow: false });
        } else if let SourceKind::Generate(generate) = &mut source.kind {
            generate.pace = Pace::None;
        }
    }
    for table in &mut config.tables {
        // A run of a case asks no server: its rows stand in the case.
        if table.kind.server().is_some() {
            let path = Located { value: String::new(), ..table.key[0].clone() };
            let time = table.kind.time().cloned();
            table.kind = TableKind::File(TableFile { path, format: SourceFormat::Json, refresh: None, time });
        }
        let TableKind::File(file) = &mut table.kind else { continue };
        file.refresh = None;
        if let Some(input) = case.inputs.iter().find(|input| input.source == table.name) {
            let (mut paths, _) = paths(case, &table.name, &input.feeds, scratch)?;
            file.path.value = paths.remove(0);
        }
    }
    config.windows.iter_mut().for_each(|window| window.too_late = None);
    config.sinks = vec![rows(&config)];
    let schemas = compile(&config)?.schemas;
    Ok(Prepared { config, schemas, longest })
}

/// The name and the text of the pipeline. A text in the case keeps its lines, so that problems are shown there.
fn text_of(case: &Case) -> Result<(String, String), Problems> {
    match &case.pipeline {
        PipelineText::Here(written) => {
            let mut text = "\n".repeat(written.line.saturating_sub(1));
            text.push_str(&written.text);
            Ok((case.file.clone(), text))
        }
        PipelineText::File(written) => {
            let path = case.folder().join(&written.text);
            match read_text(&path, LARGEST) {
                Ok(text) => Ok((path.display().to_string(), text)),
                Err(message) => {
                    let message = format!("cannot read {}: {message}", path.display());
                    let help = "give its path relative to the case".to_owned();
                    Err(case.problems(vec![case.problem("case.pipeline", written.line, message, Some(help))]))
                }
            }
        }
    }
}

/// Whether inputs and sources belong together.
fn check(case: &Case, config: &Config) -> Result<(), Problems> {
    let mut list: Vec<Problem> = Vec::new();
    let tables = || config.tables.iter().filter(|table| !matches!(table.kind, TableKind::Stream { .. }));
    let (PipelineText::Here(pipeline) | PipelineText::File(pipeline)) = &case.pipeline;
    for table in tables().filter(|table| table.kind.server().is_some()) {
        if !case.inputs.iter().any(|input| input.source == table.name) {
            let message = format!("the rows of table '{}' are on a server, which a case does not ask", table.name);
            let help = format!("give its rows as lines of JSON: {} in [input]", table.name);
            list.push(case.problem("case.input", pipeline.line, message, Some(help)));
        }
    }
    let sources = config.sources.iter().map(|source| source.name.as_str());
    let names: Vec<&str> = sources.chain(tables().map(|table| table.name.as_str())).collect();
    let is_table = |input: &&Input| tables().any(|table| table.name == input.source);
    for input in case.inputs.iter().filter(is_table).filter(|input| input.feeds.len() > 1) {
        let message = format!("table '{}' is one file", input.source);
        list.push(case.problem("case.input", input.line, message, Some("give one text or file".to_owned())));
    }
    for input in case.inputs.iter().filter(|input| !names.contains(&input.source.as_str())) {
        let help = suggest(&input.source, names.iter().copied(), "its sources are");
        let message = format!("the pipeline has no source '{}'", input.source);
        list.push(case.problem("case.input", input.line, message, Some(help)));
    }
    for source in &config.sources {
        let given = case.inputs.iter().any(|input| input.source == source.name);
        if !given && !matches!(source.kind, SourceKind::Generate(_)) && list.is_empty() {
            let message = format!("source '{}' has no input", source.name);
            let help = format!("add it below [input]: {} = '''...''', with one event a line", source.name);
            let problem = case.problem("case.input", 0, message, Some(help));
            list.push(Problem { text: case.file.clone(), ..problem });
        }
    }
    for input in &case.inputs {
        for feed in &input.feeds {
            let Feed::File(path) = feed else { continue };
            let path = case.folder().join(path);
            if !path.exists() && !path.display().to_string().contains(['*', '?', '[']) {
                let message = format!("there is no {}", path.display());
                let help = "give its path relative to the case".to_owned();
                list.push(case.problem("case.input", input.line, message, Some(help)));
            }
        }
    }
    if list.is_empty() { Ok(()) } else { Err(case.problems(list)) }
}

/// The files of a source, and the bytes of the longest text among them.
fn paths(case: &Case, source: &str, feeds: &[Feed], scratch: &Scratch) -> Result<(Vec<String>, u64), Trouble> {
    let (mut paths, mut longest) = (Vec::new(), 0);
    for (i, feed) in feeds.iter().enumerate() {
        paths.push(match feed {
            Feed::Text(text) => {
                longest = longest.max(text.len() as u64);
                // The name that errors show: as the case has it.
                let name = if feeds.len() == 1 { format!("input.{source}") } else { format!("input.{source}[{i}]") };
                scratch.write(&name, text).map_err(Trouble::Error)?
            }
            Feed::File(path) => {
                let path = case.folder().join(path);
                longest = longest.max(std::fs::metadata(&path).map_or(0, |meta| meta.len()));
                path.display().to_string()
            }
        });
    }
    Ok((paths, longest))
}

/// The sink that takes every row of every part that makes rows.
fn rows(config: &Config) -> SinkConfig {
    let from = |name: &str| Located {
        value: name.to_owned(),
        line: 0,
        path: "sinks.rows.from".to_owned(),
        text: String::new(),
    };
    SinkConfig {
        name: "rows".to_owned(),
        line: 0,
        implied: true,
        kind: SinkKind::Stdout { format: StdoutFormat::Json },
        from: config.sunk_parts().map(from).collect(),
        times: Times::Rfc3339,
        mode: SinkMode::Changes,
    }
}
