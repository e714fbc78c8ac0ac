//! Edge cases of the decoder, each against the oracle at every SIMD level.

use super::*;

#[test]
fn lines_are_read_as_serde_json_reads_them() {
    let good = [
        r#"{"ts":1}"#,
        r#"{"ts":1.5,"a":"x","b":true,"data":{"x":1,"y":{"z":null}}}"#,
        r#" { "ts" : 1767614400.123 , "a" : "" , "data" : { "x" : [ 1 , { } , [ ] ] , "y" : [ ] } } "#,
        r#"{"ts":1,"a":-0,"b":-0.0,"data":{"x":9223372036854775807,"y":{"z":9223372036854775808}}}"#,
        r#"{"ts":1,"a":-9223372036854775808,"b":-9223372036854775809,"data":{"x":18446744073709551616}}"#,
        r#"{"ts":1,"a":0.1,"b":123456789.123456,"data":{"x":12345678901234567.5,"y":{"z":1e22}}}"#,
        r#"{"ts":1,"a":5e-324,"b":1.7976931348623157e308,"data":{"x":1e-400,"y":{"z":0e999999}}}"#,
        r#"{"ts":1,"a":123456789012345,"b":1234567890123456,"data":{"x":99999999999999.9,"y":{"z":0.000000000000001}}}"#,
        r#"{"ts":1,"a":2.2250738585072011e-308,"b":9007199254740993,"data":{"x":9007199254740993.0}}"#,
        r#"{"ts":1,"a":"\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00","b":"\\","data":"\\\""}"#,
        r#"{"ts":1,"\u0061":"escaped key","d\u0061ta":{"\u0078":"y"}}"#,
        r#"{"ts":1,"a":1,"a":"last","data":{"x":1},"data":{"y":{"z":2}}}"#,
        r#"{"ts":1,"data":{"x":1},"data":7}"#,
        r#"{"ts":1,"ts":2,"data":{"y":{"z":1},"y":{}}}"#,
        r#"{"ts":1,"a":"é漢😀","b":{"é":"漢"},"data":["😀"]}"#,
        r#"{"ts":1e0,"a":[[[[1,2],3],4],5],"b":{"data":{"x":1}}}"#,
        r#"{"ts":1,"long_key_of_more_than_sixteen_bytes":1}"#,
        r#"{"ts":1,"long_key_of_more_than_sixteen_bytex":1}"#,
        r#"{"ts":1,"":"","a.b":1,"ab":2,"dat":3,"data ":4,"dataa":5}"#,
        "{\"ts\":1,\"a\":\"\u{7f}\"}\r",
        "\t{\t\"ts\"\t:\t1\t}\t\r",
    ];
    let bad = [
        "",
        " ",
        "\t \r",
        "null",
        "1",
        "\"a\"",
        "[]",
        "[{\"ts\":1}]",
        "{",
        "}",
        "{}",
        "{\"ts\"}",
        "{\"ts\":}",
        "{\"ts\":1",
        "{\"ts\":1}}",
        "{\"ts\":1},",
        "{\"ts\":1}{}",
        "{\"ts\":1,}",
        "{,\"ts\":1}",
        "{\"ts\":1 \"a\":2}",
        "{\"ts\":1,\"a\":01}",
        "{\"ts\":1,\"a\":1.}",
        "{\"ts\":1,\"a\":.5}",
        "{\"ts\":1,\"a\":+1}",
        "{\"ts\":1,\"a\":-}",
        "{\"ts\":1,\"a\":1e}",
        "{\"ts\":1,\"a\":1e999}",
        "{\"ts\":1,\"a\":-1e999}",
        "{\"ts\":1,\"a\":1.2.3}",
        "{\"ts\":1,\"a\":1a}",
        "{\"ts\":1,\"a\":1 2}",
        "{\"ts\":1,\"a\":1\"b\"}",
        "{\"ts\":1,\"a\":\"b\"1}",
        "{\"ts\":1,\"a\":tru}",
        "{\"ts\":1,\"a\":truee}",
        "{\"ts\":1,\"a\":falsy}",
        "{\"ts\":1,\"a\":nul}",
        "{\"ts\":1,\"a\":nulll}",
        "{\"ts\":1,\"a\":TRUE}",
        "{\"ts\":1,\"a\":NaN}",
        "{\"ts\":1,\"a\":fals}",
        "{\"ts\":1,\"a\":[1,]}",
        "{\"ts\":1,\"a\":[,1]}",
        "{\"ts\":1,\"a\":[1}",
        "{\"ts\":1,\"a\":{]}",
        "{\"ts\":1,\"a\":[1 2]}",
        "{\"ts\":1,\"a\":\"\t\"}",
        "{\"ts\":1,\"a\":\"\0\"}",
        "{\"ts\":1,\"a\":\"\\x\"}",
        "{\"ts\":1,\"a\":\"\\u12g4\"}",
        "{\"ts\":1,\"a\":\"\\ud800\"}",
        "{\"ts\":1,\"a\":\"\\udc00\"}",
        "{\"ts\":1,\"a\":\"\\\"}",
        "{\"ts\":1,\"a\":\"b}",
        "{\"ts\":1,\"a\":b\"}",
        "{\"ts\":1,'a':1}",
        "{ts:1}",
        "{\"ts\":1,\"a\":\"b\"\"c\"}",
        "{\"ts\":1,\"a\"\"b\":1}",
        "{\"ts\":1}\\",
        "{\"ts\":1,\"a\":\\\"b\\\"}",
        "{\"ts\":1,\"a\":1\u{c}}",
        "{\"ts\":1,\u{b}\"a\":1}",
        "\u{feff}{\"ts\":1}",
        "{\"ts\":1,\"a\":\u{a0}1}",
        "{\"ts\":\"1\"}",
        "{\"ts\":null}",
        "{\"ts\":true}",
        "{\"ts\":[1]}",
        "{\"ts\":{\"a\":1}}",
        "{\"a\":1}",
        "{\"ts\":1e300}",
        "{\"ts\":253402300800}",
        "{\"ts\":-62135596801}",
        "\u{c}",
        "{\"ts\":1 }\u{c}",
    ];
    let setup = usual();
    for line in good.iter().chain(&bad) {
        agree(&setup, line.as_bytes());
    }
    for line in good {
        assert_eq!(oracle(&setup, line.as_bytes()).rejects, vec![], "{line}");
    }
    // Each bad line between good ones, and all of them in one block.
    let all = good.iter().flat_map(|g| bad.iter().map(move |b| format!("{g}\n{b}\n{g}\r\n")));
    let mut block = all.collect::<Vec<_>>().concat().into_bytes();
    for broken in
        [&b"{\"ts\":1,\"a\":\"\xff\"}\n"[..], b"{\"ts\":1,\"a\":\"\xc3\"}\n", b"\xc3\n\xa9\n", b"{\"ts\":1\xff}\n"]
    {
        block.extend_from_slice(broken);
        block.extend_from_slice(good[14].as_bytes());
        block.push(b'\n');
    }
    agree(&setup, &block);
}

#[test]
fn times_of_every_unit_are_read_or_refused() {
    for (_, unit) in TimeUnit::ALL {
        let mut block = Vec::new();
        for text in [
            "0",
            "-0",
            "1767614400.123",
            "1767614400123",
            "1767614400123456",
            "1767614400123456789",
            "-1.5",
            "1.5e3",
            "1767614400.1234567890123",
            "-0.00000049",
            "1E-7",
            "99999999999999999999",
            "0.0",
            "123456789012.345",
            "253402300799.999999",
            "253402300799999999",
            "-62135596800000000.9",
            "1e18",
            "\"2026-01-05T12:00:00.5Z\"",
            "\"2026-01-05T13:00:00+01:00\"",
            "\"2026-01-05T12:00:00\\u005a\"",
            "\"x\"",
            "\"\"",
            "null",
            "false",
            "{}",
        ] {
            block.extend_from_slice(format!("{{\"ts\":{text},\"a\":{text}}}\n").as_bytes());
        }
        agree(&Setup::new(&["a", "ts"], "ts", unit), &block);
        agree(&Setup::new(&["a"], "x.ts", unit), &block);
    }
}

#[test]
fn depth_is_limited_as_serde_json_limits_it() {
    for depth in [1, 40, 63, 64, 65, 125, 126, 127, 128, 129, 1_000] {
        let arrays = format!("{{\"ts\":1,\"a\":{}{}}}\n", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let objects = format!("{{\"ts\":1,\"a\":{}1{}}}\n", "{\"a\":".repeat(depth - 1), "}".repeat(depth - 1));
        agree(&Setup::new(&["a", "a.a"], "ts", TimeUnit::Micros), (arrays + &objects).as_bytes());
    }
}

#[test]
fn long_lines_and_window_edges_are_read() {
    let setup = usual();
    for len in [10, 1_000, 16_300, 16_384, 20_000, 60_000, 65_472, 70_000, 200_000] {
        let mut block = Vec::new();
        for (i, fill) in ["x", "é", "\\n"].iter().enumerate() {
            for _ in 0..3 {
                block.extend_from_slice(
                    format!("{{\"ts\":{i},\"a\":\"{}\",\"b\":1}}\n", fill.repeat(len / fill.len())).as_bytes(),
                );
            }
            block.extend_from_slice(format!("{{\"ts\":1,\"a\":[{}1]}}\n", "1,".repeat(len / 2)).as_bytes());
            block.extend_from_slice(format!("{}\n", " ".repeat(len)).as_bytes());
            block.extend_from_slice(format!("\"{}\n", "\\\"".repeat(len)).as_bytes());
        }
        agree(&setup, &block);
        agree(&setup, &block[..block.len() - 1]);
    }
}

#[test]
fn many_shapes_do_not_grow_the_cache_or_change_a_line() {
    let setup = usual();
    let mut block = Vec::new();
    for round in 0..6 {
        for i in 0..700 {
            let line =
                format!("{{\"ts\":{i},\"k{}\":1,\"a\":{},\"b\":{}}}\n", i % 350, ["1", "null", "\"s\""][i % 3], round);
            block.extend_from_slice(line.as_bytes());
        }
    }
    agree(&setup, &block);
}

#[test]
fn a_prefilter_keeps_only_what_it_allows_and_counts_the_rest() {
    let mut setup = usual();
    setup.prefilter =
        Some(Prefilter { slot: 0, allowed: vec!["yes".into(), "a \"longer\" text than 16".into(), "é".into()] });
    let mut block = Vec::new();
    for a in [
        r#""yes""#,
        r#""no""#,
        r#""a \"longer\" text than 16""#,
        r#""\u00e9""#,
        r#""é""#,
        "1",
        "null",
        "{}",
        r#""yesx""#,
        r#""ye""#,
    ] {
        for ts in [5, 3, 9] {
            block.extend_from_slice(
                format!("{{\"ts\":{ts},\"a\":{a},\"b\":\"x\"}}\n{{\"ts\":{ts},\"a\":{a},\"b\":tru}}\n").as_bytes(),
            );
        }
        block.extend_from_slice(format!("{{\"ts\":1,\"\\u0061\":{a}}}\n{{\"ts\":20}}\n").as_bytes());
    }
    agree(&setup, &block);
    assert!(oracle(&setup, &block).rows.len() > 10);
}

#[test]
fn an_empty_block_gives_nothing() {
    agree(&usual(), b"");
    agree(&usual(), b"\n\n \r\n");
}

#[test]
fn rejects_say_where_and_why() {
    let setup = usual();
    let mut decoder = setup.decoder(SimdLevel::detect());
    let block = b"{\"ts\":1}\n{\"ts\":1,\"a\":x}\n{\"ts\":\"1\"}\n";
    let (_, rejects) = decode(&mut decoder, setup.paths.len(), block, 0, b"");
    let [syntax, time] = rejects[..] else { panic!("two rejects: {rejects:?}") };
    assert_eq!(syntax, Reject { offset: 9, len: 14, reason: RejectReason::Syntax, column: 13 });
    assert_eq!((time.reason, time.column), (RejectReason::TimeType, 8));
    assert!(explain(b"{\"ts\":1,\"a\":x}", syntax.reason).contains("expected value"));
    let codes: std::collections::BTreeSet<_> = RejectReason::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), RejectReason::ALL.len());
    for (i, reason) in RejectReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, i);
        assert!(!explain(b"x", reason).is_empty());
    }
}

#[test]
fn backslashes_at_every_place_of_a_step_are_read() {
    // Taken for the end of the string, the quote after an odd number of backslashes makes a line that looks good.
    let mut block = Vec::new();
    for pad in 0..140 {
        for backslashes in 0..6 {
            let text = "x".repeat(pad) + &"\\".repeat(backslashes);
            block.extend_from_slice(format!("{{\"ts\":1,\"a\":\"{text}\",\"b\":\"x\"}}\n").as_bytes());
        }
    }
    let setup = usual();
    agree(&setup, &block);
    assert_eq!(oracle(&setup, &block).rejects.len(), 140 * 3);
}

#[test]
fn known_shapes_are_followed_and_read_as_without_tracks() {
    let setup = plain();
    let mut block = String::new();
    for i in 0..3_000u64 {
        let text = "x".repeat((i * 7 % 150) as usize);
        let time = format!("{}.{}", 1_767_614_400 + i, "1234567".get(..(i % 8) as usize).unwrap_or("0"));
        let time = time.trim_end_matches('.');
        let line = match i % 7 {
            0 => format!(r#"{{"ts": {time}, "a": "{text}", "b": {}, "z": [1, {{"q": "{text}"}}]}}"#, i % 3 == 0),
            1 => format!(r#"{{"a":"a","ts":{time},"data":{{"x":{i},"y":{{"z":"{text}"}}}},"b":null}}"#),
            2 => format!(r#"{{"a":"a","ts":{time},"data":{{"x":-{i}.5e1,"y":{{"z":""}}}},"b":"{text}"}}"#),
            3 => format!(r#"{{ "long_key_of_more_than_sixteen_bytes" : {i}0123456789, "ts" : {time} }}"#),
            4 => format!(
                r#"{{"ts":{time},"a":"é{text}","other_key_that_is_very_long_indeed_and_goes_on_and_on":"{i}"}}"#
            ),
            5 => format!(r#"{{"ts":{time},"a":"{text}\n"}}"#),
            _ => format!(r#"{{"ts":{time},"a":"a","a":{i}}}"#),
        };
        block += &line;
        block.push('\n');
    }
    let broken = block.replace("99.5", "99,5").replace("true", "tru").replace("77}", "077}");
    for text in [&block, &broken] {
        let want = oracle(&setup, text.as_bytes());
        for level in LEVELS {
            let mut decoder = setup.decoder(level);
            for _ in 0..2 {
                assert_eq!(decode(&mut decoder, setup.paths.len(), text.as_bytes(), 1, b"").0, want);
            }
            assert!(decoder.has_tracks());
            let mut decoder = setup.decoder(level).without_tracks();
            assert_eq!(decode(&mut decoder, setup.paths.len(), text.as_bytes(), 1, b"").0, want);
            assert!(!decoder.has_tracks());
        }
    }
}

/// Decodes `first` until its shapes are known, then `then`, which is to be read as by the oracle.
fn agree_once_known(setup: &Setup, first: &str, then: &str) {
    let want = oracle(setup, then.as_bytes());
    for level in LEVELS {
        let mut decoder = setup.decoder(level);
        for _ in 0..3 {
            decode(&mut decoder, setup.paths.len(), first.as_bytes(), 0, b"");
        }
        assert!(decoder.has_tracks());
        assert_eq!(decode(&mut decoder, setup.paths.len(), then.as_bytes(), 1, b"").0, want, "{level:?}");
    }
}

#[test]
fn a_prefilter_along_tracks_looks_at_the_whole_text() {
    let texts = ["a", "ab", "", "b", "user_action", "user_actions", "a text of more than thirty-two bytes in all", "x"];
    let lines = |n: u64| -> String {
        (0..n).map(|i| format!("{{\"ts\":{i},\"a\":\"{}\",\"b\":{i}}}\n", texts[(i * i % 8) as usize])).collect()
    };
    for allowed in [vec!["a"], vec!["", "ab"], vec![], vec!["user_action", texts[6]], vec!["user_action", "x"]] {
        let allowed = allowed.into_iter().map(String::from).collect();
        let setup = Setup { prefilter: Some(Prefilter { slot: 0, allowed }), ..plain() };
        agree_once_known(&setup, &lines(8), &lines(700));
    }
}

#[test]
fn a_line_that_ends_in_a_text_takes_nothing_of_the_next_one() {
    let first = "{\"ts\":1,\"a\":\"x\"}\n{\"a\":\"x\",\"ts\":1}\n".repeat(3);
    // The second line of each pair goes on where the first one breaks off, as in a single one.
    let then = "{\"ts\":1,\"a\":\"x\n\"}\n{\"a\":\"x\n\",\"ts\":1}\n{\"ts\":2,\"a\":\"y\"}\n".repeat(5);
    agree_once_known(&plain(), &first, &then);
    assert_eq!(oracle(&plain(), then.as_bytes()).rejects.len(), 20);
}

#[test]
fn times_of_a_format_are_read_alike_on_every_way() {
    let log = Setup { log_time: true, ..Setup::new(&["a", "b"], "at", TimeUnit::Seconds) };
    let times = [
        "\"10/Oct/2000:13:55:36 -0700\"",
        "\"05/Jan/2026:12:00:00 +0000\"",
        "\"31/Feb/2026:12:00:00 +0000\"",
        "\"05\\/Jan\\/2026:12:00:00 +0130\"",
        "\"05/Jan/2026:12:00:00\"",
        "\"2026-01-05T12:00:00Z\"",
        "1767614400",
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
    ];
    let mut block = String::new();
    for round in 0..6 {
        for (i, time) in times.iter().enumerate() {
            block.push_str(&format!("{{\"a\": {i}, \"at\": {time}, \"b\": \"text {round}\"}}\n"));
        }
        // Many of one shape, so that there are templates and tracks.
        (0..20).for_each(|i| {
            block.push_str(&format!(
                "{{\"a\": {i}, \"at\": \"{:02}/Mar/2026:12:00:0{round} +0000\", \"b\": \"x\"}}\n",
                i + 1
            ));
        });
    }
    agree(&log, block.as_bytes());
}
