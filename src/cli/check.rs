//! `check`: every problem of a pipeline file at once, of its settings and of its SQL, and of the certificate that it names.

use super::{Failure, FileArgs, plan, write_out};
use crate::error::Problems;
use crate::serve;

pub(super) fn check(args: &FileArgs) -> Result<(), Failure> {
    let (_, config) = plan(&args.file, &args.set)?;
    serve::check(&config)?;
    let mut text = String::new();
    if !config.warnings.is_empty() {
        let warnings = Problems { file: config.file.clone(), list: config.warnings };
        text = format!("{warnings}\n");
    }
    text.push_str(&format!("{}: fine\n", config.file));
    write_out(text.as_bytes())
}
