//! Tables of servers: what they mean, what is wrong with them, and that nobody sees who logs in.

use super::*;
use crate::config::{PostgresRows, RedisRows, TableAsked, TableKind};

const SOURCE: &str = "[sources.events]\ntype = \"stdin\"\n[windows.w]\nfrom = \"events\"\nsize = \"1s\"\nselect = { n = \"count(*)\" }\n[tables.t]\n";
const URL: &str = "url = \"postgres://me:hunter2@h/d\"\n";

fn said(table: &str) -> String {
    parse("t.toml", &format!("{SOURCE}{table}"), &[], &no_env).1.to_string()
}

fn kind(table: &str) -> TableKind {
    let (config, problems) = parse("t.toml", &format!("{SOURCE}{table}"), &[], &no_env);
    assert!(!problems.has_errors(), "{problems}");
    config.unwrap().tables.remove(0).kind
}

#[test]
fn tables_of_servers_are_what_they_say() {
    let table = kind(&format!(
        "type = \"postgres\"\n{URL}from = \"s.users\"\nkey = [\"a\", \"b\"]\nrefresh = \"5s\"\ntime = {{ field = \"at\" }}"
    ));
    assert_eq!((table.refresh().map(|span| span.0), table.is_asked()), (Some(5_000_000), false));
    assert!(table.time().is_some() && !format!("{table:?}").contains("hunter2"));
    let TableKind::Postgres(table) = table else { panic!() };
    assert_eq!((table.server.url.reveal(), table.server.timeout.0), ("postgres://me:hunter2@h/d", 10_000_000));
    assert!(matches!(table.rows, PostgresRows::Table(name) if name.value == "s.users"));

    let table =
        kind("type = \"redis\"\nurl = \"redis://h\"\nmatch = \"user:*\"\nkey = \"a\"\nmode = \"lookup\"\ncache = 5\n");
    let asked = TableAsked { cache: 5, cache_for: crate::time::Span(60_000_000) };
    assert_eq!(table.server().unwrap().asked, Some(asked));
    assert!(matches!(table, TableKind::Redis(table) if table.rows == RedisRows::Prefix("user:".into())));
}

#[test]
fn what_is_wrong_with_a_table_of_a_server_is_said_and_not_who_logs_in() {
    for (table, problem) in [
        (
            format!("type = \"postgres\"\n{URL}key = \"a\"\n"),
            "error[table.rows]: the table does not say which rows it has: it needs from or query",
        ),
        (format!("type = \"postgres\"\n{URL}key = \"a\"\nform = \"x\"\n"), "did you mean from?"),
        (
            format!("type = \"postgres\"\n{URL}key = \"a\"\nfrom = \"x\"\nquery = \"y\"\n"),
            "error[table.rows]: from and query both say",
        ),
        (
            format!("type = \"redis\"\n{URL}key = \"a\"\nhash = \"x\"\n"),
            "error[table.url]: this is not an address of redis\n  --> t.toml:9  tables.t.url = ***",
        ),
        (
            format!("type = \"postgres\"\n{URL}key = \"a\"\nhash = \"x\"\nfrom = \"y\"\n"),
            "'hash' is a key of a table of type redis",
        ),
        (
            format!("type = \"postgres\"\n{URL}key = \"a\"\nfrom = \"y\"\nmode = \"lookup\"\nrefresh = \"1s\""),
            "warning[table.mode]: refresh means something for mode = \"load\" only",
        ),
        (
            format!("type = \"postgres\"\n{URL}key = \"a\"\nfrom = \"y\"\ncache = 3"),
            "warning[table.mode]: cache means something for mode = \"lookup\" only",
        ),
        (
            "type = \"redis\"\nurl = \"redis://:hunter2@h\"\nkey = [\"a\", \"b\"]\nhash = \"x\"\n".into(),
            "error[table.match]: a row of Redis has one name",
        ),
        (
            "type = \"redis\"\nurl = \"redis://:hunter2@h\"\nkey = \"a\"\nmatch = \"user:?\"\n".into(),
            "error[table.match]: match is a prefix and one *",
        ),
        (
            "type = \"redis\"\nurl = [\"redis://:hunter2@h\"]\nkey = \"a\"\nhash = \"x\"\n".into(),
            "error[config.type]: url must be text",
        ),
        ("type = \"redis\"\nurl = \"redis://:hunter2@h\nkey = 1".into(), "error[config."),
    ] {
        let text = said(&table);
        assert!(text.contains(problem), "{text}\n\n{problem}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let inline = said(
        "x = 1\n[tables]\nu = { type = \"redis\", url = \"redis://:hunter2@h\", y = 2 }\n[tables.v]\ntype = \"redis\"\n",
    );
    let flag =
        parse("t.toml", SOURCE, &["tables.t.url=ftp://:hunter2@h".into(), "tables.t.type=redis".into()], &no_env)
            .1
            .to_string();
    for text in [inline, flag] {
        assert!(text.contains("error[") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn where_a_server_is_changes_no_fingerprint_and_which_rows_it_has_does() {
    let print = |table: &str| {
        let (config, problems) = parse("t.toml", &format!("{SOURCE}{table}"), &[], &no_env);
        assert!(!problems.has_errors(), "{problems}");
        fingerprint(&config.unwrap())
    };
    let table = format!("type = \"postgres\"\n{URL}key = \"a\"\nfrom = \"users\"\n");
    assert_eq!(print(&table), print(&format!("{}timeout = \"1s\"\n", table.replace("@h/", "@other/"))));
    assert_ne!(print(&table), print(&table.replace("users", "others")));
    assert_ne!(print(&table), print(&table.replace("from =", "query =")));
    assert_ne!(print(&table), print(&format!("{table}mode = \"lookup\"\n")));
}
