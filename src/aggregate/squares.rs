//! Numbers, turned into the exact total of their squares; with the exact total of the numbers into the variance.
//!
//! A total of squares is a 384-bit unsigned fixed point with unit 2^-192 in six words, and a seventh word: a flag. What
//! does not fit (squares with bits below 2^-192, totals of 2^190 and more) goes to a wide total beside the row, of 4,352
//! bits with unit 2^-2240, which covers the squares of all doubles. Both units are the squares of those of
//! [`sum`](super::sum), so that totals of squares and squared totals line up.
//!
//! With n values, S their exact total and Q the exact total of their squares, the variance is
//! `(n Q - S^2) / (n n)`, or `/ (n (n - 1))` of a sample. The numerator is a whole number of units, exact and never
//! negative; the quotient is rounded once to the nearest double. The standard deviation is the square root of the same
//! quotient: it is scaled by a power of four to 1..4, rounded, its root rounded, and scaled back.
//!
//! Cost: an addition touches seven words; an answer multiplies and divides a dozen words (some 140 where wide).

use super::layout::Function;
use super::sum::{self, Total};
use crate::event::{Cell, Tag};
use std::collections::BTreeMap;

/// Words of a total of squares in a row.
pub(super) const WORDS: usize = 7;
/// The row words of no values.
pub(super) const EMPTY: [u64; WORDS] = [0; WORDS];
/// Flag in the last word: a wide total lies beside the row.
pub(super) const SPILLED: u64 = 1;
/// Words of a wide total.
pub(super) const WIDE_WORDS: usize = 68;

const NARROW_UNIT: i32 = -192;
const WIDE_UNIT: i32 = -2240;
/// The narrow unit is word 32 of a wide total.
const NARROW_IN_WIDE: usize = ((NARROW_UNIT - WIDE_UNIT) / 64) as usize;

pub(super) type State = [u64; WORDS];
pub(super) type Wide = [u64; WIDE_WORDS];

/// Wide totals of the groups that have one. Rare.
#[derive(Debug, Default)]
pub(super) struct Spills(BTreeMap<u32, Box<Wide>>);

impl Spills {
    pub(super) fn get(&self, group: u32) -> Option<&Wide> {
        self.0.get(&group).map(|wide| &**wide)
    }

    fn make(&mut self, group: u32, state: &mut State) -> &mut Wide {
        state[6] |= SPILLED;
        self.0.entry(group).or_insert_with(|| Box::new([0; WIDE_WORDS]))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len() * (size_of::<Wide>() + 32)
    }
}

/// Adds `words` from word `at` on; what would be carried out of the top is lost, which only damaged bytes can cause.
fn add_words(to: &mut [u64], words: &[u64], at: usize) {
    let mut carry = false;
    for (i, word) in to.iter_mut().skip(at).enumerate() {
        if i >= words.len() && !carry {
            break;
        }
        let (t, c1) = word.overflowing_add(words.get(i).copied().unwrap_or(0));
        let (t, c2) = t.overflowing_add(u64::from(carry));
        (*word, carry) = (t, c1 | c2);
    }
}

/// Adds the square of a number; false where it is neither NULL nor a number.
#[inline]
pub(super) fn add(state: &mut State, spills: &mut Spills, group: u32, cell: Cell) -> bool {
    // The magnitude is root * 2^exponent.
    let (root, exponent) = match cell.tag() {
        Tag::Int => ((cell.bits() as i64).unsigned_abs(), 0),
        Tag::Float => {
            let bits = cell.bits();
            let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
            let (root, exponent) =
                if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent as i32 - 1075) };
            let zeros = if root == 0 { 0 } else { root.trailing_zeros() };
            (root >> zeros, exponent + zeros as i32)
        }
        tag => return tag == Tag::Null,
    };
    let square = u128::from(root) * u128::from(root);
    let shift = 2 * exponent - NARROW_UNIT;
    let top = shift + (128 - square.leading_zeros() as i32);
    let (shift, wide) = if shift >= 0 && top <= 382 {
        (shift as usize, false)
    } else {
        ((shift + NARROW_UNIT - WIDE_UNIT) as usize, true)
    };
    let (low, high, by) = (square as u64, (square >> 64) as u64, shift % 64);
    let words = if by == 0 { [low, high, 0] } else { [low << by, high << by | low >> (64 - by), high >> (64 - by)] };
    if wide {
        if square != 0 {
            add_words(spills.make(group, state), &words, shift / 64);
        }
        return true;
    }
    add_words(&mut state[..6], &words, shift / 64);
    settle(state, spills, group);
    true
}

/// Moves a narrow total that has left its bound to the wide one.
#[inline]
fn settle(state: &mut State, spills: &mut Spills, group: u32) {
    if state[5] >> 62 != 0 {
        let narrow = *state;
        add_words(spills.make(group, state), &narrow[..6], NARROW_IN_WIDE);
        state[..6].fill(0);
    }
}

/// Adds another total.
pub(super) fn merge(state: &mut State, spills: &mut Spills, group: u32, other: &[u64], wide: Option<&Wide>) {
    add_words(&mut state[..6], &other[..6], 0);
    if let Some(wide) = wide {
        add_words(spills.make(group, state), wide, 0);
    }
    settle(state, spills, group);
}

/// The total of squares over several states of one group.
#[derive(Debug)]
pub(super) struct Squares {
    /// With a word more, so that no number of slices overflows.
    narrow: [u64; 7],
    wide: Option<Box<Wide>>,
}

impl Squares {
    pub(super) fn new() -> Self {
        Self { narrow: [0; 7], wide: None }
    }

    /// Adds the state of one slice.
    pub(super) fn add(&mut self, state: &[u64], wide: Option<&Wide>) {
        add_words(&mut self.narrow, &state[..6], 0);
        if let Some(wide) = wide {
            add_words(&mut self.wide.get_or_insert_with(|| Box::new([0; WIDE_WORDS]))[..], wide, 0);
        }
    }

    /// The total's words from the returned unit on.
    fn words(&self) -> (Vec<u64>, i32) {
        match &self.wide {
            None => (self.narrow.to_vec(), NARROW_UNIT),
            Some(wide) => {
                let mut words = wide.to_vec();
                add_words(&mut words, &self.narrow, NARROW_IN_WIDE);
                (words, WIDE_UNIT)
            }
        }
    }
}

/// Puts zeros below, so that the unit becomes `to`.
fn widen(words: &mut Vec<u64>, unit: i32, to: i32) {
    words.splice(0..0, std::iter::repeat_n(0, ((unit - to) / 64) as usize));
}

fn times(words: &[u64], n: u64) -> Vec<u64> {
    let mut carry = 0u128;
    let mut out: Vec<u64> = Vec::with_capacity(words.len() + 1);
    for word in words {
        carry += u128::from(*word) * u128::from(n);
        out.push(carry as u64);
        carry >>= 64;
    }
    out.push(carry as u64);
    out
}

fn squared(words: &[u64]) -> Vec<u64> {
    let mut out = vec![0; words.len() * 2 + 1];
    for (i, word) in words.iter().enumerate().filter(|(_, w)| **w != 0) {
        add_words(&mut out, &times(words, *word), i);
    }
    out
}

/// `a - b`, where `a` is not less.
fn subtract(a: &mut [u64], b: &[u64]) {
    let mut borrow = false;
    for (i, word) in a.iter_mut().enumerate() {
        let (t, b1) = word.overflowing_sub(b.get(i).copied().unwrap_or(0));
        let (t, b2) = t.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (t, b1 | b2);
    }
}

/// Divides in place; true where something is left over.
fn divide(words: &mut [u64], by: u64) -> bool {
    let mut rest = 0u128;
    for word in words.iter_mut().rev() {
        let t = rest << 64 | u128::from(*word);
        *word = (t / u128::from(by)) as u64;
        rest = t % u128::from(by);
    }
    rest != 0
}

/// The variance or the standard deviation; NULL over no value, of a sample also over one, and beyond all doubles.
pub(super) fn answer(total: &mut Total, squares: &Squares, function: &Function) -> Cell {
    let n = total.count();
    let (root, sample) = match function {
        Function::VarPop => (false, false),
        Function::StddevPop => (true, false),
        Function::VarSamp => (false, true),
        _ => (true, true),
    };
    let other = if sample { n.saturating_sub(1) } else { n };
    if other == 0 {
        return Cell::NULL;
    }
    let (mut q, q_unit) = squares.words();
    let (s, s_unit) = total.words();
    let mut s = s.to_vec();
    if s.last().is_some_and(|w| *w >> 63 == 1) {
        let mut carry = true;
        for word in &mut s {
            (*word, carry) = (!*word).overflowing_add(u64::from(carry));
        }
    }
    let mut s = squared(&s);
    // Three words more below, so that the quotient by two words has more bits than a double.
    let unit = q_unit.min(2 * s_unit) - 192;
    widen(&mut q, q_unit, unit);
    widen(&mut s, 2 * s_unit, unit);
    let mut quotient = times(&q, n);
    subtract(&mut quotient, &s);
    let rest = divide(&mut quotient, n) | divide(&mut quotient, other);
    // What is left over only matters where it breaks a tie.
    quotient[0] |= u64::from(rest);
    if !root {
        return Cell::float(sum::round_magnitude(&quotient, false, unit));
    }
    let Some(top) = quotient.iter().rposition(|w| *w != 0) else {
        return Cell::float(0.0);
    };
    let exponent = unit + 64 * top as i32 + 63 - quotient[top].leading_zeros() as i32;
    let half = exponent.div_euclid(2);
    Cell::float(sum::round_magnitude(&quotient, false, unit - 2 * half).sqrt() * power(half))
}

/// Two to the `exponent`.
fn power(exponent: i32) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022..1024 => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::from_bits(1u64.checked_shl((exponent + 1074).max(0) as u32).unwrap_or(0)),
    }
}
