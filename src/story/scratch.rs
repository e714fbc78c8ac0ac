//! A folder that is there while it is needed.

use crate::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder of its own for one case; dropped, it goes with all that is in it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one among the temporary files of the system.
    pub(super) fn new() -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let failed = |e: std::io::Error, path: &Path| {
            Error::outside("case.scratch", format!("cannot make a scratch folder: {e}"))
                .at(path.display().to_string())
                .help("set TMPDIR to a folder that can be written to")
        };
        loop {
            let name = format!("highwater-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process that was killed, or put there by somebody else: not ours.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e, &path)),
            }
        }
    }

    /// Writes a file into it; gives its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<String, Error> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|e| {
            Error::outside("case.scratch", format!("cannot write into the scratch folder: {e}"))
                .at(path.display().to_string())
        })?;
        Ok(path.display().to_string())
    }

    /// An error with the names of files in this folder without the folder.
    pub(super) fn hide(&self, mut error: Error) -> Error {
        let folder = format!("{}/", self.0.display());
        let plain = |text: &mut String| *text = text.replace(&folder, "");
        plain(&mut error.message);
        error.place.iter_mut().for_each(plain);
        error.help.iter_mut().for_each(plain);
        error
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, whose temporary files they are.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
