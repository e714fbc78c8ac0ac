//! A table whose file changes under a running program, and files of tables that are wrong.

use crate::harness::{Child, Input, Scratch};

const JOB: &str = r#"
[sources.events]
type = "stdin"

[tables.users]
type = "file"
path = "users.csv"
key = "user"
refresh = "5ms"

[streams.named]
from = "events"
enrich = { table = "users", key = "user", add = ["country"] }

[windows.w]
from = "named"
size = "1s"
group_by = ["user", "country"]
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

/// Puts a file in the place of another, all at once.
fn replace(scratch: &Scratch, name: &str, text: &str) {
    scratch.write("new", text);
    std::fs::rename(scratch.path("new"), scratch.path(name)).unwrap();
}

/// Feeds an event at second `at` and waits for its row, which the one after it lets be stated.
fn ask(child: &mut Child, at: u32, country: &str) {
    child.feed(format!("{{\"timestamp\":{at},\"user\":\"a\"}}\n{{\"timestamp\":{}}}\n", at + 2));
    child.until_out(&format!(
        "00:00:{at:02}Z\",\"window_end\":\"1970-01-01T00:00:{:02}Z\",\"user\":\"a\",\"country\":{country},",
        at + 1
    ));
}

#[test]
fn a_table_when_its_file_changes_then_events_after_that_see_it_and_a_wrong_file_changes_nothing() {
    let scratch = Scratch::new();
    scratch.write("p.toml", JOB);
    scratch.write("users.csv", "user,country\na,de\n");
    let program = scratch.program(["run", "p.toml", "-w", "2"]).env("RUST_LOG", "info");
    let mut child = program.input(Input::Fed).start();
    ask(&mut child, 10, "\"de\"");
    replace(&scratch, "users.csv", "user,country\nb,us\na,fr\n");
    child.until_err("was read again");
    ask(&mut child, 20, "\"fr\"");
    replace(&scratch, "users.csv", "user,county\na,xx\n");
    child.until_err("table users has no column 'country'");
    ask(&mut child, 30, "\"fr\"");
    // Gone for a while, and then without the user.
    std::fs::remove_file(scratch.path("users.csv")).unwrap();
    ask(&mut child, 40, "\"fr\"");
    replace(&scratch, "users.csv", "user,country\nb,us\n");
    child.until_err("rows=1");
    ask(&mut child, 50, "null");
    child.close_input();
    let ended = child.end();
    ended.expect(0, &["not found    6 of 10 lookups (users: 6)"]);
}

#[test]
fn a_table_when_it_changes_then_rows_that_were_joined_with_it_and_may_still_change_are_said_anew() {
    let scratch = Scratch::new();
    let view = "[views.owned]\nfrom = \"w\"\njoin = { with = \"users\", on = [\"user\"], kind = \"left\", add = [\"country\"] }\n";
    let window = "size = \"1s\"\nallowed_lateness = \"1m\"\ngroup_by = [\"user\"]\n";
    let job = JOB.replace("enrich = { table = \"users\", key = \"user\", add = [\"country\"] }\n", "");
    let job = job.replace("size = \"1s\"\ngroup_by = [\"user\", \"country\"]\n", window);
    scratch.write(
        "p.toml",
        &job.replace("[sinks.rows]", &format!("{view}[sinks.rows]")).replace("[\"w\"]\n", "[\"owned\"]\n"),
    );
    scratch.write("users.csv", "user,country\na,de\nb,at\n");
    let program = scratch.program(["run", "p.toml", "-w", "2"]).env("RUST_LOG", "info");
    let mut child = program.input(Input::Fed).start();
    child.feed("{\"timestamp\":10,\"user\":\"a\"}\n{\"timestamp\":10,\"user\":\"b\"}\n{\"timestamp\":12}\n");
    child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"de\",\"revision\":0,\"op\":\"+\"");
    replace(&scratch, "users.csv", "user,country\na,fr\nb,at\n");
    child.until_err("was read again");
    child.feed("{\"timestamp\":15}\n{\"timestamp\":17}\n");
    child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"de\",\"revision\":0,\"op\":\"-\"");
    child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"fr\",\"revision\":1,\"op\":\"+\"");
    // What is too old to change stays.
    child.feed("{\"timestamp\":100}\n{\"timestamp\":102}\n");
    child.until_out("\"window_end\":\"1970-01-01T00:01:41Z\"");
    replace(&scratch, "users.csv", "user,country\na,it\nb,it\n");
    child.until_err("was read again");
    child.close_input();
    let ended = child.end();
    ended.expect(0, &[]);
    assert_eq!((ended.out.matches("\"it\"").count(), ended.out.matches("\"at\"").count()), (0, 1), "{}", ended.out);
}

#[test]
fn files_of_tables_when_they_are_wrong_then_end_the_run_before_it_begins() {
    let scratch = Scratch::new();
    scratch.write("p.toml", JOB);
    let pipeline = scratch.run(["check", "p.toml"]);
    pipeline.expect(0, &[]);
    let run = || scratch.program(["run", "p.toml"]).start().end();
    run().expect(2, &["error[table.open]: the file of table users cannot be read: ", "--> users.csv"]);
    scratch.write("users.csv", "usr,country\n");
    run().expect(2, &["error[table.column]: table users has no column 'user'", "--> users.csv:1", "did you mean usr?"]);
    scratch.write("users.csv", "user,country\na,b\na\n");
    run().expect(2, &["error[table.row]: a line is no row of table users (field_count)", "--> users.csv:3"]);
    scratch.write("users.csv", "user,country\na,b\na,c\n,d\n");
    run().expect(0, &["replaced     1 row (users: 1)", "without key  1 row (users: 1)"]);
}

#[test]
fn processes_when_their_tables_differ_then_do_not_begin() {
    let (one, other) = (Scratch::new(), Scratch::new());
    let ports = crate::harness::ports(2);
    let hosts = format!("127.0.0.1:{}\n127.0.0.1:{}\n", ports[0], ports[1]);
    for (scratch, country) in [(&one, "de"), (&other, "fr")] {
        scratch.write("p.toml", &JOB.replace("refresh = \"5ms\"\n", ""));
        scratch.write("users.csv", &format!("user,country\na,{country}\n"));
        scratch.write("hosts", &hosts);
    }
    let start = |scratch: &Scratch, process: &str| {
        scratch.program(["run", "p.toml", "-n", "2", "-p", process, "--hosts", "hosts"]).start()
    };
    let (first, second) = (start(&one, "0"), start(&other, "1"));
    for ended in [first.end(), second.end()] {
        assert_ne!(ended.code(), 0);
        assert!(ended.err.contains("cluster.fingerprint") || ended.code() == 5, "{}", ended.err);
    }
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_table_of_a_kind_that_the_program_was_built_without_is_checked_and_not_run() {
    let scratch = Scratch::new();
    let table = "type = \"postgres\"\nurl = \"postgres://hw:hunter2@localhost/shop\"\nfrom = \"users\"";
    for mode in ["load", "lookup"] {
        let table = format!("{table}\nmode = \"{mode}\"");
        scratch.write(
            "p.toml",
            &JOB.replace("type = \"file\"\npath = \"users.csv\"", &table).replace("refresh = \"5ms\"\n", ""),
        );
        let explained = scratch.run(["explain", "p.toml"]);
        explained.expect(0, &[]);
        assert!(explained.out.contains("table users  (postgres users)"), "{}", explained.out);
        let run = scratch.run(["run", "p.toml"]);
        run.expect(2, &["error[table.feature]: table users is of PostgreSQL", "build it with --features postgres"]);
        assert!(!format!("{}{}", explained.out, run.err).contains("hunter2"));
    }
}
