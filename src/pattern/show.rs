//! What a pattern says, turned back into text that parses to the same tree.

use super::tree::{Contiguity, Item, Of, Term, Times, Tree, Unit};
use crate::time::Span;
use std::fmt::{self, Display, Formatter};

impl Contiguity {
    /// How it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Contiguity::Strict => ",",
            Contiguity::Relaxed => "->",
            Contiguity::Any => "->>",
        }
    }
}

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.sequence(&self.root, f)
    }
}

impl Tree {
    fn sequence(&self, items: &[Item], f: &mut Formatter<'_>) -> fmt::Result {
        for (i, item) in items.iter().enumerate() {
            match item.follows {
                _ if i == 0 => {}
                Contiguity::Strict => f.write_str(", ")?,
                other => write!(f, " {} ", other.sign())?,
            }
            match &item.term {
                Term::Not(steps) => match steps.as_slice() {
                    [step] => write!(f, "!{}", self.steps[*step])?,
                    steps => {
                        let names: Vec<&str> = steps.iter().map(|s| self.steps[*s].as_str()).collect();
                        write!(f, "!({})", names.join(" | "))?;
                    }
                },
                Term::Take(unit) => self.unit(unit, false, f)?,
            }
        }
        Ok(())
    }

    /// `inside`: among alternatives.
    fn unit(&self, unit: &Unit, inside: bool, f: &mut Formatter<'_>) -> fmt::Result {
        let bare = unit.times.is_none() && unit.until.is_none() && !inside;
        match &unit.of {
            Of::Step(step) => f.write_str(&self.steps[*step])?,
            Of::Group(items) => {
                f.write_str("(")?;
                self.sequence(items, f)?;
                f.write_str(")")?;
            }
            Of::Choice(units) if bare => self.units(units, " | ", true, f)?,
            Of::Choice(units) => {
                f.write_str("(")?;
                self.units(units, " | ", true, f)?;
                f.write_str(")")?;
            }
            Of::Permute(units) => {
                f.write_str("PERMUTE(")?;
                self.units(units, ", ", true, f)?;
                f.write_str(")")?;
            }
        }
        if let Some(times) = &unit.times {
            times.fmt(f)?;
        }
        match unit.until {
            Some(step) => write!(f, " until {}", self.steps[step]),
            None => Ok(()),
        }
    }

    fn units(&self, units: &[Unit], between: &str, inside: bool, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, unit) in units.iter().enumerate() {
            if i > 0 {
                f.write_str(between)?;
            }
            self.unit(unit, inside, f)?;
        }
        Ok(())
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (0, Some(1)) => f.write_str("?"),
            (0, None) => f.write_str("*"),
            (1, None) => f.write_str("+"),
            (min, None) => write!(f, "{{{min},}}"),
            (0, Some(max)) => write!(f, "{{,{max}}}"),
            (min, Some(max)) if min == max => write!(f, "{{{min}}}"),
            (min, Some(max)) => write!(f, "{{{min},{max}}}"),
        }?;
        if !self.greedy {
            f.write_str("?")?;
        }
        match self.gap {
            Some(gap) => write!(f, "[{} {}]", self.inner.sign(), Span(gap)),
            None if self.max == Some(1) && self.inner == Contiguity::Relaxed => Ok(()),
            None => write!(f, "[{}]", self.inner.sign()),
        }
    }
}
