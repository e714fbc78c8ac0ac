//! Pipelines that read the program's own events and give it rows.

use super::*;
use crate::error::Kind;
use std::sync::mpsc::{Receiver, channel};

/// 1000 events over 100 s, some of them out of order.
fn events() -> Vec<serde_json::Value> {
    let time = |i: i64| if i % 7 == 0 { i - 30 } else { i } as f64 / 10.0;
    (0..1000).map(|i| serde_json::json!({"timestamp": 100.0 + time(i), "k": i % 3, "v": i})).collect()
}

fn window() -> Window {
    Window::tumbling("10s").from("e").allowed_lateness("1m").group_by("k", "k").select("total", "sum(v)")
}

/// A pipeline that gives all of its rows as text.
fn rows(source: Source) -> (Pipeline, Receiver<String>) {
    let (say, rows) = channel();
    let pipeline = Pipeline::new("p").source("e", source).window("w", window());
    (pipeline.on_rows("w", move |row| say.send(row.to_string())), rows)
}

#[test]
fn rows_are_the_same_at_any_width_whichever_way_events_come() {
    let (pipeline, first) = rows(Source::events(events()));
    let outcome = pipeline.run().unwrap();
    let first: Vec<String> = first.iter().collect();
    assert!(first.len() > 33 && first.iter().any(|row| row.contains("\"op\":\"-\"")), "{first:?}");
    assert_eq!(outcome.sinks[0].rows, first.len() as u64);
    for workers in [1, 2, 3] {
        let lines: Vec<String> = events().iter().map(|event| format!("{event:#}")).collect();
        let (pipeline, again) = rows(Source::lines(lines));
        pipeline.workers(workers).run().unwrap();
        assert_eq!(again.iter().collect::<Vec<_>>(), first);
        let (sender, source) = Source::channel();
        let sending = std::thread::spawn(move || events().iter().try_for_each(|event| sender.send_event(event)));
        let (pipeline, again) = rows(source);
        pipeline.workers(workers).run().unwrap();
        sending.join().unwrap().unwrap();
        assert_eq!(again.iter().collect::<Vec<_>>(), first);
    }
}

#[test]
fn a_pipeline_with_serve_is_served_until_it_ends() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (sender, source) = Source::channel();
    let (pipeline, rows) = rows(source);
    let pipeline = pipeline.with("serve.listen", address.as_str());
    let running = std::thread::spawn(move || pipeline.run().map(|outcome| outcome.sinks.len()));
    events().iter().for_each(|event| sender.send_event(event).unwrap());
    // The run has begun.
    rows.recv().unwrap();
    let mut client = TcpStream::connect(&address).unwrap();
    write!(client, "GET /v1/pipeline HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"name\":\"w\"") && answer.contains("\"state\":\"running\""), "{answer}");
    drop(sender);
    // The rows for the server are last.
    assert_eq!(running.join().unwrap().unwrap(), 2);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn rows_have_names_and_values_and_a_mode_chooses_among_them() {
    let (say, rows) = channel();
    let first = Sink::call(move |row| {
        let key = row.dimensions().map(|(name, value)| (name.to_owned(), value.into_owned())).collect::<Vec<_>>();
        say.send((row.name().to_owned(), key, row.get("total").as_i64(), row.revision(), row.window_end().0))
    });
    let pipeline = Pipeline::new("p").source("e", Source::events(events())).window("w", window());
    pipeline.sink("mine", first.from("w").mode("first")).run().unwrap();
    let rows: Vec<_> = rows.iter().collect();
    assert!(rows.iter().all(|row| row.3 == 0));
    let expected = ("w".to_owned(), vec![("k".to_owned(), OwnedValue::Int(0))]);
    assert_eq!((rows[0].0.clone(), rows[0].1.clone(), rows[0].4), (expected.0, expected.1, 100_000_000));
}

use crate::event::OwnedValue;

#[test]
fn an_error_and_a_panic_of_a_function_that_takes_rows_end_the_run() {
    let run = |pipeline: Pipeline| match pipeline.run().unwrap_err() {
        PipelineError::Run(error) => error,
        other => panic!("{other}"),
    };
    let pipeline = || Pipeline::new("p").source("e", Source::events(events())).window("w", window()).workers(2);
    let error = run(pipeline().on_rows("w", |_| Err("no disk")));
    assert_eq!((error.kind, error.code), (Kind::Outside, "sink.call"), "{error}");
    assert!(error.place.unwrap().starts_with("sinks.on-w at {\"name\":\"w\""));
    let error = run(pipeline().on_rows("w", |_| assert!(std::hint::black_box(false), "on purpose")));
    assert_eq!((error.kind, error.code), (Kind::User, "sink.call_panic"), "{error}");
}

#[test]
fn an_iterator_that_panics_and_an_event_that_is_no_json_end_the_run_and_never_hang_it() {
    let lines = (0..10).map(|i| if i < 5 { "{\"timestamp\": 1}" } else { panic!("on purpose") });
    let (pipeline, _rows) = rows(Source::lines(lines));
    let text = pipeline.workers(2).run().unwrap_err().to_string();
    assert!(text.contains("the iterator panicked: on purpose"), "{text}");
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let (pipeline, _rows) = rows(Source::events([map]));
    let text = pipeline.run().unwrap_err().to_string();
    assert!(text.contains("key must be a string"), "{text}");
}

#[test]
fn a_sender_hears_that_the_run_has_ended() {
    let (sender, source) = Source::channel();
    let sending = std::thread::spawn(move || {
        let mut sent = 0;
        while sender.send(&format!("{{\"timestamp\": {sent}}}")).is_ok() {
            sent += 100;
        }
    });
    let pipeline = Pipeline::new("p").source("e", source).window("w", window());
    let text = pipeline.on_rows("w", |_| Err("enough")).run().unwrap_err().to_string();
    assert!(text.contains("enough"), "{text}");
    sending.join().unwrap();
}

#[test]
fn a_plan_with_parts_of_a_program_says_so_where_they_are_not_brought() {
    let run = |pipeline: &Pipeline| {
        crate::engine::run(pipeline.plan().unwrap(), crate::engine::Options::local(1)).unwrap_err()
    };
    let (pipeline, _rows) = rows(Source::lines(["{}"]));
    assert_eq!(run(&pipeline).code, "engine.given");
    let (pipeline, _rows) = rows(Source::generate());
    let error = run(&pipeline);
    assert_eq!((error.code, &*error.message), ("engine.given", "the rows of sink on-w go to a program"));
}
