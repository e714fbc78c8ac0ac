//! Prometheus itself, which asks the run for its figures and is asked for them.

use super::client::Served;
use crate::harness::ports;
use crate::server::start;

#[test]
fn prometheus_scrapes_what_the_run_counts() {
    let scratch = super::job("[serve.tokens]\nread = \"read-0123456789abcdef\"\n");
    let served = Served::start(&scratch, &[]);
    for second in [1, 12, 25] {
        served.child.feed(super::event(second, "a", 1));
    }
    let port = ports(1)[0];
    let config = format!(
        "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\nscrape_configs:\n- job_name: highwater\n  authorization: \
         {{ credentials: read-0123456789abcdef }}\n  static_configs: [{{ targets: [\"{}\"] }}]\n",
        served.address
    );
    scratch.write("prometheus.yml", &config);
    let path = |name: &str| scratch.path(name).display().to_string();
    let args = [
        format!("--config.file={}", path("prometheus.yml")),
        format!("--storage.tsdb.path={}", path("tsdb")),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=error".to_owned(),
    ];
    let Some(_server) = start(&["prometheus"], &args, port) else { return };
    // The same client; the run goes on.
    let prometheus = Served { address: format!("127.0.0.1:{port}"), child: served.child };
    let value = |query: &str, wanted: &str| {
        let answer = prometheus.until(&format!("/api/v1/query?query={query}"), |answer| {
            answer.status == 200 && answer.json()["data"]["result"][0]["value"][1] == wanted
        });
        answer.json()["data"]["result"][0]["metric"].clone()
    };
    assert_eq!(value("up", "1")["job"], "highwater");
    assert_eq!(value("highwater_source_events_total", "3")["source"], "events");
    assert_eq!(value("highwater_part_rows_total%7Bpart=%22pages%22%7D", "2")["part"], "pages");
    value("highwater_sink_latency_seconds_count%7Bsink=%22rows%22%7D", "2");
}
