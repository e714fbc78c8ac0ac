//! Files, turned into numbered blocks of whole lines that any worker can read in any order.
//!
//! Block `k` of a file holds the lines that *begin* in bytes `k * B .. (k + 1) * B`. A worker finds the first line by
//! looking at the byte before the block, and reads past the end of the block until the last line is whole. The blocks
//! of a second file are numbered on from those of the first, and its bytes are counted on.
//!
//! Errors: `source.open`, `source.read`, `source.truncated`, `source.header`, each with the path.

use super::{Block, Claims, Draw, Found, Lines, Next, Partition, Share, head_too_long};
use crate::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Files that are read once, one after the other, each from its beginning to the end it had when it was opened.
#[derive(Debug)]
pub struct FilePartition {
    name: String,
    files: Vec<OneFile>,
    blocks: u64,
    length: u64,
    lines: Lines,
    share: Share,
    claims: Claims,
}

/// How many bytes to leave free at the front of `buffer` before `length` bytes of a file from `from` on.
///
/// The system copies them out of its pages, and a copy to a place that is a few bytes ahead of its origin, seen modulo
/// a page, is up to six times as slow on some CPUs: each store seems to meet the next load (measured on AMD Zen 3: 0.55
/// instead of 0.10 ns a byte for distances of 1 to 17). So the place is a quarter of a page ahead.
fn pad(buffer: &mut Vec<u8>, length: usize, from: u64) -> usize {
    const PAGE: usize = 4_096;
    // What is in the buffer stays to be written over: emptied, it would be filled with zeros again.
    buffer.reserve((length + PAGE + REST).saturating_sub(buffer.len()));
    (from as usize + PAGE / 4).wrapping_sub(buffer.as_ptr() as usize) % PAGE
}

/// Room for the rest of the last line of a block, so that the buffer seldom moves.
const REST: usize = 16 * 1024;

#[derive(Debug)]
struct OneFile {
    path: String,
    file: File,
    length: u64,
    /// The number of its first block.
    first: u64,
    /// Bytes of the files before it.
    base: u64,
    /// Bytes before its first line of data: a byte order mark and the header.
    skip: u64,
    head: Option<Arc<[u8]>>,
}

impl FilePartition {
    /// Opens one file as a partition of its name.
    ///
    /// # Errors
    /// As [`FilePartition::open`].
    pub fn one(path: &str, lines: Lines, share: Share) -> Result<Self, Error> {
        Self::open(path, &[Found { path: path.to_owned(), length: 0 }], lines, share)
    }

    /// Opens files as one partition.
    ///
    /// # Errors
    /// `source.open` where a file cannot be opened or is a folder, `source.header` where its header is too long.
    pub fn open(name: &str, found: &[Found], lines: Lines, share: Share) -> Result<Self, Error> {
        let (mut files, mut first, mut base) = (Vec::new(), 0, 0);
        for Found { path, .. } in found {
            let failed = |e: std::io::Error| super::find::cannot_open(path, &e);
            let file = File::open(path).map_err(failed)?;
            let meta = file.metadata().map_err(failed)?;
            if !meta.is_file() {
                return Err(Error::user("source.open", format!("{path} is not a regular file"))
                    .help("pipes and devices are read with type = \"stdin\": highwater run FILE < PIPE"));
            }
            let length = meta.len();
            let mut one = OneFile { path: path.clone(), file, length, first, base, skip: 0, head: None };
            one.begin(lines)?;
            files.push(one);
            first += length.div_ceil(lines.block);
            base += length;
        }
        let name = name.to_owned();
        Ok(Self { name, files, blocks: first, length: base, lines, share, claims: Claims::new(share) })
    }
}

impl OneFile {
    /// Reads what stands before the first line.
    fn begin(&mut self, lines: Lines) -> Result<(), Error> {
        let mut mark = [0; 3];
        if self.length >= 3 {
            self.read_at(&mut mark, 0)?;
        }
        let mark = if mark == super::MARK { 3 } else { 0 };
        self.skip = mark;
        if lines.header {
            let end = self.line_end(mark)?;
            if end - mark > lines.max_line {
                return Err(head_too_long(&self.path));
            }
            let mut head = vec![0; (end - mark) as usize];
            self.read_at(&mut head, mark)?;
            self.head = Some(head.into());
            self.skip = (end + 1).min(self.length);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<(), Error> {
        self.file.read_exact_at(buffer, position).map_err(|e| {
            if e.kind() == std::io::ErrorKind::UnexpectedEof {
                Error::outside("source.truncated", "the file became shorter while it was read")
                    .at(format!("{} at byte {position}", self.path))
                    .help("let nothing truncate an input file during a run")
            } else {
                Error::outside("source.read", format!("cannot read: {e}"))
                    .at(format!("{} at byte {position}", self.path))
                    .help("check the disk and run again")
            }
        })
    }

    /// Where the first line end at or after `from` is, reading on in small steps; the file's length without one.
    fn line_end(&self, from: u64) -> Result<u64, Error> {
        let mut piece = [0u8; 4096];
        let mut at = from;
        while at < self.length {
            let n = piece.len().min((self.length - at) as usize);
            self.read_at(&mut piece[..n], at)?;
            if let Some(i) = memchr::memchr(b'\n', &piece[..n]) {
                return Ok(at + i as u64);
            }
            at += n as u64;
        }
        Ok(self.length)
    }

    fn read_block(&self, index: u64, buffer: &mut Vec<u8>, lines: Lines) -> Result<Block, Error> {
        let Lines { block, max_line, .. } = lines;
        let start = (index - self.first) * block;
        let end = (start + block).min(self.length);
        let empty = |position| Block {
            index,
            range: 0..0,
            position,
            oversized: Vec::new(),
            head: self.head.clone(),
            arrived: None,
        };
        if end <= self.skip {
            return Ok(empty(self.base + end));
        }
        // The block in which the first line of data begins has nothing before it.
        let start = start.max(self.skip);
        let whole = start == self.skip;
        // One byte before the block tells whether a line begins at its first byte.
        let from = start.saturating_sub(u64::from(!whole));
        let mut oversized = Vec::new();
        let pad = pad(buffer, (end - from) as usize, from);
        buffer.resize(pad + (end - from) as usize, 0);
        self.read_at(&mut buffer[pad..], from)?;
        // The place in the partition of the buffer's first byte, if there were one for it.
        let origin = (self.base + from).wrapping_sub(pad as u64);
        let mut first = pad;
        if !whole {
            first = memchr::memchr(b'\n', &buffer[pad..]).map_or(buffer.len(), |i| pad + i + 1);
        }
        if first == buffer.len() {
            return Ok(empty(self.base + end));
        }
        // The last line may go on behind the block.
        if buffer.last() != Some(&b'\n') && end < self.length {
            let line = memchr::memrchr(b'\n', buffer).map_or(first, |i| (i + 1).max(first));
            let allowed = max_line.saturating_sub((buffer.len() - line) as u64);
            let mut position = end;
            let mut piece = 8 * 1024;
            loop {
                let n = piece.min(self.length - position).min(allowed + 1 - (position - end));
                let old = buffer.len();
                buffer.resize(old + n as usize, 0);
                self.read_at(&mut buffer[old..], position)?;
                position += n;
                if let Some(i) = memchr::memchr(b'\n', &buffer[old..]) {
                    buffer.truncate(old + i + 1);
                    break;
                }
                if position == self.length && position - end <= allowed {
                    break;
                }
                if position - end > allowed {
                    let (line_start, line_end) =
                        (origin.wrapping_add(line as u64), self.base + self.line_end(position)?);
                    oversized.push((line_start, line_end - line_start));
                    buffer.truncate(line);
                    break;
                }
                piece *= 2;
            }
        }
        // Lines that lie within the block can be too long as well.
        if max_line < block {
            let mut kept = first;
            let mut at = first;
            while at < buffer.len() {
                let stop = memchr::memchr(b'\n', &buffer[at..]).map_or(buffer.len(), |i| at + i + 1);
                let length = stop - at - usize::from(buffer[stop - 1] == b'\n');
                if length as u64 > max_line {
                    oversized.push((origin.wrapping_add(at as u64), length as u64));
                    // Blank it out: positions of the other lines stay true.
                    buffer[at..stop].fill(b' ');
                    buffer[stop - 1] = b'\n';
                }
                kept = stop;
                at = stop;
            }
            buffer.truncate(kept);
            oversized.sort_unstable();
        }
        let range = first..buffer.len().max(first);
        let position = origin.wrapping_add(range.start as u64);
        Ok(Block { index, position, range, oversized, head: self.head.clone(), arrived: None })
    }
}

impl Partition for FilePartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        let Some(index) = self.claims.next(|index| index < self.blocks)? else { return Ok(Next::End) };
        // Of files without a byte, which begin where the next one does, the last holds: it has the block.
        let file = &self.files[self.files.partition_point(|f| f.first <= index) - 1];
        Ok(Next::Block(file.read_block(index, buffer, self.lines)?))
    }

    fn stop(&self) -> u64 {
        self.claims.stop()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn inputs(&self) -> Vec<Found> {
        self.files.iter().map(|f| Found { path: f.path.clone(), length: f.length }).collect()
    }

    fn is_shared(&self) -> bool {
        self.share.processes > 1
    }

    fn can_draw(&self) -> bool {
        self.is_shared()
    }

    fn draw_from(&self, draw: Draw) {
        self.claims.draw_from(draw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const ONE: Share = Share { process: 0, processes: 1 };

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let mut f = tempfile::NamedTempFile::new().unwrap();
        f.write_all(text).unwrap();
        f
    }

    fn open(path: &str, max_line: u64, share: Share, block: u64) -> FilePartition {
        FilePartition::one(path, Lines { max_line, block, header: false }, share).unwrap()
    }

    /// Lines with their positions, and (position, length) of those that are too long.
    type Told = (Vec<(u64, Vec<u8>)>, Vec<(u64, u64)>);

    fn lines(path: &str, block: u64, max_line: u64, shares: u64) -> Told {
        let (mut found, mut long) = (Vec::new(), Vec::new());
        for process in 0..shares {
            let p = open(path, max_line, Share { process, processes: shares }, block);
            let mut buffer = Vec::new();
            while let Next::Block(b) = p.next(&mut buffer).unwrap() {
                assert_eq!(b.index % shares, process);
                let mut at = b.position;
                for line in buffer[b.range].split_inclusive(|c| *c == b'\n') {
                    let text: Vec<u8> = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
                    if !text.iter().all(|c| *c == b' ') {
                        found.push((at, text));
                    }
                    at += line.len() as u64;
                }
                long.extend(b.oversized);
            }
        }
        found.sort();
        long.sort();
        (found, long)
    }

    #[test]
    fn every_line_is_in_exactly_one_block_at_any_block_size() {
        let text = b"one\ntwo two\n\nthree three three\nfour\nthe last has no end";
        let f = file(text);
        let path = f.path().to_str().unwrap();
        let mut expected = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive(|c| *c == b'\n') {
            let t = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
            if !t.is_empty() {
                expected.push((at, t));
            }
            at += line.len() as u64;
        }
        for block in 1..80 {
            for shares in 1..4 {
                assert_eq!(lines(path, block, 1 << 20, shares).0, expected, "block {block}, shares {shares}");
            }
        }
    }

    #[test]
    fn lines_over_the_limit_are_named_and_left_out() {
        let long = "x".repeat(50);
        let text = format!("short\n{long}\nalso\n{long}{long}\nend\n{long}");
        let f = file(text.as_bytes());
        for block in 1..200 {
            let (found, over) = lines(f.path().to_str().unwrap(), block, 20, 1);
            let texts: Vec<_> = found.iter().map(|(_, t)| String::from_utf8_lossy(t).into_owned()).collect();
            assert_eq!(texts, ["short", "also", "end"], "block {block}");
            assert_eq!(over, [(6, 50), (62, 100), (167, 50)], "block {block}");
        }
    }

    #[test]
    fn stop_gives_the_first_block_that_is_not_read() {
        let f = file(&b"0123456\n".repeat(10));
        let p = open(f.path().to_str().unwrap(), 100, ONE, 8);
        let mut buffer = Vec::new();
        assert!(matches!(p.next(&mut buffer).unwrap(), Next::Block(b) if b.index == 0));
        assert_eq!(p.stop(), 1);
        assert_eq!(p.next(&mut buffer).unwrap(), Next::End);
        assert_eq!(p.stop(), 1);
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let e = FilePartition::one("/nowhere/at/all", Lines::new(1), ONE).unwrap_err();
        assert_eq!(e.code, "source.open");
        assert!(e.help.is_some());
    }

    #[test]
    fn an_empty_file_ends_at_once() {
        let f = file(b"");
        let p = FilePartition::one(f.path().to_str().unwrap(), Lines::new(10), ONE).unwrap();
        assert_eq!(p.next(&mut Vec::new()).unwrap(), Next::End);
    }

    #[test]
    fn files_read_as_one_have_each_line_once_with_its_place_and_header() {
        let texts: [&[u8]; 5] =
            [b"h1\none\ntwo", b"", b"h2", b"\xef\xbb\xbfh3\nthree\n", b"h4\n\nfour, a long one\nfive\n"];
        let files: Vec<_> = texts.iter().map(|t| file(t)).collect();
        let found: Vec<Found> =
            files.iter().map(|f| Found { path: f.path().to_str().unwrap().to_owned(), length: 0 }).collect();
        for block in 1..40 {
            for processes in 1..3 {
                let mut seen = Vec::new();
                for process in 0..processes {
                    let lines = Lines { max_line: 100, block, header: true };
                    let p = FilePartition::open("all", &found, lines, Share { process, processes }).unwrap();
                    let mut buffer = Vec::new();
                    while let Next::Block(b) = p.next(&mut buffer).unwrap() {
                        let mut at = b.position;
                        for line in buffer[b.range].split_inclusive(|c| *c == b'\n') {
                            let head = String::from_utf8(b.head.as_ref().unwrap().to_vec()).unwrap();
                            let text = String::from_utf8_lossy(line).trim().to_owned();
                            seen.push((at, head, text));
                            at += line.len() as u64;
                        }
                    }
                }
                seen.sort();
                let seen: Vec<_> =
                    seen.iter().map(|(at, h, t)| (*at, h.as_str(), t.as_str())).filter(|s| !s.2.is_empty()).collect();
                let expected = [
                    (3, "h1", "one"),
                    (7, "h1", "two"),
                    (18, "h3", "three"),
                    (28, "h4", "four, a long one"),
                    (45, "h4", "five"),
                ];
                assert_eq!(seen, expected, "block {block}, {processes} processes");
            }
        }
    }
}
