//! A real server of PostgreSQL, made by a test in a folder of its own and ended with it.

use crate::harness::{Scratch, eventually, ports};
use crate::server::{Server, skip};
use std::process::{Command, Stdio};

/// A server of PostgreSQL with its data in a folder of its own, whose superuser is `hw` with the password `pw`.
pub struct Postgres {
    scratch: Scratch,
    bin: std::path::PathBuf,
    server: Option<Server>,
    port: u16,
    /// Processes that are stopped.
    frozen: std::cell::RefCell<Vec<String>>,
}

impl Postgres {
    /// A new one, without tables; none where it is not installed.
    pub fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<_> = versions.map(|entry| entry.path().join("bin")).collect();
        found.sort();
        found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        let Some(bin) = found.into_iter().find(|path| path.join("initdb").is_file()) else {
            skip("PostgreSQL is not installed");
            return None;
        };
        let scratch = Scratch::new();
        scratch.write("pw", "pw\n");
        let root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout == b"0\n");
        if root {
            // It refuses to run as root; its package has made a user.
            let chown = Command::new("chown").args(["-R", "postgres"]).arg(scratch.path("")).status();
            if !chown.is_ok_and(|status| status.success()) {
                skip("there is no user postgres, and root cannot run PostgreSQL");
                return None;
            }
        }
        let port = ports(1)[0];
        let mut postgres = Self { scratch, bin, server: None, port, frozen: Default::default() };
        let (data, pw) = (postgres.scratch.path("data"), postgres.scratch.path("pw"));
        let mut initdb = postgres.program("initdb", root);
        initdb.args(["-U", "hw", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
        let done = initdb.arg("-D").arg(data).arg("--pwfile").arg(pw).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        postgres.resume();
        Some(postgres)
    }

    fn program(&self, name: &str, root: bool) -> Command {
        let path = self.bin.join(name);
        let mut command = match root {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
                command
            }
            false => Command::new(path),
        };
        command.current_dir(self.scratch.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts it again where it was ended.
    pub fn resume(&mut self) {
        let root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout == b"0\n");
        let mut server = self.program("postgres", root);
        server.arg("-D").arg(self.scratch.path("data")).args(["-p", &self.port.to_string()]);
        for set in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "dynamic_shared_memory_type=mmap"]
        {
            server.args(["-c", set]);
        }
        self.server = Some(Server(server.stderr(Stdio::null()).spawn().unwrap()));
        assert!(eventually(|| self.psql("SELECT 1").status.success()), "PostgreSQL does not start");
    }

    /// Ends it.
    pub fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            if !self.frozen.borrow().is_empty() {
                let _ = Command::new("kill").arg("-CONT").args(self.frozen.take()).status();
                server.signal("CONT");
            }
            // At once, and its children too.
            server.signal("QUIT");
            let _ = server.0.wait();
        }
    }

    fn psql(&self, sql: &str) -> std::process::Output {
        self.psql_with(&[], sql)
    }

    fn psql_with(&self, more: &[&str], sql: &str) -> std::process::Output {
        let port = self.port.to_string();
        let mut command = Command::new(self.bin.join("psql"));
        command.args([
            "-X",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "hw",
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        command.args(more).args(["-c", sql]);
        command.env("PGPASSWORD", "pw").stdin(Stdio::null()).output().unwrap()
    }

    /// Runs SQL.
    pub fn run(&self, sql: &str) {
        let done = self.psql(sql);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Stops it and what serves the program, for a while.
    pub fn freeze(&self) {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'highwater'";
        let pids = String::from_utf8(self.psql_with(&["-t", "-A"], sql).stdout).unwrap();
        let pids: Vec<&str> = pids.split_whitespace().collect();
        assert!(!pids.is_empty());
        self.server.as_ref().unwrap().signal("STOP");
        assert!(Command::new("kill").arg("-STOP").args(&pids).status().unwrap().success());
        *self.frozen.borrow_mut() = pids.into_iter().map(str::to_owned).collect();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        let pids = self.frozen.take();
        assert!(Command::new("kill").arg("-CONT").args(&pids).status().unwrap().success());
        self.server.as_ref().unwrap().signal("CONT");
    }

    /// Its address, with this user and password.
    pub fn url(&self, login: &str) -> String {
        format!("postgres://{login}@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}
