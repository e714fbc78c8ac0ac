//! Expressions over a row and the earlier rows of its group: calls of series functions, and what is made of their results.
//!
//! ```text
//! errors - prev(errors) > 3   --parse_series_with-->   tree: errors - #0 > 3,  calls: #0 = prev of errors
//! ```
//!
//! Invariants: (1) a call stands once among the calls, after those that its argument reads; (2) an `Aggregate` leaf of a
//! tree is the call of that index; (3) every call looks back by a known length: by windows, or by a span.

use super::ExprError;
use super::build::Builder;
use super::tree::{Literal, Node, Tree, Type};
use super::user::Functions;
use sqlparser::ast::{Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentList};

/// The most windows that a call looks back, itself included.
pub const MOST_WINDOWS: u32 = 10_000;
/// The least weight that a window has in `ewma`, against that of the newest.
const LEAST_WEIGHT: f64 = 1e-6;
/// The most windows of `ewma`.
const MOST_EWMA: u32 = 1_000;

/// What a call makes of the values of earlier windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesFunction {
    /// The value so many windows before.
    Prev,
    /// The value of the window that a span lies back.
    Ago,
    /// The value less the one before.
    Delta,
    /// The mean of the last windows.
    MovingAvg,
    /// Their sample standard deviation.
    MovingStddev,
    /// Their least value.
    MovingMin,
    /// Their greatest value.
    MovingMax,
    /// Their sum.
    MovingSum,
    /// Their median.
    MovingMedian,
    /// How many standard deviations the value is from the mean of the windows before.
    Zscore,
    /// The mean with weights that fall by a factor a window.
    Ewma,
    /// How far the value is from the median of the windows before, in units of their median absolute deviation.
    MadScore,
    /// How many standard deviations the value is from the mean of the same window of the seasons before.
    Seasonal,
}

/// A series function, for the reference.
#[derive(Debug, Clone, Copy)]
pub struct SeriesFunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// The function.
    pub function: SeriesFunction,
    /// How it is written.
    pub written: &'static str,
    /// What it gives.
    pub doc: &'static str,
}

const fn doc(
    name: &'static str,
    function: SeriesFunction,
    written: &'static str,
    doc: &'static str,
) -> SeriesFunctionDoc {
    SeriesFunctionDoc { name, function, written, doc }
}

/// Every series function.
pub fn series_functions() -> &'static [SeriesFunctionDoc] {
    FUNCTIONS
}

const FUNCTIONS: &[SeriesFunctionDoc] = &[
    doc(
        "prev",
        SeriesFunction::Prev,
        "prev(x) or prev(x, n)",
        "The value of the window one slide before, or n slides; NULL where the group has no row there.",
    ),
    doc(
        "ago",
        SeriesFunction::Ago,
        "ago(x, '1 day')",
        "The value of the window that ended so long before; the length is a whole number of slides.",
    ),
    doc("delta", SeriesFunction::Delta, "delta(x)", "x - prev(x)."),
    doc(
        "moving_avg",
        SeriesFunction::MovingAvg,
        "moving_avg(x, n)",
        "The mean over the last n windows, this one included. Here and below windows without a row and NULLs are left out, \
         and of none the answer is NULL.",
    ),
    doc(
        "moving_stddev",
        SeriesFunction::MovingStddev,
        "moving_stddev(x, n)",
        "The sample standard deviation over the last n windows; NULL of less than two values.",
    ),
    doc("moving_min", SeriesFunction::MovingMin, "moving_min(x, n)", "The least value of the last n windows."),
    doc("moving_max", SeriesFunction::MovingMax, "moving_max(x, n)", "The greatest value of the last n windows."),
    doc(
        "moving_sum",
        SeriesFunction::MovingSum,
        "moving_sum(x, n)",
        "The sum over the last n windows; of whole numbers a whole number.",
    ),
    doc("moving_median", SeriesFunction::MovingMedian, "moving_median(x, n)", "The median of the last n windows."),
    doc(
        "zscore",
        SeriesFunction::Zscore,
        "zscore(x, n)",
        "(x - mean) / sample standard deviation, both of the n windows before this one; NULL where these have less than two \
         values, or all the same one and x another, 0 where x is that.",
    ),
    doc(
        "ewma",
        SeriesFunction::Ewma,
        "ewma(x, alpha)",
        "The mean where the value of k windows before weighs (1 - alpha)^k, alpha above 0 and below 1. Windows that weigh less than \
         a millionth, and all beyond 1000, are left out.",
    ),
    doc(
        "mad_score",
        SeriesFunction::MadScore,
        "mad_score(x, n)",
        "0.6745 * (x - median) / MAD, both of the n windows before this one; MAD is the median distance from the median. NULL and \
         0 as of zscore.",
    ),
    doc(
        "seasonal",
        SeriesFunction::Seasonal,
        "seasonal(x, '1 day', n)",
        "As zscore, against the windows that ended one, two, ... n such lengths before.",
    ),
];

impl SeriesFunction {
    fn find(name: &str) -> Option<&'static SeriesFunctionDoc> {
        FUNCTIONS.iter().find(|f| f.name == name)
    }
}

/// The names of the series functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name)
}

/// One call of a series function.
#[derive(Debug, Clone)]
pub struct SeriesCall {
    /// The function.
    pub function: SeriesFunction,
    /// What it is of.
    pub arg: Tree,
    /// How many windows, or seasons; 1 where it has no such argument.
    pub n: u32,
    /// The span of `ago` and `seasonal`, microseconds; else 0.
    pub span: i64,
    /// The alpha of `ewma`; else 0.
    pub alpha: f64,
    /// Where it stands in the text: the character, from 1.
    pub column: Option<usize>,
}

impl PartialEq for SeriesCall {
    /// The same computation, wherever it stands.
    fn eq(&self, other: &Self) -> bool {
        (self.function, &self.arg, self.n, self.span, self.alpha)
            == (other.function, &other.arg, other.n, other.span, other.alpha)
    }
}

impl SeriesCall {
    /// How far it looks back over windows that are `step` microseconds apart.
    pub fn back(&self, step: i64) -> i64 {
        let windows = match self.function {
            SeriesFunction::Ago | SeriesFunction::Seasonal => return self.span.saturating_mul(i64::from(self.n)),
            SeriesFunction::Prev | SeriesFunction::Delta | SeriesFunction::Zscore | SeriesFunction::MadScore => self.n,
            _ => self.n - 1,
        };
        step.saturating_mul(i64::from(windows))
    }
}

/// An expression over a row and the earlier rows of its group.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExpr {
    /// The value; its leaves are columns of the row and results of calls.
    pub tree: Tree,
    /// The calls, each once.
    pub calls: Vec<SeriesCall>,
}

/// What a builder knows while it reads such an expression.
#[derive(Default)]
pub(super) struct SeriesState {
    calls: Vec<SeriesCall>,
}

/// Parses and checks an expression that may call series functions.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_series_with(text: &str, functions: &Functions) -> Result<SeriesExpr, Vec<ExprError>> {
    let mut builder = Builder::new(text, functions);
    builder.series = Some(SeriesState::default());
    match builder.build() {
        Some(tree) => Ok(SeriesExpr { tree, calls: builder.series.map(|s| s.calls).unwrap_or_default() }),
        None => Err(builder.errors),
    }
}

impl Builder<'_> {
    /// Whether a name is that of a series function, where these are known.
    pub(super) fn is_series(&self, name: &str) -> bool {
        self.series.is_some() && SeriesFunction::find(name).is_some()
    }

    /// Takes a call of a series function out of the expression and leaves its result's leaf.
    pub(super) fn series_call(
        &mut self,
        name: &str,
        call: &Call,
        list: &FunctionArgumentList,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        let entry = SeriesFunction::find(name)?;
        let plain = call.filter.is_none()
            && list.duplicate_treatment.is_none()
            && call.within_group.is_empty()
            && list.clauses.is_empty()
            && call.null_treatment.is_none();
        let wanted = match entry.function {
            SeriesFunction::Prev => 1..=2,
            SeriesFunction::Delta => 1..=1,
            SeriesFunction::Seasonal => 3..=3,
            _ => 2..=2,
        };
        let args: Option<Vec<&Expr>> = (list.args.iter())
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
                _ => None,
            })
            .collect();
        let Some(args) = args.filter(|args| plain && wanted.contains(&args.len())) else {
            let given: Vec<String> = list.args.iter().map(ToString::to_string).collect();
            let message = format!("{name} does not take ({})", given.join(", "));
            return self.wrong("expr.series", at, message, format!("write {}", entry.written));
        };
        let arg = self.node(args[0], depth + 1)?;
        let keeps = matches!(
            entry.function,
            SeriesFunction::Prev | SeriesFunction::Ago | SeriesFunction::MovingMin | SeriesFunction::MovingMax
        );
        if !keeps {
            self.expect(&arg, Type::Number, at, name)?;
        }
        let mut made = SeriesCall { function: entry.function, arg: Tree(arg), n: 1, span: 0, alpha: 0.0, column: at };
        match entry.function {
            SeriesFunction::Delta => {}
            SeriesFunction::Prev if args.len() == 1 => {}
            SeriesFunction::Ewma => {
                let alpha = match self.node(args[1], depth + 1)? {
                    Node::Const(Literal::Float(alpha)) if alpha > 0.0 && alpha < 1.0 => alpha,
                    _ => {
                        let message = "the weight of ewma is a number above 0 and below 1";
                        return self.wrong("expr.series", at, message, "write ewma(x, 0.3)");
                    }
                };
                made.alpha = alpha;
                let windows = (LEAST_WEIGHT.ln() / (1.0 - alpha).ln()).ceil();
                made.n = if windows < f64::from(MOST_EWMA) { windows as u32 + 1 } else { MOST_EWMA };
            }
            SeriesFunction::Ago => made.span = self.length(entry, args[1], depth)?,
            SeriesFunction::Seasonal => {
                made.span = self.length(entry, args[1], depth)?;
                made.n = self.windows(entry, args[2], depth)?;
            }
            _ => made.n = self.windows(entry, args[1], depth)?,
        }
        let calls = &mut self.series.as_mut()?.calls;
        let index = calls.iter().position(|c| *c == made).unwrap_or_else(|| {
            calls.push(made);
            calls.len() - 1
        });
        Some(Node::Aggregate(index))
    }

    fn windows(&mut self, entry: &SeriesFunctionDoc, expr: &Expr, depth: usize) -> Option<u32> {
        let at = self.place(expr);
        match self.node(expr, depth + 1)? {
            Node::Const(Literal::Int(n)) if (1..=i64::from(MOST_WINDOWS)).contains(&n) => Some(n as u32),
            _ => {
                let message =
                    format!("how many windows {} looks at is a whole number from 1 to {MOST_WINDOWS}", entry.name);
                self.wrong("expr.series", at, message, format!("write {}", entry.written))
            }
        }
    }

    fn length(&mut self, entry: &SeriesFunctionDoc, expr: &Expr, depth: usize) -> Option<i64> {
        let at = self.place(expr);
        let seconds = match self.node(expr, depth + 1)? {
            Node::Const(Literal::Str(text)) => super::check::interval_seconds(text.trim()),
            // An INTERVAL.
            Node::Const(Literal::Float(seconds)) => Some(seconds),
            _ => None,
        };
        match seconds.map(|s| s * 1e6).filter(|us| *us >= 1.0 && *us <= 3_650.0 * 8.64e10 && us.fract() == 0.0) {
            Some(us) => Some(us as i64),
            None => {
                let message = format!("how far {} looks back is a length of time as text, such as '1 day'", entry.name);
                self.wrong("expr.series", at, message, format!("write {}", entry.written))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SeriesExpr, Vec<ExprError>> {
        parse_series_with(text, Functions::NONE)
    }

    #[test]
    fn calls_are_taken_out_each_once_and_inner_ones_first() {
        let of = parse("zscore(errors - prev(errors), 10) > 3 AND prev(errors) > 1").unwrap();
        let calls: Vec<_> = of.calls.iter().map(|c| (c.function, c.arg.to_string(), c.n)).collect();
        assert_eq!(calls[0], (SeriesFunction::Prev, "errors".into(), 1));
        assert_eq!((calls[1].0, calls[1].2, calls.len()), (SeriesFunction::Zscore, 10, 2));
        let day = &parse("x / ago(x, '1 day')").unwrap().calls[0];
        assert_eq!((day.span, day.back(60_000_000)), (86_400_000_000, 86_400_000_000));
        let season = &parse("seasonal(x, INTERVAL '1 hour', 3)").unwrap().calls[0];
        assert_eq!((season.span, season.back(1)), (3_600_000_000, 3 * 3_600_000_000));
        assert_eq!(parse("ewma(x, 0.5)").unwrap().calls[0].n, 21);
        assert_eq!(parse("moving_avg(x, 3)").unwrap().calls[0].back(10), 20);
    }

    #[test]
    fn what_is_wrong_with_a_call_is_said_with_how_it_is_written() {
        for (text, help) in [
            ("prev(x, 0)", "write prev(x) or prev(x, n)"),
            ("prev()", "write prev(x) or prev(x, n)"),
            ("ago(x, 'soon')", "write ago(x, '1 day')"),
            ("ewma(x, 1.5)", "write ewma(x, 0.3)"),
            ("moving_avg(x)", "write moving_avg(x, n)"),
            ("zscre(x, 2)", "did you mean zscore?"),
        ] {
            let errors = parse(text).unwrap_err();
            assert_eq!((errors.len(), errors[0].help.as_deref()), (1, Some(help)), "{text}");
        }
        assert_eq!(parse("zscore('a', 2)").unwrap_err()[0].code, "expr.type");
        assert!(super::super::parse("prev(x)").is_err());
    }
}
