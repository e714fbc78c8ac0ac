//! A small dataflow over threads that play processes, with the sockets of the room. Catches: wrong wiring of data
//! sockets, an end that hangs or loses data, messages and drains that get lost. Cannot catch: what ends a process.

use super::{LONG, places};
use crate::cluster::fate::Fate;
use crate::cluster::handle::Handle;
use crate::cluster::run::{execute_on, execute_with};
use crate::cluster::topology::Topology;
use crate::error::{Error, Kind};
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use timely::dataflow::operators::capture::Extract;
use timely::dataflow::operators::vec::ToStream;
use timely::dataflow::operators::{Capture, Exchange, Inspect};
use timely::worker::Worker;

fn quiet() -> (Arc<Fate>, mpsc::Receiver<Error>) {
    let (tx, rx) = mpsc::channel();
    (Fate::new(move |e| drop(tx.send(e.clone()))), rx)
}

/// Every worker states the numbers below 1000, exchanged by value; the result is what this worker got.
fn numbers(worker: &mut Worker, _: &Handle) -> Vec<u64> {
    let (tx, rx) = mpsc::channel();
    worker.dataflow::<u64, _, _>(|scope| {
        (0..1000u64).to_stream(scope).exchange(|x| *x).capture_into(tx);
    });
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
    rx.extract().into_iter().flat_map(|(_, batch)| batch).collect()
}

fn whole(parts: Vec<Vec<u64>>, workers: u64) {
    let mut all: Vec<u64> = parts.into_iter().flatten().collect();
    all.sort_unstable();
    let wanted: Vec<u64> = (0..1000).flat_map(|x| std::iter::repeat_n(x, workers as usize)).collect();
    assert_eq!(all, wanted);
}

#[test]
fn one_process_gives_all_results_at_any_number_of_workers() {
    for workers in [1, 3] {
        let (fate, _ends) = quiet();
        let parts = execute_with(Topology::local(workers), fate, |h| h.broadcast(b"nobody").unwrap(), numbers).unwrap();
        assert_eq!(parts.len(), workers);
        whole(parts, workers as u64);
    }
}

#[test]
fn processes_give_all_results_between_them() {
    for (processes, workers) in [(2, 1), (2, 2), (3, 1)] {
        let running: Vec<_> = places(processes)
            .into_iter()
            .map(|(topology, listener)| {
                let topology = Topology { workers, ..topology };
                thread::spawn(move || execute_on(topology, Some(listener), quiet().0, |_| {}, numbers).unwrap())
            })
            .collect();
        let parts = running.into_iter().flat_map(|t| t.join().unwrap()).collect();
        whole(parts, (processes * workers) as u64);
    }
}

#[test]
fn a_drain_reaches_all_processes_and_messages_arrive_while_workers_run() {
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    let running: Vec<_> = places(3)
        .into_iter()
        .map(|(topology, listener)| {
            let heard = Arc::clone(&heard);
            thread::spawn(move || {
                let gate = Arc::new((Mutex::new(0), Condvar::new()));
                let opens = Arc::clone(&gate);
                let ready = move |h: &Handle| {
                    let (me, from_app) = (h.process(), Arc::clone(&opens));
                    h.on_app(move |from, bytes| {
                        heard.lock().unwrap().insert((from, me, bytes.to_vec()));
                        *from_app.0.lock().unwrap() += 1;
                        from_app.1.notify_all();
                    });
                    h.on_drain(move || {
                        *opens.0.lock().unwrap() += 1;
                        opens.1.notify_all();
                    });
                    h.broadcast(b"hello").unwrap();
                    if h.process() == 2 {
                        h.request_drain();
                    }
                };
                // Two messages and a drain open the gate.
                let wait = move |_: &mut Worker, h: &Handle| {
                    let count = gate.0.lock().unwrap();
                    let (_count, late) = gate.1.wait_timeout_while(count, LONG, |n| *n < 3).unwrap();
                    !late.timed_out() && h.draining()
                };
                execute_on(topology, Some(listener), quiet().0, ready, wait).unwrap()
            })
        })
        .collect();
    for process in running {
        assert_eq!(process.join().unwrap(), [true]);
    }
    let wanted: BTreeSet<_> =
        (0..9).map(|i| (i / 3, i % 3)).filter(|(a, b)| a != b).map(|(a, b)| (a, b, b"hello".to_vec())).collect();
    assert_eq!(*heard.lock().unwrap(), wanted);
}

#[test]
fn a_failure_of_one_process_is_known_to_all() {
    let all = Arc::new(Barrier::new(3));
    let running: Vec<_> = places(3)
        .into_iter()
        .map(|(topology, listener)| {
            let all = Arc::clone(&all);
            thread::spawn(move || {
                let (fate, ends) = quiet();
                let known = Arc::clone(&fate);
                let build = move |_: &mut Worker, h: &Handle| {
                    if h.process() == 1 {
                        h.fail(Error::outside("sink.write", "the disk is full"));
                    }
                    known.wait(LONG);
                };
                // Whoever hears of it before its own start has the error returned instead.
                let ready = move |_: &Handle| {
                    all.wait();
                };
                let result = execute_on(topology, Some(listener), fate, ready, build);
                (result.unwrap_err(), ends.try_iter().collect::<Vec<_>>())
            })
        })
        .collect();
    let (first, others): (Vec<_>, Vec<_>) =
        running.into_iter().map(|t| t.join().unwrap()).enumerate().partition(|(p, _)| *p == 1);
    assert_eq!(first[0].1.0, Error::outside("sink.write", "the disk is full"));
    for (_, (error, ends)) in others {
        assert_eq!((error.kind, error.code), (Kind::Followed, "cluster.lost"));
        assert!(error.message.starts_with("process 1 (127.0.0.1:"), "{error}");
        assert!(error.message.contains("failed: the disk is full"), "{error}");
        assert_eq!(ends, [error], "one message");
    }
}

#[test]
fn a_worker_that_panics_stops_the_others_of_its_process() {
    let (fate, ends) = quiet();
    let build = |worker: &mut Worker, _: &Handle| {
        let index = worker.index();
        worker.dataflow::<u64, _, _>(|scope| {
            let numbers = (0..1000u64).to_stream(scope).exchange(|x| *x);
            // One of two workers panics in its operator; the other has everything it needs but the other's progress.
            numbers.inspect(move |_| assert!(index == 0, "expected by the trial"));
        });
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
    };
    let error = execute_with(Topology::local(2), fate, |_| {}, build).unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Bug, "bug"));
    assert_eq!(ends.try_iter().count(), 1);
}
