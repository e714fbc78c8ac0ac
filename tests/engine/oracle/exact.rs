//! Numbers, turned into their exact sum: a whole number of 2^-1074, the smallest step of `f64`, as large as needed.
//!
//! Written for plainness: magnitude and sign, school addition and subtraction, one rounding at the end.

use std::cmp::Ordering;

/// A whole number of any size, in units of 2^-1074.
#[derive(Debug, Clone, Default)]
pub struct Exact {
    negative: bool,
    /// Little-endian words of 32 bits, without zeros at the high end.
    words: Vec<u32>,
}

impl Exact {
    /// A whole number.
    pub fn from_i64(n: i64) -> Self {
        Self::shifted(n < 0, n.unsigned_abs(), 1_074)
    }

    /// A finite float.
    pub fn from_f64(v: f64) -> Self {
        let bits = v.to_bits();
        let (exponent, fraction) = ((bits >> 52) & 0x7FF, bits & 0xF_FFFF_FFFF_FFFF);
        match exponent {
            0 => Self::shifted(v.is_sign_negative(), fraction, 0),
            _ => Self::shifted(v.is_sign_negative(), fraction | 1 << 52, exponent as usize - 1),
        }
    }

    /// `n` times two to the `shift`.
    fn shifted(negative: bool, n: u64, shift: usize) -> Self {
        let mut words = vec![0; shift / 32];
        let n = u128::from(n) << (shift % 32);
        words.extend([n as u32, (n >> 32) as u32, (n >> 64) as u32]);
        Self { negative, words }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
        self
    }

    /// The sum of two.
    pub fn plus(&self, other: &Exact) -> Exact {
        if self.negative == other.negative {
            return Exact { negative: self.negative, words: add(&self.words, &other.words) }.trimmed();
        }
        match compare(&self.words, &other.words) {
            Ordering::Equal => Exact::default(),
            Ordering::Greater => {
                Exact { negative: self.negative, words: subtract(&self.words, &other.words) }.trimmed()
            }
            Ordering::Less => Exact { negative: other.negative, words: subtract(&other.words, &self.words) }.trimmed(),
        }
    }

    fn bit(&self, i: usize) -> bool {
        self.words.get(i / 32).is_some_and(|word| word >> (i % 32) & 1 == 1)
    }

    /// The nearest float, the even one of two that are equally near; infinite where there is none.
    pub fn to_f64(&self) -> f64 {
        self.halved(0)
    }

    /// The nearest float of the number divided by two `times` times; exact but for the one rounding of numbers that
    /// are not tiny.
    pub fn halved(&self, times: usize) -> f64 {
        let Some(last) = self.words.last() else { return 0.0 };
        let length = self.words.len() * 32 - last.leading_zeros() as usize;
        let drop = length.saturating_sub(53);
        let mut kept = (drop..length).rev().fold(0u64, |n, i| n << 1 | u64::from(self.bit(i)));
        let half = drop > 0 && self.bit(drop - 1);
        let beyond = (0..drop.saturating_sub(1)).any(|i| self.bit(i));
        if half && (beyond || kept & 1 == 1) {
            kept += 1;
        }
        // `kept` units of 2^(drop - 1074). As bits of a float, the units of the lowest two exponents are 2^-1074, and
        // each further step of the exponent doubles them; a carry into bit 53 is the next exponent by itself.
        let bits = ((drop.saturating_sub(times) as u64) << 52) + kept;
        let magnitude = if bits >= 0x7FF << 52 { f64::INFINITY } else { f64::from_bits(bits) };
        if self.negative { -magnitude } else { magnitude }
    }

    /// The number, where it is a whole one that `i64` holds.
    pub fn to_i64(&self) -> Option<i64> {
        if (0..1_074).any(|i| self.bit(i)) || (1_074 + 64..self.words.len() * 32).any(|i| self.bit(i)) {
            return None;
        }
        let magnitude = (1_074..1_074 + 64).rev().fold(0i128, |n, i| n << 1 | i128::from(self.bit(i)));
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn add(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut sum = Vec::new();
    let mut carry = 0;
    for i in 0..a.len().max(b.len()) {
        let total = carry + u64::from(*a.get(i).unwrap_or(&0)) + u64::from(*b.get(i).unwrap_or(&0));
        sum.push(total as u32);
        carry = total >> 32;
    }
    sum.push(carry as u32);
    sum
}

/// `a - b`, where `a` is not less than `b`.
fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut difference = Vec::new();
    let mut borrow = 0;
    for (i, word) in a.iter().enumerate() {
        let total = i64::from(*word) - i64::from(*b.get(i).unwrap_or(&0)) - borrow;
        difference.push(total.rem_euclid(1 << 32) as u32);
        borrow = i64::from(total < 0);
    }
    difference
}
