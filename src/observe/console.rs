//! Log lines and a live line, turned into one tidy terminal.
//!
//! The live line is always the last on the screen: whatever else is written clears it first and draws it again after.
//! What goes to standard output while it is a terminal too must pass through [`Console::around`].
//!
//! Errors: none; where the terminal is gone, nothing is shown.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// To the start of the line, and clear it.
const CLEAR: &[u8] = b"\r\x1b[2K";

struct Inner {
    out: Box<dyn Write + Send>,
    /// A live line may be shown.
    live: bool,
    /// The live line; empty where there is none.
    line: String,
    /// The live line is on the screen.
    drawn: bool,
}

/// Standard error, shared by logs and the live line.
#[derive(Clone)]
pub struct Console(Arc<Mutex<Inner>>);

impl Console {
    /// Standard error; it is live where it is a terminal that can clear a line.
    pub fn stderr() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Self::new(io::stderr(), io::stderr().is_terminal() && !dumb)
    }

    /// A console on any writer.
    pub fn new(out: impl Write + Send + 'static, live: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { out: Box::new(out), live, line: String::new(), drawn: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where a live line can be shown.
    pub fn live(&self) -> bool {
        self.lock().live
    }

    /// Shows or replaces the live line; an empty one clears it. Without effect where the console is not live.
    pub fn show(&self, line: &str) {
        let mut inner = self.lock();
        if inner.live {
            inner.line.clear();
            inner.line.push_str(line);
            inner.hide();
            inner.draw();
        }
    }

    /// Writes text of whole lines above the live line.
    pub fn say(&self, text: &[u8]) {
        let mut inner = self.lock();
        inner.hide();
        let _ = inner.out.write_all(text);
        if text.ends_with(b"\n") {
            inner.draw();
        }
        let _ = inner.out.flush();
    }

    /// A writer that makes room for what it writes, for output to the same terminal; elsewhere it only passes on.
    pub fn around<W: Write>(&self, writer: W) -> Around<W> {
        Around { console: self.clone(), writer }
    }
}

impl Inner {
    fn hide(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = self.out.write_all(CLEAR);
            let _ = self.out.flush();
        }
    }

    fn draw(&mut self) {
        if !self.line.is_empty() {
            let _ = self.out.write_all(self.line.as_bytes());
            let _ = self.out.flush();
            self.drawn = true;
        }
    }
}

/// Writes whole log lines.
impl Write for Console {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.say(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See [`Console::around`].
pub struct Around<W> {
    console: Console,
    writer: W,
}

impl<W: Write> Write for Around<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.console.lock();
        if !inner.live {
            drop(inner);
            return self.writer.write(bytes);
        }
        inner.hide();
        // Flushed at once: what the writer kept back would come out behind the line.
        let n = self.writer.write(bytes)?;
        self.writer.flush()?;
        if bytes[..n].ends_with(b"\n") {
            inner.draw();
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A screen that a test can read.
    #[derive(Clone, Default)]
    pub(crate) struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().replace("\r\x1b[2K", "<clear>")
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Screen;
    use super::*;

    #[test]
    fn a_log_line_clears_the_live_line_and_draws_it_again() {
        let screen = Screen::default();
        let console = Console::new(screen.clone(), true);
        console.say(b"start\n");
        console.show("10 events");
        console.say(b"a warning\n");
        console.around(screen.clone()).write_all(b"{}\n").unwrap();
        console.show("20 events");
        console.show("");
        console.say(b"end\n");
        assert_eq!(
            screen.text(),
            "start\n10 events<clear>a warning\n10 events<clear>{}\n10 events<clear>20 events<clear>end\n"
        );
    }

    #[test]
    fn a_console_that_is_no_terminal_shows_no_live_line() {
        let screen = Screen::default();
        let console = Console::new(screen.clone(), false);
        console.show("10 events");
        console.say(b"a warning\n");
        console.around(screen.clone()).write_all(b"{}").unwrap();
        assert_eq!(screen.text(), "a warning\n{}");
    }
}
