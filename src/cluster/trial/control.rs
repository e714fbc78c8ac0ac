//! Control planes over loopback, against each other and against raw sockets. Catches: lost or reordered messages,
//! silence and ends that nobody notices, ends that are noticed though they are orderly.

use super::LONG;
use crate::cluster::control::{Control, News};
use crate::cluster::link::Line;
use crate::cluster::message::{Inbox, MAX_APP, Message};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, there)
}

/// The control plane of process `me` of two, and its news.
fn control(me: usize, stream: TcpStream, timeout: Duration) -> (Control, mpsc::Receiver<News>) {
    let (tx, rx) = mpsc::channel();
    let mut lines = vec![None, None];
    lines[1 - me] = Some(Line::new(stream));
    (Control::start(me, lines, timeout, move |news| drop(tx.send(news))).unwrap(), rx)
}

#[test]
fn messages_arrive_in_order_when_the_listener_comes_late_and_then_an_orderly_end_is_no_news() {
    let (a, b) = pair();
    let ((zero, zero_news), (one, one_news)) = (control(0, a, LONG), control(1, b, LONG));
    let (tx, heard) = mpsc::channel();
    zero.listen(Arc::new(move |from, bytes: &[u8]| drop(tx.send((from, bytes.to_vec())))));
    for i in 0..500u32 {
        zero.send(1, &i.to_le_bytes()).unwrap();
    }
    zero.drain();
    assert_eq!(one_news.recv_timeout(LONG).unwrap(), News::Drain(0), "comes after the messages before it");
    let (tx, numbers) = mpsc::channel();
    one.listen(Arc::new(move |from, bytes: &[u8]| {
        assert_eq!(from, 0);
        tx.send(u32::from_le_bytes(bytes.try_into().unwrap())).unwrap();
    }));
    for i in 500..1000u32 {
        zero.broadcast(&i.to_le_bytes()).unwrap();
    }
    one.send(0, b"answer").unwrap();
    one.send(1, b"to myself").unwrap();
    let ending = thread::spawn(move || {
        zero.finish();
        zero_news.try_recv().ok()
    });
    one.finish();
    assert_eq!(ending.join().unwrap(), None);
    assert!(one_news.try_recv().is_err());
    assert_eq!(numbers.try_iter().collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(1, b"answer".to_vec())]);
}

#[test]
fn messages_come_in_order_when_busy_workers_and_the_thread_take_them_in_turn() {
    let (a, b) = pair();
    let ((zero, _zero_news), (one, one_news)) = (control(0, a, LONG), control(1, b, LONG));
    let (tx, heard) = mpsc::channel();
    one.listen(Arc::new(move |_, bytes: &[u8]| {
        let number = u32::from_le_bytes(bytes.try_into().unwrap());
        tx.send((number, thread::current().id())).unwrap();
    }));
    let mut said = 0u32;
    let mut next = 0;
    let mut say = |n: u32| {
        (said..said + n).for_each(|number| zero.send(1, &number.to_le_bytes()).unwrap());
        said += n;
    };
    // Whether this thread took it.
    let mut check = |(number, taker)| {
        assert_eq!(number, next);
        next += 1;
        taker == thread::current().id()
    };
    for _ in 0..3 {
        // While nobody looks, the thread takes all; when somebody does, it soon leaves them to him.
        say(100);
        (0..100).for_each(|_| assert!(!check(heard.recv_timeout(LONG).unwrap())));
        let mut here = 0;
        while here < 100 {
            say(3);
            for _ in 0..3 {
                let took = loop {
                    match heard.try_recv() {
                        Ok(one) => break check(one),
                        Err(_) => one.glance(),
                    }
                };
                here += i32::from(took);
            }
        }
        one.leave();
    }
    say(1);
    zero.drain();
    assert_eq!(one_news.recv_timeout(LONG).unwrap(), News::Drain(0));
    check(heard.try_recv().expect("what was said before the drain was heard before it"));
}

#[test]
fn a_quiet_process_says_that_it_lives() {
    let (a, mut b) = pair();
    let (_zero, _news) = control(0, a, Duration::from_millis(1200));
    let (mut inbox, mut beats, mut buffer) = (Inbox::default(), 0, [0; 64]);
    b.set_read_timeout(Some(LONG)).unwrap();
    while beats < 3 {
        let n = b.read(&mut buffer).unwrap();
        inbox.push(&buffer[..n]);
        while let Some(message) = inbox.take().unwrap() {
            assert_eq!(message, Message::Heartbeat);
            beats += 1;
        }
        b.write_all(&Message::Heartbeat.encode()).unwrap();
    }
}

/// The news of process 0 after `act` did something with the other end.
fn after(timeout: Duration, act: impl FnOnce(&mut TcpStream)) -> News {
    let (a, mut b) = pair();
    let (_zero, news) = control(0, a, timeout);
    act(&mut b);
    let first = news.recv_timeout(LONG).unwrap();
    drop(b);
    first
}

fn lost(news: News) -> String {
    match news {
        News::Lost(1, why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_peer_is_lost_when_it_ends_falls_silent_or_talks_nonsense() {
    assert!(lost(after(LONG, |b| b.shutdown(std::net::Shutdown::Both).unwrap())).starts_with("closed the connection"));
    let silent = lost(after(Duration::from_millis(60), |_| {}));
    assert_eq!(silent, "stopped answering: nothing was heard for 0.06 s");
    assert_eq!(lost(after(LONG, |b| b.write_all(&[0; 8]).unwrap())), "sent something that is no message");
    // A bye does not excuse who leaves before this process is done.
    let left = after(LONG, |b| {
        b.write_all(&Message::Bye.encode()).unwrap();
        b.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert!(lost(left).starts_with("closed the connection"));
}

#[test]
fn a_failure_is_news_once() {
    let (a, mut b) = pair();
    let (zero, news) = control(0, a, LONG);
    b.write_all(&Message::Failed { culprit: 7, text: "failed: no disk".to_string() }.encode()).unwrap();
    drop(b);
    let wanted = News::Failed { from: 1, culprit: 7, text: "failed: no disk".to_string() };
    assert_eq!(news.recv_timeout(LONG).unwrap(), wanted);
    // Returns once the reader has seen the end; the end itself is no more news.
    zero.finish();
    assert!(news.try_recv().is_err());
}

#[test]
fn a_failure_is_told_before_the_teller_returns() {
    let (a, mut b) = pair();
    let (zero, _news) = control(0, a, LONG);
    zero.teller(LONG)(None, "failed: no disk");
    drop(zero);
    let (mut bytes, mut inbox, mut heard) = (Vec::new(), Inbox::default(), Vec::new());
    b.read_to_end(&mut bytes).unwrap();
    inbox.push(&bytes);
    while let Some(message) = inbox.take().unwrap() {
        heard.push(message);
    }
    heard.retain(|m| *m != Message::Heartbeat);
    assert_eq!(heard, [Message::Failed { culprit: 0, text: "failed: no disk".to_string() }]);
}

#[test]
fn a_peer_that_takes_nothing_is_lost_when_too_much_waits_for_it() {
    let (a, _b) = pair();
    let (zero, news) = control(0, a, LONG);
    let long = vec![0; MAX_APP];
    assert_eq!(zero.send(1, &[long.clone(), vec![0]].concat()).unwrap_err().code, "cluster.message");
    // More than the queue and both socket buffers hold.
    for _ in 0..64 {
        zero.send(1, &long).unwrap();
    }
    assert!(lost(news.recv_timeout(LONG).unwrap()).starts_with("does not take its messages"));
    zero.send(1, b"nobody").unwrap();
}

#[test]
fn waiting_for_the_end_ends_when_the_peer_is_lost() {
    let (a, b) = pair();
    let (zero, news) = control(0, a, LONG);
    let waiting = thread::spawn(move || zero.finish());
    drop(b);
    assert!(matches!(news.recv_timeout(LONG).unwrap(), News::Lost(1, _)));
    waiting.join().unwrap();
}

#[test]
fn the_own_half_is_closed_when_both_have_said_bye() {
    // Many times, as it depends on which thread sees the peer's end first.
    for _ in 0..50 {
        let (a, mut b) = pair();
        let (zero, news) = control(0, a, LONG);
        let ending = thread::spawn(move || {
            zero.finish();
            zero
        });
        b.set_read_timeout(Some(LONG)).unwrap();
        let (mut inbox, mut buffer, mut bye) = (Inbox::default(), [0; 64], false);
        while !bye {
            let n = b.read(&mut buffer).unwrap();
            inbox.push(&buffer[..n]);
            while let Some(message) = inbox.take().unwrap() {
                bye |= message == Message::Bye;
            }
        }
        b.write_all(&Message::Bye.encode()).unwrap();
        b.shutdown(std::net::Shutdown::Write).unwrap();
        let zero = ending.join().unwrap();
        while b.read(&mut buffer).unwrap() > 0 {}
        assert!(news.try_recv().is_err());
        drop(zero);
    }
}
