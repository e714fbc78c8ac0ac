//! The lines of known shapes, read straight through: text that must stand there, a value, text, a value, to the end.
//!
//! A *track* is a shape (keys in their order, white space, nesting) as the bytes between its values. Tracks that begin
//! alike share their first nodes; where they part, a *fork* finds the branch by one byte of the text, or by comparing a
//! word of it with a word of every branch at once. A line that fits a track to its line end has the grammar of the line the track was
//! made of, so that each number is all that is left to check. Any other line is work for the index.
//!
//! In: a line without backslashes and control characters, and the marks of its quotes. Out: a staged row, or "no".
//!
//! Invariants:
//! 1. A track only ever accepts; what it accepts, the index would read to the same row.
//! 2. A path from the root to an end is one shape with all its actions; branches of a fork differ.
//! 3. Bounded: [`MOST`] nodes; one more, and all are forgotten.
//!
//! Cost: per value one look for a quote or one number, and 32 bytes compared.

use super::index::class;
use super::simd::{Kernel, Literal, Probe};
use super::template::{GROUP, Steps, View};

/// Nodes that are kept.
const MOST: usize = 1_024;

/// Tracks that are refused for want of room before all are forgotten.
const PATIENCE: usize = 4_096;

/// No slot.
pub(super) const NOWHERE: u16 = u16::MAX;

/// What follows the text of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string; its slot.
    Text(u16),
    /// The string that the prefilter looks at; its slot.
    Filter(u16),
    /// The time as a string.
    TimeText,
    /// A number; its slot.
    Number(u16),
    /// The time as a number.
    Time,
    /// `true` or `false`; its slot.
    Truth(u16),
    /// Nothing: the text ends with the line end. The range of `nulls`.
    End(u32, u32),
}

/// Text that must stand, and what follows it.
pub(super) struct Node {
    /// The first 32 bytes of the text.
    pub(super) first: Literal,
    /// Further parts of 32 bytes: a range of `parts`.
    pub(super) more: (u32, u32),
    /// Bytes of the text.
    pub(super) len: usize,
    pub(super) kind: Kind,
    /// What comes after the value.
    next: Fork,
}

/// The branches behind a value.
#[derive(Default)]
struct Fork {
    nodes: [u16; GROUP],
    count: usize,
    /// Where the byte or the word is that tells them apart.
    at: usize,
    /// The node by that byte, where one byte is enough: sooner found than by a word.
    table: Option<Box<[u16; 256]>>,
    probe: Box<Probe>,
}

/// A piece of a line: where its text is, and what follows.
struct Piece<'a> {
    text: &'a [u8],
    kind: Kind,
    nulls: &'a [u16],
}

/// All tracks.
#[derive(Default)]
pub(super) struct Tracks {
    root: Fork,
    nodes: Vec<Node>,
    pub(super) parts: Vec<Literal>,
    pub(super) nulls: Vec<u16>,
    refused: usize,
}

impl Tracks {
    /// True where there is no track.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.root.count == 0
    }

    /// The node that may come next, at `text[at..]`: the first one, or behind `node`.
    #[inline(always)]
    pub(super) fn next<K: Kernel>(&self, kernel: K, node: Option<&Node>, text: &[u8], at: usize) -> Option<&Node> {
        let fork = node.map_or(&self.root, |n| &n.next);
        let branch = if fork.count == 1 {
            0
        } else if let Some(table) = &fork.table {
            let byte = *text.get(at + fork.at)?;
            return self.nodes.get(usize::from(table[usize::from(byte)]));
        } else {
            let word = text.get(at + fork.at..)?.first_chunk()?;
            let found = kernel.candidates(&fork.probe, u64::from_le_bytes(*word), 0) & ((1 << fork.count) - 1);
            if found == 0 {
                return None;
            }
            found.trailing_zeros() as usize
        };
        self.nodes.get(usize::from(fork.nodes[branch % GROUP]))
    }

    /// Makes a track of a line that the index has read by `steps`. The line is `start..end` of the window, without
    /// backslashes, and ends with a line end. `untimed`: lines have no time.
    #[inline(never)]
    pub(super) fn learn(&mut self, view: &View<'_>, steps: &Steps, untimed: bool, (start, end): (usize, usize)) {
        if self.refused >= PATIENCE {
            *self = Self::default();
        }
        if !steps.is_plain(untimed) {
            return;
        }
        let mut pieces = pieces(view, steps, start, end);
        // The branch of the deepest fork to which the line fits goes on; from there all is new.
        let mut from = None;
        let mut known = 0;
        while let Some(piece) = pieces.get(known) {
            let fork = self.fork(from);
            let same = |n: &u16| self.is(&self.nodes[usize::from(*n)], piece);
            let Some(node) = fork.nodes[..fork.count].iter().copied().find(same) else { break };
            from = Some(node);
            known += 1;
        }
        let full = self.fork(from).count == GROUP || self.nodes.len() + pieces.len() - known > MOST;
        if full || known == pieces.len() {
            // A line that is known already was led astray at a fork.
            self.refused += 1;
            return;
        }
        for piece in pieces.drain(known..) {
            let node = self.nodes.len() as u16;
            let made = self.make(&piece);
            self.nodes.push(made);
            let fork = match from {
                None => &mut self.root,
                Some(node) => &mut self.nodes[usize::from(node)].next,
            };
            fork.nodes[fork.count] = node;
            fork.count += 1;
            let mut fork = std::mem::take(fork);
            self.choose(&mut fork);
            match from {
                None => self.root = fork,
                Some(node) => self.nodes[usize::from(node)].next = fork,
            }
            from = Some(node);
        }
    }

    fn fork(&self, node: Option<u16>) -> &Fork {
        node.map_or(&self.root, |n| &self.nodes[usize::from(n)].next)
    }

    fn make(&mut self, piece: &Piece<'_>) -> Node {
        let mut parts = piece.text.chunks(32).map(Literal::new);
        let first = parts.next().unwrap_or_else(|| Literal::new(b""));
        let from = self.parts.len() as u32;
        self.parts.extend(parts);
        let kind = match piece.kind {
            Kind::End(..) => {
                let from = self.nulls.len() as u32;
                self.nulls.extend_from_slice(piece.nulls);
                Kind::End(from, self.nulls.len() as u32)
            }
            kind => kind,
        };
        Node { first, more: (from, self.parts.len() as u32), len: piece.text.len(), kind, next: Fork::default() }
    }

    fn is(&self, node: &Node, piece: &Piece<'_>) -> bool {
        let kinds = match (node.kind, piece.kind) {
            (Kind::End(from, to), Kind::End(..)) => self.nulls[from as usize..to as usize] == *piece.nulls,
            (a, b) => a == b,
        };
        kinds && self.text(node) == piece.text
    }

    fn text(&self, node: &Node) -> Vec<u8> {
        let more = &self.parts[node.more.0 as usize..node.more.1 as usize];
        let mut text: Vec<u8> = [&node.first].into_iter().chain(more).flat_map(|p| p.want).collect();
        text.truncate(node.len);
        text
    }

    /// Sorts the branches, longest text first, and chooses the word in which most of them differ.
    fn choose(&self, fork: &mut Fork) {
        let mut branches: Vec<(Vec<u8>, u16)> =
            fork.nodes[..fork.count].iter().map(|n| (self.text(&self.nodes[usize::from(*n)]), *n)).collect();
        branches.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let word = |text: &[u8], at: usize| {
            let (mut word, mut mask) = ([0; 8], [0; 8]);
            for (i, b) in text.iter().skip(at).take(8).enumerate() {
                (word[i], mask[i]) = (*b, 0xff);
            }
            (u64::from_le_bytes(word), u64::from_le_bytes(mask))
        };
        let distinct = |at: &usize| {
            let mut words: Vec<_> = branches.iter().map(|(text, _)| word(text, *at)).collect();
            words.sort_unstable();
            words.dedup();
            words.len()
        };
        // One byte that all have and in which all differ; the text behind a shorter one is a value, and can be anything.
        let shortest = branches.last().map_or(0, |(text, _)| text.len());
        let apart = (0..shortest).find(|at| {
            let mut bytes: Vec<u8> = branches.iter().map(|(text, _)| text[*at]).collect();
            bytes.sort_unstable();
            bytes.dedup();
            bytes.len() == branches.len()
        });
        fork.table = None;
        for (place, (_, node)) in fork.nodes.iter_mut().zip(&branches) {
            *place = *node;
        }
        if let Some(at) = apart {
            let mut table = Box::new([NOWHERE; 256]);
            for (text, node) in &branches {
                table[usize::from(text[at])] = *node;
            }
            (fork.at, fork.table) = (at, Some(table));
            return;
        }
        let longest = branches.first().map_or(0, |(text, _)| text.len());
        // The first place that is best.
        fork.at = (0..longest).rev().max_by_key(distinct).unwrap_or(0);
        *fork.probe = Probe::default();
        for (i, (text, _)) in branches.iter().enumerate() {
            (fork.probe.words[i], fork.probe.masks[i]) = word(text, fork.at);
        }
    }
}

/// A line, cut into texts and values. `start..end`: the line in the window, its line end at `end`.
fn pieces<'a>(view: &View<'a>, steps: &'a Steps, start: usize, end: usize) -> Vec<Piece<'a>> {
    let slot_of =
        |list: &[(u16, u16)], ordinal: u16| list.iter().find(|(o, _)| *o == ordinal).map_or(NOWHERE, |(_, slot)| *slot);
    let classes = view.line_classes();
    let class_at = |i: usize| classes.get(i).copied().unwrap_or(0);
    let mut pieces = Vec::new();
    let mut from = start;
    let mut i = 0;
    while i < classes.len() {
        let ordinal = i as u16;
        match class_at(i) {
            class::QUOTE => {
                let (open, close) = view.quotes(ordinal);
                i += 2;
                if class_at(i) == class::COLON {
                    continue;
                }
                let kind = if steps.time == Some(ordinal) {
                    Kind::TimeText
                } else if steps.filter == Some(ordinal) {
                    Kind::Filter(slot_of(&steps.texts, ordinal))
                } else {
                    Kind::Text(slot_of(&steps.texts, ordinal))
                };
                pieces.push(Piece { text: &view.text[from..=open], kind, nulls: &[] });
                from = close;
                continue;
            }
            kind @ (class::NUMBER | class::TRUTH) => {
                let at = view.at(ordinal);
                let run = view.text[at..end]
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.'));
                let kind = match kind {
                    class::TRUTH => Kind::Truth(slot_of(&steps.truths, ordinal)),
                    _ if steps.time == Some(ordinal) => Kind::Time,
                    _ => Kind::Number(slot_of(&steps.numbers, ordinal)),
                };
                pieces.push(Piece { text: &view.text[from..at], kind, nulls: &[] });
                from = run.map_or(end, |n| at + n);
            }
            // `null` is text: what is not null is another shape.
            _ => {}
        }
        i += 1;
    }
    pieces.push(Piece { text: &view.text[from..=end], kind: Kind::End(0, 0), nulls: &steps.nulls });
    pieces
}
