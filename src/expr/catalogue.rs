//! The wider library by example: what the one line of a function in the reference leaves open.

use super::tests::{error, run, value};
use super::{functions, parse};
use crate::event::Cell;

#[test]
fn lists_when_read_have_unique_names_and_few_arguments() {
    let mut seen = std::collections::BTreeSet::new();
    for f in functions() {
        assert!(seen.insert(f.name), "{} is there twice", f.name);
        f.aliases.iter().for_each(|a| assert!(seen.insert(a), "{a} is there twice"));
        if matches!(f.code, super::function::Code::Scalar(_) | super::function::Code::Regex(..)) {
            assert!(f.most <= super::eval::MAX_ARGUMENTS, "{}", f.name);
        }
        assert!(f.least <= f.most && (f.most == 0 || !f.args.is_empty()), "{}", f.name);
    }
    assert!(seen.len() > 110);
}

#[test]
fn expressions_of_the_library_give_these_values() {
    let mut wrong = Vec::new();
    for (text, wanted) in [
        ("'abc' ~ '^a.c$'", "true"),
        ("'ABC' ~ 'b'", "false"),
        ("'ABC' ~* 'b'", "true"),
        ("'ABC' !~ 'b'", "true"),
        ("NULL::text !~* 'b'", "NULL"),
        ("regexp_replace('aaa', 'a', 'b')", "baa"),
        ("regexp_replace('äb', '', '-', 'g')", "-ä-b-"),
        // an empty match right after another match is none, as regexp_count counts
        ("regexp_replace('abc', 'b*', '-', 'g')", "-a-c-"),
        ("regexp_count('abc', 'b*')", "3"),
        ("regexp_replace('x=1', '(\\w)=(\\d)', '\\2=\\1')", "1=x"),
        ("regexp_substr('ab12', '[0-9]+')", "12"),
        ("regexp_substr('ab12', 'x')", "NULL"),
        ("regexp_substr('ab12', '(a)(b)', 2)", "b"),
        ("regexp_substr('ab12', '(a)', 7)", "NULL"),
        ("regexp_substr('ac', 'a(b)?c')", "NULL"),
        ("repeat('x', 70000)", "NULL"),
        ("repeat('', 9223372036854775807)", ""),
        ("length(lpad('a', 65536))", "65536"),
        ("lpad('a', 9223372036854775807)", "NULL"),
        ("rpad('abc', 2)", "ab"),
        ("lpad('abc', -1)", ""),
        ("overlay('abcdef' PLACING 'X' FROM 2 FOR 3)", "aXef"),
        ("encode('ä', 'hex')", "c3a4"),
        ("length(encode(repeat('a', 32768), 'hex'))", "65536"),
        ("encode(repeat('a', 32769), 'hex')", "NULL"),
        ("url_encode(repeat('/', 21846))", "NULL"),
        ("decode('c3a4', 'hex')", "ä"),
        ("decode('c3', 'hex')", "NULL"),
        ("decode('YQ', 'base64')", "a"),
        ("decode('YQ==', 'base64')", "a"),
        ("decode('YQ=', 'base64')", "NULL"),
        ("decode('Y', 'base64')", "NULL"),
        ("decode('', 'base64')", ""),
        ("encode('abcd', 'base64')", "YWJjZA=="),
        ("md5('')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("hash(1) = hash('1')", "true"),
        ("hash('')", "-3750763034362895579"),
        ("url_host('/only/a/path')", "NULL"),
        ("url_host('http://u:p@example.org/x')", "example.org"),
        ("url_host('http://[::1]:80/')", "[::1]"),
        ("url_path('/a/b?x')", "/a/b"),
        ("url_host('/to/https://other.example/x')", "NULL"),
        ("url_path('/to/https://other.example/x')", "/to/https://other.example/x"),
        ("url_host('a b://h/x')", "NULL"),
        ("url_host('git+ssh://h.example/x')", "h.example"),
        ("url_path('http://h')", ""),
        ("url_parameter('http://h/?a=%C3%A4&b', 'a')", "ä"),
        ("url_parameter('http://h/?a=1&b', 'b')", ""),
        ("url_parameter('http://h/?a=1', 'c')", "NULL"),
        ("log(2, 8)", "3"),
        ("ln(0)", "NULL"),
        ("asin(2)", "NULL"),
        // to ten places, by another library of mathematics
        ("round(exp(1.5), 10)", "4.4816890703"),
        ("round(ln(10), 10)", "2.302585093"),
        ("round(log(50), 10)", "1.6989700043"),
        ("round(log(3, 7), 10)", "1.7712437492"),
        ("round(log2(10), 10)", "3.3219280949"),
        ("round(power(2.5, 1.5), 10)", "3.9528470752"),
        ("round(cbrt(10), 10)", "2.15443469"),
        ("round(sin(1), 10)", "0.8414709848"),
        ("round(cos(1), 10)", "0.5403023059"),
        ("round(tan(1), 10)", "1.5574077247"),
        ("round(asin(0.5), 10)", "0.5235987756"),
        ("round(acos(0.5), 10)", "1.0471975512"),
        ("round(atan(0.5), 10)", "0.463647609"),
        ("round(atan2(-1, -2), 10)", "-2.6779450446"),
        ("round(sinh(1), 10)", "1.1752011936"),
        ("round(cosh(1), 10)", "1.5430806348"),
        ("round(tanh(1), 10)", "0.761594156"),
        ("round(degrees(1), 10)", "57.2957795131"),
        ("round(radians(1), 10)", "0.0174532925"),
        ("5 & 3 | 8", "9"),
        ("5 # 1", "4"),
        ("~5", "-6"),
        ("1 << 64", "NULL"),
        ("2 ^ 3", "8"),
        ("lcm(9223372036854775807, 2)", "NULL"),
        ("width_bucket(10, 10, 0, 5)", "1"),
        ("width_bucket(-1, 0, 10, 5)", "0"),
        ("width_bucket(1, 1, 1, 5)", "NULL"),
        ("width_bucket(1e308, -1.5e308, 1.5e308, 4)", "4"),
        // daylight saving: clocks in Berlin were set forward on 2026-03-29 and back on 2026-10-25
        ("date_trunc('day', TIMESTAMP '2026-03-29T12:00:00Z', 'Europe/Berlin')", "2026-03-28T23:00:00Z"),
        (
            "date_add('day', 1, date_trunc('day', TIMESTAMP '2026-03-29T12:00:00Z', 'Europe/Berlin'), 'Europe/Berlin')",
            "2026-03-29T22:00:00Z",
        ),
        ("date_trunc('hour', TIMESTAMP '2026-10-25T01:30:00Z', 'Europe/Berlin')", "2026-10-25T01:00:00Z"),
        ("date_trunc('hour', TIMESTAMP '2026-01-01T00:10:00Z', 'Asia/Kolkata')", "2025-12-31T23:30:00Z"),
        // half an hour is set back at 15:00 UTC: the clocks show 1:30 to 2:00 twice
        ("date_trunc('hour', TIMESTAMP '2026-04-04T15:10:00Z', 'Australia/Lord_Howe')", "2026-04-04T14:00:00Z"),
        ("date_part('hour', TIMESTAMP '2026-07-01T12:00:00Z', 'Europe/Berlin')", "14"),
        ("extract(hour FROM TIMESTAMP '2026-07-01T12:00:00Z' AT TIME ZONE 'Europe/Berlin')", "14"),
        ("from_local(TIMESTAMP '2026-03-29T02:30:00Z', 'Europe/Berlin')", "2026-03-29T01:30:00Z"),
        ("from_local(TIMESTAMP '2026-10-25T02:30:00Z', 'Europe/Berlin')", "2026-10-25T00:30:00Z"),
        ("date_diff('day', TIMESTAMP '2026-01-04T22:30:00Z', TIMESTAMP '2026-01-04T23:30:00Z', 'Europe/Berlin')", "1"),
        ("date_diff('month', TIMESTAMP '2026-03-01', TIMESTAMP '2025-12-31')", "-3"),
        ("date_add('year', -1, TIMESTAMP '2024-02-29')", "2023-02-28T00:00:00Z"),
        ("date_add('month', 9223372036854775807, event_time())", "NULL"),
        ("date_add('hour', 2, TIMESTAMP '2026-01-01')", "2026-01-01T02:00:00Z"),
        ("date_bin(0, event_time())", "NULL"),
        ("date_bin(3600, TIMESTAMP '2026-01-01T00:20:00Z', TIMESTAMP '1970-01-01T00:30:00Z')", "2025-12-31T23:30:00Z"),
        ("make_timestamp(2026, 2, 29, 0, 0, 0)", "NULL"),
        ("make_timestamp(2024, 2, 29, 23, 59, 59.5)", "2024-02-29T23:59:59.500Z"),
        ("strptime('2026-01-05', '%Y-%m-%d')", "2026-01-05T00:00:00Z"),
        ("strptime('2026-01-05T12:00:00+0200', '%Y-%m-%dT%H:%M:%S%z')", "2026-01-05T10:00:00Z"),
        ("strptime('soon', '%Y')", "NULL"),
        ("'{\"a\": {\"b\": [1, \"x\"]}}'::json -> 'a' -> 'b' -> 1", "x"),
        ("'{\"a\": {\"b\": [1, \"x\"]}}'::json ->> 'a'", "{\"b\": [1, \"x\"]}"),
        ("'{\"a\": {\"b\": [1, \"x\"]}}'::json #>> '{a,b,0}'", "1"),
        ("'{\"a\": 1, \"a\": 2}'::json -> 'a'", "2"),
        ("'{\"\\u00e4\": 1}'::json -> 'ä'", "1"),
        ("'[1]'::json -> 'a'", "NULL"),
        ("'[1, null]'::json -> 1", "NULL"),
        ("'{'::json", "NULL"),
        ("json_type('null')", "null"),
        ("json_type(' 5 ')", "number"),
        ("parse_json('\"a\\nb\"')", "a\nb"),
        ("2 = ANY('[1, 2.0]')", "true"),
        ("array_contains('[null]', 1)", "false"),
        ("array_position('[]', 1)", "NULL"),
        ("array_get('[1]', 0)", "NULL"),
        ("array_max('[1, \"a\"]')", "NULL"),
        ("array_min('[null]')", "NULL"),
        ("array_sum('[9223372036854775807, 1]')", "NULL"),
        ("array_sort('[null, \"b\", 2, true, \"a\", -0.0, 0]')", "[true,-0.0,0,2,\"a\",\"b\",null]"),
        ("array_slice('[1, 2]', -5, 1)", "[1]"),
        ("concat_ws(',', NULL, NULL)", ""),
        ("concat_ws(NULL, 'a')", "NULL"),
        ("TRY_CAST('x' AS bigint)", "NULL"),
    ] {
        let found = value(text);
        if found != wanted {
            wrong.push(format!("{text} gave {found}, not {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_that_are_arrays_are_reached_by_place_and_name() {
    let arena = br#"[{"n":"x","l":[1,2]},{"n":"y"}]"#;
    let row = [("data.items", Cell::json(0, arena.len() as u32)), ("i", Cell::int(2))];
    for (text, wanted) in [
        ("data.items[1].n", "x"),
        ("data.items[2].n", "y"),
        ("data.items[i].n", "y"),
        ("data.items[1].l[2]", "2"),
        ("data.items[-1]['n']", "y"),
        ("data.items[9].n", "NULL"),
        ("array_length(data.items)", "2"),
        ("data.items -> 0 ->> 'n'", "x"),
    ] {
        assert_eq!(run(text, &row, arena).0, wanted, "{text}");
    }
    assert_eq!(run("array_length(i)", &row, arena), ("NULL".to_owned(), 1));
}

#[test]
fn mistakes_in_calls_of_the_library_are_named() {
    let mut wrong = Vec::new();
    for (text, code, message, help) in [
        ("a ~ '('", "expr.pattern", "'('", "Perl"),
        ("a ~ b", "expr.function", "literals", "contains"),
        ("regexp_like(a, 'x', 'q')", "expr.pattern", "flag 'q'", ""),
        ("a ~ '(\\pL{1000}){1000}'", "expr.pattern", "too large", ""),
        ("event_time() AT TIME ZONE 'Europe/Berlln'", "expr.zone", "Berlln", "'Europe/Berlin'"),
        ("date_trunc('day', event_time(), 'Tokyo')", "expr.zone", "Tokyo", "'Asia/Tokyo'"),
        ("to_local(event_time(), zone)", "expr.function", "literal", "Europe/Berlin"),
        ("strftime(event_time(), '%Y %!')", "expr.function", "not a format", "%Y"),
        ("date_add('mnth', 1, event_time())", "expr.function", "'mnth'", "'month'"),
        ("encode(a, 'base65')", "expr.function", "base65", "base64"),
        ("array_length(5)", "expr.type", "takes JSON, not integer", "array"),
        ("sin('a')", "expr.type", "takes number, not text", "CAST"),
        ("json_keys(a) = 5", "expr.type", "JSON cannot be compared with integer", ""),
        ("random()", "expr.function", "random", "hash"),
        ("to_char(event_time(), 'YYYY')", "expr.function", "to_char", "strftime"),
        ("levenstein(a, b)", "expr.function", "levenstein", "levenshtein(a, b)"),
        ("width_bucket(1, 2)", "expr.function", "4 arguments, not 2", "width_bucket(x, low, high, n)"),
    ] {
        let e = error(text);
        if e.code != code || !e.message.contains(message) || !e.help.as_ref().is_some_and(|h| h.contains(help)) {
            wrong.push(format!("{text}: {e:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(parse(&format!("a{}", "[1]".repeat(200))).is_err());
}

#[test]
fn formats_in_fields_when_wrong_give_null_and_are_counted() {
    for format in ["%!", "%", "%Y %", "%zz%c3%A4%", "%:", "%9"] {
        let row = [("format", Cell::str(0, format.len() as u32))];
        let found = run("strftime(event_time(), format)", &row, format.as_bytes());
        assert_eq!(found, ("NULL".to_owned(), 1), "{format}");
        let found = run("strptime('2026-01-05', format)", &row, format.as_bytes());
        assert_eq!(found, ("NULL".to_owned(), 1), "{format}");
    }
    let long = "%Y".repeat(200);
    let row = [("format", Cell::str(0, long.len() as u32))];
    assert_eq!(run("strftime(event_time(), format)", &row, long.as_bytes()), ("NULL".to_owned(), 1));
}
