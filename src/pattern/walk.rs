//! A tree, asked for what is in it: which steps take events, begin a unit, come before others.

use super::tree::{Item, Of, StepId, Term, Unit};
use std::collections::BTreeSet;

/// True where every match has an event of it.
pub(super) fn is_needed(item: &Item) -> bool {
    matches!(&item.term, Term::Take(unit) if !unit.is_optional())
}

impl Unit {
    /// True where it may take nothing.
    pub(super) fn is_optional(&self) -> bool {
        let inner = match &self.of {
            Of::Step(_) => false,
            Of::Group(items) => !items.iter().any(is_needed),
            Of::Choice(units) => units.iter().any(Unit::is_optional),
            Of::Permute(units) => units.iter().all(Unit::is_optional),
        };
        inner || self.times.is_some_and(|t| t.min == 0)
    }

    /// True where it takes two events at least.
    pub(super) fn takes_several(&self) -> bool {
        let inner = match &self.of {
            Of::Group(items) => {
                let needed = items.iter().filter(|i| is_needed(i)).count();
                let several = |i: &Item| matches!(&i.term, Term::Take(unit) if unit.takes_several());
                needed > 1 || items.iter().any(|i| is_needed(i) && several(i))
            }
            _ => false,
        };
        inner || self.times.is_some_and(|t| t.min > 1)
    }

    /// The step that its first event is certainly of.
    pub(super) fn only_step(&self) -> Option<StepId> {
        match &self.of {
            Of::Step(step) => Some(*step),
            Of::Group(items) => match &items.first()?.term {
                Term::Take(unit) if !unit.is_optional() => unit.only_step(),
                _ => None,
            },
            Of::Choice(_) | Of::Permute(_) => None,
        }
    }

    /// True where it takes nothing without an event of `step`, or no event at all.
    pub(super) fn needs(&self, step: StepId) -> bool {
        match &self.of {
            Of::Step(own) => *own == step,
            Of::Group(items) => items.iter().any(|i| match &i.term {
                Term::Take(unit) => !unit.is_optional() && unit.needs(step),
                Term::Not(_) => false,
            }),
            Of::Choice(units) => units.iter().all(|u| u.needs(step)),
            Of::Permute(units) => units.iter().any(|u| !u.is_optional() && u.needs(step)),
        }
    }
}

/// The steps that take events.
pub(super) fn steps_of(items: &[Item], out: &mut BTreeSet<StepId>) {
    for item in items {
        if let Term::Take(unit) = &item.term {
            steps_of_unit(unit, out);
        }
    }
}

fn steps_of_unit(unit: &Unit, out: &mut BTreeSet<StepId>) {
    match &unit.of {
        Of::Step(step) => {
            out.insert(*step);
        }
        Of::Group(items) => steps_of(items, out),
        Of::Choice(units) | Of::Permute(units) => units.iter().for_each(|u| steps_of_unit(u, out)),
    }
}

/// The steps that the first event of a unit may be of.
pub(super) fn first_of(unit: &Unit, out: &mut BTreeSet<StepId>) {
    match &unit.of {
        Of::Step(step) => {
            out.insert(*step);
        }
        Of::Group(items) => {
            for item in items {
                if let Term::Take(unit) = &item.term {
                    first_of(unit, out);
                    if !unit.is_optional() {
                        break;
                    }
                }
            }
        }
        Of::Choice(units) | Of::Permute(units) => units.iter().for_each(|u| first_of(u, out)),
    }
}

/// By step, where it is looked for at all.
pub(super) type Before = Vec<Option<BTreeSet<StepId>>>;

/// For each step the steps of which a match may have events when one of it is looked for; `seen`: those so far.
pub(super) fn befores(items: &[Item], seen: &mut BTreeSet<StepId>, before: &mut Before) {
    for item in items {
        match &item.term {
            Term::Not(steps) => steps.iter().for_each(|step| add(*step, seen, before)),
            Term::Take(unit) => befores_of(unit, seen, before),
        }
    }
}

fn add(step: StepId, seen: &BTreeSet<StepId>, before: &mut Before) {
    before[step].get_or_insert_with(BTreeSet::new).extend(seen);
}

fn befores_of(unit: &Unit, seen: &mut BTreeSet<StepId>, before: &mut Before) {
    if unit.times.is_some_and(|t| t.max != Some(1)) {
        steps_of_unit(unit, seen);
    }
    match &unit.of {
        Of::Step(step) => {
            add(*step, seen, before);
            seen.insert(*step);
        }
        Of::Group(items) => befores(items, seen, before),
        Of::Choice(units) => {
            let mut after = seen.clone();
            for unit in units {
                let mut seen = seen.clone();
                befores_of(unit, &mut seen, before);
                after.append(&mut seen);
            }
            *seen = after;
        }
        Of::Permute(units) => {
            steps_of_unit(unit, seen);
            units.iter().for_each(|u| befores_of(u, seen, before));
        }
    }
    if let Some(until) = unit.until {
        add(until, seen, before);
    }
}
