//! The `early` of a window, into the span between its provisional rows; the rules for how it fits the window.
//!
//! Rules:
//! 1. A window with a size has one, but not one that cumulates or a session.
//! 2. It is less than the size, and divides size and slide.
//! 3. With a time zone it is whole days, or divides a day.
//! 4. It cuts a window into a bounded number of slices.
//! 5. By the clock of the machine it may be any span, and the window may cumulate.

use super::reader::{Context, Fields};
use super::sections::MOST_OVERLAP;
use super::settings::{Located, WindowShape};
use super::slide;
use super::value;
use crate::time::Span;

/// A day, microseconds.
const DAY: i64 = 86_400_000_000;

/// Reads the span by event time and that by the clock of the machine; `None` where there is none, or where it does not
/// fit, which is reported.
pub(super) fn read(
    fields: &Fields<'_>,
    shape: Option<WindowShape>,
    zone: bool,
    ctx: &mut Context,
) -> (Option<Span>, Option<Span>) {
    let early = fields.get("early", ctx, value::span);
    let wall = fields.or_default("early_clock", ctx, value::word) == "wall";
    let (Some(early), Some(shape)) = (early, shape) else { return (None, None) };
    let problem = match shape {
        WindowShape::Sliding { .. } | WindowShape::Cumulating { .. } if wall => None,
        WindowShape::Sliding { size, slide, .. } => sliding(&early, size, slide, zone),
        WindowShape::Cumulating { .. } => {
            let help = "remove it: a smaller step states the rows so far more often";
            Some(("early is not for a cumulating window".to_owned(), help.to_owned()))
        }
        WindowShape::Global { .. } => {
            let help = "remove it: a shorter span of global states the rows so far more often";
            Some(("early is not for a global window".to_owned(), help.to_owned()))
        }
        WindowShape::Session { .. } => {
            let help = "remove it, or use a size: where a session ends is known only when it is over";
            Some(("early is not for a session".to_owned(), help.to_owned()))
        }
    };
    match problem {
        None if wall => (None, Some(early.value)),
        None => (Some(early.value), None),
        Some((message, help)) => {
            ctx.problems.push(early.problem("window.early", message, Some(help)));
            (None, None)
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// What is wrong, and what to do.
fn sliding(early: &Located<Span>, size: Span, slide: Span, zone: bool) -> Option<(String, String)> {
    let every = early.value;
    let common = Span(gcd(size.0, slide.0));
    if every >= size {
        let help = format!("size is {size}; use a part of it{}", such_as(common, common, size));
        return Some(("early is not less than size".to_owned(), help));
    }
    for (name, span) in [("size", size), ("slide", slide)] {
        if span.0 % every.0 != 0 {
            let of =
                if size == slide { format!("size is {size}") } else { format!("size is {size} and slide {slide}") };
            let help = format!("{of}; use a span that divides {}{}", which(size, slide), such_as(common, every, size));
            return Some((format!("early does not divide {name}"), help));
        }
    }
    if zone && every.0 % DAY != 0 && DAY % every.0 != 0 {
        let help = format!(
            "with a time_zone it counts from midnight; use whole days, or a part of a day{}",
            such_as(Span(DAY), every, Span(DAY))
        );
        return Some(("early does not divide a day".to_owned(), help));
    }
    if size.0 / every.0 > MOST_OVERLAP {
        let least = slide::at_least(size, MOST_OVERLAP);
        let n = size.0 / every.0;
        let message =
            format!("rows would be stated up to {n} times before their window ends, more than {MOST_OVERLAP}");
        return Some((message, format!("size is {size}; use an early of at least {least}")));
    }
    None
}

fn which(size: Span, slide: Span) -> &'static str {
    if size == slide { "it" } else { "both" }
}

/// Spans near `early` that divide `span` and are less than `most`.
fn such_as(span: Span, early: Span, most: Span) -> String {
    let list: Vec<String> = slide::divisors(span, early).iter().filter(|d| **d < most).map(Span::to_string).collect();
    if list.is_empty() { String::new() } else { format!(", such as {}", list.join(" or ")) }
}
