//! The functions over text; they count in characters, never in bytes.
//!
//! Cost: `substr`, `trim`, `left`, `right`, `split_part` copy nothing: their result is a part of the argument.

use super::heap::{Heap, LONGEST, char_count, char_offset, first_char, get, range};
use crate::event::Cell;
use memchr::memmem;

pub(super) fn lower(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    change(
        args[0],
        heap,
        |b| b.is_ascii_uppercase(),
        |b| b.make_ascii_lowercase(),
        |c, out| out.extend(c.to_lowercase()),
    )
}

pub(super) fn upper(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    change(
        args[0],
        heap,
        |b| b.is_ascii_lowercase(),
        |b| b.make_ascii_uppercase(),
        |c, out| out.extend(c.to_uppercase()),
    )
}

/// Changes the case: in place of a copy for ASCII, character by character for any other text.
fn change(
    cell: Cell,
    heap: &mut Heap<'_>,
    differs: impl Fn(&u8) -> bool,
    ascii: impl Fn(&mut [u8]),
    each: impl Fn(char, &mut Chars),
) -> Cell {
    let text = get!(heap.text(cell));
    let plain = text.is_ascii();
    if plain && !text.iter().any(differs) {
        return cell;
    }
    let span = range(cell, heap.arena);
    heap.build(|arena| {
        if plain {
            let start = arena.len();
            arena.extend_from_within(span);
            ascii(&mut arena[start..]);
            return;
        }
        let mut at = span.start;
        while let Some((c, width)) = first_char(&arena[at..span.end]) {
            let mut chars = Chars::default();
            each(c, &mut chars);
            arena.extend_from_slice(&chars.bytes[..chars.len]);
            at += width;
        }
    })
}

/// The one to three characters that one becomes in the other case.
#[derive(Default)]
struct Chars {
    bytes: [u8; 16],
    len: usize,
}

impl Extend<char> for Chars {
    fn extend<I: IntoIterator<Item = char>>(&mut self, chars: I) {
        for c in chars {
            if self.len + c.len_utf8() <= self.bytes.len() {
                self.len += c.encode_utf8(&mut self.bytes[self.len..]).len();
            }
        }
    }
}

pub(super) fn length(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(char_count(get!(heap.text(args[0]))) as i64)
}

pub(super) fn substr(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let start = get!(heap.whole(args[1]));
    let end = match args.get(2) {
        None => i64::MAX,
        Some(cell) => {
            let count = get!(heap.whole(*cell));
            if count < 0 {
                return heap.fail();
            }
            start.saturating_add(count)
        }
    };
    let text = get!(heap.text(args[0]));
    let first = char_offset(text, (start.max(1) - 1) as usize);
    let count = end.saturating_sub(start.max(1)).max(0) as usize;
    let last = first + char_offset(&text[first..], count);
    heap.part(args[0], first, last)
}

pub(super) fn left(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let cut = get!(split_at(args, heap, false));
    heap.part(args[0], 0, cut)
}

pub(super) fn right(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let cut = get!(split_at(args, heap, true));
    let end = get!(heap.text(args[0])).len();
    heap.part(args[0], cut, end)
}

/// The byte at which n characters from one side end; a negative n counts from the other side.
fn split_at(args: &[Cell], heap: &mut Heap<'_>, from_right: bool) -> Option<usize> {
    let n = heap.whole(args[1])?;
    let text = heap.text(args[0])?;
    let many = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
    // from the left: the first n, or all but the last |n|; from the right: the mirror of it
    let from_start = (n >= 0) != from_right;
    let chars = if from_start { many } else { char_count(text).saturating_sub(many) };
    Some(char_offset(text, chars))
}

pub(super) fn trim(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    strip(args, heap, true, true)
}

pub(super) fn ltrim(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    strip(args, heap, true, false)
}

pub(super) fn rtrim(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    strip(args, heap, false, true)
}

fn strip(args: &[Cell], heap: &mut Heap<'_>, front: bool, back: bool) -> Cell {
    get!(heap.text(args[0]));
    if let Some(set) = args.get(1) {
        get!(heap.text(*set));
    }
    let text = args[0].text(heap.arena);
    let set = args.get(1).map_or(&b" "[..], |c| c.text(heap.arena));
    let within = |c: char| {
        let mut rest = set;
        while let Some((s, width)) = first_char(rest) {
            if s == c {
                return true;
            }
            rest = &rest[width..];
        }
        false
    };
    let (mut from, mut to) = (0, text.len());
    while front && let Some((_, width)) = first_char(&text[from..to]).filter(|(c, _)| within(*c)) {
        from += width;
    }
    while back && to > from {
        let mut start = to - 1;
        while start > from && text[start] & 0xC0 == 0x80 {
            start -= 1;
        }
        match first_char(&text[start..to]) {
            Some((c, _)) if within(c) => to = start,
            _ => break,
        }
    }
    heap.part(args[0], from, to)
}

pub(super) fn replace(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    for cell in args {
        get!(heap.text(*cell));
    }
    let from = args[1].text(heap.arena);
    if from.is_empty() || memmem::find(args[0].text(heap.arena), from).is_none() {
        return args[0];
    }
    let (mut text, from, to) = (range(args[0], heap.arena), range(args[1], heap.arena), range(args[2], heap.arena));
    let (start, most) = (heap.arena.len(), LONGEST.max(text.len()));
    while let Some(at) = memmem::find(&heap.arena[text.clone()], &heap.arena[from.clone()]) {
        heap.arena.extend_from_within(text.start..text.start + at);
        heap.arena.extend_from_within(to.clone());
        text.start += at + from.len();
        if heap.arena.len() - start > most {
            break;
        }
    }
    heap.arena.extend_from_within(text);
    heap.grown(start, most)
}

pub(super) fn starts_with(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    two(args, heap, |text, part| Cell::bool(text.starts_with(part)))
}

pub(super) fn ends_with(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    two(args, heap, |text, part| Cell::bool(text.ends_with(part)))
}

pub(super) fn contains(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    two(args, heap, |text, part| Cell::bool(memmem::find(text, part).is_some()))
}

pub(super) fn strpos(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    two(args, heap, |text, part| Cell::int(memmem::find(text, part).map_or(0, |at| char_count(&text[..at]) as i64 + 1)))
}

fn two(args: &[Cell], heap: &mut Heap<'_>, f: impl Fn(&[u8], &[u8]) -> Cell) -> Cell {
    get!(heap.text(args[0]));
    get!(heap.text(args[1]));
    f(args[0].text(heap.arena), args[1].text(heap.arena))
}

pub(super) fn split_part(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    get!(heap.text(args[1]));
    let n = get!(heap.whole(args[2]));
    if n == 0 {
        return heap.fail();
    }
    let (text, by) = (args[0].text(heap.arena), args[1].text(heap.arena));
    let none = heap.part(args[0], 0, 0);
    if by.is_empty() {
        return if n == 1 || n == -1 { args[0] } else { none };
    }
    let n = if n > 0 {
        n as u64
    } else {
        let fields = memmem::find_iter(text, by).count() as u64 + 1;
        match (fields + 1).checked_sub(n.unsigned_abs()) {
            None | Some(0) => return none,
            Some(n) => n,
        }
    };
    let mut from = 0;
    for _ in 1..n {
        match memmem::find(&text[from..], by) {
            Some(at) => from += at + by.len(),
            None => return none,
        }
    }
    let to = memmem::find(&text[from..], by).map_or(text.len(), |at| from + at);
    heap.part(args[0], from, to)
}
