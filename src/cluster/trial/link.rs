//! Threads play processes that look for each other. Catches: a mismatch that one end does not see or both ends wait
//! out, strangers that do harm, deadlines that name nobody.

use super::{LONG, places};
use crate::cluster::handshake::{self, Me};
use crate::cluster::hello::Channel;
use crate::cluster::link::{self, Links};
use crate::cluster::message::{Inbox, Message};
use crate::cluster::topology::Topology;
use crate::error::{Error, Kind};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

type Linking = JoinHandle<Result<Links, Error>>;

const SHORT: Duration = Duration::from_millis(300);

fn start((topology, listener): (Topology, TcpListener)) -> Linking {
    thread::spawn(move || link::connect(&topology, listener))
}

fn code(linking: Linking) -> (&'static str, Kind, String) {
    let error = linking.join().unwrap().map(|_| ()).unwrap_err();
    (error.code, error.kind, error.to_string())
}

/// Every pair's data connection carries bytes from the one end to the other.
fn talk(links: &mut [Links]) {
    let n = links.len();
    for p in 0..n {
        assert!(links[p].data[p].is_none() && links[p].control[p].is_none());
        for q in (0..n).filter(|q| *q != p) {
            links[p].data[q].as_mut().unwrap().write_all(&[p as u8, q as u8]).unwrap();
            let mut heard = [9; 2];
            links[q].data[p].as_mut().unwrap().read_exact(&mut heard).unwrap();
            assert_eq!(heard, [p as u8, q as u8]);
        }
    }
}

#[test]
fn all_processes_link_when_strangers_call_at_the_same_time() {
    let places = places(3);
    let doors: Vec<_> = places.iter().map(|(_, listener)| listener.local_addr().unwrap()).collect();
    let mut strangers = Vec::new();
    for door in doors {
        let half_open = TcpStream::connect(door).unwrap();
        let mut garbage = TcpStream::connect(door).unwrap();
        garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        drop(TcpStream::connect(door).unwrap());
        strangers.push((half_open, garbage));
    }
    let linking: Vec<Linking> = places.into_iter().map(start).collect();
    let mut links: Vec<Links> = linking.into_iter().map(|l| l.join().unwrap().unwrap()).collect();
    talk(&mut links);
    for (_, mut garbage) in strangers {
        // Refused, not answered: an end or a reset, and no word of ours.
        let mut heard = Vec::new();
        let _ = garbage.read_to_end(&mut heard);
        assert!(heard.is_empty(), "{heard:?}");
    }
}

/// The counters that three processes have which want so many.
#[cfg(target_os = "linux")]
fn counters(wanted: [usize; 3]) -> Vec<Vec<crate::cluster::Counter>> {
    let places = places(3).into_iter().zip(wanted);
    let linking = places.map(|((topology, listener), counters)| start((Topology { counters, ..topology }, listener)));
    let linking: Vec<Linking> = linking.collect();
    // Nobody hangs up before all are there.
    let links: Vec<Links> = linking.into_iter().map(|linking| linking.join().unwrap().unwrap()).collect();
    links.into_iter().map(|links| links.counters).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn processes_of_one_machine_draw_from_the_same_counters_and_all_have_none_where_one_has_not() {
    let all = counters([2; 3]);
    assert!(all.iter().all(|counters| counters.len() == 2));
    let mut drawn: Vec<u64> = all.iter().map(|counters| counters[1].draw().unwrap()).collect();
    drawn.sort_unstable();
    assert_eq!(drawn, [0, 1, 2]);
    assert_eq!(all[2][0].draw().unwrap(), 0);
    // One finds no third counter, as one on another machine finds none.
    for wanted in [[2, 2, 3], [2, 3, 2], [0, 2, 2], [0; 3]] {
        assert!(counters(wanted).iter().all(Vec::is_empty), "{wanted:?}");
    }
}

#[test]
fn processes_without_a_token_link_on_loopback() {
    let linking: Vec<Linking> = places(2).into_iter().map(|(t, l)| start((Topology { token: None, ..t }, l))).collect();
    let mut links: Vec<Links> = linking.into_iter().map(|l| l.join().unwrap().unwrap()).collect();
    talk(&mut links);
}

#[test]
fn a_wrong_token_fails_the_connecting_end_and_is_named_by_the_other() {
    for wrong in [0, 1] {
        let mut places = places(2);
        places[wrong].0.token = Some(b"open barley".to_vec());
        places[0].0.connect_timeout = SHORT;
        let mut linking = places.into_iter().map(start);
        let (first, second) = (linking.next().unwrap(), linking.next().unwrap());
        let (found, kind, text) = code(second);
        assert_eq!((found, kind), ("cluster.token", Kind::User));
        assert!(text.contains("process 0 (127.0.0.1:") && text.contains("HIGHWATER_TOKEN"), "{text}");
        let (found, kind, text) = code(first);
        assert_eq!((found, kind), ("cluster.missing", Kind::Outside));
        assert!(text.contains("process 1 (127.0.0.1:") && text.contains("its token is another"), "{text}");
        assert!(!text.contains("open") && !text.contains("barley"), "{text}");
    }
}

#[test]
fn both_ends_fail_at_once_when_a_proven_peer_differs() {
    type Change = fn(&mut Topology);
    let cases: [(&str, Change); 4] = [
        ("cluster.fingerprint", |t| t.fingerprint = [1; 32]),
        ("cluster.version", |t| t.version = "99.0".to_string()),
        ("cluster.workers", |t| t.workers = 7),
        ("cluster.processes", |t| {
            t.processes = 3;
            t.hosts.push("127.0.0.1:1".to_string());
        }),
    ];
    for (wanted, change) in cases {
        let mut places = places(2);
        change(&mut places[1].0);
        for linking in places.into_iter().map(start).collect::<Vec<_>>() {
            let (found, kind, text) = code(linking);
            assert_eq!((found, kind), (wanted, Kind::User), "{text}");
            assert!(text.contains("process ") && text.contains("127.0.0.1:") && text.contains("help: "), "{text}");
        }
    }
}

/// Process 0, waiting for others, and its control connection to a process 1 that is played by the trial.
fn first_of_three() -> (Linking, TcpStream, (Topology, TcpListener)) {
    let mut places = places(3);
    let last = places.pop().unwrap();
    let (one, _) = places.pop().unwrap();
    let zero = places.pop().unwrap();
    let stream = TcpStream::connect(zero.1.local_addr().unwrap()).unwrap();
    let zero = start(zero);
    handshake::connect(&stream, &Me::new(&one).unwrap(), Channel::Control, 0, LONG).unwrap();
    (zero, stream, last)
}

#[test]
fn those_who_wait_are_told_when_two_differ() {
    let (zero, mut one, mut two) = first_of_three();
    two.0.fingerprint = [1; 32];
    assert_eq!(code(start(two)).0, "cluster.fingerprint");
    assert_eq!(code(zero).0, "cluster.fingerprint");
    let (mut bytes, mut inbox) = (Vec::new(), Inbox::default());
    one.read_to_end(&mut bytes).unwrap();
    inbox.push(&bytes);
    let Ok(Some(Message::Failed { culprit: 0, text })) = inbox.take() else { panic!("{bytes:?}") };
    assert!(text.starts_with("failed: process 2 (") && text.contains(" runs another pipeline"), "{text}");
}

#[test]
fn the_wait_ends_when_one_who_waits_too_fails() {
    let (zero, mut one, _two) = first_of_three();
    one.write_all(&Message::Failed { culprit: 2, text: "failed:\nno disk".to_string() }.encode()).unwrap();
    let (found, kind, text) = code(zero);
    assert_eq!((found, kind), ("cluster.lost", Kind::Followed));
    assert!(
        text.contains("process 2 (127.0.0.1:") && text.contains(") failed: no disk (reported by process 1"),
        "{text}"
    );
}

#[test]
fn two_processes_with_one_index_are_found_by_all_who_see_both() {
    let mut places = places(3);
    places.pop();
    let second = (places[1].0.clone(), TcpListener::bind("127.0.0.1:0").unwrap());
    let zero = start(places.remove(0));
    let twins = [start(places.remove(0)), start(second)];
    let (found, kind, text) = code(zero);
    assert_eq!((found, kind), ("cluster.index", Kind::User), "{text}");
    assert!(text.contains("two processes say that they are process 1"), "{text}");
    let mut codes = twins.map(|t| code(t).0);
    codes.sort_unstable();
    assert_eq!(codes, ["cluster.index", "cluster.lost"]);
}

#[test]
fn hosts_files_in_another_order_are_found() {
    // Process 2 calls process 0 under the address of process 1.
    let mut places = places(3);
    places[2].0.hosts.swap(0, 1);
    let (two, one) = (places.pop().unwrap(), places.pop().unwrap());
    for linking in [start(one), start(two)] {
        let (found, kind, text) = code(linking);
        assert_eq!((found, kind), ("cluster.index", Kind::User));
        assert!(text.contains("the address of process 0 was called, and process 1 answered"), "{text}");
    }
}

#[test]
fn a_port_in_use_and_strange_addresses_are_told() {
    let (topology, _holds_the_port) = places(2).remove(0);
    let error = link::listen(&topology).unwrap_err();
    assert_eq!((error.code, error.kind), ("cluster.port", Kind::Outside));
    assert!(error.message.contains(&topology.hosts[0]), "{error}");
    let with = |host: &str| {
        let mut hosts = topology.hosts.clone();
        hosts[0] = host.to_string();
        link::listen(&Topology { hosts, ..topology.clone() }).unwrap_err().code
    };
    assert_eq!(with("192.0.2.1:2101"), "cluster.address");
    assert_eq!(with("no-such-host.invalid:2101"), "cluster.address");
}

#[test]
fn processes_that_are_not_there_are_named_when_the_time_is_over() {
    let mut places = places(3);
    let hosts = places[0].0.hosts.clone();
    // Something else answers at the address of process 0, and process 2 never comes.
    let (_, other_service) = places.remove(0);
    let answering = thread::spawn(move || {
        for stream in other_service.incoming().take(1) {
            stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let mut one = places.remove(0);
    one.0.connect_timeout = SHORT;
    let (found, kind, text) = code(start(one));
    assert_eq!((found, kind), ("cluster.missing", Kind::Outside));
    assert!(text.contains("2 of 3 processes are not there after 0.3 s"), "{text}");
    assert!(text.contains(&format!("process 0 ({})", hosts[0])), "{text}");
    assert!(text.contains(&format!("process 2 ({}): it has not called", hosts[2])), "{text}");
    answering.join().unwrap();
}

#[test]
fn a_process_that_goes_and_comes_back_has_its_place() {
    let mut places = places(2);
    let (one, zero) = (places.pop().unwrap(), places.pop().unwrap());
    let door = zero.1.local_addr().unwrap();
    let zero = start(zero);
    let before = TcpStream::connect(door).unwrap();
    let me = Me::new(&one.0).unwrap();
    assert_eq!(handshake::connect(&before, &me, Channel::Control, 0, LONG).unwrap().index, 0);
    drop(before);
    let one = start(one);
    let mut links = vec![zero.join().unwrap().unwrap(), one.join().unwrap().unwrap()];
    talk(&mut links);
}
