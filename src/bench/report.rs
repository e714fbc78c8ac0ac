//! Measurements, turned into a table for people and into JSON. Pure.

use super::compare::Agreement;
use super::jobs::Job;
use super::measure::Usage;
use super::statistics::{median, spread, times_as_fast};
use std::fmt::Write;

/// The figures of a session.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// CPUs of the machine.
    pub cpus: usize,
    /// Threads that wanted to run before the first measurement, where known.
    pub load: Option<f64>,
    /// The jobs, in the order in which they ran.
    pub jobs: Vec<JobReport>,
}

/// The figures of one job.
#[derive(Debug, Clone)]
pub struct JobReport {
    /// The job.
    pub job: Job,
    /// Events of its input.
    pub events: u64,
    /// Bytes of its input.
    pub bytes: u64,
    /// The loop's rows against the engine's.
    pub agreement: Agreement,
    /// The loop first, then the engine at every width.
    pub subjects: Vec<SubjectReport>,
}

/// The runs of one subject, in the order in which they were made.
#[derive(Debug, Clone)]
pub struct SubjectReport {
    /// What it is, such as `2 workers`.
    pub name: String,
    /// Index of the subject that it is scaled against, where there is one: the same at one worker.
    pub narrow: Option<usize>,
    /// The runs.
    pub runs: Vec<Usage>,
}

impl SubjectReport {
    fn each(&self, what: impl Fn(&Usage) -> f64) -> Vec<f64> {
        self.runs.iter().map(what).collect()
    }

    fn walls(&self) -> Vec<f64> {
        self.each(|run| run.wall)
    }

    fn cpus(&self) -> Vec<f64> {
        self.each(|run| run.cpu)
    }

    fn peak(&self) -> u64 {
        self.runs.iter().map(|run| run.peak).max().unwrap_or(0)
    }
}

/// What each column is.
pub const LEGEND: &str = "\
seconds: median wall time, (least-greatest); M ev/s and MB/s: from the median; CPU s: user and system, median;
peak MB: the greatest of all runs, processes added up; loop: times as fast as the hand-written loop of the same round,
median of the rounds; CPU/loop: the same for CPU seconds; width: times as fast as one worker, median of the rounds
";

impl Report {
    /// The tables.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for job in &self.jobs {
            let _ = writeln!(out, "{}  {}", job.job.name().to_uppercase(), job.job.title());
            let _ = write!(out, "    {} events, {:.0} MB, {} rows", job.events, mega(job.bytes), job.agreement.rows);
            let _ = writeln!(out, ", the same from the loop and at every width{}", rough(&job.agreement));
            out.push_str(&table(&job.rows()));
            if let Some(other) = self.partner(job) {
                out.push_str(&table(&job.against(other)));
            }
            out.push('\n');
        }
        out.push_str(LEGEND);
        if let Some(load) = self.load.filter(|load| *load > 0.5) {
            let _ = writeln!(
                out,
                "The machine was busy: {load:.1} threads wanted its {} CPUs before the first run. Wall times are too \
                 long then; trust the CPU columns.",
                self.cpus
            );
        }
        out
    }

    /// The job that this one is held against.
    fn partner(&self, job: &JobReport) -> Option<&JobReport> {
        let partner = job.job.against()?;
        self.jobs.iter().find(|other| other.job == partner)
    }

    /// Everything, as one JSON object.
    pub fn json(&self) -> serde_json::Value {
        let jobs = self.jobs.iter().map(|job| {
            let walls = job.subjects.first().map(SubjectReport::walls).unwrap_or_default();
            let cpus = job.subjects.first().map(|s| s.cpus()).unwrap_or_default();
            let subjects = job.subjects.iter().map(|subject| {
                let wall = median(&subject.walls());
                serde_json::json!({
                    "name": subject.name,
                    "wall_seconds": subject.walls(),
                    "cpu_seconds": subject.cpus(),
                    "peak_bytes": subject.runs.iter().map(|run| run.peak).collect::<Vec<_>>(),
                    "events_per_second": job.events as f64 / wall,
                    "bytes_per_second": job.bytes as f64 / wall,
                    "times_loop": times_as_fast(&walls, &subject.walls()),
                    "times_loop_cpu": times_as_fast(&cpus, &subject.cpus()),
                    "times_one_worker": job.scaling(subject),
                })
            });
            let against = self.partner(job).map(|other| {
                let each = job.subjects.iter().zip(&other.subjects).map(|(a, b)| {
                    serde_json::json!({
                        "name": a.name,
                        "times_wall": times_as_fast(&a.walls(), &b.walls()),
                        "times_cpu": times_as_fast(&a.cpus(), &b.cpus()),
                        "more_peak_bytes": a.peak().saturating_sub(b.peak()),
                        "bytes_per_waiting_key": job.bytes_per_key(a, b),
                    })
                });
                serde_json::json!({ "job": other.job.name(), "subjects": each.collect::<Vec<_>>() })
            });
            serde_json::json!({
                "job": job.job.name(),
                "against": against,
                "events": job.events,
                "bytes": job.bytes,
                "rows": job.agreement.rows,
                "approximate_values": job.agreement.approximate,
                "worst_approximation": job.agreement.worst,
                "subjects": subjects.collect::<Vec<_>>(),
            })
        });
        serde_json::json!({ "cpus": self.cpus, "load": self.load, "jobs": jobs.collect::<Vec<_>>() })
    }
}

impl JobReport {
    fn scaling(&self, subject: &SubjectReport) -> Option<f64> {
        let narrow = self.subjects.get(subject.narrow?)?;
        Some(times_as_fast(&narrow.walls(), &subject.walls()))
    }

    /// Bytes by which a subject's peak is higher than that of the other job, by key that waits.
    fn bytes_per_key(&self, subject: &SubjectReport, other: &SubjectReport) -> Option<f64> {
        let keys = self.job.waiting(self.events)?;
        Some((subject.peak() as f64 - other.peak() as f64) / keys as f64)
    }

    /// What each subject takes more than the same one of another job.
    fn against(&self, other: &JobReport) -> Vec<Vec<String>> {
        let name = other.job.name().to_uppercase();
        let mut head = vec![format!("against {name}"), "seconds".to_owned(), "CPU s".to_owned(), "more MB".to_owned()];
        head.extend(self.job.waiting(self.events).map(|keys| format!("bytes for each of {keys} keys")));
        let mut rows = vec![head];
        for (subject, other) in self.subjects.iter().zip(&other.subjects) {
            let mut row = vec![
                subject.name.clone(),
                format!("{} times", ratio(times_as_fast(&subject.walls(), &other.walls()))),
                format!("{} times", ratio(times_as_fast(&subject.cpus(), &other.cpus()))),
                format!("{:.0}", mega(subject.peak()) - mega(other.peak())),
            ];
            row.extend(self.bytes_per_key(subject, other).map(|bytes| format!("{bytes:.0}")));
            rows.push(row);
        }
        rows
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let head = ["", "seconds", "", "M ev/s", "MB/s", "CPU s", "peak MB", "loop", "CPU/loop", "width"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let Some(base) = self.subjects.first() else { return rows };
        for (i, subject) in self.subjects.iter().enumerate() {
            let walls = subject.walls();
            let (wall, (least, most)) = (median(&walls), spread(&walls));
            let cpus = subject.cpus();
            let peak = subject.peak();
            let against = |a: Vec<f64>, b: &[f64]| if i == 0 { String::new() } else { ratio(times_as_fast(&a, b)) };
            rows.push(vec![
                subject.name.clone(),
                format!("{wall:.3}"),
                format!("({least:.3}-{most:.3})"),
                format!("{:.2}", self.events as f64 / wall / 1e6),
                format!("{:.0}", mega(self.bytes) / wall),
                if cpus.iter().any(|c| c.is_nan()) { "-".to_owned() } else { format!("{:.2}", median(&cpus)) },
                if peak == 0 { "-".to_owned() } else { format!("{:.0}", mega(peak)) },
                against(base.walls(), &walls),
                against(base.cpus(), &cpus),
                self.scaling(subject).map(ratio).unwrap_or_default(),
            ]);
        }
        rows
    }
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn ratio(v: f64) -> String {
    if v.is_finite() { format!("{v:.2}") } else { "-".to_owned() }
}

fn rough(agreement: &Agreement) -> String {
    if agreement.approximate == 0 {
        return String::new();
    }
    let (n, worst) = (agreement.approximate, agreement.worst * 100.0);
    format!("\n    {n} values of large groups come from sketches; the farthest from the truth is off by {worst:.2} %")
}

/// Aligned columns: the first to the left, the others to the right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::from("    ");
        for (c, (text, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - text.chars().count());
            if c == 0 {
                line.push_str(text);
                line.push_str(&pad);
            } else {
                line.push_str("  ");
                line.push_str(&pad);
                line.push_str(text);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let run = |wall, cpu, peak| Usage { wall, cpu, peak };
        let subject =
            |name: &str, narrow, runs: &[Usage]| SubjectReport { name: name.to_owned(), narrow, runs: runs.to_vec() };
        Report {
            cpus: 2,
            load: Some(3.25),
            jobs: vec![JobReport {
                job: Job::J2,
                events: 5_000_000,
                bytes: 1_250_000_000,
                agreement: Agreement { rows: 250, approximate: 4, worst: 0.0123 },
                subjects: vec![
                    subject("loop", None, &[run(1.0, 0.98, 5_000_000), run(1.2, 1.0, 5_100_000), run(1.1, 1.0, 0)]),
                    subject("1 worker", None, &[run(1.25, 1.2, 20_000_000); 3]),
                    subject("2 workers", Some(1), &[run(0.625, 1.25, 30_000_000); 3]),
                ],
            }],
        }
    }

    #[test]
    fn tables_when_rendered_then_have_ratios_and_scaling() {
        let text = report().text();
        let line = |name: &str| text.lines().find(|l| l.trim_start().starts_with(name)).unwrap().to_owned();
        let cells = |name: &str| line(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(cells("loop ")[1..], ["1.100", "(1.000-1.200)", "4.55", "1136", "1.00", "5"]);
        assert_eq!(
            cells("2 workers")[2..],
            ["0.625", "(0.625-0.625)", "8.00", "2000", "1.25", "30", "1.76", "0.80", "2.00"]
        );
        assert!(text.contains("off by 1.23 %"), "{text}");
        assert!(text.contains("busy: 3.2"), "{text}");
    }

    #[test]
    fn jobs_when_held_against_another_then_have_what_they_take_more() {
        let mut report = report();
        let run = |wall, cpu, peak| vec![Usage { wall, cpu, peak }; 2];
        let job = |job, runs| JobReport {
            job,
            events: 5_000_000,
            subjects: vec![SubjectReport { name: "loop".to_owned(), narrow: None, runs }],
            ..report.jobs[0].clone()
        };
        report.jobs = vec![job(Job::Pe0, run(1.0, 1.5, 10_000_000)), job(Job::Pe, run(4.0, 3.0, 110_000_000))];
        let text = report.text();
        let line = |name: &str| text.lines().rfind(|l| l.trim_start().starts_with(name)).unwrap().to_owned();
        assert!(line("against PE0").ends_with("bytes for each of 1000000 keys"), "{text}");
        let found = line("loop  ");
        assert_eq!(found.split_whitespace().collect::<Vec<_>>()[1..], ["4.00", "times", "2.00", "times", "100", "100"]);
        assert_eq!(report.json()["jobs"][1]["against"]["subjects"][0]["bytes_per_waiting_key"], 100.0);
        assert_eq!(report.json()["jobs"][0]["against"], serde_json::Value::Null);
    }

    #[test]
    fn json_when_written_then_holds_every_run() {
        let json = report().json();
        let subject = &json["jobs"][0]["subjects"][2];
        assert_eq!(subject["wall_seconds"].as_array().unwrap().len(), 3);
        assert_eq!(subject["times_one_worker"], 2.0);
        assert_eq!(json["jobs"][0]["subjects"][0]["times_one_worker"], serde_json::Value::Null);
    }
}
