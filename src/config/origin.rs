//! The text of an origin into the text by which browsers send it.
//!
//! An origin is `scheme://host`, with `:port` where it is not the usual one of its scheme; browsers write it in small letters.

use core::net::Ipv6Addr;

/// What to write.
pub(super) const SUCH: &str = "write scheme://host, such as https://dash.example, or https://dash.example:8443";

/// The usual ports of schemes.
const USUAL: [(&str, u16); 2] = [("https", 443), ("http", 80)];

/// Reads an origin, and writes it as browsers do: in small letters, without a port that is the usual one.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub(super) fn parse_origin(text: &str) -> Result<String, (String, String)> {
    let such = || SUCH.to_owned();
    let none = |why: &str| format!("this is no origin{why}");
    if text == "*" {
        let help = "name each site whose pages may ask, such as https://dash.example".to_owned();
        return Err(("every site may not ask".to_owned(), help));
    }
    if !text.is_ascii() {
        let help = "write the host as browsers send it, such as https://xn--bcher-kva.example".to_owned();
        return Err((none(": its host is not ASCII"), help));
    }
    let lower = text.to_ascii_lowercase();
    let Some((scheme, site)) = lower.split_once("://") else { return Err((none(""), such())) };
    let Some((_, usual)) = USUAL.iter().find(|(name, _)| *name == scheme) else {
        return Err((none(": its scheme is neither https nor http"), such()));
    };
    if let Some(at) = site.find(['/', '?', '#']) {
        let short = format!("{scheme}://{}", &site[..at]);
        let help = if parse_origin(&short).is_ok() { format!("write {short}") } else { such() };
        return Err((none(": it has a path"), help));
    }
    let end = if site.starts_with('[') { site.find(']').map_or(site.len(), |at| at + 1) } else { 0 };
    let (host, port) = match site[end..].find(':') {
        Some(at) => (&site[..end + at], Some(&site[end + at + 1..])),
        None => (site, None),
    };
    if !is_host(host) {
        return Err((none(""), such()));
    }
    match port.map(|port| port.parse::<u16>().ok().filter(|n| *n > 0 && n.to_string() == port)) {
        Some(None) => Err((none(": its port is no number from 1 to 65535"), such())),
        Some(Some(port)) if port != *usual => Ok(format!("{scheme}://{host}:{port}")),
        _ => Ok(format!("{scheme}://{host}")),
    }
}

/// True for a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
        None => {
            let is_name = |label: &str| {
                let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                inside && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
            };
            host.strip_suffix('.').unwrap_or(host).split('.').all(is_name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for (text, origin) in [
            ("https://dash.example", "https://dash.example"),
            ("HTTPS://Dash.Example:443", "https://dash.example"),
            ("http://dash.example:80", "http://dash.example"),
            ("https://dash.example:80", "https://dash.example:80"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://10.0.0.7:3000", "http://10.0.0.7:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(origin), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_said_with_what_to_write() {
        for (text, message, help) in [
            ("*", "every site may not ask", "name each site"),
            ("null", "no origin", "https://dash.example"),
            ("dash.example", "no origin", "scheme://host"),
            ("ftp://dash.example", "scheme is neither", "https://dash.example"),
            ("https://dash.example/", "it has a path", "write https://dash.example"),
            ("https://dash.example:8443/a?b", "it has a path", "write https://dash.example:8443"),
            ("https:///a", "it has a path", "scheme://host"),
            ("https://", "no origin", "scheme://host"),
            ("https://a..b", "no origin", "scheme://host"),
            ("https://*.example", "no origin", "scheme://host"),
            ("https://me@dash.example", "no origin", "scheme://host"),
            ("https://[::1", "no origin", "scheme://host"),
            ("https://::1", "no origin", "scheme://host"),
            ("https://[::1]x", "no origin", "scheme://host"),
            ("https://a b", "no origin", "scheme://host"),
            ("https://b\u{fc}cher.example", "not ASCII", "xn--"),
            ("https://a:0", "its port", "scheme://host"),
            ("https://a:080", "its port", "scheme://host"),
            ("https://a:65536", "its port", "scheme://host"),
            ("https://a:", "its port", "scheme://host"),
        ] {
            let (said, what) = parse_origin(text).unwrap_err();
            assert!(said.contains(message) && what.contains(help), "{text}: {said}; {what}");
        }
    }
}
