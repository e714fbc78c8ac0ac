//! Comparisons of cells, and tests of a cell against constants that need no column for the constant.
//!
//! Cost: a test of text looks at its length first; a text of up to 16 bytes is then two words, compared without a call.

use super::like::Pattern;
use super::tree::Comparison;
use crate::event::{Cell, Tag, Value, key::compare_int_float};
use std::cmp::Ordering;

/// A truth value of three-valued logic.
pub(super) type Truth = u8;
pub(super) const FALSE: Truth = 0;
pub(super) const TRUE: Truth = 1;
pub(super) const NULL: Truth = 2;

/// The cell of a truth value.
#[inline]
pub(super) fn cell(truth: Truth) -> Cell {
    const CELLS: [Cell; 3] = [Cell::bool(false), Cell::bool(true), Cell::NULL];
    CELLS[truth as usize]
}

/// The truth value of a cell; a value that is not boolean is NULL and counted.
#[inline]
pub(super) fn truth(cell: Cell, failures: &mut u64) -> Truth {
    match cell.tag() {
        Tag::Bool => cell.bits() as Truth,
        Tag::Null => NULL,
        _ => {
            *failures += 1;
            NULL
        }
    }
}

/// The order of two values; `None` where one is NULL, or (counted) where they are of different classes.
#[inline]
pub(super) fn order(a: Cell, b: Cell, arena: &[u8], failures: &mut u64) -> Option<Ordering> {
    Some(match (a.value(arena), b.value(arena)) {
        (Value::Int(a), Value::Int(b)) | (Value::Time(a), Value::Time(b)) => a.cmp(&b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(&b)?,
        (Value::Int(a), Value::Float(b)) => compare_int_float(a, b),
        (Value::Float(a), Value::Int(b)) => compare_int_float(b, a).reverse(),
        (Value::Str(a), Value::Str(b)) | (Value::Json(a), Value::Json(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        (Value::Null, _) | (_, Value::Null) => return None,
        _ => {
            *failures += 1;
            return None;
        }
    })
}

/// The order of two floats, neither of which is NaN.
#[inline]
fn order_floats(a: f64, b: f64) -> Ordering {
    if a < b {
        Ordering::Less
    } else if a > b {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

impl Comparison {
    /// Whether it holds for operands in this order, without a branch.
    #[inline]
    fn truth(self, order: Ordering) -> Truth {
        // bit 0: less, bit 1: equal, bit 2: greater
        const HOLDS: [Truth; 6] = [0b010, 0b101, 0b001, 0b011, 0b100, 0b110];
        HOLDS[self as usize] >> (order as i8 + 1) & 1
    }
}

#[inline]
pub(super) fn compare(op: Comparison, a: Cell, b: Cell, arena: &[u8], failures: &mut u64) -> Truth {
    order(a, b, arena, failures).map_or(NULL, |order| op.truth(order))
}

/// Whether two values differ where NULL equals NULL; values of different classes do.
#[inline]
pub(super) fn distinct(a: Cell, b: Cell, arena: &[u8]) -> bool {
    match (a.is_null(), b.is_null()) {
        (true, true) => false,
        (false, false) => order(a, b, arena, &mut 0) != Some(Ordering::Equal),
        _ => true,
    }
}

/// A constant text, ready to be found equal.
#[derive(Debug, Clone)]
pub(super) struct Needle {
    len: usize,
    head: u128,
    text: Box<[u8]>,
}

/// How much of a text its head holds.
const HEAD: usize = 16;

/// The first 16 bytes of `text`, with zeros after its end. A text in the arena is read in one load and masked: a loop
/// over texts of many lengths has no branch to guess wrong.
#[inline]
fn head(text: &[u8], arena: &[u8], start: usize) -> u128 {
    const MASKS: [u128; HEAD + 1] = {
        let mut masks = [u128::MAX; HEAD + 1];
        let mut len = 0;
        while len < HEAD {
            masks[len] = (1 << (8 * len)) - 1;
            len += 1;
        }
        masks
    };
    match arena.get(start..).and_then(|rest| rest.first_chunk::<HEAD>()) {
        Some(bytes) => u128::from_le_bytes(*bytes) & MASKS[text.len().min(HEAD)],
        None => padded(text),
    }
}

#[cold]
fn padded(text: &[u8]) -> u128 {
    let mut bytes = [0; HEAD];
    let len = text.len().min(HEAD);
    bytes[..len].copy_from_slice(&text[..len]);
    u128::from_le_bytes(bytes)
}

impl Needle {
    pub(super) fn new(text: &[u8]) -> Self {
        Self { len: text.len(), head: padded(text), text: text.into() }
    }

    #[inline]
    fn equals(&self, text: &[u8], head: u128) -> bool {
        (self.len == text.len()) & (self.head == head) && (self.len <= HEAD || text == &self.text[..])
    }
}

/// Constant texts, one of which a text may equal.
#[derive(Debug, Clone)]
pub(super) enum TextSet {
    /// Up to [`FEW`], none longer than its head: length and head of each.
    Short(Vec<(usize, u128)>),
    /// Up to [`FEW`]: tried one after the other.
    Few(Vec<Needle>),
    /// More: by hash, open addressing; `slots` is a power of two at least twice as long as `texts`, 0 is free.
    Many { slots: Box<[u32]>, texts: Box<[Box<[u8]>]> },
}

const FEW: usize = 8;

impl TextSet {
    pub(super) fn new(mut texts: Vec<Box<[u8]>>) -> Self {
        texts.sort();
        texts.dedup();
        if texts.len() <= FEW {
            return if texts.iter().all(|t| t.len() <= HEAD) {
                Self::Short(texts.iter().map(|t| (t.len(), padded(t))).collect())
            } else {
                Self::Few(texts.iter().map(|t| Needle::new(t)).collect())
            };
        }
        let mut slots = vec![0_u32; (texts.len() * 2).next_power_of_two()].into_boxed_slice();
        for (i, text) in texts.iter().enumerate() {
            let mut at = hash(text) as usize & (slots.len() - 1);
            while slots[at] != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = i as u32 + 1;
        }
        Self::Many { slots, texts: texts.into() }
    }

    #[inline]
    fn contains(&self, text: &[u8], arena: &[u8], start: usize) -> bool {
        match self {
            Self::Short(list) => {
                let head = head(text, arena, start);
                // all of them are looked at: that is cheaper than a branch after each
                list.iter().fold(false, |found, (len, wanted)| found | ((*len == text.len()) & (*wanted == head)))
            }
            Self::Few(needles) => {
                let head = head(text, arena, start);
                needles.iter().any(|needle| needle.equals(text, head))
            }
            Self::Many { slots, texts } => {
                let mut at = hash(text) as usize & (slots.len() - 1);
                loop {
                    match slots[at] {
                        0 => return false,
                        i if *texts[i as usize - 1] == *text => return true,
                        _ => at = (at + 1) & (slots.len() - 1),
                    }
                }
            }
        }
    }
}

#[inline]
fn hash(text: &[u8]) -> u64 {
    crate::event::key::hash(text)
}

/// A test of one value against constants.
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// `= 'text'`, `<> 'text'`.
    Text { needle: Needle, negated: bool },
    /// `[NOT] IN ('a', 'b')`; with a NULL in the list, nothing is known to be outside of it.
    TextIn { set: TextSet, with_null: bool, negated: bool },
    /// A comparison with an integer.
    Int { op: Comparison, value: i64 },
    /// A comparison with a float.
    Float { op: Comparison, value: f64 },
    /// A comparison with a time.
    Time { op: Comparison, value: i64 },
    /// A comparison by order with a text.
    Order { op: Comparison, text: Box<[u8]> },
    /// `[NOT] LIKE 'pattern'`.
    Like { pattern: Pattern, negated: bool },
    /// `IS [NOT] NULL`.
    Null { negated: bool },
    /// `IS [NOT] TRUE` and `IS [NOT] FALSE`.
    Truth { wanted: Truth, negated: bool },
}

impl Predicate {
    /// Tests the cells of `sel` and calls `each` with the row and the truth.
    #[inline]
    pub(super) fn run(
        &self,
        cells: &[Cell],
        arena: &[u8],
        sel: &[u32],
        failures: &mut u64,
        mut each: impl FnMut(u32, Truth),
    ) {
        let mut wrong = 0;
        let mut over = |test: &mut dyn FnMut(Cell) -> Truth| {
            // not used on hot tests: each of those has a loop of its own below
            for &row in sel {
                each(row, test(cells[row as usize]));
            }
        };
        match self {
            Self::Text { needle, negated } => {
                for &row in sel {
                    let cell = cells[row as usize];
                    each(
                        row,
                        match cell.tag() {
                            Tag::Str => {
                                let text = cell.text(arena);
                                Truth::from(needle.equals(text, head(text, arena, cell.bits() as usize)) != *negated)
                            }
                            Tag::Null => NULL,
                            _ => {
                                wrong += 1;
                                NULL
                            }
                        },
                    );
                }
            }
            Self::TextIn { set, with_null, negated } => {
                let outcomes = [if *with_null { NULL } else { Truth::from(*negated) }, Truth::from(!*negated)];
                for &row in sel {
                    let cell = cells[row as usize];
                    each(
                        row,
                        match cell.tag() {
                            Tag::Str => {
                                outcomes[usize::from(set.contains(cell.text(arena), arena, cell.bits() as usize))]
                            }
                            Tag::Null => NULL,
                            _ => {
                                wrong += 1;
                                NULL
                            }
                        },
                    );
                }
            }
            Self::Int { op, value } => {
                // up to 2^53 the constant is the same number as a float
                let exact = (value.unsigned_abs() <= 1 << 53).then_some(*value as f64);
                for &row in sel {
                    let cell = cells[row as usize];
                    each(
                        row,
                        match (cell.tag(), exact) {
                            (Tag::Int, _) => op.truth((cell.bits() as i64).cmp(value)),
                            (Tag::Float, Some(value)) => op.truth(order_floats(f64::from_bits(cell.bits()), value)),
                            (Tag::Float, None) => {
                                op.truth(compare_int_float(*value, f64::from_bits(cell.bits())).reverse())
                            }
                            (Tag::Null, _) => NULL,
                            _ => {
                                wrong += 1;
                                NULL
                            }
                        },
                    );
                }
            }
            Self::Float { op, value } => {
                for &row in sel {
                    let cell = cells[row as usize];
                    each(
                        row,
                        match cell.tag() {
                            Tag::Int => op.truth(compare_int_float(cell.bits() as i64, *value)),
                            Tag::Float => op.truth(order_floats(f64::from_bits(cell.bits()), *value)),
                            Tag::Null => NULL,
                            _ => {
                                wrong += 1;
                                NULL
                            }
                        },
                    );
                }
            }
            Self::Time { op, value } => over(&mut |cell| match cell.tag() {
                Tag::Time => op.truth((cell.bits() as i64).cmp(value)),
                Tag::Null => NULL,
                _ => {
                    wrong += 1;
                    NULL
                }
            }),
            Self::Order { op, text } => over(&mut |cell| match cell.tag() {
                Tag::Str => op.truth(cell.text(arena).cmp(text)),
                Tag::Null => NULL,
                _ => {
                    wrong += 1;
                    NULL
                }
            }),
            Self::Like { pattern, negated } => over(&mut |cell| match cell.tag() {
                Tag::Str => Truth::from(pattern.matches(cell.text(arena)) != *negated),
                Tag::Null => NULL,
                _ => {
                    wrong += 1;
                    NULL
                }
            }),
            Self::Null { negated } => {
                for &row in sel {
                    each(row, Truth::from(cells[row as usize].is_null() != *negated));
                }
            }
            Self::Truth { wanted, negated } => {
                over(&mut |cell| Truth::from((truth(cell, &mut wrong) == *wanted) != *negated));
            }
        }
        *failures += wrong;
    }
}
