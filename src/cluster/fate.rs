//! The first failure anywhere, turned into the end of the whole, with one message.
//!
//! A failure is concluded once: the peers are told, one message is printed, the process ends with the code of its kind.
//! What fails after that is a consequence and says nothing. Timely's own threads panic when a socket closes, and its
//! workers panic after them; the panic hook knows these panics as secondary and lets them wait, a bounded time, for
//! the control plane to say what really happened.
//!
//! Invariants: 1. [`Fate`] ends at most once, and prints at most one message. 2. A panic that is not secondary ends
//! the process at once, so that one worker's panic stops all. 3. Nothing here waits without a bound.

use crate::error::{Error, Kind};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How long a consequence waits for the end that is under way.
const LAST: Duration = Duration::from_secs(5);

/// How long the end waits for its message to be printed.
const PRINT: Duration = Duration::from_secs(2);

type Teller = Arc<dyn Fn(Option<usize>, &str) + Send + Sync>;

/// Decides how the process ends.
pub struct Fate {
    state: Mutex<State>,
    changed: Condvar,
    end: Box<dyn Fn(&Error) + Send + Sync>,
}

struct State {
    verdict: Option<Error>,
    ended: bool,
    teller: Option<Teller>,
    patience: Duration,
}

impl Fate {
    /// A fate that calls `end` once with the first failure. `end` normally does not return.
    pub fn new(end: impl Fn(&Error) + Send + Sync + 'static) -> Arc<Self> {
        let state = State { verdict: None, ended: false, teller: None, patience: LAST };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), end: Box::new(end) })
    }

    /// A fate that prints the failure on standard error and ends the process with its exit code.
    pub fn exiting() -> Arc<Self> {
        Self::exiting_after(|_| {})
    }

    /// [`Fate::exiting`], where somebody else is told of it first, who may take as long as the message may take to be printed.
    pub fn exiting_after(tell: impl Fn(&Error) + Send + Sync + 'static) -> Arc<Self> {
        let tell = Arc::new(tell);
        Self::new(move |error| {
            let text = error.to_string();
            let (printed, wait) = mpsc::channel::<()>();
            let (tell, told) = (Arc::clone(&tell), error.clone());
            let print = move || {
                let mut out = std::io::stderr().lock();
                // Nothing is left to do where standard error is closed.
                let _ = writeln!(out, "{text}");
                let _ = out.flush();
                drop(out);
                tell(&told);
                drop(printed);
            };
            // On a thread of its own: who reads standard error may have stopped, and the end must not wait for it.
            if thread::Builder::new().name("highwater:last-words".to_string()).spawn(print).is_ok() {
                let _ = wait.recv_timeout(PRINT);
            }
            std::process::exit(i32::from(error.kind.exit_code()));
        })
    }

    /// Sets who tells the peers (culprit, `None` for this process, and what happened) before the end.
    pub fn tell_with(&self, teller: impl Fn(Option<usize>, &str) + Send + Sync + 'static) {
        self.lock().teller = Some(Arc::new(teller));
    }

    /// Sets how long a secondary panic waits for the control plane to say what happened.
    pub fn set_patience(&self, patience: Duration) {
        self.lock().patience = patience;
    }

    /// This process failed: tells the peers and ends. Without effect where a failure was there before.
    pub fn fail(&self, error: Error) {
        let what = format!("failed: {}", error.message);
        self.conclude(error, None, &what);
    }

    /// Ends with `error`, telling the peers that `culprit` (`None`: this process) did `what`, such as `failed: no
    /// disk`.
    pub fn conclude(&self, error: Error, culprit: Option<usize>, what: &str) {
        let teller = {
            let mut state = self.lock();
            if state.verdict.is_some() {
                return;
            }
            state.verdict = Some(error.clone());
            self.changed.notify_all();
            state.teller.clone()
        };
        if let Some(tell) = teller {
            tell(culprit, what);
        }
        (self.end)(&error);
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// The first failure, if there was one.
    pub fn verdict(&self) -> Option<Error> {
        self.lock().verdict.clone()
    }

    /// Waits for a failure, at most `limit`.
    pub fn wait(&self, limit: Duration) -> Option<Error> {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, |s| s.verdict.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.verdict.clone()
    }

    /// Where there was a failure: waits, bounded, until the end was called, so that nobody else prints or exits.
    pub fn settle(&self) -> Option<Error> {
        let state = self.lock();
        state.verdict.as_ref()?;
        let (state, _) =
            self.changed.wait_timeout_while(state, LAST, |s| !s.ended).unwrap_or_else(PoisonError::into_inner);
        state.verdict.clone()
    }

    /// Makes every panic of this program go through here.
    pub fn install(self: &Arc<Self>) {
        let fate = Arc::clone(self);
        std::panic::set_hook(Box::new(move |info| fate.on_panic(info)));
    }

    fn on_panic(&self, info: &PanicHookInfo<'_>) {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text");
        let current = thread::current();
        let name = current.name().unwrap_or("unnamed");
        let place = info.location().map_or_else(String::new, |l| format!("{}:{}, ", l.file(), l.line()));
        if is_secondary(name, message) {
            self.secondary(message);
            return;
        }
        let backtrace = Backtrace::capture();
        if self.verdict().is_none() && backtrace.status() == BacktraceStatus::Captured {
            let _ = writeln!(std::io::stderr(), "{backtrace}");
        }
        self.bug(message, &format!("{place}thread {name}"));
    }

    /// A panic of our own: ends the process as a bug.
    fn bug(&self, message: &str, place: &str) {
        let error = Error::new(Kind::Bug, "bug", message).at(place).help(
            "this is a fault of highwater: please report it with this message and, if you can, the pipeline file",
        );
        self.conclude(error, None, &format!("failed with a bug: {message}"));
        self.settle();
    }

    /// A panic that follows from something else: waits for the cause; without one, ends with a general message.
    fn secondary(&self, message: &str) {
        let patience = self.lock().patience;
        if self.wait(patience).is_none() {
            let text = format!("the connection to another process broke ({message})");
            let error = Error::new(Kind::Followed, "cluster.lost", text.as_str())
                .help("look at the messages of the other processes, then start all again");
            self.conclude(error, None, &text);
        }
        self.settle();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for panics that timely raises because something else broke before. Its worker threads run our operators and
/// are named `timely:` too, so for them only the text tells.
fn is_secondary(thread: &str, message: &str) -> bool {
    const TEXTS: [&str; 9] = [
        "timely communication error",
        "MergeQueue poisoned",
        "MergeQueue mutex poisoned",
        "Send thread panic",
        "Recv thread panic",
        "Worker panic",
        "Failed to send MergeQueue",
        "failed to send MergeQueue",
        "Failed to receive MergeQueue",
    ];
    thread.starts_with("timely:send-")
        || thread.starts_with("timely:recv-")
        || TEXTS.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> (Arc<Fate>, mpsc::Receiver<Error>) {
        let (tx, rx) = mpsc::channel();
        (Fate::new(move |e| drop(tx.send(e.clone()))), rx)
    }

    #[test]
    fn only_the_first_failure_counts_and_peers_hear_of_it_before_the_end() {
        let (fate, ends) = recorded();
        let (tx, told) = mpsc::channel();
        fate.tell_with(move |culprit, text| drop(tx.send((culprit, text.to_string()))));
        assert_eq!(fate.settle(), None);
        fate.fail(Error::outside("source.open", "no such file"));
        fate.fail(Error::user("x", "second"));
        assert_eq!(told.try_recv().unwrap(), (None, "failed: no such file".to_string()));
        assert_eq!(ends.try_iter().map(|e| e.code).collect::<Vec<_>>(), ["source.open"]);
        assert!(told.try_recv().is_err());
        assert_eq!(fate.settle().unwrap().kind.exit_code(), 3);
    }

    #[test]
    fn timelys_own_panics_are_secondary_and_our_operators_are_not() {
        assert!(is_secondary("timely:recv-1", "index out of bounds"));
        assert!(is_secondary("timely:work-0", "MergeQueue poisoned."));
        assert!(is_secondary("main", "Send thread panic: Any { .. }"));
        assert!(is_secondary("timely:send-0", "timely communication error: writing data: Broken pipe"));
        assert!(!is_secondary("timely:work-0", "index out of bounds"));
        assert!(!is_secondary("highwater:heartbeat", "oh"));
    }

    #[test]
    fn a_secondary_panic_takes_the_verdict_of_the_control_plane() {
        let (fate, ends) = recorded();
        let waiting = Arc::clone(&fate);
        let panicking = thread::spawn(move || waiting.secondary("timely communication error: reading data"));
        fate.conclude(Error::new(Kind::Followed, "cluster.lost", "process 1 went"), Some(1), "went");
        panicking.join().unwrap();
        assert_eq!(ends.try_iter().map(|e| e.message).collect::<Vec<_>>(), ["process 1 went"]);
    }

    #[test]
    fn a_secondary_panic_without_a_verdict_ends_as_followed() {
        let (fate, ends) = recorded();
        fate.set_patience(Duration::from_millis(1));
        fate.secondary("MergeQueue poisoned.");
        let end = ends.try_recv().unwrap();
        assert_eq!((end.kind, end.code), (Kind::Followed, "cluster.lost"));
    }

    #[test]
    fn our_own_panic_is_a_bug_with_a_place() {
        let (fate, ends) = recorded();
        fate.bug("slot 3 of 2", "src/x.rs:7, thread timely:work-0");
        let end = ends.try_recv().unwrap();
        assert_eq!(end.kind.exit_code(), 4);
        assert!(end.to_string().starts_with("error[bug]: slot 3 of 2\n  --> src/x.rs:7"), "{end}");
    }
}
