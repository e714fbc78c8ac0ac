//! A hosts file, turned into one `host:port` a process.
//!
//! One address a line, in order of process index; `#` starts a comment; empty lines do not count. An IPv6 address is
//! written `[::1]:2101`. All problems of a file are reported at once, with their lines.

use crate::error::{Problem, Problems, Severity};
use std::path::Path;

/// The port of process 0 where no hosts file is given; process `p` has `FIRST_PORT + p`.
pub const FIRST_PORT: u16 = 2101;

const CODE: &str = "cluster.hosts";

/// `n` addresses of this machine: 127.0.0.1, ports from [`FIRST_PORT`] on.
pub fn default_hosts(n: usize) -> Vec<String> {
    (0..n).map(|p| format!("127.0.0.1:{}", FIRST_PORT as usize + p)).collect()
}

/// Reads the hosts file at `path` for `n` processes.
pub fn read(path: &Path, n: usize) -> Result<Vec<String>, Problems> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &file, n),
        Err(e) => Err(Problems {
            list: vec![problem(
                0,
                &file,
                format!("the hosts file cannot be read: {e}"),
                "give the path of a text file",
            )],
            file,
        }),
    }
}

/// Reads the text of a hosts file for `n` processes; `file` is its name in problems.
pub fn parse(text: &str, file: &str, n: usize) -> Result<Vec<String>, Problems> {
    let mut hosts: Vec<(usize, &str)> = Vec::new();
    let mut list = Vec::new();
    for (i, whole) in text.lines().enumerate() {
        let (line, address) = (i + 1, whole.split('#').next().unwrap_or_default().trim());
        if address.is_empty() {
            continue;
        }
        if let Some((first, _)) = hosts.iter().find(|(_, a)| *a == address) {
            list.push(problem(
                line,
                address,
                format!("this address stands in line {first} too"),
                "give every process its own address",
            ));
        } else if let Err((message, help)) = look(address) {
            list.push(problem(line, address, message, help));
        }
        hosts.push((line, address));
    }
    if hosts.len() != n {
        let text = format!("{} addresses for {n} processes", hosts.len());
        list.push(problem(0, file, text, "give one host:port a line for each process, or change -n"));
    }
    if list.is_empty() {
        return Ok(hosts.into_iter().map(|(_, a)| a.to_string()).collect());
    }
    Err(Problems { file: file.to_string(), list })
}

fn look(address: &str) -> Result<(), (String, &'static str)> {
    let form = "write host:port, such as 10.0.0.3:2101 or [::1]:2101";
    if address.contains(char::is_whitespace) {
        return Err(("more than one address in a line".to_string(), form));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(("the port is missing".to_string(), form));
    };
    if !port.parse::<u16>().is_ok_and(|p| p > 0) || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err((format!("{port:?} is not a port"), "ports are 1 to 65535"));
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || host == "[]" {
        return Err(("the host is missing".to_string(), form));
    }
    if host.contains(':') && !bracketed {
        return Err(("an IPv6 address needs brackets".to_string(), form));
    }
    if bracketed && host[1..host.len() - 1].parse::<std::net::Ipv6Addr>().is_err() {
        return Err((format!("{host} is not an IPv6 address"), form));
    }
    Ok(())
}

fn problem(line: usize, text: &str, message: String, help: &str) -> Problem {
    let (text, help) = (text.to_string(), Some(help.to_string()));
    Problem { severity: Severity::Error, code: CODE, message, line, text, column: None, help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read_in_order_when_comments_and_empty_lines_stand_between() {
        let text = "# ours\n 10.0.0.1:2101 # first\n\n[::1]:7\r\nnode-3.lan:65535\n";
        assert_eq!(parse(text, "h", 3).unwrap(), ["10.0.0.1:2101", "[::1]:7", "node-3.lan:65535"]);
        assert_eq!(default_hosts(2), ["127.0.0.1:2101", "127.0.0.1:2102"]);
    }

    #[test]
    fn all_problems_are_told_with_their_lines() {
        let text = "a:1\nb\nc:0\n:9\n::1:5\na:1\nd:1 e:2\n[x]:1\nf:+1\n";
        let found = parse(text, "hosts.txt", 2).unwrap_err();
        assert_eq!(found.list.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9, 0]);
        assert!(found.has_errors());
        let shown = found.to_string();
        assert!(shown.contains("hosts.txt:6  a:1") && shown.contains("line 1 too"), "{shown}");
        assert!(shown.contains("9 addresses for 2 processes"), "{shown}");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem() {
        let found = read(Path::new("no/such/hosts"), 2).unwrap_err();
        assert!(found.to_string().contains("cannot be read"), "{found}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", n in 0usize..5) {
            if let Ok(hosts) = parse(&text, "h", n) {
                prop_assert_eq!(hosts.len(), n);
            }
        }
    }
}
