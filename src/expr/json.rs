//! The functions over JSON: steps into objects and arrays, and what is in them. A JSON array is the array type.
//!
//! An argument is a JSON value (a nested field of an event), or text that is read as JSON; text that is not is NULL,
//! counted. An element becomes the value that a field of an event would: text, a whole number, a float, a boolean, NULL,
//! or JSON again where it is an object or an array. Of a name that an object has twice, the last counts.
//!
//! Cost: one pass over the text, no tree; an element is a part of the text, not a copy, unless it has escapes. Sorting
//! and taking distinct elements allocate for each row.

use super::cast::write;
use super::compare::{distinct, order};
use super::heap::{Heap, LONGEST, get, range};
use crate::event::{Cell, Tag, Value, key};
use std::cmp::Ordering;
use std::ops::Range;

/// Where the JSON text of an argument is.
fn source(cell: Cell, heap: &mut Heap<'_>) -> Option<Range<usize>> {
    let text = match cell.tag() {
        Tag::Json | Tag::Str => cell.text(heap.arena),
        _ => {
            heap.fail();
            return None;
        }
    };
    if cell.tag() == Tag::Str && !valid(text) {
        heap.fail();
        return None;
    }
    let span = range(cell, heap.arena);
    let text = &heap.arena[span.clone()];
    let front = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let back = text[front..].iter().rev().take_while(|b| b.is_ascii_whitespace()).count();
    Some(span.start + front..span.end - back)
}

fn valid(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// The array of an argument; a counted `None` for anything else.
fn array(cell: Cell, heap: &mut Heap<'_>) -> Option<Range<usize>> {
    let span = source(cell, heap)?;
    if heap.arena.get(span.start) != Some(&b'[') {
        heap.fail();
        return None;
    }
    Some(span)
}

/// Walks over the elements of an array or the members of an object.
struct Walk {
    at: usize,
    end: usize,
    object: bool,
}

impl Walk {
    fn new(span: &Range<usize>, arena: &[u8]) -> Self {
        Walk { at: span.start + 1, end: span.end, object: arena.get(span.start) == Some(&b'{') }
    }

    /// The name (with its quotes) and the value of the next element.
    fn next(&mut self, arena: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
        let text = arena.get(..self.end)?;
        let skip = |mut at: usize| {
            while text.get(at).is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b',' | b':')) {
                at += 1;
            }
            at
        };
        let start = skip(self.at);
        if matches!(text.get(start)?, b']' | b'}') {
            return None;
        }
        let name = if self.object { start..value_end(text, start)? } else { start..start };
        let start = skip(name.end);
        let value = start..value_end(text, start)?;
        self.at = value.end;
        Some((name, value))
    }
}

/// Where the value that begins at `at` ends.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match *text.get(at)? {
            b'"' => {
                at += 1;
                while *text.get(at)? != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => {
                let rest = &text[at..];
                let len = rest.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b',' | b']' | b'}'));
                return Some(at + len.unwrap_or(rest.len()));
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The value of the JSON at `span`.
fn value(span: Range<usize>, heap: &mut Heap<'_>) -> Cell {
    let text = &heap.arena[span.clone()];
    let (start, len) = (span.start as u32, span.len() as u32);
    match text.first() {
        Some(b'{' | b'[') => Cell::json(start, len),
        Some(b'"') if len >= 2 && !text.contains(&b'\\') => Cell::str(start + 1, len - 2),
        Some(b'"') => match serde_json::from_slice::<String>(text) {
            Ok(text) => heap.push(text.as_bytes()),
            Err(_) => heap.fail(),
        },
        Some(b't') => Cell::bool(true),
        Some(b'f') => Cell::bool(false),
        Some(b'n') => Cell::NULL,
        _ => {
            let text = std::str::from_utf8(text).unwrap_or("");
            if !text.contains(['.', 'e', 'E'])
                && let Ok(whole) = text.parse()
            {
                return Cell::int(whole);
            }
            let read = text.parse().unwrap_or(f64::NAN);
            heap.float(read)
        }
    }
}

fn is_named(name: &[u8], wanted: &[u8]) -> bool {
    if name.contains(&b'\\') {
        return serde_json::from_slice::<String>(name).is_ok_and(|n| n.as_bytes() == wanted);
    }
    name.len() >= 2 && &name[1..name.len() - 1] == wanted
}

/// One step into a value: a name, or a place (from 0; from the end where negative). `None`: nothing is there.
fn step(span: Range<usize>, by: Cell, heap: &Heap<'_>) -> Option<Range<usize>> {
    let wanted = by.text(heap.arena);
    let mut walk = Walk::new(&span, heap.arena);
    match heap.arena.get(span.start)? {
        b'{' if by.tag() == Tag::Str => {
            let mut found = None;
            while let Some((name, value)) = walk.next(heap.arena) {
                if is_named(&heap.arena[name], wanted) {
                    found = Some(value);
                }
            }
            found
        }
        b'[' => {
            let mut place = match by.value(heap.arena) {
                Value::Int(n) => n,
                Value::Str(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
                _ => return None,
            };
            if place < 0 {
                let mut count = 0_i64;
                let mut all = Walk::new(&span, heap.arena);
                while all.next(heap.arena).is_some() {
                    count += 1;
                }
                place = place.checked_add(count).filter(|n| *n >= 0)?;
            }
            for _ in 0..place {
                walk.next(heap.arena)?;
            }
            walk.next(heap.arena).map(|(_, value)| value)
        }
        _ => None,
    }
}

fn walk_path(args: &[Cell], heap: &mut Heap<'_>) -> Option<Range<usize>> {
    let mut span = source(args[0], heap)?;
    for by in &args[1..] {
        if !matches!(by.tag(), Tag::Str | Tag::Int) {
            heap.fail();
            return None;
        }
        span = step(span, *by, heap)?;
    }
    Some(span)
}

pub(super) fn extract(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    match walk_path(args, heap) {
        Some(span) => value(span, heap),
        None => Cell::NULL,
    }
}

pub(super) fn extract_text(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let found = extract(args, heap);
    super::cast::to_text(found, heap)
}

pub(super) fn parse(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(source(args[0], heap));
    value(span, heap)
}

pub(super) fn is_valid(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    match args[0].tag() {
        Tag::Json => Cell::bool(true),
        Tag::Str => Cell::bool(valid(args[0].text(heap.arena))),
        _ => heap.fail(),
    }
}

pub(super) fn kind(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(source(args[0], heap));
    let word: &[u8] = match heap.arena[span.start] {
        b'{' => b"object",
        b'[' => b"array",
        b'"' => b"string",
        b't' | b'f' => b"boolean",
        b'n' => b"null",
        _ => b"number",
    };
    heap.push(word)
}

pub(super) fn keys(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(source(args[0], heap));
    let mut walk = Walk::new(&span, heap.arena);
    if !walk.object {
        return heap.fail();
    }
    let start = heap.arena.len();
    heap.arena.push(b'[');
    while let Some((name, _)) = walk.next(heap.arena) {
        put(name, start, heap);
    }
    close(start, heap)
}

/// Appends an element to an array that began at `start`.
fn put(span: Range<usize>, start: usize, heap: &mut Heap<'_>) {
    if heap.arena.len() > start + 1 {
        heap.arena.push(b',');
    }
    heap.arena.extend_from_within(span);
}

/// Ends an array that began at `start`.
fn close(start: usize, heap: &mut Heap<'_>) -> Cell {
    heap.arena.push(b']');
    let text = heap.finish(start);
    if text.is_null() { text } else { Cell::json(start as u32, text.text(heap.arena).len() as u32) }
}

pub(super) fn length(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(array(args[0], heap));
    let (mut walk, mut count) = (Walk::new(&span, heap.arena), 0);
    while walk.next(heap.arena).is_some() {
        count += 1;
    }
    Cell::int(count)
}

pub(super) fn get_at(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(array(args[0], heap));
    let place = match get!(heap.whole(args[1])) {
        0 => return Cell::NULL,
        n if n > 0 => n - 1,
        n => n,
    };
    match step(span, Cell::int(place), heap) {
        Some(span) => value(span, heap),
        None => Cell::NULL,
    }
}

/// The place, from 1, of the first element that equals `wanted`.
fn find(args: &[Cell], heap: &mut Heap<'_>) -> Option<Option<i64>> {
    let span = array(args[0], heap)?;
    let (mut walk, mut place, start) = (Walk::new(&span, heap.arena), 0, heap.arena.len());
    while let Some((_, element)) = walk.next(heap.arena) {
        place += 1;
        let same = value(element, heap);
        let same = !same.is_null() && !distinct(same, args[1], heap.arena);
        heap.arena.truncate(start);
        if same {
            return Some(Some(place));
        }
    }
    Some(None)
}

pub(super) fn contains(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::bool(get!(find(args, heap)).is_some())
}

pub(super) fn position(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(find(args, heap)).map_or(Cell::NULL, Cell::int)
}

pub(super) fn join(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(array(args[0], heap));
    get!(heap.text(args[1]));
    // elements with escapes are unescaped past the end of the text that grows, so it is built in one vector of its own
    let (mut walk, mut out, mut first, start) = (Walk::new(&span, heap.arena), Vec::new(), true, heap.arena.len());
    while let Some((_, element)) = walk.next(heap.arena) {
        let element = value(element, heap);
        if !element.is_null() {
            if !first {
                out.extend_from_slice(args[1].text(heap.arena));
            }
            first = false;
            let from = heap.arena.len();
            write(element, heap.arena);
            out.extend_from_slice(&heap.arena[from..]);
        }
        heap.arena.truncate(start);
        if out.len() > LONGEST.max(span.len()) {
            return heap.fail();
        }
    }
    heap.push(&out)
}

pub(super) fn min(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    extreme(args, heap, Ordering::Less)
}

pub(super) fn max(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    extreme(args, heap, Ordering::Greater)
}

fn extreme(args: &[Cell], heap: &mut Heap<'_>, wanted: Ordering) -> Cell {
    let span = get!(array(args[0], heap));
    let (mut walk, mut best) = (Walk::new(&span, heap.arena), Cell::NULL);
    while let Some((_, element)) = walk.next(heap.arena) {
        let next = value(element, heap);
        if best.is_null() {
            best = next;
        } else if !next.is_null() {
            match order(next, best, heap.arena, heap.failures) {
                Some(found) if found == wanted => best = next,
                Some(_) => {}
                None => return Cell::NULL,
            }
        }
    }
    best
}

pub(super) fn sum(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (whole, float, count) = get!(total(args, heap));
    match float {
        _ if count == 0 => Cell::NULL,
        Some(v) => heap.float(v + whole as f64),
        None => heap.int(i64::try_from(whole).ok()),
    }
}

pub(super) fn average(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (whole, float, count) = get!(total(args, heap));
    if count == 0 { Cell::NULL } else { heap.float((float.unwrap_or(0.0) + whole as f64) / count as f64) }
}

/// The sum of the whole numbers, of the floats in their order, and how many there are.
fn total(args: &[Cell], heap: &mut Heap<'_>) -> Option<(i128, Option<f64>, u64)> {
    let span = array(args[0], heap)?;
    let (mut walk, mut whole, mut float, mut count) = (Walk::new(&span, heap.arena), 0_i128, None, 0);
    while let Some((_, element)) = walk.next(heap.arena) {
        let element = value(element, heap);
        match element.value(heap.arena) {
            Value::Null => continue,
            Value::Int(v) => whole += i128::from(v),
            Value::Float(v) => float = Some(float.unwrap_or(0.0) + v),
            _ => {
                heap.fail();
                return None;
            }
        }
        count += 1;
    }
    Some((whole, float, count))
}

/// The elements, with their values.
fn elements(cell: Cell, heap: &mut Heap<'_>) -> Option<Vec<(Cell, Range<usize>)>> {
    let span = array(cell, heap)?;
    let (mut walk, mut all) = (Walk::new(&span, heap.arena), Vec::new());
    while let Some((_, element)) = walk.next(heap.arena) {
        let found = match value(element.clone(), heap) {
            // one zero only: two that differ, both equal to the whole number, would make the order no order
            zero if zero.as_f64() == Some(0.0) => Cell::int(0),
            other => other,
        };
        all.push((found, element));
    }
    Some(all)
}

fn write_array(all: impl IntoIterator<Item = Range<usize>>, heap: &mut Heap<'_>) -> Cell {
    let start = heap.arena.len();
    heap.arena.push(b'[');
    all.into_iter().for_each(|span| put(span, start, heap));
    close(start, heap)
}

pub(super) fn sort(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let mut all = get!(elements(args[0], heap));
    all.sort_by(|(a, _), (b, _)| {
        let nulls_last = a.is_null().cmp(&b.is_null());
        nulls_last.then_with(|| key::compare_values(a.value(heap.arena), b.value(heap.arena)))
    });
    write_array(all.into_iter().map(|(_, span)| span), heap)
}

pub(super) fn unique(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let mut all = get!(elements(args[0], heap));
    // equal ones side by side, the first of them first; then back in the order of the array
    all.sort_by(|(a, _), (b, _)| key::compare_values(a.value(heap.arena), b.value(heap.arena)));
    all.dedup_by(|(a, _), (b, _)| !distinct(*a, *b, heap.arena));
    all.sort_by_key(|(_, span)| span.start);
    write_array(all.into_iter().map(|(_, span)| span), heap)
}

pub(super) fn slice(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let span = get!(array(args[0], heap));
    let (from, to) = (get!(heap.whole(args[1])), get!(heap.whole(args[2])));
    let (mut walk, mut place, start) = (Walk::new(&span, heap.arena), 0, heap.arena.len());
    heap.arena.push(b'[');
    while let Some((_, element)) = walk.next(heap.arena) {
        place += 1;
        if (from..=to).contains(&place) {
            put(element, start, heap);
        }
    }
    close(start, heap)
}
