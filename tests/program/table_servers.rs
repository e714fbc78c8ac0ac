//! Tables of real servers, which the tests start, change, end, and stop for a while.
//!
//! The servers are found where their packages put them; where one is missing its tests say SKIP and why; with
//! `REQUIRE_SERVERS` set they fail.
//!
//! What it can catch: values that a server sends in a form we do not know, and servers that are away at the wrong moment.

use crate::harness::{Child, Input, Scratch};

/// A pipeline that adds columns to events; `table` is what the table says beside its name.
fn job(table: &str, columns: &str) -> String {
    format!(
        "[sources.events]\ntype = \"stdin\"\n[tables.users]\n{table}\n\
         [streams.named]\nfrom = \"events\"\nenrich = {{ table = \"users\", key = \"user\", add = [{columns}] }}\n\
         [windows.w]\nfrom = \"named\"\nsize = \"1s\"\ngroup_by = [\"user\", {columns}]\nselect = {{ events = \"count(*)\" }}\n\
         [sinks.rows]\ntype = \"stdout\"\nformat = \"json\"\nfrom = [\"w\"]\n"
    )
}

fn start(scratch: &Scratch, pipeline: &str) -> Child {
    scratch.write("p.toml", pipeline);
    scratch.program(["run", "p.toml", "-w", "2"]).env("RUST_LOG", "info").input(Input::Fed).start()
}

/// Feeds an event of `user` at second `at` and waits for its row, which the one after it lets be stated.
fn ask(child: &mut Child, at: u32, user: &str, row: &str) {
    child.feed(format!("{{\"timestamp\":{at},\"user\":{user}}}\n{{\"timestamp\":{}}}\n", at + 2));
    child.until_out(&format!("00:00:{:02}Z\",\"user\":{user},{row},\"events\"", at + 1));
}

/// [`ask`] again and again, from second `at` on, until the row is this one: a busy machine may be too slow for a short time-out.
fn ask_until(child: &mut Child, at: u32, user: &str, row: &str) {
    for at in (at..).step_by(3) {
        child.feed(format!("{{\"timestamp\":{at},\"user\":{user}}}\n{{\"timestamp\":{}}}\n", at + 2));
        let end = format!("00:{:02}:{:02}Z\",\"user\":{user},", (at + 1) / 60, (at + 1) % 60);
        child.until_out(&end);
        if child.heard().contains(&format!("{end}{row},\"events\"")) {
            return;
        }
        assert!(at < 1_000, "never {row}");
    }
}

/// Events of many users in several blocks, some of whom no table has.
fn many_events(scratch: &Scratch) -> Input {
    let line = |i: u64| {
        let user = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
        format!("{{\"timestamp\":{},\"user\":{user},\"some\":\"{}\"}}\n", i / 1_000, "x".repeat(40))
    };
    scratch.write("many", &(0..30_000).map(line).collect::<String>());
    Input::File(scratch.path("many"))
}

/// The rows of a run over many events, sorted.
fn rows_of(scratch: &Scratch, pipeline: &str, workers: &str) -> Vec<String> {
    scratch.write("many.toml", pipeline);
    let run = scratch.program(["run", "many.toml", "-w", workers]).input(many_events(scratch)).start().end();
    run.expect(0, &["not found "]);
    let mut rows: Vec<String> = run.out.lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

/// Rows that are asked for one by one give what the same table gives as a whole, at any width, with a cache of any size.
fn asked_agrees_with_loaded(scratch: &Scratch, table: &str) {
    let loaded = rows_of(scratch, &job(table, "\"country\""), "2");
    assert!(loaded.len() > 20_000, "{}", loaded.len());
    for (workers, cache) in [("1", 100_000), ("3", 7)] {
        let asked = format!("{table}\nmode = \"lookup\"\ncache = {cache}\ntimeout = \"1m\"");
        assert!(rows_of(scratch, &job(&asked, "\"country\""), workers) == loaded, "{workers} workers");
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::{ask, ask_until, asked_agrees_with_loaded, job, start};
    use crate::harness::{Input, Scratch};
    use crate::postgres::Postgres;

    const TYPES: &str = "CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN small AS integer; CREATE TABLE types AS SELECT \
        1::bigint AS user, 7::smallint AS a, 8::small AS b, 1.5::real AS c, 'NaN'::float8 AS d, 0.1::numeric AS e, \
        12345678901234567::numeric(20) AS f, true AS g, 'x'::varchar AS h, 'ok'::mood AS i, NULL::text AS j, \
        '2026-01-05 12:00:00+01'::timestamptz AS k, '2026-01-05 12:00:00.5'::timestamp AS l, '2026-01-05'::date AS m, \
        '{\"a\": [1]}'::jsonb AS n, '7'::json AS o, '00000000-0000-0000-0000-0000000000ab'::uuid AS p, \
        'infinity'::timestamptz AS q, '10.0.0.1'::inet AS ip; INSERT INTO types (\"user\") VALUES (NULL), (2)";

    /// `SELECT .. FROM types` as a table of the pipeline.
    fn table(server: &Postgres, rows: &str, more: &str) -> String {
        format!("type = \"postgres\"\nurl = \"{}\"\n{rows}\nkey = \"user\"\n{more}", server.url("hw:pw"))
    }

    #[test]
    fn values_of_every_type_come_as_what_they_are_and_what_is_wrong_is_said() {
        let Some(mut server) = Postgres::start() else { return };
        let scratch = Scratch::new();
        server.run(TYPES);
        let names = "\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", \"l\", \"m\", \"n\", \"o\", \"p\", \"q\"";
        scratch.write("events", "{\"timestamp\":1,\"user\":1}\n{\"timestamp\":1,\"user\":2.0}\n{\"timestamp\":1}\n");
        let events = || Input::File(scratch.path("events"));
        let run = |table: &str, columns: &str| {
            scratch.write("p.toml", &job(table, columns));
            scratch.program(["run", "p.toml"]).input(events()).start().end()
        };
        let said = run(&table(&server, "from = \"public.types\"", ""), names);
        said.expect(0, &["without key  1 row (users: 1)", "not found    1 of 3 lookups"]);
        let row = r#""user":1,"a":7,"b":8,"c":1.5,"d":null,"e":0.1,"f":12345678901234567,"g":true,"h":"x","i":"ok","j":null,"k":"2026-01-05T11:00:00Z","l":"2026-01-05T12:00:00.500Z","m":"2026-01-05T00:00:00Z","n":{"a": [1]},"o":7,"p":"00000000-0000-0000-0000-0000000000ab","q":null,"#;
        assert!(said.out.contains(row), "{}", said.out);
        assert_eq!(said.out.matches("\"a\":null,\"b\":null,").count(), 2, "{}", said.out);

        let query = "query = \"SELECT *, 'a' || h AS ah FROM types; \"";
        run(&table(&server, query, ""), "\"ah\"").expect(0, &[]);
        let wrong = |rows: &str, column: &str, code: i32, texts: &[&str]| {
            run(&table(&server, rows, "timeout = \"1m\""), column).expect(code, texts);
        };
        wrong(
            "from = \"types\"",
            "\"hh\"",
            2,
            &["error[table.column]: table users has no column 'hh'", "did you mean h?"],
        );
        let ip = [
            "error[table.type]: column 'ip' of table users is of type inet, which is no value here",
            "\"ip\"::text AS \"ip\"",
        ];
        wrong("from = \"types\"", "\"ip\"", 2, &ip);
        wrong(
            "from = \"typos\"",
            "\"h\"",
            2,
            &[
                "error[table.query]: the server cannot run the table of table users: relation \"typos\" does not exist",
                "tables.users.from",
            ],
        );
        wrong(
            "query = \"SELEC\"",
            "\"h\"",
            2,
            &["error[table.query]: the server cannot run the query of table users: syntax error", "tables.users.query"],
        );
        wrong("query = \"SELECT 1 / 0 AS h, 1 AS user\"", "\"h\"", 2, &["division by zero"]);
        wrong(
            "from = \"types\"\ntime = { field = \"k\" }",
            "\"h\"",
            2,
            &["error[table.row]: a row of table users cannot be used: column 'k' has no time"],
        );

        // Of versions an event sees the newest that is not later; of the same row twice it does not matter which is first.
        let versions = "query = \"SELECT * FROM (VALUES (1, 0, 'a'), (1, 1, 'b'), (1, 1, 'c'), (1, 2, 'd')) AS v (\\\"user\\\", at, h) ORDER BY ORDER\"\ntime = { field = \"at\" }";
        for order in ["h", "h DESC"] {
            let said = run(&table(&server, &versions.replace("ORDER\"", &format!("{order}\"")), ""), "\"h\"");
            said.expect(0, &["replaced     1 row (users: 1)"]);
            assert!(said.out.contains("\"user\":1,\"h\":\"c\","), "{}", said.out);
        }

        let login = table(&server, "from = \"types\"", "").replace("hw:pw", "hw:hunter2");
        let said = run(&login, "\"h\"");
        said.expect(
            3,
            &[
                "error[table.server]: the server of table users (127.0.0.1:",
                "password authentication failed for user \"hw\"",
                "mend url",
            ],
        );
        server.end();
        let away = run(&login, "\"h\"");
        away.expect(
            3,
            &["error[table.server]: the server of table users (127.0.0.1:", "start the server, or mend url"],
        );
        assert!(!format!("{}{}", said.err, away.err).contains("hunter2"), "{}", said.err);
    }

    #[test]
    fn a_table_when_it_changes_is_read_again_and_when_its_server_is_away_stays() {
        let Some(mut server) = Postgres::start() else { return };
        let scratch = Scratch::new();
        server
            .run("CREATE TABLE users (\"user\" text, country text); INSERT INTO users VALUES ('a', 'de'), ('b', 'at')");
        let rows = table(&server, "from = \"users\"", "refresh = \"20ms\"");
        let mut child = start(&scratch, &job(&rows, "\"country\""));
        ask(&mut child, 10, "\"a\"", "\"country\":\"de\"");
        server.run("UPDATE users SET country = 'fr' WHERE \"user\" = 'a'");
        child.until_err("was read again");
        ask(&mut child, 20, "\"a\"", "\"country\":\"fr\"");
        server.end();
        child.until_err("the table cannot be read; its old rows stay");
        ask(&mut child, 30, "\"a\"", "\"country\":\"fr\"");
        server.resume();
        child.until_err("the table can be read again");
        server.run("DELETE FROM users WHERE \"user\" = 'a'");
        child.until_err("rows=1");
        ask(&mut child, 40, "\"a\"", "\"country\":null");
        child.close_input();
        let ended = child.end();
        // Nothing that was the same was taken for a change.
        ended.expect(0, &[]);
        assert_eq!(ended.err.matches("was read again").count(), 2, "{}", ended.err);
    }

    #[test]
    fn rows_when_they_are_asked_for_are_those_of_the_whole_table() {
        let Some(server) = Postgres::start() else { return };
        server.run("CREATE TABLE users AS SELECT n::bigint AS \"user\", 'c' || n % 7 AS country FROM generate_series(0, 3999) AS n");
        server.run("CREATE UNIQUE INDEX ON users (\"user\")");
        let scratch = Scratch::new();
        asked_agrees_with_loaded(&scratch, &table(&server, "from = \"users\"", ""));

        // By keys of every type that can be asked for, of several columns, and with versions.
        server.run(
            "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE keys AS SELECT 7::smallint AS a, 7::int AS b, 7::oid AS c, \
            1.5::real AS d, 1.5::float8 AS e, 1.50::numeric AS f, 'x'::varchar AS g, 'ok'::mood AS h, true AS i, \
            '00000000-0000-0000-0000-0000000000AB'::uuid AS j, '1970-01-01T00:00:01Z'::timestamptz AS k, \
            '1970-01-01T00:00:01Z'::timestamp AS l, '7'::jsonb AS m, 5 AS since, 'found' AS country",
        );
        scratch.write("event", "{\"timestamp\":4,\"n\":7}\n{\"timestamp\":9,\"n\":7}\n");
        // Looks up by two keys, and gives what is found by each.
        let run = |columns: &str, keys: &str, others: &str, more: &str| {
            let more = format!("mode = \"lookup\"\ntimeout = \"1m\"\n{more}");
            let table =
                table(&server, "from = \"keys\"", &more).replace("key = \"user\"", &format!("key = [{columns}]"));
            let lookup = |keys: &str, name: &str| {
                format!("{{ table = \"users\", key = [{keys}], add = {{ {name} = \"country\" }} }}")
            };
            let pipeline = job(&table, "\"country\", \"other\"").replace(
                "{ table = \"users\", key = \"user\", add = [\"country\", \"other\"] }",
                &format!("[{}, {}]", lookup(keys, "country"), lookup(others, "other")),
            );
            scratch.write("keys.toml", &pipeline);
            scratch.program(["run", "keys.toml"]).input(Input::File(scratch.path("event"))).start().end()
        };
        for (column, key, others) in [
            ("a", "n", "n + 70000"),
            ("b", "n", "'7'"),
            ("c", "n", "n - 8"),
            ("d", "1.5", "1.1"),
            ("e", "1.5", "n > 3"),
            ("f", "1.5", "n"),
            ("g", "'x'", "n"),
            ("h", "'ok'", "'bad'"),
            ("i", "n = 7", "n"),
            ("j", "'00000000-0000-0000-0000-0000000000ab'", "'00000000-0000-0000-0000'"),
            ("k", "CAST('1970-01-01T00:00:01Z' AS timestamp)", "n"),
            ("l", "CAST('1970-01-01T00:00:01Z' AS timestamp)", "'x'"),
        ] {
            let [of, key, other] = [column, key, others].map(|text| format!("\"{text}\""));
            let found = run(&of, &key, &other, "");
            found.expect(0, &["not found    2 of 4 lookups (users: 2)"]);
            assert!(found.out.contains("\"country\":\"found\",\"other\":null,\"events\":1"), "{column}: {}", found.out);
        }
        let versions = run("\"g\", \"a\"", "\"'x'\", \"n\"", "\"n\", \"n\"", "time = { field = \"since\" }");
        versions.expect(0, &["not found    3 of 4 lookups (users: 3)"]);
        run("\"m\"", "\"n\"", "\"n\"", "")
            .expect(2, &["error[table.type]: column 'm' of table users is of a type that no key can be asked for by"]);
    }

    #[test]
    fn rows_when_they_are_asked_for_wait_for_each_other_and_not_for_a_server_that_is_silent() {
        let Some(server) = Postgres::start() else { return };
        let scratch = Scratch::new();
        server.run("CREATE TABLE users (\"user\" text, country text, boss text); INSERT INTO users VALUES ('a', 'de', 'b'), ('b', 'at', 'nobody')");
        let asked = "mode = \"lookup\"\ncache_for = \"1h\"\ntimeout = \"TIMEOUT\"";
        let pipeline = job(&table(&server, "from = \"users\"", asked), "\"country\"");
        let pipeline = pipeline.replace("enrich = {", "enrich = [{").replace(
            "add = [\"country\"] }",
            "add = [\"boss\", \"country\"] }, { table = \"users\", key = \"boss\", add = { theirs = \"country\" } }]",
        );
        let pipeline =
            pipeline.replace("group_by = [\"user\", \"country\"]", "group_by = [\"user\", \"country\", \"theirs\"]");

        let mut child = start(&scratch, &pipeline.replace("TIMEOUT", "1m"));
        ask(&mut child, 10, "\"a\"", "\"country\":\"de\",\"theirs\":\"at\"");
        ask(&mut child, 20, "\"b\"", "\"country\":\"at\",\"theirs\":null");
        // Kept for an hour; what no column of text can be is no row; and NULL is none.
        server.run("UPDATE users SET country = 'xx'; INSERT INTO users VALUES ('c', 'fr', 'a')");
        ask(&mut child, 30, "\"a\"", "\"country\":\"de\",\"theirs\":\"at\"");
        ask(&mut child, 40, "\"c\"", "\"country\":\"fr\",\"theirs\":\"de\"");
        ask(&mut child, 50, "7", "\"country\":null,\"theirs\":null");
        ask(&mut child, 55, "null", "\"country\":null,\"theirs\":null");
        child.close_input();
        let ended = child.end();
        ended.expect(0, &[]);
        assert!(!ended.err.contains("no answer"), "{}", ended.err);

        let mut child = start(&scratch, &pipeline.replace("TIMEOUT", "100ms"));
        child.feed("{\"timestamp\":1}\n");
        child.until_err(" ready");
        server.freeze();
        ask(&mut child, 10, "\"a\"", "\"country\":null,\"theirs\":null");
        child.until_err("rows of the table cannot be asked for");
        server.thaw();
        server.run("INSERT INTO users VALUES ('d', 'it', 'c')");
        ask_until(&mut child, 20, "\"d\"", "\"country\":\"it\",\"theirs\":\"fr\"");
        child.until_err("the server of the table answers again");
        child.close_input();
        child.end().expect(0, &["no answer    "]);
    }

    #[test]
    fn a_table_when_it_changes_then_rows_that_were_joined_with_it_are_said_anew() {
        let Some(server) = Postgres::start() else { return };
        let scratch = Scratch::new();
        server
            .run("CREATE TABLE users (\"user\" text, country text); INSERT INTO users VALUES ('a', 'de'), ('b', 'at')");
        let rows = table(&server, "from = \"users\"", "refresh = \"20ms\"");
        let mut child = start(
            &scratch,
            &format!(
                "[sources.events]\ntype = \"stdin\"\n[tables.users]\n{rows}\n[windows.w]\nfrom = \"events\"\nsize = \"1s\"\n\
                 allowed_lateness = \"1m\"\ngroup_by = [\"user\"]\nselect = {{ n = \"count(*)\" }}\n[views.owned]\nfrom = \"w\"\n\
                 join = {{ with = \"users\", on = [\"user\"], kind = \"left\", add = [\"country\"] }}\n\
                 [sinks.rows]\ntype = \"stdout\"\nformat = \"json\"\nfrom = [\"owned\"]\n"
            ),
        );
        child.feed("{\"timestamp\":10,\"user\":\"a\"}\n{\"timestamp\":10,\"user\":\"b\"}\n{\"timestamp\":12}\n");
        child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"de\",\"revision\":0,\"op\":\"+\"");
        server.run("UPDATE users SET country = 'fr' WHERE \"user\" = 'a'");
        child.until_err("was read again");
        child.feed("{\"timestamp\":15}\n{\"timestamp\":17}\n");
        child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"de\",\"revision\":0,\"op\":\"-\"");
        child.until_out("\"user\":\"a\",\"n\":1,\"country\":\"fr\",\"revision\":1,\"op\":\"+\"");
        child.close_input();
        let ended = child.end();
        ended.expect(0, &[]);
        assert_eq!(ended.out.matches("\"at\"").count(), 1, "{}", ended.out);
    }

    #[test]
    fn a_large_table_is_not_held_twice_while_it_is_read() {
        let Some(server) = Postgres::start() else { return };
        let scratch = Scratch::new();
        let query =
            "query = \"SELECT n AS user, repeat('x', 100) || n AS country FROM generate_series(1, 200000) AS n\"";
        let mut child = start(&scratch, &job(&table(&server, query, ""), "\"country\""));
        ask(&mut child, 10, "199999", &format!("\"country\":\"{}199999\"", "x".repeat(100)));
        #[cfg(target_os = "linux")]
        {
            // Some 25 MB of rows: taken, and as a table.
            let peak = child.peak();
            assert!(peak < 160 << 20, "{peak}");
        }
        child.close_input();
        child.end().expect(0, &[]);
    }
}

#[cfg(feature = "redis")]
mod redis {
    use super::{ask, ask_until, asked_agrees_with_loaded, job, start};
    use crate::harness::{Scratch, ports};
    use crate::server::{self, Server};
    use std::process::{Command, Stdio};

    struct Redis {
        scratch: Scratch,
        server: Option<Server>,
        port: u16,
    }

    impl Redis {
        /// A new one, without rows; none where it is not installed.
        fn start() -> Option<Self> {
            let mut redis = Self { scratch: Scratch::new(), server: None, port: ports(1)[0] };
            redis.resume().then_some(redis)
        }

        fn resume(&mut self) -> bool {
            let (folder, port) = (self.scratch.path("").display().to_string(), self.port.to_string());
            let args = ["--port", &port, "--bind", "127.0.0.1", "--dir", &folder, "--save", "", "--requirepass", "pw"];
            self.server = server::start(&["redis-server"], &args.map(str::to_owned), self.port);
            self.server.is_some()
        }

        fn run(&self, commands: &[&[&str]]) {
            for command in commands {
                let mut cli = Command::new("redis-cli");
                cli.args(["-p", &self.port.to_string(), "-a", "pw", "--no-auth-warning", "-e"]).args(*command);
                let done = cli.stdin(Stdio::null()).output().unwrap();
                assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stdout));
            }
        }

        fn table(&self, rows: &str, more: &str) -> String {
            let port = self.port;
            format!("type = \"redis\"\nurl = \"redis://:pw@127.0.0.1:{port}/0\"\n{rows}\nkey = \"user\"\n{more}")
        }
    }

    #[test]
    fn hashes_and_objects_are_rows_and_what_is_wrong_is_said() {
        let Some(mut redis) = Redis::start() else { return };
        redis.run(&[
            &["HSET", "user:a", "country", "de", "age", "30", "user", "never"],
            &["HSET", "user:7", "country", "at", "zip", "01"],
            &["SET", "user:text", "no hash"],
            &["HSET", "users", "a", "{\"country\": \"de\", \n\"age\": {\"is\": 30}}", "7", "{}"],
            &["HSET", "wrong", "a", "{}", "b", "{"],
        ]);
        let scratch = Scratch::new();
        scratch.write(
            "events",
            "{\"timestamp\":1,\"user\":\"a\"}\n{\"timestamp\":1,\"user\":7}\n{\"timestamp\":1,\"user\":\"text\"}\n",
        );
        let run = |table: &str| {
            scratch.write("p.toml", &job(table, "\"country\", \"age\", \"zip\""));
            let events = crate::harness::Input::File(scratch.path("events"));
            scratch.program(["run", "p.toml"]).input(events).start().end()
        };
        let said = run(&redis.table("match = \"user:*\"", "types = { zip = \"text\" }"));
        said.expect(0, &["not found    1 of 3 lookups"]);
        for row in [
            "\"user\":\"a\",\"country\":\"de\",\"age\":30,\"zip\":null,",
            "\"user\":7,\"country\":\"at\",\"age\":null,\"zip\":\"01\",",
        ] {
            assert!(said.out.contains(row), "{}", said.out);
        }
        let said = run(&redis.table("hash = \"users\"", ""));
        said.expect(0, &["not found    1 of 3 lookups"]);
        assert!(
            said.out.contains("\"user\":\"a\",\"country\":\"de\",\"age\":{\"is\": 30},\"zip\":null,"),
            "{}",
            said.out
        );
        assert!(said.err.contains("no row of the table has a value in these columns"), "{}", said.err);

        run(&redis.table("hash = \"wrong\"", "")).expect(
            2,
            &["error[table.row]: a row of table users cannot be used: the value of 'b' is no JSON object (syntax)"],
        );
        run(&redis.table("hash = \"user:text\"", "")).expect(3, &["error[table.server]", "WRONGTYPE"]);
        run(&redis.table("match = \"user:*\"", "types = { country = \"int\" }"))
            .expect(2, &["error[table.row]", "is not of the type that types says"]);
        let login = redis.table("hash = \"users\"", "").replace(":pw@", ":hunter2@");
        let said = run(&login);
        said.expect(3, &["error[table.server]: the server of table users (127.0.0.1:", "authentication failed"]);
        redis.server = None;
        let away = run(&login);
        away.expect(3, &["error[table.server]", "start the server, or mend url"]);
        assert!(!format!("{}{}", said.err, away.err).contains("hunter2"), "{}", said.err);
    }

    #[test]
    fn rows_when_they_are_asked_for_are_those_of_the_whole_table() {
        let Some(redis) = Redis::start() else { return };
        let script = "for i = 0, 3999 do redis.call('HSET', 'user:' .. i, 'country', 'c' .. i % 7) \
                      redis.call('HSET', 'users', i, '{\"country\": \"c' .. i % 7 .. '\"}') end";
        redis.run(&[&["EVAL", script, "0"]]);
        for rows in ["match = \"user:*\"", "hash = \"users\""] {
            asked_agrees_with_loaded(&Scratch::new(), &redis.table(rows, ""));
        }
    }

    #[test]
    fn rows_when_they_are_asked_for_do_not_wait_for_a_server_that_is_silent() {
        let Some(redis) = Redis::start() else { return };
        redis.run(&[&["HSET", "user:a", "country", "de"], &["HSET", "user:b", "country", "at"]]);
        let scratch = Scratch::new();
        let asked = "mode = \"lookup\"\ncache_for = \"1h\"\ntimeout = \"100ms\"";
        let mut child = start(&scratch, &job(&redis.table("match = \"user:*\"", asked), "\"country\""));
        child.feed("{\"timestamp\":1}\n");
        child.until_err(" ready");
        redis.server.as_ref().unwrap().signal("STOP");
        ask(&mut child, 10, "\"a\"", "\"country\":null");
        child.until_err("rows of the table cannot be asked for");
        redis.server.as_ref().unwrap().signal("CONT");
        ask_until(&mut child, 20, "\"a\"", "\"country\":\"de\"");
        child.until_err("the server of the table answers again");
        child.close_input();
        child.end().expect(0, &["no answer    "]);

        // Where the time of events is that of the clock.
        let table = redis.table("match = \"user:*\"", "mode = \"lookup\"\ntimeout = \"1m\"");
        let clock = job(&table, "\"country\"")
            .replace("type = \"stdin\"", "type = \"stdin\"\ntime = { clock = \"processing\" }");
        let mut child = start(&scratch, &clock);
        child.feed("{\"user\":\"a\"}\n");
        child.until_out("\"user\":\"a\",\"country\":\"de\",");
        child.close_input();
        child.end().expect(0, &[]);
    }

    #[test]
    fn a_table_when_it_changes_is_read_again_and_when_its_server_is_away_stays() {
        let Some(mut redis) = Redis::start() else { return };
        redis.run(&[&["HSET", "user:a", "country", "de"]]);
        let scratch = Scratch::new();
        let table = redis.table("match = \"user:*\"", "refresh = \"20ms\"\ntimeout = \"100ms\"");
        let mut child = start(&scratch, &job(&table, "\"country\""));
        ask(&mut child, 10, "\"a\"", "\"country\":\"de\"");
        // More than one page.
        let script = "for i = 1, 5000 do redis.call('HSET', 'user:' .. i, 'country', i) end redis.call('HSET', 'user:a', 'country', 'fr')";
        redis.run(&[&["EVAL", script, "0"]]);
        child.until_err("rows=5001");
        ask(&mut child, 20, "4711", "\"country\":4711");
        ask(&mut child, 23, "\"a\"", "\"country\":\"fr\"");
        redis.server.as_ref().unwrap().signal("STOP");
        child.until_err("it was silent for 100ms");
        ask(&mut child, 30, "\"a\"", "\"country\":\"fr\"");
        redis.server.as_ref().unwrap().signal("CONT");
        child.until_err("the table can be read again");
        redis.server = None;
        assert!(redis.resume());
        child.until_err("rows=0");
        ask(&mut child, 40, "\"a\"", "\"country\":null");
        child.close_input();
        child.end().expect(0, &[]);
    }
}
