//! Text as bytes in other dress: hex, base64, percent signs, checksums, hashes, and the parts of a URL.
//!
//! All of them are defined by their bytes, so that other programs can compute the same: md5 (RFC 1321), SHA-256, CRC-32
//! (IEEE), and for `hash` the 64-bit FNV-1a of the value as text.
//!
//! Invariants: what [`encode`] and [`url_encode`] write has at most [`LONGEST`] bytes, since calls within calls would
//! double it each time; a longer one is NULL, counted.

use super::cast::write;
use super::heap::{Heap, LONGEST, get, range};
use crate::event::{Cell, Tag};
use sha2::{Digest, Sha256};

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn put_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for b in bytes {
        out.extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
    }
}

pub(super) fn to_hex(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let n = get!(heap.whole(args[0])) as u64;
    let digits = (64 - n.leading_zeros()).div_ceil(4).max(1);
    heap.build(|arena| arena.extend((0..digits).rev().map(|i| HEX[(n >> (4 * i) & 15) as usize])))
}

pub(super) fn encode(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let hex = match get!(heap.text(args[1])) {
        b"hex" => true,
        b"base64" => false,
        _ => return heap.fail(),
    };
    let span = range(args[0], heap.arena);
    let start = heap.arena.len();
    for at in span.clone().step_by(3) {
        let mut three = [0; 3];
        let n = (span.end - at).min(3);
        three[..n].copy_from_slice(&heap.arena[at..at + n]);
        if hex {
            put_hex(&three[..n], heap.arena);
        } else {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for i in 0..4 {
                heap.arena.push(if i <= n { BASE64[(bits >> (18 - 6 * i) & 63) as usize] } else { b'=' });
            }
        }
    }
    heap.grown(start, LONGEST.max(span.len()))
}

fn hex_digit(b: u8) -> Option<u8> {
    (b as char).to_digit(16).map(|d| d as u8)
}

/// The bytes from `start` on as text; a counted NULL where they are not UTF-8.
fn utf8(heap: &mut Heap<'_>, start: usize) -> Cell {
    if simdutf8::basic::from_utf8(&heap.arena[start..]).is_err() {
        heap.arena.truncate(start);
        return heap.fail();
    }
    heap.finish(start)
}

pub(super) fn decode(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let hex = match get!(heap.text(args[1])) {
        b"hex" => true,
        b"base64" => false,
        _ => return heap.fail(),
    };
    let span = range(args[0], heap.arena);
    let start = heap.arena.len();
    let bits = if hex { 4 } else { 6 };
    let (mut held, mut count, mut padded, mut digits) = (0_u32, 0, 0, 0_u64);
    for at in span {
        let b = heap.arena[at];
        let digit = match b {
            b' ' | b'\n' | b'\r' | b'\t' => continue,
            b'=' if !hex => {
                padded += 1;
                continue;
            }
            _ if hex => hex_digit(b),
            b'A'..=b'Z' => Some(b - b'A'),
            b'a'..=b'z' => Some(b - b'a' + 26),
            b'0'..=b'9' => Some(b - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        };
        let Some(digit) = digit.filter(|_| padded == 0) else {
            heap.arena.truncate(start);
            return heap.fail();
        };
        digits += 1;
        held = (held << bits | u32::from(digit)) & 0xFFFF;
        count += bits;
        if count >= 8 {
            count -= 8;
            heap.arena.push((held >> count) as u8);
        }
    }
    // what is left over must be no whole digit, and zero; base64 may leave its padding out
    let whole = if hex { count == 0 } else { count < 6 && held & ((1 << count) - 1) == 0 };
    if !whole || (padded > 0 && (digits + padded) % 4 != 0) {
        heap.arena.truncate(start);
        return heap.fail();
    }
    utf8(heap, start)
}

pub(super) fn url_encode(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    let span = range(args[0], heap.arena);
    let start = heap.arena.len();
    for at in span.clone() {
        match heap.arena[at] {
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => heap.arena.push(b),
            b => {
                heap.arena.push(b'%');
                heap.arena.extend([b >> 4, b & 15].map(|d| HEX[usize::from(d)].to_ascii_uppercase()));
            }
        }
    }
    heap.grown(start, LONGEST.max(span.len()))
}

pub(super) fn url_decode(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let text = get!(heap.text(args[0]));
    if !text.contains(&b'%') {
        return args[0];
    }
    let span = range(args[0], heap.arena);
    percent(span, false, heap)
}

/// Undoes percent signs, and `+` for a space where `plus`; a counted NULL where that is not UTF-8.
fn percent(span: std::ops::Range<usize>, plus: bool, heap: &mut Heap<'_>) -> Cell {
    let start = heap.arena.len();
    let mut at = span.start;
    while at < span.end {
        let b = heap.arena[at];
        let two = (b == b'%' && at + 2 < span.end)
            .then(|| Some(hex_digit(heap.arena[at + 1])? << 4 | hex_digit(heap.arena[at + 2])?))
            .flatten();
        match two {
            Some(byte) => {
                heap.arena.push(byte);
                at += 3;
            }
            None => {
                heap.arena.push(if plus && b == b'+' { b' ' } else { b });
                at += 1;
            }
        }
    }
    utf8(heap, start)
}

/// Whether that is what a URL has before `://`; a path may have a whole URL in it.
fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
}

/// Where the parts of a URL are, in bytes of its text: authority, path, query.
fn url(text: &[u8]) -> [std::ops::Range<usize>; 3] {
    let end = text.iter().position(|b| *b == b'#').unwrap_or(text.len());
    let query = text[..end].iter().position(|b| *b == b'?').unwrap_or(end);
    let host = match memchr::memmem::find(&text[..query], b"://") {
        Some(at) if is_scheme(&text[..at]) => at + 3,
        _ if text.starts_with(b"//") => 2,
        _ => 0,
    };
    let path =
        if host == 0 { 0 } else { text[host..query].iter().position(|b| *b == b'/').map_or(query, |n| host + n) };
    [host..path, path..query, (query + 1).min(end)..end]
}

pub(super) fn url_host(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let text = get!(heap.text(args[0]));
    let [mut host, ..] = url(text);
    if let Some(at) = text[host.clone()].iter().rposition(|b| *b == b'@') {
        host.start += at + 1;
    }
    let port = text[host.clone()].iter().rposition(|b| *b == b':');
    if let Some(at) = port.filter(|at| text[host.start + at + 1..host.end].iter().all(u8::is_ascii_digit)) {
        host.end = host.start + at;
    }
    if host.is_empty() { Cell::NULL } else { heap.part(args[0], host.start, host.end) }
}

pub(super) fn url_path(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let [_, path, _] = url(get!(heap.text(args[0])));
    heap.part(args[0], path.start, path.end)
}

pub(super) fn url_query(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let [_, _, query] = url(get!(heap.text(args[0])));
    heap.part(args[0], query.start, query.end)
}

pub(super) fn url_parameter(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let [_, _, query] = url(get!(heap.text(args[0])));
    get!(heap.text(args[1]));
    let base = range(args[0], heap.arena).start;
    let mut at = base + query.start;
    let end = base + query.end;
    while at < end {
        let to = memchr::memchr(b'&', &heap.arena[at..end]).map_or(end, |n| at + n);
        let split = memchr::memchr(b'=', &heap.arena[at..to]).map_or(to, |n| at + n);
        if heap.arena[at..split] == *args[1].text(heap.arena) {
            return percent((split + 1).min(to)..to, true, heap);
        }
        at = to + 1;
    }
    Cell::NULL
}

pub(super) fn md5(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let digest = md5::Md5::digest(get!(heap.text(args[0])));
    heap.build(|arena| put_hex(&digest, arena))
}

pub(super) fn sha256(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let digest = Sha256::digest(get!(heap.text(args[0])));
    heap.build(|arena| put_hex(&digest, arena))
}

pub(super) fn crc32(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let (mut c, mut bit) = (i as u32, 0);
            while bit < 8 {
                c = if c & 1 == 1 { 0xEDB8_8320 ^ c >> 1 } else { c >> 1 };
                bit += 1;
            }
            table[i] = c;
            i += 1;
        }
        table
    };
    let text = get!(heap.text(args[0]));
    let crc = text.iter().fold(u32::MAX, |c, b| TABLE[usize::from(c as u8 ^ b)] ^ c >> 8);
    Cell::int(i64::from(!crc))
}

pub(super) fn hash(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let start = heap.arena.len();
    let span = match args[0].tag() {
        Tag::Str | Tag::Json => range(args[0], heap.arena),
        _ => {
            write(args[0], heap.arena);
            start..heap.arena.len()
        }
    };
    let hash = heap.arena[span]
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01B3));
    heap.arena.truncate(start);
    Cell::int(hash as i64)
}

pub(super) fn is_uuid(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let text = get!(heap.text(args[0]));
    let fine = |(i, b): (usize, &u8)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() };
    Cell::bool(text.len() == 36 && text.iter().enumerate().all(fine))
}
