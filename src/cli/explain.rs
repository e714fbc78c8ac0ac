//! `explain`: the compiled plan as text, JSON or Graphviz.

use super::{Failure, FileArgs, plan, write_out};
use crate::plan::{explain_dot, explain_json, explain_text};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    file: FileArgs,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Graphviz: highwater explain FILE --format dot | dot -Tsvg > plan.svg
    Dot,
}

pub(super) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let (plan, _) = plan(&args.file.file, &args.file.set)?;
    let text = match args.format {
        Form::Text => explain_text(&plan),
        Form::Json => format!("{:#}\n", explain_json(&plan)),
        Form::Dot => explain_dot(&plan),
    };
    write_out(text.as_bytes())
}
