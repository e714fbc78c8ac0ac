//! What `[serve]` can say.

use super::{LONGEST, SHORTEST, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};
use crate::config::size::ByteSize;

pub(in crate::config) static SERVE: Section = Section {
    path: "serve",
    of: None,
    noun: "[serve]",
    doc: "An HTTP server in process 0: results, live changes, figures and health of the run. `--serve ADDRESS` does the same \
          without this section, and in any process: each serves the whole. Nothing of it changes a result.",
    keys: &[
        optional(
            "listen",
            KeyKind::Text,
            "\"127.0.0.1:8080\"",
            "The address, `host:port`; a port alone is of 127.0.0.1, and port 0 lets the system choose. An address that other machines \
             can reach needs a token.",
            "\"127.0.0.1:8080\"",
        ),
        key(
            "tokens",
            KeyKind::Table,
            "Who may ask for what; without a token everyone who reaches the address may all.",
            "{ read = \"6f1c0b2d9a8e7f60\" }",
        ),
        key(
            "allow_origins",
            KeyKind::Names,
            "Pages of other sites that may ask from a browser, one or a list: `scheme://host`, with `:port` where it is not the usual \
             one. Not given: only the server's own page may.",
            "[\"https://dash.example\"]",
        ),
        key(
            "tls",
            KeyKind::Table,
            "The server speaks TLS only, with this certificate.",
            "{ certificate = \"chain.pem\", key = \"key.pem\" }",
        ),
        key(
            "token_file",
            KeyKind::Path,
            "A file of further tokens: lines of a role and a token, such as `read 6f1c…`; `#` begins a comment.",
            "\"/run/secrets/highwater-tokens\"",
        ),
        optional(
            "history",
            KeyKind::Span { least: SHORTEST, most: LONGEST },
            "\"10m\"",
            "How long rows are kept in memory to be asked for, in event time behind the newest statement of their part.",
            "\"1h\"",
        ),
        key(
            "history_path",
            KeyKind::Path,
            "A file in which rows are kept on disk too, those of alerts among them, so that a run that is started again has the rows of \
             those before it. One run has it open at a time. Not given: rows are kept in memory only.",
            "\"data/history.redb\"",
        ),
        optional(
            "history_keep",
            KeyKind::Span { least: SHORTEST, most: LONGEST },
            "\"7d\"",
            "With `history_path`: how long rows are kept on disk, in event time behind the newest row of their part. Those over all of time are not kept there.",
            "\"30d\"",
        ),
        optional(
            "history_max_bytes",
            KeyKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 44) },
            "\"1GiB\"",
            "With `history_path`: how large the file becomes, about; the oldest windows of all parts go first.",
            "\"10GiB\"",
        ),
        optional(
            "max_rows",
            KeyKind::Count { least: 1, most: 100_000_000 },
            "100000",
            "How many rows of a part are kept in memory, at most; the oldest go first.",
            "10000",
        ),
        optional(
            "max_bytes",
            KeyKind::Size { least: ByteSize(1 << 16), most: ByteSize(1 << 40) },
            "\"64MiB\"",
            "How much memory the rows of a part take, at most; the oldest go first. As much again is for the changes that clients \
             follow, of all parts together.",
            "\"64MiB\"",
        ),
        optional(
            "max_connections",
            KeyKind::Count { least: 1, most: 1_000_000 },
            "4096",
            "How many connections there are at one time; one more is closed at once.",
            "1000",
        ),
        optional(
            "after_end",
            word(&["stay", "stop"], &[]),
            "\"stay\"",
            "What the server does when the input has ended: `stay` goes on answering until Ctrl-C, `stop` ends with the run. A run \
             that is stopped by a signal does not stay.",
            "\"stop\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static SERVE_TOKENS: Section = Section {
    path: "serve.tokens",
    of: None,
    noun: "tokens of [serve]",
    doc: "Tokens by role, one or a list each, of at least 16 characters; best from the environment: `read = \"${READ_TOKEN}\"`. A request sends one as \
          `Authorization: Bearer TOKEN`.",
    keys: &[
        key("read", KeyKind::Names, "May ask for results, figures and the pipeline.", "\"6f1c0b2d9a8e7f60\""),
        key("ingest", KeyKind::Names, "May send events.", "\"6f1c0b2d9a8e7f60\""),
        key("operate", KeyKind::Names, "May all.", "\"6f1c0b2d9a8e7f60\""),
    ],
    planned: &[],
};

pub(in crate::config) static SERVE_TLS: Section = Section {
    path: "serve.tls",
    of: None,
    noun: "tls of [serve]",
    doc: "HTTPS instead of HTTP; needs a program that was built with `--features tls`. Both files are PEM. They are looked at again \
          while the program runs, and a new pair is used for new connections.",
    keys: &[
        required(
            "certificate",
            KeyKind::Path,
            "The certificate of the server, and behind it in the same file those that vouch for it.",
            "\"chain.pem\"",
        ),
        required("key", KeyKind::Path, "Its private key, without a password.", "\"key.pem\""),
    ],
    planned: &[],
};
