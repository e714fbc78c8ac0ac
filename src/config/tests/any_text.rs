//! Text that no one meant as a pipeline file: no panic, no endless loop, problems in order, and right files stay right.

use super::*;
use proptest::prelude::*;

fn env(name: &str) -> Option<String> {
    (name.len() < 3).then(|| "5s\"]=".into())
}

/// 2000 cases, or PROPTEST_CASES.
fn cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(2000),
    }
}

/// Whatever the text: the problems are sorted, point into the file, and errors are said where nothing was read.
fn survives(text: &str, flags: &[String]) {
    let (config, problems) = parse("x.toml", text, flags, &env);
    let lines = text.lines().count().max(1);
    assert!(problems.list.is_sorted_by_key(|problem| problem.line), "{problems}");
    assert!(problems.list.iter().all(|problem| problem.line <= lines), "{problems}");
    assert!(problems.list.iter().all(|problem| !problem.text.contains('\n')), "{problems}");
    match config {
        Some(config) => {
            fingerprint(&config);
        }
        None => assert!(problems.has_errors()),
    }
}

/// Pieces that make text look like a pipeline file.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\n",
        "\r\n",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "#",
        "$",
        "${",
        "}",
        ":-",
        "\\",
        "-",
        "name",
        "run",
        "sources",
        "streams",
        "windows",
        "sinks",
        "patterns",
        "events",
        "type",
        "path",
        "time",
        "field",
        "unit",
        "size",
        "slide",
        "from",
        "select",
        "group_by",
        "where",
        "set",
        "tick",
        "max_line",
        "rate",
        "users",
        "start",
        "\"file\"",
        "\"stdin\"",
        "\"generate\"",
        "\"10s\"",
        "\"3s\"",
        "\"0s\"",
        "\"${A}\"",
        "\"${LONG}\"",
        "\"1MiB\"",
        "\"events\"",
        "0",
        "-1",
        "1e999",
        "nan",
        "-inf",
        "0x7fffffffffffffffffffffffffffffff",
        "1.5",
        "true",
        "1979-05-27",
        "07:32:00",
        "1979-05-27T07:32:00Z",
        "ä",
        "\u{0}",
        "\u{feff}",
        " ",
        "\t",
        "[sources.events]\ntype = \"generate\"\n",
        "[windows.w]\nfrom = \"events\"\nsize = \"10s\"\n",
        "[streams.events]\nfrom = \"events\"\n",
        "[sinks.s]\ntype = \"file\"\n",
        "[patterns.p]\nfrom = \"events\"\nmatch = \"a -> b\"\n",
        "match",
        "skip",
        "within_step",
        "define",
    ];
    prop_oneof![8 => proptest::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn text_of_any_pieces_never_panics(pieces in prop::collection::vec(piece(), 0..60), flag in prop::collection::vec(piece(), 0..8)) {
        survives(&pieces.concat(), &[flag.concat()]);
    }

    #[test]
    fn a_good_file_with_random_edits_never_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, piece()), 1..8),
        which in any::<bool>(),
    ) {
        let base = if which { GOOD } else { include_str!("../../../examples/shop.toml") };
        let mut chars: Vec<char> = base.chars().collect();
        for (at, cut, piece) in edits {
            let start = at.index(chars.len() + 1);
            let end = (start + cut).min(chars.len());
            chars.splice(start..end, piece.chars());
        }
        survives(&chars.into_iter().collect::<String>(), &[]);
    }

    #[test]
    fn a_value_of_any_type_in_any_place_never_panics(line in 0usize..14, value in prop::collection::vec(piece(), 1..4)) {
        let text: Vec<String> = GOOD.lines().enumerate().map(|(i, old)| match old.split_once(" = ") {
            Some((key, _)) if i == line => format!("{key} = {}", value.concat()),
            _ => old.to_owned(),
        }).collect();
        survives(&text.join("\n"), &[]);
    }

    #[test]
    fn sizes_and_slides_that_are_taken_hold_the_invariants(
        size in 1i64..200_000, slide in 1i64..200_000, unit in 0usize..4, key in prop::sample::select(&["slide", "step"])
    ) {
        let unit = ["us", "ms", "s", "m"][unit];
        let text = GOOD.replace("size = \"60s\"", &format!("size = \"{size}{unit}\"\n{key} = \"{slide}{unit}\""));
        let (config, problems) = parse("x.toml", &text, &[], &env);
        if !problems.has_errors() {
            let window = &config.unwrap().windows[0];
            let (size, apart) = match window.shape {
                WindowShape::Sliding { size, slide, .. } => (size.0, slide.0),
                WindowShape::Cumulating { size, step, .. } => (size.0, step.0),
                WindowShape::Session { .. } | WindowShape::Global { .. } => unreachable!("it has a size"),
            };
            prop_assert!(apart >= 1_000 && size / apart <= 100_000);
            prop_assert!(key == "slide" || size % apart == 0);
        } else {
            prop_assert!(problems.list[0].help.is_some() || problems.list[0].code == "config.value");
        }
    }
}

#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let bombs = [
        "a = ".to_owned() + &"[".repeat(200_000),
        "a = ".to_owned() + &"{a=".repeat(200_000),
        "a.".repeat(200_000) + "a = 1",
        format!("[{}a]\nx = 1", "a.".repeat(200_000)),
        format!("{}1{}", format!("{}a={{", "a.".repeat(70)).repeat(70), "}".repeat(70)),
        format!("{}1{}", format!("{}a={{", "'a'.".repeat(70)).repeat(70), "}".repeat(70)),
        format!("{}1{}", format!("{}a={{", "a . ".repeat(70)).repeat(70), "}".repeat(70)),
    ];
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let run = move || {
        for bomb in bombs {
            let (config, problems) = parse("x.toml", &bomb, &[], &env);
            assert!(config.is_none());
            assert!(problems.list[0].message.starts_with("tables and lists are nested"), "{problems}");
            survives(GOOD, &[format!("windows.per_user.size={bomb}"), format!("{bomb}=1"), bomb]);
        }
    };
    small.spawn(run).unwrap().join().unwrap();
}
