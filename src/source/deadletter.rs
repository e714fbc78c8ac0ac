//! Rejected lines, and events that were too late for a window, turned into a dead-letter file in the order of the input.
//!
//! One JSON object a line: `source`, `partition`, `position` (bytes from the partition's start), `length`, `reason`,
//! of events that were too late the `part`, `detail`, and the original bytes as `line` (text) or, where they are not
//! UTF-8, as `line_base64`. Blocks of a partition are written in their order whatever worker had them; those of several
//! partitions come in any order among each other. [`super::Letters`] reads the file again.

use crate::error::Error;
use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// One rejected line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Bytes from the partition's start.
    pub position: u64,
    /// Bytes of the line.
    pub length: u64,
    /// The stable code of the reason.
    pub reason: &'static str,
    /// What exactly is wrong.
    pub detail: String,
    /// The original bytes; empty where the line was too long to keep.
    pub line: Vec<u8>,
}

/// The dead-letter file of one source in one process.
pub struct DeadLetters {
    path: PathBuf,
    part: Option<String>,
    lanes: Vec<Lane>,
    state: Mutex<State>,
}

/// A partition whose letters a file keeps.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The source.
    pub source: String,
    /// The partition.
    pub partition: String,
    /// The number of its first block in this process.
    pub first: u64,
    /// From one block of this process to the next.
    pub step: u64,
}

struct State {
    out: BufWriter<File>,
    next: Vec<u64>,
    waiting: Vec<BTreeMap<u64, Vec<DeadLetter>>>,
    failed: bool,
}

impl DeadLetters {
    /// Makes the file, and its folder. `part`: the window that the letters were too late for.
    ///
    /// # Errors
    /// `source.dead_letters` where it cannot be made.
    pub fn create(path: &Path, part: Option<&str>, lanes: Vec<Lane>) -> Result<Self, Error> {
        let failed = |e: std::io::Error| {
            Error::outside("source.dead_letters", format!("cannot make the dead-letter file: {e}"))
                .at(path.display().to_string())
                .help("check the folder and the permission to write, or choose another path")
        };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let out = BufWriter::new(File::create(path).map_err(failed)?);
        Ok(Self {
            path: path.to_owned(),
            part: part.map(str::to_owned),
            state: Mutex::new(State {
                out,
                next: lanes.iter().map(|lane| lane.first).collect(),
                waiting: lanes.iter().map(|_| BTreeMap::new()).collect(),
                failed: false,
            }),
            lanes,
        })
    }

    /// Takes the rejects of one block; every block of the process must come here once, also those without any.
    ///
    /// # Errors
    /// `source.dead_letters` where writing fails; once, later blocks are dropped.
    pub fn block(&self, lane: usize, index: u64, letters: Vec<DeadLetter>) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.waiting[lane].insert(index, letters);
        while let Some(letters) = {
            let next = state.next[lane];
            state.waiting[lane].remove(&next)
        } {
            state.next[lane] += self.lanes[lane].step;
            for letter in &letters {
                let text = self.text(lane, letter);
                if !state.failed
                    && let Err(e) = state.out.write_all(text.as_bytes())
                {
                    state.failed = true;
                    return Err(self.cannot_write(&e));
                }
            }
        }
        Ok(())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// `source.dead_letters` where writing fails.
    pub fn finish(&self) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Only a run that was cut short has blocks here that wait for one before them.
        for lane in 0..state.waiting.len() {
            for (_, letters) in std::mem::take(&mut state.waiting[lane]) {
                for letter in &letters {
                    let text = self.text(lane, letter);
                    state.out.write_all(text.as_bytes()).map_err(|e| self.cannot_write(&e))?;
                }
            }
        }
        state.out.flush().map_err(|e| self.cannot_write(&e))
    }

    fn cannot_write(&self, e: &std::io::Error) -> Error {
        Error::outside("source.dead_letters", format!("cannot write the dead-letter file: {e}"))
            .at(self.path.display().to_string())
            .help("make room on the disk, or choose another path")
    }

    fn text(&self, lane: usize, letter: &DeadLetter) -> String {
        #[derive(serde::Serialize)]
        struct Form<'a> {
            source: &'a str,
            partition: &'a str,
            position: u64,
            length: u64,
            reason: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            part: Option<&'a str>,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            line_base64: Option<String>,
        }
        let line = std::str::from_utf8(&letter.line).ok();
        let form = Form {
            source: &self.lanes[lane].source,
            partition: &self.lanes[lane].partition,
            position: letter.position,
            length: letter.length,
            reason: letter.reason,
            part: self.part.as_deref(),
            detail: &letter.detail,
            line,
            line_base64: line.is_none().then(|| STANDARD.encode(&letter.line)),
        };
        let mut text = serde_json::to_string(&form).expect("a dead letter is plain text and numbers");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_written_in_the_order_of_the_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/dead.ndjson");
        let lane = Lane { source: "events".into(), partition: "a".into(), first: 0, step: 1 };
        let dead = DeadLetters::create(&path, None, vec![lane]).unwrap();
        let letter = |position, line: &[u8]| DeadLetter {
            position,
            length: line.len() as u64,
            reason: "syntax",
            detail: "why".into(),
            line: line.to_vec(),
        };
        dead.block(0, 2, vec![letter(20, b"{2")]).unwrap();
        dead.block(0, 1, vec![]).unwrap();
        dead.block(0, 0, vec![letter(0, b"{0"), letter(3, b"\xff")]).unwrap();
        dead.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(rows.iter().map(|r| r["position"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 3, 20]);
        assert_eq!(rows[0]["line"], "{0");
        assert_eq!(rows[1]["line_base64"], "/w==");
    }
}
