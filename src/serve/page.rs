//! The page: files that are part of the program, given as they are.

use super::access::Refusal;
use super::answer::{Answer, Wrong, text};
use super::face::Face;
use super::routes::Ask;

/// Name, type and text of every file.
const FILES: [(&str, &str, &str); 6] = [
    ("index.html", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("page/app.js")),
    ("chart.js", "text/javascript; charset=utf-8", include_str!("page/chart.js")),
    ("rows.js", "text/javascript; charset=utf-8", include_str!("page/rows.js")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// `/`
pub(super) fn index(_: &Face, _: &Ask) -> Answer {
    let (_, kind, file) = FILES[0];
    Ok(text(kind, file))
}

/// `/page/{name}`
pub(super) fn file(_: &Face, ask: &Ask) -> Answer {
    let found = FILES.iter().find(|(name, ..)| *name == ask.name);
    found.map(|(_, kind, file)| text(kind, *file)).ok_or_else(|| Wrong::refused(Refusal::Path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn what_the_page_names_is_here_and_nothing_of_it_is_inline_or_elsewhere() {
        let named = Regex::new(r#"(?:"/page/|from "\./)([\w.]+)""#).unwrap();
        for (file, _, text) in FILES {
            for found in named.captures_iter(text) {
                assert!(FILES.iter().any(|(name, ..)| *name == &found[1]), "{file} names {}", &found[1]);
            }
            let elsewhere = text.matches("http://").count() + text.matches("https://").count();
            assert_eq!(elsewhere, text.matches("http://www.w3.org/2000/svg").count(), "{file}");
        }
        let (_, _, index) = FILES[0];
        // The policy of the server would not let these run.
        for inline in ["<script>", "<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!index.contains(inline), "{inline}");
        }
    }
}
