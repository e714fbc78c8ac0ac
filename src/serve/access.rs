//! Who asks, from where, for what: allowed or refused.
//!
//! Invariants: (1) without tokens everyone who reaches the address may all, but only under a name of this machine, so that a
//! page of another site cannot reach it by a name of its own; (2) a request that a page of another site makes is refused, unless
//! that site is listed;
//! (3) how long a comparison takes says nothing about a token: digests of equal length are compared, all of them, to the end.

use super::origins::Origins;
use crate::config::{Access, Secret, check_token};
use crate::error::Error;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::Path;

/// Why a request or connection is refused; also the labels of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no token, or one that is not known.
    Token,
    /// The token is of a role that may not do this.
    Role,
    /// The name by which the server was called is not its own.
    Host,
    /// A page of another site asks.
    Origin,
    /// There is nothing at this path.
    Path,
    /// The path is not asked in this way.
    Method,
    /// The question is wrong.
    Question,
    /// There are too many connections.
    Busy,
    /// What was sent cannot be used.
    Body,
    /// There is no room for what was sent.
    Full,
    /// The run takes nothing.
    Closed,
    /// What came is no TLS, or none that the server speaks.
    Handshake,
}

impl Refusal {
    pub(super) const ALL: [(&'static str, Refusal); 12] = [
        ("token", Refusal::Token),
        ("role", Refusal::Role),
        ("host", Refusal::Host),
        ("origin", Refusal::Origin),
        ("path", Refusal::Path),
        ("method", Refusal::Method),
        ("question", Refusal::Question),
        ("busy", Refusal::Busy),
        ("body", Refusal::Body),
        ("full", Refusal::Full),
        ("closed", Refusal::Closed),
        ("handshake", Refusal::Handshake),
    ];
}

/// The tokens of a server, as digests.
#[derive(Default)]
pub(super) struct Tokens {
    list: Vec<(Access, [u8; 32])>,
    /// A name that the server was told to listen on.
    host: String,
    /// Where pages may come from.
    pub(super) origins: Origins,
}

/// Reads a file of tokens: lines of a role and a token.
///
/// # Errors
/// `listen.token`, without the text of a token.
pub fn read_tokens(file: &Path) -> Result<Vec<(Access, Secret)>, Error> {
    let wrong = |message: String| {
        Error::user("listen.token", message)
            .at(file.display().to_string())
            .help("write lines of a role and a token, such as: read 6f1c0b2d9a8e7f60")
    };
    let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("the file of tokens cannot be read: {e}")))?;
    let mut all = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let at = i + 1;
        let (word, token) = line
            .split_once(char::is_whitespace)
            .ok_or_else(|| wrong(format!("line {at} is not a role and a token")))?;
        let (_, role) = Access::ALL
            .into_iter()
            .find(|(name, _)| *name == word)
            .ok_or_else(|| wrong(format!("line {at} does not begin with read, ingest or operate")))?;
        check_token(token.trim()).map_err(|why| wrong(format!("line {at}: {why}")))?;
        all.push((role, Secret::new(token.trim())));
    }
    if all.is_empty() {
        return Err(wrong("the file has no token".into()));
    }
    Ok(all)
}

impl Tokens {
    /// The tokens of a server that listens on `host`, and whose pages may ask it.
    pub(super) fn new(tokens: &[(Access, Secret)], host: &str, origins: Origins) -> Self {
        let digest = |(role, token): &(Access, Secret)| (*role, Sha256::digest(token.reveal().as_bytes()).into());
        Self { list: tokens.iter().map(digest).collect(), host: host.to_ascii_lowercase(), origins }
    }

    /// True where a token is needed.
    pub(super) fn needed(&self) -> bool {
        !self.list.is_empty()
    }

    /// Allows what needs `needed` (`None`: open to all who come from the right place), or says why not.
    pub(super) fn check(&self, headers: &HeaderMap, needed: Option<Access>) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(HOST).map(str::to_ascii_lowercase);
        if !self.needed() && !host.as_deref().is_none_or(|host| self.is_own(host)) {
            return Err(Refusal::Host);
        }
        if headers.contains_key(ORIGIN) {
            let origin = text(ORIGIN).map(str::to_ascii_lowercase).unwrap_or_default();
            if !self.origins.allow(&origin, host.as_deref()) {
                return Err(Refusal::Origin);
            }
        }
        let Some(needed) = needed.filter(|_| self.needed()) else { return Ok(()) };
        let sent = text(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let sent: [u8; 32] = Sha256::digest(sent.ok_or(Refusal::Token)?.as_bytes()).into();
        let (mut known, mut allowed) = (false, false);
        for (role, token) in &self.list {
            let same = token.iter().zip(&sent).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0;
            known |= same;
            allowed |= same & role.allows(needed);
        }
        match (known, allowed) {
            (_, true) => Ok(()),
            (true, false) => Err(Refusal::Role),
            (false, false) => Err(Refusal::Token),
        }
    }

    /// True for a name that can only mean this machine: an address, `localhost`, or what it was told to listen on.
    fn is_own(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name == "localhost" || name == self.host || name.parse::<IpAddr>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    const READ: &str = "read-0123456789abcdef";
    const INGEST: &str = "ingest-0123456789abcdef";
    const OPERATE: &str = "operate-0123456789abcdef";

    #[test]
    fn each_role_may_what_it_says_and_no_more() {
        let tokens: Vec<_> = [(Access::Read, READ), (Access::Ingest, INGEST), (Access::Operate, OPERATE)]
            .map(|(role, t)| (role, Secret::new(t)))
            .into();
        let tokens = Tokens::new(&tokens, "127.0.0.1", Origins::default());
        for (sent, answers) in [
            (format!("Bearer {READ}"), [Ok(()), Err(Refusal::Role), Err(Refusal::Role)]),
            (format!("bearer {INGEST}"), [Err(Refusal::Role), Ok(()), Err(Refusal::Role)]),
            (format!("Bearer {OPERATE}"), [Ok(()); 3]),
            (format!("Basic {OPERATE}"), [Err(Refusal::Token); 3]),
            (format!("Bearer {OPERATE}x"), [Err(Refusal::Token); 3]),
            ("Bearer ".into(), [Err(Refusal::Token); 3]),
            (String::new(), [Err(Refusal::Token); 3]),
        ] {
            let all = headers(&[(AUTHORIZATION, &sent)]);
            let got = [Access::Read, Access::Ingest, Access::Operate].map(|needed| tokens.check(&all, Some(needed)));
            assert_eq!(got, answers, "{sent}");
            assert_eq!(tokens.check(&all, None), Ok(()));
        }
        assert_eq!(tokens.check(&headers(&[]), Some(Access::Read)), Err(Refusal::Token));
    }

    #[test]
    fn without_tokens_only_names_of_this_machine_are_answered() {
        let tokens = Tokens::new(&[], "Box.Local", Origins::default());
        for (host, ok) in [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("box.local:80", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
        ] {
            let got = tokens.check(&headers(&[(HOST, host)]), Some(Access::Read));
            assert_eq!(got.is_ok(), ok, "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let tokens = Tokens::new(&[], "127.0.0.1", Origins::default());
        for (origin, ok) in [
            ("http://127.0.0.1:8080", true),
            ("http://evil.example", false),
            ("http://127.0.0.1:9090", false),
            ("null", false),
        ] {
            let got = tokens.check(&headers(&[(HOST, "127.0.0.1:8080"), (ORIGIN, origin)]), Some(Access::Read));
            assert_eq!(got, if ok { Ok(()) } else { Err(Refusal::Origin) }, "{origin}");
        }
    }

    #[test]
    fn a_file_of_tokens_is_read_and_its_problems_do_not_show_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_tokens(&path)
        };
        let good = read(&format!("# who\nread {READ} # the board\n\n  operate\t{OPERATE}\n")).unwrap();
        assert_eq!(good, [(Access::Read, Secret::new(READ)), (Access::Operate, Secret::new(OPERATE))]);
        for text in ["", "# none", "letmein", "admin letmein-0123456789", "read letmein"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("listen.token") && !error.contains("letmein"), "{error}");
        }
    }
}
