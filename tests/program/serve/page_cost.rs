//! What the page costs whoever looks at it, printed and not judged: time of the main thread, the longest wait for a frame, memory.
//!
//! `cargo test --test program -- --ignored page_cost --nocapture`. Each page is looked at idle and under 1,000 updates of rows a
//! second among 10,000 groups, paced by the clock; then an hour's updates are sent as fast as they are taken.
//!
//! What they hold: no errors, the newest row is shown at the end, and neither rows nor nodes nor memory grow with time.
//! What they cannot catch: what a slower machine than this one makes of it.

#![allow(clippy::print_stdout, reason = "a table of figures is what this is for")]

use super::browser::Browser;
use super::client::Served;
use super::story::{calm, errors, job, steps};
use crate::harness::Scratch;
use serde_json::json;
use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const GROUPS: u32 = 10_000;
/// Updates of rows a second, and in how many pieces each second of them is sent.
const RATE: u32 = 1_000;
const PIECES: u32 = 10;
const SECONDS: u32 = 20;
const IDLE: u32 = 5;
/// The most rows that a page may keep.
const MOST: u64 = 25_000;
/// The page that is shown.
const PAGE: &str = "section.page:not([hidden])";

/// Figures of the page's process by their names in the protocol.
struct Figures(HashMap<String, f64>);

impl Figures {
    fn now(browser: &mut Browser) -> Self {
        let found = browser.ask("Performance.getMetrics", json!({}));
        let one = |metric: &serde_json::Value| {
            (metric["name"].as_str().unwrap().to_owned(), metric["value"].as_f64().unwrap())
        };
        Self(found["metrics"].as_array().unwrap().iter().map(one).collect())
    }

    /// The same, once what is not used any more has gone.
    fn kept(browser: &mut Browser) -> Self {
        for _ in 0..2 {
            browser.ask("HeapProfiler.collectGarbage", json!({}));
        }
        Self::now(browser)
    }

    fn get(&self, name: &str) -> f64 {
        self.0[name]
    }

    fn heap(&self) -> f64 {
        self.get("JSHeapUsedSize") / 1e6
    }

    /// Milliseconds a second since `before`.
    fn share(&self, before: &Self, name: &str) -> f64 {
        (self.get(name) - before.get(name)) * 1e3 / (self.get("Timestamp") - before.get("Timestamp"))
    }
}

/// Rows and corrections so far.
fn stated(served: &Served) -> f64 {
    let pipeline = served.get("/v1/pipeline").json();
    let parts = pipeline["parts"].as_array().unwrap();
    let one = |part: &serde_json::Value, name: &str| part["counts"][name].as_f64().unwrap_or(0.0);
    parts.iter().map(|part| one(part, "rows") + one(part, "corrections")).sum()
}

fn head() {
    println!(
        "| page | updates a second | task ms/s | script ms/s | style and layout ms/s | longest frame ms | heap MB | nodes | listeners |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
}

/// Measures what happens while `load` runs.
fn measure(browser: &mut Browser, served: &Served, page: &str, frames: bool, run: impl FnOnce()) {
    if frames {
        browser.value(
            "(() => {
                const cost = (window.cost = { longest: 0, last: performance.now(), on: true });
                const frame = (now) => {
                    [cost.longest, cost.last] = [Math.max(cost.longest, now - cost.last), now];
                    if (cost.on) requestAnimationFrame(frame);
                };
                requestAnimationFrame(frame);
            })()",
        );
    }
    let rows = stated(served);
    let before = Figures::now(browser);
    run();
    let after = Figures::now(browser);
    let load = (stated(served) - rows) / (after.get("Timestamp") - before.get("Timestamp"));
    let longest = if frames {
        browser.value("(cost.on = false, Math.round(cost.longest))").to_string()
    } else {
        "–".to_owned()
    };
    let kept = Figures::kept(browser);
    println!(
        "| {page} | {load:.0} | {:.0} | {:.0} | {:.0} | {longest} | {:.1} | {} | {} |",
        after.share(&before, "TaskDuration"),
        after.share(&before, "ScriptDuration"),
        after.share(&before, "LayoutDuration") + after.share(&before, "RecalcStyleDuration"),
        kept.heap(),
        kept.get("Nodes"),
        kept.get("JSEventListeners"),
    );
}

/// Waits by the clock: this measures, so it may.
fn pause(until: Instant) {
    let (_keep, clock) = channel::<()>();
    let _ = clock.recv_timeout(until.saturating_duration_since(Instant::now()));
}

/// Sends a piece of `RATE / PIECES` updates, `PIECES` times a second.
fn pace(served: &Served, seconds: u32, mut piece: impl FnMut(u32) -> String) {
    let began = Instant::now();
    for n in 0..seconds * PIECES {
        served.child.feed(piece(n));
        pause(began + Duration::from_secs(1) * (n + 1) / PIECES);
    }
}

/// An event that moves event time on, to so many seconds.
fn tick(second: f64) -> String {
    format!("{{\"timestamp\": {:.2}, \"service\": \"service0\"}}\n", 1_767_614_400.0 + second)
}

fn start(scratch: &Scratch) -> Option<(Browser, Served)> {
    let mut browser = Browser::start()?;
    for domain in ["Performance", "HeapProfiler"] {
        browser.ask(&format!("{domain}.enable"), json!({}));
    }
    let served = Served::start(scratch, &[]);
    browser.open(&format!("http://{}/", served.address));
    browser.until("document.getElementById('state').textContent === 'running'");
    Some((browser, served))
}

fn show(browser: &mut Browser, page: &str) {
    browser.value(&format!("location.hash = '#/{page}'"));
    let word = page.split('/').next().unwrap();
    browser.until(&format!("document.activeElement.id === 'title-{word}'"));
}

/// How many rows the page says that it has.
fn rows(browser: &mut Browser) -> u64 {
    let found =
        browser.value(&format!("Number(document.querySelector('{PAGE} caption').textContent.match(/of (\\d+)/)[1])"));
    found.as_u64().unwrap()
}

#[test]
#[ignore = "measures the page for some minutes"]
fn page_cost_of_each_page_idle_and_with_a_thousand_updates_a_second() {
    let scratch = job("[run]\ntick = \"10ms\"\n");
    let Some((mut browser, served)) = start(&scratch) else { return };
    for window in 0..2 {
        let text: String = (0..GROUPS).map(|group| calm(window * 10, &format!("service{group}"))).collect();
        served.child.feed(text);
    }
    served.child.feed((0..300).map(|group| errors(11, &format!("service{group}"), 6)).collect::<String>());
    served.child.feed(calm(29, "service0"));
    served.until("/v1/alerts", |answer| answer.json()["rules"][0]["now"]["firing"] == 300);
    // Late: each corrects a row of the second window, and no two of a second the same.
    let (mut group, mut now) = (0, 30.0);
    let mut late = |_: u32| -> String {
        let next = || {
            group = (group + 7_919) % GROUPS;
            calm(12, &format!("service{group}"))
        };
        let text: String = std::iter::repeat_with(next).take((RATE / PIECES) as usize).collect();
        // They are told of with the next tick.
        now += 0.01;
        text + &tick(now)
    };
    head();
    for (page, form) in [
        ("overview", ""),
        ("parts/health", "line"),
        ("parts/health", "bar"),
        ("parts/health", "heat"),
        ("alerts", ""),
        ("graph", ""),
    ] {
        show(&mut browser, page);
        let name = format!("{page} {form}");
        if !form.is_empty() {
            browser.until(&format!("document.querySelectorAll('{PAGE} tbody tr').length === 50"));
            browser.value(&format!("(() => {{ const form = [...document.querySelectorAll('{PAGE} select')].find((one) => [...one.options].some((option) => option.value === 'heat')); form.value = '{form}'; form.dispatchEvent(new Event('change')); }})()"));
        }
        measure(&mut browser, &served, &name, false, || pause(Instant::now() + Duration::from_secs(u64::from(IDLE))));
        measure(&mut browser, &served, &name, true, || pace(&served, SECONDS, &mut late));
        if !form.is_empty() {
            served.child.feed(calm(12, &format!("!{form}")) + &late(0) + &late(0));
            browser.until(&format!("document.querySelector('{PAGE} tbody').textContent.includes('!{form}')"));
            assert!(rows(&mut browser) <= MOST);
        }
    }
    show(&mut browser, "patterns");
    // Each user takes three steps: 1,000 matches are 3,000 events.
    let mut second = 40;
    let mut matches = |_: u32| -> String {
        second += 3;
        steps(second, (0..RATE / PIECES).map(|user| format!("user{user}")))
    };
    measure(&mut browser, &served, "patterns", false, || pause(Instant::now() + Duration::from_secs(u64::from(IDLE))));
    measure(&mut browser, &served, "patterns", true, || pace(&served, SECONDS, &mut matches));
    served.child.feed(steps(9_000, std::iter::once("newest".to_owned())));
    served.child.feed(calm(9_010, "service0"));
    browser.until(&format!("document.querySelector('{PAGE} tbody').textContent.includes('newest')"));
    assert!(rows(&mut browser) <= MOST);
    assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
}

#[test]
#[ignore = "measures the page for some minutes"]
fn page_cost_does_not_grow_in_an_hour_of_windows_nor_with_each_change_of_pages() {
    const WINDOWS: u32 = 3_600;
    const PART: u32 = WINDOWS / 10;
    let scratch = job("");
    let Some((mut browser, served)) = start(&scratch) else { return };
    show(&mut browser, "parts/health");
    println!("| after | rows here | heap MB | nodes | listeners |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut seen = Vec::new();
    for part in 0..10 {
        let windows = part * PART..(part + 1) * PART;
        let one = |window: u32| (0..100).map(move |group| calm(window * 10, &format!("service{group}")));
        served.child.feed(windows.clone().flat_map(one).collect::<String>());
        // The last two have not ended for all that is known: event time moves with the event behind.
        let end = 1_767_614_400 + u64::from(windows.end - 2) * 10;
        browser.until(&format!(
            "Date.parse(document.querySelector('{PAGE} tbody tr').cells[1].textContent.replace(' ', 'T') + 'Z') === {end}000"
        ));
        let (kept, rows) = (Figures::kept(&mut browser), rows(&mut browser));
        println!(
            "| {} windows of 100 groups | {rows} | {:.1} | {} | {} |",
            windows.end,
            kept.heap(),
            kept.get("Nodes"),
            kept.get("JSEventListeners")
        );
        assert!(rows <= MOST);
        seen.push(kept);
    }
    // By the second look the page has as many rows as it keeps.
    let (first, last) = (&seen[1], &seen[9]);
    assert!(last.heap() < first.heap() * 1.3 + 2.0, "the heap grows");
    assert!(last.get("Nodes") <= first.get("Nodes") * 1.1, "nodes are left over");
    assert!(last.get("JSEventListeners") <= first.get("JSEventListeners"), "listeners are left over");
    // From page to page, and from part to part.
    let turns = |browser: &mut Browser, n: u32| {
        for _ in 0..n {
            for page in ["overview", "parts/health", "patterns", "alerts", "graph", "rejects", "parts/funnel"] {
                show(browser, page);
            }
        }
        show(browser, "overview");
        let kept = Figures::kept(browser);
        println!(
            "| {n} turns over all pages | – | {:.1} | {} | {} |",
            kept.heap(),
            kept.get("Nodes"),
            kept.get("JSEventListeners")
        );
        kept
    };
    let before = turns(&mut browser, 3);
    let after = turns(&mut browser, 30);
    assert!(after.heap() < before.heap() * 1.3 + 2.0, "a page that was left stays in memory");
    assert!(after.get("Nodes") <= before.get("Nodes") * 1.2, "nodes are left over");
    assert!(after.get("JSEventListeners") <= before.get("JSEventListeners") * 1.1, "listeners are left over");
    assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
}
