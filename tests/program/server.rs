//! Real servers, started by a test on a free port and ended with it.

use crate::harness::eventually;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A server that ends with the test.
pub struct Server(pub Child);

impl Server {
    /// Sends a signal by its name, such as `STOP`.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says that a test is left out, which is a failure where all servers are to be there.
pub fn skip(why: &str) {
    assert!(std::env::var_os("REQUIRE_SERVERS").is_none(), "{why}");
    eprintln!("SKIP: {why}");
}

/// Starts a program that is found on `PATH` by one of these names, and waits until it listens; none where there is none.
pub fn start(names: &[&str], args: &[String], port: u16) -> Option<Server> {
    let start = |name: &&str| {
        Command::new(name).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    };
    let Some(child) = names.iter().find_map(start) else {
        skip(&format!("{} is not on PATH", names[0]));
        return None;
    };
    let mut server = Server(child);
    let listens = eventually(|| {
        let ended = server.0.try_wait().unwrap();
        assert!(ended.is_none(), "{} ended by itself: {ended:?}", names[0]);
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(listens, "{} does not listen", names[0]);
    Some(server)
}
