//! A run, turned into something that can be looked at: an HTTP server on threads of its own.
//!
//! It runs beside the workers and shares three things with them: counts, which it only reads, a bounded store of rows, which a
//! thread of the engine's sinks fills ([`Server::rows`]), the silences of those who are notified of alerts, and bounded queues of
//! events that are sent ([`Server::doors`]). No request ever waits for the dataflow, nor the dataflow for a request; the store is
//! locked for the length of a look.
//!
//! Where it listens and who may ask is decided before the run begins: an address that others can reach needs a token
//! (`listen.public`), one that cannot be used is an error (`listen.address`).
//!
//! What can be asked is in one list, from which the router and the description of the interface are made. It is HTTP/1.1, by TLS
//! where the pipeline names a certificate (`listen.tls`).

mod access;
mod alerts;
mod answer;
mod book;
mod connect;
mod face;
mod feed;
mod fields;
mod figures;
mod graph;
mod health;
mod history;
mod ingest;
mod live;
mod matches;
mod openapi;
mod origins;
mod page;
mod pipeline;
mod question;
mod recommendations;
mod rejects;
mod results;
mod routes;
mod silences;
mod store;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

pub use access::read_tokens;
pub use history::HistorySettings;
pub use store::{Bounds, Change, Changes, Held, Page, Row, Scan, Spot, Store};

use crate::config::{Access, Config, Listen, PUBLIC_HELP, Secret, parse_listen};
use crate::engine::{BESIDE, Running};
use crate::error::{Error, Kind, Problem, Problems};
use crate::observe::{Metrics, ServerMetrics};
use crate::plan::{Plan, explain_json};
use crate::sink::Sink;
use crate::source::Door;
use access::{Refusal, Tokens};
use alerts::Rule;
use book::Book;
use face::{Face, Phase, Shelf};
use history::History;
use ingest::Inlet;
use origins::Origins;
use recommendations::Recommended;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tls::Tls;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Changes that can be followed, of all parts together.
const CHANGES: usize = 1 << 16;
/// How long clients have to take their last words.
const GOODBYE: Duration = Duration::from_secs(3);

/// How to serve.
pub struct Settings {
    /// Where.
    pub listen: Listen,
    /// Who may ask for what; empty: all may all.
    pub tokens: Vec<(Access, Secret)>,
    /// How much is kept.
    pub bounds: Bounds,
    /// What is kept on disk besides, by process 0.
    pub history: Option<HistorySettings>,
    /// How many connections there may be.
    pub max_connections: usize,
}

impl Settings {
    /// The settings of a pipeline file, for an address; `tokens` are those of the file and of the file of tokens.
    pub fn of(config: &Config, listen: Listen, tokens: Vec<(Access, Secret)>) -> Self {
        let serve = &config.serve;
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let bounds = Bounds {
            history: serve.history.0,
            rows: size(serve.max_rows),
            bytes: size(serve.max_bytes.0),
            changes: CHANGES,
            change_bytes: size(serve.max_bytes.0),
        };
        let history = serve.history_path.as_ref().map(|path| HistorySettings {
            path: path.value.as_str().into(),
            keep: serve.history_keep.0,
            bytes: serve.history_max_bytes.0,
        });
        Self { listen, tokens, bounds, history, max_connections: size(serve.max_connections) }
    }
}

/// The name under which the rows for the server are counted.
pub const ROWS: &str = BESIDE;

/// What a server of this pipeline needs beside its file: the certificate and key that it names.
///
/// # Errors
/// `listen.tls`, all that is wrong with both.
pub fn check(config: &Config) -> Result<(), Problems> {
    let read = config.serve.tls.as_ref().map(Tls::read).transpose();
    read.map(|_| ()).map_err(|list| Problems { file: config.file.clone(), list })
}

/// The first problem of a file, as an error.
fn first(file: &str, problems: &[Problem]) -> Error {
    let Some(problem) = problems.first() else { return Error::user("listen.tls", "the certificate cannot be used") };
    let place = match problem.line {
        0 => problem.text.clone(),
        line => format!("{file}:{line}  {}", problem.text),
    };
    let error = Error::user(problem.code, problem.message.clone()).at(place);
    problem.help.iter().fold(error, |error, help| error.help(help.clone()))
}

/// The server of this process, where `address` asks for one, or the pipeline, whose address is that of process 0. `text` is the
/// pipeline file.
///
/// # Errors
/// `listen.address`, `listen.public`, `listen.tls`, `listen.token`.
pub fn open(
    config: &Config,
    plan: &Plan,
    text: &str,
    address: Option<&str>,
    process: usize,
) -> Result<Option<Server>, Error> {
    let said = config.serve.listen.as_ref().filter(|_| process == 0).map(|listen| listen.value.as_str());
    let Some(said) = address.or(said) else { return Ok(None) };
    let listen = parse_listen(said)
        .map_err(|message| Error::user("listen.address", message).at(said.to_owned()).help("such as 127.0.0.1:8080"))?;
    let mut tokens = config.serve.tokens.clone();
    if let Some(file) = &config.serve.token_file {
        tokens.extend(read_tokens(Path::new(file))?);
    }
    Server::start(&Settings::of(config, listen, tokens), (plan, process), config, text).map(Some)
}

/// A server that runs.
pub struct Server {
    face: Arc<Face>,
    url: String,
    runtime: Runtime,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Listens, and answers from now on, in one of the processes of a run. `text` is the pipeline file.
    ///
    /// # Errors
    /// `listen.public`, `listen.address`, `listen.tls`.
    pub fn start(
        settings: &Settings,
        (plan, process): (&Plan, usize),
        config: &Config,
        text: &str,
    ) -> Result<Self, Error> {
        let Settings { listen, tokens, bounds, history, max_connections } = settings;
        let said = format!("{}:{}", listen.host, listen.port);
        if !listen.is_local() && tokens.is_empty() {
            let message = "other machines can reach this address, and there is no token";
            return Err(Error::user("listen.public", message).at(said).help(PUBLIC_HELP));
        }
        let tls = config.serve.tls.as_ref().map(Tls::read).transpose();
        let tls = tls.map_err(|problems| first(&config.file, &problems))?.map(Arc::new);
        let origins = Origins { secure: tls.is_some(), listed: config.serve.allow_origins.clone() };
        let failed = |e: std::io::Error| {
            Error::outside("listen.address", format!("cannot listen on this address: {e}"))
                .at(said.clone())
                .help("stop what listens there, or use another port; port 0 lets the system choose")
        };
        let all: Vec<SocketAddr> = (listen.host.as_str(), listen.port).to_socket_addrs().map_err(failed)?.collect();
        let listener = TcpListener::bind(&all[..]).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = format!("{}://{address}/", if tls.is_some() { "https" } else { "http" });
        let (stop, stopped) = watch::channel(false);
        let pipeline = serde_json::json!({
            "name": plan.name,
            "file": config.file,
            "text": pipeline::hidden(text, tokens),
            "plan": explain_json(plan),
            "server": url,
        });
        let counts = Arc::new(ServerMetrics::new("http", &Refusal::ALL.map(|(word, _)| word)));
        let (mut store, mut book) = (Store::new(&plan.schemas, *bounds), Book::new(&plan.alerts, *bounds));
        let open = |settings| History::open(settings, &plan.schemas, (&mut store, &mut book), &counts);
        let history = history.as_ref().filter(|_| process == 0).map(open).transpose()?.map(Arc::new);
        let face = Arc::new(Face {
            tokens: Tokens::new(tokens, &listen.host, origins),
            counts,
            shelf: Arc::new(Shelf::new(store, book)),
            history,
            inlets: Inlet::all(plan),
            schemas: plan.schemas.clone(),
            rules: Rule::all(plan),
            recommended: Recommended::all(plan),
            graph: crate::plan::graph(plan),
            looks: Mutex::default(),
            told: Mutex::default(),
            notices: Mutex::default(),
            whole: Mutex::default(),
            process,
            silences_file: config.notify.silences.clone(),
            pipeline,
            epoch: epoch()?,
            phase: Mutex::default(),
            motion: Mutex::default(),
            stop: stopped,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4)
            .thread_name("serve")
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        if let Some(tls) = &tls {
            runtime.spawn(Arc::clone(tls).watch(Arc::clone(&face)));
        }
        runtime.spawn(connect::accept(listener, Arc::clone(&face), *max_connections, tls));
        runtime.spawn(graph::watch(Arc::clone(&face)));
        Ok(Self { face, url, runtime, stop })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The sink that fills the store; it takes the rows of every part.
    pub fn rows(&self) -> Box<dyn Sink> {
        let face = &self.face;
        Box::new(feed::Feed::new(Arc::clone(&face.shelf), face.history.clone(), Arc::clone(&face.counts)))
    }

    /// The ways into sources that are sent their events, which is to process 0.
    pub fn doors(&self) -> Vec<(String, Arc<Door>)> {
        self.face.inlets.iter().map(|inlet| (inlet.name.clone(), Arc::clone(&inlet.door))).collect()
    }

    fn set(&self, phase: Phase) {
        *self.face.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// The run reads.
    pub fn running(&self, run: &Running) {
        *self.face.notices.lock().unwrap_or_else(PoisonError::into_inner) = run.notices.clone();
        *self.face.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&run.whole));
        self.set(Phase::Running(Arc::clone(&run.metrics)));
    }

    /// The run has ended; without its counts: by a failure.
    pub fn ended(&self, metrics: Option<Arc<Metrics>>) {
        self.set(metrics.map_or(Phase::Failed, Phase::Ended));
    }

    /// Says goodbye to all clients, and ends.
    pub fn stop(self) {
        self.stop.send_replace(true);
        let face = Arc::clone(&self.face);
        self.runtime.block_on(async move {
            let gone = async {
                while face.counts.streams.get() > 0 || face.counts.connections.get() > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let _ = tokio::time::timeout(GOODBYE, gone).await;
        });
        if let Some(history) = &self.face.history {
            history.close();
        }
        self.runtime.shutdown_timeout(GOODBYE);
    }
}

/// A word that no other run has.
fn epoch() -> Result<String, Error> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(Kind::Outside, "listen.address", format!("the system has no random numbers: {e}")))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
