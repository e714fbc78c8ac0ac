//! The rows of a group in the order of their windows, turned into columns that look back; and these into rows.
//!
//! Every number is computed from the values of its windows in their order, so it is the same to the last bit however rows
//! have come; a correction of a window changes the rows that look back at it, and no other.

use super::Reduce;
use super::project::{Project, Projector, Series, column};
use super::row::Stored;
use crate::event::{Cell, Column, key};
use crate::expr::SeriesFunction;
use crate::result::{Columns, RowRef};
use std::cmp::Ordering;

/// What makes the median absolute deviation of a normal distribution its standard deviation.
const MAD: f64 = 0.6745;

/// The live rows of one group.
pub(super) struct History {
    rows: Projector,
    keep: i64,
}

impl History {
    pub(super) fn new(project: &Project, keep: i64) -> Self {
        Self { rows: Projector::new(project, true), keep }
    }
}

impl Reduce for History {
    fn reduce(&mut self, _: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>) {
        let mut newest = i64::MIN;
        for (bytes, count) in rows {
            let Some(row) = Stored::read(bytes) else { continue };
            newest = newest.max(row.window.1);
            let head = row.head(0, 0);
            for _ in 0..count.unsigned_abs() {
                self.rows.push(RowRef { head: &head, key: row.key, values: row.values });
            }
        }
        // Rows whose life is over are looked at, and asked for by nobody; see invariant 2 of the room.
        let least = newest.saturating_sub(self.keep);
        self.rows.run(least);
        for i in self.rows.selected() {
            if self.rows.window(*i).1 > least {
                let mut bytes = Vec::new();
                self.rows.stored(*i, &mut bytes);
                out.push((bytes, 1));
            }
        }
        self.rows.clear();
    }
}

/// Computes a column for the selected rows whose window ends after `least`. Rows are in the order of their windows.
pub(super) fn fill(of: &Series, columns: &Columns, selected: &[u32], least: i64, out: &mut Column) {
    let values = column(columns, of.from);
    let time = |at: usize| columns.time[selected[at] as usize];
    let first = selected.partition_point(|i| columns.time[*i as usize] <= least);
    let mut list: Vec<Cell> = Vec::new();
    for at in first..selected.len() {
        let (now, cell) = (time(at), values[selected[at] as usize]);
        // The value of the window that ended so long before.
        let back = |span: i64| -> Cell {
            let wanted = now.saturating_sub(span);
            match selected.binary_search_by(|i| columns.time[*i as usize].cmp(&wanted)) {
                Ok(found) => values[selected[found] as usize],
                Err(_) => Cell::NULL,
            }
        };
        let span = of.step.saturating_mul(i64::from(of.n));
        // The values of the windows from `from` on and up to `upto`, oldest first.
        let mut between = |from: i64, upto: i64| {
            let low = selected[..=at].partition_point(|i| columns.time[*i as usize] < from);
            let high = selected[..=at].partition_point(|i| columns.time[*i as usize] <= upto);
            list.clear();
            list.extend(selected[low..high].iter().map(|i| values[*i as usize]));
            list.retain(|cell| !cell.is_null());
        };
        let text = &columns.bytes;
        out[selected[at] as usize] = match of.function {
            SeriesFunction::Prev => back(span),
            SeriesFunction::Ago => back(of.span),
            SeriesFunction::Delta => difference(cell, back(span)),
            SeriesFunction::MovingMin | SeriesFunction::MovingMax => {
                between(now - span + 1, now);
                let order = |a: &Cell, b: &Cell| key::compare_values(a.value(text), b.value(text));
                // Of equal ones the oldest.
                let greater = of.function == SeriesFunction::MovingMax;
                let wanted = if greater { Ordering::Greater } else { Ordering::Less };
                let best = list.iter().copied().reduce(|a, b| if order(&b, &a) == wanted { b } else { a });
                best.unwrap_or(Cell::NULL)
            }
            SeriesFunction::MovingSum => {
                between(now - span + 1, now);
                sum(&list)
            }
            SeriesFunction::MovingAvg => {
                between(now - span + 1, now);
                mean(&numbers(&list)).map_or(Cell::NULL, Cell::float)
            }
            SeriesFunction::MovingStddev => {
                between(now - span + 1, now);
                deviation(&numbers(&list)).map_or(Cell::NULL, |(_, deviation)| Cell::float(deviation))
            }
            SeriesFunction::MovingMedian => {
                between(now - span + 1, now);
                median(&mut numbers(&list)).map_or(Cell::NULL, Cell::float)
            }
            SeriesFunction::Zscore => {
                between(now - span, now - of.step);
                score(cell, &numbers(&list))
            }
            SeriesFunction::MadScore => {
                between(now - span, now - of.step);
                mad(cell, &numbers(&list))
            }
            SeriesFunction::Seasonal => {
                list.clear();
                list.extend((1..=i64::from(of.n)).rev().map(|n| back(of.span.saturating_mul(n))));
                score(cell, &numbers(&list))
            }
            SeriesFunction::Ewma => {
                let low = selected[..=at].partition_point(|i| columns.time[*i as usize] <= now - span);
                let rows = selected[low..=at].iter().map(|i| {
                    let windows = (now - columns.time[*i as usize]) / of.step;
                    (windows as i32, values[*i as usize])
                });
                weighted(rows, 1.0 - of.alpha)
            }
        };
    }
}

fn numbers(list: &[Cell]) -> Vec<f64> {
    list.iter().filter_map(|cell| cell.as_f64()).collect()
}

fn difference(now: Cell, before: Cell) -> Cell {
    use crate::event::Tag::Int;
    match (now.tag(), before.tag()) {
        (Int, Int) => (now.bits() as i64).checked_sub(before.bits() as i64).map_or(Cell::NULL, Cell::int),
        _ => match (now.as_f64(), before.as_f64()) {
            (Some(now), Some(before)) => Cell::float(now - before),
            _ => Cell::NULL,
        },
    }
}

/// A whole number of whole numbers; NULL where that is too large, and of none.
fn sum(list: &[Cell]) -> Cell {
    use crate::event::Tag::{Float, Int};
    let numbers: Vec<Cell> = list.iter().copied().filter(|cell| matches!(cell.tag(), Int | Float)).collect();
    if numbers.is_empty() {
        return Cell::NULL;
    }
    if numbers.iter().all(|cell| cell.tag() == Int) {
        let total: i128 = numbers.iter().map(|cell| i128::from(cell.bits() as i64)).sum();
        return i64::try_from(total).map_or(Cell::NULL, Cell::int);
    }
    Cell::float(numbers.iter().filter_map(|cell| cell.as_f64()).sum())
}

fn mean(list: &[f64]) -> Option<f64> {
    (!list.is_empty()).then(|| list.iter().sum::<f64>() / list.len() as f64)
}

/// Mean and sample standard deviation of at least two values; a deviation of 0 is that of equal ones alone.
fn deviation(list: &[f64]) -> Option<(f64, f64)> {
    let (first, mean) = (*list.first()?, mean(list)?);
    if list.len() < 2 {
        return None;
    }
    if list.iter().all(|v| *v == first) {
        return Some((first, 0.0));
    }
    let squares: f64 = list.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((mean, (squares / (list.len() - 1) as f64).sqrt()))
}

fn score(now: Cell, list: &[f64]) -> Cell {
    match (now.as_f64(), deviation(list)) {
        (Some(now), Some((mean, deviation))) => far(now - mean, deviation),
        _ => Cell::NULL,
    }
}

/// A distance in units of another; none of no distance is 0, of one NULL.
fn far(distance: f64, unit: f64) -> Cell {
    match (distance, unit) {
        (0.0, 0.0) => Cell::float(0.0),
        (_, 0.0) => Cell::NULL,
        _ => Cell::float(distance / unit),
    }
}

fn median(list: &mut [f64]) -> Option<f64> {
    list.sort_unstable_by(f64::total_cmp);
    let half = list.len() / 2;
    match list.len() {
        0 => None,
        n if n % 2 == 1 => Some(list[half]),
        _ => Some(list[half - 1] + (list[half] - list[half - 1]) / 2.0),
    }
}

fn mad(now: Cell, list: &[f64]) -> Cell {
    if list.len() < 2 {
        return Cell::NULL;
    }
    let mut list = list.to_vec();
    let (Some(now), Some(middle)) = (now.as_f64(), median(&mut list)) else { return Cell::NULL };
    let mut distances: Vec<f64> = list.iter().map(|v| (v - middle).abs()).collect();
    let unit = median(&mut distances).unwrap_or(0.0);
    far(MAD * (now - middle), unit)
}

/// The mean where the value of k windows before weighs `factor`^k; oldest first.
fn weighted(rows: impl Iterator<Item = (i32, Cell)>, factor: f64) -> Cell {
    let (mut total, mut weights) = (0.0, 0.0);
    for (windows, cell) in rows {
        if let Some(value) = cell.as_f64() {
            let weight = power(factor, windows);
            total += weight * value;
            weights += weight;
        }
    }
    if weights > 0.0 { Cell::float(total / weights) } else { Cell::NULL }
}

/// By multiplication alone, so that it is the same on every machine.
fn power(mut factor: f64, mut n: i32) -> f64 {
    let mut result = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            result *= factor;
        }
        factor *= factor;
        n >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{RowHead, RowKind, RowSchema};

    /// The column over windows 10 apart, of which some are missing, for all rows.
    fn over(function: SeriesFunction, n: u32, span: i64, alpha: f64, rows: &[(i64, f64)]) -> Vec<Option<f64>> {
        let schema = RowSchema {
            name: "v".into(),
            dimensions: Vec::new(),
            values: vec!["x".into()],
            capped: false,
            early: false,
            kind: RowKind::Window,
            keep: 0,
        };
        let mut columns = Columns::new(&schema, 1);
        for (end, value) in rows {
            let mut values = Vec::new();
            let cell = if value.is_nan() { Cell::NULL } else { Cell::float(*value) };
            key::encode_value(cell, &[], &mut values);
            let head = RowHead::new(0, 0, (end - 10, *end));
            columns.push(RowRef { head: &head, key: &[], values: &values });
        }
        let of = Series { slot: 3, from: 2, function, n, span, alpha, step: 10, reach: 0 };
        let selected: Vec<u32> = (0..rows.len() as u32).collect();
        let mut out = vec![Cell::NULL; rows.len()];
        fill(&of, &columns, &selected, i64::MIN, &mut out);
        out.iter().map(|cell| cell.as_f64()).collect()
    }

    const ROWS: &[(i64, f64)] = &[(10, 1.0), (20, 3.0), (30, f64::NAN), (50, 5.0), (60, 11.0)];

    #[test]
    fn each_function_gives_what_a_pencil_does() {
        use SeriesFunction::*;
        let n = None;
        assert_eq!(over(Prev, 1, 0, 0.0, ROWS), [n, Some(1.0), Some(3.0), n, Some(5.0)]);
        assert_eq!(over(Prev, 3, 0, 0.0, ROWS), [n, n, n, Some(3.0), n]);
        assert_eq!(over(Ago, 1, 40, 0.0, ROWS), [n, n, n, Some(1.0), Some(3.0)]);
        assert_eq!(over(Delta, 1, 0, 0.0, ROWS), [n, Some(2.0), n, n, Some(6.0)]);
        assert_eq!(over(MovingAvg, 2, 0, 0.0, ROWS), [Some(1.0), Some(2.0), Some(3.0), Some(5.0), Some(8.0)]);
        assert_eq!(over(MovingSum, 5, 0, 0.0, ROWS), [Some(1.0), Some(4.0), Some(4.0), Some(9.0), Some(19.0)]);
        assert_eq!(over(MovingMin, 2, 0, 0.0, ROWS)[4], Some(5.0));
        assert_eq!(over(MovingMax, 5, 0, 0.0, ROWS)[3], Some(5.0));
        assert_eq!(over(MovingMedian, 6, 0, 0.0, ROWS)[4], Some(4.0));
        assert_eq!(over(MovingStddev, 2, 0, 0.0, ROWS)[1], Some(2f64.sqrt()));
        // Before 60: 3 and 5, of mean 4 and deviation sqrt 2.
        assert_eq!(over(Zscore, 4, 0, 0.0, ROWS)[4], Some(7.0 / 2f64.sqrt()));
        assert_eq!(over(Zscore, 5, 0, 0.0, ROWS)[1], n);
        // Before 60: 1, 3, 5; their median is 3 and the distances 2, 0, 2.
        assert_eq!(over(MadScore, 5, 0, 0.0, ROWS)[4], Some(MAD * 8.0 / 2.0));
        // 20 and 40 before 60: none and 3; with 50 before too.
        assert_eq!(over(Seasonal, 2, 20, 0.0, ROWS)[4], n);
        assert_eq!(over(Seasonal, 5, 10, 0.0, ROWS)[4], Some(8.0 / 2.0));
        assert_eq!(over(Ewma, 3, 0, 0.5, ROWS)[4], Some((11.0 + 5.0 * 0.5) / 1.5));
    }

    #[test]
    fn a_baseline_that_does_not_vary_gives_zero_or_nothing() {
        let rows = [(10, 0.1), (20, 0.1), (30, 0.1), (40, 0.1), (50, 7.0)];
        let scores = over(SeriesFunction::Zscore, 3, 0, 0.0, &rows);
        assert_eq!(scores, [None, None, Some(0.0), Some(0.0), None]);
        assert_eq!(over(SeriesFunction::MadScore, 3, 0, 0.0, &rows), scores);
    }
}
