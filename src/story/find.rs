//! Files and folders, turned into the case files to run, in an order that depends on their names alone.

use crate::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How the names of case files end, where a folder is looked through.
pub const ENDING: &str = ".case.toml";

/// Finds the case files of all entries: a file is taken as it is; a folder is looked through with all folders in it,
/// hidden ones aside. A file that several entries find is there once.
///
/// # Errors
/// `case.open` where an entry cannot be read, `case.none` where a folder has no case file.
pub fn find(entries: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut all: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let mut found = Vec::new();
        let meta = std::fs::metadata(entry).map_err(|e| cannot(entry, &e))?;
        if meta.is_dir() {
            walk(entry, &mut found)?;
            if found.is_empty() {
                let message = format!("the folder {} has no case files", entry.display());
                return Err(Error::user("case.none", message).help(format!("their names end in {ENDING}")));
            }
            found.sort();
        } else {
            found.push(entry.clone());
        }
        found.retain(|one| !all.contains(one));
        all.extend(found);
    }
    Ok(all)
}

fn cannot(path: &Path, e: &std::io::Error) -> Error {
    Error::user("case.open", format!("cannot read {}: {e}", path.display()))
        .help("name case files, or folders that have some")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |e: std::io::Error| cannot(folder, &e);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link to a folder is not followed, so that no circle is walked.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&path, found)?;
        } else if name.to_string_lossy().ends_with(ENDING) {
            found.push(path);
        }
    }
    Ok(())
}

/// The text of a file of at most `largest` bytes.
pub(super) fn read_text(file: &Path, largest: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(file).and_then(|f| f.take(largest + 1).read_to_end(&mut bytes)).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > largest {
        return Err(format!("it is larger than {} MiB", largest >> 20));
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        format!("it is not UTF-8 text (line {})", memchr::memchr_iter(b'\n', before).count() + 1)
    })
}
