//! Parts, put together to a pipeline that can be checked, explained and run.

use super::PipelineError;
use super::alert::{ChangeSink, OnChange};
use super::part::{At, IntoSpan, Part};
use super::{Alert, Join, Pattern, Recommendation, Sink, Source, Stream, Table, View, Window};
use crate::aggregate::{Aggregate, UserAggregate, is_aggregate};
use crate::config::{self, Config, Given, Setting, SinkKind, SinkMode, SourceKind};
use crate::engine::{self, Brought, Options, Outcome};
use crate::error::{Problem, Problems, Severity};
use crate::event::Value;
use crate::expr::{Answer, UserFunction, functions};
use crate::plan::{self, Extensions, Plan, all_problems_with, explain_text};
use crate::serve;
use crate::sink::{CallSink, Mode, OnRow, Row, RowResult};
use crate::telemetry::Telemetry;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A pipeline that a program builds: what a pipeline file says, with closures where the program needs them.
///
/// Both become the same settings and compile to one plan: whatever the file can say the builder can, with the same
/// defaults, and mistakes are reported all at once, with the line of the program instead of that of the file. A file can
/// be the beginning ([`Pipeline::from_file`]), so that a program adds what only it can to what stands there.
///
/// ```
/// use highwater::{Pipeline, Source, Stream, Window};
///
/// let events = [
///     r#"{"timestamp": 1, "event_type": "view", "data": {"page": "home"}}"#,
///     r#"{"timestamp": 2, "event_type": "view", "data": {"page": "cart"}}"#,
///     r#"{"timestamp": 4, "event_type": "error"}"#,
///     r#"{"timestamp": 12, "event_type": "view", "data": {"page": "home"}}"#,
/// ];
/// let (rows, seen) = std::sync::mpsc::channel();
/// Pipeline::new("shop")
///     .source("events", Source::lines(events).out_of_orderness("2s"))
///     .stream("views", Stream::from("events").filter("event_type = 'view'"))
///     .window("pages", Window::tumbling("10s").from("views").group_by("page", "data.page").select("n", "count(*)"))
///     .on_rows("pages", move |row| rows.send(row.to_string()))
///     .run()?;
/// assert_eq!(
///     seen.recv()?,
///     r#"{"name":"pages","window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","page":"cart","n":1,"revision":0,"op":"+"}"#
/// );
/// assert_eq!(seen.iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Pipeline {
    at: At,
    /// The name and the text of a file that is the beginning.
    file: Option<(String, String)>,
    top: Part,
    sources: Vec<(String, Source, At)>,
    tables: Vec<(String, Table, At)>,
    streams: Vec<(String, Stream, At)>,
    joins: Vec<(String, Join, At)>,
    windows: Vec<(String, Window, At)>,
    patterns: Vec<(String, Pattern, At)>,
    recommendations: Vec<(String, Recommendation, At)>,
    views: Vec<(String, View, At)>,
    alerts: Vec<(String, Alert, At)>,
    /// Functions that hear of alerts: the name of the sink they are, the alert, the function.
    heard: Vec<(String, String, OnChange)>,
    sinks: Vec<(String, Sink, At)>,
    extensions: Extensions,
    /// What the program has named, to be held against all other names.
    named: Vec<Named>,
    workers: usize,
}

impl Pipeline {
    #[track_caller]
    fn beginning(file: Option<(String, String)>) -> Self {
        Self {
            at: At::here(),
            file,
            top: Part::default(),
            sources: Vec::new(),
            tables: Vec::new(),
            streams: Vec::new(),
            joins: Vec::new(),
            windows: Vec::new(),
            patterns: Vec::new(),
            recommendations: Vec::new(),
            views: Vec::new(),
            alerts: Vec::new(),
            heard: Vec::new(),
            sinks: Vec::new(),
            extensions: Extensions { version: 1, ..Extensions::default() },
            named: Vec::new(),
            workers: 1,
        }
    }

    /// A pipeline of that name.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let mut pipeline = Self::beginning(None);
        pipeline.top.say("name", "Pipeline::new", &[&name.into()], name.into());
        pipeline
    }

    /// The pipeline of a file, to which the program adds. Variables are those of the environment. A sink that the
    /// program adds takes the place of the table that a file without a sink prints.
    ///
    /// # Errors
    /// Where the file cannot be read; what is wrong in it is found with everything else.
    #[track_caller]
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Problems> {
        let path = path.as_ref();
        Ok(Self::beginning(Some((path.display().to_string(), config::read_file(path)?))))
    }

    /// The pipeline of a text as a file has it; problems are shown in `name`.
    #[track_caller]
    pub fn from_toml(name: &str, text: &str) -> Self {
        Self::beginning(Some((name.to_owned(), text.to_owned())))
    }

    /// Adds a source.
    #[track_caller]
    pub fn source(mut self, name: &str, source: Source) -> Self {
        self.sources.push((name.to_owned(), source, At::here()));
        self
    }

    /// Adds a table.
    #[track_caller]
    pub fn table(mut self, name: &str, table: Table) -> Self {
        self.tables.push((name.to_owned(), table, At::here()));
        self
    }

    /// Adds a stream.
    #[track_caller]
    pub fn stream(mut self, name: &str, mut stream: Stream) -> Self {
        stream.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        self.streams.push((name.to_owned(), stream, At::here()));
        self
    }

    /// Adds a join.
    #[track_caller]
    pub fn join(mut self, name: &str, join: Join) -> Self {
        self.joins.push((name.to_owned(), join, At::here()));
        self
    }

    /// Adds a window.
    #[track_caller]
    pub fn window(mut self, name: &str, mut window: Window) -> Self {
        window.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        self.windows.push((name.to_owned(), window, At::here()));
        self
    }

    /// Adds a pattern.
    #[track_caller]
    pub fn pattern(mut self, name: &str, mut pattern: Pattern) -> Self {
        pattern.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        self.patterns.push((name.to_owned(), pattern, At::here()));
        self
    }

    /// Adds a recommendation.
    #[track_caller]
    pub fn recommendation(mut self, name: &str, mut recommendation: Recommendation) -> Self {
        recommendation.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        self.recommendations.push((name.to_owned(), recommendation, At::here()));
        self
    }

    /// Adds a view.
    #[track_caller]
    pub fn view(mut self, name: &str, mut view: View) -> Self {
        view.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        self.views.push((name.to_owned(), view, At::here()));
        self
    }

    /// Adds an alert.
    #[track_caller]
    pub fn alert(mut self, name: &str, mut alert: Alert) -> Self {
        alert.part.name_closures(name).into_iter().for_each(|f| self.extensions.functions.add(f));
        if let Some(on_change) = alert.on_change.take() {
            let mut sink = format!("on-{name}");
            while self.sinks.iter().any(|(one, ..)| *one == sink) {
                sink.push('_');
            }
            self.sinks.push((sink.clone(), Sink::program(name), At::here()));
            self.heard.push((sink, name.to_owned(), on_change));
        }
        self.alerts.push((name.to_owned(), alert, At::here()));
        self
    }

    /// Adds a sink. A pipeline without one prints a table of every part that makes rows to standard output.
    #[track_caller]
    pub fn sink(mut self, name: &str, sink: Sink) -> Self {
        self.sinks.push((name.to_owned(), sink, At::here()));
        self
    }

    /// Calls a function with each row of a window or pattern: every change, with retractions; see [`Sink::call`], which
    /// this is short for. An error that the function returns ends the run, and so does a panic.
    #[track_caller]
    pub fn on_rows<R: RowResult>(mut self, part: &str, on_row: impl FnMut(&Row<'_>) -> R + Send + 'static) -> Self {
        // The users of a recommendation have a dot in their name.
        let mut name = format!("on-{}", part.replace('.', "-"));
        while self.sinks.iter().any(|(one, ..)| *one == name) {
            name.push('_');
        }
        self.sinks.push((name, Sink::call(on_row).from(part), At::here()));
        self
    }

    /// Adds a function that every expression of the pipeline can call, in filters, fields, keys, inputs of aggregates and
    /// over their results. Its arguments are the closure's, at most eight; it sees NULLs, and gives what
    /// [`Stream::field_fn`] may give. It must depend on its arguments alone: it runs on any worker, any number of times.
    ///
    /// ```
    /// # use highwater::{Pipeline, Source, Window};
    /// let pipeline = Pipeline::new("prices")
    ///     .function("discount", |[price, percent]| Some(price.as_f64()? * (1.0 - percent.as_f64()? / 100.0)))
    ///     .source("events", Source::stdin())
    ///     .window("sales", Window::tumbling("1m").from("events").select("paid", "sum(discount(data.price, 15))"));
    /// # pipeline.check().unwrap();
    /// ```
    #[track_caller]
    pub fn function<const N: usize, R: Answer>(
        mut self,
        name: &str,
        value: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.extensions.functions.add(UserFunction::new(name, value));
        self.named.push(Named { name: name.to_owned(), place: At::here().place(&format!("function({name:?})")) });
        self
    }

    /// Adds an aggregate that a `select` can call over one argument, also with `FILTER`: see [`Aggregate`], which has the
    /// law that its states must keep. `make` gives a fresh state.
    ///
    /// ```
    /// # use highwater::{Aggregate, Pipeline, Source, Value, Window};
    /// /// The exclusive or of whole numbers.
    /// #[derive(Default)]
    /// struct Parity(i64);
    ///
    /// impl Aggregate for Parity {
    ///     type Output = i64;
    ///     fn add(&mut self, value: Value<'_>) -> bool {
    ///         value.as_i64().map(|v| self.0 ^= v).is_some()
    ///     }
    ///     fn merge(&mut self, other: &Self) {
    ///         self.0 ^= other.0;
    ///     }
    ///     fn finish(&self) -> i64 {
    ///         self.0
    ///     }
    ///     fn encode(&self, out: &mut Vec<u8>) {
    ///         out.extend(self.0.to_le_bytes());
    ///     }
    ///     fn decode(&self, bytes: &[u8]) -> Option<Self> {
    ///         Some(Parity(i64::from_le_bytes(bytes.try_into().ok()?)))
    ///     }
    /// }
    ///
    /// let pipeline = Pipeline::new("parities")
    ///     .aggregate("parity", Parity::default)
    ///     .source("events", Source::stdin())
    ///     .window("w", Window::tumbling("1m").from("events").select("p", "parity(data.n) FILTER (WHERE data.n > 0)"));
    /// # pipeline.check().unwrap();
    /// ```
    #[track_caller]
    pub fn aggregate<A: Aggregate>(mut self, name: &str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        self.extensions.aggregates.add(UserAggregate::new(name, make));
        self.named.push(Named { name: name.to_owned(), place: At::here().place(&format!("aggregate({name:?})")) });
        self
    }

    /// The version of the program's functions and closures, 1 if unsaid: say another one where they give other values,
    /// so that processes with different ones refuse each other.
    pub fn version(mut self, version: u32) -> Self {
        self.extensions.version = version;
        self
    }

    /// The step in which event time advances; chosen from the slides if unsaid.
    #[track_caller]
    pub fn tick(mut self, span: impl IntoSpan) -> Self {
        let span = span.into();
        self.top.say("run.tick", "tick", &[&span], span.clone());
        self
    }

    /// How many bytes of rows may wait for the sinks: `"64MiB"`.
    #[track_caller]
    pub fn max_inflight(mut self, size: &str) -> Self {
        self.top.say("run.max_inflight", "max_inflight", &[&size.into()], size.into());
        self
    }

    /// How far in event time one partition may be ahead of the slowest one.
    #[track_caller]
    pub fn max_drift(mut self, span: impl IntoSpan) -> Self {
        let span = span.into();
        self.top.say("run.max_drift", "max_drift", &[&span], span.clone());
        self
    }

    /// Any key of the top of a file by its name, with dots for tables in tables: `with("run.tick", "1s")`.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.top.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }

    /// How many worker threads [`Pipeline::run`] uses; 1 if unsaid. Results do not depend on it.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// All that was said, as settings.
    fn settings(&self) -> Vec<Setting> {
        let mut all = self.top.settings("");
        let mut section = |key: &str, parts: Vec<(&String, &Part, At)>| {
            if parts.is_empty() {
                return;
            }
            let noun = &key[..key.len() - 1];
            let part = |(name, part, at): (&String, &Part, At)| Setting {
                key: name.clone(),
                value: Given::Table(part.settings(&format!("{key}.{name}"))),
                place: at.place(&format!("{noun}({name:?})")),
            };
            let value = Given::Table(parts.into_iter().map(part).collect());
            all.push(Setting { key: key.to_owned(), value, place: self.at.line() });
        };
        section("sources", self.sources.iter().map(|(name, source, at)| (name, &source.part, *at)).collect());
        section("tables", self.tables.iter().map(|(name, table, at)| (name, &table.part, *at)).collect());
        section("streams", self.streams.iter().map(|(name, stream, at)| (name, &stream.part, *at)).collect());
        section("joins", self.joins.iter().map(|(name, join, at)| (name, &join.part, *at)).collect());
        section("windows", self.windows.iter().map(|(name, window, at)| (name, &window.part, *at)).collect());
        section("patterns", self.patterns.iter().map(|(name, pattern, at)| (name, &pattern.part, *at)).collect());
        let recommendations = self.recommendations.iter().map(|(name, part, at)| (name, &part.part, *at));
        section("recommendations", recommendations.collect());
        section("views", self.views.iter().map(|(name, view, at)| (name, &view.part, *at)).collect());
        section("alerts", self.alerts.iter().map(|(name, alert, at)| (name, &alert.part, *at)).collect());
        section("sinks", self.sinks.iter().map(|(name, sink, at)| (name, &sink.part, *at)).collect());
        all
    }

    /// The pipeline as checked settings, with what is odd but can run.
    ///
    /// # Errors
    /// Every problem, warnings too, where at least one is an error; those of expressions are among them.
    pub fn config(&self) -> Result<Config, Problems> {
        Ok(self.compiled()?.0)
    }

    /// The pipeline as the plan that a run follows.
    ///
    /// # Errors
    /// As [`Pipeline::config`].
    pub fn plan(&self) -> Result<Plan, Problems> {
        Ok(self.compiled()?.1)
    }

    /// Checks everything that can be checked without running; gives the warnings.
    ///
    /// # Errors
    /// As [`Pipeline::config`].
    pub fn check(&self) -> Result<Vec<Problem>, Problems> {
        Ok(self.compiled()?.0.warnings)
    }

    /// What a run would do, for people: what `highwater explain` prints for a file.
    ///
    /// # Errors
    /// As [`Pipeline::config`].
    pub fn explain(&self) -> Result<String, Problems> {
        Ok(explain_text(&self.compiled()?.1))
    }

    fn compiled(&self) -> Result<(Config, Plan), Problems> {
        let env = |name: &str| std::env::var(name).ok();
        let (file, text) = match &self.file {
            Some((file, text)) => (file.clone(), text.as_str()),
            None => (self.at.line(), ""),
        };
        let (config, mut problems) = config::assemble(&file, text, &[], &env, &self.settings());
        problems.list.splice(0..0, wrong_names(&self.named));
        match config {
            Some(config) if !problems.has_errors() => {
                let mut config = Config { warnings: problems.list, ..config };
                let mut plan = plan::compile_with(&config, &self.extensions)?;
                config.warnings.append(&mut plan.warnings);
                Ok((config, plan))
            }
            config => Err(all_problems_with(config.as_ref(), &self.extensions, problems)),
        }
    }

    /// Runs the pipeline to the end of its sources, with the workers of [`Pipeline::workers`] in this process.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline, or the first failure of the run: of a source, a sink, a function.
    pub fn run(self) -> Result<Outcome, PipelineError> {
        let options = Options::local(self.workers);
        self.run_with(options)
    }

    /// [`Pipeline::run`] with options of its own: what standard input and output are, what to do when the run has begun
    /// (such as keeping the handle that can end it), or several processes. Every process must build the same pipeline;
    /// what it brings itself is read, and called, in process 0. What the options bring is kept, and what the pipeline
    /// brings added. With `[serve]` the run is served until it ends.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_with(self, mut options: Options) -> Result<Outcome, PipelineError> {
        let (config, plan) = self.compiled()?;
        let mut readers: Vec<(String, Box<dyn Read + Send>)> = Vec::new();
        for (name, source, _) in self.sources {
            readers.extend(source.reader.map(|reader| (name, reader)));
        }
        let calls: Vec<(String, OnRow)> =
            self.sinks.into_iter().filter_map(|(name, sink, _)| Some((name, sink.on_row?))).collect();
        let Brought { sources, sinks, .. } = &mut options.given;
        options.notify = true;
        // A key that was said in place of the constructor may have made something else of it.
        let of_program = |name: &str| config.sources.iter().any(|s| s.name == name && s.kind == SourceKind::Program);
        sources.extend(readers.into_iter().filter(|(name, _)| of_program(name)));
        for (sink, alert, on_change) in self.heard {
            if let Some(p) = plan.alerts.iter().find(|p| p.shown.rule == alert) {
                sinks.push((sink, Box::new(ChangeSink { shown: p.shown.clone(), on_change, changes: 0 })));
            }
        }
        for (name, on_row) in calls {
            let Some(sink) = config.sinks.iter().find(|s| s.name == name && s.kind == SinkKind::Program) else {
                continue;
            };
            let mode = match sink.mode {
                SinkMode::Changes => Mode::Changes,
                SinkMode::Corrections => Mode::Corrections,
                SinkMode::First => Mode::First,
            };
            let sink = CallSink::new(&name, plan.schemas.clone(), mode, on_row);
            sinks.push((name, Box::new(sink)));
        }
        let text = self.file.as_ref().map_or("", |(_, text)| text);
        let server = serve::open(&config, &plan, text, None, options.topology.process)?.map(Arc::new);
        if let Some(server) = server.clone() {
            options.beside.get_or_insert_with(|| server.rows());
            options.given.doors.extend(server.doors());
            tracing::info!("serving on {}", server.url());
            let own = options.on_ready;
            options.on_ready = Box::new(move |running| {
                server.running(running);
                own(running);
            });
        }
        let telemetry = Telemetry::start(&config, options.topology.process)?;
        options.telemetry = telemetry.as_ref().map(Telemetry::shown).unwrap_or_default();
        let result = engine::run(plan, options);
        if let Some(telemetry) = telemetry {
            telemetry.flush();
        }
        if let Some(server) = server.and_then(Arc::into_inner) {
            server.stop();
        }
        Ok(result?)
    }
}

/// A name that the program has given to a function or an aggregate.
struct Named {
    name: String,
    place: String,
}

/// Names that expressions could not use, or that are taken.
fn wrong_names(named: &[Named]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, Named { name, place }) in named.iter().enumerate() {
        let of_language = || {
            let known = functions().iter().flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()));
            is_aggregate(name) || known.into_iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let (message, help) = if !config::is_column(name) {
            (format!("'{name}' is not a name for a function"), "use letters, digits and _, beginning with a letter")
        } else if of_language() {
            (format!("'{name}' is a function of the language already"), "use another name")
        } else if named[..i].iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            (format!("two functions are named '{name}'"), "rename one")
        } else {
            continue;
        };
        let (severity, help) = (Severity::Error, Some(help.to_owned()));
        problems.push(Problem {
            severity,
            code: "function.name",
            message,
            line: 0,
            text: place.clone(),
            column: None,
            help,
        });
    }
    problems
}
