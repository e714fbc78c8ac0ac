//! Views that cannot be, how long rows change, and what is explained.

use crate::plan::{compile, explain_dot, explain_json, explain_text};

const WINDOWS: &str = "[sources.e]\ntype = \"stdin\"\n\
    [windows.w]\nfrom = \"e\"\nsize = \"10s\"\nslide = \"5s\"\nallowed_lateness = \"20s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
    [windows.u]\nfrom = \"e\"\nsize = \"10s\"\nslide = \"5s\"\nallowed_lateness = \"1m\"\ngroup_by = [\"k\", \"j\"]\nselect = { m = \"sum(v)\" }\n\
    [windows.s]\nfrom = \"e\"\ngap = \"5s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
    [windows.all]\nfrom = \"e\"\nglobal = \"5s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
    [patterns.p]\nfrom = \"e\"\nkey = \"k\"\nmatch = \"a\"\ndefine.a = \"v > 1\"\n";

fn plan(views: &str) -> Result<crate::plan::Plan, Vec<(&'static str, String, String)>> {
    let (config, problems) = crate::config::parse("t.toml", &format!("{WINDOWS}{views}"), &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}");
    let list = |list: Vec<crate::error::Problem>| {
        list.into_iter().map(|p| (p.code, p.message, p.help.unwrap_or_default())).collect()
    };
    compile(&config.unwrap()).map_err(|problems| list(problems.list))
}

fn wrong(view: &str) -> Vec<(&'static str, String, String)> {
    plan(&format!("[views.v]\n{view}\n")).err().unwrap_or_else(|| panic!("{view} is taken"))
}

#[test]
fn each_clause_that_cannot_be_is_said_with_what_to_write_instead() {
    for (view, code, part) in [
        ("from = 'w'\nwhere = 'm > 1'", "row.column", "did you mean"),
        ("from = 'w'\nwhere = \"'yes'\"", "view.where", "write a comparison"),
        ("from = 'w'\nset = { k = 'n' }", "view.column", "use another name"),
        ("from = 'w'\nset = { a = 'prve(n)' }", "expr.function", "did you mean prev?"),
        ("from = 's'\nset = { a = 'prev(n)' }", "view.series", "read a window with a size"),
        ("from = 'all'\nset = { a = 'prev(n)' }", "view.series", "read a window with a size"),
        ("from = 'w'\nset = { a = \"ago(n, '7 seconds')\" }", "view.series", "use a multiple of 5s"),
        ("from = ['w', 'u']", "view.from", "u has window_start, window_end, k, j, m"),
        ("from = ['w', 'all']", "view.from", "read them in two views"),
        ("from = 'w'\njoin = { with = 'u', on = ['kk'] }", "row.column", "did you mean k?"),
        ("from = 'w'\njoin = { with = 'w', on = ['k'] }", "view.column", "add = { w_n = \"n\" }"),
        ("from = 'w'\njoin = { with = 'p', on = { k = 'key' } }", "view.join", "add within"),
        ("from = 'w'\njoin = { with = 'all', on = ['k'] }", "view.kind", "read a window that has a size"),
        ("from = 'w'\nsize = '1h'\nselect = { a = 'n' }", "expr.path", "max(n)"),
        ("from = 'w'\nsize = '1h'\nselect = { a = '1' }", "window.select", "plain value"),
        ("from = 'w'\nsize = '1h'\nselect = { a = 'sum(o)' }", "row.column", "did you mean"),
        ("from = 'all'\nsize = '1h'\nselect = { a = 'sum(n)' }", "view.kind", "read a window that has a size"),
        ("from = 'w'\nsize = '1h'\nselect = { a = 'sum(n)' }\nhaving = 'n > 1'", "row.column", "did you mean"),
        ("from = 'p'\ntop = { n = 1, by = 'match_end' }", "view.kind", "give the view a size"),
        ("from = 'p'\ndistinct = ['key']", "view.kind", "give the view a size"),
        ("from = 'w'\ntop = { n = 1, by = 'n', per = ['window', 'kk'] }", "row.column", "did you mean k?"),
        ("from = 'w'\ncolumns = ['m']", "row.column", "did you mean"),
    ] {
        let found = wrong(view);
        assert_eq!(found.len(), 1, "{view}: {found:?}");
        assert_eq!(found[0].0, code, "{view}: {found:?}");
        assert!(found[0].2.contains(part), "{view}: {found:?}");
    }
}

#[test]
fn all_problems_of_a_view_and_of_those_behind_it_are_said_at_once() {
    let views = "[views.a]\nfrom = 'b'\nwhere = 'z > 1'\n[views.b]\nfrom = 'w'\nset = { x = 'y', z = 'lowr(x)' }\n\
                 where = 'n >'\ntop = { n = 2, by = 'q' }\ncolumns = ['z', 'nn']\n";
    let found = plan(views).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|(code, ..)| *code).collect();
    // The view that reads it is right: what it reads is in the settings of the other one.
    assert_eq!(codes, ["row.column", "expr.function", "expr.syntax", "row.column", "row.column"], "{found:?}");
}

#[test]
fn rows_change_as_long_as_those_that_they_are_made_of() {
    let views = "[views.a]\nfrom = 'w'\nwhere = 'n > 1'\n[views.b]\nfrom = 'a'\njoin = { with = 'u', on = ['k'] }\n\
                 [views.c]\nfrom = 'b'\nsize = '1h'\ngroup_by = ['j']\nselect = { m = 'sum(m)' }\ntop = { n = 3, by = 'm' }\n\
                 [views.d]\nfrom = 's'\n[views.t]\nfrom = 'all'\ntop = { n = 3, by = 'n' }\n";
    let plan = plan(views).unwrap();
    let schema = |name: &str| plan.schemas.iter().find(|s| s.name == name).unwrap();
    let keep = |name: &str| schema(name).keep / 1_000_000;
    assert_eq!((keep("w"), keep("u"), keep("s")), (22, 62, 7));
    assert_eq!((keep("a"), keep("b"), keep("c"), keep("d")), (22, 62, 62, 7));
    assert_eq!(schema("t").keep, crate::result::RowSchema::FOREVER);
    assert_eq!(
        (&schema("b").dimensions[..], &schema("b").values[..]),
        (&["k".into(), "j".into()][..], &["n".into(), "m".into()][..])
    );
    assert_eq!(
        (&schema("c").dimensions[..], &schema("c").values[..]),
        (&["j".into()][..], &["m".into(), "rank".into()][..])
    );
    // Views stand behind windows and patterns, whatever the order in which they are planned.
    assert!(plan.views.iter().all(|view| plan.schemas[view.part as usize].name == view.name));
}

#[test]
fn a_view_is_explained_with_its_clauses_and_how_long_its_rows_are_kept() {
    let views = "[views.a]\nfrom = 'w'\nset = { z = 'zscore(n, 4)' }\nwhere = 'z > 3'\ntop = { n = 3, by = 'z' }\n";
    let plan = plan(views).unwrap();
    let said = explain_text(&plan);
    for line in [
        "view a  from w",
        "set           z = zscore(n, 4)",
        "top           3 by z, greatest first, per window",
        "columns       window_start, window_end, k, n, z, rank",
        "exchanges     rows by group",
        "kept          a row until the watermark passes its window_end + 42s",
        "state         the last revision of each row, until the watermark passes its window_end + 22s",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let json = explain_json(&plan);
    assert_eq!(json["views"][0]["steps"][0]["kept_us"][0], 42_000_000);
    assert_eq!(json["views"][0]["changes_for_us"], 22_000_000);
    let dot = explain_dot(&plan);
    assert!(dot.contains("\"w\" -> \"a\";"), "{dot}");
}
