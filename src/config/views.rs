//! The views of a file against each other: circles, and the order in which each comes after what it reads.

use super::reader::Context;
use super::settings::{Config, Located};
use std::collections::{BTreeMap, BTreeSet};

/// For each view the views that it reads, by index.
fn reads(config: &Config) -> Vec<Vec<usize>> {
    // Two parts of one name are reported elsewhere; the first is meant.
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, view) in config.views.iter().enumerate() {
        by_name.entry(&view.name).or_insert(i);
    }
    let index = |name: &Located<String>| by_name.get(name.value.as_str()).copied();
    config.views.iter().map(|view| view.reads().filter_map(index).collect()).collect()
}

impl Config {
    /// The views, by index, each after those it reads; else in the order of the file. Views that wait for each other are
    /// left out: that is a problem.
    pub fn views_in_order(&self) -> Vec<usize> {
        in_order(&reads(self))
    }
}

fn in_order(reads: &[Vec<usize>]) -> Vec<usize> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); reads.len()];
    let mut waits: Vec<usize> = reads.iter().map(Vec::len).collect();
    for (i, list) in reads.iter().enumerate() {
        list.iter().for_each(|read| readers[*read].push(i));
    }
    let mut ready: BTreeSet<usize> = (0..reads.len()).filter(|i| waits[*i] == 0).collect();
    let mut order = Vec::new();
    while let Some(i) = ready.pop_first() {
        order.push(i);
        for reader in &readers[i] {
            waits[*reader] -= 1;
            if waits[*reader] == 0 {
                ready.insert(*reader);
            }
        }
    }
    order
}

/// Reports each circle of views once, at the view of it that stands first in the file.
pub(super) fn circles(config: &Config, ctx: &mut Context) {
    let reads = reads(config);
    let mut rest: BTreeSet<usize> = (0..reads.len()).collect();
    in_order(&reads).iter().for_each(|i| {
        rest.remove(i);
    });
    let mut seen = vec![false; reads.len()];
    for start in rest.iter().copied() {
        // Each of the rest reads one of the rest, so this way ends where it has been, or where another has.
        let mut way: Vec<usize> = Vec::new();
        let mut last = start;
        while !seen[last] {
            seen[last] = true;
            way.push(last);
            let Some(next) = reads[last].iter().find(|read| rest.contains(read)) else { break };
            last = *next;
        }
        let Some(at) = way.iter().position(|i| *i == last) else { continue };
        let mut circle = way.split_off(at);
        let least = (0..circle.len()).min_by_key(|at| circle[*at]).unwrap_or(0);
        circle.rotate_left(least);
        let name = |at: usize| config.views[circle[at % circle.len()]].name.as_str();
        let names: Vec<&str> = (0..=circle.len()).map(name).collect();
        let message = format!("views read each other in a circle: {}", names.join(" -> "));
        let place = config.views[circle[0]].reads().find(|from| from.value == name(1));
        let help = "let one of them read a window or a pattern".to_owned();
        ctx.problems.extend(place.map(|place| place.problem("config.cycle", message, Some(help))));
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn circles_are_said_once_each_and_what_leads_to_them_is_not_one() {
        let file = |views: &[(&str, &str)]| {
            let views: Vec<String> =
                views.iter().map(|(name, from)| format!("[views.{name}]\nfrom = {from}\n")).collect();
            format!(
                "[sources.e]\ntype = \"stdin\"\n[windows.w]\nfrom = \"e\"\nsize = \"1s\"\nselect = {{ n = \"count(*)\" }}\n{}",
                views.concat()
            )
        };
        let text = file(&[("lead", "'a'"), ("b", "'a'"), ("a", "['w', 'b']"), ("self", "'self'"), ("fine", "'w'")]);
        let (config, problems) = parse("t.toml", &text, &[], &|_| None);
        let found: Vec<_> =
            problems.list.iter().filter(|p| p.code == "config.cycle").map(|p| (p.line, p.message.as_str())).collect();
        let both = "views read each other in a circle: b -> a -> b";
        assert_eq!(found, [(10, both), (14, "views read each other in a circle: self -> self")]);
        assert_eq!(config.unwrap().views_in_order(), [4]);
        let text = file(&[("third", "['second', 'w']"), ("second", "'first'"), ("first", "'w'")]);
        let (config, problems) = parse("t.toml", &text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        assert_eq!(config.unwrap().views_in_order(), [2, 1, 0]);
    }
}
