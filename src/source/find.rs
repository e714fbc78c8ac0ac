//! The paths of a source, turned into the files to read, in an order that depends on nothing but their names.
//!
//! A path that exists is taken as it is: a file is itself, a folder is the files in it that are not hidden (not those
//! in folders below). Any other path with `*`, `?` or `[` in it is a pattern: `*` and `?` stand for characters of one
//! name, `[ab]` for one of them, `**` for any folders; hidden names are not matched. The files of one folder or pattern
//! come in the order of the bytes of their paths, those of several entries in the order of the list. A file that
//! several entries find is read once, at the first of them.
//!
//! Errors: `source.open`, `source.path` where a pattern or folder has no file, each with what was asked for.

use crate::error::Error;
use std::fs::Metadata;
use std::path::Path;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: String,
    /// Its bytes when it was found.
    pub length: u64,
}

/// Finds the files of all entries.
///
/// # Errors
/// `source.open` and `source.path`; see the top of this file.
pub fn find(entries: &[String]) -> Result<Vec<Found>, Error> {
    let mut all: Vec<Found> = Vec::new();
    for entry in entries {
        for found in of_entry(entry)? {
            let plain = |path: &str| path.trim_start_matches("./").to_owned();
            if !all.iter().any(|one| plain(&one.path) == plain(&found.path)) {
                all.push(found);
            }
        }
    }
    Ok(all)
}

fn of_entry(entry: &str) -> Result<Vec<Found>, Error> {
    match std::fs::metadata(entry) {
        Ok(meta) if meta.is_dir() => in_folder(entry),
        Ok(meta) => Ok(vec![regular(entry.to_owned(), &meta)?]),
        Err(_) if entry.contains(['*', '?', '[']) => matching(entry),
        Err(e) => Err(cannot_open(entry, &e)),
    }
}

/// Whether two paths lead to one file that exists.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b))
}

/// What is said of a file that cannot be opened.
pub(super) fn cannot_open(path: &str, e: &std::io::Error) -> Error {
    Error::outside("source.open", format!("cannot open {path}: {e}"))
        .help("check the path, relative to the folder the program runs in, and the permission to read it")
}

fn regular(path: String, meta: &Metadata) -> Result<Found, Error> {
    if meta.is_file() {
        return Ok(Found { path, length: meta.len() });
    }
    Err(Error::user("source.open", format!("{path} is not a regular file"))
        .help("pipes and devices are read with type = \"stdin\": highwater run FILE < PIPE"))
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::user("source.path", format!("the name {} is not UTF-8", path.display()))
            .help("rename the file, or name the files to read one by one")
    })
}

fn sorted(mut files: Vec<Found>, none: impl FnOnce() -> Error) -> Result<Vec<Found>, Error> {
    if files.is_empty() {
        return Err(none());
    }
    files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(files)
}

fn in_folder(folder: &str) -> Result<Vec<Found>, Error> {
    let failed = |e: std::io::Error| cannot_open(folder, &e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // A link counts as what it leads to; one that leads nowhere is no file.
        if let Ok(meta) = std::fs::metadata(&path)
            && meta.is_file()
            && !hidden
        {
            files.push(regular(text(&path)?, &meta)?);
        }
    }
    sorted(files, || {
        Error::user("source.path", format!("the folder {folder} has no files that are not hidden"))
            .help("files in folders below it are read with a pattern, such as folder/**/*.ndjson")
    })
}

fn matching(pattern: &str) -> Result<Vec<Found>, Error> {
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let paths = glob::glob_with(pattern, options).map_err(|e| {
        Error::user("source.path", format!("'{pattern}' is not a pattern for files: {}", e.msg))
            .help("use * and ? within a name, [ab] for one of some characters, ** for any folders")
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|e| cannot_open(&e.path().display().to_string(), e.error()))?;
        if let Ok(meta) = std::fs::metadata(&path)
            && meta.is_file()
        {
            files.push(regular(text(&path)?, &meta)?);
        }
    }
    sorted(files, || {
        Error::user("source.path", format!("no file matches {pattern}"))
            .help("patterns are relative to the folder the program runs in; hidden files are not matched")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, entries: &[&str]) -> Result<Vec<String>, Error> {
        let root = format!("{}/", folder.path().display());
        let entries: Vec<String> = entries.iter().map(|e| format!("{root}{e}")).collect();
        let found = find(&entries)?;
        Ok(found.into_iter().map(|f| f.path.strip_prefix(&root).unwrap().to_owned()).collect())
    }

    #[test]
    fn files_come_in_the_order_of_their_bytes_and_of_the_list() {
        let f = folder(&["b.log", "a.log", "B.log", "a.log.1", ".hidden.log", "d/c.log", "d/e/a.log", "[x].log"]);
        assert_eq!(names(&f, &["*.log"]).unwrap(), ["B.log", "[x].log", "a.log", "b.log"]);
        assert_eq!(names(&f, &["**/*.log"]).unwrap().len(), 6);
        assert_eq!(names(&f, &["b.log", "?.log"]).unwrap(), ["b.log", "B.log", "a.log"]);
        assert_eq!(names(&f, &["[x].log"]).unwrap(), ["[x].log"]);
        assert_eq!(names(&f, &[""]).unwrap(), ["B.log", "[x].log", "a.log", "a.log.1", "b.log"]);
        assert_eq!(names(&f, &["d"]).unwrap(), ["d/c.log"]);
    }

    #[test]
    fn what_finds_nothing_says_so() {
        let f = folder(&["d/.hidden", "e/f/g"]);
        for (entry, code) in [
            ("*.none", "source.path"),
            ("d", "source.path"),
            ("e", "source.path"),
            ("a[", "source.path"),
            ("x", "source.open"),
        ] {
            let e = names(&f, &[entry]).unwrap_err();
            assert!(e.code == code && e.help.is_some(), "{entry}: {e:?}");
        }
    }
}
