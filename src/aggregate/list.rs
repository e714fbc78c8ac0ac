//! Values of all groups as they arrive, turned into one sorted-by-group array, and large groups into sketches.
//!
//! New values go to a log of (group, value). When the log outgrows the grouped part, a counting sort moves it there:
//! amortised, a value is moved a few times. Then sets are freed of duplicates and groups with more values than are
//! answered exactly become sketches; so memory is bounded by groups, not by values.
//!
//! Invariants:
//! 1. After `compact` the log is empty, and each group has its values in the grouped part or in a sketch, not both.
//! 2. A group has a sketch exactly where it has had more values (for a set: distinct ones) than are answered exactly.
//! 3. The order within a group follows arrival and must not show in an answer.

use super::exchange::Words;
use super::recycle;

/// What answers for a group with too many values.
pub(super) trait Sketch: Default {
    /// Groups with at most this many values are left as they are.
    const SMALL: usize;
    /// Scratch space.
    type Spare: Default;
    /// Moves the values that must be kept to the front and gives their number; none where the group needs a sketch, of
    /// which all of `values` are still to be told.
    fn keep(values: &mut [u64], spare: &mut Self::Spare) -> Option<usize>;
    /// Adds values; may reorder them.
    fn add(&mut self, values: &mut [u64], spare: &mut Self::Spare);
    /// Adds all that another sketch has seen.
    fn merge(&mut self, other: &Self, spare: &mut Self::Spare);
    /// Memory held beside the struct.
    fn bytes(&self) -> usize;
    /// Appends the content, in words of 8 bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads all of `words`; none where they are not what `encode` makes.
    fn decode(words: Words<'_>) -> Option<Self>;
}

/// A log of at least this many values is worth a counting sort.
const LEAST_LOG: usize = 65_536;

/// The values of the groups of one kernel.
#[derive(Debug)]
pub(super) struct List<S: Sketch> {
    log_groups: Vec<u32>,
    log_values: Vec<u64>,
    /// `values[starts[g]..starts[g + 1]]` are those of group g; shorter where later groups have none.
    starts: Vec<usize>,
    values: Vec<u64>,
    /// By group: index into `sketches` plus one, 0 for none; empty where no group has one.
    sketch_of: Vec<u32>,
    sketches: Vec<S>,
    sketch_bytes: usize,
    /// Some group may have both a sketch and grouped values.
    mixed: bool,
    next_starts: Vec<usize>,
    next_values: Vec<u64>,
    recent: [usize; 6],
}

impl<S: Sketch> Default for List<S> {
    fn default() -> Self {
        Self {
            log_groups: Vec::new(),
            log_values: Vec::new(),
            starts: Vec::new(),
            values: Vec::new(),
            sketch_of: Vec::new(),
            sketches: Vec::new(),
            sketch_bytes: 0,
            mixed: false,
            next_starts: Vec::new(),
            next_values: Vec::new(),
            recent: [0; 6],
        }
    }
}

impl<S: Sketch> List<S> {
    /// Appends one value for each row of which `value` gives one, to the group of the same place; counts those.
    #[inline]
    pub(super) fn extend(&mut self, groups: &[u32], mut value: impl FnMut(usize) -> Option<u64>) -> usize {
        let start = self.log_values.len();
        self.log_values.resize(start + groups.len(), 0);
        self.log_groups.resize(start + groups.len(), 0);
        let mut n = 0;
        let (values, owners) = (&mut self.log_values[start..], &mut self.log_groups[start..]);
        for (i, group) in groups.iter().enumerate() {
            let v = value(i);
            values[n] = v.unwrap_or(0);
            owners[n] = *group;
            n += usize::from(v.is_some());
        }
        self.log_values.truncate(start + n);
        self.log_groups.truncate(start + n);
        n
    }

    /// Appends values to one group.
    pub(super) fn push(&mut self, group: u32, values: impl ExactSizeIterator<Item = u64>) {
        self.log_groups.resize(self.log_groups.len() + values.len(), group);
        self.log_values.extend(values);
    }

    /// Appends values, each to its group; false where there is none for one, and then nothing is appended.
    pub(super) fn take(&mut self, groups: impl ExactSizeIterator<Item = Option<u32>>, values: Words<'_>) -> bool {
        let (start, n) = (self.log_values.len(), values.len());
        debug_assert_eq!(groups.len(), n);
        self.log_groups.resize(start + n, 0);
        self.log_values.resize(start + n, 0);
        for (to, group) in self.log_groups[start..].iter_mut().zip(groups) {
            let Some(group) = group else {
                self.log_groups.truncate(start);
                self.log_values.truncate(start);
                return false;
            };
            *to = group;
        }
        values.copy_to(&mut self.log_values[start..]);
        true
    }

    /// Adds a sketch to a group.
    pub(super) fn push_sketch(&mut self, group: u32, sketch: &S) {
        // The group's grouped values belong into the sketch too; the next `compact` moves them.
        self.mixed = true;
        let i = self.sketch_index(group);
        let before = self.sketches[i].bytes();
        self.sketches[i].merge(sketch, &mut S::Spare::default());
        self.sketch_bytes += self.sketches[i].bytes() - before;
    }

    fn sketch_index(&mut self, group: u32) -> usize {
        let group = group as usize;
        if self.sketch_of.len() <= group {
            self.sketch_of.resize(group + 1, 0);
        }
        if self.sketch_of[group] == 0 {
            let sketch = S::default();
            self.sketch_bytes += sketch.bytes();
            self.sketches.push(sketch);
            self.sketch_of[group] = self.sketches.len() as u32;
        }
        self.sketch_of[group] as usize - 1
    }

    /// Moves the log where it has outgrown the rest; called after each batch.
    #[inline]
    pub(super) fn settle(&mut self, groups: usize) {
        if self.log_values.len() >= LEAST_LOG.max(self.values.len()) {
            self.compact(groups);
        }
    }

    /// Brings the list to invariant 1 where more than `most` values have been added since.
    pub(super) fn settle_above(&mut self, most: usize, groups: usize) {
        if self.log_values.len() > most {
            self.compact(groups);
        }
    }

    /// Values that are in no sketch.
    pub(super) fn len(&self) -> usize {
        self.values.len() + self.log_values.len()
    }

    /// True where some group has a sketch.
    pub(super) fn has_sketches(&self) -> bool {
        !self.sketches.is_empty()
    }

    /// Shows all values that are in no sketch, with their groups.
    pub(super) fn each(&self, show: &mut impl FnMut(u32, u64)) {
        for (group, at) in self.starts.windows(2).enumerate() {
            self.values[at[0]..at[1]].iter().for_each(|value| show(group as u32, *value));
        }
        self.log_groups.iter().zip(&self.log_values).for_each(|(group, value)| show(*group, *value));
    }

    /// Shows the group of each value that is in no sketch, some at a time.
    pub(super) fn each_group(&self, show: &mut impl FnMut(&[u32])) {
        for (group, at) in self.starts.windows(2).enumerate() {
            (at[0]..at[1]).for_each(|_| show(&[group as u32]));
        }
        show(&self.log_groups);
    }

    /// Shows all values that are in no sketch, in the order of [`List::each_group`].
    pub(super) fn each_value(&self, show: &mut impl FnMut(&[u64])) {
        debug_assert_eq!(self.starts.last().copied().unwrap_or(0), self.values.len());
        show(&self.values);
        show(&self.log_values);
    }

    /// Brings the list to invariant 1.
    pub(super) fn compact(&mut self, groups: usize) {
        if self.log_values.is_empty() && !self.mixed {
            return;
        }
        if !self.log_values.is_empty() {
            self.group(groups);
        }
        let largest = self.starts.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        if largest > S::SMALL || !self.sketches.is_empty() {
            self.reduce();
        }
        self.mixed = false;
    }

    /// The counting sort.
    fn group(&mut self, groups: usize) {
        let Self { starts, next_starts, values, next_values, .. } = self;
        if values.is_empty() {
            // Nothing to copy: the buffer that is larger is filled, so that the other need not grow, too.
            if values.capacity() > next_values.capacity() {
                std::mem::swap(values, next_values);
            }
        }
        next_starts.clear();
        next_starts.resize(groups + 1, 0);
        for group in &self.log_groups {
            next_starts[*group as usize] += 1;
        }
        let mut at = 0;
        for (group, start) in next_starts.iter_mut().enumerate() {
            let old = if group + 1 < starts.len() { starts[group + 1] - starts[group] } else { 0 };
            let n = *start + old;
            *start = at;
            at += n;
        }
        next_values.clear();
        next_values.resize(at, 0);
        if !values.is_empty() {
            for (group, old) in starts.windows(2).enumerate() {
                let n = old[1] - old[0];
                let to = next_starts[group];
                next_values[to..to + n].copy_from_slice(&values[old[0]..old[1]]);
                next_starts[group] += n;
            }
        }
        // Each start walks to the end of its group, which is the start of the next.
        for (group, value) in self.log_groups.iter().zip(&self.log_values) {
            let to = &mut next_starts[*group as usize];
            next_values[*to] = *value;
            *to += 1;
        }
        next_starts.rotate_right(1);
        next_starts[0] = 0;
        std::mem::swap(starts, next_starts);
        std::mem::swap(values, next_values);
        self.log_groups.clear();
        self.log_values.clear();
    }

    /// Frees sets of duplicates, feeds sketches, and closes the gaps that leaves.
    fn reduce(&mut self) {
        let mut spare = S::Spare::default();
        let mut to = 0;
        let mut from = self.starts.first().copied().unwrap_or(0);
        for group in 0..self.starts.len().saturating_sub(1) {
            let end = self.starts[group + 1];
            let known = self.sketch_of.get(group).is_some_and(|s| *s != 0);
            let values = &mut self.values[from..end];
            let kept = if known && !values.is_empty() {
                None
            } else if values.len() <= S::SMALL {
                Some(values.len())
            } else {
                S::keep(values, &mut spare)
            };
            if kept.is_none() {
                let i = self.sketch_index(group as u32);
                let before = self.sketches[i].bytes();
                self.sketches[i].add(&mut self.values[from..end], &mut spare);
                self.sketch_bytes += self.sketches[i].bytes() - before;
            }
            let n = kept.unwrap_or(0);
            if to != from {
                self.values.copy_within(from..from + n, to);
            }
            to += n;
            from = end;
            self.starts[group + 1] = to;
        }
        self.values.truncate(to);
    }

    /// Loads what [`List::grouped`] reads of a group first; what is given means nothing.
    #[inline]
    pub(super) fn touch(&self, group: u32) -> u64 {
        self.grouped(group).first().copied().unwrap_or(0)
    }

    /// The grouped values of a group.
    #[inline]
    pub(super) fn grouped(&self, group: u32) -> &[u64] {
        let group = group as usize;
        match self.starts.get(group..group + 2) {
            Some(w) => &self.values[w[0]..w[1]],
            None => &[],
        }
    }

    /// The values of a group that are still in the log. Reads all of the log, which is empty after `compact`.
    pub(super) fn logged(&self, group: u32) -> impl Iterator<Item = u64> {
        self.log_groups.iter().zip(&self.log_values).filter(move |(g, _)| **g == group).map(|(_, v)| *v)
    }

    /// The sketch of a group.
    #[inline]
    pub(super) fn sketch(&self, group: u32) -> Option<&S> {
        let i = *self.sketch_of.get(group as usize)?;
        self.sketches.get((i as usize).wrapping_sub(1))
    }

    /// Adds all of another list, whose groups are called `map[group]` here.
    pub(super) fn merge(&mut self, other: &List<S>, map: &[u32]) {
        for (group, w) in other.starts.windows(2).enumerate() {
            self.push(map[group], other.values[w[0]..w[1]].iter().copied());
        }
        self.log_groups.extend(other.log_groups.iter().map(|g| map[*g as usize]));
        self.log_values.extend_from_slice(&other.log_values);
        for (group, i) in other.sketch_of.iter().enumerate() {
            if *i != 0 {
                self.push_sketch(map[group], &other.sketches[*i as usize - 1]);
            }
        }
    }

    /// Adds one group of another list.
    pub(super) fn merge_one(&mut self, group: u32, other: &List<S>, other_group: u32) {
        self.push(group, other.grouped(other_group).iter().copied());
        self.log_values.extend(other.logged(other_group));
        self.log_groups.resize(self.log_values.len(), group);
        if let Some(sketch) = other.sketch(other_group) {
            self.push_sketch(group, sketch);
        }
    }

    pub(super) fn clear(&mut self) {
        let [a, b, c, d, e, f] = &mut self.recent;
        recycle(&mut self.log_groups, a);
        recycle(&mut self.log_values, b);
        recycle(&mut self.starts, c);
        recycle(&mut self.values, d);
        recycle(&mut self.next_starts, e);
        recycle(&mut self.next_values, f);
        self.sketch_of = Vec::new();
        self.sketches = Vec::new();
        self.sketch_bytes = 0;
        self.mixed = false;
    }

    /// Gives back the memory that only additions need.
    pub(super) fn trim(&mut self) {
        self.log_groups.shrink_to_fit();
        self.log_values.shrink_to_fit();
        self.next_starts = Vec::new();
        self.next_values = Vec::new();
        self.values.shrink_to_fit();
    }

    pub(super) fn bytes(&self) -> usize {
        let words = self.log_values.capacity() + self.values.capacity() + self.next_values.capacity();
        let starts = self.starts.capacity() + self.next_starts.capacity();
        let sketches = self.sketches.capacity() * size_of::<S>() + self.sketch_bytes;
        8 * (words + starts) + 4 * (self.log_groups.capacity() + self.sketch_of.capacity()) + sketches
    }
}
