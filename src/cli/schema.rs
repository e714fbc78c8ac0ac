//! `schema`: the JSON Schema of a pipeline file, for editors.

use super::{Failure, write_out};
use crate::config;

pub(super) fn schema() -> Result<(), Failure> {
    write_out(format!("{:#}\n", config::schema()).as_bytes())
}
