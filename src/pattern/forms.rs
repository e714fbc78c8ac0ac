//! The one list of what can be written in a pattern, for the reference.

/// Something that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// A pattern with it.
    pub written: &'static str,
    /// What that means.
    pub means: &'static str,
}

const fn form(written: &'static str, means: &'static str) -> Form {
    Form { written, means }
}

/// Everything that can be written.
pub fn forms() -> &'static [Form] {
    FORMS
}

const FORMS: &[Form] = &[
    form("a, b", "Strict: b is the key's next event after a."),
    form("a -> b", "Relaxed: b follows a; events between them that do not meet b's condition are skipped."),
    form(
        "a ->> b",
        "Non-deterministic relaxed: b follows a; any events between them are skipped, also such as meet b's condition.",
    ),
    form("a -> b?", "b or nothing."),
    form("a -> b* -> c", "As many b as there are, or none."),
    form("a -> b+ -> c", "One b or more."),
    form("a{3} -> b{2,} -> c{2,4} -> d{,4}", "3 times; 2 times or more; 2 to 4 times; up to 4 times. At most 1000."),
    form(
        "a -> b+? -> c",
        "Reluctant: c may be an event that the loop could take. Without the `?` a loop is greedy: no event that meets its \
         condition comes between it and what follows. Of a group, and of `?` and `{n}`, it says nothing; in `mode = \"row\"` \
         it is which match is preferred: the longer loop, or with `?` the shorter.",
    ),
    form(
        "a+[,] -> b+[->] -> c+[->>]",
        "How the events of a loop follow each other; not given: as `->`, in `mode = \"row\"` as `,`.",
    ),
    form("a{3}[-> 10s]", "Neighbouring events of a loop are less than so far apart."),
    form(
        "a -> b+ until c",
        "The loop ends before an event that meets c's condition; of a group it is one that none of its events may meet or skip.",
    ),
    form("(a -> b){2} -> c", "A group, quantified as a step is."),
    form("a -> b | c -> d", "b or c; it binds tighter than what stands between elements."),
    form("a, !b", "The next event after a does not meet b's condition; at the end there is such an event."),
    form("a -> !b -> c", "No event between a and c meets b's condition."),
    form(
        "a -> !b",
        "At the end: no event meets b's condition in time, which needs `within` or `within_step`; the match is stated when event time has reached the limit.",
    ),
    form("a -> !(b | c) -> d", "Neither b nor c."),
    form("PERMUTE(a, b?)", "All of these in any order, next to each other; of `mode = \"row\"` only."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Mode, parse};

    #[test]
    fn what_is_listed_can_be_written_and_permute_in_mode_row_alone() {
        for form in forms() {
            assert!(parse(form.written, Mode::Row).is_ok(), "{}", form.written);
            assert_eq!(
                parse(form.written, Mode::Sequence).is_ok(),
                !form.written.contains("PERMUTE"),
                "{}",
                form.written
            );
            assert!(form.means.ends_with('.') && !form.means.contains("  "), "{}", form.means);
        }
    }
}
