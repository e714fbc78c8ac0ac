//! The files of a certificate and its key into what TLS needs, or what is wrong with them.
//!
//! Invariants: (1) nothing that the key file holds is in a message; (2) what is read of a file is bounded.
//! Errors: `listen.tls`, those of both files at once.

use crate::config::{Located, TlsFiles};
use crate::error::Problem;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// Bytes of a file, at most.
const LARGEST: u64 = 1 << 20;

/// What the files held when they were read.
pub(super) struct Pair {
    certificate: Result<Vec<u8>, String>,
    key: Result<Vec<u8>, String>,
}

/// What tells one content of the files from another.
pub(super) type Mark = [u8; 32];

impl Pair {
    /// Reads both files.
    pub(super) fn read(files: &TlsFiles) -> Self {
        Self { certificate: read(&files.certificate.value), key: read(&files.key.value) }
    }

    /// What tells this content from another.
    pub(super) fn mark(&self) -> Mark {
        let mut all = Sha256::new();
        for part in [&self.certificate, &self.key] {
            let (is_right, bytes) = match part {
                Ok(bytes) => (1, &bytes[..]),
                Err(why) => (0, why.as_bytes()),
            };
            all.update([is_right]);
            all.update(bytes.len().to_le_bytes());
            all.update(bytes);
        }
        all.finalize().into()
    }

    /// What TLS needs: versions 1.2 and 1.3, HTTP/1.1 in it, nobody is asked for a certificate of theirs.
    pub(super) fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, Vec<Problem>> {
        let wrong = |file: &Located<String>, (message, help): Fault| file.problem("listen.tls", message, Some(help));
        let chain = certificates(&self.certificate).map_err(|fault| wrong(&files.certificate, fault));
        let key = private_key(&self.key).map_err(|fault| wrong(&files.key, fault));
        let (chain, key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|error| {
            let (file, fault) = refused(files, &error);
            vec![wrong(file, fault)]
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// What is wrong with a file, and what to do.
type Fault = (String, String);

/// The bytes of a file, or why there are none.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    // A pipe would be read once only, and whoever looks at it again would wait.
    if !file.metadata().map_err(|e| e.to_string())?.is_file() {
        return Err("it is no file".into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    Ok(bytes)
}

fn unread(what: &str, why: &str) -> Fault {
    let help = "give a file that the user of this program can read; a path is seen from the folder it is started in";
    (format!("the file of the {what} cannot be read: {why}"), help.into())
}

fn holds(text: &[u8], word: &str) -> bool {
    memchr::memmem::find(text, word.as_bytes()).is_some()
}

/// The certificates of a file, in their order.
fn certificates(read: &Result<Vec<u8>, String>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = read.as_ref().map_err(|why| unread("certificate", why))?;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    let help = "write it in PEM: it begins with -----BEGIN CERTIFICATE-----";
    match all {
        Err(_) => Err(("the file of the certificate is no PEM, or is cut short".into(), help.into())),
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => {
            let swapped = "it has a private key: are certificate and key exchanged?";
            let help = if holds(text, "PRIVATE KEY-----") { swapped } else { help };
            Err(("there is no certificate in the file".into(), help.into()))
        }
    }
}

/// The private key of a file. What the reader of PEM says is not shown: it quotes the file.
fn private_key(read: &Result<Vec<u8>, String>) -> Result<PrivateKeyDer<'static>, Fault> {
    let text = read.as_ref().map_err(|why| unread("key", why))?;
    let help = "write it in PEM: it begins with -----BEGIN PRIVATE KEY-----";
    let locked = || {
        let help = "take the password off: openssl pkey -in key.pem -out plain.pem; and let nobody else read that file";
        ("the key needs a password".to_owned(), help.to_owned())
    };
    if holds(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(text, "Proc-Type: 4,ENCRYPTED") {
        return Err(locked());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let swapped = "it has a certificate: are certificate and key exchanged?";
            let help = if holds(text, "BEGIN CERTIFICATE-----") { swapped } else { help };
            ("there is no private key in the file".into(), help.into())
        }
        _ => ("the file of the key is no PEM, or is cut short".into(), help.into()),
    })
}

/// Which file is to blame where TLS takes the pair not, and why.
fn refused<'a>(files: &'a TlsFiles, error: &rustls::Error) -> (&'a Located<String>, Fault) {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let help = "give the key of the first certificate in the file; those that vouch for it stand behind it";
            (&files.key, ("the key is not that of the certificate".into(), help.into()))
        }
        rustls::Error::InvalidCertificate(why) => {
            let message = format!("the first certificate cannot be used: {why:?}");
            let help = "give a certificate of X.509 version 3 with the names of the server (subjectAltName)";
            (&files.certificate, (message, help.into()))
        }
        _ => {
            let help = "use RSA of 2048 bits or more, ECDSA over P-256 or P-384, or Ed25519";
            (&files.key, ("the key is of a kind that cannot be used".into(), help.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &std::path::Path) -> TlsFiles {
        let file = |name: &str, path: &str| Located {
            value: folder.join(name).display().to_string(),
            line: 7,
            path: path.into(),
            text: format!("{path} = \"{name}\""),
        };
        TlsFiles { certificate: file("cert.pem", "serve.tls.certificate"), key: file("key.pem", "serve.tls.key") }
    }

    #[test]
    fn what_is_wrong_with_each_file_is_said_and_nothing_of_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let say = |cert: Option<&str>, key: Option<&str>| {
            for (file, text) in [(&files.certificate, cert), (&files.key, key)] {
                let _ = std::fs::remove_file(&file.value);
                if let Some(text) = text {
                    std::fs::write(&file.value, text).unwrap();
                }
            }
            let problems = Pair::read(&files).config(&files).unwrap_err();
            problems.iter().map(|p| format!("{} {}: {}; ", p.text, p.message, p.help.as_deref().unwrap())).collect()
        };
        let pem = |name: &str, body: &str| format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----\n");
        let (cert, key) = (pem("CERTIFICATE", "aHVzaA=="), pem("PRIVATE KEY", "aHVzaA=="));
        for (cert, key, says) in [
            (None, None, &["serve.tls.certificate", "serve.tls.key", "the file of the key cannot be read"][..]),
            (Some(""), Some(""), &["no certificate in the file", "no private key in the file", "BEGIN PRIVATE"]),
            (Some(&*key), Some(&*cert), &["it has a private key", "it has a certificate", "exchanged?"]),
            (Some("-----BEGIN CERTIFICATE-----\nhush"), Some("-----BEGIN PRIVATE KEY-----\nhush"), &["cut short"]),
            (Some(&pem("CERTIFICATE", "&hush")), Some(&pem("PRIVATE KEY", "&hush")), &["the key is no PEM"]),
            (Some(&cert), Some(&pem("ENCRYPTED PRIVATE KEY", "hush")), &["needs a password", "openssl pkey"]),
            (Some(&cert), Some(&key), &["serve.tls.key", "of a kind that cannot be used", "Ed25519"]),
        ] {
            let said: String = say(cert, key);
            for what in says {
                assert!(said.contains(what), "{what}: {said}");
            }
            assert!(!said.contains("hush") && !said.contains("aHVz"), "{said}");
        }
        std::fs::create_dir(folder.path().join("d")).unwrap();
        assert_eq!(read(&folder.path().join("d").display().to_string()), Err("it is no file".into()));
    }

    #[test]
    fn contents_are_told_apart() {
        let pair = |c: Result<&str, &str>, k: Result<&str, &str>| {
            let own = |r: Result<&str, &str>| r.map(|t| t.as_bytes().to_vec()).map_err(str::to_owned);
            Pair { certificate: own(c), key: own(k) }.mark()
        };
        let all = [
            pair(Ok("a"), Ok("b")),
            pair(Ok("ab"), Ok("")),
            pair(Ok(""), Ok("ab")),
            pair(Err("a"), Ok("b")),
            pair(Ok("a"), Err("b")),
        ];
        for (i, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(i));
        }
        assert_eq!(pair(Ok("a"), Ok("b")), all[0]);
    }
}
