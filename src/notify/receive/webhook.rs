//! A message into a JSON document, signed where there is a secret.

use super::http::Http;
use super::{Failure, Receiver};
use crate::config::{Secret, WebhookConfig};
use crate::notify::message::Notification;
use crate::notify::setup::Action;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// The header of the signature.
const SIGNATURE: &str = "X-Highwater-Signature";

/// A webhook.
pub(super) struct Webhook {
    http: Http,
    put: bool,
    secret: Option<Secret>,
    action: Arc<Action>,
    url: String,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig, action: &Arc<Action>, url: &str) -> Self {
        Self {
            http: Http::new(&config.http, ""),
            put: config.put,
            secret: config.secret.clone(),
            action: Arc::clone(action),
            url: url.to_owned(),
        }
    }
}

/// The signature of a body.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

impl Receiver for Webhook {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let document = match &self.action.body {
            Some(body) => body.render(&|name| message.find(name)),
            None => message.document(&self.url),
        };
        let body = document.to_string();
        let signed = self.secret.iter().map(|secret| (SIGNATURE, signature(secret.reveal(), body.as_bytes())));
        self.http.send(self.put, body.as_bytes(), &signed.collect::<Vec<_>>(), timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        let signed = signature("Jefe", b"what do ya want for nothing?");
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
