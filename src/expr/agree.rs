//! Random trees over random rows: the code over columns against the oracle, and text against the tree it came from.
//!
//! It catches a wrong selection, a stale temporary, a wrong fast path, a wrong function. It cannot catch a mistake
//! that both make, such as in how a float is written; the examples in `tests.rs` are there for that.

use super::oracle::{self, V};
use super::tree::{Arithmetic, Comparison, Literal, Node, Test};
use super::{Rows, Scratch, Tree, Type, compile, functions, parse};
use crate::event::{Cell, Column, FieldPath, Tag, Value};
use proptest::prelude::*;
use proptest::sample::select;

const FIELDS: [&str; 5] = ["a", "b.c", "user", "d", "e"];

const TEXTS: [&str; 16] = [
    "",
    "a",
    "b",
    "ab",
    "aB",
    "äöü",
    "Ä",
    "a%",
    "_b",
    "  a ",
    "12",
    "-1.5",
    "true",
    "a-b-c",
    "straße",
    "longer than eight",
];

fn text() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(str::to_owned)
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..4_i64, 1 => select(vec![i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 1_767_616_496])]
}

fn decimal() -> impl Strategy<Value = f64> {
    select(vec![0.0, -0.0, 1.0, 2.0, -1.5, 0.1, 2.5, 1e18, 9.3e18, 1e300, 9_007_199_254_740_992.0])
}

fn moment() -> impl Strategy<Value = i64> {
    select(vec![0, -1, 1_767_616_496_789_000, 1_767_616_496_789_123, 951_782_400_000_000, 253_402_300_799_999_999])
}

fn cell() -> impl Strategy<Value = V> {
    prop_oneof![
        2 => Just(V::Null),
        2 => any::<bool>().prop_map(V::Bool),
        3 => integer().prop_map(V::Int),
        2 => decimal().prop_map(V::Float),
        1 => moment().prop_map(V::Time),
        4 => text().prop_map(V::Str),
        1 => select(vec!["a\\", "2026-01-05", "2026-01-05T12:00:00+01:00", "💧e\u{301}"])
            .prop_map(|t: &str| V::Str(t.to_owned())),
        1 => select(vec!["{}", "[1]"]).prop_map(|t: &str| V::Json(t.to_owned())),
    ]
}

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        6 => field(),
        3 => prop_oneof![
            Just(Literal::Null),
            any::<bool>().prop_map(Literal::Bool),
            integer().prop_map(Literal::Int),
            decimal().prop_map(Literal::Float),
            moment().prop_map(Literal::Time),
            text().prop_map(Literal::Str),
            text().prop_map(Literal::Str),
        ]
        .prop_map(Node::Const),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    select(vec![Eq, Ne, Lt, Le, Gt, Ge])
}

/// A call of any function, with arguments from a pool of trees.
fn call(pool: impl Strategy<Value = Node> + 'static) -> impl Strategy<Value = Node> {
    let units = select(vec!["year", "month", "day", "hour", "minute", "second"]);
    (select(oracle::known()), prop::collection::vec(pool, 4), 0..5_usize, units, moment()).prop_map(
        |(name, mut args, count, unit, at)| {
            let function = functions().iter().find(|f| f.name == name).expect("the oracle knows no other");
            args.truncate(count.clamp(function.least, function.most));
            if matches!(function.name, "round" | "log") {
                args.truncate(1);
            }
            if function.name.starts_with("date_") {
                // a zone is a literal; the tests of the library have them
                args.truncate(2);
            }
            if matches!(function.name, "date_trunc" | "date_part") {
                args[0] = Node::str(unit);
                if count == 0 {
                    args[1] = Node::Const(Literal::Time(at));
                }
            }
            Node::Call(function, args)
        },
    )
}

fn flat(list: Vec<Node>, and: bool) -> Node {
    let mut out = Vec::new();
    for node in list {
        match node {
            Node::And(more) if and => out.extend(more),
            Node::Or(more) if !and => out.extend(more),
            other => out.push(other),
        }
    }
    if and { Node::And(out) } else { Node::Or(out) }
}

fn field() -> impl Strategy<Value = Node> {
    select(&FIELDS[..]).prop_map(|f| Node::Path(FieldPath::dotted(f)))
}

fn node(leaf: impl Strategy<Value = Node> + 'static) -> impl Strategy<Value = Node> {
    leaf.prop_recursive(4, 40, 4, |inner| {
        let inner = inner.boxed();
        let one = || inner.clone().prop_map(Box::new);
        let list = |n: std::ops::Range<usize>| prop::collection::vec(inner.clone(), n);
        let escape = select(vec![Some('\\'), Some('!'), None]);
        use Arithmetic::{Add, Div, Mul, Rem, Sub};
        prop_oneof![
            2 => list(2..4).prop_map(|l| flat(l, true)),
            2 => list(2..4).prop_map(|l| flat(l, false)),
            1 => one().prop_map(Node::Not),
            3 => (comparison(), one(), one()).prop_map(|(op, a, b)| Node::Compare(op, a, b)),
            1 => (one(), one(), any::<bool>()).prop_map(|(a, b, negated)| Node::Distinct { a, b, negated }),
            2 => (select(vec![Add, Sub, Mul, Div, Rem]), one(), one())
                .prop_map(|(op, a, b)| Node::Arithmetic(op, a, b)),
            1 => one().prop_map(|a| match *a {
                Node::Const(_) => *a,
                _ => Node::Negate(a),
            }),
            1 => (one(), one()).prop_map(|(a, b)| Node::Join(a, b)),
            2 => (one(), list(1..4), any::<bool>()).prop_map(|(arg, list, negated)| Node::In { arg, list, negated }),
            2 => (one(), prop::collection::vec(text(), 1..12), any::<(bool, bool)>()).prop_map(
                |(arg, texts, (negated, null))| {
                    let nulls = null.then_some(Node::Const(Literal::Null));
                    let list = texts.iter().map(|t| Node::str(t)).chain(nulls).collect();
                    Node::In { arg, list, negated }
                }
            ),
            1 => (one(), one(), one(), any::<bool>())
                .prop_map(|(arg, low, high, negated)| Node::Between { arg, low, high, negated }),
            1 => (one(), one(), escape, any::<(bool, bool)>()).prop_map(
                |(arg, pattern, escape, (insensitive, negated))| Node::Like {
                    arg,
                    pattern,
                    escape,
                    insensitive,
                    negated
                }
            ),
            1 => (one(), select(vec![Test::Null, Test::True, Test::False]), any::<bool>())
                .prop_map(|(arg, test, negated)| Node::Is { arg, test, negated }),
            2 => (prop::option::of(one()), prop::collection::vec((inner.clone(), inner.clone()), 1..3), prop::option::of(one()))
                .prop_map(|(operand, branches, otherwise)| Node::Case { operand, branches, otherwise }),
            1 => (one(), select(vec![Type::Bool, Type::Int, Type::Float, Type::Time, Type::Str]))
                .prop_map(|(arg, target)| Node::Cast(arg, target)),
            6 => call(inner.clone()),
        ]
    })
}

/// Columns of cells, from rows of values.
fn columns(rows: &[Vec<V>], arena: &mut Vec<u8>) -> Vec<Column> {
    let mut cell = |v: &V| match v {
        V::Null => Cell::NULL,
        V::Bool(v) => Cell::bool(*v),
        V::Int(v) => Cell::int(*v),
        V::Float(v) => Cell::float(*v),
        V::Time(v) => Cell::time(*v),
        V::Str(t) | V::Json(t) => {
            let start = arena.len() as u32;
            arena.extend_from_slice(t.as_bytes());
            if matches!(v, V::Str(_)) { Cell::str(start, t.len() as u32) } else { Cell::json(start, t.len() as u32) }
        }
    };
    (0..FIELDS.len()).map(|c| rows.iter().map(|row| cell(&row[c])).collect()).collect()
}

fn owned(cell: Cell, arena: &[u8]) -> V {
    let text = |t: &[u8]| String::from_utf8(t.to_vec()).expect("text is UTF-8");
    match cell.value(arena) {
        Value::Null => V::Null,
        Value::Bool(v) => V::Bool(v),
        Value::Int(v) => V::Int(v),
        Value::Float(v) => V::Float(v),
        Value::Time(v) => V::Time(v),
        Value::Str(t) => V::Str(text(t)),
        Value::Json(t) => V::Json(text(t)),
    }
}

fn slot(path: &FieldPath) -> usize {
    FIELDS.iter().position(|f| *f == path.to_string()).expect("trees read the known fields only")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn oracle_when_trees_and_rows_are_random_agrees(
        node in node(leaf()),
        rows in prop::collection::vec((prop::collection::vec(cell(), FIELDS.len()), moment(), any::<bool>()), 1..9),
    ) {
        let fields: Vec<Vec<V>> = rows.iter().map(|r| r.0.clone()).collect();
        let time: Vec<i64> = rows.iter().map(|r| r.1).collect();
        let sel: Vec<u32> = (0..rows.len() as u32).filter(|i| rows[*i as usize].2).collect();
        let mut arena = b"#".to_vec();
        let columns = columns(&fields, &mut arena);
        let tree = Tree(node);
        let program = compile(&tree, &mut slot);
        let input = Rows { columns: &columns, time: &time };
        // twice with one scratch: what the first run leaves in the pools must not show in the second
        let (mut scratch, mut out) = (Scratch::default(), Column::new());
        program.eval(&input, &mut arena, &sel, &mut scratch, &mut out);
        out.clear();
        program.eval(&input, &mut arena, &sel, &mut scratch, &mut out);
        let mut kept = sel.clone();
        program.filter(&input, &mut arena, &mut kept, &mut scratch);
        let mut wanted = Vec::new();
        for row in 0..rows.len() {
            if !sel.contains(&(row as u32)) {
                prop_assert_eq!(out[row].tag(), Tag::Null, "a row that was not selected was written");
                continue;
            }
            let view = oracle::Row { fields: &|path| fields[row][slot(path)].clone(), time: time[row] };
            let right = oracle::eval(&tree.0, &view);
            prop_assert_eq!(owned(out[row], &arena), right.clone(), "row {} of {}", row, tree);
            if right == V::Bool(true) {
                wanted.push(row as u32);
                for (path, texts) in tree.string_conjuncts() {
                    let V::Str(text) = &fields[row][slot(&path)] else { panic!("{tree}: {path} is no text") };
                    prop_assert!(texts.contains(text));
                }
            }
        }
        prop_assert_eq!(kept, wanted, "{}", tree);
    }

    #[test]
    fn text_when_written_from_a_tree_reads_back_as_that_tree(
        // fields fit any place, so that many of these trees are well typed
        node in prop_oneof![node(field()), node(leaf())],
    ) {
        let tree = Tree(node);
        match parse(&tree.to_string()) {
            Ok(read) => prop_assert_eq!(read, tree),
            // random trees are seldom well typed; what is wrong with them is never their syntax
            Err(errors) => for e in errors {
                prop_assert!(e.code == "expr.type", "{}: {:?}", tree, e);
            },
        }
    }

    #[test]
    fn parse_when_text_is_random_never_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn parse_when_words_are_random_never_panics(
        words in prop::collection::vec(select(vec![
            "a", "b.c", "1", "2.5", "'t'", "NULL", "(", ")", ",", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS",
            "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "AS", "::", "int", "+", "-", "*", "/", "%", "||", "=", "<",
            "lower(", "count(", "substring(", "FROM", "FOR", "extract(", "INTERVAL", "TIMESTAMP", "FILTER", "WHERE",
            "[", "]", "'", "\"", "trim(", "position(", "DISTINCT", "->", "ANY(", "ARRAY[", "{", "}", "$1", ":x", "é",
        ]), 0..24),
    ) {
        let text = words.join(" ");
        if let Ok(tree) = parse(&text) {
            let shown = tree.to_string();
            prop_assert_eq!(parse(&shown).map(|t| t.to_string()), Ok(shown), "{}", text);
        }
        let _ = super::parse_select(&text, &|name| name == "count");
    }
}
