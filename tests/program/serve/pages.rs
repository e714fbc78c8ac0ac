//! The pages in a real browser: they load without errors, show what the API says, follow alerts, and find a server again.
//!
//! What they cannot catch: what it looks like.

use super::browser::Browser;
use super::client::Served;
use super::story::{calm, errors, funnel, job};
use crate::harness::ports;

/// The text of an element.
fn text(selector: &str) -> String {
    format!("document.querySelector({selector:?}).textContent")
}

#[test]
fn every_page_loads_without_errors_and_its_numbers_are_those_of_the_api() {
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(funnel(2, "ann"));
    served.child.feed("no event\n");
    served.child.feed(calm(30, "api"));
    served.until("/v1/alerts", |answer| answer.body.contains("\"state\":\"firing\""));
    browser.open(&format!("http://{}/", served.address));
    let pipeline =
        served.until("/v1/pipeline", |answer| answer.json()["sources"][0]["counts"]["rejected"]["syntax"] == 1);
    let events = pipeline.json()["sources"][0]["counts"]["events"].to_string();
    browser.until(&format!("{} === '{events}'", text("#figure-events")));
    browser.until(&format!("{} === '1'", text("#figure-rejected")));
    browser
        .until("document.querySelector('#figure-latency-99-under') && document.querySelector('#figure-backlog-bytes')");
    let pages = [
        ("overview", "document.querySelector('ul.alerts li').textContent.includes('7 errors')"),
        (
            "parts/health",
            "document.querySelectorAll('tbody tr').length > 0 && document.querySelector('.legend').textContent.includes('api')",
        ),
        ("patterns", "document.querySelector('section.page:not([hidden]) tbody').textContent.includes('ann')"),
        ("alerts", "document.querySelector('section.page:not([hidden]) tbody').textContent.includes('high_errors')"),
        ("graph", "document.querySelectorAll('svg .node').length === 6"),
        ("rejects", "document.querySelector('section.page:not([hidden]) tbody').textContent.includes('no event')"),
    ];
    for (page, shows) in pages {
        browser.value(&format!("location.hash = '#/{page}'"));
        browser.until(shows);
        let word = page.split('/').next().unwrap();
        browser.until(&format!("document.querySelector('nav a[aria-current]').dataset.page === '{word}'"));
        // Whoever hears a page instead of seeing it is where it begins.
        browser.until(&format!("document.activeElement.id === 'title-{word}'"));
    }
    // A number of the graph is that of the API.
    browser.value("location.hash = '#/graph'");
    let graph = served.get("/v1/graph").json();
    let groups =
        graph["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "health").unwrap()["counts"]["groups"].clone();
    browser.until(&format!("[...document.querySelectorAll('section.page:not([hidden]) tbody tr')].find((line) => line.cells[0].textContent === 'health').cells[3].textContent.includes('{groups} groups')"));
    // An opened match shows its events in order.
    browser.value("location.hash = '#/patterns'");
    browser.until("document.querySelector('section.page:not([hidden]) tbody button')");
    browser.value("document.querySelector('section.page:not([hidden]) tbody button').click()");
    browser.until(
        "[...document.querySelectorAll('ol.events b')].map((step) => step.textContent).join() === 'view,cart,buy'",
    );
    assert_eq!(
        browser.value("document.querySelector('tbody button[aria-expanded]').getAttribute('aria-expanded')"),
        "true"
    );
    // In the dark, and in the forms of a chart.
    browser.value("(() => { const theme = document.getElementById('theme'); theme.value = 'dark'; theme.dispatchEvent(new Event('change')); location.hash = '#/parts/health'; })()");
    browser.until("document.querySelector('section.page:not([hidden]) .legend li')");
    for form in ["bar", "heat"] {
        browser.value(&format!("(() => {{ const form = [...document.querySelectorAll('select')].find((one) => [...one.options].some((option) => option.value === 'heat')); form.value = '{form}'; form.dispatchEvent(new Event('change')); }})()"));
        browser.until("(document.querySelector('section.page:not([hidden]) canvas:not([hidden])').getAttribute('aria-label') || '').startsWith('errors')");
    }
    assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
}

#[test]
fn an_alert_appears_is_silenced_by_the_form_and_resolves() {
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    browser.open(&format!("http://{}/#/alerts", served.address));
    browser.until(&format!("{} === '0 firing, 0 without data, 0 pending'", text("section.page [role=status]")));
    served.child.feed(errors(0, "api", 7));
    served.child.feed(calm(11, "db"));
    browser.until(&format!("{} === '1 firing, 0 without data, 0 pending'", text("section.page [role=status]")));
    browser.until("document.querySelector('tbody').textContent.includes('service=api')");
    browser.value("document.querySelector('tbody button').click()");
    browser.until("document.querySelector('dialog').open");
    assert_eq!(
        browser.value("document.querySelector('dialog textarea').value"),
        "alert = 'high_errors' AND service = 'api'"
    );
    browser.value("document.querySelector('dialog button').click()");
    browser.until("document.querySelector('tbody').textContent.includes('silenced')");
    let silences = served.get("/v1/silences").json();
    assert_eq!(silences["silences"][0]["match"], "alert = 'high_errors' AND service = 'api'");
    // Its life and the rows behind it.
    browser.value("document.querySelector('tbody a').click()");
    browser.until("document.querySelector('.card:not([hidden]) ol.events').textContent.includes('7 errors')");
    browser.until("document.querySelector('.card:not([hidden]) tbody').textContent.includes('7')");
    served.child.feed(calm(13, "api"));
    served.child.feed(calm(25, "api"));
    served.child.feed(calm(37, "api"));
    browser.until("[...document.querySelectorAll('section.page h3')].find((title) => title.textContent === 'History').nextElementSibling.textContent.includes('service=api')");
    browser.until("document.querySelector('.card:not([hidden]) h3').textContent.includes('resolved')");
    assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
}

#[test]
fn a_page_asks_for_a_token_and_who_may_only_read_silences_nothing() {
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("[serve.tokens]\nread = \"read-0123456789abcdef\"\noperate = \"operate-0123456789abcdef\"\n");
    let served = Served::start(&scratch, &[]);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(calm(11, "db"));
    browser.open(&format!("http://{}/#/alerts", served.address));
    let enter = |token: &str| {
        format!(
            "(() => {{ document.getElementById('token').value = '{token}'; document.querySelector('#login button').click(); }})()"
        )
    };
    browser.until("!document.getElementById('login').hidden");
    browser.value(&enter("wrong-0123456789abcdef"));
    browser.until("document.getElementById('refused').textContent.includes('does not take this token')");
    browser.value(&enter("read-0123456789abcdef"));
    browser.until(
        "document.getElementById('login').hidden && document.querySelector('tbody').textContent.includes('api')",
    );
    assert_eq!(browser.value("document.querySelector('tbody button').hidden"), true);
    browser.value("sessionStorage.setItem('token', 'operate-0123456789abcdef')");
    browser.open("about:blank");
    browser.open(&format!("http://{}/#/alerts", served.address));
    browser.until("!document.querySelector('tbody button').hidden");
}

#[test]
fn a_page_finds_the_server_again_after_a_restart() {
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("");
    let port = ports(1)[0];
    let start = || {
        let program = scratch.program(["run", "p.toml", "--serve", &format!("127.0.0.1:{port}")]);
        let mut child = program.input(crate::harness::Input::Fed).start();
        let address = child.said("serving on http://").trim_end_matches('/').to_owned();
        Served { child, address }
    };
    let served = start();
    served.child.feed(errors(0, "first", 3));
    served.child.feed(calm(30, "first"));
    browser.open(&format!("http://{}/#/parts/health", served.address));
    browser.until("document.querySelector('tbody').textContent.includes('first')");
    served.child.signal("TERM");
    served.child.end().expect(0, &[]);
    browser.until("document.getElementById('state').textContent === 'the server does not answer'");
    browser.until("!document.getElementById('stale').hidden && document.body.classList.contains('stale')");
    let served = start();
    served.child.feed(errors(0, "second", 3));
    served.child.feed(calm(30, "second"));
    browser.until("document.getElementById('state').textContent === 'running'");
    browser.until("document.getElementById('stale').hidden && !document.body.classList.contains('stale')");
    // What was there of the run before has made place.
    browser.until("document.querySelector('tbody').textContent.includes('second')");
    assert_eq!(browser.value("document.querySelector('tbody').textContent.includes('first')"), false);
}

#[test]
fn a_page_goes_on_drawing_while_thousands_of_rows_come() {
    const GROUPS: u32 = 2_000;
    const WINDOWS: u32 = 10;
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("");
    let mut served = Served::start(&scratch, &[]);
    browser.open(&format!("http://{}/#/parts/health", served.address));
    browser.until("document.getElementById('state').textContent === 'running'");
    let mut frames = 0;
    for window in 0..WINDOWS {
        let text: String = (0..GROUPS).map(|group| calm(window * 10, &format!("service{group}"))).collect();
        served.child.feed(text);
        // A frame comes whatever else there is to do.
        browser.until(&format!("Number(document.documentElement.dataset.frames) > {frames}"));
        frames = browser.value("Number(document.documentElement.dataset.frames)").as_u64().unwrap();
    }
    served.child.close_input();
    served.child.until_err("the input has ended; serving on");
    let total = GROUPS * WINDOWS;
    browser.until(&format!("document.querySelector('caption').textContent.includes('of {total} rows')"));
    browser.until(&format!("document.querySelector('.card').textContent.includes('of {GROUPS} groups')"));
    // A search among them.
    browser.value("(() => { const search = document.querySelector('input[type=search]'); search.value = 'service1999'; search.dispatchEvent(new Event('input')); })()");
    browser.until("[...document.querySelectorAll('tbody tr')].every((line) => line.textContent.includes('service1999')) && document.querySelectorAll('tbody tr').length === 10");
    assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
}

#[test]
fn what_the_modules_of_the_page_compute_is_right() {
    let Some(mut browser) = Browser::start() else { return };
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    browser.open(&format!("http://{}/", served.address));
    browser.until("document.getElementById('state').textContent === 'running'");
    // A long edge has a place in each column between; what reads is behind what it reads.
    let laid = browser.value(
        "import('/page/layout.js').then(({ layout }) => {
            const nodes = ['e', 's', 'w', 't', 'out'].map((id) => ({ id }));
            const edges = [['e', 's'], ['s', 'w'], ['w', 'out'], ['e', 'out'], ['t', 'w']];
            const laid = layout(nodes, edges.map(([from, to]) => ({ from, to })));
            return { columns: laid.places.slice(0, 5).map((place) => place.column).join(), ways: laid.ways.map((way) => way.length).join(),
                apart: new Set(laid.places.map((place) => `${place.column} ${place.row}`)).size === laid.places.length };
        })",
    );
    assert_eq!(laid, serde_json::json!({ "columns": "0,1,2,1,3", "ways": "2,2,2,4,2", "apart": true }));
    let sql = browser
        .value("import('/page/mute.js').then(({ matching }) => matching({ service: \"it's\", 'tags.env': 'p' }))");
    assert_eq!(sql, r#"service = 'it''s' AND "tags.env" = 'p'"#);
    // Nodes of a list stay where they are needed again, in the new order.
    let kept = browser.value(
        "import('/page/dom.js').then(({ keyed, make }) => {
            const list = make('ul');
            const show = (names) => keyed(list, names, (name) => name, (name) => make('li', name), () => {});
            show(['a', 'b', 'c']);
            const b = list.children[1];
            show(['c', 'd', 'b']);
            return [list.textContent, list.children[2] === b];
        })",
    );
    assert_eq!(kept, serde_json::json!(["cdb", true]));
    let rows = browser.value(
        "import('/page/rows.js').then(({ Rows, Events }) => {
            const part = { kind: 'window', times: ['window_start', 'window_end'], dimensions: ['g'], values: ['n'] };
            const rows = new Rows(part, 4);
            const row = (at, g, n, op) => ({ window_start: new Date(at - 1).toISOString(), window_end: new Date(at).toISOString(), g, n, op });
            for (const [at, g, n, op] of [[1, 'a', 1], [1, 'b', 9], [2, 'a', 2], [1, 'a', 1, '-'], [1, 'a', 5, '+']]) rows.take(row(at, g, n, op));
            const { shown, groups } = rows.series('n', '', 1);
            const before = [groups, shown[0].name, rows.newest('a', 9).map((one) => one.n)];
            for (const g of ['x', 'y', 'z']) rows.take(row(3, g, 1));
            const events = new Events();
            const heard = [...events.take('data: {\"a\"'), ...events.take(':1}\\n\\n')].length;
            return [before, rows.rows.size, heard];
        })",
    );
    // The oldest window has left as a whole.
    assert_eq!(rows, serde_json::json!([[2, "b", [2, 5]], 4, 1]));
    // What has left does not come back as a lone row; one window, or rows over all of time, have a bound as well.
    let bound = browser.value(
        "import('/page/rows.js').then(({ Rows }) => {
            const part = { kind: 'window', times: ['window_start', 'window_end'], dimensions: ['g'], values: ['n', 'word'] };
            const row = (at, g, n) => ({ window_start: null, window_end: at && new Date(at).toISOString(), g, n, word: 'w' });
            const old = new Rows(part, 4);
            for (const [at, g] of [[1, 'a'], [1, 'b'], [2, 'a'], [2, 'b'], [3, 'a'], [3, 'b'], [1, 'a']]) old.take(row(at, g, 1));
            const left = [old.rows.size, old.newest('a', 9).length, old.cut];
            const sizes = [9, null].map((at) => {
                const one = new Rows(part, 100);
                let most = 0;
                for (let n = 0; n < 1000; n++) {
                    one.take(row(at, `g${n}`, n));
                    most = Math.max(most, one.rows.size);
                }
                one.take(row(at, 'g999', 5));
                const { rows, found } = one.select('g99', 3, (row) => row.n % 2 === 1);
                return [most, one.cut, one.numbers(), rows.map((row) => row.g), found, one.series('n', 'G99', 2).shown.map(({ name, points }) => [name, points.length])];
            });
            old.clear();
            old.take(row(1, 'a', 1));
            return [left, sizes, old.rows.size];
        })",
    );
    let size = serde_json::json!([125, true, ["n"], ["g991", "g993", "g995"], 5, [["g998", 1], ["g997", 1]]]);
    assert_eq!(bound, serde_json::json!([[4, 2, false], [size, size], 1]));
    // The first of many are those that sorting all of them gives.
    let first = browser.value(
        "import('/page/rows.js').then(({ First }) => {
            const all = Array.from({ length: 500 }, (_, i) => ({ i, at: (i * 7919) % 101 }));
            const order = (a, b) => a.at - b.at;
            return [0, 1, 7, 499, 500, 900].every((most) => {
                const first = new First(most, order);
                for (const one of all) first.add(one);
                return first.list.map((one) => one.i).join() === all.slice().sort(order).slice(0, most).map((one) => one.i).join();
            });
        })",
    );
    assert_eq!(first, true);
    // A group that is not in the newest window has nothing there, and not what it had before.
    let newest = browser.value(
        "Promise.all([import('/page/rows.js'), import('/page/small.js')]).then(([{ Rows }, { valueAt }]) => {
            const rows = new Rows({ kind: 'window', times: ['window_start', 'window_end'], dimensions: ['g'], values: ['n'] });
            const take = (at, g, n) => rows.take({ window_start: null, window_end: new Date(at).toISOString(), g, n });
            for (const [at, g, n] of [[2, 'a', 4], [1, 'b', 9], [1, 'a', 3]]) take(at, g, n);
            const { shown, newest } = rows.series('n', '', 2);
            return shown.map((one) => [one.name, valueAt(one, newest)]);
        })",
    );
    assert_eq!(newest, serde_json::json!([["b", null], ["a", 4]]));
    // A message in pieces, cut at every place, is heard once.
    let pieces = browser.value(
        "import('/page/rows.js').then(({ Events }) => {
            const text = ': hello\\n\\ndata: {\"a\": 1}\\n\\nid: 7\\ndata: {\"a\":\\ndata: 2}\\n\\n';
            const heard = [];
            for (let cut = 1; cut < text.length; cut++) {
                const events = new Events();
                const all = [text.slice(0, cut), text.slice(cut)].flatMap((piece) => events.take(piece));
                const one = new Events();
                const slow = [...text].flatMap((piece) => one.take(piece));
                heard.push(JSON.stringify([all, slow]));
            }
            return [...new Set(heard)];
        })",
    );
    assert_eq!(pieces, serde_json::json!([r#"[[{"a":1},{"a":2}],[{"a":1},{"a":2}]]"#]));
    // Two of one name have a node each, and none stays; a cell of its own stays where it is, and a number is as long as one reads it.
    let nodes = browser.value(
        "import('/page/dom.js').then(({ cells, keyed, make, shown }) => {
            const list = make('ul');
            const show = (names) => keyed(list, names, (name) => name, (name) => make('li', name), () => {});
            for (const names of ['aab', 'ba', 'aaa', 'b']) show([...names]);
            const line = make('tr');
            const own = make('td', 'own');
            cells(line, ['1', own, ['2', 'number']]);
            const before = line.innerHTML;
            cells(line, ['1', own, ['2', 'number']]);
            return [list.textContent, line.textContent, line.cells[1] === own, before === line.innerHTML, [2.0000000004, 1 / 3, 12345678, null, 'x'].map((n) => shown(n)[0]).join(' ')];
        })",
    );
    assert_eq!(nodes, serde_json::json!(["b", "1own2", true, true, "2 0.3333333 12345678 NULL x"]));
    // While a question is under way there is one behind it, however often it is asked.
    let asked = browser.value(
        "import('/page/net.js').then(async ({ single }) => {
            let [count, at, most] = [0, 0, 0];
            const ask = single(async () => {
                count += 1;
                most = Math.max(most, ++at);
                await null;
                at -= 1;
            });
            await Promise.all([ask(), ask(), ask(), ask()]);
            await ask();
            return [count, most];
        })",
    );
    assert_eq!(asked, serde_json::json!([3, 1]));
}
