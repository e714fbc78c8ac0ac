//! Lines of an access log and of nothing in particular.

use super::*;
use crate::event::{FieldPath, Value};
use crate::time::TimeUnit;

fn decode(
    pattern: Option<&str>,
    types: &[(&str, FieldType)],
    paths: &[&str],
    body: &[u8],
) -> (Vec<String>, Vec<&'static str>) {
    let types = types.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
    let wanted = Wanted {
        paths: paths.iter().map(|p| FieldPath::dotted(p)).collect(),
        time: Some(FieldPath::dotted("at")),
        unit: TimeUnit::Rfc3339,
        format: None,
        prefilter: None,
    };
    let mut decoder = LinesDecoder::new(&LinesConfig { pattern: pattern.map(str::to_owned), types }, wanted);
    let mut batch = EventBatch::new(paths.len());
    batch.bytes = body.to_vec();
    let mut rejects = Vec::new();
    decoder.decode(&mut batch, 0..body.len(), &mut rejects);
    let show = |value: Value<'_>| match value {
        Value::Null => "-".to_owned(),
        Value::Int(v) => format!("int {v}"),
        Value::Str(v) => String::from_utf8(v.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    let rows = (0..batch.rows()).map(|row| {
        let cells: Vec<String> = batch.columns.iter().map(|c| show(c[row].value(&batch.bytes))).collect();
        format!("{} {}", batch.time[row], cells.join("|"))
    });
    (rows.collect(), rejects.iter().map(|r| r.reason.code()).collect())
}

#[test]
fn groups_are_fields_and_lines_without_the_pattern_are_rejects() {
    let body = b"1970-01-01T00:00:01Z GET /a 200\r\n\nnothing\n1970-01-01T00:00:02Z PUT /\xc3\xa9 -\n\
        soon GET /a 200\n1970-01-01T00:00:03Z G\xff /a 200\n1970-01-01T00:00:04Z GET /a 99999999999999999999\n";
    let pattern = r"^(?<at>\S+) (?<method>\S+) (?<path>\S+) (?:(?<status>\d+)|-)$";
    let types = [("status", FieldType::Int)];
    let (rows, rejects) = decode(Some(pattern), &types, &["path", "status", "line", "none"], body);
    let expected =
        ["1000000 /a|int 200|1970-01-01T00:00:01Z GET /a 200|-", "2000000 /é|-|1970-01-01T00:00:02Z PUT /é -|-"];
    assert_eq!(rows, expected);
    assert_eq!(rejects, ["no_match", "time_type", "encoding", "value_type"]);
}

#[test]
fn a_line_without_a_pattern_has_no_time() {
    assert_eq!(decode(None, &[], &["line"], b"a\n\nb"), (vec![], vec!["time_missing", "time_missing"]));
}

#[test]
fn a_line_when_no_time_is_wanted_then_needs_none() {
    let wanted = Wanted {
        paths: vec![FieldPath::dotted("line")],
        time: None,
        unit: TimeUnit::Seconds,
        format: None,
        prefilter: None,
    };
    let mut decoder = LinesDecoder::new(&LinesConfig { pattern: None, types: Vec::new() }, wanted);
    let mut batch = EventBatch::new(1);
    batch.bytes = b"a\n\nb".to_vec();
    let mut rejects = Vec::new();
    decoder.decode(&mut batch, 0..4, &mut rejects);
    assert_eq!((batch.rows(), batch.events, batch.time.as_slice(), rejects.len()), (2, 2, &[0, 0][..], 0));
}
