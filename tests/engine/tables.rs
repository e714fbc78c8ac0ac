//! Lookups in tables, against a search through all rows of the table for each event: random tables (CSV and JSON, with and
//! without versions, keys of one and two columns, NULLs, numbers as `1` and `1.0`, keys that are there twice) and random
//! events, at several widths, before and behind a dedup, before and after a filter.
//!
//! The oracle knows the rules as they are documented, and no code of tables. Cannot catch what only large tables do.

use super::harness::{Ran, Width, run, write_case};
use super::random::Random;
use serde_json::{Map, Value, json};

/// A row of a table: key, second key, time, two values.
#[derive(Debug, Clone)]
struct Row {
    keys: [Value; 2],
    at: i64,
    land: Value,
    plan: Value,
}

#[derive(Debug)]
struct Case {
    csv: bool,
    versions: bool,
    /// How many columns the key has.
    keys: usize,
    table: Vec<Row>,
    events: Vec<Value>,
    /// What stands between source and window.
    way: usize,
}

fn key(dice: &mut Random) -> Value {
    match dice.below(10) {
        0 => Value::Null,
        1 => json!(true),
        2..5 => json!(dice.below(5)),
        5 => json!(dice.below(8) as f64 / 2.0),
        6 => json!(dice.pick(&["1", "2.0"])),
        _ => json!(dice.pick(&["a", "b", "c c", "d\"e"])),
    }
}

fn case(dice: &mut Random) -> Case {
    let rows = dice.below(40);
    let row = |dice: &mut Random| Row {
        keys: [key(dice), if dice.one_in(8) { Value::Null } else { json!(dice.pick(&["k", "l"])) }],
        at: dice.below(100) as i64,
        land: if dice.one_in(6) {
            Value::Null
        } else {
            json!(dice.pick(&["de", "fr", "a text longer than thirty-two bytes, with , and \""]))
        },
        plan: dice.pick(&[Value::Null, json!(1), json!(2.5), json!("1 plan"), json!(false)]),
    };
    let events = (0..dice.below(120) + 1).map(|i| {
        let mut event = Map::new();
        event.insert("timestamp".into(), json!(dice.below(100)));
        event.insert("id".into(), json!(i));
        if !dice.one_in(10) {
            event.insert("u".into(), key(dice));
        }
        if !dice.one_in(10) {
            event.insert("r".into(), json!(dice.pick(&["K", "L", "M"])));
        }
        // Hidden by what the table adds.
        event.insert("land".into(), json!("nowhere"));
        Value::Object(event)
    });
    let events = events.collect();
    let table = (0..rows).map(|_| row(dice)).collect();
    Case {
        csv: dice.one_in(2),
        versions: dice.one_in(2),
        keys: 1 + dice.below(2) as usize,
        table,
        events,
        way: dice.below(WAYS as u64) as usize,
    }
}

const WAYS: usize = 6;

impl Case {
    fn table(&self) -> String {
        let mut out = String::new();
        if self.csv {
            out += "u,r,unread,at,land,plan\n";
            let field = |value: &Value| match value {
                Value::Null => String::new(),
                Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
                other => other.to_string(),
            };
            for row in &self.table {
                let fields = [&row.keys[0], &row.keys[1], &json!("x"), &json!(row.at), &row.land, &row.plan];
                out += &fields.map(field).join(",");
                out.push('\n');
            }
        } else {
            for row in &self.table {
                let line = json!({ "u": row.keys[0], "deep": { "r": row.keys[1] }, "at": row.at, "land": row.land, "plan": row.plan });
                out += &format!("{line}\n");
            }
        }
        out
    }

    fn pipeline(&self) -> String {
        let second = if self.csv { "r" } else { "deep.r" };
        let (keys, asked) = match self.keys {
            1 => ("\"u\"".to_owned(), "\"u\""),
            _ => (format!("[\"u\", \"{second}\"]"), "[\"u\", \"lower(r)\"]"),
        };
        let time = if self.versions { "time = { field = \"at\" }\n" } else { "" };
        let format = if self.csv { "csv" } else { "json" };
        let enrich = format!(
            "enrich = {{ table = \"t\", key = {asked}, add = {{ land = \"land\", p = \"plan\", q = \"plan\" }} }}\n"
        );
        let streams = match self.way {
            0 => format!("[streams.s]\nfrom = \"e\"\n{enrich}"),
            // What is added decides what is kept; the same name is a field of the event.
            1 => format!("[streams.s]\nfrom = \"e\"\n{enrich}where = \"land = 'de'\"\n"),
            2 => format!(
                "[streams.s]\nfrom = \"e\"\n{enrich}where = \"id % 2 = 0\"\nset = {{ land = \"upper(land)\" }}\n"
            ),
            3 => format!(
                "[streams.d]\nfrom = \"e\"\ndedup = {{ by = \"id\", within = \"1s\" }}\n[streams.s]\nfrom = \"d\"\n{enrich}"
            ),
            4 => format!(
                "[streams.f]\nfrom = \"e\"\n{enrich}[streams.s]\nfrom = \"f\"\ndedup = {{ by = \"id\", within = \"1s\" }}\n"
            ),
            // A lookup by what a lookup before it has found.
            _ => format!(
                "[tables.lands]\ntype = \"file\"\nformat = \"csv\"\npath = \"{{dir}}/lands\"\nkey = \"land\"\n\
                 [streams.s]\nfrom = \"e\"\nenrich = [{{ table = \"t\", key = {asked}, add = {{ code = \"land\", p = \"plan\", q = \"plan\" }} }}, \
                 {{ table = \"lands\", key = \"code\", add = {{ land = \"name\" }} }}]\n"
            ),
        };
        format!(
            "[sources.e]\ntype = \"file\"\npath = [\"{{0}}\", \"{{1}}\"]\nout_of_orderness = \"200s\"\n\
             [tables.t]\ntype = \"file\"\nformat = \"{format}\"\npath = \"{{dir}}/t\"\nkey = {keys}\n{time}{streams}\
             [windows.w]\nfrom = \"s\"\nsize = \"1000s\"\ngroup_by = [\"id\", \"land\", \"p\"]\n\
             select = {{ n = \"count(*)\", q = \"last(q)\" }}\n\
             [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = \"w\"\n"
        )
    }

    /// A value of the file, as it is read: fields of CSV are what they look like.
    fn read(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if self.csv => match serde_json::from_str::<serde_json::Number>(text) {
                Ok(number) => Value::Number(number),
                Err(_) => value.clone(),
            },
            value => value.clone(),
        }
    }

    /// The row that an event sees: the last of those with its key that are not after it and not older than another.
    fn row(&self, event: &Value) -> Option<&Row> {
        let asked = [event["u"].clone(), json!(event["r"].as_str().map(str::to_lowercase))];
        let mut found: Option<&Row> = None;
        for row in &self.table {
            let same = (0..self.keys).all(|i| {
                let have = self.read(&row.keys[i]);
                match (&have, &asked[i]) {
                    (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
                    (Value::Null, _) => false,
                    (a, b) => a == b,
                }
            });
            let valid = !self.versions || row.at <= event["timestamp"].as_i64().expect("every event has a time");
            if same && valid && found.is_none_or(|other| !self.versions || row.at >= other.at) {
                found = Some(row);
            }
        }
        found
    }

    /// The rows, sorted, and how many lookups in `t` were made and found nothing.
    fn expected(&self) -> (Vec<String>, (u64, u64)) {
        let (mut rows, mut made, mut missing) = (Vec::new(), 0, 0);
        for event in &self.events {
            if self.way == 2 && event["id"].as_i64().expect("every event has an id") % 2 != 0 {
                continue;
            }
            let found = self.row(event);
            made += 1;
            missing += u64::from(found.is_none());
            let land = found.map_or(Value::Null, |row| self.read(&row.land));
            let plan = found.map_or(Value::Null, |row| self.read(&row.plan));
            let land = match (self.way, land) {
                (1, land) if land != "de" => continue,
                (2, Value::String(text)) => json!(text.to_uppercase()),
                (5, Value::String(text)) if text == "de" => json!("Germany"),
                (5, _) => Value::Null,
                (_, land) => land,
            };
            rows.push(json!({ "id": event["id"], "land": land, "p": plan, "n": 1, "q": plan }).to_string());
        }
        rows.sort();
        (rows, (made, missing))
    }
}

fn rows(ran: &Ran) -> Vec<String> {
    let one = |row: &Value| {
        json!({ "id": row["id"], "land": row["land"], "p": row["p"], "n": row["n"], "q": row["q"] }).to_string()
    };
    let mut list: Vec<String> = ran.rows().iter().map(one).collect();
    list.sort();
    list
}

#[test]
fn lookups_when_tables_are_random_then_find_what_a_search_finds_at_every_width() {
    let rounds: u64 = std::env::var("TABLE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    // The seed can be given to see one round again.
    let given: Option<u64> = std::env::var("TABLE_SEED").ok().and_then(|n| n.parse().ok());
    let mut seen = [0; WAYS];
    let mut hits = 0;
    for seed in given.map_or(0..rounds, |seed| seed..seed + 1) {
        let mut dice = Random::new(seed);
        let case = case(&mut dice);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), case.table()).unwrap();
        std::fs::write(folder.path().join("lands"), "land,name\nde,Germany\n").unwrap();
        let mut partitions = [Vec::new(), Vec::new()];
        for event in &case.events {
            partitions[dice.below(2) as usize].extend_from_slice(format!("{event}\n").as_bytes());
        }
        let text = write_case(folder.path(), &case.pipeline(), &partitions);
        let (expected, (made, missing)) = case.expected();
        seen[case.way] += 1;
        hits += made - missing;
        for width in
            [Width::new(1, None), Width::new(2, Some(64)), Width::new(3, Some(1)), Width::two_processes(1, Some(100))]
        {
            let ran = run(&text, width).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert_eq!(rows(&ran), expected, "seed {seed}, {width:?}\n{text}\n{}", case.table());
            let t = |f: fn(&highwater::observe::TableCounts) -> u64| {
                ran.sum(|s| f(&s.tables[usize::from(s.tables[0].name != "t")]))
            };
            assert_eq!((t(|t| t.lookups), t(|t| t.missing)), (made, missing), "seed {seed}, {width:?}");
        }
    }
    assert!(given.is_some() || (seen.iter().all(|n| *n > 2) && hits > 200), "{seen:?}, {hits}");
}
