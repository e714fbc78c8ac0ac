//! sqlparser's tree, turned into ours: names, forms and literals; everything that is wrong is gathered.

use super::function::{self, Function};
use super::matched::Matching;
use super::parse;
use super::select::SelectState;
use super::series::{self, SeriesState};
use super::tree::{Arithmetic, Comparison, Literal, MAX_DEPTH, Node, Test, Tree, Type};
use super::user::Functions;
use super::{ExprError, cast, check, like, step};
use crate::event::FieldPath;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, Expr, Function as Call, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, InTarget, ObjectName, ObjectNamePart, Subscript, TrimWhereField,
    UnaryOperator, Value,
};

/// Builds one tree and gathers what is wrong with it. A step that fails gives `None` and has said why.
pub(super) struct Builder<'a> {
    pub(super) text: &'a str,
    /// What a program has added.
    functions: &'a Functions,
    pub(super) errors: Vec<ExprError>,
    /// Present where aggregates are welcome.
    pub(super) select: Option<SelectState<'a>>,
    /// Present in a pattern.
    pub(super) matching: Option<Matching<'a>>,
    /// Present where series functions are welcome.
    pub(super) series: Option<SeriesState>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, functions: &'a Functions) -> Self {
        Self { text, functions, errors: Vec::new(), select: None, matching: None, series: None }
    }

    pub(super) fn tree(mut self) -> Result<Tree, Vec<ExprError>> {
        self.build().ok_or(self.errors)
    }

    pub(super) fn build(&mut self) -> Option<Tree> {
        let expr = match parse::expression(self.text) {
            Ok(expr) => expr,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let node = self.node(&expr, 0)?;
        self.errors.is_empty().then_some(Tree(node))
    }

    /// Records what is wrong; `None`, for `return`.
    pub(super) fn wrong<T>(
        &mut self,
        code: &'static str,
        at: Option<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.errors.push(ExprError::new(code, message, at).help(help));
        None
    }

    pub(super) fn nodes<'e>(&mut self, list: impl IntoIterator<Item = &'e Expr>, depth: usize) -> Option<Vec<Node>> {
        // every part is looked at, so that all of their errors are reported
        let all: Vec<Option<Node>> = list.into_iter().map(|e| self.node(e, depth + 1)).collect();
        all.into_iter().collect()
    }

    pub(super) fn node(&mut self, expr: &Expr, depth: usize) -> Option<Node> {
        let at = self.place(expr);
        if depth >= MAX_DEPTH {
            return self.wrong(
                "expr.depth",
                at,
                format!("the expression is nested deeper than {MAX_DEPTH}"),
                "compute a part of it in a stream's `set`, and use that name",
            );
        }
        match expr {
            Expr::Nested(inner) => self.node(inner, depth + 1),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.path(expr, at),
            Expr::CompoundFieldAccess { root, access_chain } => match steps(expr) {
                Some(_) => self.path(expr, at),
                None => self.access(root, access_chain, depth, at),
            },
            Expr::Value(value) => self.literal(&value.value, at),
            Expr::TypedString(typed) => {
                let text = typed.value.value.clone().into_string().unwrap_or_default();
                match typed.data_type {
                    DataType::Timestamp(..) | DataType::Date => self.time_literal(&text, at),
                    _ => {
                        let target = self.target(&typed.data_type, at)?;
                        Some(Node::Cast(Box::new(Node::Const(Literal::Str(text))), target))
                    }
                }
            }
            Expr::Interval(interval) => {
                let text = match interval.value.as_ref() {
                    Expr::Value(v) => match &v.value {
                        Value::Number(n, _) => Some(n.clone()),
                        other => other.clone().into_string(),
                    },
                    _ => None,
                };
                let unit = interval.leading_field.as_ref().map(|f| f.to_string()).unwrap_or_default();
                let read = text.filter(|_| interval.last_field.is_none()).map(|t| format!("{t} {unit}"));
                match read.as_deref().and_then(|t| check::interval_seconds(t.trim())) {
                    Some(seconds) => Some(Node::Const(Literal::Float(seconds))),
                    None => self.wrong(
                        "expr.syntax",
                        at,
                        format!("'{interval}' is not a length of time that is known"),
                        "write INTERVAL '90 seconds'; units are microseconds, milliseconds, seconds, minutes, hours, days, weeks",
                    ),
                }
            }
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => self.chain(expr, op, depth),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, depth, at),
            Expr::UnaryOp { op, expr: inner } => self.unary(op, inner, depth, at),
            Expr::IsNull(e) => self.is(e, Test::Null, false, depth),
            Expr::IsNotNull(e) => self.is(e, Test::Null, true, depth),
            Expr::IsTrue(e) => self.is(e, Test::True, false, depth),
            Expr::IsNotTrue(e) => self.is(e, Test::True, true, depth),
            Expr::IsFalse(e) => self.is(e, Test::False, false, depth),
            Expr::IsNotFalse(e) => self.is(e, Test::False, true, depth),
            Expr::IsUnknown(e) | Expr::IsNotUnknown(e) => {
                let arg = self.node(e, depth + 1)?;
                self.expect(&arg, Type::Bool, at, "IS UNKNOWN")?;
                Some(Node::Is { arg: arg.into(), test: Test::Null, negated: matches!(expr, Expr::IsNotUnknown(_)) })
            }
            Expr::IsDistinctFrom(a, b) | Expr::IsNotDistinctFrom(a, b) => {
                let (a, b) = self.two(a, b, depth)?;
                let (a, b) = self.comparable(a, b, at)?;
                let negated = matches!(expr, Expr::IsNotDistinctFrom(..));
                Some(Node::Distinct { a: a.into(), b: b.into(), negated })
            }
            Expr::In { expr: arg, target: InTarget::List(list), negated, global: false } => {
                let (arg, list) = (self.node(arg, depth + 1), self.nodes(list, depth));
                let (mut arg, mut items) = (arg?, Vec::new());
                for item in list? {
                    let (a, item) = self.comparable(arg, item, at)?;
                    arg = a;
                    items.push(item);
                }
                Some(Node::In { arg: arg.into(), list: items, negated: *negated })
            }
            Expr::Between { expr: arg, negated, low, high } => {
                let parts = self.nodes([arg.as_ref(), low, high], depth)?;
                let [arg, low, high]: [Node; 3] = parts.try_into().ok()?;
                let (arg, low) = self.comparable(arg, low, at)?;
                let (arg, high) = self.comparable(arg, high, at)?;
                Some(Node::Between { arg: arg.into(), low: low.into(), high: high.into(), negated: *negated })
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like([expr, pattern], escape_char.as_deref(), (*negated, false), depth)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like([expr, pattern], escape_char.as_deref(), (*negated, true), depth)
            }
            Expr::Cast { expr: inner, data_type: DataType::JSON | DataType::JSONB, format: None, .. } => {
                self.named("parse_json", [inner.as_ref()], depth, at)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.named("to_local", [timestamp.as_ref(), time_zone], depth, at)
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. }
                if !matches!(**right, Expr::Subquery(_)) =>
            {
                self.named("array_contains", [right.as_ref(), left], depth, at)
            }
            Expr::Overlay { expr: inner, overlay_what, overlay_from, overlay_for } => {
                let args = [inner.as_ref(), overlay_what, overlay_from].into_iter().chain(overlay_for.as_deref());
                self.named("overlay", args, depth, at)
            }
            Expr::Cast { expr: inner, data_type, format: None, .. } => {
                let (arg, target) = (self.node(inner, depth + 1), self.target(data_type, at));
                let (arg, target) = (arg?, target?);
                self.castable(&arg, target, at)?;
                Some(Node::Cast(arg.into(), target))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), depth, at)
            }
            Expr::Function(call) => self.call(call, depth, at),
            Expr::Extract { field, expr: inner, .. } => {
                let field = Node::Const(Literal::Str(field.to_string().trim_matches('\'').to_lowercase()));
                let arg = self.node(inner, depth + 1)?;
                self.checked("date_part", vec![field, arg], at)
            }
            Expr::Ceil { expr: inner, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.named("ceil", [inner.as_ref()], depth, at)
            }
            Expr::Floor { expr: inner, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.named("floor", [inner.as_ref()], depth, at)
            }
            Expr::Position { expr: part, r#in } => self.named("strpos", [r#in.as_ref(), part], depth, at),
            Expr::Substring { expr: inner, substring_from, substring_for, special: _, shorthand: _ } => {
                let one = Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
                // SUBSTRING(x FOR n) begins at the first character
                let from = substring_from.as_deref().or(substring_for.is_some().then_some(&one));
                let args = [inner.as_ref()].into_iter().chain(from).chain(substring_for.as_deref());
                self.named("substr", args, depth, at)
            }
            Expr::Trim { trim_where, trim_what, expr: inner, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let what = trim_what.as_deref().into_iter().chain(trim_characters.iter().flatten());
                self.named(name, [inner.as_ref()].into_iter().chain(what), depth, at)
            }
            other => self.unsupported(other, at),
        }
    }

    /// Where an expression begins in the text, as far as sqlparser knows.
    pub(super) fn place(&self, mut expr: &Expr) -> Option<usize> {
        let span = loop {
            match expr {
                Expr::Identifier(ident) => break ident.span,
                Expr::CompoundIdentifier(idents) => break idents.first()?.span,
                Expr::Value(value) => break value.span,
                Expr::TypedString(typed) => break typed.value.span,
                Expr::Function(call) => match call.name.0.first()? {
                    ObjectNamePart::Identifier(ident) => break ident.span,
                    ObjectNamePart::Function(_) => return None,
                },
                Expr::Case { case_token, .. } => break case_token.0.span,
                Expr::CompoundFieldAccess { root: e, .. }
                | Expr::Nested(e)
                | Expr::BinaryOp { left: e, .. }
                | Expr::UnaryOp { expr: e, .. }
                | Expr::In { expr: e, .. }
                | Expr::Between { expr: e, .. }
                | Expr::Like { expr: e, .. }
                | Expr::ILike { expr: e, .. }
                | Expr::Cast { expr: e, .. }
                | Expr::Extract { expr: e, .. }
                | Expr::AtTimeZone { timestamp: e, .. }
                | Expr::AnyOp { left: e, .. }
                | Expr::Overlay { expr: e, .. }
                | Expr::Ceil { expr: e, .. }
                | Expr::Floor { expr: e, .. }
                | Expr::Substring { expr: e, .. }
                | Expr::Trim { expr: e, .. }
                | Expr::IsNull(e)
                | Expr::IsNotNull(e)
                | Expr::IsTrue(e)
                | Expr::IsNotTrue(e)
                | Expr::IsFalse(e)
                | Expr::IsNotFalse(e) => expr = e,
                _ => return None,
            }
        };
        parse::column(self.text, span.start)
    }

    fn path(&mut self, expr: &Expr, at: Option<usize>) -> Option<Node> {
        let Some(steps) = steps(expr) else {
            return self.wrong(
                "expr.syntax",
                at,
                format!("'{expr}' is not a path into the event"),
                "write names with dots between them, such as data.page, and array[1] for an element",
            );
        };
        self.field(FieldPath::new(steps), at)
    }

    /// Steps into the value of an expression, or into an array of the event.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr], depth: usize, at: Option<usize>) -> Option<Node> {
        // names up to the first place in an array are a path into the event
        let named = |access: &&AccessExpr| match access {
            AccessExpr::Dot(Expr::Identifier(_)) => true,
            AccessExpr::Subscript(Subscript::Index { index: Expr::Value(v) }) => {
                matches!(v.value, Value::SingleQuotedString(_))
            }
            _ => false,
        };
        let plain = chain.iter().take_while(named).count();
        let (path, rest) = chain.split_at(if steps(root).is_some() { plain } else { 0 });
        let mut node = if path.is_empty() {
            self.node(root, depth + 1)?
        } else {
            self.path(&Expr::CompoundFieldAccess { root: root.clone().into(), access_chain: path.to_vec() }, at)?
        };
        if rest.len() + depth >= MAX_DEPTH {
            return self.wrong(
                "expr.depth",
                at,
                format!("more than {MAX_DEPTH} steps into a value"),
                "use fewer steps",
            );
        }
        for (i, access) in rest.iter().enumerate() {
            let (name, step) = match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => ("json_extract_path", Node::str(&ident.value)),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let step = self.node(index, depth + 1 + i)?;
                    if step.ty() == Type::Str { ("json_extract_path", step) } else { ("array_get", step) }
                }
                other => {
                    return self.wrong(
                        "expr.syntax",
                        at,
                        format!("'{other}' is not a step into a value"),
                        "write array[1], array_slice(array, 1, 3), object.name or json_extract_path(json, 'name', 0)",
                    );
                }
            };
            node = self.checked(name, vec![node, step], at)?;
        }
        Some(node)
    }

    fn field(&mut self, path: FieldPath, at: Option<usize>) -> Option<Node> {
        if self.select.as_ref().is_some_and(|s| !s.inside) {
            return self.wrong(
                "expr.path",
                at,
                format!("'{path}' has a value for each event, not one for the window"),
                format!("add it to group_by, or wrap it in an aggregate, such as max({path})"),
            );
        }
        if self.matching.is_some() {
            return self.match_field(path, at);
        }
        Some(Node::Path(path))
    }

    fn literal(&mut self, value: &Value, at: Option<usize>) -> Option<Node> {
        Some(Node::Const(match value {
            Value::Null => Literal::Null,
            Value::Boolean(v) => Literal::Bool(*v),
            Value::Number(digits, _) => return self.number(digits, at),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) | Value::UnicodeStringLiteral(text) => {
                Literal::Str(text.clone())
            }
            Value::DollarQuotedString(text) => Literal::Str(text.value.clone()),
            other => {
                return self.wrong(
                    "expr.unsupported",
                    at,
                    format!("the literal {other} is not known here"),
                    "write numbers in decimal, text in single quotes; for settings use ${NAME} in the file",
                );
            }
        }))
    }

    fn number(&mut self, digits: &str, at: Option<usize>) -> Option<Node> {
        let plain = digits.replace('_', "");
        if !plain.contains(['.', 'e', 'E'])
            && let Ok(whole) = plain.parse()
        {
            return Some(Node::Const(Literal::Int(whole)));
        }
        match plain.parse::<f64>() {
            Ok(float) if float.is_finite() => Some(Node::Const(Literal::Float(float))),
            _ => self.wrong(
                "expr.syntax",
                at,
                format!("'{digits}' is not a number that a 64-bit float can hold"),
                "write a decimal number",
            ),
        }
    }

    /// `a AND b AND c` is one node, however long: the parser's left spine is walked, not recursed into.
    fn chain(&mut self, expr: &Expr, wanted: &BinaryOperator, depth: usize) -> Option<Node> {
        let mut parts = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == wanted
        {
            parts.push(right.as_ref());
            rest = left;
        }
        parts.push(rest);
        parts.reverse();
        let and = *wanted == BinaryOperator::And;
        let mut nodes = Vec::new();
        let mut fine = true;
        for part in parts {
            let Some(node) = self.node(part, depth + 1) else {
                fine = false;
                continue;
            };
            let at = self.place(part);
            fine &= self.expect(&node, Type::Bool, at, if and { "AND" } else { "OR" }).is_some();
            match node {
                Node::And(more) if and => nodes.extend(more),
                Node::Or(more) if !and => nodes.extend(more),
                other => nodes.push(other),
            }
        }
        fine.then_some(if and { Node::And(nodes) } else { Node::Or(nodes) })
    }

    fn two(&mut self, a: &Expr, b: &Expr, depth: usize) -> Option<(Node, Node)> {
        let (a, b) = (self.node(a, depth + 1), self.node(b, depth + 1));
        Some((a?, b?))
    }

    fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        let comparison = match op {
            BinaryOperator::Eq => Some(Comparison::Eq),
            BinaryOperator::NotEq => Some(Comparison::Ne),
            BinaryOperator::Lt => Some(Comparison::Lt),
            BinaryOperator::LtEq => Some(Comparison::Le),
            BinaryOperator::Gt => Some(Comparison::Gt),
            BinaryOperator::GtEq => Some(Comparison::Ge),
            _ => None,
        };
        if let Some(comparison) = comparison {
            let (a, b) = self.two(left, right, depth)?;
            let (a, b) = self.comparable(a, b, at)?;
            return Some(Node::Compare(comparison, a.into(), b.into()));
        }
        let arithmetic = match op {
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Sub,
            BinaryOperator::Multiply => Arithmetic::Mul,
            BinaryOperator::Divide => Arithmetic::Div,
            BinaryOperator::Modulo => Arithmetic::Rem,
            BinaryOperator::StringConcat => {
                let (a, b) = self.two(left, right, depth)?;
                return Some(Node::Join(a.into(), b.into()));
            }
            BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => {
                let (a, b) = self.two(left, right, depth)?;
                let mut args = vec![a, b];
                if matches!(op, BinaryOperator::PGRegexIMatch | BinaryOperator::PGRegexNotIMatch) {
                    args.push(Node::str("i"));
                }
                let found = self.checked("regexp_like", args, at)?;
                let negated = matches!(op, BinaryOperator::PGRegexNotMatch | BinaryOperator::PGRegexNotIMatch);
                return Some(if negated { Node::Not(found.into()) } else { found });
            }
            BinaryOperator::HashArrow | BinaryOperator::HashLongArrow => {
                let name =
                    if *op == BinaryOperator::HashArrow { "json_extract_path" } else { "json_extract_path_text" };
                let (a, path) = self.two(left, right, depth)?;
                let steps = match &path {
                    Node::Const(Literal::Str(text)) => text.strip_prefix('{').and_then(|t| t.strip_suffix('}')),
                    _ => None,
                };
                let Some(steps) = steps else {
                    return self.wrong(
                        "expr.syntax",
                        at,
                        format!("{op} takes a path such as '{{a,0}}', a literal"),
                        "write json_extract_path(json, step, ...) where a step is computed",
                    );
                };
                let args = std::iter::once(a).chain(steps.split(',').map(|s| Node::str(s.trim()))).collect();
                return self.checked(name, args, at);
            }
            other => {
                let name = match other {
                    BinaryOperator::Arrow => "json_extract_path",
                    BinaryOperator::LongArrow => "json_extract_path_text",
                    BinaryOperator::BitwiseAnd => "bitand",
                    BinaryOperator::BitwiseOr => "bitor",
                    BinaryOperator::PGBitwiseXor => "bitxor",
                    BinaryOperator::PGBitwiseShiftLeft => "shift_left",
                    BinaryOperator::PGBitwiseShiftRight => "shift_right",
                    BinaryOperator::PGExp => "power",
                    BinaryOperator::PGStartsWith => "starts_with",
                    _ => {
                        return self.wrong(
                            "expr.unsupported",
                            at,
                            format!("the operator {other} is not known here"),
                            "operators are = <> < <= > >= + - * / % ^ & | # << >> ~ || -> ->> AND OR NOT IN BETWEEN LIKE IS",
                        );
                    }
                };
                return self.named(name, [left, right], depth, at);
            }
        };
        let (a, b) = self.two(left, right, depth)?;
        self.arithmetic(arithmetic, &a, &b, at)?;
        Some(Node::Arithmetic(arithmetic, a.into(), b.into()))
    }

    fn unary(&mut self, op: &UnaryOperator, inner: &Expr, depth: usize, at: Option<usize>) -> Option<Node> {
        if let (UnaryOperator::Minus, Expr::Value(value)) = (op, inner)
            && let Value::Number(digits, _) = &value.value
        {
            // with its sign, so that the least integer can be written
            return self.number(&format!("-{digits}"), at);
        }
        if *op == UnaryOperator::BitwiseNot || op.to_string() == "~" {
            return self.named("bitnot", [inner], depth, at);
        }
        if !matches!(op, UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus) {
            return self.wrong(
                "expr.unsupported",
                at,
                format!("the operator {op} is not known here"),
                "operators before a value are NOT, - and +",
            );
        }
        let arg = self.node(inner, depth + 1)?;
        if *op == UnaryOperator::Not {
            self.expect(&arg, Type::Bool, at, "NOT")?;
            return Some(Node::Not(arg.into()));
        }
        self.expect(&arg, Type::Number, at, "the sign")?;
        if *op == UnaryOperator::Plus {
            return Some(arg);
        }
        Some(match arg {
            Node::Const(Literal::Float(v)) => Node::Const(Literal::Float(-v)),
            Node::Const(Literal::Int(v)) if v != i64::MIN => Node::Const(Literal::Int(-v)),
            other => Node::Negate(other.into()),
        })
    }

    fn is(&mut self, arg: &Expr, test: Test, negated: bool, depth: usize) -> Option<Node> {
        let at = self.place(arg);
        let arg = self.node(arg, depth + 1)?;
        if test != Test::Null {
            self.expect(&arg, Type::Bool, at, "IS")?;
        }
        Some(Node::Is { arg: arg.into(), test, negated })
    }

    fn like(
        &mut self,
        [arg, pattern]: [&Expr; 2],
        escape: Option<&Expr>,
        (negated, insensitive): (bool, bool),
        depth: usize,
    ) -> Option<Node> {
        let at = self.place(pattern);
        let (arg, pattern) = self.two(arg, pattern, depth)?;
        self.expect(&arg, Type::Str, at, "LIKE")?;
        self.expect(&pattern, Type::Str, at, "LIKE")?;
        let escape = match escape {
            None => Some('\\'),
            Some(Expr::Value(v)) => {
                let text = v.value.clone().into_string().unwrap_or_else(|| "  ".to_owned());
                let mut chars = text.chars();
                let first = chars.next();
                if chars.next().is_some() {
                    return self.wrong("expr.syntax", at, "ESCAPE takes one character, or none", "write ESCAPE '!'");
                }
                first
            }
            Some(_) => {
                return self.wrong("expr.syntax", at, "ESCAPE takes one character in quotes", "write ESCAPE '!'");
            }
        };
        if let Node::Const(Literal::Str(text)) = &pattern
            && !like::valid(text.as_bytes(), escape)
        {
            return self.wrong(
                "expr.syntax",
                at,
                "the pattern ends in its escape character",
                "write the character twice to match it",
            );
        }
        Some(Node::Like { arg: arg.into(), pattern: pattern.into(), escape, insensitive, negated })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        let mut operand = match operand {
            Some(e) => Some(self.node(e, depth + 1)?),
            None => None,
        };
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        for CaseWhen { condition, result } in conditions {
            let at = self.place(condition);
            let (test, result) = self.two(condition, result, depth)?;
            let test = match operand.take() {
                Some(subject) => {
                    let (subject, test) = self.comparable(subject, test, at)?;
                    operand = Some(subject);
                    test
                }
                None => {
                    self.expect(&test, Type::Bool, at, "WHEN")?;
                    test
                }
            };
            tests.push(test);
            results.push(result);
        }
        let more = otherwise.is_some();
        if let Some(e) = otherwise {
            results.push(self.node(e, depth + 1)?);
        }
        let mut results = self.alike(results, at, "CASE")?;
        let otherwise = if more { results.pop().map(Box::new) } else { None };
        Some(Node::Case {
            operand: operand.map(Box::new),
            branches: tests.into_iter().zip(results).collect(),
            otherwise,
        })
    }

    fn named<'e>(
        &mut self,
        name: &str,
        args: impl IntoIterator<Item = &'e Expr>,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        let args = self.nodes(args, depth)?;
        self.checked(name, args, at)
    }

    fn checked(&mut self, name: &str, args: Vec<Node>, at: Option<usize>) -> Option<Node> {
        let function: &'static Function = function::find(name)?;
        if function.name == "event_time" {
            self.row_only("event_time()", at)?;
        }
        let args = self.arguments(function, args, at)?;
        Some(Node::Call(function, args))
    }

    fn call(&mut self, call: &Call, depth: usize, at: Option<usize>) -> Option<Node> {
        let Some((name, quoted)) = simple_name(&call.name) else {
            return self.wrong(
                "expr.function",
                at,
                format!("there is no function '{}'", call.name),
                "functions have names without dots",
            );
        };
        let lower = name.to_ascii_lowercase();
        let FunctionArguments::List(list) = &call.args else {
            // words that SQL reads as functions without parentheses: a field may well be called `user`
            if !quoted && matches!(call.args, FunctionArguments::None) && lower == "user" {
                return self.field(FieldPath::new(vec![name.to_owned()]), at);
            }
            return self.no_clock(&lower, at);
        };
        if call.over.is_some() {
            return self.wrong(
                "expr.unsupported",
                at,
                format!("{lower}(...) OVER (...) is a window function of SQL, which is not known here"),
                "windows are parts of the pipeline file: [windows.name]",
            );
        }
        if self.matching.as_ref().is_some_and(|m| m.takes(&lower)) {
            return self.step_call(&lower, call, list, depth, at);
        }
        if self.is_series(&lower) {
            return self.series_call(&lower, call, list, depth, at);
        }
        let aggregate = match &self.select {
            Some(state) => (state.is_aggregate)(&lower),
            None => super::select::COMMON.contains(&lower.as_str()) && function::find(&lower).is_none(),
        };
        if aggregate {
            return self.aggregate(&lower, call, list, depth, at);
        }
        let user = self.functions.find(&lower).cloned();
        if user.is_none() && function::find(&lower).is_none() {
            return self.unknown(&lower, at);
        }
        if call.filter.is_some() || list.duplicate_treatment.is_some() || !call.within_group.is_empty() {
            return self.wrong(
                "expr.function",
                at,
                format!("{lower} is not an aggregate: it takes no DISTINCT, FILTER or WITHIN GROUP"),
                "use CASE WHEN condition THEN value END",
            );
        }
        if !list.clauses.is_empty() || call.null_treatment.is_some() {
            return self.wrong("expr.function", at, format!("{lower} takes arguments only"), "leave the clause out");
        }
        let mut args = Vec::new();
        for arg in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else {
                return self.wrong(
                    "expr.function",
                    at,
                    format!("{lower} does not take '{arg}'"),
                    function::find(&lower).map_or("", |f| f.signature),
                );
            };
            args.push(arg);
        }
        if let Some(user) = user {
            let (args, wanted) = (self.nodes(args, depth)?, user.arguments);
            if args.len() != wanted {
                let plural = if wanted == 1 { "" } else { "s" };
                let message = format!("{} takes {wanted} argument{plural}, not {}", user.name, args.len());
                return self.wrong(
                    "expr.function",
                    at,
                    message,
                    "write a value for each argument, NULL for one without",
                );
            }
            return Some(Node::User(user, args));
        }
        self.named(&lower, args, depth, at)
    }

    fn unknown(&mut self, name: &str, at: Option<usize>) -> Option<Node> {
        if matches!(name, "now" | "current_timestamp" | "clock_timestamp" | "localtimestamp" | "current_date") {
            return self.no_clock(name, at);
        }
        let instead = match name {
            "random" | "rand" | "gen_random_uuid" | "uuid" | "uuid_generate_v4" => Some(
                "a result never depends on chance: to keep a share of the rows, write bitand(hash(user_id), 1023) < 10 in a `where`",
            ),
            "to_char" | "format_datetime" | "date_format" => Some("write strftime(time, '%Y-%m-%d %H:%M')"),
            "to_date" | "str_to_date" => Some("write strptime(text, '%Y-%m-%d')"),
            "age" => Some("write a - b for seconds, or date_diff('day', from, to)"),
            "json_extract" | "json_value" | "json_query" => Some("write json_extract_path(json, 'name', 0)"),
            "if" | "iff" => Some("write CASE WHEN condition THEN a ELSE b END"),
            "ifnull" | "nvl" => Some("write coalesce(a, b)"),
            _ => None,
        };
        if let Some(help) = instead {
            return self.wrong("expr.function", at, format!("there is no function '{name}'"), help);
        }
        let names = function::functions().iter().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
        let names = names.chain(self.functions.iter().map(|f| f.name.as_str()));
        let names = names.chain(if self.select.is_some() { super::select::COMMON } else { &[] }.iter().copied());
        let matched: Vec<&str> = if self.matching.is_some() { step::names().collect() } else { Vec::new() };
        let series: Vec<&str> = if self.series.is_some() { series::names().collect() } else { Vec::new() };
        let names = names.chain(matched).chain(series);
        let help = match crate::error::nearest(name, names) {
            Some(near) => function::find(near)
                .map_or_else(|| format!("did you mean {near}?"), |f| format!("did you mean {}?", f.signature)),
            None => "the reference lists all functions".to_owned(),
        };
        self.wrong("expr.function", at, format!("there is no function '{name}'"), help)
    }

    fn no_clock(&mut self, name: &str, at: Option<usize>) -> Option<Node> {
        self.wrong(
            "expr.function",
            at,
            format!("'{name}' is not known here: a result never depends on who asks, or when"),
            format!("write event_time() for the time of the event, or \"{name}\" in double quotes for a field"),
        )
    }

    fn unsupported(&mut self, expr: &Expr, at: Option<usize>) -> Option<Node> {
        let what = match expr {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::In { .. } => "a subquery",
            Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                "this way to write a regular expression (write text ~ 'pattern')"
            }
            Expr::Array(_) | Expr::AnyOp { .. } | Expr::AllOp { .. } => "an array",
            Expr::Tuple(_) => "a list of values",
            Expr::Collate { .. } => "COLLATE (text is compared by bytes)",
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => "'*'",
            Expr::Ceil { .. } | Expr::Floor { .. } => "ceil and floor with a second argument",
            Expr::JsonAccess { .. } => "this way into an object",
            _ => {
                return self.wrong(
                    "expr.unsupported",
                    at,
                    format!("'{expr}' is SQL that is not known here"),
                    "write an expression over the fields of one event",
                );
            }
        };
        let help = match expr {
            Expr::SimilarTo { .. } | Expr::RLike { .. } => "use LIKE or ILIKE, with % and _",
            Expr::AnyOp { .. } | Expr::AllOp { .. } | Expr::Array(_) => "use IN ('a', 'b')",
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::In { .. } => "use IN with a list of values",
            Expr::Ceil { .. } | Expr::Floor { .. } => "use round(x, places) or date_trunc(unit, time)",
            _ => "leave it out",
        };
        self.wrong("expr.unsupported", at, format!("{what} is not known here"), help)
    }
}

/// The name of a function, and whether it was quoted.
fn simple_name(name: &ObjectName) -> Option<(&str, bool)> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some((&ident.value, ident.quote_style.is_some())),
        _ => None,
    }
}

/// The steps of a path, where an expression is one.
pub(super) fn steps(expr: &Expr) -> Option<Vec<String>> {
    let named = |ident: &Ident| (!ident.value.is_empty()).then(|| ident.value.clone());
    match expr {
        Expr::Identifier(ident) => Some(vec![named(ident)?]),
        Expr::CompoundIdentifier(idents) => idents.iter().map(named).collect(),
        Expr::Function(call) if matches!(call.args, FunctionArguments::None) => match simple_name(&call.name) {
            Some((name, _)) if name.eq_ignore_ascii_case("user") => Some(vec![name.to_owned()]),
            _ => None,
        },
        Expr::CompoundFieldAccess { root, access_chain } => {
            let mut path = steps(root)?;
            for access in access_chain {
                path.push(match access {
                    AccessExpr::Dot(Expr::Identifier(ident)) => named(ident)?,
                    AccessExpr::Subscript(Subscript::Index { index: Expr::Value(v) }) => match &v.value {
                        Value::SingleQuotedString(step) if !step.is_empty() => step.clone(),
                        _ => return None,
                    },
                    _ => return None,
                });
            }
            Some(path)
        }
        _ => None,
    }
}

impl Builder<'_> {
    pub(super) fn time_literal(&mut self, text: &str, at: Option<usize>) -> Option<Node> {
        match cast::read_time(text.trim()) {
            Some(us) => Some(Node::Const(Literal::Time(us))),
            None => self.wrong(
                "expr.type",
                at,
                format!("'{text}' is not a time"),
                "write RFC 3339, such as '2026-01-05T12:00:00Z'",
            ),
        }
    }
}
