//! The case files of `tests/cases` and `examples`, through `highwater::story`: what `highwater test` runs.
//!
//! `REWRITE=1` writes what came into them as what is expected; look at what was written. Their rows were written by
//! hand, and are not what the engine happened to say.

use super::harness::in_time;
use highwater::story::{self, Verdict};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn every_case_file_when_run_at_its_widths_then_gives_the_rows_it_expects() {
    let files = story::find(&[folder("tests/cases"), folder("examples")]).unwrap_or_else(|e| panic!("{e}"));
    assert!(files.len() >= 9, "{files:?}");
    in_time("cases", move || {
        let mut said = String::new();
        for file in files {
            let case = story::read(&file).unwrap_or_else(|e| panic!("{e}"));
            assert!(!case.story.is_empty(), "{} tells its story in its first line", case.file);
            let told = story::tell(&case, None);
            let verdict = match &told {
                Ok(told) => story::judge(&case, told),
                Err(verdict) => verdict.clone(),
            };
            if verdict == Verdict::Passed {
                continue;
            }
            if let (Ok(told), Some(_)) = (&told, std::env::var_os("REWRITE")) {
                let text = story::rewrite(&case, told).unwrap_or_else(|v| panic!("{v:?}"));
                std::fs::write(&file, text).expect("the cases can be written");
            } else {
                said.push_str(&story::text(&case.file, &case.story, &verdict));
            }
        }
        assert!(said.is_empty(), "\n{said}");
    });
}
