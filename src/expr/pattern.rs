//! The functions over regular expressions; each pattern is a literal, compiled once when the expression is.
//!
//! Cost: linear in the text, whatever the pattern; a call that asks for a group allocates the places of the groups.
//! Source: the syntax is that of the `regex` crate: Perl's, without look-around and back-references.

use super::heap::{Heap, LONGEST, get, range};
use crate::event::Cell;
use regex::{Regex, RegexBuilder};

/// The most memory that a compiled pattern may take.
const MAX_SIZE: usize = 1 << 20;

/// Compiles a pattern; flags are `i` (any case), `m` (^ and $ at lines), `s` (. takes line ends), `x` (spaces in the
/// pattern are left out), and `g`, which the functions read.
pub(super) fn regex(pattern: &str, flags: &str) -> Result<Regex, String> {
    if let Some(flag) = flags.chars().find(|c| !"imsxg".contains(*c)) {
        return Err(format!("there is no flag '{flag}': flags are i, m, s, x and g"));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .size_limit(MAX_SIZE)
        .dfa_size_limit(MAX_SIZE)
        .build()
        .map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => "it becomes too large when compiled".to_owned(),
            // the last line says what is wrong; the lines before it draw the pattern
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        })
}

/// The text of the first argument.
fn text<'a>(cell: Cell, heap: &'a mut Heap<'_>) -> Option<&'a str> {
    heap.text(cell)?;
    match simdutf8::basic::from_utf8(cell.text(heap.arena)) {
        Ok(text) => Some(text),
        Err(_) => {
            *heap.failures += 1;
            None
        }
    }
}

pub(super) fn like(regex: &Regex, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::bool(regex.is_match(get!(text(args[0], heap))))
}

pub(super) fn count(regex: &Regex, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(regex.find_iter(get!(text(args[0], heap))).count() as i64)
}

pub(super) fn substr(regex: &Regex, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let group = match args.get(2) {
        Some(cell) => get!(heap.whole(*cell)),
        None => i64::from(regex.captures_len() > 1),
    };
    let Some(group) = usize::try_from(group).ok().filter(|n| *n < regex.captures_len()) else { return heap.fail() };
    let text = get!(text(args[0], heap));
    let found = if group == 0 {
        regex.find(text).map(|m| (m.start(), m.end()))
    } else {
        let mut places = regex.capture_locations();
        regex.captures_read(&mut places, text).and_then(|_| places.get(group))
    };
    found.map_or(Cell::NULL, |(from, to)| heap.part(args[0], from, to))
}

pub(super) fn replace(regex: &Regex, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[2]));
    let all = match args.get(3) {
        Some(flags) => get!(heap.text(*flags)).contains(&b'g'),
        None => false,
    };
    if !regex.is_match(get!(text(args[0], heap))) {
        return args[0];
    }
    let (span, with) = (range(args[0], heap.arena), range(args[2], heap.arena));
    let start = heap.arena.len();
    let mut places = regex.capture_locations();
    let (mut at, mut copied, mut last) = (0, 0, None);
    loop {
        let Ok(text) = simdutf8::basic::from_utf8(&heap.arena[span.clone()]) else { return heap.fail() };
        if at > text.len() || regex.captures_read_at(&mut places, text, at).is_none() {
            break;
        }
        let Some((from, to)) = places.get(0) else { break };
        // after an empty match the search goes on one character later
        let step = text[to..].chars().next().map_or(1, char::len_utf8);
        // nor is an empty match a match of its own where the one before it ends
        if from == to && last == Some(to) {
            at = to + step;
            continue;
        }
        last = Some(to);
        heap.arena.extend_from_within(span.start + copied..span.start + from);
        let mut i = with.start;
        while i < with.end {
            let (b, next) = (heap.arena[i], heap.arena.get(i + 1).copied().filter(|_| i + 1 < with.end));
            match (b, next) {
                (b'\\', Some(n)) if n == b'&' || n.is_ascii_digit() => {
                    let group = if n == b'&' { 0 } else { usize::from(n - b'0') };
                    if let Some((from, to)) = (group < places.len()).then(|| places.get(group)).flatten() {
                        heap.arena.extend_from_within(span.start + from..span.start + to);
                    }
                    i += 2;
                }
                (b'\\', Some(b'\\')) => {
                    heap.arena.push(b'\\');
                    i += 2;
                }
                _ => {
                    heap.arena.push(b);
                    i += 1;
                }
            }
        }
        copied = to;
        at = if to == from { to + step } else { to };
        if !all || heap.arena.len() - start > LONGEST.max(span.len()) {
            break;
        }
    }
    heap.arena.extend_from_within(span.start + copied..span.end);
    heap.grown(start, LONGEST.max(span.len()))
}
