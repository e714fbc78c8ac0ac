//! `test`: case files to verdicts, each said as soon as it is known, and new expectations where they are asked for.

use super::{Failure, write_out};
use crate::error::Error;
use crate::story::{self, Case, Verdict};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Case files, and folders that are looked through for files named *.case.toml.
    #[arg(required = true, value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Only cases with this text in their path or story.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How many workers to run with, each; instead of what cases say.
    #[arg(short, long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<Vec<u16>>,
    /// Write what came into the cases as what is expected. Look at what was written.
    #[arg(long)]
    rewrite: bool,
    /// Only name the cases.
    #[arg(long, conflicts_with_all = ["rewrite"])]
    list: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs: one JSON object a case.
    Json,
}

/// How many cases came to which end.
#[derive(Debug, Default)]
struct Tally {
    ok: usize,
    rewritten: usize,
    failed: usize,
    wrong: usize,
    bugs: usize,
    code: u8,
}

impl Tally {
    fn take(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Passed => &mut self.ok,
            Verdict::Failed(_) | Verdict::Broke(_) => &mut self.failed,
            Verdict::Wrong(_) => &mut self.wrong,
            Verdict::Uneven(_) => &mut self.bugs,
        } += 1;
        self.code = self.code.max(verdict.exit_code());
    }

    fn text(&self) -> String {
        let all = self.ok + self.rewritten + self.failed + self.wrong + self.bugs;
        let mut text = format!("{all} case{}: {} ok", if all == 1 { "" } else { "s" }, self.ok);
        let more = [(self.rewritten, "rewritten"), (self.failed, "failed"), (self.wrong, "wrong"), (self.bugs, "bugs")];
        for (n, word) in more.into_iter().filter(|(n, _)| *n > 0) {
            text.push_str(&format!(", {n} {word}"));
        }
        text
    }
}

pub(super) fn test(args: &TestArgs) -> Result<(), Failure> {
    let workers: Option<Vec<usize>> = args.workers.as_ref().map(|list| list.iter().copied().map(usize::from).collect());
    let mut tally = Tally::default();
    let mut any = false;
    for file in story::find(&args.paths)? {
        let read = story::read(&file);
        let story = read.as_ref().map_or("", |case| case.story.as_str());
        if let Some(text) = &args.filter
            && !file.display().to_string().contains(text)
            && !story.contains(text)
        {
            continue;
        }
        any = true;
        let name = file.display().to_string();
        let story = story.to_owned();
        if args.list {
            let after = if story.is_empty() { String::new() } else { format!(": {story}") };
            write_out(format!("{name}{after}\n").as_bytes())?;
            continue;
        }
        let (verdict, new) = match read {
            Ok(case) => examine(&case, workers.as_deref(), args.rewrite),
            Err(problems) => (Verdict::Wrong(problems), None),
        };
        match &new {
            Some(text) => {
                write(&file, text)?;
                tally.rewritten += 1;
            }
            None => tally.take(&verdict),
        }
        let said = match (args.format, &new) {
            (Form::Text, None) => story::text(&name, &story, &verdict),
            (Form::Text, Some(_)) => story::text(&name, &story, &verdict).replacen("ok    ", "wrote ", 1),
            (Form::Json, _) => {
                let mut told = story::json(&name, &story, &verdict);
                if new.is_some() {
                    told["result"] = "rewritten".into();
                }
                format!("{told}\n")
            }
        };
        write_out(said.as_bytes())?;
    }
    if !any {
        let what = args.filter.as_deref().unwrap_or_default();
        let message = format!("no case has {what:?} in its path or story");
        return Err(Error::user("case.none", message).help("--list without --filter names all").into());
    }
    if args.list {
        return Ok(());
    }
    if args.format == Form::Text {
        let differs = tally.failed > 0 && !args.rewrite;
        let hint = if differs { "; --rewrite takes what came as what is expected" } else { "" };
        write_out(format!("{}{hint}\n", tally.text()).as_bytes())?;
    }
    if tally.code == 0 { Ok(()) } else { Err(Failure::Said(tally.code)) }
}

/// What comes of a case and, where it is to be written anew and needs to be, its new text.
fn examine(case: &Case, workers: Option<&[usize]>, rewrite: bool) -> (Verdict, Option<String>) {
    let told = match story::tell(case, workers) {
        Ok(told) => told,
        Err(verdict) => return (verdict, None),
    };
    match story::judge(case, &told) {
        Verdict::Passed => (Verdict::Passed, None),
        _ if rewrite => match story::rewrite(case, &told) {
            Ok(text) => (Verdict::Passed, Some(text)),
            Err(verdict) => (verdict, None),
        },
        verdict => (verdict, None),
    }
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(file, text).map_err(|e| {
        Error::outside("case.write", format!("cannot write the case: {e}"))
            .at(file.display().to_string())
            .help("check the permission to write")
    })
}
