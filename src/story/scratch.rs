//! A folder that is there while it is needed.

use crate::error::Error;
use tempfile::TempDir;

/// A folder of its own for one case; dropped, it goes with all that is in it.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

impl Scratch {
    /// Makes one among the temporary files of the system.
    pub(super) fn new() -> Result<Self, Error> {
        TempDir::with_prefix("highwater-test-").map(Self).map_err(|e| {
            Error::outside("case.scratch", format!("cannot make a scratch folder: {e}"))
                .at(std::env::temp_dir().display().to_string())
                .help("set TMPDIR to a folder that can be written to")
        })
    }

    /// Writes a file into it; gives its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<String, Error> {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).map_err(|e| {
            Error::outside("case.scratch", format!("cannot write into the scratch folder: {e}"))
                .at(path.display().to_string())
        })?;
        Ok(path.display().to_string())
    }

    /// An error with the names of files in this folder without the folder.
    pub(super) fn hide(&self, mut error: Error) -> Error {
        let folder = format!("{}/", self.0.path().display());
        let plain = |text: &mut String| *text = text.replace(&folder, "");
        plain(&mut error.message);
        error.place.iter_mut().for_each(plain);
        error.help.iter_mut().for_each(plain);
        error
    }
}
