//! Notes of operators into spans, without a dataflow.

use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

const RUN: [u8; 16] = [9; 16];

fn trace(process: usize) -> (Arc<Trace>, Receiver<Span>) {
    let (say, said) = channel();
    let trace = Trace::new(Duration::ZERO, move |span| say.send(span).unwrap());
    trace.begin(About { run: RUN, process, processes: 2, pipeline: "shop".into(), step: 10 });
    (Arc::new(trace), said)
}

fn text(span: &Span, name: &str) -> String {
    match span.attributes.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone()) {
        Some(Attribute::Text(text)) => text,
        Some(Attribute::Int(n)) => n.to_string(),
        other => format!("{other:?}"),
    }
}

/// By name, those of one trace, which is that of the tick; parents are among them or the root.
fn by_name(said: &Receiver<Span>, tick: i64) -> BTreeMap<String, Vec<Span>> {
    let spans: Vec<Span> = said.try_iter().filter(|span| span.trace == TraceId::of_tick(&RUN, tick)).collect();
    let mut all = BTreeMap::<String, Vec<Span>>::new();
    for span in &spans {
        assert!(span.start <= span.end && span.start > 0, "{span:?}");
        let root = SpanId::root(span.trace);
        match span.parent {
            None => assert_eq!((span.id, span.name.as_str()), (root, "tick")),
            Some(parent) => assert!(parent == root || spans.iter().any(|one| one.id == parent), "{span:?}"),
        }
        all.entry(span.name.clone()).or_default().push(span.clone());
    }
    all
}

fn block(trace: &Trace, index: u64) -> BlockNote {
    let at = [trace.now(), trace.now(), trace.now()];
    BlockNote { partition: 1, index, position: 7, bytes: 100, events: 3, rejected: 1, at }
}

#[test]
fn a_step_is_told_from_its_blocks_to_its_sink() {
    let (trace, said) = trace(0);
    let mut source = SourceNotes::new(&trace, "events", vec!["a".into(), "b".into()], 0);
    let mut window = PartNotes::new(&trace, "window", "pages", 0);
    let sink = SinkNotes::new(&trace, "out");
    source.block(|| block(&trace, 4));
    source.turn(Some(40), 45);
    window.end(window.begin(), Some(35), 1);
    source.block(|| block(&trace, 5));
    source.turn(Some(40), 49);
    window.end(window.begin(), Some(40), 0);
    trace.passed(Some(40));
    source.block(|| block(&trace, 6));
    source.turn(Some(45), 55);
    window.end(window.begin(), Some(45), 2);
    sink.complete(40, 2, 64);
    sink.complete(40, 2, 64);
    trace.passed(Some(45));
    let before: Vec<Span> = said.try_iter().collect();
    assert!(before.iter().all(|span| span.name != "tick"), "the rows are not written");
    let [window] = &before.iter().filter(|span| span.name == "window pages").collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(["turns", "rows"].map(|name| text(window, &format!("highwater.{name}"))), ["3", "3"]);
    assert_eq!(sink.write(Some(40), || 7), 7);
    sink.flush(|| ());
    let rest = by_name(&said, 40);
    assert_eq!(rest.keys().map(String::as_str).collect::<Vec<_>>(), ["flush", "sink out", "tick", "wait", "write"]);
    assert_eq!(text(&rest["sink out"][0], "highwater.rows"), "2");
    assert_eq!(text(&rest["tick"][0], "highwater.tick"), "1970-01-01T00:00:00.000040Z");
    assert_eq!(trace.on.as_ref().unwrap().live.get().unwrap().open.load(Relaxed), 0);
}

#[test]
fn blocks_are_those_of_the_step_and_their_number_is_bounded() {
    let (trace, said) = trace(0);
    let mut source = SourceNotes::new(&trace, "events", vec!["a".into(), "b".into()], 3);
    source.turn(Some(39), 39);
    source.block(|| block(&trace, 1));
    // One long stretch: the step with the highest level of those that end in it.
    source.turn(Some(99), 99);
    for i in 2..60 {
        source.block(|| block(&trace, i));
    }
    source.turn(Some(100), 100);
    source.block(|| block(&trace, 60));
    source.turn(None, 101);
    let spans = by_name(&said, 80);
    let source = &spans["source events"][0];
    assert_eq!(["highwater.blocks", "highwater.bytes", "highwater.worker"].map(|n| text(source, n)), ["1", "100", "3"]);
    assert_eq!((spans["read"].len(), text(&spans["read"][0], "highwater.partition").as_str()), (1, "b"));
    assert!(spans["decode"].iter().all(|span| span.parent == Some(source.id)));
}

#[test]
fn what_is_read_while_a_source_stands_at_the_tick_belongs_to_it() {
    let (trace, said) = trace(1);
    let mut source = SourceNotes::new(&trace, "events", vec!["a".into(), "b".into()], 0);
    source.turn(Some(95), 95);
    for i in 0..60 {
        source.block(|| block(&trace, i));
        source.turn(Some(100), 100);
    }
    source.turn(None, 100);
    trace.passed(None);
    let spans = by_name(&said, 100);
    assert_eq!(text(&spans["source events"][0], "highwater.blocks"), "60");
    assert_eq!((spans["read"].len(), spans["decode"].len()), (BLOCKS, BLOCKS));
    assert!(!spans.contains_key("tick"), "the root is that of process 0");
}

#[test]
fn input_that_ends_at_once_is_traced_too_and_what_is_under_way_is_told_at_the_end() {
    let (trace, said) = trace(0);
    let mut source = SourceNotes::new(&trace, "events", vec!["a".into(), "b".into()], 0);
    let mut window = PartNotes::new(&trace, "window", "pages", 1);
    source.block(|| block(&trace, 0));
    source.turn(None, 27);
    window.end(window.begin(), None, 1);
    let sink = SinkNotes::new(&trace, "out");
    sink.complete(20, 1, 1);
    trace.passed(None);
    trace.end();
    let spans = by_name(&said, 20);
    assert_eq!(
        spans.keys().map(String::as_str).collect::<Vec<_>>(),
        ["decode", "read", "source events", "tick", "window pages"]
    );
    assert_eq!(text(&spans["tick"][0], "highwater.unfinished"), "Some(Flag(true))");
}

#[test]
fn actions_are_told_of_where_their_alerts_changed_in_a_traced_step() {
    let (trace, said) = trace(0);
    let mut source = SourceNotes::new(&trace, "events", Vec::new(), 0);
    source.turn(Some(40), 40);
    trace.told("ops", [40, 41, 40].into_iter(), trace.now(), Some("no answer"));
    trace.told("ops", [41].into_iter(), trace.now(), None);
    let spans: Vec<Span> = said.try_iter().collect();
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(
        (span.name.as_str(), span.kind, span.error.as_deref()),
        ("action ops", SpanKind::Client, Some("no answer"))
    );
    assert_eq!(span.trace, TraceId::of_tick(&RUN, 40));
}

#[test]
fn requests_join_the_trace_of_who_sent_them_where_it_is_kept() {
    let (trace, said) = trace(0);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert!(trace.request(Some(&parent.replace("-01", "-00"))).is_none());
    let request = trace.request(Some(parent)).unwrap();
    trace.answered(request, "events", 202);
    let own = trace.request(Some("nonsense")).unwrap();
    trace.answered(own, "events", 503);
    let spans: Vec<Span> = said.try_iter().collect();
    assert_eq!(format!("{:?}-{:?}", spans[0].trace, spans[0].parent.unwrap()), &parent[3..52]);
    assert_eq!((spans[0].kind, text(&spans[0], "http.response.status_code").as_str()), (SpanKind::Server, "202"));
    assert!(spans[1].parent.is_none() && spans[1].error.is_some() && spans[1].trace != spans[0].trace);

    let (say, said) = channel();
    let trace = Trace::new(Duration::from_secs(3600), move |span| say.send(span).unwrap());
    trace.begin(About { run: RUN, process: 0, processes: 1, pipeline: "shop".into(), step: 10 });
    assert_eq!((0..100).filter_map(|_| trace.request(None)).count(), 1);
    assert_eq!((0..100).filter_map(|_| trace.request(Some(parent))).count(), REQUESTS as usize);
    assert_eq!(said.try_iter().count(), 0);
}

#[test]
fn where_nobody_asked_nothing_is_noted() {
    for trace in [Trace::default(), Trace::new(Duration::ZERO, |span| panic!("{span:?}"))] {
        let trace = Arc::new(trace);
        assert!(!trace.is_on() && trace.now() == 0);
        let mut source = SourceNotes::new(&trace, "events", Vec::new(), 0);
        source.block(|| panic!("nobody looks"));
        source.turn(Some(40), 40);
        source.turn(None, 50);
        let mut part = PartNotes::new(&trace, "window", "w", 0);
        part.end(part.begin(), Some(50), 1);
        let sink = SinkNotes::new(&trace, "out");
        sink.complete(40, 1, 1);
        sink.write(Some(40), || ());
        sink.flush(|| ());
        trace.passed(None);
        trace.end();
        assert!(trace.request(None).is_none());
    }
}
