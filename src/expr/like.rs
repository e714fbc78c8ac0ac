//! `LIKE` patterns: `%` stands for any text, `_` for one character.
//!
//! Cost: a constant pattern that is a plain text with `%` at its ends only is a compare of bytes; any other is matched
//! character by character, in O(text * pattern) at worst, without allocation.

use super::heap::first_char;
use memchr::memmem;

/// A constant pattern.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<memmem::Finder<'static>>),
    General { pattern: Box<[u8]>, escape: Option<char>, insensitive: bool },
}

impl Pattern {
    /// `None` where the pattern ends in its escape character.
    pub(super) fn new(pattern: &[u8], escape: Option<char>, insensitive: bool) -> Option<Self> {
        if !valid(pattern, escape) {
            return None;
        }
        let general = || Self::General { pattern: pattern.into(), escape, insensitive };
        if insensitive {
            return Some(general());
        }
        // the plain characters, and whether a % stands before and after them
        let (mut plain, mut before, mut after) = (Vec::new(), false, false);
        let mut rest = pattern;
        while let Some((c, width)) = first_char(rest) {
            let mut symbol = &rest[..width];
            rest = &rest[width..];
            if Some(c) == escape {
                let (_, width) = first_char(rest)?;
                symbol = &rest[..width];
                rest = &rest[width..];
            } else if c == '_' {
                return Some(general());
            } else if c == '%' {
                if plain.is_empty() {
                    before = true;
                } else {
                    after = true;
                }
                continue;
            }
            if after {
                return Some(general());
            }
            plain.extend_from_slice(symbol);
        }
        Some(match (before, after) {
            (false, false) => Self::Exact(plain.into()),
            (false, true) => Self::Prefix(plain.into()),
            (true, false) => Self::Suffix(plain.into()),
            (true, true) => Self::Contains(Box::new(memmem::Finder::new(&plain).into_owned())),
        })
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(p) => text == &p[..],
            Self::Prefix(p) => text.starts_with(p),
            Self::Suffix(p) => text.ends_with(p),
            Self::Contains(p) => p.find(text).is_some(),
            Self::General { pattern, escape, insensitive } => matches(text, pattern, *escape, *insensitive),
        }
    }
}

/// False where the pattern ends in its escape character.
pub(super) fn valid(pattern: &[u8], escape: Option<char>) -> bool {
    let mut rest = pattern;
    while let Some((c, width)) = first_char(rest) {
        rest = &rest[width..];
        if Some(c) == escape {
            match first_char(rest) {
                Some((_, width)) => rest = &rest[width..],
                None => return false,
            }
        }
    }
    true
}

/// Whether `text` matches a [`valid`] pattern.
pub(super) fn matches(text: &[u8], pattern: &[u8], escape: Option<char>, insensitive: bool) -> bool {
    let (mut t, mut p) = (0, 0);
    // after the last % seen: where the pattern goes on, and where in the text that was tried
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match first_char(&pattern[p..]) {
            Some((c, width)) if c == '%' && escape != Some('%') => {
                p += width;
                retry = Some((p, t));
                continue;
            }
            Some((c, width)) => {
                if let Some((found, step)) = first_char(&text[t..]) {
                    let (hit, width) = if Some(c) == escape {
                        let (literal, more) = first_char(&pattern[p + width..]).unwrap_or((c, 0));
                        (same(literal, found, insensitive), width + more)
                    } else {
                        (c == '_' || same(c, found, insensitive), width)
                    };
                    if hit {
                        t += step;
                        p += width;
                        continue;
                    }
                }
            }
            None if t == text.len() => return true,
            None => {}
        }
        let Some((after, tried)) = retry else { return false };
        let Some((_, step)) = first_char(&text[tried..]) else { return false };
        retry = Some((after, tried + step));
        (p, t) = (after, tried + step);
    }
}

fn same(a: char, b: char, insensitive: bool) -> bool {
    a == b || (insensitive && a.to_lowercase().eq(b.to_lowercase()))
}
