//! Rows, turned into NDJSON or CSV files that appear whole.
//!
//! Rows go to `PATH.part` and, at the finish, in this order: all such files are flushed and synced (large ones are on their
//! way to the disk all the time), then each takes its final name, then the folders are synced. Until then an older file of that name stays as it was; a `.part` of a
//! run that died is overwritten. With `{name}` in the path each part has a file of its own; without, all share one.
//! A name that leads to something that is no regular file (a device, a named pipe) is written to directly: it must
//! not be replaced. A link is followed: the file it leads to is replaced, the link stays.
//!
//! Cost: 256 KiB of buffer a file. Promise: all at the finish or nothing (devices and pipes: at least once).
//! Errors: `sink.open`, `sink.write`; both name the file and say what to do.

use super::output::{Output, advice, write_error};
use super::syncer::Syncer;
use super::{Delivery, Finished, Format, Sink, SinkSpec, Written};
use crate::error::Error;
use crate::result::RowBatch;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const BUFFER: usize = 256 * 1024;

/// One file.
struct Target {
    output: Output<File>,
    /// Its final name, as users wrote it.
    shown: String,
    /// From which name to which it goes at the finish; `None` for devices and pipes.
    rename: Option<(PathBuf, PathBuf)>,
    syncer: Syncer,
}

/// Files.
pub(super) struct FileSink {
    targets: Vec<Target>,
    /// By part index: which target.
    of_part: Vec<Option<usize>>,
}

/// The path of a part: its name with what could lead to another folder replaced.
fn path_of(template: &str, name: &str) -> String {
    let unsafe_char = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    let mut safe: String = name.chars().map(|c| if unsafe_char(c) { '_' } else { c }).collect();
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    template.replace("{name}", &safe)
}

fn open_error(error: &io::Error, what: &str, path: &str) -> Error {
    Error::outside("sink.open", format!("cannot {what} {path}: {error}")).help(advice(error))
}

impl FileSink {
    pub(super) fn open(spec: &SinkSpec, template: &str, format: Format) -> Result<Self, Error> {
        let mut groups: Vec<(String, Vec<(u32, &crate::result::RowSchema)>)> = Vec::new();
        for (part, schema) in spec.taken() {
            let path = path_of(template, &schema.name);
            match groups.iter_mut().find(|(p, _)| *p == path) {
                Some((_, parts)) if !template.contains("{name}") => parts.push((part, schema)),
                Some((_, parts)) => {
                    let (a, b) = (&parts[0].1.name, &schema.name);
                    let message = format!("sink '{}' would write two parts, '{a}' and '{b}', to {path}", spec.name);
                    return Err(Error::user("sink.open", message).help("rename one of the parts"));
                }
                None => groups.push((path, vec![(part, schema)])),
            }
        }
        let mut sink = Self { targets: Vec::new(), of_part: vec![None; spec.schemas.len()] };
        for (shown, parts) in groups {
            for (part, _) in &parts {
                sink.of_part[*part as usize] = Some(sink.targets.len());
            }
            let (file, rename) = create(&shown)?;
            let output = Output::new(spec, format, parts, file, shown.clone(), BUFFER);
            sink.targets.push(Target { output, shown, rename, syncer: Syncer::default() });
        }
        Ok(sink)
    }
}

/// Makes the folders and the `.part` file.
fn create(shown: &str) -> Result<(File, Option<(PathBuf, PathBuf)>), Error> {
    let mut target = PathBuf::from(shown);
    let old = fs::metadata(&target).ok();
    if old.as_ref().is_some_and(fs::Metadata::is_dir) || target.file_name().is_none() {
        return Err(Error::user("sink.open", format!("cannot write to {shown}: it is a folder"))
            .help("write the path of a file, such as out/{name}.ndjson"));
    }
    if old.as_ref().is_some_and(|m| !m.is_file()) {
        let file = File::options().write(true).open(&target).map_err(|e| open_error(&e, "open", shown))?;
        return Ok((file, None));
    }
    if old.is_some() {
        target = fs::canonicalize(&target).map_err(|e| open_error(&e, "find", shown))?;
    }
    if let Some(folder) = folder_of(&target) {
        let text = folder.display().to_string();
        fs::create_dir_all(folder).map_err(|e| open_error(&e, "make the folder", &text))?;
    }
    let mut part = target.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let text = format!("{shown}.part");
    let file = File::create(&part).map_err(|e| open_error(&e, "make", &text))?;
    if let Some(old) = old {
        // What was kept private stays private.
        file.set_permissions(old.permissions()).map_err(|e| open_error(&e, "set the rights of", &text))?;
    }
    Ok((file, Some((part, target))))
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|p| !p.as_os_str().is_empty())
}

impl Sink for FileSink {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        for row in batch.iter() {
            if let Some(Some(target)) = self.of_part.get(row.head.part as usize) {
                self.targets[*target].output.row(row)?;
            }
        }
        for target in self.targets.iter_mut().filter(|t| t.rename.is_some()) {
            target.syncer.written(&target.output.writer, target.output.sent());
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.targets.iter_mut().try_for_each(|t| t.output.flush())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        self.flush()?;
        for target in self.targets.iter_mut().filter(|t| t.rename.is_some()) {
            let synced = target.syncer.finish().and_then(|()| target.output.writer.sync_all());
            synced.map_err(|e| write_error(&e, &target.shown))?;
        }
        for target in &mut self.targets {
            if let Some((from, to)) = target.rename.take() {
                fs::rename(&from, &to).map_err(|e| {
                    Error::outside("sink.write", format!("cannot put {} in place: {e}", target.shown)).help(format!(
                        "the rows are whole in {}; {}",
                        from.display(),
                        advice(&e)
                    ))
                })?;
                // A folder cannot be synced on every system; the file itself is safe by now.
                let folder = folder_of(&to).unwrap_or(Path::new("."));
                let _ = File::open(folder).and_then(|f| f.sync_all());
            }
        }
        let Written { rows, bytes } = self.written();
        Ok(Finished { rows, bytes, places: self.targets.iter().map(|t| t.shown.clone()).collect() })
    }

    fn promise(&self) -> Delivery {
        if self.targets.iter().all(|t| t.rename.is_some()) { Delivery::AtomicFinish } else { Delivery::AtLeastOnce }
    }

    fn written(&self) -> Written {
        let sum = |f: fn(&Output<File>) -> u64| self.targets.iter().map(|t| f(&t.output)).sum();
        Written { rows: sum(|o| o.rows), bytes: sum(|o| o.bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use super::path_of;
    use crate::event::Value;
    use std::fs;
    use std::path::Path;

    fn file_spec(folder: &Path, path: &str, format: Format) -> SinkSpec {
        spec(SinkKind::File { path: folder.join(path).display().to_string(), format })
    }

    fn rows() -> RowBatch {
        let mut batch = RowBatch::default();
        add(&mut batch, head(0, 10), &[Value::Str(b"new"), Value::Str(b"/")], &[Value::Int(1), Value::Float(0.5)]);
        add(&mut batch, head(1, 10), &[Value::Str(b"api")], &[Value::Int(2)]);
        batch
    }

    #[test]
    fn a_file_appears_whole_at_the_finish() {
        let dir = tempfile::tempdir().unwrap();
        let (target, part) = (dir.path().join("a/b/pages.ndjson"), dir.path().join("a/b/pages.ndjson.part"));
        let spec = file_spec(dir.path(), "a/b/{name}.ndjson", Format::Json);
        let mut sink = open(&spec, std::io::sink()).unwrap();
        assert_eq!(sink.promise(), Delivery::AtomicFinish);
        sink.write(&rows()).unwrap();
        sink.flush().unwrap();
        assert!(!target.exists());
        assert_eq!(fs::read_to_string(&part).unwrap().lines().count(), 1);
        let finished = sink.finish().unwrap();
        assert!(!part.exists());
        let health = fs::read_to_string(dir.path().join("a/b/health.ndjson")).unwrap();
        let pages = fs::read_to_string(&target).unwrap();
        assert!(pages.starts_with("{\"name\":\"pages\""));
        assert!(health.contains("\"errors\":2"));
        assert_eq!((finished.rows, finished.bytes), (2, (pages.len() + health.len()) as u64));
        assert_eq!(finished.places.len(), 2);
    }

    #[test]
    fn an_older_file_stays_until_the_finish_and_a_dead_part_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (target, part) = (dir.path().join("all.csv"), dir.path().join("all.csv.part"));
        fs::write(&target, "old").unwrap();
        fs::write(&part, "the rest of a run that died, longer than what comes now".repeat(50)).unwrap();
        let spec = file_spec(dir.path(), "all.csv", Format::Csv);
        let mut sink = open(&spec, std::io::sink()).unwrap();
        sink.write(&rows()).unwrap();
        sink.flush().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        drop(sink);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        let mut sink = open(&spec, std::io::sink()).unwrap();
        sink.write(&rows()).unwrap();
        sink.finish().unwrap();
        let text = fs::read_to_string(&target).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("name,window_start,window_end,kind,page,n,avg,service,errors,"));
        assert!(!part.exists());
    }

    #[test]
    fn an_impossible_path_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        for (path, word) in [("file/{name}.csv", "file"), ("folder", "folder")] {
            let error = open(&file_spec(dir.path(), path, Format::Csv), std::io::sink()).err().unwrap();
            assert_eq!(error.code, "sink.open");
            assert!(error.message.contains(word), "{error}");
            assert!(error.help.is_some());
        }
    }

    #[test]
    fn names_cannot_leave_the_folder_or_collide() {
        assert_eq!(path_of("out/{name}.csv", "../../x"), "out/_._.._x.csv");
        let dir = tempfile::tempdir().unwrap();
        let mut spec = file_spec(dir.path(), "{name}.csv", Format::Csv);
        spec.schemas[0].name = "a/b".into();
        spec.schemas[1].name = "a_b".into();
        let error = open(&spec, std::io::sink()).err().unwrap();
        assert!(error.message.contains("'a/b' and 'a_b'"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_rights_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.csv"), dir.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut sink = open(&file_spec(dir.path(), "link.csv", Format::Csv), std::io::sink()).unwrap();
        sink.write(&rows()).unwrap();
        sink.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap().lines().count(), 3);
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// A named pipe in a scratch folder, so that nothing of the system is at stake where this breaks.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_to_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::read_to_string(pipe).unwrap())
        };
        let mut sink = open(&file_spec(dir.path(), "pipe", Format::Json), std::io::sink()).unwrap();
        assert_eq!(sink.promise(), Delivery::AtLeastOnce);
        sink.write(&rows()).unwrap();
        sink.finish().unwrap();
        drop(sink);
        assert_eq!(reader.join().unwrap().lines().count(), 2);
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(!dir.path().join("pipe.part").exists());
    }
}
