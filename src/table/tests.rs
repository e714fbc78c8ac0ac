//! Tables against maps, and files against what is wrong with them.

use super::*;
use crate::event::{Cell, EventBatch, RowKeys, Value, key};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A value that a key or a column can have; the numbers 1 and 1.0, and texts that look like numbers, among them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum One {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'static str),
}

fn one() -> impl Strategy<Value = One> {
    prop_oneof![
        1 => Just(One::Null),
        1 => any::<bool>().prop_map(One::Bool),
        4 => (-2..5_i64).prop_map(One::Int),
        2 => (-4..10_i64).prop_map(|n| One::Float(n as f64 / 2.0)),
        3 => prop::sample::select(&["", "1", "a", "true", "a text that is longer than what is copied as a block"][..])
            .prop_map(One::Text),
    ]
}

/// What SQL calls equal has one name.
fn name(value: One) -> String {
    match value {
        One::Null => "null".into(),
        One::Bool(v) => format!("bool {v}"),
        One::Int(v) => format!("number {}", v as f64),
        // As 0 is -0.
        One::Float(v) => format!("number {}", v + 0.0),
        One::Text(v) => format!("text {v}"),
    }
}

fn cell(value: One, batch: &mut EventBatch) -> Cell {
    match value {
        One::Null => Cell::NULL,
        One::Bool(v) => Cell::bool(v),
        One::Int(v) => Cell::int(v),
        One::Float(v) => Cell::float(v),
        One::Text(v) => batch.push_str(v.as_bytes()),
    }
}

/// Rows of two key columns and two values, as a batch.
fn batch(rows: &[(i64, [One; 4])]) -> EventBatch {
    let mut batch = EventBatch::new(4);
    for (time, values) in rows {
        batch.time.push(*time);
        for (i, value) in values.iter().enumerate() {
            let cell = cell(*value, &mut batch);
            batch.columns[i].push(cell);
        }
    }
    batch
}

fn built(rows: &[(i64, [One; 4])], versioned: bool) -> Built {
    let mut builder = Builder::new(2, versioned);
    // In batches, as a file comes.
    rows.chunks(7).for_each(|rows| builder.add(&batch(rows), &[0, 1], &[2, 3]));
    assert_eq!(builder.rows(), rows.len() as u64);
    builder.build().unwrap()
}

/// The values of a row as their names; floats are not what they are equal to.
fn shown(row: &[u8]) -> Vec<String> {
    let (mut rest, mut list) = (row, Vec::new());
    while let Some((value, more)) = key::decode(rest) {
        list.push(match value {
            Value::Float(v) => format!("float {v:?}"),
            Value::Str(text) => format!("text {}", std::str::from_utf8(text).unwrap()),
            other => format!("{other:?}"),
        });
        rest = more;
    }
    list
}

fn encoded(values: &[One]) -> Vec<u8> {
    let (mut batch, mut out) = (EventBatch::new(0), Vec::new());
    for value in values {
        let cell = cell(*value, &mut batch);
        key::encode_value(cell, &batch.bytes, &mut out);
    }
    out
}

type Rows = Vec<(i64, [One; 4])>;

fn rows() -> impl Strategy<Value = Rows> {
    prop::collection::vec((0..8_i64, [one(), one(), one(), one()]), 0..60)
}

/// The table as a map: of each key its rows by time, where the last of a time counts.
fn naive(rows: &Rows, versioned: bool) -> BTreeMap<(String, String), BTreeMap<i64, [One; 2]>> {
    let mut map: BTreeMap<_, BTreeMap<i64, [One; 2]>> = BTreeMap::new();
    for (time, [a, b, x, y]) in rows.iter().filter(|(_, row)| row[0] != One::Null && row[1] != One::Null) {
        let time = if versioned { *time } else { 0 };
        map.entry((name(*a), name(*b))).or_default().insert(time, [*x, *y]);
    }
    map
}

proptest! {
    #[test]
    fn a_table_when_it_is_asked_then_answers_as_a_map_does(rows in rows(), asked in rows(), versioned in any::<bool>()) {
        let Built { table, replaced, without_key } = built(&rows, versioned);
        let map = naive(&rows, versioned);
        let kept: usize = map.values().map(BTreeMap::len).sum();
        prop_assert_eq!((table.keys(), table.rows()), (map.len(), kept));
        prop_assert_eq!(replaced + without_key + kept as u64, rows.len() as u64);
        let all: Rows = rows.iter().chain(&asked).copied().collect();
        let batch = batch(&all);
        let numbers: Vec<u32> = (0..all.len() as u32).collect();
        let mut keys = RowKeys::default();
        keys.fill(&batch, &[0, 1], &numbers);
        let mut found = Vec::new();
        table.find(&keys, |i| all[i].0, |i, row| {
            assert_eq!((i, row), (found.len(), table.lookup(keys.hash(i as u32), keys.key(i as u32), all[i].0)));
            found.push(row.map(<[u8]>::to_vec));
        });
        prop_assert_eq!(found.len(), all.len());
        for ((time, row), found) in all.iter().zip(found) {
            let versions = map.get(&(name(row[0]), name(row[1])));
            let limit = if versioned { *time } else { i64::MAX };
            let expected = versions.and_then(|versions| versions.range(..=limit).next_back());
            prop_assert_eq!(found.map(|row| shown(&row)), expected.map(|(_, row)| shown(&encoded(row))));
        }
    }

    #[test]
    fn changes_when_they_are_applied_to_the_old_table_then_give_the_new(old in rows(), new in rows(), versioned in any::<bool>()) {
        type Held = BTreeMap<Vec<u8>, Vec<(i64, Option<i64>, Vec<u8>)>>;
        let list = |rows: crate::table::KeyRows<'_>| rows.iter().map(|(from, until, row)| (from, until, row.to_vec())).collect::<Vec<_>>();
        let map = |table: &Table| -> Held { table.iter().map(|(key, rows)| (key.to_vec(), list(rows))).collect() };
        let (old, new) = (built(&old, versioned).table, built(&new, versioned).table);
        let (mut rows, expected) = (map(&old), map(&new));
        prop_assert_eq!(expected.len(), new.keys());
        for Change { key, old, new } in new.changes_since(&old) {
            prop_assert_ne!(&old, &new);
            let was = match new {
                Some(new) => rows.insert(key.to_vec(), list(new)),
                None => rows.remove(key),
            };
            prop_assert_eq!(was, old.map(list));
        }
        prop_assert_eq!(rows, expected);
        prop_assert_eq!(new.changes_since(&new).count(), 0);
    }

    #[test]
    fn versions_when_they_are_listed_then_hold_until_the_next_and_are_what_is_found_then(rows in rows()) {
        let table = built(&rows, true).table;
        let mut listed = 0;
        for (key, rows) in table.iter() {
            let list: Vec<_> = rows.iter().collect();
            prop_assert!(list.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 == Some(two[1].0)));
            prop_assert_eq!(list.last().map(|last| last.1), Some(None));
            let find = |time| table.lookup(crate::event::key::hash(key), key, time);
            prop_assert_eq!(find(list[0].0 - 1), None);
            for (from, until, row) in &list {
                prop_assert_eq!((find(*from), find(until.map_or(i64::MAX, |until| until - 1))), (Some(*row), Some(*row)));
            }
            listed += list.len();
        }
        prop_assert_eq!(listed, table.rows());
    }

    #[test]
    fn rows_when_their_keys_differ_then_may_come_in_any_order(rows in rows().prop_shuffle(), versioned in any::<bool>()) {
        // Of one key and time only the first that comes is left.
        let mut seen = std::collections::BTreeSet::new();
        let mut rows: Rows = rows;
        rows.retain(|(time, [a, b, ..])| seen.insert((name(*a), name(*b), versioned.then_some(*time))));
        let table = built(&rows, versioned).table;
        rows.reverse();
        prop_assert_eq!(built(&rows, versioned).table, table);
    }
}

#[test]
fn a_table_when_it_is_empty_then_finds_nothing() {
    for table in [Table::empty(1), built(&Vec::new(), false).table] {
        assert_eq!((table.lookup(0, &[], 0), table.lookup(u64::MAX, b"x", 0)), (None, None));
        assert_eq!((table.iter().count(), table.changes_since(&table).count()), (0, 0));
    }
}

#[test]
fn handles_when_a_table_is_replaced_then_see_it_when_they_look() {
    let (old, new) = (vec![(0, [One::Int(1); 4])], vec![(0, [One::Int(1), One::Int(1), One::Int(2), One::Int(2)])]);
    let tables = Tables::new(vec![built(&old, false).table]);
    let mut handles = Handles::new(&tables);
    let first = tables.get(0).replace(built(&new, false).table);
    handles.refresh();
    assert_eq!((handles.get(0), tables.get(0).version()), (&built(&new, false).table, 1));
    assert_eq!(*first, built(&old, false).table);
}

/// The table `t` of a pipeline whose file has this text; `settings` are keys of it.
fn read(settings: &str, columns: &[&str], bytes: &[u8]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    std::fs::write(&path, bytes).unwrap();
    read_at(settings, columns, &path).map_err(|e| e.replace(&path.display().to_string(), "t"))
}

fn read_at(settings: &str, columns: &[&str], path: &Path) -> Result<Loaded, String> {
    let text = format!("[tables.t]\ntype = \"file\"\npath = {:?}\n{settings}\n", path.display().to_string());
    let (config, _) = crate::config::parse("p.toml", &text, &[], &|_| None);
    let config = config.unwrap();
    let table = &config.tables[0];
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    load(&Spec::new(table, &columns).unwrap()).map_err(|e| e.to_string())
}

fn look(table: &Table, key: &[One], time: i64) -> Option<Vec<String>> {
    let mut batch = EventBatch::new(0);
    let mut bytes = Vec::new();
    for value in key {
        let cell = cell(*value, &mut batch);
        key::encode(cell, &batch.bytes, &mut bytes);
    }
    table.lookup(key::hash(&bytes), &bytes, time).map(shown)
}

#[test]
fn files_when_they_are_csv_or_json_then_are_tables() {
    let csv = "\u{feff}id,country,age\r\n1,\"de, fr\",30\r\nx,,\r\n\r\n2.0,\"a \"\"b\"\"\",true\n,zz,1\n1,us,31";
    let loaded = read("format = \"csv\"\nkey = \"id\"", &["country", "age"], csv.as_bytes()).unwrap();
    assert_eq!((loaded.table.rows(), loaded.replaced, loaded.without_key), (3, 1, 1));
    for (key, row) in [
        (One::Float(1.0), Some(["text us", "Int(31)"])),
        (One::Text("x"), Some(["Null", "Null"])),
        (One::Int(2), Some(["text a \"b\"", "Bool(true)"])),
        (One::Text("1"), None),
    ] {
        assert_eq!(look(&loaded.table, &[key], 0), row.map(|row| row.map(str::to_owned).to_vec()), "{key:?}");
    }
    let json = "{\"id\":{\"a\":1},\"b\":\"x\",\"v\":1.0,\"at\":\"1970-01-01T00:00:02Z\"}\n\n\
                {\"b\":\"x\",\"id\":{\"a\":1},\"v\":{\"n\":[1]},\"at\":\"1970-01-01T00:00:01Z\"}\n";
    let settings = "format = \"json\"\nkey = [\"id.a\", \"b\"]\ntime = { field = \"at\", unit = \"rfc3339\" }";
    let loaded = read(settings, &["v"], json.as_bytes()).unwrap();
    let key = [One::Int(1), One::Text("x")];
    assert_eq!(look(&loaded.table, &key, 999_999), None);
    assert_eq!(look(&loaded.table, &key, 1_999_999), Some(vec![format!("{:?}", Value::Json(b"{\"n\":[1]}"))]));
    assert_eq!(look(&loaded.table, &key, 2_000_000), Some(vec!["float 1.0".to_owned()]));
    // A key column may be a value too, and a file of nothing but names is a table.
    let loaded = read("format = \"csv\"\nkey = \"id\"", &["id"], b"id").unwrap();
    assert_eq!(loaded.table.rows(), 0);
    assert_eq!(read("format = \"json\"\nkey = \"id\"", &["id"], b"").unwrap().table.rows(), 0);
}

#[test]
fn files_when_something_is_wrong_then_say_what_and_where() {
    let csv = "format = \"csv\"\nkey = \"id\"";
    let versions = "format = \"csv\"\nkey = \"id\"\ntime = { field = \"at\" }";
    let many: String = (0..200_000).map(|i| format!("{i},{i}\n")).collect();
    let cases: [(&str, &str, &str); 8] = [
        (
            csv,
            "",
            "error[table.column]: the file of table t is empty\n  --> t\n  help: its first line names the columns",
        ),
        (
            csv,
            "di,name,plan\n1,a,b\n",
            "error[table.column]: table t has no column 'id'\n  --> t:1\n  help: did you mean di? The first line names the columns",
        ),
        (
            csv,
            "id,name\n1,a\n",
            "error[table.column]: table t has no column 'plan'\n  --> t:1\n  help: the first line names id, name",
        ),
        (csv, "id,plan\n\n1,a\n2\n3,\"x\n", "error[table.row]: a line is no row of table t (field_count): "),
        (versions, "id,plan,at\n1,a,1\n2,b,\n", "error[table.row]: a line is no row of table t (time_missing): "),
        (csv, "id,plan\n,a\n", "error[table.key]: no row of table t has a value of its key: id\n  --> t\n"),
        (
            "format = \"json\"\nkey = \"id\"",
            "{\"plan\":1}\n",
            "error[table.key]: no row of table t has a value of its key: id\n  --> t\n",
        ),
        (
            "format = \"json\"\nkey = \"id\"",
            "{\"id\":1}\n{\"id\":2}\nx\n",
            "error[table.row]: a line is no row of table t (syntax): ",
        ),
    ];
    let mut said = Vec::new();
    for (settings, text, expected) in cases {
        let error = read(settings, &["plan"], text.as_bytes()).unwrap_err();
        assert!(error.starts_with(expected), "{error}\n\n{expected}");
        said.push(error);
    }
    for (i, place) in
        [(3, "--> t:4\n  help: mend the line; one other is wrong too"), (4, "--> t:3\n"), (7, "--> t:3\n")]
    {
        assert!(said[i].contains(place), "{}", said[i]);
    }
    // Far behind, in another block.
    let error = read(csv, &["plan"], format!("id,plan\n{many}1\n").as_bytes()).unwrap_err();
    assert!(error.contains("--> t:200002\n"), "{error}");
    let large = read(csv, &["plan"], format!("id,plan\n{many}").as_bytes()).unwrap().table;
    assert_eq!((large.rows(), large.keys(), large.iter().count()), (200_000, 200_000, 200_000));
    for n in [0, 77_777, 199_999] {
        assert_eq!(look(&large, &[One::Int(n)], 0), Some(vec![format!("Int({n})")]));
    }
    assert_eq!(look(&large, &[One::Int(200_000)], 0), None);
    assert_eq!((large.changes_since(&Table::empty(1)).count(), large.changes_since(&large).count()), (200_000, 0));
    let error = read_at(csv, &[], Path::new("/nowhere/t")).unwrap_err();
    assert!(error.starts_with("error[table.open]: the file of table t cannot be read: "), "{error}");
    assert!(error.contains("--> /nowhere/t\n"), "{error}");
    let error = read_at(csv, &[], Path::new("/")).unwrap_err();
    assert!(error.starts_with("error[table.open]: "), "{error}");
}

#[test]
fn content_when_it_is_the_same_then_has_the_same_hash() {
    let settings = "format = \"csv\"\nkey = \"id\"";
    let content = |text: &str| read(settings, &[], text.as_bytes()).unwrap().content;
    assert_eq!(content("id\n1\n2\n"), content("id\n1\n2\n"));
    assert_ne!(content("id\n1\n2\n"), content("id\n2\n1\n"));
}

#[test]
fn rows_of_which_no_order_is_known_give_one_table_in_any_order() {
    // Key, time, value; the greatest value of a key and time counts.
    let rows = [(1, 0, 5), (1, 0, 7), (2, 0, 1), (1, 9, 2), (1, 0, 6), (2, 0, 1)];
    let bytes = |n: i64| {
        let mut out = Vec::new();
        key::encode(Cell::int(n), &[], &mut out);
        out
    };
    let built = |order: &[usize], versioned: bool| {
        let mut builder = Builder::new(1, versioned).unordered();
        order.iter().map(|i| rows[*i]).for_each(|(key, time, value)| builder.push(&bytes(key), time, &bytes(value)));
        let built = builder.build().unwrap();
        (built.replaced, built.table.content(), built.table)
    };
    for versioned in [false, true] {
        let first = built(&[0, 1, 2, 3, 4, 5], versioned);
        assert_eq!(first.0, if versioned { 3 } else { 4 });
        for order in [[5, 4, 3, 2, 1, 0], [3, 1, 5, 0, 2, 4], [1, 0, 4, 2, 5, 3]] {
            assert_eq!(built(&order, versioned), first, "{order:?}");
        }
        let seven = look(&first.2, &[One::Int(1)], 0);
        assert_eq!(seven, Some(vec!["Int(7)".to_owned()]), "{versioned}");
        assert_ne!(built(&[0, 2, 3, 4, 5], versioned).1, first.1);
    }
}
