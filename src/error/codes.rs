//! The one list of codes: what stands in `error[...]` and `warning[...]`, what it means and what to do.
//!
//! A message says more, with the place; this list is for who reads logs or writes `expect_error`. A test re-reads the
//! sources: a code is here where it is used, and nowhere else.

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code, such as `window.step`.
    pub code: &'static str,
    /// What is wrong.
    pub means: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

const fn code(code: &'static str, means: &'static str, help: &'static str) -> Code {
    Code { code, means, help }
}

/// Every code, sorted.
pub fn codes() -> &'static [Code] {
    CODES
}

const CODES: &[Code] = &[
    code("action.address", "What should be an address of mail is none.", "Write `name@example.org`."),
    code("action.group_by", "`\"...\"` stands beside other labels.", "Remove one."),
    code(
        "action.header",
        "A header has a character that is not allowed.",
        "Use letters, digits and `-` in names, and ASCII as a value.",
    ),
    code("action.login", "It is not clear who logs in.", "Give a user and a password, or a token."),
    code("action.name", "An action has the name of the one that is built in.", "Rename it."),
    code("action.tls", "The program was built without TLS.", "Build it with `--features tls`, or do without."),
    code("action.url", "What should be an address of HTTP is none.", "Write `http://host:port/path`."),
    code("aggregate.arguments", "An aggregate has too many or too few arguments.", "Write it as the reference shows."),
    code("aggregate.distinct", "An aggregate does not take DISTINCT.", "Leave it out, or use one that does."),
    code(
        "aggregate.histogram",
        "The bounds of a histogram are not ascending numbers.",
        "Write constants, from low to high.",
    ),
    code(
        "aggregate.percentile",
        "The share of a percentile is not a number from 0 to 1.",
        "Write 0.95 for the 95th percentile.",
    ),
    code(
        "aggregate.rate",
        "`rate` is used in windows that are not equally long.",
        "Divide by the length of the row's window instead.",
    ),
    code("aggregate.separator", "The separator is not a constant text.", "Write it in quotes."),
    code(
        "aggregate.top_k",
        "How many values are asked for is not a whole number within bounds.",
        "Write a constant from 1 to 1000.",
    ),
    code(
        "aggregate.type",
        "An aggregate cannot take values of this type.",
        "Convert the argument, such as with `cast`.",
    ),
    code(
        "aggregate.unknown",
        "There is no such aggregate.",
        "Use one of the reference; the message names the nearest.",
    ),
    code("alert.call", "A function of the program that hears of alerts failed.", "The message has what it said."),
    code(
        "alert.call_panic",
        "A function of the program that hears of alerts panicked.",
        "The message has what it said; mend the function.",
    ),
    code(
        "alert.column",
        "The rows that an alert looks at have a column that rows of alerts have of themselves.",
        "Give it another name in the part that the alert reads.",
    ),
    code("alert.label", "A label or annotation is one that every alert has.", "Use another name."),
    code("alert.notify", "There is no such action.", "Use one of the file, or `log`; the message names the nearest."),
    code(
        "alert.pattern",
        "An alert over matches has a key that has no meaning for moments.",
        "Remove it; `keep_firing_for` says how long a match is told.",
    ),
    code("alert.template", "A text has a brace or a name that stands for nothing.", "Write `{name}` for a column."),
    code("alert.when", "The condition of an alert is not true or false.", "Write a comparison, such as `errors > 5`."),
    code(
        "api.alert",
        "There is no such alert here.",
        "Look at `/v1/alerts`, with `?state=resolved` for those that are over.",
    ),
    code(
        "api.body",
        "The body of a request is too large, too slow, damaged, or not of the form that is expected.",
        "The message says what is wrong, and where.",
    ),
    code(
        "api.busy",
        "The server has as many connections as it takes.",
        "Close some, or raise `max_connections` of `[serve]`.",
    ),
    code(
        "api.closed",
        "The run takes no events: it has not begun, or finishes.",
        "Send them again, where there is a run again.",
    ),
    code("api.full", "There is no room for a batch of events.", "Send it again after the time in `Retry-After`."),
    code("api.host", "The server was called by a name that is not its own.", "Use its address, or configure tokens."),
    code("api.method", "A path is not asked by this method.", "Use one of the header `Allow`."),
    code(
        "api.origin",
        "A page of another site asks the server.",
        "Open the server's own page, or ask without a browser.",
    ),
    code(
        "api.part",
        "No part with rows has this name.",
        "Use a window or pattern of the pipeline; the message names the nearest.",
    ),
    code("api.path", "There is nothing at this path.", "Look at `/openapi.json`, which has every path."),
    code(
        "api.process",
        "Only process 0 of a run can answer, and this is another one or it does not answer.",
        "Ask the server of process 0, or look at what became of it.",
    ),
    code("api.question", "A parameter of a request is wrong.", "The message says what to write."),
    code(
        "api.records",
        "Records of a batch are no events; nothing of it was taken.",
        "Mend those that are listed, or send the batch with `?on_bad=skip`.",
    ),
    code("api.role", "The role of the token may not do this.", "Use a token of the role that `/openapi.json` names."),
    code("api.silence", "A silence cannot be made or ended.", "The message says why."),
    code(
        "api.source",
        "No source of the pipeline that takes events has this name.",
        "Use a source with `type = \"http\"`; the message names the nearest.",
    ),
    code("api.tls", "The server speaks TLS, and a request came without.", "Ask `https://` at the same address."),
    code(
        "api.token",
        "A request needs a token that the server knows.",
        "Send the header `Authorization: Bearer TOKEN`.",
    ),
    code("api.upgrade", "The path is a WebSocket.", "Open it as one, or read `/v1/events`."),
    code("bench.dir", "The folder for a benchmark cannot be made.", "Give another with `--dir`."),
    code("bench.loop", "The hand-written loop failed.", "Look at the message; the input may be damaged."),
    code("bench.memory", "A run was too short for its memory to be read.", "Use more events."),
    code("bench.port", "No free port can be had for processes.", "Look at what holds the ports of this machine."),
    code("bench.profile", "The pipeline is not one that can be profiled.", "Use one file and one window."),
    code("bench.program", "The program cannot find itself.", "Start it by its path."),
    code("bench.read", "A file of a benchmark cannot be read.", "Give another folder with `--dir`."),
    code("bench.rows", "The loop and the engine gave different rows.", "Report it: this is a fault of highwater."),
    code("bench.run", "A run of a benchmark failed.", "Look at what it said."),
    code("bench.start", "A run of a benchmark cannot be started.", "Look at the limits of this machine."),
    code("bench.wait", "The end of a run of a benchmark was lost.", "Run it again."),
    code("bench.write", "A file of a benchmark cannot be written.", "Give a folder with room with `--dir`."),
    code("bug", "A fault of highwater.", "Report it with the message and, if you can, the pipeline file."),
    code("case.count", "A case expects a counter that does not exist.", "Use one of the reference."),
    code(
        "case.input",
        "A case gives an input to no source, or none to one that needs it.",
        "Name each source of the pipeline.",
    ),
    code("case.key", "A case has a key that does not exist.", "Use one of the reference."),
    code("case.none", "No case was found.", "Name files, or folders with files that end in `.case.toml`."),
    code("case.open", "A case or a folder of cases cannot be read.", "Check the path and the permission."),
    code("case.output", "The rows of a case could not be read back.", "Report it: this is a fault of highwater."),
    code(
        "case.pipeline",
        "The pipeline of a case cannot be read.",
        "Give a path relative to the case, or the text itself.",
    ),
    code(
        "case.plan",
        "The pipeline of a case was checked and does not compile.",
        "Report it: this is a fault of highwater.",
    ),
    code("case.required", "A case lacks its pipeline, or expects nothing.", "Add what the message names."),
    code("case.rewrite", "The case that was to be written would not be read back the same.", "Change it by hand."),
    code(
        "case.row",
        "An expected row cannot be a row of the window.",
        "Write one JSON object a line, with columns of the window.",
    ),
    code("case.scratch", "A folder for a run of a case cannot be made or written.", "Set TMPDIR to one that can."),
    code("case.syntax", "A case is not TOML.", "Mend the line."),
    code("case.type", "A key of a case has a value of another type.", "Write it as the reference shows."),
    code("case.value", "A key of a case has a value that makes no sense.", "Change it as the message says."),
    code("case.write", "A case cannot be written.", "Check the permission to write."),
    code(
        "cluster.address",
        "An address cannot be resolved, or is not one of this machine.",
        "Correct the hosts file, or `--process`.",
    ),
    code(
        "cluster.counter",
        "The processes of a machine cannot share out the blocks of a file.",
        "Make room in `/dev/shm`, some bytes are enough.",
    ),
    code("cluster.fingerprint", "Another process runs another pipeline or reads other files.", "Give all the same."),
    code("cluster.hosts", "The hosts file is wrong.", "Write one host:port a line, in the order of processes."),
    code("cluster.index", "Two processes say that they are the same one.", "Give each its own `--process`, from 0."),
    code(
        "cluster.lost",
        "Another process ended or no longer answers.",
        "Look at its own message, then start all again.",
    ),
    code(
        "cluster.message",
        "A message is too long for the links between processes.",
        "Report it: this is a fault of highwater.",
    ),
    code(
        "cluster.missing",
        "Some processes did not come in time.",
        "Start them, or wait longer with `--connect-timeout`.",
    ),
    code(
        "cluster.open",
        "Processes could be reached from outside this machine, without a token.",
        "Set HIGHWATER_TOKEN or `--token-file`.",
    ),
    code("cluster.port", "The port of this process is in use.", "Stop what listens there, or use another."),
    code(
        "cluster.processes",
        "Processes count different numbers of processes.",
        "Give all the same `--processes` and hosts file.",
    ),
    code(
        "cluster.start",
        "The system refused what links between processes need.",
        "Look at the limits of this machine.",
    ),
    code(
        "cluster.token",
        "The token cannot be read, is empty, or differs between processes.",
        "Give all the same secret.",
    ),
    code(
        "cluster.topology",
        "The numbers of processes and workers make no sense together.",
        "Change the flags as the message says.",
    ),
    code("cluster.version", "Processes are of different versions.", "Start all from the same program."),
    code("cluster.workers", "Processes have different numbers of workers.", "Give all the same `--workers`."),
    code("config.cycle", "Streams read each other in a circle.", "Let one of them read something else."),
    code("config.duplicate", "A key is written twice.", "Remove or rename one."),
    code(
        "config.env",
        "An environment variable is not set, or a reference to one is misspelt.",
        "Set it, or write `${NAME:-default}`.",
    ),
    code(
        "config.from",
        "A part reads something that does not exist or that it cannot read.",
        "Name a part of the right kind.",
    ),
    code("config.key", "A section has no such key.", "Use one of the reference; the message names the nearest."),
    code(
        "config.name",
        "A name is not well-formed, or is used twice.",
        "Use letters, digits and `_`, beginning with a letter.",
    ),
    code("config.open", "The pipeline file cannot be read.", "Check the path; it must be text."),
    code("config.path", "Two outputs would be one file.", "Give each its own path."),
    code("config.planned", "This is planned, but not in this version.", "Remove it to run the rest."),
    code("config.rate", "The text is not a rate.", "Write events and a span, such as `1000/s`."),
    code("config.required", "A key that must be given is missing.", "Add it as the message shows."),
    code("config.set", "A `--set` names nothing that can be set.", "Write `--set path=value` with the path of a key."),
    code("config.size", "The text is not a size.", "Write a number and a unit, such as `64MiB`."),
    code("config.span", "The text is not a span of time.", "Write a number and a unit, such as `5s`."),
    code("config.syntax", "The pipeline file is not TOML.", "Mend the line."),
    code("config.type", "A key has a value of another type.", "Write it as the message shows."),
    code("config.unused", "Nothing reads this part (a warning).", "Read it in another part, or remove it."),
    code("config.value", "A value is outside its bounds, or not one of the words.", "Change it as the message says."),
    code(
        "engine.given",
        "A source or sink of a program has nothing that feeds or takes it.",
        "Run the pipeline by `Pipeline::run`, or bring it in `Options::given`.",
    ),
    code("enrich.add", "A stream gets two fields of one name.", "Give one of them another name."),
    code(
        "enrich.key",
        "A lookup has more or fewer values than the table's key has columns.",
        "Give an expression for each column.",
    ),
    code("enrich.table", "A lookup names no table.", "Use the name of one of `[tables]`."),
    code("exchange.damaged", "What another worker sent cannot be read.", "Report it: this is a fault of highwater."),
    code(
        "expr.aggregate",
        "An aggregate stands where it cannot.",
        "Use it in the select of a window, not within another.",
    ),
    code("expr.depth", "An expression is too large or nested too deep.", "Compute a part of it in a stream's `set`."),
    code(
        "expr.function",
        "There is no such function, or it is not called like this.",
        "Write it as the reference shows.",
    ),
    code(
        "expr.path",
        "A path has a value for each event where one for the window is needed.",
        "Aggregate it, or add it to `group_by`.",
    ),
    code("expr.pattern", "A regular expression is wrong or too large.", "Mend it as the message says."),
    code("expr.series", "A series function is not called as it takes its arguments.", "Write it as the message shows."),
    code(
        "expr.step",
        "A call over the events of a match does not say of which step, or cannot stand here.",
        "Write it as the message says.",
    ),
    code("expr.syntax", "The text is not an SQL expression.", "Mend it at the place that the message names."),
    code("expr.type", "A value has a type that does not fit here.", "Convert it with CAST."),
    code("expr.unsupported", "SQL knows this, highwater does not.", "Write it as the message says."),
    code("expr.zone", "There is no such time zone.", "Write a name such as 'Europe/Berlin'."),
    code(
        "function.name",
        "A function or an aggregate of the program has a name that cannot be used.",
        "Use letters, digits and `_`, and a name that nothing else has.",
    ),
    code(
        "generate",
        "The settings of `highwater generate` do not fit together.",
        "Change the flag that the message names.",
    ),
    code(
        "history.alerts",
        "A pipeline without alerts was asked for their history.",
        "Add an alert, or name another file.",
    ),
    code(
        "history.clock",
        "History was asked for of events whose time is that of the clock.",
        "Use events that have a time of their own.",
    ),
    code(
        "history.format",
        "The file of the history is of another program, of another version, or damaged.",
        "Give another `history_path`, or move the file away: it has no more than what was served.",
    ),
    code("history.input", "Input that can be read once was to be read twice.", "Write it to a file, and read that."),
    code(
        "history.locked",
        "Another run has the file of the history open.",
        "Stop that run, or give this one its own `history_path`.",
    ),
    code(
        "history.open",
        "The file of the history cannot be opened or made.",
        "Check the folder and the permission to write.",
    ),
    code(
        "history.unused",
        "Something is said of rows on disk, and none are kept there.",
        "Add `history_path` to `[serve]`, or leave it out.",
    ),
    code(
        "join.field",
        "An expression over the pairs of a join names a field of neither side.",
        "Write left.x or right.x.",
    ),
    code(
        "listen.address",
        "The address to listen on cannot be read or used.",
        "Write host:port with a free port, such as 127.0.0.1:8080.",
    ),
    code(
        "listen.origin",
        "What should be the origin of a site is none.",
        "Write `scheme://host`, such as `https://dash.example`.",
    ),
    code(
        "listen.public",
        "Other machines can reach the address, and there is no token.",
        "Listen on 127.0.0.1, or give a token in `[serve.tokens]`.",
    ),
    code(
        "listen.tls",
        "The certificate or key of the server cannot be used, or the program was built without TLS.",
        "The message says why; build it with `--features tls` where it was not.",
    ),
    code(
        "listen.token",
        "A token is too short, or the file of tokens cannot be read.",
        "The message says what is expected.",
    ),
    code("logs.filter", "RUST_LOG cannot be read.", "Write a level, or pairs such as `highwater=debug`."),
    code("logs.twice", "Logs were set up twice in one program.", "Set them up once."),
    code("notify.condition", "A condition over labels is not true or false.", "Write a comparison."),
    code(
        "notify.start",
        "The threads that tell of alerts cannot be started.",
        "Look at how many threads the system allows.",
    ),
    code(
        "notify.template",
        "A template has a brace that is wrong.",
        "Write `{name}` for a value, `{{` or `}}` for a brace.",
    ),
    code(
        "observe.header",
        "A header for a receiver of OpenTelemetry has a character that is not allowed, or the variable of headers cannot be read.",
        "Use letters, digits and `-` in names, and ASCII as a value.",
    ),
    code(
        "observe.otlp",
        "The program was built without OpenTelemetry.",
        "Build it with `--features otlp`, or remove the section.",
    ),
    code(
        "observe.start",
        "What sends traces and logs cannot be started.",
        "Look at how many threads the system allows.",
    ),
    code("observe.tls", "The program was built without TLS.", "Build it with `--features tls`, or do without."),
    code(
        "observe.url",
        "The address of a receiver of OpenTelemetry is none, or has more than it should.",
        "Write `http://host:4318`; the paths of OTLP are put behind it.",
    ),
    code("output.write", "What a command prints or writes cannot be written.", "Make room, or choose another place."),
    code("pattern.define", "A condition is of no step of the pattern.", "Remove it, or name the step in `match`."),
    code("pattern.negation", "A negation stands where none can.", "Write it between two steps: `a -> !b -> c`."),
    code(
        "pattern.never",
        "A part of a pattern can never match, or a condition never hold.",
        "Write it as the message says.",
    ),
    code("pattern.reserved", "A column has a name that every match has already.", "Use another name."),
    code("pattern.select", "A pattern selects too much.", "Select at most 64 values."),
    code("pattern.size", "A pattern is too large or nested too deep.", "Use fewer groups, or several patterns."),
    code("pattern.skip", "`skip` names no step that takes events.", "Name a step of the pattern."),
    code("pattern.steps", "A pattern has too many different steps.", "Use 64 at most."),
    code("pattern.syntax", "The text of `match` is not a pattern.", "Mend it at the place that the message names."),
    code("pattern.timed_out", "Nothing can run out of time.", "Add `within`, or remove `timed_out`."),
    code("pattern.times", "A quantifier is wrong.", "Write `a{2,4}`, `a+`, `a*` or `a?`; `a+[-> 3s]` for the gaps."),
    code(
        "pattern.type_field",
        "A field of the type is named where there are no types.",
        "Remove it, or give `match` a list.",
    ),
    code("pattern.unbounded", "What a pattern keeps has no limit in time.", "Add `within`."),
    code("pattern.until", "`until` stands where there is no loop, or without a step.", "Write `a+ until b`."),
    code(
        "pattern.within_step",
        "`within_step` names no step that takes events, or limits nothing.",
        "Name a step of the pattern, and use less than `within`.",
    ),
    code("program.panic", "Code of the program panicked.", "Mend it where the panic points."),
    code(
        "recommendation.half_life",
        "What is seen fades too fast for how often rows are stated, or for how long pairs are kept.",
        "Use a longer `half_life`, or less of the other.",
    ),
    code(
        "recommendation.type",
        "An expression of a recommendation has a value of another type.",
        "Write a comparison for `where`, a number for `weight`.",
    ),
    code(
        "row.column",
        "An expression over rows reads a column that they have not.",
        "Use a column of the part that is read.",
    ),
    code("run.tick", "The tick does not divide what a window needs.", "Use a span that does, or leave it out."),
    code("signal", "The system does not let the program listen for signals.", "Look at the limits of this machine."),
    code("silence.until", "A silence ends before it begins.", "Use a later time."),
    code(
        "sink.call",
        "A function that takes rows failed.",
        "Mend what the message says; the rows before it were taken.",
    ),
    code("sink.call_panic", "A function that takes rows panicked.", "Mend it where the panic points."),
    code("sink.closed", "Nobody reads the output any more.", "Nothing: the run ends well."),
    code("sink.open", "An output file cannot be made.", "Check the folder and the permission to write."),
    code("sink.panic", "A sink failed with a fault of highwater.", "Report it with the message."),
    code(
        "sink.path",
        "The path of a sink does not fit what it takes.",
        "Use `{name}` and an ending that says the format.",
    ),
    code("sink.write", "Rows cannot be written.", "Make room, or choose another place."),
    code("source.bad", "A line is not an event, and `on_bad` is `stop`.", "Mend the line, or set `on_bad = \"skip\"`."),
    code(
        "source.clock",
        "A part reads sources of both clocks, or a key means nothing to the clock of its source (a warning).",
        "Read them in parts of their own; remove the key.",
    ),
    code("source.columns", "The columns of CSV have no names.", "Give `columns`, or a header."),
    code(
        "source.damaged",
        "Compressed data is damaged or cut short.",
        "Copy or write the file again, or leave it out.",
    ),
    code("source.dead_letters", "A dead-letter file cannot be written.", "Make room, or choose another path."),
    code("source.follow", "A compressed file cannot be followed.", "Leave it out, or remove `follow`."),
    code(
        "source.format",
        "The format does not fit the source, or a key the format (a warning).",
        "Remove the key, or set `format`.",
    ),
    code("source.generate", "The settings of the generator do not fit together.", "Change them as the message says."),
    code("source.header", "The header of CSV cannot be read.", "Name the columns, or raise `max_line`."),
    code(
        "source.http",
        "Events are sent to the server of a run, and there is none; for `check` a warning.",
        "Add `[serve]`, or run it with `--serve 127.0.0.1:8080`.",
    ),
    code(
        "source.letter",
        "A dead letter cannot be fed back.",
        "Give a file that this pipeline wrote; edit the text of \"line\" alone.",
    ),
    code("source.max_line", "`max_line` is more than `max_inflight`.", "Raise one or lower the other."),
    code(
        "source.on_bad",
        "Whoever sends events over HTTP could end the run.",
        "Remove `on_bad`: what is no event is refused, or skipped.",
    ),
    code("source.open", "An input cannot be opened.", "Check the path and the permission to read."),
    code(
        "source.path",
        "A path, folder or pattern names no file to read.",
        "Correct it; patterns use `*`, `?`, `[ab]` and `**`.",
    ),
    code(
        "source.pattern",
        "The pattern of lines is not a regular expression with named groups.",
        "Mend it as the message says.",
    ),
    code(
        "source.queue",
        "A batch of `max_body` bytes has no room in the queue.",
        "Raise `queue`, or lower `max_body`.",
    ),
    code("source.quote", "Delimiter and quote of CSV are the same.", "Let them differ."),
    code("source.read", "An input cannot be read on.", "Check the disk and run again."),
    code("source.stdin", "Two sources read standard input.", "Let one of them read a file."),
    code("source.thread", "The system gives no thread for a source.", "Look at the limits of this machine."),
    code(
        "source.time",
        "The format of a time says no moment, or stands beside a unit.",
        "Name year, month, day and time, as `strptime` does.",
    ),
    code(
        "source.truncated",
        "A file became shorter while it was read.",
        "Let nothing truncate it, or set `follow = true`.",
    ),
    code("stream.rest_of", "`rest_of` names a stream that reads something else.", "Name streams with the same `from`."),
    code("stream.roads", "Events reach a part on too many roads.", "Read fewer streams that read the same."),
    code("stream.where", "A condition is not true or false.", "Write a comparison."),
    code(
        "table.column",
        "A table has no such column.",
        "Use a column of its first line, or of its query; the message names the nearest.",
    ),
    code(
        "table.feature",
        "A table is of a kind that this program was built without.",
        "Build it with the feature that the message names.",
    ),
    code("table.from", "A table of type stream reads more than one.", "Let a stream read them all."),
    code("table.key", "No row of a table has its key.", "Look at the names of the columns; the message says where."),
    code(
        "table.match",
        "Which hashes of Redis are rows is not said as it can be.",
        "Write a prefix and `*`, and a key of one column.",
    ),
    code("table.mode", "A key means something for another mode of a table.", "Remove it, or set `mode`."),
    code("table.open", "The file of a table cannot be read.", "Check the path and the permission to read."),
    code(
        "table.path",
        "The path of a table's file does not say how rows are written.",
        "End it in .csv or .ndjson, or add `format`.",
    ),
    code("table.query", "The server of a table cannot run its query.", "Mend the query; the message is the server's."),
    code("table.row", "A line of a table's file, or a row of its server, is no row.", "Mend what the message names."),
    code(
        "table.rows",
        "Not one key says which rows of a server a table has.",
        "Give one of the two that the message names.",
    ),
    code(
        "table.server",
        "The server of a table cannot be reached, or lets nobody in.",
        "Start it, or mend `url`; the message says what happened.",
    ),
    code("table.size", "A table is larger than can be kept.", "Leave out columns or rows."),
    code(
        "table.thread",
        "The system gives no thread to look for changed tables.",
        "Look at the limits of this machine.",
    ),
    code(
        "table.type",
        "A column of a table is of a type that is no value here.",
        "Cast it in `query`, for example to text.",
    ),
    code("table.url", "The address of a table's server is none.", "Write it as the message says."),
    code("trace.key", "The key to trace is missing, or the pattern has none.", "Give `--key`, or leave it out."),
    code("trace.output", "What is traced cannot be written.", "Check where standard output goes."),
    code("trace.pattern", "The pattern to trace is not known.", "Name one of the file with `--pattern`."),
    code(
        "view.column",
        "A column of a view is reserved, used twice, or too many.",
        "Use another name, or choose columns.",
    ),
    code(
        "view.from",
        "The parts that a view reads have other columns.",
        "Make them alike in views of one of them each.",
    ),
    code("view.join", "Rows of a join have no window in common.", "Add `within`."),
    code(
        "view.kind",
        "A clause of a view is not for rows of this kind.",
        "Read rows of windows that have a size, or make such windows.",
    ),
    code(
        "view.series",
        "A series function looks at windows that are not equally far apart, or by no whole number of them.",
        "Read a window with a size, and look back by a multiple of its slide.",
    ),
    code(
        "view.size",
        "Windows over windows are not whole.",
        "Write `size` and `select`, and no slide that is too small.",
    ),
    code("view.where", "The condition of a view is not true or false.", "Write a comparison."),
    code("why.id", "There is no such alert.", "Use an `alert_id` of its rows; `highwater backtest` lists them."),
    code("window.aggregates", "A window has too many aggregates.", "Make two windows of it."),
    code("window.column", "Two columns of a window have one name.", "Rename one."),
    code(
        "window.early",
        "Rows so far cannot be stated for this window, or not so often.",
        "Use a span that divides size and slide, and is less than size.",
    ),
    code("window.max_groups", "A cap on groups means nothing to this window.", "Remove it, or do as the message says."),
    code("window.offset", "The offset is not less than what windows are apart.", "Use a smaller one."),
    code("window.reserved", "A column has a name that every row has already.", "Use another name."),
    code(
        "window.select",
        "A window selects nothing, too much, or a value without an aggregate.",
        "Select 1 to 64 aggregates.",
    ),
    code("window.shape", "Keys of a window do not go together.", "Remove one, as the message says."),
    code("window.slide", "An event would be in too many windows.", "Use a longer slide."),
    code("window.step", "The step does not divide the size, or makes too many windows.", "Use one that does."),
    code(
        "window.too_late",
        "A window behind a dedup cannot keep events that are too late.",
        "Keep them in a window before it.",
    ),
    code(
        "window.zone",
        "There is no such time zone, or spans are not whole days.",
        "Write a name such as `Europe/Berlin`, and days.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The program's own text: no comments, no tests.
    fn program(folder: &Path, out: &mut String) {
        // A module that stands here; one in a file of its own may be declared in the middle.
        let tests = Regex::new(r"#\[cfg\(test\)\]\nmod \w+ \{").unwrap();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if ["tests", "testing", "trial", "codes"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                program(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = tests.split(&text).next().unwrap_or_default();
                out.extend(
                    text.lines()
                        .filter(|line| !line.trim_start().starts_with("//") && !line.contains(".say(\"run."))
                        .flat_map(|l| [l, "\n"]),
                );
            }
        }
    }

    /// Texts of the program that could be codes by their form: `family.word` of a family that has codes, or the first
    /// text of a call that makes an error.
    fn used() -> BTreeSet<String> {
        let mut text = String::new();
        program(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        let families: BTreeSet<&str> = CODES.iter().filter_map(|c| Some(c.code.split_once('.')?.0)).collect();
        let dotted = Regex::new(r#""([a-z]+)\.([a-z_]+)""#).unwrap();
        let made =
            r#"(?:\bError::(?:user|outside)\(|\bError::new\([^,"]+,|\.problem\(|\bwrong\(|\bcode:)\s*"([a-z_.]+)""#;
        let mut used: BTreeSet<String> = dotted
            .captures_iter(&text)
            .filter(|found| families.contains(&found[1]))
            .map(|found| format!("{}.{}", &found[1], &found[2]))
            .collect();
        used.extend(Regex::new(made).unwrap().captures_iter(&text).map(|found| found[1].to_owned()));
        used
    }

    #[test]
    fn codes_are_listed_where_they_are_used_and_nowhere_else() {
        let listed: BTreeSet<String> = CODES.iter().map(|c| c.code.to_owned()).collect();
        let used = used();
        let missing: Vec<_> = used.difference(&listed).collect();
        let idle: Vec<_> = listed.difference(&used).collect();
        assert!(missing.is_empty(), "used, and not in src/error/codes.rs: {missing:?}");
        assert!(idle.is_empty(), "in src/error/codes.rs, and not used: {idle:?}");
    }

    #[test]
    fn codes_are_sorted_and_each_says_what_it_means_and_what_to_do() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for code in CODES {
            for text in [code.means, code.help] {
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
    }
}
