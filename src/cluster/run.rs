//! A [`Topology`] and a function that builds dataflows, turned into the workers' results.
//!
//! One process with one worker runs on one thread; with more workers through timely's serializing channels, never its
//! typed ones: with those a panicking worker leaves the others waiting for ever. Several processes exchange over the
//! sockets of [`super::link`].
//!
//! Invariants: 1. `build` runs only when all processes are there. 2. A process leaves only when all are done: it says
//! *bye* and waits for every other's. 3. A failure anywhere ends all: see [`super::fate`].

use super::control::{Control, News};
use super::data::{DataStream, Gathering};
use super::explain::followed;
use super::fate::Fate;
use super::handle::{Drain, Handle};
use super::handshake::random;
use super::link;
use super::topology::Topology;
use crate::error::{Error, Kind};
use std::any::Any;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use timely::WorkerConfig;
use timely::communication::allocator::zero_copy::initialize::{CommsGuard, initialize_networking_from_sockets};
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Config, Hooks};
use timely::worker::Worker;

/// Updates that an idle worker compacts at once.
const IDLE_MERGE: isize = 1000;
/// How long an idle worker looks for work before it parks.
const IDLE_SPIN: Duration = Duration::from_micros(10);
/// How long the end of a process waits for the peers to be told.
const TELL: Duration = Duration::from_millis(500);
/// How much longer than the peer time-out a secondary panic waits for the control plane.
const SLACK: Duration = Duration::from_secs(2);

/// Runs the computation; a failure after the start prints its message and ends the process with its exit code (see
/// [`Fate::exiting`]), a failure before it is returned. Panics of the whole program go through the fate from here on.
///
/// `on_ready` is called once on this thread, after all processes have met and before any worker starts.
pub fn execute<T, R, B>(topology: Topology, on_ready: R, build: B) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    R: FnOnce(&Handle),
    B: Fn(&mut Worker, &Handle) -> T + Send + Sync + 'static,
{
    let fate = Fate::exiting();
    fate.install();
    execute_with(topology, fate, on_ready, build)
}

/// As [`execute`], with a fate of the caller's and without touching the panic hook.
pub fn execute_with<T, R, B>(topology: Topology, fate: Arc<Fate>, on_ready: R, build: B) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    R: FnOnce(&Handle),
    B: Fn(&mut Worker, &Handle) -> T + Send + Sync + 'static,
{
    topology.check()?;
    let listener = if topology.processes > 1 { Some(link::listen(&topology)?) } else { None };
    execute_on(topology, listener, fate, on_ready, build)
}

/// As [`execute_with`], on a socket that listens already.
pub(super) fn execute_on<T, R, B>(
    topology: Topology,
    listener: Option<TcpListener>,
    fate: Arc<Fate>,
    on_ready: R,
    build: B,
) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    R: FnOnce(&Handle),
    B: Fn(&mut Worker, &Handle) -> T + Send + Sync + 'static,
{
    topology.check()?;
    fate.set_patience(topology.peer_timeout + SLACK);
    let link::Links { control, data, listener: _listener, run, counters } = match listener {
        Some(listener) => link::connect(&topology, listener)?,
        // The run's number only tells runs apart where they are looked at from outside.
        None => link::Links { run: random().unwrap_or_default(), ..link::Links::default() },
    };
    let drain = Arc::new(Drain::default());
    let news = tidings(topology.clone(), Arc::clone(&fate), Arc::clone(&drain));
    let control = Arc::new(Control::start(topology.process, control, topology.peer_timeout, news)?);
    fate.tell_with(control.teller(TELL));
    let gathering = Arc::new(Gathering::default());
    let handle = Handle::new(
        Arc::clone(&control),
        Arc::clone(&fate),
        drain,
        (&topology, run),
        (counters, Arc::clone(&gathering)),
    );
    on_ready(&handle);

    // From here on what fails here concerns the others.
    let failed = |error: Error| {
        fate.fail(error);
        fate.settle().expect("a failure was just concluded")
    };
    let (builders, comms) = allocators(&topology, data, &gathering).map_err(&failed)?;
    let at_work = handle.clone();
    let mut config = WorkerConfig::default().idle_spin(IDLE_SPIN);
    // Arrangements that have lost rows are compacted when there is nothing else to do.
    let idle = differential_dataflow::Config::default().idle_merge_effort(Some(IDLE_MERGE));
    differential_dataflow::configure(&mut config, &idle);
    let guards = timely::execute::execute_from(builders, Box::new(()), config, move |worker| build(worker, &at_work))
        .map_err(|e| failed(start_error(e)))?;
    let results: Result<Vec<T>, String> = guards.join().into_iter().collect();
    if let Some(error) = fate.settle() {
        return Err(error);
    }
    // Without the panic hook (tests) nobody has concluded yet that a worker panicked.
    let results = results.map_err(|_| failed(Error::new(Kind::Bug, "bug", "a worker panicked")))?;
    control.finish();
    let closed = comms.close();
    if let Some(error) = fate.settle() {
        return Err(error);
    }
    closed.map_err(|text| failed(Error::new(Kind::Followed, "cluster.lost", text)))?;
    Ok(results)
}

/// Timely's threads that own the data sockets; they end when the workers of all processes have.
struct Comms(Option<CommsGuard>);

impl Comms {
    fn close(mut self) -> Result<(), String> {
        self.join()
    }

    /// The guard's own drop panics where one of its threads has.
    fn join(&mut self) -> Result<(), String> {
        let guard = self.0.take();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(guard))).map_err(|p| panic_text(p.as_ref()))
    }
}

impl Drop for Comms {
    fn drop(&mut self) {
        // On this way out there is a failure already, and what the threads say is its consequence.
        let _ = self.join();
    }
}

/// What news of the control plane means for this process.
fn tidings(topology: Topology, fate: Arc<Fate>, drain: Arc<Drain>) -> impl Fn(News) + Send + Sync + 'static {
    move |news| match news {
        News::Lost(q, why) => fate.conclude(followed(&topology, q, &why, None), Some(q), &why),
        News::Failed { from, culprit, text } => {
            fate.conclude(followed(&topology, culprit, &text, Some(from)), Some(culprit), &text);
        }
        News::Drain(_) => drop(drain.set()),
    }
}

fn allocators(
    topology: &Topology,
    data: Vec<Option<TcpStream>>,
    gathering: &Arc<Gathering>,
) -> Result<(Vec<AllocatorBuilder>, Comms), Error> {
    if topology.processes == 1 {
        let shape = if topology.workers == 1 { Config::Thread } else { Config::ProcessBinary(topology.workers) };
        let (builders, _) = shape.try_build().map_err(start_error)?;
        return Ok((builders, Comms(None)));
    }
    let hooks = Hooks::default();
    let local = ProcessBuilder::new_bytes_vector(topology.workers, hooks.refill.clone(), hooks.spill.clone());
    let data = data.into_iter().map(|stream| stream.map(|stream| DataStream::new(stream, gathering))).collect();
    let (builders, comms) = initialize_networking_from_sockets(local, data, topology.process, topology.workers, hooks)
        .map_err(start_error)?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Comms(Some(comms))))
}

fn start_error(e: impl std::fmt::Display) -> Error {
    Error::outside("cluster.start", format!("the workers cannot start: {e}"))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("the connection to another process broke: {}", text.unwrap_or("unknown"))
}
