//! TLS in a program that was built without it: an error that says how to build it.

use super::face::Face;
use crate::config::TlsFiles;
use crate::error::Problem;
use std::sync::Arc;
use tokio::net::TcpStream;

/// The certificate of a server; there can be none.
pub(super) enum Tls {}

/// What became of a connection before its first request.
#[expect(dead_code, reason = "without TLS there is no hand-shake")]
pub(super) enum Opened {
    /// Both sides agree.
    Stream(TcpStream),
    /// They do not.
    Refused,
    /// Nothing came.
    Gone,
}

impl Tls {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, Vec<Problem>> {
        let help = "build it with: cargo build --release --features tls".to_owned();
        Err(vec![files.certificate.problem("listen.tls", "this program was built without TLS", Some(help))])
    }

    pub(super) async fn open(&self, _: TcpStream) -> Opened {
        match *self {}
    }

    pub(super) async fn watch(self: Arc<Self>, _: Arc<Face>) {
        match *self {}
    }
}
