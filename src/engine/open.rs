//! The sources and sinks of a plan, opened.

use crate::cluster::Topology;
use crate::codec::json::RejectReason;
use crate::config::{FileFormat, GenerateConfig, Pace, SinkKind as Where, SinkMode, SourceKind, StdoutFormat, Times};
use crate::dataflow::Opened;
use crate::error::Error;
use crate::generate::Settings;
use crate::plan::Plan;
use crate::sink::{Format, Mode, Ordered, Sink, SinkKind, SinkSpec};
use crate::source::{
    BLOCK_BYTES, DeadLetters, FilePartition, GeneratePartition, LINE_TOO_LONG, Partition, Share, StdinPartition,
};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Why lines are rejected, in the order in which the reader counts them.
pub(super) fn reasons() -> &'static [&'static str] {
    static REASONS: OnceLock<Vec<&'static str>> = OnceLock::new();
    REASONS.get_or_init(|| RejectReason::ALL.iter().map(|r| r.code()).chain([LINE_TOO_LONG]).collect())
}

/// Opens all sources; dead-letter files last, when all else is known to be there.
pub(super) fn sources(
    plan: &Plan,
    topology: &Topology,
    mut stdin: Option<Box<dyn Read + Send>>,
    block: Option<u64>,
) -> Result<Vec<Opened>, Error> {
    let share = Share { process: topology.process as u64, processes: topology.processes as u64 };
    let mut opened = Vec::new();
    for p in &plan.sources {
        let max_line = p.config.max_line.0;
        let partitions: Vec<Box<dyn Partition>> = match &p.config.kind {
            SourceKind::File { paths } => paths
                .iter()
                .map(|path| {
                    let file = FilePartition::with_block(path, max_line, share, block.unwrap_or(BLOCK_BYTES))
                        .map_err(|e| e.at(format!("sources.{}.path", p.name)))?;
                    Ok(Box::new(file) as Box<dyn Partition>)
                })
                .collect::<Result<_, Error>>()?,
            SourceKind::Stdin => {
                // Standard input belongs to process 0; the others have a partition that is empty.
                let reader = stdin.take().filter(|_| share.process == 0).unwrap_or_else(|| Box::new(std::io::empty()));
                vec![Box::new(StdinPartition::start("stdin", reader, max_line))]
            }
            SourceKind::Generate(config) => (0..config.partitions)
                .map(|i| {
                    let real_time = config.pace == Pace::RealTime;
                    let partition = GeneratePartition::new(settings(config, real_time), i, real_time, share);
                    Box::new(partition) as Box<dyn Partition>
                })
                .collect(),
        };
        opened.push((partitions, None));
    }
    for (p, (partitions, dead)) in plan.sources.iter().zip(&mut opened) {
        if let Some(path) = &p.config.dead_letters {
            // Each process has a file of its own; the first has the name that was given.
            let path = if share.process == 0 { path.clone() } else { format!("{path}.{}", share.process) };
            let names: Vec<String> = partitions.iter().map(|p| p.name().to_owned()).collect();
            let own = matches!(p.config.kind, SourceKind::Stdin);
            let (first, step) = if own { (0, 1) } else { (share.process, share.processes) };
            *dead = Some(DeadLetters::create(&PathBuf::from(path), &p.name, &names, first, step)?);
        }
    }
    Ok(opened)
}

/// What processes compare before they start: the pipeline, and the lengths of the files they read together.
pub(super) fn fingerprint(plan: &Plan, sources: &[Opened]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(plan.fingerprint);
    for partition in sources.iter().flat_map(|(partitions, _)| partitions).filter(|p| p.is_shared()) {
        hash.update(partition.length().unwrap_or(0).to_le_bytes());
    }
    hash.finalize().into()
}

/// The generator's settings of a source.
pub(crate) fn settings(config: &GenerateConfig, real_time: bool) -> Settings {
    let mut settings = Settings {
        events: config.events,
        seed: config.seed,
        rate: config.rate,
        start: config.start,
        users: config.users,
        disorder: config.disorder,
        max_delay: config.max_delay,
        late: config.late,
        bad: config.bad,
        pages: config.pages,
        partitions: config.partitions,
        ..Settings::default()
    };
    if real_time {
        settings.block = settings.paced_block();
    }
    settings
}

/// Opens all sinks.
pub(super) fn sinks(plan: &Plan, stdout: Box<dyn Write + Send>) -> Result<Vec<Box<dyn Sink>>, Error> {
    let stdout = SharedOut(Arc::new(Mutex::new(stdout)));
    plan.sinks
        .iter()
        .map(|p| {
            let kind = match &p.config.kind {
                Where::Stdout { format } => SinkKind::Stdout {
                    format: match format {
                        StdoutFormat::Table => Format::Table,
                        StdoutFormat::Json => Format::Json,
                        StdoutFormat::Csv => Format::Csv,
                    },
                },
                Where::File { path, format } => SinkKind::File {
                    path: path.clone(),
                    format: match format {
                        FileFormat::Json => Format::Json,
                        FileFormat::Csv => Format::Csv,
                    },
                },
            };
            let spec = SinkSpec {
                name: p.config.name.clone(),
                kind,
                schemas: plan.schemas.clone(),
                parts: p.parts.clone(),
                times: match p.config.times {
                    Times::Rfc3339 => crate::sink::Times::Rfc3339,
                    Times::UnixMs => crate::sink::Times::UnixMs,
                },
                mode: match p.config.mode {
                    SinkMode::Changes => Mode::Changes,
                    SinkMode::Corrections => Mode::Corrections,
                    SinkMode::First => Mode::First,
                },
            };
            let sink = crate::sink::open(&spec, stdout.clone())?;
            Ok(Box::new(Ordered::new(sink)) as Box<dyn Sink>)
        })
        .collect()
}

/// Standard output, shared by the sinks that write to it.
#[derive(Clone)]
struct SharedOut(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for SharedOut {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
