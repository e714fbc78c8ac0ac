//! The one list of aggregates: names, signatures and documentation for the language, `check` and the reference.

/// One aggregate, as users read about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateDoc {
    /// The name in an expression, lower case.
    pub name: &'static str,
    /// Other names for the same thing, lower case.
    pub aliases: &'static [&'static str],
    /// How it is written, with the type of its result.
    pub signature: &'static str,
    /// What it computes.
    pub doc: &'static str,
    /// A call from a pipeline file.
    pub example: &'static str,
}

const AGGREGATES: &[AggregateDoc] = &[
    AggregateDoc {
        name: "count",
        aliases: &[],
        signature: "count(*) | count(x) | count(DISTINCT x) -> int",
        doc: "The number of events, of values that are not NULL, or of distinct values. Distinct counts are exact up \
              to 4,096 distinct values of a group in a window (values are told apart by a 64-bit hash: the chance \
              that a group of 4,096 is miscounted is below 1e-12), and beyond that an estimate with a standard error \
              of 0.81 %, marked as approximate. Numbers that are equal count once: 1 and 1.0 are one value.",
        example: "count(DISTINCT user_id)",
    },
    AggregateDoc {
        name: "sum",
        aliases: &[],
        signature: "sum(x) -> int | float",
        doc: "The exact total, rounded once to the nearest double; a whole number where all values are whole numbers \
              and the total fits 64 bits. NULL without values, and where the total is beyond the range of a double.",
        example: "sum(data.amount)",
    },
    AggregateDoc {
        name: "avg",
        aliases: &["mean"],
        signature: "avg(x) -> float",
        doc: "The exact total, rounded once to the nearest double, divided by the number of values.",
        example: "avg(data.duration)",
    },
    AggregateDoc {
        name: "min",
        aliases: &[],
        signature: "min(x) -> the type of x",
        doc: "The least value: numbers by size, text by its bytes, times by time, false before true. Where types are \
              mixed: booleans, then numbers, times, text, and JSON. Of equal numbers a whole one is given.",
        example: "min(data.price)",
    },
    AggregateDoc {
        name: "max",
        aliases: &[],
        signature: "max(x) -> the type of x",
        doc: "The greatest value, in the order of min.",
        example: "max(data.response_time)",
    },
    AggregateDoc {
        name: "percentile",
        aliases: &["percentile_cont", "quantile"],
        signature: "percentile(x, p) -> float, 0 <= p <= 1",
        doc: "Linear interpolation between order statistics, as percentile_cont of SQL. Exact while a group has at \
              most 1,024 values in the window; beyond that each order statistic is within 0.4 % of its true value \
              (values nearer to 0 than 2.3e-308 read as 0) and the answer is marked as approximate. Whole numbers \
              beyond 2^53 are read as the nearest double.",
        example: "percentile(data.duration, 0.95)",
    },
    AggregateDoc {
        name: "median",
        aliases: &[],
        signature: "median(x) -> float",
        doc: "percentile(x, 0.5).",
        example: "median(data.duration)",
    },
];

/// All aggregates, in the order of the reference.
pub fn aggregates() -> &'static [AggregateDoc] {
    AGGREGATES
}

/// True where `name` (in any case) is an aggregate or an alias of one.
pub fn is_aggregate(name: &str) -> bool {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    AGGREGATES.iter().any(|a| is(a.name) || a.aliases.iter().any(|alias| is(alias)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found_in_any_case() {
        assert!(is_aggregate("COUNT") && is_aggregate("median") && is_aggregate("Percentile_Cont"));
        assert!(!is_aggregate("coalesce") && !is_aggregate(""));
    }

    #[test]
    fn the_documented_limits_are_those_of_the_code() {
        let text: String = AGGREGATES.iter().map(|a| a.doc).collect();
        assert!(text.contains("1,024") && super::super::EXACT_VALUES == 1024);
        assert!(text.contains("4,096") && super::super::EXACT_DISTINCT == 4096);
    }
}
