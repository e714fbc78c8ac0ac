//! What sends nothing, of a program that was built without OpenTelemetry.

use super::Telemetry;
use crate::config::Config;
use crate::error::Error;

impl Telemetry {
    /// Starts what the pipeline asks for, in process `process`; `None` where it asks for nothing.
    ///
    /// # Errors
    /// `observe.otlp`: this program was built without OpenTelemetry.
    pub fn start(config: &Config, _process: usize) -> Result<Option<Self>, Error> {
        match config.otlp {
            None => Ok(None),
            Some(_) => Err(Error::user("observe.otlp", "this program was built without OpenTelemetry")
                .at("observe.otlp")
                .help("build it with --features otlp, or remove the section")),
        }
    }

    /// The run has failed.
    pub fn failed(&self, _: &Error) {}

    /// Sends what is left.
    pub fn flush(&self) {}
}
