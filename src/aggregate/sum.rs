//! Numbers, turned into their exact total, rounded once at the end.
//!
//! A total is 192-bit two's-complement fixed point with unit 2^-96 in three words, and a fourth word: the number of
//! values and two flags. What does not fit (magnitudes of 2^93 and more, bits below 2^-96, totals that outgrow 190
//! bits) goes to a [`Wide`] total beside the row, a 2,240-bit fixed point that covers all doubles.
//!
//! Invariants:
//! 1. Narrow total + wide total is the exact sum; how it is split between the two never shows.
//! 2. A narrow total is below 2^190 in magnitude between calls, so one addition never overflows.
//!
//! Units: narrow 2^-96, wide 2^-1120; the narrow words are words 16 to 18 of a wide total.

use crate::event::Value;

/// Words of a total in a row.
pub(super) const WORDS: usize = 4;
/// The row words of a total of no values.
pub(super) const EMPTY: [u64; WORDS] = [0; WORDS];
/// Flag in the count word: at least one value was a float.
pub(super) const FLOAT: u64 = 1 << 63;
/// Flag in the count word: a wide total lies beside the row.
pub(super) const SPILLED: u64 = 1 << 62;
const COUNT: u64 = SPILLED - 1;

/// Words of a wide total: 1,120 bits below the point, 1,024 for the largest double, 95 for 2^63 of them, a sign.
pub(super) const WIDE_WORDS: usize = 35;
const NARROW_IN_WIDE: usize = 16;
const NARROW_UNIT: i32 = -96;
const WIDE_UNIT: i32 = -1120;

/// The four words of a total in a row.
pub(super) type State = [u64; WORDS];

/// The number of values of a total.
#[inline]
pub(super) fn count(state: &State) -> u64 {
    state[3] & COUNT
}

/// Adds a whole number; the caller looks at [`is_full`] after.
#[inline]
pub(super) fn add_int(state: &mut State, v: i64) {
    let (middle, carry) = state[1].overflowing_add((v as u64) << 32);
    state[1] = middle;
    state[2] = state[2].wrapping_add((v >> 32) as u64).wrapping_add(u64::from(carry));
    state[3] = state[3].wrapping_add(1);
}

/// Adds a float where its bits fit the narrow total; false where they do not, and then nothing but the count changed.
#[inline]
pub(super) fn add_float(state: &mut State, v: f64) -> bool {
    state[3] = state[3].wrapping_add(1) | FLOAT;
    let bits = v.to_bits();
    let (mut mantissa, exponent) = parts(bits);
    let mut shift = exponent - 979;
    if !(0..=136).contains(&shift) {
        if mantissa == 0 {
            return true;
        }
        if shift > 0 || (mantissa.trailing_zeros() as i32) < -shift {
            return false;
        }
        mantissa >>= -shift;
        shift = 0;
    }
    let spread = u128::from(mantissa) << (shift & 63);
    let (low, high) = (spread as u64, (spread >> 64) as u64);
    let (a, b, c) = match shift >> 6 {
        0 => (low, high, 0),
        1 => (0, low, high),
        _ => (0, 0, low),
    };
    // Two's complement of a negative number: all bits turned, plus one.
    let turn = ((bits as i64) >> 63) as u64;
    let t = u128::from(state[0]) + u128::from(a ^ turn) + u128::from(turn & 1);
    state[0] = t as u64;
    let t = u128::from(state[1]) + u128::from(b ^ turn) + (t >> 64);
    state[1] = t as u64;
    state[2] = state[2].wrapping_add(c ^ turn).wrapping_add((t >> 64) as u64);
    true
}

/// Adds another narrow total, count and flags; the caller looks at [`is_full`] after.
#[inline]
pub(super) fn merge(state: &mut State, other: &State) {
    let t = u128::from(state[0]) + u128::from(other[0]);
    state[0] = t as u64;
    let t = u128::from(state[1]) + u128::from(other[1]) + (t >> 64);
    state[1] = t as u64;
    state[2] = state[2].wrapping_add(other[2]).wrapping_add((t >> 64) as u64);
    let flags = (state[3] | other[3]) & !COUNT;
    state[3] = (count(state).wrapping_add(count(other)) & COUNT) | flags;
}

/// True where the narrow total has left its bound and must move to a wide one.
#[inline]
pub(super) fn is_full(state: &State) -> bool {
    ((state[2] ^ (state[2] << 1)) as i64) < 0
}

/// Mantissa and biased exponent: the magnitude is mantissa * 2^(exponent - 1075).
#[inline]
fn parts(bits: u64) -> (u64, i32) {
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 52, exponent as i32) }
}

/// A total that holds any sum of up to 2^63 doubles exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide(pub(super) [u64; WIDE_WORDS]);

impl Wide {
    pub(super) const ZERO: Wide = Wide([0; WIDE_WORDS]);

    /// Adds any finite float.
    pub(super) fn add_float(&mut self, v: f64) {
        let bits = v.to_bits();
        let (mantissa, exponent) = parts(bits);
        let shift = (exponent - 1075 - WIDE_UNIT) as usize;
        let spread = u128::from(mantissa) << (shift & 63);
        let words = [spread as u64, (spread >> 64) as u64];
        if bits >> 63 == 0 { self.add_words(&words, shift >> 6, 0) } else { self.subtract(&words, shift >> 6) }
    }

    /// Moves a narrow total in: the state's total becomes zero.
    pub(super) fn take(&mut self, state: &mut State) {
        self.add_narrow(state);
        state[..3].fill(0);
    }

    /// Adds a narrow total.
    pub(super) fn add_narrow(&mut self, state: &State) {
        self.add_words(&state[..3], NARROW_IN_WIDE, ((state[2] as i64) >> 63) as u64);
    }

    /// Adds another wide total.
    pub(super) fn merge(&mut self, other: &Wide) {
        self.add_words(&other.0, 0, 0);
    }

    /// Adds `words` from word `at` on; above them the number goes on with `extension` (0, or all ones if negative).
    fn add_words(&mut self, words: &[u64], at: usize, extension: u64) {
        let mut carry = false;
        for (i, word) in self.0[at..].iter_mut().enumerate() {
            if i >= words.len() && extension == 0 && !carry {
                break;
            }
            let (t, c1) = word.overflowing_add(words.get(i).copied().unwrap_or(extension));
            let (t, c2) = t.overflowing_add(u64::from(carry));
            (*word, carry) = (t, c1 | c2);
        }
    }

    fn subtract(&mut self, words: &[u64], at: usize) {
        let mut borrow = false;
        for (i, word) in self.0[at..].iter_mut().enumerate() {
            if i >= words.len() && !borrow {
                break;
            }
            let (t, b1) = word.overflowing_sub(words.get(i).copied().unwrap_or(0));
            let (t, b2) = t.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (t, b1 | b2);
        }
    }
}

/// Wide totals of the groups that have one, beside the rows of one kernel.
#[derive(Debug, Default)]
pub(super) struct Spills {
    /// By group: index into `totals` plus one, 0 for none; as long as needed, empty where no group spilled.
    index: Vec<u32>,
    totals: Vec<Wide>,
}

impl Spills {
    /// The wide total of a group, where it has one.
    pub(super) fn get(&self, group: u32) -> Option<&Wide> {
        let i = *self.index.get(group as usize)?;
        self.totals.get((i as usize).wrapping_sub(1))
    }

    /// The wide total of a group; made, and flagged in the group's row, where it has none.
    pub(super) fn make(&mut self, group: u32, state: &mut State) -> &mut Wide {
        let group = group as usize;
        if self.index.len() <= group {
            self.index.resize(group + 1, 0);
        }
        if self.index[group] == 0 {
            self.totals.push(Wide::ZERO);
            self.index[group] = self.totals.len() as u32;
        }
        state[3] |= SPILLED;
        &mut self.totals[self.index[group] as usize - 1]
    }

    pub(super) fn clear(&mut self) {
        // Rare: nothing is kept for the next time.
        *self = Self::default();
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.capacity() * 4 + self.totals.capacity() * size_of::<Wide>()
    }
}

/// Adds a number of any kind; other values are passed over.
pub(super) fn add_value(state: &mut State, spills: &mut Spills, group: u32, value: Value<'_>) {
    match value {
        Value::Int(v) => add_int(state, v),
        Value::Float(v) => {
            if !add_float(state, v) {
                spills.make(group, state).add_float(v);
            }
        }
        _ => return,
    }
    if is_full(state) {
        spills.make(group, state).take(state);
    }
}

/// The sum over several states of one group; needs no store.
#[derive(Debug)]
pub(super) struct Total {
    /// The narrow parts with a fourth word, so that no number of slices overflows.
    narrow: [u64; 4],
    wide: Option<Wide>,
    flags: u64,
    count: u64,
}

impl Total {
    pub(super) fn new() -> Self {
        Self { narrow: [0; 4], wide: None, flags: 0, count: 0 }
    }

    /// Adds the state of one slice.
    #[inline]
    pub(super) fn add(&mut self, state: &State, spills: &Spills, group: u32) {
        let mut carry = 0;
        for (mine, word) in self.narrow.iter_mut().zip(&state[..3]) {
            let t = u128::from(*mine) + u128::from(*word) + carry;
            *mine = t as u64;
            carry = t >> 64;
        }
        let extension = ((state[2] as i64) >> 63) as u64;
        self.narrow[3] = self.narrow[3].wrapping_add(extension).wrapping_add(carry as u64);
        self.flags |= state[3];
        self.count = self.count.wrapping_add(count(state));
        if state[3] & SPILLED != 0
            && let Some(wide) = spills.get(group)
        {
            self.wide.get_or_insert(Wide::ZERO).merge(wide);
        }
    }

    /// The sum as a whole number, where no value was a float and it fits.
    pub(super) fn whole(&mut self) -> Option<i64> {
        if self.flags & FLOAT != 0 {
            return None;
        }
        whole(self.words().0)
    }

    /// The sum, rounded to the nearest double, ties to even; infinite beyond the range of doubles. None without values.
    pub(super) fn sum(&mut self) -> Option<f64> {
        (self.count > 0).then(|| {
            let (words, unit) = self.words();
            round(words, unit)
        })
    }

    /// The rounded sum divided by the count. None without values.
    pub(super) fn average(&mut self) -> Option<f64> {
        let count = self.count as f64;
        let sum = self.sum()?;
        if sum.is_finite() {
            return Some(sum / count);
        }
        // The sum is beyond doubles, the average is not: the same at 2^-64 of the size.
        let (words, unit) = self.words();
        Some(round(words, unit - 64) / count * 18_446_744_073_709_551_616.0)
    }

    /// The number of values.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// All words from the unit on, in two's complement, and the unit's exponent.
    pub(super) fn words(&mut self) -> (&[u64], i32) {
        match &mut self.wide {
            None => (&self.narrow, NARROW_UNIT),
            Some(wide) => {
                let extension = ((self.narrow[3] as i64) >> 63) as u64;
                wide.add_words(&self.narrow, NARROW_IN_WIDE, extension);
                self.narrow = [0; 4];
                (&wide.0, WIDE_UNIT)
            }
        }
    }
}

/// The whole number in a total of whole numbers, where `i64` holds it. Both forms end in the point's 96 bits and what
/// is above: the narrow one is the top of the wide one's words 16 and on.
fn whole(words: &[u64]) -> Option<i64> {
    let words = if words.len() == WIDE_WORDS { &words[NARROW_IN_WIDE..] } else { words };
    let v = (words[1] >> 32 | words[2] << 32) as i64;
    let sign = v >> 63;
    let above = (words[2] as i64) >> 32 == sign && words[3..].iter().all(|w| *w as i64 == sign);
    above.then_some(v)
}

/// A two's-complement fixed-point number of the given unit (a power of two), rounded to the nearest double.
fn round(words: &[u64], unit: i32) -> f64 {
    let negative = words.last().is_some_and(|w| *w >> 63 == 1);
    let mut magnitude = [0u64; WIDE_WORDS];
    let magnitude = &mut magnitude[..words.len()];
    let (turn, mut carry) = if negative { (u64::MAX, true) } else { (0, false) };
    for (m, w) in magnitude.iter_mut().zip(words) {
        (*m, carry) = (w ^ turn).overflowing_add(u64::from(carry));
    }
    round_magnitude(magnitude, negative, unit)
}

/// A magnitude in words of the given unit, rounded to the nearest double, ties to even.
pub(super) fn round_magnitude(magnitude: &[u64], negative: bool, unit: i32) -> f64 {
    let Some(top) = magnitude.iter().rposition(|w| *w != 0) else {
        return 0.0;
    };
    let zeros = magnitude[top].leading_zeros();
    let below = if top > 0 { magnitude[top - 1] } else { 0 };
    let head = if zeros == 0 { magnitude[top] } else { magnitude[top] << zeros | below >> (64 - zeros) };
    let sticky = below << zeros != 0 || magnitude[..top.saturating_sub(1)].iter().any(|w| *w != 0);
    // The first bit of `head` is worth 2^exponent.
    let exponent = unit + 64 * top as i32 + 63 - zeros as i32;
    let sign = u64::from(negative) << 63;
    if exponent > 1023 {
        return f64::from_bits(sign | 0x7ff << 52);
    }
    let (drop, base) = if exponent >= -1022 { (11, exponent + 1022) } else { (11 - 1022 - exponent, 0) };
    if drop > 64 {
        return f64::from_bits(sign);
    }
    let kept = if drop == 64 { 0 } else { head >> drop };
    let rest = head << (64 - drop);
    let half = 1 << 63;
    let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
    // The mantissa's leading bit, and a carry out of it, add themselves to the exponent.
    f64::from_bits(sign | (((base as u64) << 52) + kept + u64::from(up)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(values: &[f64]) -> Option<f64> {
        let (mut state, mut spills) = (EMPTY, Spills::default());
        for v in values {
            if !add_float(&mut state, *v) {
                spills.make(0, &mut state).add_float(*v);
            }
            if is_full(&state) {
                let mut moved = state;
                spills.make(0, &mut moved).take(&mut moved);
                state = moved;
            }
        }
        let mut total = Total::new();
        total.add(&state, &spills, 0);
        total.sum()
    }

    #[test]
    fn one_value_comes_back_as_it_went_in() {
        for v in [0.1, -0.1, 1e300, -1e-300, 5e-324, -5e-324, f64::MAX, f64::MIN_POSITIVE, 1e27, 2e28, 1.5, 1e-17] {
            assert_eq!(total(&[v]).unwrap().to_bits(), v.to_bits(), "{v:e}");
        }
        assert_eq!(total(&[-0.0]).unwrap().to_bits(), 0);
    }

    #[test]
    fn cancellation_and_ties_are_exact() {
        assert_eq!(total(&[1e300, 1.0, -1e300]), Some(1.0));
        assert_eq!(total(&[1e16, 1.0]), Some(1e16), "a tie goes to the even neighbour");
        assert_eq!(total(&[1e16, 1.0, 5e-324]), Some(1e16 + 2.0), "the smallest double breaks the tie");
        assert_eq!(total(&[f64::MAX, f64::MAX]), Some(f64::INFINITY));
        assert_eq!(total(&[f64::MAX, f64::MAX, -f64::MAX]), Some(f64::MAX));
        assert_eq!(total(&[5e-324; 3]), Some(1.5e-323));
    }
}
