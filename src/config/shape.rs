//! The spans of a window, into its [`WindowShape`]; the rules for how they fit together.
//!
//! Rules:
//! 1. A window has a `size`, a `gap` or a `global`; with a `gap` none of `size`, `slide`, `step`, `offset` and `time_zone`;
//!    with a `global` none of `size`, `gap`, `slide`, `step`, `time_zone`, `allowed_lateness` and `too_late`.
//! 2. It has a `slide` or a `step`, or neither. The step divides the size. An event is in a bounded number of windows.
//! 3. The offset is less than what windows are apart.
//! 4. With a time zone, `size`, `slide` and `offset` are whole days, and a `step` of a day or more is too.

use super::reader::{Context, Fields};
use super::sections::MOST_OVERLAP;
use super::settings::{Located, WindowShape};
use super::slide;
use super::value;
use crate::error::nearest;
use crate::time::Span;

/// A day, microseconds.
const DAY: i64 = 86_400_000_000;

/// Reads shape and time zone; no shape where it is not known, with the reason reported.
pub(super) fn read(fields: &Fields<'_>, ctx: &mut Context) -> (Option<WindowShape>, Option<String>) {
    let mut span = |name: &str| fields.get(name, ctx, value::span);
    let (size, gap, slide) = (span("size"), span("gap"), span("slide"));
    let (step, offset) = (span("step"), span("offset"));
    let zone = fields.get("time_zone", ctx, value::text).and_then(|zone| known(zone, ctx));
    if let Some(every) = global(fields, ctx) {
        return (every.map(|every| global_shape(every, offset.as_ref(), ctx)), None);
    }
    if gap.is_some() || fields.entry("gap", ctx).1.is_some() {
        for (name, other) in [("size", &size), ("slide", &slide), ("step", &step), ("offset", &offset)] {
            if let Some(other) = other {
                alone(name, &other.problem("window.shape", String::new(), None), ctx);
            }
        }
        if let Some(zone) = &zone {
            alone("time_zone", &zone.problem("window.shape", String::new(), None), ctx);
        }
        return (gap.map(|gap| WindowShape::Session { gap: gap.value }), None);
    }
    let Some(size) = size else {
        if fields.entry("size", ctx).1.is_none() && !fields.misspells(&["size", "gap", "global"]) {
            let help = "for example size = \"10s\", gap = \"30s\" for a session, or global = \"10s\" for all of time"
                .to_owned();
            ctx.problems.push(fields.place.problem(
                "config.required",
                "a window needs size, gap or global",
                Some(help),
            ));
        }
        return (None, None);
    };
    let zone = zone.filter(|_| {
        let days = [("size", Some(&size)), ("slide", slide.as_ref()), ("offset", offset.as_ref())];
        let long = ("step", step.as_ref().filter(|step| step.value.0 > DAY));
        let mut whole = true;
        for (name, span) in days.into_iter().chain([long]) {
            if let Some(span) = span
                && span.value.0 % DAY != 0
            {
                let help = format!("use whole days, such as {name} = \"1d\", or remove time_zone");
                let message = format!("{name} is not whole days, which time_zone counts");
                ctx.problems.push(span.problem("window.zone", message, Some(help)));
                whole = false;
            }
        }
        whole
    });
    let shape = match (slide, step) {
        (Some(slide), Some(step)) => {
            let message = "step is for windows without slide";
            let help = "remove one: slide makes windows of one size that overlap, step makes windows that grow";
            ctx.problems.push(step.problem("window.shape", message, Some(help.into())));
            sliding(&size, Some(&slide), offset.as_ref(), ctx)
        }
        (slide, None) => sliding(&size, slide.as_ref(), offset.as_ref(), ctx),
        (None, Some(step)) => cumulating(&size, &step, offset.as_ref(), ctx),
    };
    (Some(shape), zone.map(|zone| zone.value))
}

/// The period of a window over all of time; `Some(None)` where it is wrong. Reports keys that such a window has no use for.
fn global(fields: &Fields<'_>, ctx: &mut Context) -> Option<Option<Span>> {
    let every = fields.get("global", ctx, value::span);
    fields.entry("global", ctx).1?;
    for name in ["size", "gap", "slide", "step", "time_zone", "allowed_lateness", "too_late"] {
        let Some(node) = fields.entry(name, ctx).1 else { continue };
        let help = match name {
            "size" | "gap" => "a window has a size, a gap or a global; remove all but one",
            "allowed_lateness" | "too_late" => "remove it: no event is too late for it",
            _ => "remove it: it is one window over all of time",
        };
        ctx.problems.push(node.place.problem(
            "window.shape",
            format!("{name} is not for a global window"),
            Some(help.into()),
        ));
    }
    Some(every.map(|every| every.value))
}

fn global_shape(every: Span, offset: Option<&Located<Span>>, ctx: &mut Context) -> WindowShape {
    WindowShape::Global { every, offset: within(offset, every, "global", ctx) }
}

/// Reports a key that a session has no use for, at the place of `problem`.
fn alone(name: &str, problem: &crate::error::Problem, ctx: &mut Context) {
    let mut problem = problem.clone();
    problem.message = format!("{name} is not for a session");
    problem.help = Some(match name {
        "size" => "a window has a size or a gap; remove one".to_owned(),
        _ => "remove it: a session begins with its first event and ends a gap after its last".to_owned(),
    });
    ctx.problems.push(problem);
}

/// The zone, where there is one of this name; else reports it.
fn known(zone: Located<String>, ctx: &mut Context) -> Option<Located<String>> {
    if jiff::tz::TimeZone::get(&zone.value).is_ok() {
        return Some(zone);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let help = match nearest(&zone.value, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "use a name of the IANA database, such as Europe/Berlin or America/New_York".to_owned(),
    };
    ctx.problems.push(zone.problem("window.zone", "there is no such time zone", Some(help)));
    None
}

/// A span as the user wrote it, where that is a plain text.
fn written(span: &Located<Span>) -> String {
    let text = span.text.rsplit(['=', ' ']).next().unwrap_or_default().trim_matches(['"', '\'']);
    let plain = crate::time::parse_span(text) == Ok(span.value);
    if plain { text.to_owned() } else { span.value.to_string() }
}

/// The offset where it is less than `apart`; reported where it is not.
fn within(offset: Option<&Located<Span>>, apart: Span, what: &str, ctx: &mut Context) -> Span {
    let Some(offset) = offset else { return Span::ZERO };
    if offset.value < apart {
        return offset.value;
    }
    let rest = Span(offset.value.0 % apart.0);
    let message = format!("offset is not less than {what} ({apart})");
    let begin = if what == "global" { "statements are made" } else { "windows begin" };
    let help = format!("{begin} at the same moments with offset = \"{rest}\"");
    ctx.problems.push(offset.problem("window.offset", message, Some(help)));
    rest
}

fn sliding(
    size: &Located<Span>,
    slide: Option<&Located<Span>>,
    offset: Option<&Located<Span>>,
    ctx: &mut Context,
) -> WindowShape {
    let what = if slide.is_some() { "slide" } else { "size" };
    let mut apart = slide.map_or(size.value, |slide| slide.value);
    if let Some(slide) = slide
        && size.value.0 / slide.value.0 > MOST_OVERLAP
    {
        let least = slide::at_least(size.value, MOST_OVERLAP);
        let message =
            format!("every event would be in {} windows, more than {MOST_OVERLAP}", size.value.0 / slide.value.0);
        let help = format!("size is {}; use a slide of at least {least}", written(size));
        ctx.problems.push(slide.problem("window.slide", message, Some(help)));
        apart = size.value;
    }
    WindowShape::Sliding { size: size.value, slide: apart, offset: within(offset, apart, what, ctx) }
}

fn cumulating(
    size: &Located<Span>,
    step: &Located<Span>,
    offset: Option<&Located<Span>>,
    ctx: &mut Context,
) -> WindowShape {
    let shown = written(size);
    let wrong = if step.value > size.value {
        let help = format!("size is {shown}; use a step that divides it");
        Some(("step is longer than size".to_owned(), help))
    } else if size.value.0 % step.value.0 != 0 {
        let better = slide::divisors(size.value, step.value);
        let better: Vec<String> = better.iter().map(Span::to_string).collect();
        let help = format!("size is {shown}; use a step that divides it, such as {}", better.join(" or "));
        Some(("step does not divide size".to_owned(), help))
    } else if size.value.0 / step.value.0 > MOST_OVERLAP {
        let least = slide::at_least(size.value, MOST_OVERLAP);
        let n = size.value.0 / step.value.0;
        let message = format!("every event would be in up to {n} windows, more than {MOST_OVERLAP}");
        Some((message, format!("size is {shown}; use a step of at least {least}")))
    } else {
        None
    };
    let mut each = step.value;
    if let Some((message, help)) = wrong {
        ctx.problems.push(step.problem("window.step", message, Some(help)));
        each = size.value;
    }
    WindowShape::Cumulating { size: size.value, step: each, offset: within(offset, size.value, "size", ctx) }
}
