//! Dead-letter files, turned into partitions again: the lines that could not be used, as they are now.
//!
//! Whoever has mended the lines in the file, or the pipeline that could not read them, feeds them back. The letters of
//! each partition are a partition of their own, in the order of the file, so that their event times are no further
//! apart than they were. Letters without bytes (the line was longer than `max_line`) are left out and counted.
//!
//! Cost: a file is read once to see what it has, and once more for each partition that it has letters of, by a thread of
//! its own.
//!
//! Errors: `source.open`; `source.letter` for what is no letter, with file and line.

use super::find::cannot_open;
use super::stream::{Input, Inputs, ROOM};
use super::{Found, Lines, Partition, StreamPartition};
use crate::error::Error;
use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// What is read of a letter.
#[derive(Deserialize)]
struct Letter<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    partition: Cow<'a, str>,
    #[serde(borrow, default)]
    line: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    line_base64: Option<Cow<'a, str>>,
}

impl Letter<'_> {
    /// The bytes of the line, where there are any; `None` where what stands for them is not base 64.
    fn bytes(&self) -> Option<Vec<u8>> {
        match (&self.line, &self.line_base64) {
            (Some(line), _) => Some(line.as_bytes().to_vec()),
            (None, Some(text)) => STANDARD.decode(text.as_bytes()).ok(),
            (None, None) => Some(Vec::new()),
        }
    }
}

/// The letters of one partition in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letters {
    /// The source that they are of.
    pub source: String,
    /// What its partition was called.
    pub partition: String,
    /// The file.
    pub found: Found,
    /// Letters with bytes.
    pub lines: u64,
    /// Letters without.
    pub empty: u64,
}

impl Letters {
    /// Reads a file once: which partitions it has letters of, in the order in which they come.
    ///
    /// # Errors
    /// Where it cannot be read, or is no file of letters; see the top of this file.
    pub fn scan(path: &str) -> Result<Vec<Self>, Error> {
        let file = File::open(path).map_err(|e| cannot_open(path, &e))?;
        let length = file.metadata().map_err(|e| cannot_open(path, &e))?.len();
        let (mut all, mut text, mut number) = (Vec::<Self>::new(), Vec::new(), 0);
        let mut reader = BufReader::new(file);
        loop {
            text.clear();
            if reader.read_until(b'\n', &mut text).map_err(|e| cannot_open(path, &e))? == 0 {
                return Ok(all);
            }
            number += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            let no_letter = |why: String| {
                Error::user("source.letter", format!("not a dead letter: {why}"))
                    .at(format!("{path}:{number}"))
                    .help("give a file that dead_letters or too_late has written; edit only the text of \"line\"")
            };
            let letter: Letter<'_> = serde_json::from_slice(&text).map_err(|e| no_letter(e.to_string()))?;
            let bytes = letter.bytes().ok_or_else(|| no_letter("line_base64 is not base 64".to_owned()))?;
            if bytes.contains(&b'\n') {
                return Err(no_letter("its line has several lines".to_owned()));
            }
            let known = all.iter().position(|one| *one.source == *letter.source && *one.partition == *letter.partition);
            let at = known.unwrap_or_else(|| {
                all.push(Self {
                    source: letter.source.clone().into_owned(),
                    partition: letter.partition.clone().into_owned(),
                    found: Found { path: path.to_owned(), length },
                    lines: 0,
                    empty: 0,
                });
                all.len() - 1
            });
            if bytes.is_empty() { all[at].empty += 1 } else { all[at].lines += 1 }
        }
    }

    /// What users call the partition.
    fn name(&self) -> String {
        format!("{} in {}", self.partition, self.found.path)
    }

    /// Starts the thread that reads the letters; `ours`: this process does.
    pub fn open(self, lines: Lines, ours: bool) -> Box<dyn Partition> {
        let (name, found) = (self.name(), vec![self.found.clone()]);
        if !ours {
            return Box::new(StreamPartition::nothing(&name, found));
        }
        let mut once = Some(self);
        let inputs: Inputs = Box::new(move |_| {
            let letters = once.take()?;
            let path = letters.found.path.clone();
            Some(match File::open(&path) {
                Ok(file) => {
                    Ok(Input { name: path, reader: Box::new(Reading::new(letters, file)), live: false, room: ROOM })
                }
                Err(e) => Err(cannot_open(&path, &e)),
            })
        });
        Box::new(StreamPartition::of(&name, found, inputs, Lines { header: false, ..lines }))
    }
}

/// The lines of one partition's letters, one after the other.
struct Reading {
    letters: Letters,
    file: BufReader<File>,
    text: Vec<u8>,
    line: Vec<u8>,
    given: usize,
}

impl Reading {
    fn new(letters: Letters, file: File) -> Self {
        Self { letters, file: BufReader::new(file), text: Vec::new(), line: Vec::new(), given: 0 }
    }
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.line.len() {
            self.text.clear();
            if self.file.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(0);
            }
            // Checked when the file was scanned; what has been changed since is left out.
            let Ok(letter) = serde_json::from_slice::<Letter<'_>>(&self.text) else { continue };
            if *letter.source != *self.letters.source || *letter.partition != *self.letters.partition {
                continue;
            }
            let Some(bytes) = letter.bytes().filter(|bytes| !bytes.is_empty()) else { continue };
            self.line = bytes;
            self.line.push(b'\n');
            self.given = 0;
        }
        let n = out.len().min(self.line.len() - self.given);
        out[..n].copy_from_slice(&self.line[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DeadLetter, DeadLetters, Lane, Next};
    use super::*;

    fn lines(partition: &dyn Partition) -> Vec<u8> {
        let (wake, woken) = std::sync::mpsc::channel();
        partition.on_ready(Box::new(move || {
            let _ = wake.send(());
        }));
        let (mut all, mut buffer) = (Vec::new(), Vec::new());
        loop {
            match partition.next(&mut buffer).unwrap() {
                Next::Block(block) => all.extend_from_slice(&buffer[block.range]),
                Next::Wait(_) => woken.recv().unwrap(),
                Next::End => return all,
            }
        }
    }

    #[test]
    fn letters_come_back_as_they_were_written_each_partition_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.ndjson");
        let lane = |partition: &str| Lane { source: "events".into(), partition: partition.into(), first: 0, step: 1 };
        let dead = DeadLetters::create(&path, Some("w"), vec![lane("a"), lane("b")]).unwrap();
        let letter = |line: &[u8], length| DeadLetter {
            position: 0,
            length,
            reason: "syntax",
            detail: "why".into(),
            line: line.to_vec(),
        };
        dead.block(0, 0, vec![letter(b"{\"a\": \"\\u00fc \xc3\xbc\"", 9), letter(b"", 1 << 30)]).unwrap();
        dead.block(1, 0, vec![letter(b"\xff\x00 raw", 6)]).unwrap();
        dead.block(0, 1, vec![letter(b"second", 6)]).unwrap();
        dead.finish().unwrap();
        let path = path.to_str().unwrap();
        let all = Letters::scan(path).unwrap();
        let counts: Vec<_> = all.iter().map(|l| (&*l.partition, l.lines, l.empty)).collect();
        assert_eq!(counts, [("a", 2, 1), ("b", 1, 0)]);
        let read = |i: usize| lines(&*all[i].clone().open(Lines::new(1 << 20), true));
        assert_eq!(read(0), b"{\"a\": \"\\u00fc \xc3\xbc\"\nsecond\n");
        assert_eq!(read(1), b"\xff\x00 raw\n");
        assert_eq!(lines(&*all[0].clone().open(Lines::new(1 << 20), false)), b"");
    }

    #[test]
    fn what_is_no_letter_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ndjson");
        let good = "{\"source\":\"e\",\"partition\":\"p\",\"line\":\"x\"}\n";
        for (bad, says) in [
            ("{\"timestamp\": 3}\n", "missing field"),
            ("not json\n", "expected"),
            ("{\"source\":\"e\",\"partition\":\"p\",\"line_base64\":\"Z\"}\n", "base 64"),
            ("{\"source\":\"e\",\"partition\":\"p\",\"line\":\"x\\ny\"}\n", "several lines"),
        ] {
            std::fs::write(&path, format!("{good}\n{bad}")).unwrap();
            let error = Letters::scan(path.to_str().unwrap()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("x.ndjson:3"), "{error}");
        }
    }
}
