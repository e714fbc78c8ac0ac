//! Values, turned into lines of JSON in a file, in the form in which the engine's file sink writes its rows.
//!
//! Cost: one buffer; a call of the system for each 64 KiB of output.

use crate::time::{EventTime, write_rfc3339};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

const FULL: usize = 64 * 1024;

/// Writes rows.
#[derive(Debug)]
pub struct Rows {
    file: File,
    buffer: Vec<u8>,
    name: &'static str,
    /// All of a row before its first dimension.
    head: Vec<u8>,
    /// True among the steps of a match.
    in_steps: bool,
    /// The first error; rows after it go nowhere.
    error: Option<io::Error>,
    written: u64,
}

impl Rows {
    /// Rows named `name` in a new file.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path, name: &'static str) -> io::Result<Self> {
        let file = File::create(path)?;
        let buffer = Vec::with_capacity(FULL + 4096);
        Ok(Self { file, buffer, name, head: Vec::new(), in_steps: false, error: None, written: 0 })
    }

    /// Says the window of the rows that follow.
    pub fn window(&mut self, start: i64, end: i64) {
        self.head.clear();
        self.head.extend_from_slice(b"{\"name\":\"");
        self.head.extend_from_slice(self.name.as_bytes());
        self.head.extend_from_slice(b"\",\"window_start\":\"");
        write_rfc3339(EventTime(start), &mut self.head);
        self.head.extend_from_slice(b"\",\"window_end\":\"");
        write_rfc3339(EventTime(end), &mut self.head);
        self.head.push(b'"');
    }

    /// Begins a row.
    pub fn begin(&mut self) -> &mut Self {
        self.buffer.extend_from_slice(&self.head);
        self
    }

    fn key(&mut self, name: &str) {
        self.buffer.extend_from_slice(b",\"");
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }

    /// A text.
    pub fn text(&mut self, name: &str, text: &[u8]) -> &mut Self {
        self.key(name);
        self.quoted(text);
        self
    }

    fn quoted(&mut self, text: &[u8]) {
        self.buffer.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' => self.buffer.extend_from_slice(&[b'\\', byte]),
                0..0x20 => self.buffer.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.buffer.push(byte),
            }
        }
        self.buffer.push(b'"');
    }

    /// Begins the row of a match, from its first event to its last.
    pub fn matched(&mut self, name: &str, key: &[u8], start: i64, end: i64) -> &mut Self {
        self.buffer.extend_from_slice(b"{\"name\":\"");
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\",\"key\":");
        self.quoted(key);
        self.buffer.extend_from_slice(b",\"match_start\":\"");
        write_rfc3339(EventTime(start), &mut self.buffer);
        self.buffer.extend_from_slice(b"\",\"match_end\":\"");
        write_rfc3339(EventTime(end), &mut self.buffer);
        self.buffer.push(b'"');
        self
    }

    /// The names of a match's events of one step; steps follow all other values.
    pub fn step<'a>(&mut self, step: &str, ids: impl IntoIterator<Item = &'a [u8]>) -> &mut Self {
        if self.in_steps {
            self.buffer.push(b',');
        } else {
            self.key("events");
            self.buffer.push(b'{');
            self.in_steps = true;
        }
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(step.as_bytes());
        self.buffer.extend_from_slice(b"\":");
        let mut before = b'[';
        for id in ids {
            self.buffer.push(before);
            self.quoted(id);
            before = b',';
        }
        self.buffer.push(b']');
        self
    }

    /// A whole number.
    pub fn whole(&mut self, name: &str, value: u64) -> &mut Self {
        self.key(name);
        self.buffer.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// A number, or null.
    pub fn number(&mut self, name: &str, value: Option<f64>) -> &mut Self {
        self.key(name);
        match value {
            Some(value) => self.buffer.extend_from_slice(zmij::Buffer::new().format(value).as_bytes()),
            None => self.buffer.extend_from_slice(b"null"),
        }
        self
    }

    /// A truth, or null.
    pub fn truth(&mut self, name: &str, value: Option<bool>) -> &mut Self {
        self.key(name);
        self.buffer.extend_from_slice(match value {
            Some(true) => b"true",
            Some(false) => b"false",
            None => b"null",
        });
        self
    }

    /// Ends the row.
    pub fn end(&mut self) {
        if self.in_steps {
            self.buffer.push(b'}');
            self.in_steps = false;
        }
        self.buffer.extend_from_slice(b",\"revision\":0,\"op\":\"+\"}\n");
        self.written += 1;
        if self.buffer.len() >= FULL {
            self.send();
        }
    }

    fn send(&mut self) {
        if self.error.is_none() {
            self.error = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Writes out what is left, and gives the number of rows.
    ///
    /// # Errors
    /// The first error of all writes.
    pub fn finish(mut self) -> io::Result<u64> {
        self.send();
        self.error.map_or(Ok(self.written), Err)
    }
}
