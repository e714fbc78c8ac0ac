//! The shapes of lines seen lately, turned into ready-made plans for the next line of the same shape.
//!
//! A [`Plan`] says at which ordinals of the index a line has its keys, its numbers and literals, and the wanted
//! values. A [`Template`] is a plan with the classes of all its structural characters and the text of its keys: a
//! line that has the same classes and the same keys has the same plan. Whether its grammar is right was settled when
//! the template was made; what is left to check is each number and literal.
//!
//! Templates are found by the number of structural characters, then by a word of a key and a word of classes in which
//! the templates of that number differ, all of them compared at once: a switch from one shape to another costs no
//! search.
//!
//! Cost: bounded ([`MOST`] templates of at most [`LONGEST`] structural characters); a shape is kept only when it comes
//! a second time, so that lines without a common shape make no templates.

use super::index::Index;
use super::projection::Projection;
use super::simd::{Kernel, KeyPart, Probe};

/// Lines with more structural characters have no template.
pub(super) const LONGEST: usize = 512;

/// Templates kept; one more, and all are forgotten.
const MOST: usize = 256;

/// Templates of one length that are told apart at once.
pub(super) const GROUP: usize = 8;

/// How a slot is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Missing or null.
    Null,
    /// A string: the ordinal of its opening quote.
    Text(u16),
    /// An object or array: the ordinals of its brackets.
    Json(u16, u16),
    /// A number or a truth value: an index of the plan's scalars.
    Scalar(u16),
}

/// What a number or literal must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
    /// `null`.
    Null,
}

/// Where a line has what, as the walk finds it, and the steps to read it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Ordinals of the opening quotes of all keys.
    pub(super) keys: Vec<u16>,
    /// All numbers and literals, in order; true once a step reads it.
    pub(super) scalars: Vec<(u16, Scalar, bool)>,
    /// By slot; the time is the last one.
    pub(super) slots: Vec<Source>,
    pub(super) steps: Steps,
}

/// What to do for a line, sorted by kind, so that no step asks what it is. Pairs are an ordinal and a slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    /// The ordinal of the time, where it has the type it must have.
    pub(super) time: Option<u16>,
    /// The string that the prefilter looks at.
    pub(super) filter: Option<u16>,
    /// Numbers and literals that nobody wants.
    pub(super) unread: Vec<(u16, Scalar)>,
    pub(super) numbers: Vec<(u16, u16)>,
    pub(super) truths: Vec<(u16, u16)>,
    pub(super) texts: Vec<(u16, u16)>,
    /// Slots, with the ordinals of the brackets.
    pub(super) nested: Vec<(u16, u16, u16)>,
    pub(super) nulls: Vec<u16>,
}

impl Steps {
    /// True where no value goes to two places and none is a whole object or array. `untimed`: it needs no time.
    pub(super) fn is_plain(&self, untimed: bool) -> bool {
        let lists = [&self.numbers, &self.truths, &self.texts];
        let mut read: Vec<u16> = lists.into_iter().flatten().map(|(ordinal, _)| *ordinal).chain(self.time).collect();
        let all = read.len();
        read.sort_unstable();
        read.dedup();
        self.nested.is_empty() && (self.time.is_some() || untimed) && read.len() == all
    }
}

impl Plan {
    /// Makes the steps from what the walk has found.
    pub(super) fn settle(&mut self, projection: &Projection) {
        let steps = &mut self.steps;
        for list in [&mut steps.numbers, &mut steps.truths, &mut steps.texts] {
            list.clear();
        }
        steps.unread.clear();
        steps.nested.clear();
        steps.nulls.clear();
        (steps.time, steps.filter) = (None, None);
        for (slot, source) in self.slots.iter().enumerate() {
            let is_time = slot == projection.slots;
            let slot = slot as u16;
            match *source {
                Source::Scalar(i) => {
                    let (ordinal, scalar, read) = &mut self.scalars[usize::from(i)];
                    match (scalar, is_time) {
                        (Scalar::Number, true) if projection.scale.is_some() => steps.time = Some(*ordinal),
                        (Scalar::Number, false) => steps.numbers.push((*ordinal, slot)),
                        (Scalar::Truth, false) => steps.truths.push((*ordinal, slot)),
                        _ => continue,
                    }
                    *read = true;
                }
                Source::Text(ordinal) if is_time => steps.time = Some(ordinal).filter(|_| projection.scale.is_none()),
                _ if is_time => {}
                Source::Text(ordinal) => {
                    steps.texts.push((ordinal, slot));
                    if projection.prefilter.as_ref().is_some_and(|p| p.slot == usize::from(slot)) {
                        steps.filter = Some(ordinal);
                    }
                }
                Source::Json(open, close) => steps.nested.push((slot, open, close)),
                Source::Null => steps.nulls.push(slot),
            }
        }
        steps.unread.extend(self.scalars.iter().filter(|s| !s.2).map(|s| (s.0, s.1)));
    }
}

/// A line in the index.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// The positions of the structural characters from the line's first one on.
    pub(super) positions: &'a [u16],
    /// Their classes.
    pub(super) classes: &'a [u8],
    /// The arena from the start of the window.
    pub(super) text: &'a [u8],
    /// Where the window begins in the arena.
    pub(super) window: usize,
    /// Structural characters of the line.
    pub(super) count: usize,
}

impl<'a> View<'a> {
    /// A line of `count` structural characters from `first` on, in the window that begins at `window`.
    #[inline(always)]
    pub(super) fn new(index: &'a Index, bytes: &'a [u8], window: usize, first: usize, count: usize) -> Self {
        let (positions, classes) = (&index.positions[first..], &index.classes[first..]);
        Self { positions, classes, text: &bytes[window..], window, count }
    }

    /// Where structural character `ordinal` of the line is in the window.
    #[inline(always)]
    pub(super) fn at(&self, ordinal: u16) -> usize {
        usize::from(self.positions[usize::from(ordinal)])
    }

    /// Where the quotes of the string are that opens at `ordinal`.
    #[inline(always)]
    pub(super) fn quotes(&self, ordinal: u16) -> (usize, usize) {
        let quotes = &self.positions[usize::from(ordinal)..][..2];
        (usize::from(quotes[0]), usize::from(quotes[1]))
    }

    /// The classes of the line.
    #[inline(always)]
    pub(super) fn line_classes(&self) -> &'a [u8] {
        &self.classes[..self.count]
    }

    /// The inside of the string that opens at `ordinal`.
    #[inline(always)]
    pub(super) fn string(&self, ordinal: u16) -> &'a [u8] {
        let (open, close) = self.quotes(ordinal);
        &self.text[open + 1..close]
    }

    #[inline(always)]
    fn word(&self, at: usize) -> u64 {
        self.text.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
    }
}

struct Template {
    classes: Vec<[u8; 64]>,
    count: usize,
    /// The first 16 bytes of each key, and the ordinals of the quotes before them.
    keys: Vec<KeyPart>,
    ordinals: Vec<u16>,
    /// The further bytes of long keys: the ordinal of the quote, and how far from it.
    tails: Vec<(KeyPart, u16, usize)>,
    steps: Steps,
}

impl Template {
    fn new(view: &View<'_>, plan: &Plan) -> Self {
        let mut classes = vec![[0; 64]; view.count.div_ceil(64)];
        classes.as_flattened_mut()[..view.count].copy_from_slice(view.line_classes());
        let (mut keys, mut tails) = (Vec::new(), Vec::new());
        for &ordinal in &plan.keys {
            let quoted = &view.text[view.at(ordinal) + 1..=view.at(ordinal + 1)];
            for (i, bytes) in quoted.chunks(16).enumerate() {
                let mut part = KeyPart { want: [0; 16], mask: [0; 16] };
                part.want[..bytes.len()].copy_from_slice(bytes);
                part.mask[..bytes.len()].fill(0xff);
                if i == 0 {
                    keys.push(part);
                } else {
                    tails.push((part, ordinal, 1 + 16 * i));
                }
            }
        }
        Self { classes, count: view.count, keys, ordinals: plan.keys.clone(), tails, steps: plan.steps.clone() }
    }

    #[inline(always)]
    fn matches<K: Kernel>(&self, kernel: K, view: &View<'_>) -> bool {
        let Some(positions) = view.positions.first_chunk::<LONGEST>() else { return false };
        kernel.has_keys(positions, view.text, &self.ordinals, &self.keys)
            && kernel.same(view.classes, &self.classes, self.count)
            && self.tails.iter().all(|(part, ordinal, offset)| {
                let at = view.at(*ordinal) + offset;
                view.text.get(at..at + 16).is_some_and(|text| {
                    text.iter().zip(&part.want).zip(&part.mask).all(|((a, b), mask)| (a ^ b) & mask == 0)
                })
            })
    }
}

/// Templates of one number of structural characters, and where the words are that tell them apart.
#[derive(Default)]
struct Group {
    probe: Probe,
    ordinal: u16,
    offset: u16,
    class_ordinal: u16,
    templates: Vec<Template>,
    /// The one to replace next.
    oldest: usize,
}

impl Group {
    /// The templates, as bits, that the line may match.
    #[inline(always)]
    fn candidates<K: Kernel>(&self, kernel: K, view: &View<'_>) -> u32 {
        let word = view.word(view.at(self.ordinal) + usize::from(self.offset));
        let class = class_word(view.classes, usize::from(self.class_ordinal));
        kernel.candidates(&self.probe, word, class) & ((1 << self.templates.len()) - 1)
    }

    fn insert(&mut self, template: Template) {
        let place = self.oldest;
        self.oldest = (self.oldest + 1) % GROUP;
        match self.templates.get_mut(place) {
            Some(old) => *old = template,
            None => self.templates.push(template),
        }
        self.choose(place);
    }

    /// Chooses the words in which most of the templates differ; `newest` is the template that has come.
    fn choose(&mut self, newest: usize) {
        let all = &self.templates;
        let newest = &all[newest];
        // Half of the first part of a key; nothing, with an empty mask, where the template has no key there.
        let word = |t: &Template, ordinal: u16, half: usize| -> (u64, u64) {
            t.ordinals.iter().position(|o| *o == ordinal).map_or((0, 0), |i| {
                let half_of = |b: &[u8; 16]| u64::from_le_bytes(b[8 * half..8 * half + 8].try_into().expect("8 bytes"));
                (half_of(&t.keys[i].want), half_of(&t.keys[i].mask))
            })
        };
        let distinct = |values: &mut dyn Iterator<Item = (u64, u64, u64)>| {
            let mut values: Vec<_> = values.collect();
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        // Keys in which the newest differs from another one; not all of them where there are very many.
        let places = all.iter().flat_map(|t| {
            let differs = |i: &usize| match (t.ordinals.get(*i), t.keys.get(*i)) {
                (Some(ordinal), Some(key)) => *ordinal != newest.ordinals[*i] || key.want != newest.keys[*i].want,
                _ => true,
            };
            let found = (0..newest.ordinals.len()).filter(differs).take(8);
            found.flat_map(|i| [(newest.ordinals[i], 0), (newest.ordinals[i], 1)])
        });
        let score = |&(ordinal, half): &(u16, usize)| {
            distinct(&mut all.iter().map(|t| word(t, ordinal, half)).map(|(w, m)| (w, m, 0)))
        };
        let (ordinal, half) = places.max_by_key(score).unwrap_or_default();
        let class = |t: &Template, at: u16| class_word(t.classes.as_flattened(), usize::from(at));
        let last = all.iter().map(|t| t.count).min().unwrap_or(0).saturating_sub(8) as u16;
        let known: Vec<_> = all.iter().map(|t| word(t, ordinal, half)).collect();
        let score = |at: &u16| distinct(&mut all.iter().zip(&known).map(|(t, (w, m))| (*w, *m, class(t, *at))));
        let class_ordinal = (0..=last).rev().max_by_key(score).unwrap_or(0);
        // Lines of fewer than 8 classes are followed by those of the next: no class is compared then.
        let short = all.iter().any(|t| t.count < 8);
        let (mut words, mut masks, mut classes) = ([0; GROUP], [0; GROUP], [0; GROUP]);
        for (i, t) in all.iter().enumerate() {
            (words[i], masks[i]) = known[i];
            classes[i] = class(t, class_ordinal);
        }
        self.probe = Probe { words, masks, classes };
        (self.ordinal, self.offset, self.class_ordinal) = (ordinal, 1 + 8 * half as u16, class_ordinal);
        if short {
            self.class_ordinal = u16::MAX;
            self.probe.classes = [0; GROUP];
        }
    }
}

/// Eight classes at `at`; 0 beyond the end.
#[inline(always)]
fn class_word(classes: &[u8], at: usize) -> u64 {
    classes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// The templates.
pub(super) struct Cache {
    groups: Vec<Option<Box<Group>>>,
    count: usize,
    /// Lines that were looked up since all was forgotten and found nothing.
    misses: usize,
    /// Hashes of shapes that came once.
    seen: Vec<u64>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { groups: (0..LONGEST).map(|_| None).collect(), count: 0, misses: 0, seen: vec![0; 1_024] }
    }

    /// The plan of a line of a known shape.
    #[inline(always)]
    pub(super) fn find<K: Kernel>(&self, kernel: K, view: &View<'_>) -> Option<&Steps> {
        let group = self.groups.get(view.count)?.as_ref()?;
        let mut candidates = group.candidates(kernel, view);
        while candidates != 0 {
            let template = group.templates.get(candidates.trailing_zeros() as usize)?;
            if template.matches(kernel, view) {
                return Some(&template.steps);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// Notes a line that was walked; makes its template when its shape comes a second time.
    #[inline(never)]
    pub(super) fn note(&mut self, view: &View<'_>, plan: &Plan) {
        if view.count >= LONGEST {
            return;
        }
        self.misses += 1;
        let mut hash = crate::event::key::hash(view.line_classes());
        for &ordinal in &plan.keys {
            let len = view.at(ordinal + 1) - view.at(ordinal);
            let word = view.word(view.at(ordinal)) & (!0 >> (64 - 8 * len.min(8)));
            hash = (hash ^ word ^ (len as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        let place = (hash % self.seen.len() as u64) as usize;
        if self.seen[place] != hash {
            self.seen[place] = hash;
            return;
        }
        if self.count >= MOST {
            // Shapes change too often to be worth more than this.
            if self.misses < 16 * MOST {
                return;
            }
            self.groups.iter_mut().for_each(|g| *g = None);
            (self.count, self.misses) = (0, 0);
        }
        self.count += 1;
        let group = self.groups[view.count].get_or_insert_default();
        group.insert(Template::new(view, plan));
    }
}
