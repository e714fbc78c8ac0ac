//! Code, run over the selected rows of a batch.
//!
//! In: columns of cells and a selection of rows, in any order, each at most once. Out: one cell a selected row, or the
//! selection cut down to the rows for which the code is TRUE, in the same order.
//!
//! Invariants:
//! 1. A step reads and writes the selected rows only; other entries of its column are left as they are.
//! 2. Every temporary column and selection goes back to the pools of [`Scratch`].
//!
//! Cost: one loop over the selection for each node; a later part of AND, OR, IN, CASE, COALESCE loops over the rows that
//! are still undecided.

use super::cast::{cast, write};
use super::compare::{FALSE, NULL, TRUE, Truth, cell, compare, distinct, order, truth};
use super::compile::{Code, Constant};
use super::heap::Heap;
use super::tree::Comparison;
use super::user::UserFunction;
use super::{like, number};
use crate::error::Panicked;
use crate::event::{Cell, Column, Tag};

/// The most arguments of a function that runs row by row; a test of the list keeps to it.
pub(super) const MAX_ARGUMENTS: usize = 8;

/// An expression, ready to run. It has no state: one program may run on many threads.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) code: Code,
}

/// What a program reads: one entry a row in `time` and in each column that it was compiled against.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The columns, by slot.
    pub columns: &'a [Column],
    /// The event time of each row, microseconds.
    pub time: &'a [i64],
}

/// Memory that programs use while they run, and the count of what failed in rows. Reuse it.
#[derive(Debug, Default)]
pub struct Scratch {
    columns: Vec<Column>,
    selections: Vec<Vec<u32>>,
    failures: u64,
}

impl Scratch {
    /// How many rows had an overflow, a division by zero, a failed cast or a value of the wrong class so far.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Goes back to a count from before: what was computed since will be computed again.
    pub fn take_back(&mut self, failures: u64) {
        self.failures = failures;
    }

    /// How many temporaries there are, and how much they hold.
    #[cfg(test)]
    pub(super) fn pooled(&self) -> (usize, usize, usize) {
        let held = self.columns.iter().map(Vec::capacity).chain(self.selections.iter().map(Vec::capacity)).sum();
        (self.columns.len(), self.selections.len(), held)
    }
}

impl Program {
    /// Writes the value of each row of `sel` to `out`, which is as long as the rows then; entries of other rows are
    /// NULL where they are new, and left alone where they are not. New text goes to the end of `arena`.
    pub fn eval(&self, rows: &Rows<'_>, arena: &mut Vec<u8>, sel: &[u32], scratch: &mut Scratch, out: &mut Column) {
        out.resize(rows.time.len(), Cell::NULL);
        Run { rows: *rows, arena, scratch }.write(&self.code, sel, out);
    }

    /// Keeps the rows for which the value is TRUE.
    pub fn filter(&self, rows: &Rows<'_>, arena: &mut Vec<u8>, sel: &mut Vec<u32>, scratch: &mut Scratch) {
        Run { rows: *rows, arena, scratch }.keep(&self.code, sel);
    }

    /// The column whose values these are, where the program does nothing but read it.
    pub fn as_slot(&self) -> Option<usize> {
        match self.code {
            Code::Slot(slot) => Some(slot),
            _ => None,
        }
    }
}

/// One run over a batch.
struct Run<'r, 's> {
    rows: Rows<'r>,
    arena: &'s mut Vec<u8>,
    scratch: &'s mut Scratch,
}

/// Where the values of an operand are.
enum Operand<'r> {
    Slot(&'r [Cell]),
    One(Cell),
    Temporary(Column),
}

impl Operand<'_> {
    #[inline]
    fn at(&self, row: u32) -> Cell {
        match self {
            Operand::Slot(cells) => cells[row as usize],
            Operand::One(cell) => *cell,
            Operand::Temporary(cells) => cells[row as usize],
        }
    }
}

impl<'r> Run<'r, '_> {
    fn column(&mut self) -> Column {
        let mut column = self.scratch.columns.pop().unwrap_or_default();
        column.resize(self.rows.time.len(), Cell::NULL);
        column
    }

    fn selection(&mut self, from: &[u32]) -> Vec<u32> {
        let mut sel = self.scratch.selections.pop().unwrap_or_default();
        sel.clear();
        sel.extend_from_slice(from);
        sel
    }

    fn heap(&mut self) -> Heap<'_> {
        Heap { arena: self.arena, failures: &mut self.scratch.failures }
    }

    fn operand(&mut self, code: &Code, sel: &[u32]) -> Operand<'r> {
        match code {
            Code::Slot(slot) => Operand::Slot(&self.rows.columns[*slot]),
            Code::Const(constant) => Operand::One(self.constant(constant, sel)),
            _ => {
                let mut column = self.column();
                self.write(code, sel, &mut column);
                Operand::Temporary(column)
            }
        }
    }

    fn release(&mut self, operand: Operand<'r>) {
        if let Operand::Temporary(column) = operand {
            self.scratch.columns.push(column);
        }
    }

    /// The cell of a constant; text is put in the arena once, not once a row.
    fn constant(&mut self, constant: &Constant, sel: &[u32]) -> Cell {
        match constant {
            Constant::Cell(cell) => *cell,
            Constant::Text(text) if !sel.is_empty() => self.heap().push(text),
            Constant::Text(_) => Cell::NULL,
        }
    }

    /// Computes `f` of two operands, row by row.
    fn pair(
        &mut self,
        (a, b): (&Code, &Code),
        sel: &[u32],
        out: &mut [Cell],
        f: impl Fn(Cell, Cell, &mut Heap<'_>) -> Cell,
    ) {
        let (a, b) = (self.operand(a, sel), self.operand(b, sel));
        let mut heap = self.heap();
        for &row in sel {
            out[row as usize] = f(a.at(row), b.at(row), &mut heap);
        }
        self.release(a);
        self.release(b);
    }

    /// Computes `f` of one operand, row by row.
    fn single(&mut self, a: &Code, sel: &[u32], out: &mut [Cell], f: impl Fn(Cell, &mut Heap<'_>) -> Cell) {
        let a = self.operand(a, sel);
        let mut heap = self.heap();
        for &row in sel {
            out[row as usize] = f(a.at(row), &mut heap);
        }
        self.release(a);
    }

    /// Writes the value of `code` to the rows `sel` of `out`.
    fn write(&mut self, code: &Code, sel: &[u32], out: &mut [Cell]) {
        match code {
            Code::Const(constant) => {
                let value = self.constant(constant, sel);
                for &row in sel {
                    out[row as usize] = value;
                }
            }
            Code::Slot(slot) => {
                let cells = &self.rows.columns[*slot][..];
                for &row in sel {
                    out[row as usize] = cells[row as usize];
                }
            }
            Code::EventTime => {
                for &row in sel {
                    out[row as usize] = Cell::time(self.rows.time[row as usize]);
                }
            }
            Code::And(list) => self.connect(list, FALSE, sel, out),
            Code::Or(list) => self.connect(list, TRUE, sel, out),
            Code::Not(a) => self.single(a, sel, out, |a, heap| {
                const OPPOSITE: [Truth; 3] = [TRUE, FALSE, NULL];
                cell(OPPOSITE[truth(a, heap.failures) as usize])
            }),
            Code::Test(arg, predicate) => match self.operand(arg, sel) {
                Operand::One(value) => {
                    // only a constant whose computing failed is left as one: the test is run for each row alike
                    for &row in sel {
                        predicate.run(&[value], self.arena, &[0], &mut self.scratch.failures, |_, truth| {
                            out[row as usize] = cell(truth);
                        });
                    }
                }
                operand => {
                    let cells = match &operand {
                        Operand::Slot(cells) => cells,
                        Operand::Temporary(column) => &column[..],
                        Operand::One(_) => &[],
                    };
                    predicate.run(cells, self.arena, sel, &mut self.scratch.failures, |row, truth| {
                        out[row as usize] = cell(truth);
                    });
                    self.release(operand);
                }
            },
            Code::Compare(op, a, b) => {
                self.pair((a, b), sel, out, |a, b, heap| cell(compare(*op, a, b, heap.arena, heap.failures)));
            }
            Code::Distinct(a, b, negated) => {
                self.pair((a, b), sel, out, |a, b, heap| Cell::bool(distinct(a, b, heap.arena) != *negated));
            }
            Code::Arithmetic(op, a, b) => self.pair((a, b), sel, out, |a, b, heap| {
                if a.is_null() || b.is_null() { Cell::NULL } else { number::arithmetic(*op, a, b, heap) }
            }),
            Code::Negate(a) => self.single(a, sel, out, number::negate),
            Code::In { arg, list, negated } => self.within(arg, list, *negated, sel, out),
            Code::Between { arg, low, high, negated } => {
                let (arg, low, high) = (self.operand(arg, sel), self.operand(low, sel), self.operand(high, sel));
                let heap = self.heap();
                for &row in sel {
                    let value = arg.at(row);
                    let above = compare(Comparison::Ge, value, low.at(row), heap.arena, heap.failures);
                    let below = compare(Comparison::Le, value, high.at(row), heap.arena, heap.failures);
                    out[row as usize] = cell(match (above, below) {
                        (FALSE, _) | (_, FALSE) => Truth::from(*negated),
                        (TRUE, TRUE) => Truth::from(!*negated),
                        _ => NULL,
                    });
                }
                self.release(arg);
                self.release(low);
                self.release(high);
            }
            Code::Like { arg, pattern, escape, insensitive, negated } => {
                self.pair((arg, pattern), sel, out, |text, pattern, heap| {
                    if text.is_null() || pattern.is_null() {
                        return Cell::NULL;
                    }
                    if text.tag() != Tag::Str
                        || pattern.tag() != Tag::Str
                        || !like::valid(pattern.text(heap.arena), *escape)
                    {
                        return heap.fail();
                    }
                    let (text, pattern) = (text.text(heap.arena), pattern.text(heap.arena));
                    Cell::bool(like::matches(text, pattern, *escape, *insensitive) != *negated)
                });
            }
            Code::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), sel, out);
            }
            Code::Cast(a, target) => self.single(a, sel, out, |a, heap| cast(a, *target, heap)),
            Code::Coalesce(list) => self.coalesce(list, sel, out),
            Code::NullIf(a, b) => self.pair((a, b), sel, out, |a, b, heap| {
                match compare(Comparison::Eq, a, b, heap.arena, heap.failures) {
                    TRUE => Cell::NULL,
                    _ => a,
                }
            }),
            Code::Extreme { list, greatest } => self.extreme(list, *greatest, sel, out),
            Code::Concat { list, strict } => self.concat(list, *strict, sel, out),
            Code::ConcatWs(list) => self.concat_ws(list, sel, out),
            Code::Call(run, list) => self.call(run, list, sel, out),
            Code::User(function, list) => self.user(function, list, sel, out),
            Code::Regex(regex, run, list) => self.call(|args, heap| run(regex, args, heap), list, sel, out),
            Code::Zoned(zone, run, list) => self.call(|args, heap| run(zone.as_ref(), args, heap), list, sel, out),
        }
    }

    /// AND (`decisive` is FALSE) and OR (TRUE): a later part is computed for the rows that are not decisive yet.
    fn connect(&mut self, list: &[Code], decisive: Truth, sel: &[u32], out: &mut [Cell]) {
        for &row in sel {
            out[row as usize] = cell(1 - decisive);
        }
        let mut open = self.selection(sel);
        let mut part = self.column();
        for code in list {
            if open.is_empty() {
                break;
            }
            self.write(code, &open, &mut part);
            let failures = &mut self.scratch.failures;
            open.retain(|&row| {
                let found = truth(part[row as usize], failures);
                if found == decisive || found == NULL {
                    out[row as usize] = cell(found);
                }
                found != decisive
            });
        }
        self.scratch.columns.push(part);
        self.scratch.selections.push(open);
    }

    fn within(&mut self, arg: &Code, list: &[Code], negated: bool, sel: &[u32], out: &mut [Cell]) {
        let arg = self.operand(arg, sel);
        let mut open = self.selection(sel);
        for &row in sel {
            out[row as usize] = Cell::bool(negated);
        }
        for item in list {
            if open.is_empty() {
                break;
            }
            let item = self.operand(item, &open);
            let heap = self.heap();
            open.retain(|&row| match compare(Comparison::Eq, arg.at(row), item.at(row), heap.arena, heap.failures) {
                TRUE => {
                    out[row as usize] = Cell::bool(!negated);
                    false
                }
                NULL => {
                    out[row as usize] = Cell::NULL;
                    true
                }
                _ => true,
            });
            self.release(item);
        }
        self.scratch.selections.push(open);
        self.release(arg);
    }

    fn case(
        &mut self,
        operand: Option<&Code>,
        branches: &[(Code, Code)],
        otherwise: Option<&Code>,
        sel: &[u32],
        out: &mut [Cell],
    ) {
        let subject = operand.map(|code| self.operand(code, sel));
        let mut open = self.selection(sel);
        let mut hits = self.selection(&[]);
        for (test, result) in branches {
            if open.is_empty() {
                break;
            }
            let test = self.operand(test, &open);
            hits.clear();
            let heap = self.heap();
            open.retain(|&row| {
                let found = match &subject {
                    Some(s) => compare(Comparison::Eq, s.at(row), test.at(row), heap.arena, heap.failures),
                    None => truth(test.at(row), heap.failures),
                };
                if found == TRUE {
                    hits.push(row);
                }
                found != TRUE
            });
            self.release(test);
            self.write(result, &hits, out);
        }
        match otherwise {
            Some(code) => self.write(code, &open, out),
            None => {
                for &row in &open {
                    out[row as usize] = Cell::NULL;
                }
            }
        }
        self.scratch.selections.push(open);
        self.scratch.selections.push(hits);
        if let Some(subject) = subject {
            self.release(subject);
        }
    }

    fn coalesce(&mut self, list: &[Code], sel: &[u32], out: &mut [Cell]) {
        if let [Code::Slot(slot), Code::Const(constant)] = list {
            let (cells, other) = (&self.rows.columns[*slot][..], self.constant(constant, sel));
            for &row in sel {
                let value = cells[row as usize];
                out[row as usize] = if value.is_null() { other } else { value };
            }
            return;
        }
        let mut open = self.selection(sel);
        for code in list {
            if open.is_empty() {
                break;
            }
            self.write(code, &open, out);
            open.retain(|&row| out[row as usize].is_null());
        }
        self.scratch.selections.push(open);
    }

    fn extreme(&mut self, list: &[Code], greatest: bool, sel: &[u32], out: &mut [Cell]) {
        // NULLs are skipped; a row with values of different classes has none
        let mut open = self.selection(sel);
        for &row in sel {
            out[row as usize] = Cell::NULL;
        }
        for code in list {
            let value = self.operand(code, &open);
            let heap = self.heap();
            open.retain(|&row| {
                let (best, next) = (out[row as usize], value.at(row));
                if next.is_null() {
                    return true;
                }
                let better = best.is_null()
                    || match order(next, best, heap.arena, heap.failures) {
                        Some(order) => {
                            if greatest {
                                order.is_gt()
                            } else {
                                order.is_lt()
                            }
                        }
                        None => {
                            out[row as usize] = Cell::NULL;
                            return false;
                        }
                    };
                if better {
                    out[row as usize] = next;
                }
                true
            });
            self.release(value);
        }
        self.scratch.selections.push(open);
    }

    /// Parts are appended row by row, so all of them are computed first.
    fn concat(&mut self, list: &[Code], strict: bool, sel: &[u32], out: &mut [Cell]) {
        let parts: Vec<Operand<'r>> = list.iter().map(|code| self.operand(code, sel)).collect();
        let mut heap = self.heap();
        for &row in sel {
            out[row as usize] = if strict && parts.iter().any(|part| part.at(row).is_null()) {
                Cell::NULL
            } else {
                heap.build(|arena| parts.iter().for_each(|part| write(part.at(row), arena)))
            };
        }
        parts.into_iter().for_each(|part| self.release(part));
    }

    fn concat_ws(&mut self, list: &[Code], sel: &[u32], out: &mut [Cell]) {
        let parts: Vec<Operand<'r>> = list.iter().map(|code| self.operand(code, sel)).collect();
        let mut heap = self.heap();
        for &row in sel {
            let by = parts[0].at(row);
            out[row as usize] = match by.tag() {
                Tag::Null => Cell::NULL,
                Tag::Str => heap.build(|arena| {
                    let found = parts[1..].iter().map(|part| part.at(row)).filter(|cell| !cell.is_null());
                    for (i, cell) in found.enumerate() {
                        if i > 0 {
                            write(by, arena);
                        }
                        write(cell, arena);
                    }
                }),
                _ => heap.fail(),
            };
        }
        parts.into_iter().for_each(|part| self.release(part));
    }

    fn call(&mut self, run: impl Fn(&[Cell], &mut Heap<'_>) -> Cell, list: &[Code], sel: &[u32], out: &mut [Cell]) {
        match list {
            [a] => self.single(a, sel, out, |a, heap| if a.is_null() { Cell::NULL } else { run(&[a], heap) }),
            [a, b] => {
                self.pair(
                    (a, b),
                    sel,
                    out,
                    |a, b, heap| {
                        if a.is_null() || b.is_null() { Cell::NULL } else { run(&[a, b], heap) }
                    },
                )
            }
            [a, b, c] => {
                let (a, b, c) = (self.operand(a, sel), self.operand(b, sel), self.operand(c, sel));
                let mut heap = self.heap();
                for &row in sel {
                    let args = [a.at(row), b.at(row), c.at(row)];
                    out[row as usize] =
                        if args.iter().any(|c| c.is_null()) { Cell::NULL } else { run(&args, &mut heap) };
                }
                self.release(a);
                self.release(b);
                self.release(c);
            }
            _ => {
                let parts: Vec<Operand<'r>> = list.iter().map(|code| self.operand(code, sel)).collect();
                let mut args = [Cell::NULL; MAX_ARGUMENTS];
                let args = &mut args[..parts.len()];
                let mut heap = self.heap();
                for &row in sel {
                    args.iter_mut().zip(&parts).for_each(|(arg, part)| *arg = part.at(row));
                    out[row as usize] =
                        if args.iter().any(|c| c.is_null()) { Cell::NULL } else { run(args, &mut heap) };
                }
                parts.into_iter().for_each(|part| self.release(part));
            }
        }
    }

    /// Calls a function of the program, which sees NULLs; apart, so that the frames of [`Run::write`] stay as they are.
    #[inline(never)]
    fn user(&mut self, function: &UserFunction, list: &[Code], sel: &[u32], out: &mut [Cell]) {
        let parts: Vec<Operand<'r>> = list.iter().map(|code| self.operand(code, sel)).collect();
        let mut args = [Cell::NULL; MAX_ARGUMENTS];
        let args = &mut args[..parts.len()];
        let mut heap = self.heap();
        Panicked::named(
            || format!("function {}", function.name),
            || {
                for &row in sel {
                    args.iter_mut().zip(&parts).for_each(|(arg, part)| *arg = part.at(row));
                    out[row as usize] = function.call(args, &mut heap);
                }
            },
        );
        parts.into_iter().for_each(|part| self.release(part));
    }

    /// Keeps the rows for which `code` is TRUE.
    fn keep(&mut self, code: &Code, sel: &mut Vec<u32>) {
        match code {
            // a row that is not TRUE for one part is not TRUE for the whole
            Code::And(list) => {
                for part in list {
                    if sel.is_empty() {
                        return;
                    }
                    self.keep(part, sel);
                }
            }
            Code::Test(arg, predicate) if !matches!(**arg, Code::Const(_)) => {
                let operand = self.operand(arg, sel);
                let cells = match &operand {
                    Operand::Slot(cells) => cells,
                    Operand::Temporary(column) => &column[..],
                    Operand::One(_) => &[],
                };
                let mut kept = self.selection(sel);
                let mut n = 0;
                predicate.run(cells, self.arena, sel, &mut self.scratch.failures, |row, truth| {
                    kept[n] = row;
                    n += usize::from(truth == TRUE);
                });
                kept.truncate(n);
                std::mem::swap(sel, &mut kept);
                self.scratch.selections.push(kept);
                self.release(operand);
            }
            _ => {
                let value = self.operand(code, sel);
                let failures = &mut self.scratch.failures;
                sel.retain(|&row| truth(value.at(row), failures) == TRUE);
                self.release(value);
            }
        }
    }
}
