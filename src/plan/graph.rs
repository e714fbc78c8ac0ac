//! A plan, turned into nodes and edges for those who draw it.
//!
//! Invariant: every edge is between two nodes of the list, and the list is in the order of the plan.

use super::explain::{edges, joins, kind, lookups, shape, streams, target};
use super::{Plan, explain_pattern, explain_recommendation};
use crate::time::Span;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Where events come from.
    Source,
    /// What events are looked up in.
    Table,
    /// What filters and enriches.
    Stream,
    /// What looks events up in a table of events.
    Lookup,
    /// What puts the events of two sides together.
    Join,
    /// A window.
    Window,
    /// A pattern.
    Pattern,
    /// What is recommended for an item, or for a user.
    Recommendation,
    /// A view.
    View,
    /// An alert.
    Alert,
    /// Where rows go.
    Sink,
    /// Who is told of alerts.
    Action,
}

impl NodeKind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Source => "source",
            NodeKind::Table => "table",
            NodeKind::Stream => "stream",
            NodeKind::Lookup => "lookup",
            NodeKind::Join => "join",
            NodeKind::Window => "window",
            NodeKind::Pattern => "pattern",
            NodeKind::Recommendation => "recommendation",
            NodeKind::View => "view",
            NodeKind::Alert => "alert",
            NodeKind::Sink => "sink",
            NodeKind::Action => "action",
        }
    }
}

/// One part of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// What it does, in a line.
    pub about: String,
}

impl Node {
    /// What tells it from all others: the name; of sinks and actions with a word before it.
    pub fn id(&self) -> String {
        match self.kind {
            NodeKind::Sink | NodeKind::Action => format!("{} {}", self.kind.word(), self.name),
            _ => self.name.clone(),
        }
    }
}

/// The parts of a pipeline and what reads what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The parts, in the order of the plan.
    pub nodes: Vec<Node>,
    /// From and to, as places in the list of nodes.
    pub edges: Vec<(usize, usize)>,
}

/// The graph of a plan.
pub fn graph(plan: &Plan) -> Graph {
    let mut nodes: Vec<Node> = Vec::new();
    let mut node = |kind, name: &str, about: String| nodes.push(Node { kind, name: name.to_owned(), about });
    for source in &plan.sources {
        node(NodeKind::Source, &source.name, kind(source));
    }
    for table in &plan.tables {
        node(NodeKind::Table, &table.name, super::table::kind(table));
    }
    for stream in streams(plan) {
        node(NodeKind::Stream, stream.name(), stream.filter().map_or(String::new(), |text| format!("where {text}")));
    }
    for (head, lookup) in lookups(plan) {
        node(NodeKind::Lookup, &head.name, format!("in {} by {}", lookup.table.1, lookup.on[1].join(", ")));
    }
    for (head, join) in joins(plan) {
        let on = if join.on[0] == join.on[1] { join.on[0].clone() } else { join.on.join(" = ") };
        node(NodeKind::Join, &head.name, format!("on {on}"));
    }
    for window in &plan.windows {
        let by: Vec<&str> = window.group_by.iter().map(|(name, _)| name.as_str()).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        node(NodeKind::Window, &window.name, format!("{}{by}", shape(window)));
    }
    for (_, pattern) in explain_pattern::all(plan) {
        node(NodeKind::Pattern, &pattern.name, pattern.text.clone());
    }
    for (head, of) in explain_recommendation::all(plan) {
        node(
            NodeKind::Recommendation,
            &head.name,
            format!("{} by {}, within {}", of.item, of.by, Span(of.rules.within)),
        );
        if let Some(name) = explain_recommendation::users(plan, of) {
            node(NodeKind::Recommendation, name, format!("for each {}", of.by));
        }
    }
    for view in &plan.views {
        let clauses = view.clauses.iter().filter(|(name, _)| *name != "from");
        let clauses: Vec<String> = clauses.map(|(name, text)| format!("{name} {text}")).collect();
        node(NodeKind::View, &view.name, clauses.join("; "));
    }
    for alert in &plan.alerts {
        let when = alert.texts.0.as_ref().map_or("every match".to_owned(), |text| format!("when {text}"));
        node(NodeKind::Alert, &alert.shown.rule, when);
    }
    for sink in &plan.sinks {
        node(NodeKind::Sink, &sink.config.name, target(&sink.config.kind));
    }
    let mut told: Vec<&str> = Vec::new();
    for name in plan.alerts.iter().flat_map(|alert| &alert.shown.notify) {
        if !told.contains(&name.as_str()) {
            told.push(name);
        }
    }
    for name in told {
        node(NodeKind::Action, name, "is told of alerts".to_owned());
    }
    let part = |index: u32| plan.schemas[index as usize].name.clone();
    let mut pairs: Vec<(String, String)> =
        edges(plan).into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
    pairs.extend(plan.views.iter().flat_map(|view| view.from.iter().map(|from| (from.clone(), view.name.clone()))));
    for (head, of) in explain_recommendation::all(plan) {
        pairs.extend(explain_recommendation::users(plan, of).map(|users| (head.name.clone(), users.to_owned())));
    }
    for alert in &plan.alerts {
        let rule = &alert.shown.rule;
        pairs.push((part(alert.from), rule.clone()));
        pairs.extend(alert.shown.notify.iter().map(|action| (rule.clone(), format!("action {action}"))));
    }
    let sinks = plan.sinks.iter().flat_map(|sink| sink.parts.iter().map(move |part| (part, sink)));
    pairs.extend(sinks.map(|(index, sink)| (part(*index), format!("sink {}", sink.config.name))));
    let place = |id: &str| nodes.iter().position(|node| node.id() == id);
    let edges = pairs.iter().filter_map(|(from, to)| Some((place(from)?, place(to)?))).filter(|(from, to)| from != to);
    let mut once: Vec<(usize, usize)> = Vec::new();
    edges.for_each(|edge| {
        if !once.contains(&edge) {
            once.push(edge);
        }
    });
    Graph { nodes, edges: once }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_a_node_and_what_reads_it_is_behind_it() {
        let text = "[sources.e]\ntype = \"stdin\"\n[streams.s]\nfrom = \"e\"\nwhere = \"a > 1\"\n[windows.w]\nfrom = \"s\"\n\
                    size = \"1s\"\nselect = { n = \"count(*)\" }\n[alerts.many]\nfrom = \"w\"\nwhen = \"n > 5\"\n\
                    notify = \"log\"\n[sinks.w_out]\ntype = \"stdout\"\nfrom = [\"w\", \"many\"]\n";
        let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
        let plan = super::super::compile(&config.unwrap_or_else(|| panic!("{problems}"))).unwrap();
        let graph = graph(&plan);
        let nodes: Vec<String> = graph.nodes.iter().map(|n| format!("{}:{}", n.kind.word(), n.name)).collect();
        assert_eq!(nodes, ["source:e", "stream:s", "window:w", "alert:many", "sink:w_out", "action:log"]);
        assert_eq!(graph.edges, [(0, 1), (1, 2), (2, 3), (3, 5), (2, 4), (3, 4)]);
        assert_eq!(graph.nodes[1].about, "where a > 1");
    }

    #[test]
    fn rows_of_tables_and_recommendations_are_behind_what_they_are_made_of() {
        let text = "[sources.e]\ntype = \"stdin\"\n[tables.t]\ntype = \"stream\"\nfrom = \"e\"\nkey = \"k\"\n[windows.w]\nfrom = \"e\"\n\
                    size = \"1s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n[views.v]\nfrom = \"w\"\n\
                    join = { with = \"t\", on = [\"k\"], add = [\"x\"] }\n[recommendations.r]\nfrom = \"e\"\nby = \"u\"\nitem = \"i\"\n\
                    within = \"1m\"\nper_user = {}\n[sinks.o]\ntype = \"stdout\"\nfrom = [\"v\", \"r\", \"r.users\"]\n";
        let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
        let plan = super::super::compile(&config.unwrap_or_else(|| panic!("{problems}"))).unwrap();
        let graph = graph(&plan);
        let name = |i: usize| graph.nodes[i].name.as_str();
        let mut edges: Vec<(&str, &str)> = graph.edges.iter().map(|(from, to)| (name(*from), name(*to))).collect();
        edges.sort_unstable();
        let expected = [
            ("e", "r"),
            ("e", "t"),
            ("e", "w"),
            ("r", "o"),
            ("r", "r.users"),
            ("r.users", "o"),
            ("t", "v"),
            ("v", "o"),
            ("w", "v"),
        ];
        assert_eq!(edges, expected);
    }
}
