//! A source, or what stands at the worker of a key, while it is planned: the streams behind it, column by column.

use super::select::problem;
use super::{EnrichText, Extensions, Head, HeadInput, HeadPlan, PatternInput, WindowPlan, dedup, pattern, road};
use crate::config::{Config, JoinConfig, Located, SampleConfig, StreamConfig};
use crate::error::Problem;
use crate::event::FieldPath;
use crate::expr::{self, Program, Tree, Type};
use crate::stream::{Sample, Step};
use std::collections::{BTreeMap, BTreeSet};

/// A step, and how it is shown.
pub(super) struct Built {
    pub(super) step: Step,
    pub(super) filter: Option<(Tree, String)>,
    pub(super) sample: Option<String>,
    pub(super) computed: Vec<(String, String)>,
    pub(super) enriches: Vec<EnrichText>,
    pub(super) is_root_stream: bool,
}

impl Built {
    /// A step of all rows of selection `from` that does nothing but compute columns.
    pub(super) fn computing(name: &str, from: usize, local: Local) -> Self {
        Self {
            step: Step {
                name: name.to_owned(),
                from,
                minus: Vec::new(),
                enrich: Vec::new(),
                enrich_first: false,
                filter: None,
                sample: None,
                sets: local.sets,
            },
            filter: None,
            sample: None,
            enriches: Vec::new(),
            computed: local.shown,
            is_root_stream: false,
        }
    }

    /// What a condition of this step asks of fields of the event: paths, each with the texts that are let pass.
    pub(super) fn conjuncts(&self) -> Vec<(FieldPath, Vec<String>)> {
        let mut list = self.filter.as_ref().map(|(tree, _)| tree.string_conjuncts()).unwrap_or_default();
        // What a lookup adds hides a field of the event.
        let added: Vec<&String> = self.enriches.iter().flat_map(|enrich| &enrich.add).map(|(name, _)| name).collect();
        list.retain(|(path, _)| !matches!(path.steps(), [step] if added.contains(&step)));
        list
    }
}

/// One source while it is planned.
pub(super) struct Building<'a> {
    pub(super) config: &'a Config,
    pub(super) extensions: &'a Extensions,
    /// The streams and joins that a window needs.
    pub(super) needed: &'a BTreeSet<&'a str>,
    /// What stands at the workers of keys, as far as it is planned; roads end at it.
    pub(super) heads: &'a [Option<HeadPlan>],
    /// What was found of their inputs, with their numbers.
    pub(super) inputs: Vec<(usize, HeadInput)>,
    /// The join that roads begin at, where they do.
    pub(super) joined: Option<&'a JoinConfig>,
    /// What was read last, and asks for fields.
    pub(super) at: Option<Located<String>>,
    /// Groups of patterns.
    pub(super) drafts: &'a [pattern::Draft<'a>],
    /// What was found of their inputs, with their numbers.
    pub(super) pattern_inputs: Vec<(usize, PatternInput)>,
    pub(super) tick: i64,
    pub(super) head: Head,
    /// Where computed columns begin: behind the decoded ones.
    pub(super) base: usize,
    /// The decoded columns.
    pub(super) paths: Vec<FieldPath>,
    pub(super) steps: Vec<Built>,
    /// The streams on the road that is being planned, from the source on, and for each which of its inputs that is.
    pub(super) road: Vec<(&'a str, usize)>,
    pub(super) problems: Vec<Problem>,
}

/// Names that streams have set, and their columns.
pub(super) type Names = BTreeMap<String, usize>;

impl<'a> Building<'a> {
    /// `paths`: the decoded columns, as far as they are known.
    pub(super) fn new(
        (config, extensions): (&'a Config, &'a Extensions),
        needed: &'a BTreeSet<&'a str>,
        heads: &'a [Option<HeadPlan>],
        tick: i64,
        head: Head,
        paths: Vec<FieldPath>,
    ) -> Self {
        let base = paths.len();
        let (steps, road, problems) = (Vec::new(), Vec::new(), Vec::new());
        let (inputs, pattern_inputs) = (Vec::new(), Vec::new());
        Self {
            config,
            extensions,
            needed,
            heads,
            inputs,
            joined: None,
            at: None,
            drafts: &[],
            pattern_inputs,
            tick,
            head,
            base,
            paths,
            steps,
            road,
            problems,
        }
    }

    /// Where computed columns begin.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Plans everything that reads `from`, whose rows are `selection`.
    pub(super) fn children(&mut self, from: &str, selection: usize, names: &Names, windows: &mut [Option<WindowPlan>]) {
        let config = self.config;
        let input = |list: &[Located<String>]| list.iter().position(|name| name.value == from);
        let readers = config.streams.iter().filter(|s| self.needed.contains(s.name.as_str()));
        let mut done: Vec<(&str, usize)> = Vec::new();
        for stream in road::in_order(readers.filter(|s| input(&s.from).is_some()).collect()) {
            // A circle is reported elsewhere.
            if self.road.iter().any(|(name, _)| *name == stream.name) || !self.has_room(&stream.name, &stream.from[0]) {
                continue;
            }
            let taken = |rest: &Located<String>| done.iter().find(|(name, _)| *name == rest.value).map(|(_, s)| *s);
            let minus = stream.rest_of.iter().filter_map(taken).collect();
            self.road.push((&stream.name, input(&stream.from).unwrap_or(0)));
            done.push((&stream.name, self.stream(stream, (selection, minus), names, windows)));
            self.road.pop();
        }
        for (w, window) in config.windows.iter().enumerate() {
            let Some(input) = input(&window.from).filter(|_| self.has_room(&window.name, &window.from[0])) else {
                continue;
            };
            self.road.push((&window.name, input));
            let planned = self.window(w, window, selection, names);
            self.road.pop();
            match (&mut windows[w], planned) {
                (Some(window), Some(other)) => road::join(window, other),
                (place, planned) => *place = planned,
            }
        }
        self.join_roads(from, selection, names);
        self.lookup_roads(from, selection, names);
        self.recommendation_roads(from, selection, names);
        self.pattern_roads(from, selection, names, self.drafts);
    }

    /// True where one more road may lead to a part; else reports it at `place`.
    pub(super) fn has_room(&mut self, name: &str, place: &Located<String>) -> bool {
        let most = road::MOST_ROADS;
        if self.steps.iter().filter(|built| built.step.name == name).count() < most {
            return true;
        }
        self.problems.push(place.problem(
            "stream.roads",
            format!("events reach '{name}' on more than {most} roads"),
            Some("each input of a part is a road of its own; read fewer streams that read the same".into()),
        ));
        false
    }

    pub(super) fn computed(&self) -> usize {
        self.steps.iter().map(|s| s.computed.len()).sum()
    }

    /// The column of a path: one that a stream has set, or a field of the event.
    pub(super) fn slot(&mut self, names: &Names, path: &FieldPath) -> usize {
        if let [step] = path.steps()
            && let Some(slot) = names.get(step)
        {
            return *slot;
        }
        self.paths.iter().position(|p| p == path).unwrap_or_else(|| {
            self.pair_field(path);
            self.paths.push(path.clone());
            self.paths.len() - 1
        })
    }

    pub(super) fn parse(&mut self, text: &Located<String>) -> Option<Tree> {
        self.at = Some(text.clone());
        match expr::parse_with(&text.value, &self.extensions.functions) {
            Ok(tree) => Some(tree),
            Err(list) => {
                self.problems.extend(list.into_iter().map(|e| problem(text, e)));
                None
            }
        }
    }

    pub(super) fn compile(&mut self, names: &Names, tree: &Tree) -> Program {
        expr::compile(tree, &mut |path| self.slot(names, path))
    }

    /// Plans a stream that reads a selection without some others, and all that reads it; gives its selection.
    fn stream(
        &mut self,
        stream: &StreamConfig,
        (from, minus): (usize, Vec<usize>),
        names: &Names,
        windows: &mut [Option<WindowPlan>],
    ) -> usize {
        let mut names = names.clone();
        let first = self.computed();
        let (enrich, enriches, mut shown) = self.lookups(stream, first, &mut names);
        let mut filter = None;
        if let Some(text) = &stream.filter
            && let Some(tree) = self.parse(text)
        {
            if !matches!(tree.ty(), Type::Any | Type::Bool) {
                self.problems.push(text.problem(
                    "stream.where",
                    format!("the condition is {}, not true or false", tree.ty().word()),
                    Some("write a comparison, such as event_type = 'error'".into()),
                ));
            }
            filter = Some((self.compile(&names, &tree), tree, text.value.clone()));
        }
        let sample = stream.sample.as_ref().map(|sample| self.sample(sample, &names));
        let enrich_first = self.reads_added(stream, &enriches);
        let mut sets = Vec::new();
        for (name, text) in &stream.set {
            if let Some(tree) = self.parse(text) {
                let program = self.compile(&names, &tree);
                let slot = self.base + first + shown.len();
                sets.push((slot, program));
                shown.push((name.clone(), text.value.clone()));
                names.insert(name.clone(), slot);
            }
        }
        let key = stream.dedup.as_ref().and_then(|dedup| {
            let tree = self.parse(&dedup.by)?;
            let program = self.compile(&names, &tree);
            Some(program.as_slot().unwrap_or_else(|| {
                let slot = self.base + first + shown.len();
                sets.push((slot, program));
                shown.push((dedup::KEY.to_owned(), dedup.by.value.clone()));
                slot
            }))
        });
        let (program, filter) = match filter {
            Some((program, tree, text)) => (Some(program), Some((tree, text))),
            None => (None, None),
        };
        let (sample, sample_text) = sample.unzip();
        self.steps.push(Built {
            step: Step { name: stream.name.clone(), from, minus, enrich, enrich_first, filter: program, sample, sets },
            filter,
            sample: sample_text,
            computed: shown,
            enriches,
            is_root_stream: from == 0,
        });
        let selection = self.steps.len();
        match &stream.dedup {
            None => self.children(&stream.name, selection, &names, windows),
            Some(_) => self.duplicates(stream, (selection, key), &names),
        }
        selection
    }

    /// A sample, and how it is shown.
    fn sample(&mut self, sample: &SampleConfig, names: &Names) -> (Sample, String) {
        let by = sample.by.as_ref().and_then(|text| self.parse(text)).map(|tree| self.compile(names, &tree));
        let text = sample.by.as_ref().map_or(String::new(), |by| format!(" by {}", by.value));
        let seed = if sample.seed == 0 { String::new() } else { format!(", seed {}", sample.seed) };
        (Sample::new(sample.rate, sample.seed, by), format!("{}{text}{seed}", sample.rate))
    }

    /// The column that holds an expression, computed by the step of this window where it is not a column already.
    pub(super) fn column(&mut self, tree: &Tree, names: &Names, what: &str, text: String, local: &mut Local) -> usize {
        let program = self.compile(names, tree);
        if let Some(slot) = program.as_slot() {
            return slot;
        }
        let normal = tree.to_string();
        if let Some((_, slot)) = local.known.iter().find(|(t, _)| *t == normal) {
            return *slot;
        }
        let slot = self.base + local.first + local.sets.len();
        local.sets.push((slot, program));
        local.shown.push((what.to_owned(), text));
        local.known.push((normal, slot));
        slot
    }
}

/// The columns that one window computes.
#[derive(Default)]
pub(super) struct Local {
    pub(super) first: usize,
    pub(super) sets: Vec<(usize, Program)>,
    pub(super) shown: Vec<(String, String)>,
    pub(super) known: Vec<(String, usize)>,
}
