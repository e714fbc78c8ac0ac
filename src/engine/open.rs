//! The sources and sinks of a plan, opened.

use super::BESIDE;
use crate::cluster::Topology;
use crate::codec::json::RejectReason;
use crate::config::{
    FileCompression, FileConfig, FileFormat, GenerateConfig, Pace, SinkConfig, SinkKind as Where, SinkMode,
    SourceFormat, SourceKind, StdoutFormat, Times,
};
use crate::dataflow::Opened;
use crate::error::Error;
use crate::generate::Settings;
use crate::observe::Metrics;
use crate::plan::{Plan, SinkPlan, TablePlan};
use crate::sink::{Format, Mode, Ordered, Sink, SinkKind, SinkSpec};
use crate::source::{
    BLOCK_BYTES, Compression, DeadLetters, Door, DoorPartition, FilePartition, Found, GeneratePartition, InOrder,
    LINE_TOO_LONG, Lane, Letters, Limit, LimitedPartition, Lines, Partition, Share, StreamPartition, find,
    is_same_file,
};
use crate::table::{Asker, Loaded, Spec, Table, Tables, Watched, load};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Bytes of standard input or of the program.
type Reader = Box<dyn Read + Send>;

/// Why lines are rejected, in the order in which the reader counts them.
pub(super) fn reasons() -> &'static [&'static str] {
    static REASONS: OnceLock<Vec<&'static str>> = OnceLock::new();
    REASONS.get_or_init(|| RejectReason::ALL.iter().map(|r| r.code()).chain([LINE_TOO_LONG]).collect())
}

/// What sources read that is not found by a path.
pub(super) struct Inputs {
    pub(super) stdin: Option<Reader>,
    pub(super) given: Vec<(String, Reader)>,
    pub(super) doors: Vec<(String, Arc<Door>)>,
}

/// Opens all sources, with the dead letters that are to be read again; the files of letters last, when all else is known
/// to be there. Gives for each window the file of what is too late.
pub(super) fn sources(
    plan: &Plan,
    topology: &Topology,
    Inputs { mut stdin, mut given, doors }: Inputs,
    block: Option<u64>,
    dead_letters: &[String],
) -> Result<(Vec<Opened>, Vec<Option<DeadLetters>>), Error> {
    let share = Share { process: topology.process as u64, processes: topology.processes as u64 };
    let mut letters = letters(plan, share, dead_letters)?;
    let mut opened: Vec<Opened> = Vec::new();
    for p in &plan.sources {
        let header = matches!(&p.config.format, SourceFormat::Csv(csv) if csv.header);
        let rate = p.config.rate_limit.map(|rate| rate.0);
        // What comes at a slow rate is read in small blocks.
        let size = |most| rate.map_or(most, |rate| Limit::block(rate, most));
        let lines = Lines { max_line: p.config.max_line.0, block: size(block.unwrap_or(BLOCK_BYTES)), header };
        let mut partitions: Vec<Box<dyn Partition>> = match &p.config.kind {
            SourceKind::File(config) => {
                files(config, lines, share).map_err(|e| e.at(format!("sources.{}.path", p.name)))?
            }
            SourceKind::Stdin => {
                // Standard input belongs to process 0; the others have a partition that is empty.
                let reader = stdin.take().filter(|_| share.process == 0).unwrap_or_else(|| Box::new(std::io::empty()));
                vec![Box::new(StreamPartition::start("stdin", reader, Lines { block: size(BLOCK_BYTES), ..lines }))]
            }
            SourceKind::Http(_) if share.process != 0 => vec![Box::new(DoorPartition::elsewhere())],
            SourceKind::Http(_) => {
                let door = doors.iter().find(|(name, _)| *name == p.name).map(|(_, door)| Arc::clone(door));
                let door = door.ok_or_else(|| {
                    let message = "the events of this source are sent to the server of the run, and there is none";
                    Error::user("source.http", message)
                        .at(format!("sources.{}", p.name))
                        .help("run it with --serve 127.0.0.1:8080, or add [serve] with listen = \"127.0.0.1:8080\"")
                })?;
                vec![Box::new(DoorPartition::new(door, size(BLOCK_BYTES)))]
            }
            SourceKind::Program => {
                let Some(at) = given.iter().position(|(name, _)| *name == p.name) else {
                    return Err(not_brought(format!("the events of source {} come from a program", p.name)));
                };
                let (_, reader) = given.swap_remove(at);
                let reader = if share.process == 0 { reader } else { Box::new(std::io::empty()) };
                vec![Box::new(StreamPartition::start("program", reader, Lines { block: size(BLOCK_BYTES), ..lines }))]
            }
            SourceKind::Generate(config) => (0..config.partitions)
                .map(|i| {
                    let real_time = config.pace == Pace::RealTime;
                    let partition = GeneratePartition::new(settings(config, real_time), i, real_time, share);
                    Box::new(partition) as Box<dyn Partition>
                })
                .collect(),
        };
        for letters in letters.extract_if(.., |letters| letters.source == p.name) {
            let ours = partitions.len() as u64 % share.processes == share.process;
            partitions.push(letters.open(lines, ours));
        }
        let partitions = match rate {
            Some(rate) => LimitedPartition::all(partitions, rate, share.processes),
            None => partitions,
        };
        opened.push((partitions, None));
    }
    let lanes = |source: &str, partitions: &[Box<dyn Partition>]| -> Vec<Lane> {
        let lane = |p: &dyn Partition| {
            let (first, step) = if p.is_shared() { (share.process, share.processes) } else { (0, 1) };
            Lane { source: source.to_owned(), partition: p.name().to_owned(), first, step }
        };
        partitions.iter().map(|p| lane(&**p)).collect()
    };
    let all: Vec<Lane> =
        plan.sources.iter().zip(&opened).flat_map(|(p, (partitions, _))| lanes(&p.name, partitions)).collect();
    for (p, (partitions, dead)) in plan.sources.iter().zip(&mut opened) {
        if let Some(path) = &p.config.dead_letters {
            *dead = Some(DeadLetters::create(&own_file(path, share), None, lanes(&p.name, partitions))?);
        }
    }
    let too_late = plan.windows.iter().map(|w| {
        let kept = w.too_late.as_ref();
        kept.map(|path| DeadLetters::create(&own_file(path, share), Some(&w.name), all.clone())).transpose()
    });
    Ok((opened, too_late.collect::<Result<_, _>>()?))
}

/// Something that only a program has is not there.
fn not_brought(message: String) -> Error {
    Error::user("engine.given", message).help("run it by Pipeline::run, or bring it in Options::given")
}

/// Each process writes a file of its own; the first has the name that was given.
fn own_file(path: &str, share: Share) -> PathBuf {
    PathBuf::from(if share.process == 0 { path.to_owned() } else { format!("{path}.{}", share.process) })
}

/// The letters that are to be read again.
fn letters(plan: &Plan, share: Share, files: &[String]) -> Result<Vec<Letters>, Error> {
    let mut all = Vec::new();
    for file in files {
        let written = plan.sources.iter().filter_map(|p| p.config.dead_letters.as_ref());
        let mut written = written.chain(plan.windows.iter().filter_map(|w| w.too_late.as_ref()));
        let same = |path: &String| is_same_file(&own_file(path, share), Path::new(file));
        if written.any(same) {
            return Err(Error::user("source.letter", format!("{file} is read, and this run would write it"))
                .help("give the file another name first: its letters would be lost"));
        }
        for letters in Letters::scan(file)? {
            let Some(source) = plan.sources.iter().find(|p| p.name == letters.source) else {
                let names: Vec<&str> = plan.sources.iter().map(|p| p.name.as_str()).collect();
                return Err(Error::user("source.letter", format!("{file} has letters of source {}", letters.source))
                    .help(format!("this pipeline's sources are: {}", names.join(", "))));
            };
            if matches!(&source.config.format, SourceFormat::Csv(csv) if csv.header && csv.columns.is_empty()) {
                return Err(Error::user(
                    "source.letter",
                    format!("the letters in {file} are CSV without their header"),
                )
                .at(format!("sources.{}", source.name))
                .help("name the columns in the pipeline: columns = [...]"));
            }
            if letters.empty > 0 {
                tracing::warn!(file, letters.empty, "letters without bytes are left out: their lines were too long");
            }
            all.push(letters);
        }
    }
    Ok(all)
}

/// The partitions of a source of files.
fn files(config: &FileConfig, lines: Lines, share: Share) -> Result<Vec<Box<dyn Partition>>, Error> {
    let compression = |found: Found| {
        let compression = match config.compression {
            FileCompression::Auto => Compression::of_name(&found.path),
            FileCompression::None => Compression::None,
            FileCompression::Gzip => Compression::Gzip,
            FileCompression::Zstd => Compression::Zstd,
        };
        (found, compression)
    };
    let found: Vec<(Found, Compression)> = find(&config.paths)?.into_iter().map(compression).collect();
    let groups: Vec<(String, Vec<(Found, Compression)>)> = if config.as_one {
        vec![(config.paths.join(", "), found)]
    } else {
        found.into_iter().map(|one| (one.0.path.clone(), vec![one])).collect()
    };
    let mut partitions: Vec<Box<dyn Partition>> = Vec::new();
    for (i, (name, files)) in groups.into_iter().enumerate() {
        let packed = |files: &[(Found, Compression)]| files.iter().any(|(_, kind)| *kind != Compression::None);
        if config.follow
            && let Some((last, _)) = files.last().filter(|last| packed(std::slice::from_ref(last)))
        {
            return Err(Error::user("source.follow", format!("{} is compressed and cannot be followed", last.path))
                .help("leave it out of path, or remove follow"));
        }
        let in_order = config.follow || packed(&files);
        partitions.push(if !in_order {
            let files: Vec<Found> = files.into_iter().map(|(found, _)| found).collect();
            Box::new(FilePartition::open(&name, &files, lines, share)?)
        } else if i as u64 % share.processes == share.process {
            Box::new(StreamPartition::files(&name, InOrder { files, follow: config.follow }, lines))
        } else {
            Box::new(StreamPartition::elsewhere(&name, &InOrder { files, follow: config.follow }))
        });
    }
    Ok(partitions)
}

/// The tables of the plan, read as a whole; nothing for those that are made of events.
pub(super) fn tables(plan: &Plan) -> Result<Vec<Option<(Spec, Loaded)>>, Error> {
    let read = |table: &TablePlan| match Spec::new(&table.config, &table.columns) {
        Some(spec) if !table.config.kind.is_asked() => load(&spec).map(|loaded| Some((spec, loaded))),
        _ => Ok(None),
    };
    plan.tables.iter().map(read).collect()
}

/// Those who will ask for the rows of tables that are not read as a whole, by table; their servers were reached.
pub(super) fn askers(plan: &Plan) -> Result<Vec<Option<Asker>>, Error> {
    let reach = |table: &TablePlan| {
        let asked = table.config.kind.server().and_then(|server| server.asked);
        let both = asked.zip(Spec::new(&table.config, &table.columns));
        both.map(|(asked, spec)| Asker::reach(&spec, asked)).transpose()
    };
    plan.tables.iter().map(reach).collect()
}

/// The tables for the workers, and those that are to be looked at again; the metrics are told what they have.
pub(super) fn lookups(
    plan: &Plan,
    loaded: Vec<Option<(Spec, Loaded)>>,
    askers: &mut [Option<Asker>],
    metrics: &Arc<Metrics>,
) -> Result<(Arc<Tables>, Vec<Watched>), Error> {
    let (mut list, mut watched) = (Vec::new(), Vec::new());
    for (i, (table, loaded)) in plan.tables.iter().zip(loaded).enumerate() {
        let Some((spec, loaded)) = loaded else {
            list.push(Table::without_rows(table.columns.len(), table.config.kind.time().is_some()));
            continue;
        };
        crate::table::set(metrics, i, &loaded);
        if let Some(every) = table.config.kind.refresh() {
            let every = Duration::from_micros(every.0.unsigned_abs());
            let Loaded { stamp, content, .. } = loaded;
            watched.push(Watched { table: i, spec, stamp, content, every, failed: false });
        }
        list.push(loaded.table);
    }
    for (i, asker) in askers.iter_mut().enumerate() {
        asker.as_mut().map_or(Ok(()), |asker| asker.start(i, metrics))?;
    }
    let desks = askers.iter().map(|asker| asker.as_ref().map(Asker::desk)).collect();
    Ok((Tables::with_desks(list, desks), watched))
}

/// What processes compare before they start: the pipeline, the files they have found, with their lengths, and the content
/// of the tables that do not change.
pub(super) fn fingerprint(plan: &Plan, sources: &[Opened], tables: &[Option<(Spec, Loaded)>]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(plan.fingerprint);
    for (table, loaded) in plan.tables.iter().zip(tables) {
        if let (None, Some((_, loaded))) = (table.config.kind.refresh(), loaded) {
            hash.update(loaded.content.to_le_bytes());
        }
    }
    for (partitions, _) in sources {
        hash.update((partitions.len() as u64).to_le_bytes());
        for partition in partitions {
            hash.update((partition.name().len() as u64).to_le_bytes());
            hash.update(partition.name());
            for Found { path, length } in partition.inputs() {
                hash.update((path.len() as u64).to_le_bytes());
                hash.update(path);
                hash.update(length.to_le_bytes());
            }
        }
    }
    hash.finalize().into()
}

/// The plan's entry for a taker of the rows of every part.
pub(super) fn beside(plan: &Plan) -> SinkPlan {
    let config = SinkConfig {
        name: BESIDE.to_owned(),
        line: 0,
        implied: true,
        kind: Where::Program,
        from: Vec::new(),
        times: Times::Rfc3339,
        mode: SinkMode::Changes,
    };
    SinkPlan { config, parts: (0..plan.schemas.len() as u32).collect() }
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

/// A sink that gets its rows in their final order.
pub(super) fn ordered(sink: Box<dyn Sink>) -> Box<dyn Sink> {
    Box::new(Ordered::new(sink))
}

/// Opens sinks of a plan.
pub(super) fn sinks(
    sinks: &[SinkPlan],
    plan: &Plan,
    stdout: Box<dyn Write + Send>,
    given: &mut Vec<(String, Box<dyn Sink>)>,
) -> Result<Vec<Box<dyn Sink>>, Error> {
    let stdout = SharedOut(Arc::new(Mutex::new(stdout)));
    sinks
        .iter()
        .map(|p| {
            let kind = match &p.config.kind {
                Where::Program => {
                    let Some(at) = given.iter().position(|(name, _)| *name == p.config.name) else {
                        return Err(not_brought(format!("the rows of sink {} go to a program", p.config.name)));
                    };
                    return Ok(ordered(given.swap_remove(at).1));
                }
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
            Ok(ordered(sink))
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
