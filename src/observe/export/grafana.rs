//! A pipeline, turned into a dashboard for Grafana (the JSON model, schema 39, Grafana 10 and later), which asks Prometheus.

use super::Watched;
use serde_json::{Value, json};

/// Columns of a row of panels.
const WIDTH: u64 = 24;
/// Lines of a panel.
const HEIGHT: u64 = 8;

/// A panel that is being placed.
struct Panel {
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    /// Expressions, each with its legend.
    targets: Vec<(String, &'static str)>,
}

fn lines(
    title: &'static str,
    unit: &'static str,
    description: &'static str,
    targets: Vec<(String, &'static str)>,
) -> Panel {
    Panel { title, description, unit, targets }
}

/// The rate of a counter by a label.
fn rate(name: &str, by: &str) -> String {
    format!("sum by ({by}) (rate({name}{{job=~\"$job\"}}[$__rate_interval]))")
}

/// What a share of the spans of a histogram is not longer than, by a label.
fn quantile(share: &str, name: &str, by: &str) -> String {
    format!("histogram_quantile({share}, sum by ({by}, le) (rate({name}_bucket{{job=~\"$job\"}}[$__rate_interval])))")
}

fn now(name: &str) -> String {
    format!("{name}{{job=~\"$job\"}}")
}

/// The sections: a title, and its panels.
fn sections(of: &Watched) -> Vec<(&'static str, Vec<Panel>)> {
    let mut list = vec![(
        "Events",
        vec![
            lines(
                "Events",
                "ops",
                "Events decoded a second.",
                vec![(rate("highwater_source_events_total", "source"), "{{source}}")],
            ),
            lines(
                "Lag of event time",
                "s",
                "How far the watermark is behind the clock of the machine.",
                vec![(now("highwater_source_lag_seconds"), "{{source}}")],
            ),
            lines(
                "Rejected",
                "ops",
                "Records a second that are no events, by reason.",
                vec![(rate("highwater_source_rejected_total", "source, reason"), "{{source}}: {{reason}}")],
            ),
        ],
    )];
    if of.sent {
        list.push((
            "Events over HTTP",
            vec![
                lines(
                    "Batches",
                    "ops",
                    "Batches a second by what became of them: full is no room, bad are records that are no events.",
                    vec![(rate("highwater_ingest_batches_total", "ingest, outcome"), "{{ingest}}: {{outcome}}")],
                ),
                lines(
                    "Waiting",
                    "bytes",
                    "Bytes that were accepted and are not yet read.",
                    vec![(now("highwater_ingest_waiting_bytes"), "{{ingest}}")],
                ),
            ],
        ));
    }
    if of.parts {
        list.push((
            "Windows, patterns, views",
            vec![
                lines(
                    "Rows",
                    "ops",
                    "First statements a second.",
                    vec![(rate("highwater_part_rows_total", "part"), "{{part}}")],
                ),
                lines(
                    "Corrections",
                    "ops",
                    "Rows a second that stand for others stated before.",
                    vec![(rate("highwater_part_corrections_total", "part"), "{{part}}")],
                ),
                lines(
                    "Late, too late",
                    "ops",
                    "Events a second behind the watermark that still count, and after the allowed lateness.",
                    vec![
                        (rate("highwater_part_late_total", "part"), "{{part}} late"),
                        (rate("highwater_part_too_late_total", "part"), "{{part}} too late"),
                    ],
                ),
                lines(
                    "State",
                    "bytes",
                    "Memory of the state held.",
                    vec![(now("highwater_part_state_bytes"), "{{part}}")],
                ),
                lines(
                    "Groups",
                    "short",
                    "Groups, or keys with something open.",
                    vec![(now("highwater_part_groups"), "{{part}}")],
                ),
            ],
        ));
    }
    if of.patterns {
        list.push((
            "Patterns",
            vec![
                lines(
                    "Matches",
                    "ops",
                    "Matches a second.",
                    vec![(rate("highwater_part_matches_total", "part"), "{{part}}")],
                ),
                lines(
                    "Partial matches",
                    "short",
                    "Those held, and those a second that ran out of time.",
                    vec![
                        (now("highwater_part_partial_matches"), "{{part}} held"),
                        (rate("highwater_part_timed_out_total", "part"), "{{part}} timed out"),
                    ],
                ),
            ],
        ));
    }
    if !of.alerts.is_empty() {
        let panels = vec![
            lines("Firing", "short", "Alerts that fire.", vec![(now("highwater_part_firing"), "{{part}}")]),
            lines("Pending", "short", "Alerts that are pending.", vec![(now("highwater_part_pending"), "{{part}}")]),
            lines(
                "Fired, resolved, corrected",
                "short",
                "How often in an hour.",
                ["fired", "resolved", "corrected"]
                    .map(|what| {
                        (
                            format!("sum by (part) (increase(highwater_part_{what}_total{{job=~\"$job\"}}[1h])) > 0"),
                            "{{part}}",
                        )
                    })
                    .into(),
            ),
            lines(
                "Messages",
                "ops",
                "Messages a second that were taken, refused, or never tried.",
                vec![
                    (rate("highwater_action_sent_total", "action"), "{{action}} sent"),
                    (rate("highwater_action_failed_total", "action"), "{{action}} failed"),
                    (rate("highwater_action_dropped_total", "action"), "{{action}} dropped"),
                ],
            ),
        ];
        list.push(("Alerts", panels));
    }
    if of.tables {
        list.push((
            "Tables",
            vec![
                lines(
                    "Lookups",
                    "ops",
                    "Events looked up a second, and those without a row.",
                    vec![
                        (rate("highwater_table_lookups_total", "table"), "{{table}}"),
                        (rate("highwater_table_missing_total", "table"), "{{table}} missing"),
                    ],
                ),
                lines("Rows", "short", "Rows that can be looked up.", vec![(now("highwater_table_rows"), "{{table}}")]),
            ],
        ));
    }
    if of.sinks {
        list.push((
            "Sinks",
            vec![
                lines(
                    "Written",
                    "ops",
                    "Rows written a second.",
                    vec![(rate("highwater_sink_rows_total", "sink"), "{{sink}}")],
                ),
                lines(
                    "Backlog",
                    "bytes",
                    "Rows that wait for the sink.",
                    vec![(now("highwater_sink_backlog_bytes"), "{{sink}}")],
                ),
                lines(
                    "Latency",
                    "s",
                    "From when the events came that completed a moment until its rows were handed to the sink: what half, and \
                     99 of 100, are not later than.",
                    vec![
                        (quantile("0.5", "highwater_sink_latency_seconds", "sink"), "{{sink}} half"),
                        (quantile("0.99", "highwater_sink_latency_seconds", "sink"), "{{sink}} 99 %"),
                    ],
                ),
                lines(
                    "Writes",
                    "s",
                    "How long writes and flushes take: what 99 of 100 are not longer than.",
                    vec![(quantile("0.99", "highwater_sink_write_seconds", "sink"), "{{sink}}")],
                ),
            ],
        ));
    }
    list.push((
        "What it costs",
        vec![
            lines(
                "Busy operators",
                "percentunit",
                "How much of one worker's time an operator takes, over all workers.",
                vec![(rate("highwater_operator_busy_seconds_total", "operator"), "{{operator}}")],
            ),
            lines(
                "Busy workers",
                "percentunit",
                "How much of its time a worker runs operators. One that is always busy holds the run back.",
                vec![(rate("highwater_worker_busy_seconds_total", "instance, worker"), "{{instance}} {{worker}}")],
            ),
            lines(
                "Sent between workers",
                "Bps",
                "Bytes a second that are sent to an operator from other workers.",
                vec![(rate("highwater_operator_sent_bytes_total", "operator"), "{{operator}}")],
            ),
            lines(
                "On the way",
                "short",
                "Rows and packets on their way to an operator.",
                vec![("sum by (operator) (highwater_operator_queued{job=~\"$job\"}) > 0".to_owned(), "{{operator}}")],
            ),
        ],
    ));
    list
}

/// The dashboard, as JSON.
pub fn dashboard(of: &Watched) -> String {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let (mut panels, mut y, mut id) = (Vec::new(), 0, 0);
    let mut next = || {
        id += 1;
        id
    };
    for (title, list) in sections(of) {
        panels.push(json!({
            "id": next(), "type": "row", "title": title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": WIDTH, "h": 1 },
        }));
        y += 1;
        let each = WIDTH / (list.len() as u64).clamp(1, 4);
        let mut x = 0;
        for panel in list {
            if x + each > WIDTH {
                (x, y) = (0, y + HEIGHT);
            }
            let targets: Vec<Value> = panel
                .targets
                .iter()
                .zip('A'..='Z')
                .map(|((expr, legend), letter)| {
                    json!({ "refId": letter.to_string(), "datasource": source, "expr": expr, "legendFormat": legend })
                })
                .collect();
            panels.push(json!({
                "id": next(), "type": "timeseries", "title": panel.title, "description": panel.description,
                "datasource": source, "targets": targets,
                "gridPos": { "x": x, "y": y, "w": each, "h": HEIGHT },
                "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0, "custom": { "fillOpacity": 8 } }, "overrides": [] },
                "options": {
                    "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                    "tooltip": { "mode": "multi", "sort": "desc" },
                },
            }));
            x += each;
        }
        y += HEIGHT;
    }
    let board = json!({
        "title": format!("Highwater: {}", of.name),
        "uid": format!("highwater-{:016x}", hash(&of.name)),
        "tags": ["highwater"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "timezone": "browser",
        "templating": { "list": [
            { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
            {
                "name": "job", "label": "Job", "type": "query", "datasource": source, "refresh": 1, "multi": true,
                "query": "label_values(highwater_build_info, job)",
                "current": { "text": of.job, "value": of.job },
            },
        ] },
        "panels": panels,
    });
    format!("{board:#}\n")
}

/// The same number for the same name, so that a dashboard that is made anew takes the place of the old one.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |so_far, byte| (so_far ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::tests::watched;
    use super::*;

    #[test]
    fn panels_when_they_are_placed_then_do_not_overlap_and_have_names_of_their_own() {
        let board: Value = serde_json::from_str(&dashboard(&watched())).unwrap();
        let panels = board["panels"].as_array().unwrap();
        let place = |p: &Value| ["x", "y", "w", "h"].map(|key| p["gridPos"][key].as_u64().unwrap());
        for (i, a) in panels.iter().enumerate() {
            let [x, y, w, h] = place(a);
            assert!(x + w <= WIDTH && w > 0 && h > 0, "{a}");
            for b in &panels[..i] {
                let [bx, by, bw, bh] = place(b);
                assert!(x + w <= bx || bx + bw <= x || y + h <= by || by + bh <= y, "{a}\n{b}");
                assert_ne!(a["id"], b["id"]);
            }
        }
        assert_eq!(board["title"], "Highwater: shop \"one\"");
        assert!(panels.len() > 15);
    }
}
