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
        signature: "sum(x) | sum(DISTINCT x) -> int | float",
        doc: "The exact total, rounded once to the nearest double; a whole number where all values are whole numbers \
              and the total fits 64 bits. NULL without values, and where the total is beyond the range of a double. With \
              DISTINCT numbers that are equal count once (1.0 as 1): exact up to 4,096 different numbers, beyond that an \
              estimate from a uniform sample of 4,096 of them, marked as approximate.",
        example: "sum(data.amount)",
    },
    AggregateDoc {
        name: "avg",
        aliases: &["mean"],
        signature: "avg(x) | avg(DISTINCT x) -> float",
        doc: "The exact total, rounded once to the nearest double, divided by the number of values. DISTINCT as in sum.",
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
    AggregateDoc {
        name: "bool_and",
        aliases: &["every"],
        signature: "bool_and(x) -> boolean",
        doc: "True where all values are true. Values that are neither NULL nor a boolean are counted and \
              skipped.",
        example: "bool_and(data.ok)",
    },
    AggregateDoc {
        name: "bool_or",
        aliases: &["any"],
        signature: "bool_or(x) -> boolean",
        doc: "True where any value is true. Values that are neither NULL nor a boolean are counted and \
              skipped.",
        example: "bool_or(status >= 500)",
    },
    AggregateDoc {
        name: "var_samp",
        aliases: &["variance"],
        signature: "var_samp(x) -> float",
        doc: "The variance of a sample: (n * total of squares - total ^ 2) / (n * (n - 1)), from exact \
              totals, rounded once to the nearest double; never negative. NULL for fewer than two numbers.",
        example: "var_samp(data.duration)",
    },
    AggregateDoc {
        name: "var_pop",
        aliases: &[],
        signature: "var_pop(x) -> float",
        doc: "The variance of a whole population: (n * total of squares - total ^ 2) / (n * n), exact, \
              rounded once.",
        example: "var_pop(data.duration)",
    },
    AggregateDoc {
        name: "stddev_samp",
        aliases: &["stddev"],
        signature: "stddev_samp(x) -> float",
        doc: "The square root of the exact variance of a sample, within one unit of the last place, also \
              where the variance itself is beyond the range of a double. NULL for fewer than two numbers.",
        example: "stddev(data.duration)",
    },
    AggregateDoc {
        name: "stddev_pop",
        aliases: &[],
        signature: "stddev_pop(x) -> float",
        doc: "The square root of the exact variance of a whole population, as stddev_samp.",
        example: "stddev_pop(data.duration)",
    },
    AggregateDoc {
        name: "first",
        aliases: &[],
        signature: "first(x) -> the type of x",
        doc: "The value of the earliest event with a value that is not NULL: by event time, then partition, \
              then place in the partition.",
        example: "first(data.page)",
    },
    AggregateDoc {
        name: "last",
        aliases: &[],
        signature: "last(x) -> the type of x",
        doc: "The value of the latest event with a value that is not NULL, in the order of first.",
        example: "last(data.price)",
    },
    AggregateDoc {
        name: "arg_min",
        aliases: &["min_by"],
        signature: "arg_min(x, y) -> the type of x",
        doc: "The value of x where y is least, in the order of min; of several such events that of the \
              earliest, in the order of first. Events where x or y is NULL are skipped.",
        example: "arg_min(data.page, data.duration)",
    },
    AggregateDoc {
        name: "arg_max",
        aliases: &["max_by"],
        signature: "arg_max(x, y) -> the type of x",
        doc: "The value of x where y is greatest, as arg_min; of several such events that of the earliest.",
        example: "arg_max(user_id, data.amount)",
    },
    AggregateDoc {
        name: "rate",
        aliases: &[],
        signature: "rate(*) | rate(x) -> float",
        doc: "Events, or the exact total of x, per second: divided by the size of the window in seconds, \
              whether or not events came all along. Only in windows of one size: tumbling or sliding, without \
              a time zone.",
        example: "rate(*)",
    },
    AggregateDoc {
        name: "mode",
        aliases: &[],
        signature: "mode(x) -> the type of x",
        doc: "The most frequent value; of equally frequent ones the least. Exact and bounded as top_k.",
        example: "mode(data.page)",
    },
    AggregateDoc {
        name: "top_k",
        aliases: &[],
        signature: "top_k(x, k) -> json, 1 <= k <= 1000",
        doc: "The k most frequent values with their counts: [{\"value\":...,\"count\":...}, ...], equally \
              frequent ones in the order of min. Exact up to 4,096 different values (and 256 KiB of them) of \
              a group in the window; beyond that estimated from a uniform sample of 4,096 events (at most 256 \
              KiB; a share p is off by less than 2 * sqrt(p * (1 - p) / 4096) in 95 of 100 cases) and marked \
              as approximate. Values longer than 1,024 bytes are counted and skipped. Numbers that are equal \
              are one value.",
        example: "top_k(data.page, 10)",
    },
    AggregateDoc {
        name: "histogram",
        aliases: &[],
        signature: "histogram(x, bound, ...) -> json, 1 to 256 ascending constant bounds",
        doc: "How many numbers are below the first bound, from each bound up to the next, and from the last \
              bound on: an array with one count more than bounds.",
        example: "histogram(data.duration, 10, 100, 1000)",
    },
    AggregateDoc {
        name: "collect",
        aliases: &["array_agg"],
        signature: "collect(x) | collect(DISTINCT x) -> json",
        doc: "The values as an array in the order of first, without NULLs; with DISTINCT each once, in the \
              order of min. The first 1,024 values that fit 64 KiB are given; where any are left out, the \
              answer is marked as approximate.",
        example: "collect(data.page)",
    },
    AggregateDoc {
        name: "string_agg",
        aliases: &["listagg"],
        signature: "string_agg(x, separator) | string_agg(DISTINCT x, separator) -> text",
        doc: "The values of collect as one text with a constant text between them.",
        example: "string_agg(data.page, ' > ')",
    },
    AggregateDoc {
        name: "approx_count_distinct",
        aliases: &[],
        signature: "approx_count_distinct(x) -> int",
        doc: "The estimate of count(DISTINCT x) for any number of values, with its standard error of 0.81 %; \
              always marked as approximate.",
        example: "approx_count_distinct(user_id)",
    },
    AggregateDoc {
        name: "approx_percentile",
        aliases: &["approx_quantile"],
        signature: "approx_percentile(x, p) -> float, 0 <= p <= 1",
        doc: "percentile(x, p) from the histogram of large groups for any number of values; always marked as \
              approximate.",
        example: "approx_percentile(data.duration, 0.99)",
    },
    AggregateDoc {
        name: "approx_median",
        aliases: &[],
        signature: "approx_median(x) -> float",
        doc: "approx_percentile(x, 0.5).",
        example: "approx_median(data.duration)",
    },
    AggregateDoc {
        name: "approx_top_k",
        aliases: &[],
        signature: "approx_top_k(x, k) -> json, 1 <= k <= 1000",
        doc: "top_k(x, k) from the sample of events for any number of values; always marked as approximate.",
        example: "approx_top_k(data.page, 10)",
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
        assert!(text.contains("first 1,024 values that fit 64 KiB"));
        assert_eq!((super::super::COLLECTED_VALUES, super::super::COLLECTED_BYTES), (1024, 64 << 10));
        assert!(text.contains("4,096 different values (and 256 KiB"));
        assert_eq!((super::super::COUNTED_VALUES, super::super::COUNTED_BYTES), (4096, 256 << 10));
    }
}
