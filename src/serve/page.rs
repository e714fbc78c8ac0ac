//! The page: files that are part of the program, given as they are.

use super::access::Refusal;
use super::answer::{Answer, Wrong, text};
use super::face::Face;
use super::routes::Ask;

/// Name, type and text of every file.
const FILES: [(&str, &str, &str); 18] = [
    ("index.html", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    script("app.js", include_str!("page/app.js")),
    script("dom.js", include_str!("page/dom.js")),
    script("net.js", include_str!("page/net.js")),
    script("overview.js", include_str!("page/overview.js")),
    script("parts.js", include_str!("page/parts.js")),
    script("patterns.js", include_str!("page/patterns.js")),
    script("alerts.js", include_str!("page/alerts.js")),
    script("mute.js", include_str!("page/mute.js")),
    script("graph.js", include_str!("page/graph.js")),
    script("layout.js", include_str!("page/layout.js")),
    script("recommendations.js", include_str!("page/recommendations.js")),
    script("rejects.js", include_str!("page/rejects.js")),
    script("rows.js", include_str!("page/rows.js")),
    script("chart.js", include_str!("page/chart.js")),
    script("small.js", include_str!("page/small.js")),
];

const fn script(name: &'static str, text: &'static str) -> (&'static str, &'static str, &'static str) {
    (name, "text/javascript; charset=utf-8", text)
}

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
