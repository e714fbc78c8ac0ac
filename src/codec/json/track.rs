//! The shapes of lines seen lately: text that must stand there, a value, text, a value, to the end.
//!
//! A *track* is a shape (keys in their order, white space, nesting) as the bytes between its values. Tracks that begin
//! alike share their first nodes; where they part, a *fork* finds the branch by one byte of the text, or by comparing a
//! word of it with a word of every branch at once. A line that fits a track to its line end has the grammar of the line
//! the track was made of, so that each number is all that is left to check. Any other line is work for the index.
//!
//! Invariants:
//! 1. A track only ever accepts; what it accepts, the index would read to the same row.
//! 2. A path from the root to an end is one shape with all its actions; branches of a fork differ.
//! 3. What comes after a node stands behind it in the list: the next one, or the branches of its fork.
//! 4. Only the text of an end has a line end, its last byte.
//! 5. Bounded: [`MOST`] nodes; one more, and all are forgotten.

use super::index::class;
use super::simd::{Literal, Probe};
use super::template::{GROUP, Steps, View};

/// Nodes that are kept.
const MOST: usize = 1_024;

/// Tracks that are refused for want of room before all are forgotten.
const PATIENCE: usize = 4_096;

/// No slot, no fork, no node.
pub(super) const NOWHERE: u16 = u16::MAX;

/// What follows the text of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// The string that the prefilter looks at.
    Filter,
    /// The time as a string.
    TimeText,
    /// A number.
    Number,
    /// The time as a number.
    Time,
    /// `true` or `false`.
    Truth,
    /// Nothing: the text ends with the line end.
    End,
}

/// Text that must stand, and what follows it.
pub(super) struct Node {
    /// The first 32 bytes of the text.
    pub(super) first: Literal,
    /// Bytes of the text.
    pub(super) len: u32,
    pub(super) kind: Kind,
    /// Where the value goes; [`NOWHERE`] where nobody wants it.
    pub(super) slot: u16,
    /// The fork behind the value; [`NOWHERE`]: the next node of the list comes.
    fork: u16,
    /// Further parts of 32 bytes: a range of `parts`.
    more: (u32, u32),
    /// Of an end: a range of `nulls`.
    nulls: (u32, u32),
}

/// The branches behind a value.
#[derive(Default)]
pub(super) struct Fork {
    nodes: [u16; GROUP],
    count: usize,
    /// The chains of the branches.
    chains: [u16; GROUP],
    /// Where the byte or the word is that tells them apart.
    pub(super) at: usize,
    /// The branch by that byte, where one byte is enough: sooner found than by a word.
    pub(super) table: Option<Box<[u8; 256]>>,
    pub(super) probe: Box<Probe>,
}

impl Fork {
    /// A bit for each branch.
    #[inline(always)]
    pub(super) fn all(&self) -> u32 {
        (1 << self.count) - 1
    }

    /// The chains of the branches.
    #[inline(always)]
    pub(super) fn chains(&self) -> &[u16] {
        &self.chains[..self.count.min(GROUP)]
    }
}

/// Nodes one behind the other, without a fork between.
pub(super) struct Chain {
    nodes: std::ops::Range<usize>,
    /// The fork behind them; none behind an end.
    fork: u16,
}

/// What fits no branch.
pub(super) const NO_BRANCH: u8 = u8::MAX;

/// A piece of a line: where its text is, and what follows.
struct Piece<'a> {
    text: &'a [u8],
    kind: Kind,
    slot: u16,
    nulls: &'a [u16],
}

/// All tracks.
#[derive(Default)]
pub(super) struct Tracks {
    nodes: Vec<Node>,
    /// The first is where lines begin.
    forks: Vec<Fork>,
    /// In the order of their nodes: every chain comes before those behind its fork.
    chains: Vec<Chain>,
    parts: Vec<Literal>,
    /// Slots.
    nulls: Vec<u16>,
    refused: usize,
}

impl Tracks {
    /// True where there is no track.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All chains.
    #[inline(always)]
    pub(super) fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The nodes of a chain.
    #[inline(always)]
    pub(super) fn nodes(&self, chain: &Chain) -> &[Node] {
        &self.nodes[chain.nodes.clone()]
    }

    /// The fork where lines begin.
    #[inline(always)]
    pub(super) fn root(&self) -> Option<&Fork> {
        self.forks.first()
    }

    /// The fork behind a chain.
    #[inline(always)]
    pub(super) fn fork(&self, chain: &Chain) -> Option<&Fork> {
        self.forks.get(usize::from(chain.fork))
    }

    /// The further parts of the text of a node.
    #[inline(always)]
    pub(super) fn parts(&self, node: &Node) -> &[Literal] {
        &self.parts[node.more.0 as usize..node.more.1 as usize]
    }

    /// The slots that are null at an end.
    #[inline(always)]
    pub(super) fn nulls(&self, node: &Node) -> &[u16] {
        &self.nulls[node.nulls.0 as usize..node.nulls.1 as usize]
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
            let branches = self.branches(from);
            let Some(node) = branches.into_iter().find(|n| self.is(&self.nodes[usize::from(*n)], piece)) else { break };
            from = Some(node);
            known += 1;
        }
        let mut branches = self.branches(from);
        let full = branches.len() == GROUP || self.nodes.len() + pieces.len() - known > MOST;
        if full || known == pieces.len() {
            // A line that is known already was led astray at a fork, or its like came before it in the window.
            self.refused += 1;
            return;
        }
        let first = self.nodes.len() as u16;
        for piece in pieces.drain(known..) {
            let made = self.make(&piece);
            self.nodes.push(made);
        }
        branches.push(first);
        match from {
            Some(node) => {
                let fork = self.nodes[usize::from(node)].fork;
                let fork = if fork == NOWHERE { self.forks.len() as u16 } else { fork };
                self.nodes[usize::from(node)].fork = fork;
                self.choose(fork, &branches);
            }
            None => self.choose(0, &branches),
        }
        self.link();
    }

    /// Finds the chains anew.
    fn link(&mut self) {
        let mut heads: Vec<u16> = self.forks.iter().flat_map(|f| &f.nodes[..f.count]).copied().collect();
        heads.sort_unstable();
        self.chains.clear();
        for head in heads.iter().map(|h| usize::from(*h)) {
            let ends = |n: &Node| n.fork != NOWHERE || n.kind == Kind::End;
            let last = self.nodes[head..].iter().position(ends).map_or(head, |n| head + n);
            self.chains.push(Chain { nodes: head..last + 1, fork: self.nodes[last].fork });
        }
        for fork in &mut self.forks {
            for (chain, node) in fork.chains.iter_mut().zip(&fork.nodes[..fork.count]) {
                *chain = heads.partition_point(|head| head < node) as u16;
            }
        }
    }

    /// The nodes that may come behind a node, or first of all.
    fn branches(&self, node: Option<u16>) -> Vec<u16> {
        let fork = match node {
            None => 0,
            Some(n) => match &self.nodes[usize::from(n)] {
                Node { kind: Kind::End, .. } => return Vec::new(),
                Node { fork: NOWHERE, .. } => return vec![n + 1],
                Node { fork, .. } => *fork,
            },
        };
        self.forks.get(usize::from(fork)).map_or_else(Vec::new, |fork| fork.nodes[..fork.count].to_vec())
    }

    fn make(&mut self, piece: &Piece<'_>) -> Node {
        let mut parts = piece.text.chunks(32).map(Literal::new);
        let first = parts.next().unwrap_or_else(|| Literal::new(b""));
        let (part, null) = (self.parts.len() as u32, self.nulls.len() as u32);
        self.parts.extend(parts);
        self.nulls.extend_from_slice(piece.nulls);
        Node {
            first,
            len: piece.text.len() as u32,
            kind: piece.kind,
            slot: piece.slot,
            fork: NOWHERE,
            more: (part, self.parts.len() as u32),
            nulls: (null, self.nulls.len() as u32),
        }
    }

    fn is(&self, node: &Node, piece: &Piece<'_>) -> bool {
        (node.kind, node.slot, self.nulls(node)) == (piece.kind, piece.slot, piece.nulls)
            && self.text(node) == piece.text
    }

    fn text(&self, node: &Node) -> Vec<u8> {
        let mut text: Vec<u8> = [&node.first].into_iter().chain(self.parts(node)).flat_map(|p| p.want).collect();
        text.truncate(node.len as usize);
        text
    }

    /// Makes a fork, the next one or one that there is already: sorts the branches, longest text first, and chooses the
    /// byte or the word in which they differ, or most of them.
    fn choose(&mut self, fork: u16, branches: &[u16]) {
        let mut branches: Vec<(Vec<u8>, u16)> =
            branches.iter().map(|n| (self.text(&self.nodes[usize::from(*n)]), *n)).collect();
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
        let mut made = Fork { count: branches.len(), ..Fork::default() };
        for (place, (_, node)) in made.nodes.iter_mut().zip(&branches) {
            *place = *node;
        }
        if let Some(at) = apart {
            let mut table = Box::new([NO_BRANCH; 256]);
            for (branch, (text, _)) in branches.iter().enumerate() {
                table[usize::from(text[at])] = branch as u8;
            }
            (made.at, made.table) = (at, Some(table));
        } else {
            let longest = branches.first().map_or(0, |(text, _)| text.len());
            // The first place that is best.
            made.at = (0..longest).rev().max_by_key(distinct).unwrap_or(0);
            for (i, (text, _)) in branches.iter().enumerate() {
                (made.probe.words[i], made.probe.masks[i]) = word(text, made.at);
            }
        }
        match self.forks.get_mut(usize::from(fork)) {
            Some(there) => *there = made,
            None => self.forks.push(made),
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
                    Kind::Filter
                } else {
                    Kind::Text
                };
                let slot = slot_of(&steps.texts, ordinal);
                pieces.push(Piece { text: &view.text[from..=open], kind, slot, nulls: &[] });
                from = close;
                continue;
            }
            kind @ (class::NUMBER | class::TRUTH) => {
                let at = view.at(ordinal);
                let run = view.text[at..end]
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.'));
                let (kind, slot) = match kind {
                    class::TRUTH => (Kind::Truth, slot_of(&steps.truths, ordinal)),
                    _ if steps.time == Some(ordinal) => (Kind::Time, NOWHERE),
                    _ => (Kind::Number, slot_of(&steps.numbers, ordinal)),
                };
                pieces.push(Piece { text: &view.text[from..at], kind, slot, nulls: &[] });
                from = run.map_or(end, |n| at + n);
            }
            // `null` is text: what is not null is another shape.
            _ => {}
        }
        i += 1;
    }
    pieces.push(Piece { text: &view.text[from..=end], kind: Kind::End, slot: NOWHERE, nulls: &steps.nulls });
    pieces
}
