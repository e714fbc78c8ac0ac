//! The decoder against the `csv` crate over random documents, and the cases where it is stricter.

use super::*;
use crate::event::{FieldPath, Value};
use crate::time::TimeUnit;
use proptest::prelude::*;

fn config() -> CsvConfig {
    CsvConfig {
        header: true,
        columns: Vec::new(),
        delimiter: b',',
        quote: Some(b'"'),
        null: String::new(),
        types: Vec::new(),
    }
}

fn wanted(paths: &[&str]) -> Wanted {
    let paths = paths.iter().map(|p| FieldPath::dotted(p)).collect();
    Wanted { paths, time: Some(FieldPath::dotted("t")), unit: TimeUnit::Seconds, format: None, prefilter: None }
}

/// Rows as text, and rejects as (offset, reason).
fn decode(config: &CsvConfig, wanted: &Wanted, head: &str, body: &[u8]) -> (Vec<String>, Vec<(u32, &'static str)>) {
    let mut decoder = CsvDecoder::new(config, wanted.clone());
    let mut batch = EventBatch::new(wanted.paths.len());
    batch.bytes = body.to_vec();
    let head: Option<Arc<[u8]>> = config.header.then(|| head.as_bytes().into());
    let mut rejects = Vec::new();
    decoder.decode(&mut batch, 0..body.len(), head.as_ref(), &mut rejects);
    let show = |value: Value<'_>| match value {
        Value::Null => "-".to_owned(),
        Value::Bool(v) => format!("bool {v}"),
        Value::Int(v) => format!("int {v}"),
        Value::Float(v) => format!("float {v}"),
        Value::Time(v) => format!("time {v}"),
        Value::Str(v) | Value::Json(v) => format!("text {}", std::str::from_utf8(v).unwrap()),
    };
    let rows = (0..batch.rows()).map(|row| {
        let cells: Vec<String> = batch.columns.iter().map(|c| show(c[row].value(&batch.bytes))).collect();
        format!("{}: {}", batch.time[row], cells.join(", "))
    });
    (rows.collect(), rejects.iter().map(|r| (r.offset, r.reason.code())).collect())
}

#[test]
fn values_when_they_look_like_json_then_are_typed_each_for_itself() {
    let body = b"1,2,x\n1.5,-2.50,true\r\n2,01,false\n3,1e999,\"\"\n4,,\"a \"\"b\"\", c\"\n5,\"7\",\xc3\xa9\n";
    let (rows, rejects) = decode(&config(), &wanted(&["a", "b.c", "none"]), "t,a,b.c", body);
    let expected = [
        "1000000: int 2, text x, -",
        "1500000: float -2.5, bool true, -",
        "2000000: text 01, bool false, -",
        "3000000: text 1e999, text , -",
        "4000000: -, text a \"b\", c, -",
        "5000000: int 7, text é, -",
    ];
    assert_eq!((rows, rejects), (expected.map(str::to_owned).to_vec(), vec![]));
}

#[test]
fn lines_when_they_are_no_events_then_are_rejected_by_reason() {
    let mut config = config();
    config.types = vec![
        ("i".into(), FieldType::Int),
        ("f".into(), FieldType::Float),
        ("b".into(), FieldType::Bool),
        ("at".into(), FieldType::Time),
    ];
    let lines: [(&[u8], &str); 13] = [
        (b"1,2,3,true,1970-01-01T00:00:01Z", ""),
        (b"1,2.5,3,true,", "value_type"),
        (b"1,2,x,true,", "value_type"),
        (b"1,2,3,yes,", "value_type"),
        (b"1,2,3,true,now", "value_type"),
        (b"1,2,3,true", "field_count"),
        (b"1,2,3,true,,", "field_count"),
        (b"1,\"2,3,true,", "quotes"),
        (b"1,2\"\",3,true,", "quotes"),
        (b"1,\"2\"2,3,true,", "quotes"),
        (b",2,3,true,", "time_missing"),
        (b"now,2,3,true,", "time_type"),
        (b"1,2,3,tru\xff,", "encoding"),
    ];
    let wanted = wanted(&["i", "f", "b", "at"]);
    let body: Vec<u8> = lines.iter().flat_map(|(line, _)| [*line, b"\n"].concat()).collect();
    let (rows, rejects) = decode(&config, &wanted, "t,i,f,b,at", &body);
    assert_eq!(rows, ["1000000: int 2, float 3, bool true, time 1000000"]);
    let reasons: Vec<&str> = rejects.iter().map(|r| r.1).collect();
    assert_eq!(reasons, lines[1..].iter().map(|l| l.1).collect::<Vec<_>>());
    for (line, reason) in lines {
        let (rows, rejects) = decode(&config, &wanted, "t,i,f,b,at", line);
        assert_eq!((rows.len(), rejects.first().map_or("", |r| r.1)), (usize::from(reason.is_empty()), reason));
    }
}

#[test]
fn columns_when_there_is_no_header_then_are_those_of_the_settings() {
    let settings = CsvConfig {
        header: false,
        columns: vec!["t".into(), "a".into(), "a".into()],
        delimiter: b'\t',
        quote: None,
        null: "NA".into(),
        ..config()
    };
    let (rows, rejects) = decode(&settings, &wanted(&["a"]), "", b"1\tx\t\"y\"\n\n   \n2\t\tNA\n3\t,\t\n");
    assert_eq!(
        (rows, rejects.len()),
        (vec!["1000000: text \"y\"".into(), "2000000: text ".into(), "3000000: text ".into()], 0)
    );
}

#[test]
fn prefilter_when_it_looks_at_text_with_quotes_then_sees_what_they_mean() {
    let mut wanted = wanted(&["a"]);
    wanted.prefilter = Some((0, vec!["x\"y".into(), "z".into()]));
    let (rows, _) = decode(&config(), &wanted, "t,a", b"1,\"x\"\"y\"\n2,z\n3,\"z\"\n4,1\n5,\n6,\"x\"\"\"\n");
    assert_eq!(rows, ["1000000: text x\"y", "2000000: text z", "3000000: text z"]);
}

proptest! {
    #[test]
    fn documents_are_read_as_the_csv_crate_reads_them(
        table in prop::collection::vec(prop::collection::vec("[a-c\"', é;]{0,6}", 3), 0..30),
        always in any::<bool>(),
        semicolon in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let delimiter = if semicolon { b';' } else { b',' };
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer =
            csv::WriterBuilder::new().delimiter(delimiter).quote_style(style).terminator(end).from_writer(Vec::new());
        for (i, row) in table.iter().enumerate() {
            writer.write_record([&[i.to_string()], &row[..]].concat()).unwrap();
        }
        let body = writer.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(&body[..]);
        let expected: Vec<String> = reader.records().map(|record| {
            let record = record.unwrap();
            let cells: Vec<String> = record.iter().skip(1).map(|f| format!("text {f}")).collect();
            format!("{}000000: {}", &record[0], cells.join(", ")).replacen("0000000:", "0000000:", 1)
        }).collect();
        let expected: Vec<String> = expected.into_iter().map(|row| row.strip_prefix("0000000:").map_or(row.clone(), |rest| format!("0:{rest}"))).collect();
        let mut settings = config();
        settings.delimiter = delimiter;
        // A text that is nowhere: empty fields stay text.
        settings.null = "NULL".into();
        let head = if semicolon { "t;a;b;c" } else { "t,a,b,c" };
        let (rows, rejects) = decode(&settings, &wanted(&["a", "b", "c"]), head, &body);
        prop_assert_eq!(rows, expected);
        prop_assert!(rejects.is_empty());
    }

    #[test]
    fn any_bytes_are_rows_or_rejects_and_never_a_panic(body in prop::collection::vec(prop::sample::select(&b"1,\"\n\r a\xff\xc3\xa9"[..]), 0..200)) {
        let (rows, rejects) = decode(&config(), &wanted(&["a"]), "t,a", &body);
        let lines = body.split(|b| *b == b'\n').filter(|l| !is_blank(l.strip_suffix(b"\r").unwrap_or(l)));
        prop_assert_eq!(rows.len() + rejects.len(), lines.count());
    }
}

#[test]
fn rows_when_no_time_is_wanted_then_need_none() {
    let wanted = Wanted { time: None, ..wanted(&["a"]) };
    let (rows, rejects) = decode(&config(), &wanted, "t,a", b"soon,1\n,2\n3\n");
    assert_eq!(rows, ["0: int 1", "0: int 2"]);
    assert_eq!(rejects, [(10, "field_count")]);
}
