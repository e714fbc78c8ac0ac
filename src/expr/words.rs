//! The functions that write new text: padding, repeating, changing character by character, and distances.
//!
//! Invariants: a text that a count makes longer ([`repeat`], [`lpad`], [`rpad`]) has at most [`LONGEST`] bytes, so that
//! one row cannot fill the arena of its batch; a longer one is NULL, counted.

use super::heap::{Heap, LONGEST, char_count, char_offset, first_char, get, range};
use crate::event::Cell;

pub(super) fn octet_length(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(get!(heap.text(args[0])).len() as i64)
}

pub(super) fn initcap(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let span = range(args[0], heap.arena);
    heap.build(|arena| {
        let (mut at, mut within) = (span.start, false);
        while let Some((c, width)) = first_char(&arena[at..span.end]) {
            let changed = |c: char, arena: &mut Vec<u8>| arena.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if within {
                c.to_lowercase().for_each(|c| changed(c, arena));
            } else {
                c.to_uppercase().for_each(|c| changed(c, arena));
            }
            within = c.is_alphanumeric();
            at += width;
        }
    })
}

pub(super) fn reverse(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let span = range(args[0], heap.arena);
    heap.build(|arena| {
        let mut to = span.end;
        while to > span.start {
            let mut from = to - 1;
            while from > span.start && arena[from] & 0xC0 == 0x80 {
                from -= 1;
            }
            arena.extend_from_within(from..to);
            to = from;
        }
    })
}

pub(super) fn repeat(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let n = get!(heap.whole(args[1])).max(0) as u64;
    let len = get!(heap.text(args[0])).len() as u64;
    if len.saturating_mul(n) > LONGEST as u64 {
        return heap.fail();
    }
    let span = range(args[0], heap.arena);
    // nothing written n times is nothing, however large n is
    let n = if len == 0 { 0 } else { n };
    heap.build(|arena| (0..n).for_each(|_| arena.extend_from_within(span.clone())))
}

pub(super) fn lpad(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    pad(args, heap, true)
}

pub(super) fn rpad(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    pad(args, heap, false)
}

fn pad(args: &[Cell], heap: &mut Heap<'_>, front: bool) -> Cell {
    let wanted = get!(heap.whole(args[1])).max(0) as usize;
    let have = char_count(get!(heap.text(args[0])));
    if let Some(fill) = args.get(2) {
        get!(heap.text(*fill));
    }
    if wanted <= have {
        let cut = char_offset(args[0].text(heap.arena), wanted);
        return heap.part(args[0], 0, cut);
    }
    let missing = wanted - have;
    let text = range(args[0], heap.arena);
    let fill = args.get(2).map(|cell| range(*cell, heap.arena));
    if fill.as_ref().is_some_and(|fill| fill.is_empty()) {
        return args[0];
    }
    // a character has at most four bytes
    if missing > LONGEST || text.len() > LONGEST {
        return heap.fail();
    }
    let start = heap.arena.len();
    if !front {
        heap.arena.extend_from_within(text.clone());
    }
    match fill {
        None => heap.arena.resize(heap.arena.len() + missing, b' '),
        Some(fill) => {
            let unit = char_count(&heap.arena[fill.clone()]);
            for _ in 0..missing / unit {
                heap.arena.extend_from_within(fill.clone());
                if heap.arena.len() - start > LONGEST {
                    break;
                }
            }
            let rest = char_offset(&heap.arena[fill.clone()], missing % unit);
            heap.arena.extend_from_within(fill.start..fill.start + rest);
        }
    }
    if front {
        heap.arena.extend_from_within(text);
    }
    heap.grown(start, LONGEST)
}

pub(super) fn translate(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    for cell in args {
        get!(heap.text(*cell));
    }
    let [text, from, to] = [range(args[0], heap.arena), range(args[1], heap.arena), range(args[2], heap.arena)];
    let start = heap.arena.len();
    let mut at = text.start;
    while let Some((c, width)) = first_char(&heap.arena[at..text.end]) {
        let (mut rest, mut n, mut found) = (from.start, 0, None);
        while let Some((f, width)) = first_char(&heap.arena[rest..from.end]) {
            if f == c {
                found = Some(n);
                break;
            }
            rest += width;
            n += 1;
        }
        match found {
            None => heap.arena.extend_from_within(at..at + width),
            Some(n) => {
                let into = to.start + char_offset(&heap.arena[to.clone()], n);
                if let Some((_, width)) = first_char(&heap.arena[into..to.end]) {
                    heap.arena.extend_from_within(into..into + width);
                }
            }
        }
        at += width;
    }
    heap.grown(start, LONGEST.max(text.len()))
}

pub(super) fn overlay(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let part = char_count(get!(heap.text(args[1])));
    let start = get!(heap.whole(args[2]));
    let count = match args.get(3) {
        Some(cell) => get!(heap.whole(*cell)),
        None => part as i64,
    };
    if start < 1 || count < 0 {
        return heap.fail();
    }
    let (text, part) = (range(args[0], heap.arena), range(args[1], heap.arena));
    let head = char_offset(&heap.arena[text.clone()], (start - 1) as usize);
    let tail = char_offset(&heap.arena[text.clone()], (start - 1).saturating_add(count) as usize);
    heap.build(|arena| {
        arena.extend_from_within(text.start..text.start + head);
        arena.extend_from_within(part);
        arena.extend_from_within(text.start + tail..text.end);
    })
}

pub(super) fn ascii(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(first_char(get!(heap.text(args[0]))).map_or(0, |(c, _)| i64::from(u32::from(c))))
}

pub(super) fn chr(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let n = get!(heap.whole(args[0]));
    match u32::try_from(n).ok().filter(|n| *n > 0).and_then(char::from_u32) {
        Some(c) => heap.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => heap.fail(),
    }
}

/// The longest texts, in characters, whose distance is computed: its cost is the product of the two lengths.
pub(super) const LONGEST_DISTANCE: usize = 255;

pub(super) fn levenshtein(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let a = char_count(get!(heap.text(args[0])));
    let b = char_count(get!(heap.text(args[1])));
    if a > LONGEST_DISTANCE || b > LONGEST_DISTANCE {
        return heap.fail();
    }
    let (mut rest, other) = (args[0].text(heap.arena), args[1].text(heap.arena));
    let mut row = [0_u16; LONGEST_DISTANCE + 1];
    row.iter_mut().zip(0..).for_each(|(cell, n)| *cell = n);
    let mut above = 0;
    while let Some((c, width)) = first_char(rest) {
        rest = &rest[width..];
        let mut corner = above;
        above += 1;
        row[0] = above;
        let (mut right, mut n) = (other, 1);
        while let Some((d, width)) = first_char(right) {
            right = &right[width..];
            let cost = (corner + u16::from(c != d)).min(row[n] + 1).min(row[n - 1] + 1);
            corner = row[n];
            row[n] = cost;
            n += 1;
        }
    }
    Cell::int(i64::from(row[b]))
}
