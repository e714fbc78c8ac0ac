//! `[serve]` into a [`ServeConfig`]: where a run can be looked at, by whom, and how much of it is kept for that.
//!
//! Invariants: (1) a token is never shown: problems have `***` in its place, and [`Secret`] has no text of its own;
//! (2) an address that others can reach needs a token, with TLS too.

use super::notify_settings::Secret;
use super::origin::{SUCH, parse_origin};
use super::reader::{Context, Fields};
use super::reference::Key;
use super::sections::{SERVE, SERVE_TLS, SERVE_TOKENS};
use super::settings::Located;
use super::size::ByteSize;
use super::tree::{Data, Node, Place};
use super::value;
use crate::error::{Problem, Severity};
use crate::time::Span;
use core::net::{IpAddr, Ipv6Addr};

/// The shortest token, in characters.
const SHORTEST_TOKEN: usize = 16;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Results, figures, the pipeline.
    Read,
    /// Sending events.
    Ingest,
    /// Everything.
    Operate,
}

impl Access {
    /// The words of the pipeline file.
    pub const ALL: [(&'static str, Access); 3] =
        [("read", Access::Read), ("ingest", Access::Ingest), ("operate", Access::Operate)];

    /// The word of the pipeline file.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// True where who has this role may do what needs `needed`.
    pub fn allows(self, needed: Access) -> bool {
        self == Access::Operate || self == needed
    }
}

/// What happens to the server when the input has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterEnd {
    /// It goes on until a signal.
    Stay,
    /// It ends with the run.
    Stop,
}

/// The server of a run: `[serve]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeConfig {
    /// The address; `None` where the file has no such section.
    pub listen: Option<Located<String>>,
    /// Tokens and their roles.
    pub tokens: Vec<(Access, Secret)>,
    /// A file of more.
    pub token_file: Option<String>,
    /// Origins whose pages may ask, as browsers write them.
    pub allow_origins: Vec<String>,
    /// The files of TLS, where it is spoken.
    pub tls: Option<TlsFiles>,
    /// How long rows are kept in memory, event time.
    pub history: Span,
    /// The file in which rows are kept on disk.
    pub history_path: Option<Located<String>>,
    /// How long they are kept there, event time.
    pub history_keep: Span,
    /// How large the file becomes, about.
    pub history_max_bytes: ByteSize,
    /// How many rows of a part are kept.
    pub max_rows: u64,
    /// How much memory the rows of a part take.
    pub max_bytes: ByteSize,
    /// How many connections there may be.
    pub max_connections: u64,
    /// What happens at the end of the input.
    pub after_end: AfterEnd,
}

/// The files of the server's TLS, in PEM.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: Located<String>,
    /// Its private key.
    pub key: Located<String>,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port; 0: the system chooses.
    pub port: u16,
}

impl Listen {
    /// True where only this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Reads `host:port`, `[v6]:port`, `:port` or `port`; without a host it is 127.0.0.1.
///
/// # Errors
/// A sentence that says what is wrong and what to write.
pub fn parse_listen(text: &str) -> Result<Listen, String> {
    let wrong = || format!("'{text}' is not an address to listen on; write host:port, such as 127.0.0.1:8080");
    let (host, port) = match text.rsplit_once(':') {
        None | Some(("", _)) => ("127.0.0.1", text.trim_start_matches(':')),
        Some((host, port)) => (host, port),
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = match bare {
        Some(inside) if inside.parse::<Ipv6Addr>().is_ok() => inside,
        Some(_) => return Err(wrong()),
        None if host.contains(':') => {
            return Err(format!("'{text}' is not an address to listen on; write [::1]:8080 for IPv6"));
        }
        None => host,
    };
    if host.contains(|c: char| c.is_whitespace() || c == '/') || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok(Listen { host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
}

/// What to do about an address that others can reach, where there is no token.
pub const PUBLIC_HELP: &str = "listen on 127.0.0.1, or give a token: [serve.tokens] with read = \"${READ_TOKEN}\"";

/// True for text that can be a token.
///
/// # Errors
/// What is wrong with it, without the text.
pub fn check_token(text: &str) -> Result<(), String> {
    if text.len() < SHORTEST_TOKEN {
        return Err(format!("a token has at least {SHORTEST_TOKEN} characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a token is letters, digits and signs of ASCII, without blanks".to_owned());
    }
    Ok(())
}

/// Reads `[serve]`; where the file has none, the defaults without an address.
pub(super) fn read(top: &Fields<'_>, ctx: &mut Context) -> ServeConfig {
    let (_, node) = top.entry("serve", ctx);
    let empty = Node { data: Data::Table(Vec::new()), place: Place { path: "serve".into(), ..top.place.clone() } };
    let given = node.and_then(|node| Fields::open(node, &[&SERVE], ctx));
    let there = given.is_some();
    let fields = match given {
        Some(fields) => fields,
        None => Fields::open(&empty, &[&SERVE], ctx).expect("it is a table"),
    };
    fields.unknown_keys(&[], ctx);
    let listen = fields.get("listen", ctx, value::text).filter(|_| there);
    let tokens = tokens(&fields, ctx);
    let token_file = fields.get("token_file", ctx, value::text).map(|file| file.value);
    if let Some(listen) = &listen {
        match parse_listen(&listen.value) {
            Err(message) => ctx.problems.push(listen.problem("listen.address", message, None)),
            Ok(address) if !address.is_local() && tokens.is_empty() && token_file.is_none() => {
                let message = "other machines can reach this address, and there is no token";
                ctx.problems.push(listen.problem("listen.public", message, Some(PUBLIC_HELP.into())));
            }
            Ok(_) => {}
        }
    }
    ServeConfig {
        listen,
        tokens,
        token_file,
        allow_origins: origins(&fields, ctx),
        tls: tls(&fields, ctx),
        history: fields.or_default("history", ctx, value::span),
        history_path: history_path(&fields, ctx),
        history_keep: fields.or_default("history_keep", ctx, value::span),
        history_max_bytes: fields.or_default("history_max_bytes", ctx, value::size),
        max_rows: fields.or_default("max_rows", ctx, value::count),
        max_bytes: fields.or_default("max_bytes", ctx, value::size),
        max_connections: fields.or_default("max_connections", ctx, value::count),
        after_end: match fields.or_default("after_end", ctx, value::word) {
            "stop" => AfterEnd::Stop,
            _ => AfterEnd::Stay,
        },
    }
}

/// The file of the history; what is said about it where there is none has no effect, which is told.
fn history_path(serve: &Fields<'_>, ctx: &mut Context) -> Option<Located<String>> {
    let path = serve.get("history_path", ctx, value::text);
    for name in ["history_keep", "history_max_bytes"] {
        if let (_, Some(node)) = serve.entry(name, ctx)
            && serve.entry("history_path", ctx).1.is_none()
        {
            let message = format!("{name} is of rows on disk, and none are kept there");
            let help = "add history_path = \"data/history.redb\"; rows in memory are kept for history".to_owned();
            let problem = node.place.problem("history.unused", message, Some(help));
            ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
        }
    }
    path
}

/// The origins that may ask; what is none is reported.
fn origins(serve: &Fields<'_>, ctx: &mut Context) -> Vec<String> {
    let mut all = Vec::new();
    for text in serve.list("allow_origins", ctx) {
        match parse_origin(&text.value) {
            // The same, written in another way.
            Ok(origin) if all.contains(&origin) => {}
            Ok(origin) => all.push(origin),
            Err((message, help)) => {
                // What the environment gives is not shown.
                let help = if text.text.contains(&text.value) { help } else { SUCH.to_owned() };
                ctx.problems.push(text.problem("listen.origin", message, Some(help)));
            }
        }
    }
    all
}

fn tls(serve: &Fields<'_>, ctx: &mut Context) -> Option<TlsFiles> {
    let (_, node) = serve.entry("tls", ctx);
    let fields = Fields::open(node?, &[&SERVE_TLS], ctx)?;
    fields.unknown_keys(&[], ctx);
    let (certificate, key) = (fields.get("certificate", ctx, value::text), fields.get("key", ctx, value::text));
    Some(TlsFiles { certificate: certificate?, key: key? })
}

fn tokens(serve: &Fields<'_>, ctx: &mut Context) -> Vec<(Access, Secret)> {
    let (_, node) = serve.entry("tokens", ctx);
    let Some(fields) = node.and_then(|node| Fields::open(node, &[&SERVE_TOKENS], ctx)) else { return Vec::new() };
    fields.unknown_keys(&[], ctx);
    let mut all = Vec::new();
    for (name, role) in Access::ALL {
        let (key, node) = fields.entry(name, ctx);
        let Some(node) = node.map(masked) else { continue };
        all.extend(one_role(&node, key, ctx).into_iter().map(|token| (role, Secret::new(token))));
    }
    all
}

fn one_role(node: &Node, key: &Key, ctx: &mut Context) -> Vec<String> {
    let mut list = Vec::new();
    for (item, read) in ctx.keep(value::texts(node, key), &node.place).unwrap_or_default() {
        let Some(text) = ctx.keep(read, &item.place) else { continue };
        match check_token(&text) {
            Ok(()) => list.push(text),
            Err(message) => {
                let help = "make one with: openssl rand -hex 24".to_owned();
                ctx.problems.push(item.place.problem("listen.token", message, Some(help)));
            }
        }
    }
    list
}

/// The same value, shown as `***`.
fn masked(node: &Node) -> Node {
    let data = match &node.data {
        Data::Array(items) => Data::Array(items.iter().map(masked).collect()),
        other => other.clone(),
    };
    let set = node.place.set.as_ref().map(|set| match set.split_once('=') {
        Some((path, _)) => format!("{path}=***"),
        None => "***".to_owned(),
    });
    // What the environment gives is not in the text of the file; its name helps.
    let plain = matches!(&node.data, Data::Text { from_env: true, .. } | Data::Broken);
    let written = if plain { node.place.written.clone() } else { "\"***\"".to_owned() };
    Node { data, place: Place { set, written, ..node.place.clone() } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn problems(serve: &str, flags: &[&str]) -> String {
        let text = format!("[sources.a]\ntype = \"stdin\"\n{serve}");
        let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
        let env = |name: &str| (name == "GOOD").then(|| "0123456789abcdef".to_owned());
        let mut problems = parse("p.toml", &text, &flags, &env).1;
        problems.list.retain(|p| p.severity == crate::error::Severity::Error);
        problems.to_string()
    }

    #[test]
    fn addresses_are_read_and_only_those_of_this_machine_are_local() {
        for (text, host, port, local) in [
            ("8080", "127.0.0.1", 8080, true),
            (":0", "127.0.0.1", 0, true),
            ("127.0.0.1:8080", "127.0.0.1", 8080, true),
            ("127.9.9.9:1", "127.9.9.9", 1, true),
            ("localhost:80", "localhost", 80, true),
            ("[::1]:80", "::1", 80, true),
            ("0.0.0.0:80", "0.0.0.0", 80, false),
            ("[::]:80", "::", 80, false),
            ("10.1.2.3:80", "10.1.2.3", 80, false),
            ("stats.example:80", "stats.example", 80, false),
        ] {
            let listen = parse_listen(text).unwrap();
            assert_eq!((listen.host.as_str(), listen.port, listen.is_local()), (host, port, local), "{text}");
        }
        for text in ["", "host", "host:", "::1:80", "[::1]", "[x]:80", "a b:80", "http://a:80", "1.2.3.4:65536", ":-1"]
        {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let open = problems("[serve]\nlisten = \"0.0.0.0:8080\"\n", &[]);
        assert!(open.contains("listen.public") && open.contains("serve.listen = \"0.0.0.0:8080\""), "{open}");
        assert!(open.contains(PUBLIC_HELP), "{open}");
        assert_eq!(problems("[serve]\nlisten = \"0.0.0.0:8080\"\ntokens = { read = \"${GOOD}\" }\n", &[]), "");
        assert_eq!(problems("[serve]\nlisten = \"0.0.0.0:8080\"\ntoken_file = \"t\"\n", &[]), "");
        assert_eq!(problems("[serve]\n", &[]), "");
    }

    #[test]
    fn with_tls_a_public_address_needs_a_token_all_the_same() {
        let tls = "tls = { certificate = \"c.pem\", key = \"k.pem\" }\n";
        assert_eq!(problems(&format!("[serve]\n{tls}"), &[]), "");
        let open = problems(&format!("[serve]\nlisten = \"0.0.0.0:8443\"\n{tls}"), &[]);
        assert!(open.contains("listen.public"), "{open}");
        let half = problems("[serve.tls]\ncertificat = \"c.pem\"\n", &[]);
        assert!(half.contains("did you mean certificate?") && half.contains("needs key"), "{half}");
    }

    #[test]
    fn origins_are_listed_and_each_wrong_one_is_said() {
        let (config, found) = parse(
            "p.toml",
            "[sources.a]\ntype = \"stdin\"\n[serve]\nallow_origins = [\"https://A.example:443\", \"https://a.example\", \"http://b:1\"]\n",
            &[],
            &|_| None,
        );
        assert_eq!(config.expect("all is right").serve.allow_origins, ["https://a.example", "http://b:1"], "{found}");
        let said =
            problems("[serve]\nallow_origins = [\"*\", \"https://a.example/x\", \"https://fine.example\"]\n", &[]);
        assert_eq!(said.matches("error[listen.origin]").count(), 2, "{said}");
        assert!(said.contains("write https://a.example"), "{said}");
    }

    #[test]
    fn a_problem_of_a_token_does_not_show_it() {
        for (text, flag) in [
            ("tokens = { read = \"letmein\" }", ""),
            ("tokens = { read = [\"0123456789abcdef\", \"letmein\"] }", ""),
            ("tokens = { read = \"letmein letmein letmein\" }", ""),
            ("[serve.tokens]\noperate = [[\"letmein\"]]", ""),
            ("", "serve.tokens.read=letmein"),
        ] {
            let flags: &[&str] = if flag.is_empty() { &[] } else { &[flag] };
            let said = problems(&format!("[serve]\n{text}\n"), flags);
            assert!(said.starts_with("error["), "{text}: {said}");
            assert!(!said.contains("letmein"), "{said}");
        }
        let (config, _) = parse(
            "p.toml",
            "[sources.a]\ntype = \"stdin\"\n[serve.tokens]\nread = \"0123456789abcdef\"\n",
            &[],
            &|_| None,
        );
        let config = config.unwrap();
        assert_eq!(config.serve.tokens, [(Access::Read, Secret::new("0123456789abcdef"))]);
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn what_is_said_of_rows_on_disk_needs_a_file_for_them() {
        let alone = "[sources.a]\ntype = \"stdin\"\n[serve]\nhistory_keep = \"30d\"\nhistory_max_bytes = \"2GiB\"\n";
        let alone = parse("p.toml", alone, &[], &|_| None).1.to_string();
        assert_eq!(alone.matches("warning[history.unused]").count(), 2, "{alone}");
        assert!(alone.contains("add history_path"), "{alone}");
        let whole = "[serve]\nhistory_path = \"h.redb\"\nhistory_keep = \"30d\"\nhistory_max_bytes = \"2GiB\"\n";
        assert_eq!(problems(whole, &[]), "");
        let same = "[sinks.s]\ntype = \"file\"\nfrom = \"a\"\npath = \"./h.redb\"\n";
        let twice = problems(&format!("{same}{whole}"), &[]);
        assert!(twice.contains("error[config.path]") && twice.contains("sink s writes it"), "{twice}");
    }

    #[test]
    fn operate_may_all_and_the_others_their_own() {
        for (_, has) in Access::ALL {
            for (_, needs) in Access::ALL {
                assert_eq!(has.allows(needs), has == Access::Operate || has == needs);
            }
        }
        assert_eq!(Access::ALL.map(|(_, r)| r.word()), ["read", "ingest", "operate"]);
    }
}
