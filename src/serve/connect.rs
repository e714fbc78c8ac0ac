//! Connections: taken, bounded, timed, ended.
//!
//! A connection that sends no whole request head within [`HEAD`] is closed, also one that is kept open and silent; a head is at most
//! [`LARGEST`] bytes. One connection more than the server takes is closed at once and counted. With TLS each has its hand-shake by
//! itself, which is a part of the connection; one that fails is counted.

use super::access::Refusal;
use super::face::{Counted, Face};
use super::routes::router;
use super::tls::{Opened, Tls};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long a request head may take.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request head, at most.
const LARGEST: usize = 64 << 10;
/// Headers of a request, at most.
const HEADERS: usize = 64;

/// Takes connections until the server stops; with `tls` all of them by it.
pub(super) async fn accept(listener: std::net::TcpListener, face: Arc<Face>, most: usize, tls: Option<Arc<Tls>>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let router = router(&face);
    let mut stop = face.stop.clone();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = taken else {
            // Too many open files, or a client that is gone already: the next may be better.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        if usize::try_from(face.counts.connections.get()).unwrap_or(0) >= most {
            face.counts.refused.add(Refusal::Busy as usize, 1);
            continue;
        }
        let (router, counted) = (router.clone(), Counted::connection(&face));
        let (face, tls) = (Arc::clone(&face), tls.clone());
        tokio::spawn(async move {
            open(stream, router, &face, tls.as_deref()).await;
            drop(counted);
        });
    }
}

/// A connection from its first byte to its last.
async fn open(stream: TcpStream, router: axum::Router, face: &Face, tls: Option<&Tls>) {
    let _ = stream.set_nodelay(true);
    let mut stop = face.stop.clone();
    let Some(tls) = tls else { return serve(stream, router, stop).await };
    let opened = tokio::select! {
        opened = tls.open(stream) => opened,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    match opened {
        Opened::Stream(stream) => serve(stream, router, stop).await,
        Opened::Refused => face.counts.refused.add(Refusal::Handshake as usize, 1),
        Opened::Gone => {}
    }
}

async fn serve<S>(stream: S, router: axum::Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
