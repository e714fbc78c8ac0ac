//! A list of event types, turned into a pattern.

use super::tree::{Contiguity, Item, Of, Place, Term, Tree, Unit};

/// The pattern of a list of event types, at least one: each a step of its own, one after the other by `->`.
///
/// The step of a type is named like it, the second of one type with `_2` behind it; what cannot stand in a name
/// becomes `_`. An element's place is that of its type in the list.
pub fn simple(types: &[String]) -> Tree {
    let mut steps: Vec<String> = Vec::with_capacity(types.len());
    for ty in types {
        let mut name: String = ty.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) {
            name.insert(0, '_');
        }
        let mut free = name.clone();
        let mut n = 1;
        while steps.contains(&free) {
            n += 1;
            free = format!("{name}_{n}");
        }
        steps.push(free);
    }
    let unit = |step| Unit { of: Of::Step(step), times: None, until: None };
    let root = (0..steps.len()).map(|step| Item {
        follows: Contiguity::Relaxed,
        term: Term::Take(unit(step)),
        place: Place { start: step, end: step + 1 },
    });
    Tree { root: root.collect(), steps }
}
