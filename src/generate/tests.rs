//! The generator as a whole: same bytes, valid lines, shares, order.

use super::*;
use crate::time::Span;
use serde_json::Value;
use std::collections::BTreeMap;

fn settings(events: u64) -> Settings {
    Settings { events, ..Settings::default() }
}

fn lines(settings: Settings, partition: u32) -> Vec<String> {
    let generator = Generator::new(settings, partition);
    let mut out = Vec::new();
    for k in 0..generator.blocks().unwrap() {
        generator.block(k, &mut out);
    }
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

/// FNV-1a, written here so that the constant below rests on nothing else.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01B3))
}

fn micros(line: &Value) -> i64 {
    (line["timestamp"].as_f64().unwrap() * 1e6).round() as i64
}

/// The event as the struct says it, as JSON.
fn spoken(e: &GeneratedEvent) -> Value {
    let number = |n: Number| match n.decimals {
        0 => Value::from(n.scaled),
        _ => Value::from(n.as_f64()),
    };
    let mut data = serde_json::Map::new();
    let mut field = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    match e.body {
        Body::PageAction { action, page, duration, .. } => {
            field("action", action.into());
            field("page", format!("product_{page}").into());
            duration.into_iter().for_each(|d| field("duration", number(d)));
        }
        Body::Search { query, duration } => {
            field("action", "search".into());
            field("query", query.text.into());
            duration.into_iter().for_each(|d| field("duration", number(d)));
        }
        Body::Transaction { kind, amount, currency, duration } => {
            field("type", kind.into());
            field("amount", number(amount));
            currency.into_iter().for_each(|c| field("currency", c.into()));
            duration.into_iter().for_each(|d| field("duration", number(d)));
        }
        Body::SystemMetric { response_time, request } => {
            field("response_time", number(response_time));
            field(if e.source == "database" { "query" } else { "endpoint" }, request.into());
        }
        Body::Error { code, endpoint, message } => {
            field("error_code", code.into());
            field("endpoint", endpoint.into());
            message.into_iter().for_each(|m| field("message", m.text.into()));
        }
        Body::Custom { name, variant, step, score } => {
            field("name", name.into());
            field("context", serde_json::json!({"variant": variant, "path": ["shop", step]}));
            field("score", number(score));
        }
    }
    let mut event = serde_json::json!({
        "event_id": format!("evt_{}", e.index), "event_type": e.body.event_type(),
        "timestamp": e.time.0 as f64 / 1e6, "source": e.source, "data": data,
    });
    let mut tags = serde_json::Map::new();
    let user_type = e.visitor.and_then(|v| v.user_type);
    for (name, value) in [("user_type", user_type), ("env", e.env), ("device", e.device)] {
        value.into_iter().for_each(|v| drop(tags.insert(name.to_owned(), v.into())));
    }
    if !tags.is_empty() {
        event["tags"] = tags.into();
    }
    if let Some(v) = e.visitor {
        event["user_id"] = format!("user_{}", v.user).into();
        v.session.into_iter().for_each(|s| event["session_id"] = format!("session_{}_{s}", v.user).into());
    }
    event
}

#[test]
fn ten_thousand_events_when_made_again_then_the_bytes_are_known() {
    let text = lines(Settings { seed: 1, ..settings(10_000) }, 0).join("\n");
    // A change of this constant is a change of every generated file: say so in the change log.
    assert_eq!(hash(text.as_bytes()), 5_614_154_188_265_863_228);
    let other = lines(Settings { seed: 2, ..settings(10_000) }, 0).join("\n");
    assert_ne!(hash(text.as_bytes()), hash(other.as_bytes()));
}

#[test]
fn lines_when_read_then_say_what_the_struct_says() {
    let generator = Generator::new(settings(20_000), 0);
    for (i, line) in lines(settings(20_000), 0).iter().enumerate() {
        let read: Value = serde_json::from_str(line).unwrap();
        assert_eq!(read, spoken(&generator.event(i as u64)), "{line}");
        assert_eq!(read["event_id"], format!("evt_{i}"));
    }
}

#[test]
fn kinds_and_sizes_when_counted_then_lie_within_their_shares() {
    let lines = lines(settings(50_000), 0);
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let (mut guests, mut people, mut fractions, mut unicode, mut escapes) = (0, 0, 0, 0, 0);
    for line in &lines {
        let e: Value = serde_json::from_str(line).unwrap();
        *kinds.entry(e["event_type"].as_str().unwrap().to_owned()).or_default() += 1;
        people += u32::from(e.get("user_id").is_some());
        guests += u32::from(e.get("user_id").is_some() && e.get("session_id").is_none());
        if let Some(n) = e["data"].get("response_time") {
            assert!(n.as_f64().unwrap() > 0.0);
            fractions += u32::from(n.is_f64());
        }
        unicode += u32::from(!line.is_ascii());
        escapes += u32::from(line.contains('\\'));
    }
    let within = |n: u32, percent: std::ops::Range<f64>| {
        assert!(percent.contains(&(f64::from(n) / 500.0)), "{n} is not {percent:?} %");
    };
    within(kinds["user_action"], 54.0..56.0);
    within(kinds["system_metric"], 19.0..21.0);
    within(kinds["transaction"], 11.0..13.0);
    within(kinds["error"], 7.5..8.5);
    within(kinds["custom"], 4.5..5.5);
    within(people, 71.0..73.0);
    within(guests, 2.0..7.0);
    within(fractions, 6.0..12.0);
    within(unicode, 0.2..2.0);
    within(escapes, 0.5..4.0);
    let mean = lines.iter().map(|l| l.len() + 1).sum::<usize>() / lines.len();
    assert!((240..=252).contains(&mean), "{mean}");
}

#[test]
fn blocks_when_made_in_any_order_and_size_then_are_the_same() {
    let whole = Generator::new(Settings { partitions: 3, ..settings(10_000) }, 1);
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    let blocks = whole.blocks().unwrap();
    assert_eq!((blocks, whole.events()), (4, Some(3_333)));
    (0..blocks).for_each(|k| whole.block(k, &mut forward));
    for k in (0..blocks).rev() {
        let mut block = Vec::new();
        whole.block(k, &mut block);
        assert_eq!(block.iter().filter(|b| **b == b'\n').count() as u64, whole.block_events(k));
        backward.splice(0..0, block);
    }
    assert_eq!(forward, backward);
    whole.block(blocks, &mut forward);
    assert_eq!(forward.len(), backward.len(), "there is nothing after the last block");
    let small = Settings { partitions: 3, block: 7, ..settings(10_000) };
    assert_eq!(lines(small, 1).join("\n").as_bytes(), &forward[..forward.len() - 1]);
}

#[test]
fn partitions_when_put_together_then_are_the_one_stream() {
    let whole = lines(settings(5_000), 0);
    let parts: Vec<_> = (0..4).map(|p| lines(Settings { partitions: 4, ..settings(5_000) }, p)).collect();
    let together: Vec<_> = (0..5_000).map(|i| parts[i % 4][i / 4].clone()).collect();
    // Late events are moved back a little further with more partitions; there are none here.
    assert_eq!(whole, together);
    assert_eq!(Generator::new(Settings { partitions: 4, ..settings(5_000) }, 4).blocks(), Some(0));
}

#[test]
fn events_when_none_is_late_then_lie_within_the_delay_and_a_tenth_out_of_order() {
    let made = settings(20_000);
    let (mut newest, mut behind) = (i64::MIN, 0);
    for line in lines(made.clone(), 0) {
        let time = micros(&serde_json::from_str(&line).unwrap());
        assert!(newest == i64::MIN || time >= newest - made.max_delay.0, "{line}");
        behind += u32::from(time < newest);
        newest = newest.max(time);
    }
    assert!((1_800..2_200).contains(&behind), "{behind}");
}

#[test]
fn late_events_when_asked_for_then_are_late_by_the_clock_with_a_tick_of_a_second() {
    for (partitions, rate) in [(1, 10_000.0), (3, 50.0)] {
        let made = Settings { late: 0.03, partitions, rate, ..settings(20_000) };
        let (mut marked, mut late) = (0, 0);
        for p in 0..partitions {
            let generator = Generator::new(made.clone(), p);
            let mut newest = None;
            for i in 0..generator.events().unwrap() {
                let e = generator.event(i);
                let tick = newest.map_or(i64::MIN, |n: i64| (n - made.max_delay.0).div_euclid(1_000_000) * 1_000_000);
                let first = newest.is_none();
                assert!(e.late || e.time.0 >= tick);
                marked += u32::from(e.late && !first);
                late += u32::from(e.time.0 < tick);
                newest = newest.max(Some(e.time.0));
            }
        }
        assert_eq!(marked, late);
        assert!((500..700).contains(&late), "{late}");
    }
}

#[test]
fn bad_lines_when_asked_for_then_are_none_of_them_an_event() {
    let made = Settings { bad: 0.05, ..settings(20_000) };
    let generator = Generator::new(made.clone(), 0);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (i, line) in lines(made, 0).iter().enumerate() {
        let read = serde_json::from_str::<Value>(line);
        let valid = read.is_ok_and(|v| v.is_object() && v["timestamp"].is_number());
        let defect = generator.event(i as u64).defect;
        assert_eq!(valid, defect.is_none(), "{line}");
        defect.into_iter().for_each(|d| *seen.entry(format!("{d:?}")).or_default() += 1);
    }
    assert_eq!(seen.len(), 6);
    assert!((900..1_100).contains(&seen.values().sum::<u32>()), "{seen:?}");
}

#[test]
fn blocks_when_paced_then_are_due_at_their_last_event() {
    let generator = Generator::new(Settings { start: EventTime(0), ..settings(2_000) }, 0);
    assert_eq!(generator.block_time(0), EventTime(102_300));
    assert_eq!(generator.block_time(1), EventTime(199_900));
    let endless = Generator::new(Settings { start: EventTime(0), rate: 4.0, ..Settings::default() }, 0);
    assert_eq!(endless.blocks(), None);
    assert_eq!(endless.block_time(0), EventTime(255_750_000));
    assert_eq!(endless.block_time(u64::MAX), endless.block_time(u64::MAX), "no overflow");
}

#[test]
fn extremes_when_made_then_nothing_panics() {
    let odd = Settings {
        events: 100,
        seed: u64::MAX,
        rate: f64::NEG_INFINITY,
        start: EventTime(i64::MIN),
        users: u64::MAX,
        pages: u32::MAX,
        disorder: f64::INFINITY,
        max_delay: Span(i64::MAX),
        late: f64::NAN,
        bad: 1.0,
        partitions: 0,
        block: u32::MAX,
    };
    assert_eq!(lines(odd.clone(), 0).len(), 100);
    let late = Settings { late: 1.0, bad: 0.0, start: EventTime(i64::MAX), ..odd };
    let scattered = Settings { events: u64::MAX - 1, partitions: u32::MAX, rate: 0.0, block: 100, ..late.clone() };
    let mut out = Vec::new();
    Generator::new(late, 0).block(0, &mut out);
    Generator::new(scattered.clone(), u32::MAX - 1).block(0, &mut out);
    Generator::new(Settings { events: u64::MAX, ..scattered }, 7).block(u64::MAX, &mut out);
    for line in String::from_utf8(out).unwrap().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
