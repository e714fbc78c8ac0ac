//! What the language promises, by example: NULL logic, messages, functions, selects, limits.

use super::cast::write;
use super::*;
use crate::event::{Cell, Column, FieldPath};

/// 2026-01-05T12:34:56.789Z.
const NOON: i64 = 1_767_616_496_789_000;

/// The value as text, `NULL` for NULL.
fn show(cell: Cell, arena: &[u8]) -> String {
    if cell.is_null() {
        return "NULL".to_owned();
    }
    let mut copy = arena.to_vec();
    write(cell, &mut copy);
    String::from_utf8(copy[arena.len()..].to_vec()).unwrap()
}

/// The value of an expression over one row of named cells, and the failures.
pub(super) fn run(text: &str, row: &[(&str, Cell)], arena: &[u8]) -> (String, u64) {
    let tree = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let columns: Vec<Column> = row.iter().map(|(_, c)| vec![*c]).collect();
    let program = compile(&tree, &mut |path| {
        row.iter().position(|(name, _)| *name == path.to_string()).unwrap_or_else(|| panic!("no {path}"))
    });
    let (mut arena, mut scratch, mut out) = (arena.to_vec(), Scratch::default(), Vec::new());
    program.eval(&Rows { columns: &columns, time: &[NOON] }, &mut arena, &[0], &mut scratch, &mut out);
    (show(out[0], &arena), scratch.failures())
}

pub(super) fn value(text: &str) -> String {
    run(text, &[], &[]).0
}

pub(super) fn error(text: &str) -> ExprError {
    parse(text).expect_err(text).remove(0)
}

#[test]
fn functions_when_their_examples_run_give_what_is_documented() {
    let mut wrong = Vec::new();
    for f in functions() {
        let found = value(f.example);
        if found != f.result {
            wrong.push(format!("{} gave {found}, not {}", f.example, f.result));
        }
        assert!(f.example.contains(f.name) || f.name == "date_part", "{}", f.name);
        assert!(f.signature.starts_with(f.name), "{}", f.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn null_logic_when_all_pairs_are_tried_follows_the_truth_tables() {
    let (t, f, n) = ("true", "false", "NULL");
    for (a, b, and, or) in [
        (t, t, t, t),
        (t, f, f, t),
        (t, n, n, t),
        (f, t, f, t),
        (f, f, f, f),
        (f, n, f, n),
        (n, t, n, t),
        (n, f, f, n),
        (n, n, n, n),
    ] {
        let cell = |word: &str| match word {
            "true" => Cell::bool(true),
            "false" => Cell::bool(false),
            _ => Cell::NULL,
        };
        let row = [("a", cell(a)), ("b", cell(b))];
        assert_eq!(run("a AND b", &row, &[]), (and.to_owned(), 0), "{a} AND {b}");
        assert_eq!(run("a OR b", &row, &[]), (or.to_owned(), 0), "{a} OR {b}");
        let not = |word| match word {
            "true" => "false",
            "false" => "true",
            _ => "NULL",
        };
        assert_eq!(run("NOT (a AND b)", &row, &[]).0, not(and));
        assert_eq!(run("(a OR b) IS TRUE", &row, &[]).0, (or == t).to_string());
        assert_eq!(run("(a OR b) IS NOT FALSE", &row, &[]).0, (or != f).to_string());
        assert_eq!(run("(a OR b) IS UNKNOWN", &row, &[]).0, (or == n).to_string());
        assert_eq!(run("a IS DISTINCT FROM b", &row, &[]).0, (a != b).to_string());
        let equal = if a == n || b == n {
            n
        } else if a == b {
            t
        } else {
            f
        };
        assert_eq!(run("a = b", &row, &[]).0, equal);
        assert_eq!(
            run("CASE WHEN a THEN 1 WHEN b THEN 2 END", &row, &[]).0,
            if a == t {
                "1"
            } else if b == t {
                "2"
            } else {
                n
            }
        );
    }
}

#[test]
fn expressions_when_run_give_the_values_of_postgresql() {
    let mut wrong = Vec::new();
    for (text, wanted) in [
        ("1 + 2 * 3", "7"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("1.0 * 7 / 2", "3.5"),
        ("-7 % 3", "-1"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807 + 1", "NULL"),
        ("1 / 0", "NULL"),
        ("1.5 / 0", "NULL"),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("9007199254740993 = 9007199254740992.0", "false"),
        ("0 = -0.0", "true"),
        ("-0.0", "0"),
        ("'a' || 1 || TRUE", "a1true"),
        ("'a' || NULL", "NULL"),
        ("'it''s'", "it's"),
        ("1 IN (2, NULL)", "NULL"),
        ("1 IN (1, NULL)", "true"),
        ("1 NOT IN (2, 3)", "true"),
        ("'x' NOT IN ('x', NULL)", "false"),
        ("2 BETWEEN 1 AND 3", "true"),
        ("5 NOT BETWEEN 1 AND NULL", "NULL"),
        ("0 BETWEEN 1 AND NULL", "false"),
        ("'foobar' LIKE 'foo%'", "true"),
        ("'foobar' LIKE '%ob%'", "true"),
        ("'foobar' LIKE 'f_o_a_'", "true"),
        ("'a%b' LIKE 'a\\%b'", "true"),
        ("'axb' LIKE 'a\\%b'", "false"),
        ("'a%b' LIKE 'a!%b' ESCAPE '!'", "true"),
        ("'ÄB' ILIKE 'äb'", "true"),
        ("'aé' LIKE 'a_'", "true"),
        ("NULL IS NULL", "true"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END", "b"),
        ("CASE WHEN NULL THEN 1 END", "NULL"),
        ("CAST('12' AS bigint) + 1", "13"),
        ("'x'::int", "NULL"),
        ("2.5::int", "3"),
        ("'1e3'::double precision", "1000"),
        ("'Yes'::boolean", "true"),
        ("TRUE::int", "1"),
        ("1.50::text", "1.5"),
        ("'2026-01-05'::timestamp", "2026-01-05T00:00:00Z"),
        ("TIMESTAMP '2026-01-05 12:00:00+01:00' + INTERVAL '90 seconds'", "2026-01-05T11:01:30Z"),
        ("TIMESTAMP '2026-01-05T00:01:00Z' - TIMESTAMP '2026-01-05T00:00:00Z'", "60"),
        ("event_time() > '2026-01-05T12:00:00Z'", "true"),
        ("event_time() - INTERVAL '1' HOUR < event_time()", "true"),
        ("extract(dow FROM event_time())", "1"),
        ("extract(second FROM event_time())", "56.789"),
        ("extract(doy FROM TIMESTAMP '2024-12-31')", "366"),
        ("date_part('quarter', TIMESTAMP '2026-05-01')", "2"),
        ("date_trunc('week', event_time())", "2026-01-05T00:00:00Z"),
        ("date_trunc('hours', TIMESTAMP '1969-12-31T23:59:59Z')", "1969-12-31T23:00:00Z"),
        ("substring('alphabet' FROM 2 FOR 3)", "lph"),
        ("substr('äöü', 0, 2)", "ä"),
        ("substr('abc', 9)", ""),
        ("position('b' IN 'abc')", "2"),
        ("trim(BOTH 'x' FROM 'xaxx')", "a"),
        ("trim('   ')", ""),
        ("left('äöü', -1)", "äö"),
        ("right('äöü', 2)", "öü"),
        ("split_part('a,b', ',', 5)", ""),
        ("split_part('a,b', ',', -3)", ""),
        ("split_part('a,b', ',', 0)", "NULL"),
        ("upper('straße')", "STRASSE"),
        ("replace('aaa', 'a', '')", ""),
        ("round(-2.5)", "-3"),
        ("round(1250, -2)", "1300"),
        ("greatest(1, 'a'::int, 3)", "3"),
        ("concat(NULL)", ""),
        ("coalesce(NULL, NULL)", "NULL"),
        ("INTERVAL '1 hour 30 minutes'", "5400"),
        ("ceil(2.1) + floor(2.9)", "5"),
        ("sqrt(-1)", "NULL"),
        ("power(10, 400)", "NULL"),
    ] {
        if value(text) != wanted {
            wrong.push(format!("{text} gave {}, not {wanted}", value(text)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_when_of_mixed_classes_give_null_and_are_counted() {
    let arena = b"text{}";
    let row = [
        ("s", Cell::str(0, 4)),
        ("j", Cell::json(4, 2)),
        ("i", Cell::int(5)),
        ("f", Cell::float(2.0)),
        ("b", Cell::bool(true)),
        ("n", Cell::NULL),
        ("t", Cell::time(NOON)),
        ("user.odd name", Cell::int(1)),
    ];
    for (text, wanted, failures) in [
        ("s = 5", "NULL", 1),
        ("i = 'text'", "NULL", 1),
        ("s = i", "NULL", 1),
        ("s < i OR b", "true", 1),
        ("b OR s < i", "true", 0),
        ("i + s", "NULL", 1),
        ("lower(i)", "NULL", 1),
        ("lower(n)", "NULL", 0),
        ("j || ''", "{}", 0),
        ("j = '{}'", "NULL", 1),
        ("j::text = '{}'", "true", 0),
        ("i AND b", "NULL", 1),
        ("i IN ('a', 'b')", "NULL", 1),
        ("s IN ('a', 5)", "NULL", 1),
        ("s IN ('text', 5)", "true", 0),
        ("i / 0", "NULL", 1),
        ("n / 0", "NULL", 0),
        ("i > 1 / 0", "NULL", 1),
        ("left(s, f)", "te", 0),
        ("t + i", "2026-01-05T12:35:01.789Z", 0),
        ("t * i", "NULL", 1),
        ("-t", "NULL", 1),
        ("s::bigint", "NULL", 1),
        ("greatest(i, s, f)", "NULL", 1),
        ("s LIKE n", "NULL", 0),
        ("i LIKE s", "NULL", 1),
        ("user.\"odd name\"", "1", 0),
        ("user['odd name']", "1", 0),
        ("coalesce(n, s, i)", "text", 0),
        ("i IS DISTINCT FROM s", "true", 0),
        ("extract(epoch FROM t - t)", "0", 0),
    ] {
        assert_eq!(run(text, &row, arena), (wanted.to_owned(), failures), "{text}");
    }
}

#[test]
fn mistakes_when_parsed_are_named_with_place_and_help() {
    let mut wrong = Vec::new();
    for (text, code, column, message, help) in [
        ("", "expr.syntax", None, "empty", "condition"),
        ("   ", "expr.syntax", None, "empty", ""),
        ("a = ", "expr.syntax", None, "expected", ""),
        ("a = 'x", "expr.syntax", Some(5), "unterminated", "single quotes"),
        ("a = 1 b", "expr.syntax", Some(7), "'b'", ""),
        ("a == 1", "expr.syntax", Some(3), "'=='", "write ="),
        ("a = 1; b", "expr.syntax", Some(6), "';'", ""),
        ("lowr(a)", "expr.function", Some(1), "no function 'lowr'", "lower(text)"),
        ("1 +\n lowr(a)", "expr.function", Some(6), "'lowr'", ""),
        ("substr(a)", "expr.function", Some(8), "2 to 3 arguments, not 1", "substr(text, start[, count])"),
        ("lower(5)", "expr.type", Some(1), "takes text, not integer", "CAST(5 AS text)"),
        ("lower(a) = 5", "expr.type", Some(1), "text cannot be compared with integer", "CAST"),
        ("length(a) = '5'", "expr.type", Some(1), "", "write 5 without quotes"),
        ("a AND 1", "expr.type", Some(7), "AND takes boolean, not integer", "condition"),
        ("'a' + 'b'", "expr.type", Some(1), "+", "||"),
        ("event_time() > 'noon'", "expr.type", Some(1), "'noon' is not a time", "RFC 3339"),
        ("event_time()::bigint", "expr.type", Some(1), "", "extract(epoch FROM event_time())"),
        ("a::date", "expr.type", Some(1), "DATE", "date_trunc"),
        ("a::varchar(3)", "expr.type", Some(1), "", "left(x, n)"),
        ("coalesce(lower(a), 0)", "expr.type", Some(1), "text and integer", ""),
        ("count(*)", "expr.aggregate", Some(1), "aggregate", "select of a window"),
        ("a = (SELECT 1)", "expr.unsupported", None, "subquery", "IN"),
        ("a IN (SELECT 1)", "expr.unsupported", Some(1), "subquery", ""),
        ("lower(a) OVER ()", "expr.unsupported", Some(1), "window function", "[windows.name]"),
        ("a @> 'x'", "expr.unsupported", Some(1), "operator @>", "->>"),
        ("now()", "expr.function", Some(1), "now", "event_time()"),
        ("current_timestamp", "expr.function", Some(1), "current_timestamp", "event_time()"),
        ("date_trunc('minit', event_time())", "expr.function", Some(1), "'minit'", "'minute'"),
        ("extract(century FROM event_time())", "expr.function", Some(22), "'century'", ""),
        ("a LIKE 'x\\'", "expr.syntax", Some(8), "escape character", "twice"),
        ("INTERVAL '1 month'", "expr.syntax", None, "length of time", "days"),
        ("1e999", "expr.syntax", Some(1), "64-bit float", ""),
        ("lower(DISTINCT a)", "expr.function", Some(1), "not an aggregate", ""),
        ("items[1:2]", "expr.syntax", Some(1), "not a step", "array_slice"),
    ] {
        let e = error(text);
        if (e.code, e.column) != (code, column)
            || !e.message.contains(message)
            || !e.help.as_ref().is_some_and(|h| h.contains(help))
        {
            wrong.push(format!("{text}: {e:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let both = parse("lowr(a) = 1 AND uper(b) = 2").unwrap_err();
    assert_eq!(both.iter().map(|e| e.column).collect::<Vec<_>>(), [Some(1), Some(17)]);
}

#[test]
fn trees_when_asked_tell_paths_types_and_necessary_texts() {
    let tree =
        parse("data.page = 'a' AND tags.env IN ('x', 'y', NULL) AND (k = 'p' OR 'q' = k) AND data.page < 'z'").unwrap();
    let path = FieldPath::dotted;
    assert_eq!(tree.paths(), [path("data.page"), path("tags.env"), path("k")]);
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        tree.string_conjuncts(),
        [(path("data.page"), texts(&["a"])), (path("tags.env"), texts(&["x", "y"])), (path("k"), texts(&["p", "q"])),]
    );
    for none in ["a = 'x' OR b = 'x'", "a NOT IN ('x')", "NOT a = 'x'", "a IN ('x', 5)", "a <> 'x'", "lower(a) = 'x'"] {
        assert_eq!(parse(none).unwrap().string_conjuncts(), [], "{none}");
    }
    for (text, ty) in [
        ("a", Type::Any),
        ("a = 1", Type::Bool),
        ("1 + 1", Type::Int),
        ("1 + 1.0", Type::Float),
        ("a * 2", Type::Number),
        ("a + 2", Type::Any),
        ("event_time() + a", Type::Time),
        ("event_time() - event_time()", Type::Float),
        ("coalesce(NULL, lower(a))", Type::Str),
        ("coalesce(a, 'x')", Type::Any),
        ("CASE WHEN a THEN 1 ELSE 2.5 END", Type::Number),
        ("round(a)", Type::Number),
    ] {
        assert_eq!(parse(text).unwrap().ty(), ty, "{text}");
    }
    assert!(parse("lower('A') || 1").unwrap().is_constant());
    assert!(!parse("event_time() > '2026-01-05T12:00:00Z'").unwrap().is_constant());
    let slot = |text: &str| compile(&parse(text).unwrap(), &mut |_| 3).as_slot();
    assert_eq!((slot("(a)"), slot("a + 0")), (Some(3), None));
}

#[test]
fn names_when_they_are_words_of_sql_are_read_and_written_back() {
    for (text, wanted) in [
        ("timestamp", "timestamp"),
        ("user", "\"user\""),
        ("user.id = 1", "\"user\".id = 1"),
        ("data.user", "data.user"),
        ("source = 'a'", "source = 'a'"),
        ("data.type", "data.type"),
        ("\"@timestamp\"", "\"@timestamp\""),
        ("\"a.b\".c", "\"a.b\".c"),
        ("\"not\"", "\"not\""),
        ("Data.Page", "Data.Page"),
        ("((a))", "a"),
        ("a!=1 and not(b or c)", "a <> 1 AND NOT (b OR c)"),
        ("a - (b - c) - d", "a - (b - c) - d"),
        ("-a::int", "-CAST(a AS bigint)"),
        ("date_part('hours', t)", "date_part('hour', t)"),
        ("user_type", "user_type"),
    ] {
        let shown = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).to_string();
        assert_eq!(shown, wanted);
        assert_eq!(parse(&shown).unwrap().to_string(), wanted);
    }
    for word in sqlparser::keywords::ALL_KEYWORDS {
        let word = word.to_lowercase();
        for text in [
            "@",
            "- @ + @ = @",
            "NOT @ OR @ IN (@, @)",
            "lower(@) LIKE @",
            "@::text",
            "CASE @ WHEN @ THEN @ ELSE @ END",
        ] {
            let tree = parse(&text.replace('@', &format!("\"{word}\""))).unwrap_or_else(|e| panic!("{word}: {e:?}"));
            assert_eq!(parse(&tree.to_string()), Ok(tree.clone()), "{tree}");
        }
    }
    let quoted = parse("\"a.b\".c").unwrap();
    assert_eq!(quoted.paths()[0].steps(), ["a.b", "c"]);
}

#[test]
fn selects_when_parsed_share_their_aggregates() {
    let known = |name: &str| ["count", "avg", "percentile", "min"].contains(&name);
    let select = |text: &str| parse_select(text, &known);
    let rate = select("100.0 * count(*) FILTER (WHERE event_type = 'error') / count(*)").unwrap();
    assert_eq!(rate.aggregates.len(), 2);
    assert!(rate.aggregates[0].star && rate.aggregates[0].filter.is_some());
    assert_eq!(rate.aggregates[0].column, Some(9));
    assert!(rate.aggregates[1].star && rate.aggregates[1].filter.is_none());
    let program = compile_post(&rate.post, &|i| 1 - i);
    let columns = [vec![Cell::int(8)], vec![Cell::int(2)]];
    let (mut arena, mut out) = (Vec::new(), Vec::new());
    program.eval(&Rows { columns: &columns, time: &[0] }, &mut arena, &[0], &mut Scratch::default(), &mut out);
    assert_eq!(show(out[0], &arena), "25");

    let shared = select("CASE WHEN COUNT(*) > 10 THEN avg(data.x) ELSE avg(data.x) / count(*) END").unwrap();
    assert_eq!(shared.aggregates.iter().map(|a| a.function.as_str()).collect::<Vec<_>>(), ["count", "avg"]);
    let distinct = select("count(DISTINCT user_id)").unwrap();
    assert!(distinct.aggregates[0].distinct);
    assert_eq!(distinct.post.to_string(), "aggregate_0");
    let two = select("percentile(data.duration * 2, 0.95)").unwrap();
    assert_eq!(two.aggregates[0].args.iter().map(Tree::to_string).collect::<Vec<_>>(), ["data.duration * 2", "0.95"]);

    for (text, code, help) in [
        ("count(*) + a", "expr.path", "max(a)"),
        ("event_time()", "expr.path", "max(event_time())"),
        ("avg(count(*))", "expr.aggregate", "window of its own"),
        ("cuont(*)", "expr.function", "count"),
        ("percentile(0.5) WITHIN GROUP (ORDER BY x)", "expr.aggregate", "percentile(x, 0.95)"),
        ("avg(x ORDER BY y)", "expr.aggregate", ""),
        ("avg(*, 1)", "expr.aggregate", ""),
        ("count(*) FILTER (WHERE 5)", "expr.type", ""),
    ] {
        let e = select(text).expect_err(text).remove(0);
        assert_eq!(e.code, code, "{text}: {e:?}");
        assert!(e.help.as_ref().is_some_and(|h| h.contains(help)), "{text}: {e:?}");
    }
}

#[test]
fn texts_when_huge_or_deep_are_refused_without_a_crash() {
    let many = |part: &str, n: usize| part.repeat(n);
    for text in [
        format!("{}a{}", many("(", 10_000), many(")", 10_000)),
        format!("{}a", many("(", 100_000)),
        format!("{}a", many("NOT ", 10_000)),
        format!("{}a", many("- ", 10_000)),
        format!("1{}", many(" + 1", 100_000)),
        format!("1{}", many(" + 1", 1_900)),
        format!("1{} +", many(" + 1", 1_900)),
        format!("a{}", many("::int", 1_900)),
        format!("a{}", many(" IS NULL", 900)),
        format!("a{}", many(" LIKE b", 1_900)),
        format!("a{}", many(" = b", 1_900)),
        format!("a{}", many("[1]", 600)),
        format!("{}a{}", many("lower(", 1_900), many(")", 1_900)),
        format!("{}a{}", many("CASE WHEN ", 1_000), many(" THEN 1 END", 1_000)),
        format!("{}a", many("a IN (", 1_000)),
        format!("{}a", many("a BETWEEN ", 1_000)),
        format!("a{}", many(".b", 300_000)),
    ] {
        let e = parse(&text).expect_err(&text[..40]).remove(0);
        assert!(e.code == "expr.depth" || e.code == "expr.syntax", "{}: {e:?}", &text[..40]);
    }
    // what is wide, not deep, is fine
    let wide = (0..900).map(|i| format!("a = {i}")).collect::<Vec<_>>().join(" OR ");
    assert_eq!(run(&wide, &[("a", Cell::int(899))], &[]).0, "true");
    let list = (0..9_000).map(|i| format!("'k{i}'")).collect::<Vec<_>>().join(", ");
    let arena = b"k8999";
    assert_eq!(run(&format!("a IN ({list})"), &[("a", Cell::str(0, 5))], arena).0, "true");
    assert_eq!(run(&format!("a IN ({list})"), &[("a", Cell::str(0, 4))], arena).0, "true");
    assert_eq!(run(&format!("a NOT IN ({list})"), &[("a", Cell::str(1, 4))], arena).0, "true");
    assert!(parse(&many("(", 30)).is_err());
    assert_eq!(value(&format!("{}1{}", many("(", 30), many(")", 30))), "1");
}

#[test]
fn memory_when_warm_is_not_allocated_again() {
    let tree =
        parse("CASE WHEN a = 'x' OR coalesce(b, 1) > 2 AND a IN ('x', b) THEN upper(a) ELSE a || 'y' END").unwrap();
    let program = compile(&tree, &mut |p| usize::from(p.to_string() == "b"));
    let columns = [vec![Cell::str(0, 1); 100], vec![Cell::int(3); 100]];
    let rows = Rows { columns: &columns, time: &[0; 100] };
    let sel: Vec<u32> = (0..100).collect();
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut pools = || {
        let mut arena = b"x".to_vec();
        program.eval(&rows, &mut arena, &sel, &mut scratch, &mut out);
        scratch.pooled()
    };
    let first = pools();
    assert_eq!(first, pools());
    assert_eq!(first, pools());
}
