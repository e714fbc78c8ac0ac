//! A document into an HTTP request, and the answer into whether to try again.
//!
//! No redirect is followed. A proxy of the environment (`HTTP_PROXY`, `NO_PROXY`) is used, but for this machine itself. No
//! reason that is given has the address in it, as there may be a token in that.

use super::{Failure, short};
use crate::config::HttpConfig;
use base64::{Engine, prelude::BASE64_STANDARD};
use std::time::Duration;
use ureq::Agent;

/// The longest wait that an answer may ask for.
const LONGEST_WAIT: u64 = 3600;

/// A request: its method, the kind of its document, the document, and headers beside those of the server.
pub(crate) struct Asked<'a> {
    pub(crate) put: bool,
    pub(crate) kind: &'static str,
    pub(crate) body: &'a [u8],
    pub(crate) headers: &'a [(&'a str, String)],
}

/// One server.
pub(crate) struct Http {
    /// Made when it is used first.
    agent: Option<Agent>,
    url: String,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "without TLS nobody is asked who they are"))]
    ca: Option<String>,
    headers: Vec<(String, String)>,
}

/// True for an address of this machine.
fn is_near(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    host.starts_with("127.") || host.starts_with("[::1]") || host.split(':').next() == Some("localhost")
}

impl Http {
    /// The server of `config`, where `path` is put behind the address.
    pub(crate) fn new(config: &HttpConfig, path: &str) -> Self {
        let url = format!("{}{path}", config.url.reveal());
        let mut headers: Vec<(String, String)> =
            config.headers.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect();
        if let Some(token) = &config.token {
            headers.push(("Authorization".to_owned(), format!("Bearer {}", token.reveal())));
        }
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
            headers.push(("Authorization".to_owned(), format!("Basic {pair}")));
        }
        Self { agent: None, url, ca: config.ca.clone(), headers }
    }

    fn agent(&mut self) -> Result<Agent, Failure> {
        if let Some(agent) = &self.agent {
            return Ok(agent.clone());
        }
        let builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")));
        let builder = if is_near(&self.url) { builder.proxy(None) } else { builder };
        #[cfg(feature = "tls")]
        let builder = match self.ca.as_deref() {
            None => builder,
            Some(ca) => {
                use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
                let text = super::read_authorities(ca)?;
                let certificates = parse_pem(&text).filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                });
                let roots = RootCerts::new_with_certs(&certificates.collect::<Vec<_>>());
                builder.tls_config(TlsConfig::builder().root_certs(roots).build())
            }
        };
        let agent: Agent = builder.build().into();
        self.agent = Some(agent.clone());
        Ok(agent)
    }

    /// Sends JSON.
    pub(super) fn send(
        &mut self,
        put: bool,
        body: &[u8],
        more: &[(&str, String)],
        timeout: Duration,
    ) -> Result<(), Failure> {
        let asked = Asked { put, kind: "application/json", body, headers: more };
        self.ask(&asked, timeout).map(|_| ())
    }

    /// Sends a document, and gives the one that comes back, or the beginning of a long one.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(crate) fn ask(&mut self, asked: &Asked<'_>, timeout: Duration) -> Result<Vec<u8>, Failure> {
        let Asked { put, kind, body, headers: more } = *asked;
        let agent = self.agent()?;
        let mut request = if put { agent.put(&self.url) } else { agent.post(&self.url) };
        request = request.header("Content-Type", kind);
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in own.chain(more.iter().map(|(name, value)| (*name, value))) {
            request = request.header(name, value);
        }
        let answer = request.config().timeout_global(Some(timeout)).build().send(body);
        let mut answer = answer.map_err(|error| Failure::again(self.reason(&error, timeout)))?;
        let status = answer.status();
        let wait = answer.headers().get("Retry-After").and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        // The whole answer is read, so that the connection can be used again; no more than is reasonable of it.
        let text = answer.body_mut().with_config().limit(64 << 10).read_to_vec().unwrap_or_default();
        if status.is_success() {
            return Ok(text);
        }
        let reason = match short(&String::from_utf8_lossy(&text)) {
            text if text.is_empty() => format!("the answer was {}", status.as_u16()),
            text => format!("the answer was {}: {text}", status.as_u16()),
        };
        match status.as_u16() {
            408 | 425 | 429 | 500..=599 => {
                let after = wait.map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST_WAIT)));
                Err(Failure::Again { reason, after })
            }
            _ => Err(Failure::refused(reason)),
        }
    }

    fn reason(&self, error: &ureq::Error, timeout: Duration) -> String {
        match error {
            ureq::Error::Timeout(_) => format!("there was no answer within {timeout:?}"),
            ureq::Error::HostNotFound => "the name of the server is not known".to_owned(),
            ureq::Error::ConnectionFailed => "there was no connection".to_owned(),
            ureq::Error::Io(error) => format!("the connection failed: {error}"),
            ureq::Error::BadUri(_) => "the address cannot be read".to_owned(),
            other => short(&other.to_string().replace(&self.url, "the address")),
        }
    }
}
