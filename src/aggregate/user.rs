//! Aggregates of the program, turned into states that are kept like those of the language.
//!
//! A state is made when the first value of its group comes. A group without a value answers with a fresh state.
//!
//! Errors: a panic leaves as a [`Panicked`] with the aggregate's name. What it gives that is no value of SQL (see
//! [`OwnedValue::is_value`], and a time beyond the years 1 to 9999) is NULL.

use super::kept::{How, Keep, Row, cell};
use super::layout::Function;
use crate::error::Panicked;
use crate::event::{Cell, OwnedValue, Value};
use crate::time::EventTime;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// An aggregate of a program: the state of one group, from the values of its events to an answer.
///
/// # The law
/// An answer must depend on **which values** came, each as often as it came, and on nothing else: not on their order, and
/// not on how they were spread over states that were then merged. Workers read in parallel, a window is merged from
/// slices, and late events come when they come; so for all states and values
///
/// - `merge` is commutative and associative, and a fresh state changes nothing: `a + b = b + a`,
///   `(a + b) + c = a + (b + c)`, `a + fresh = a`;
/// - adding a value is merging the state of that value alone;
/// - `decode` of what `encode` wrote is the same state.
///
/// "The same" means that `finish` gives the same value, to the last bit. A sum of floats in an `f64` breaks the law: it
/// depends on the order of its parts. Sum whole numbers, or keep what is exact and round once in `finish`. Where
/// the law is broken, rows differ from run to run and from width to width, and a correction may take back a row that was
/// never said; nothing else breaks. [`check_law`] finds most mistakes.
///
/// NULLs are skipped before they come here.
pub trait Aggregate: Send + 'static {
    /// What it gives: a number, text, an `Option` of such, or an [`OwnedValue`].
    type Output: Into<OwnedValue>;

    /// Another version may give other answers, or encode otherwise.
    const VERSION: u32 = 1;

    /// Takes a value, never NULL; false where it is not of a type that is taken: it is counted then.
    fn add(&mut self, value: Value<'_>) -> bool;

    /// Takes all that another state has taken.
    fn merge(&mut self, other: &Self);

    /// The answer.
    fn finish(&self) -> Self::Output;

    /// Appends the state as bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// The state that [`Aggregate::encode`] wrote, from a fresh one; nothing where the bytes are something else.
    fn decode(&self, bytes: &[u8]) -> Option<Self>
    where
        Self: Sized;

    /// Memory that it holds beside the struct, in bytes. Bound it: a state lives as long as its window can change.
    fn bytes(&self) -> usize {
        0
    }
}

/// An [`Aggregate`] of any type.
trait State: Send {
    fn add(&mut self, value: Value<'_>) -> bool;
    fn merge(&mut self, other: &dyn State);
    fn finish(&self) -> OwnedValue;
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(&self, bytes: &[u8]) -> Option<Box<dyn State>>;
    fn bytes(&self) -> usize;
    fn any(&self) -> &dyn Any;
}

impl<A: Aggregate> State for A {
    fn add(&mut self, value: Value<'_>) -> bool {
        Aggregate::add(self, value)
    }

    fn merge(&mut self, other: &dyn State) {
        let other = other.any().downcast_ref().expect("states of one aggregate are of one type");
        Aggregate::merge(self, other);
    }

    fn finish(&self) -> OwnedValue {
        Aggregate::finish(self).into()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Aggregate::encode(self, out);
    }

    fn decode(&self, bytes: &[u8]) -> Option<Box<dyn State>> {
        Some(Box::new(Aggregate::decode(self, bytes)?))
    }

    fn bytes(&self) -> usize {
        size_of::<A>() + Aggregate::bytes(self)
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// An aggregate of a program, by name.
#[derive(Clone)]
pub struct UserAggregate {
    /// The name by which it is called.
    pub name: Arc<str>,
    /// [`Aggregate::VERSION`].
    pub version: u32,
    make: Arc<dyn Fn() -> Box<dyn State> + Send + Sync>,
}

impl UserAggregate {
    /// An aggregate whose states begin as `make` makes them.
    pub fn new<A: Aggregate>(name: &str, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Self { name: name.into(), version: A::VERSION, make: Arc::new(move || Box::new(make())) }
    }

    fn named<T>(&self, call: impl FnOnce() -> T) -> T {
        Panicked::named(|| format!("aggregate {}", self.name), call)
    }
}

impl fmt::Debug for UserAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.name, self.version)
    }
}

impl PartialEq for UserAggregate {
    /// Names tell the aggregates of one pipeline apart.
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.version) == (&other.name, other.version)
    }
}

/// The aggregates that a program adds to the language.
#[derive(Debug, Clone, Default)]
pub struct UserAggregates(Vec<UserAggregate>);

impl UserAggregates {
    /// Adds one.
    pub fn add(&mut self, aggregate: UserAggregate) {
        self.0.push(aggregate);
    }

    /// All, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &UserAggregate> {
        self.0.iter()
    }

    /// The aggregate of that name, in any case.
    pub fn find(&self, name: &str) -> Option<&UserAggregate> {
        self.0.iter().find(|aggregate| aggregate.name.eq_ignore_ascii_case(name))
    }
}

/// The state of one group; nothing before its first value.
#[derive(Default)]
pub(super) struct Held(Option<Box<dyn State>>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Held" } else { "Held(nothing)" })
    }
}

fn user(how: &How) -> &UserAggregate {
    match how {
        How::User(aggregate) => aggregate,
        _ => unreachable!("only aggregates of the program are held here"),
    }
}

impl Keep for Held {
    fn add(&mut self, how: &How, row: &Row<'_>) -> bool {
        let aggregate = user(how);
        aggregate.named(|| self.0.get_or_insert_with(|| (aggregate.make)()).add(row.value.value(row.arena)))
    }

    fn merge(&mut self, how: &How, other: &Self) {
        if let Some(other) = &other.0 {
            let aggregate = user(how);
            aggregate.named(|| self.0.get_or_insert_with(|| (aggregate.make)()).merge(&**other));
        }
    }

    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |state| state.bytes())
    }

    /// A first byte, as a state may be no bytes.
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(state) = &self.0 {
            out.push(1);
            state.encode(out);
        }
    }

    fn decode(how: &How, bytes: &[u8]) -> Option<Self> {
        let aggregate = user(how);
        let (1, state) = bytes.split_first().map(|(first, rest)| (*first, rest))? else { return None };
        Some(Self(Some(aggregate.named(|| (aggregate.make)().decode(state))?)))
    }

    fn answer(&mut self, how: &How, _function: &Function, arena: &mut Vec<u8>) -> (Cell, bool) {
        let aggregate = user(how);
        let value = aggregate.named(|| match &self.0 {
            Some(state) => state.finish(),
            None => (aggregate.make)().finish(),
        });
        let known = match value {
            OwnedValue::Time(us) => (EventTime::EARLIEST.0..=EventTime::LATEST.0).contains(&us),
            ref other => other.is_value(),
        };
        (if known { cell(value.as_value(), arena) } else { Cell::NULL }, false)
    }
}

/// Looks for breaches of the law of [`Aggregate`]: spreads the values over states in several ways, merges these in several
/// orders, sends them through their encoding, and compares answers. For tests; finding nothing is no proof, so give it
/// values of all kinds, some of them equal.
///
/// ```
/// # use highwater::{Aggregate, Value, aggregate::check_law};
/// #[derive(Default)]
/// struct Total(f64);
///
/// impl Aggregate for Total {
///     type Output = f64;
///     fn add(&mut self, value: Value<'_>) -> bool {
///         value.as_f64().is_some_and(|v| { self.0 += v; true })
///     }
///     fn merge(&mut self, other: &Self) { self.0 += other.0 }
///     fn finish(&self) -> f64 { self.0 }
///     fn encode(&self, out: &mut Vec<u8>) { out.extend(self.0.to_le_bytes()) }
///     fn decode(&self, bytes: &[u8]) -> Option<Self> { Some(Total(f64::from_le_bytes(bytes.try_into().ok()?))) }
/// }
///
/// let values = [0.1, 0.2, 0.3, 1e20, -1e20].map(Value::Float);
/// let breach = check_law(Total::default, &values).unwrap_err();
/// assert!(breach.contains("in another order"), "{breach}");
/// ```
///
/// # Errors
/// What differs, in words.
pub fn check_law<A: Aggregate>(make: impl Fn() -> A, values: &[Value<'_>]) -> Result<(), String> {
    let fold = |values: &mut dyn Iterator<Item = Value<'_>>| {
        let mut state = make();
        values.for_each(|value| {
            Aggregate::add(&mut state, value);
        });
        state
    };
    let answer = |state: &A| -> OwnedValue { Aggregate::finish(state).into() };
    let expected = answer(&fold(&mut values.iter().copied()));
    let same = |state: &A, how: &str| match answer(state) {
        // Not equal alone: NaN is not, and a zero has a sign.
        found if format!("{found:?}") == format!("{expected:?}") => Ok(()),
        found => Err(format!("{how} the answer is {found:?}, not {expected:?}")),
    };
    same(&fold(&mut values.iter().rev().copied()), "in another order")?;
    let merged = |parts: &[A]| {
        let mut state = make();
        parts.iter().for_each(|part| Aggregate::merge(&mut state, part));
        state
    };
    for count in 1..=values.len().min(7) {
        let part = |i: usize| fold(&mut values.iter().skip(i).step_by(count).copied());
        let mut parts: Vec<A> = (0..count).map(part).collect();
        let how = format!("merged from {count} parts");
        same(&merged(&parts), &how)?;
        parts.reverse();
        same(&merged(&parts), &format!("{how} in another order"))?;
        let (left, right) = parts.split_at(count / 2);
        let mut tree = merged(right);
        Aggregate::merge(&mut tree, &merged(left));
        same(&tree, &format!("{how} in another tree"))?;
        for part in &mut parts {
            let mut bytes = Vec::new();
            Aggregate::encode(part, &mut bytes);
            *part = Aggregate::decode(&make(), &bytes).ok_or("a state that was encoded does not decode")?;
        }
        same(&merged(&parts), &format!("{how} that were encoded"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product of whole numbers, wrapping; the law is broken in one way.
    struct Product(i64, &'static str);

    impl Aggregate for Product {
        type Output = Option<i64>;

        fn add(&mut self, value: Value<'_>) -> bool {
            let Some(v) = value.as_i64() else { return false };
            self.0 = if self.1 == "order" { self.0.wrapping_mul(3).wrapping_add(v) } else { self.0.wrapping_mul(v) };
            true
        }

        fn merge(&mut self, other: &Self) {
            self.0 = if self.1 == "merge" { self.0.wrapping_add(other.0) } else { self.0.wrapping_mul(other.0) };
        }

        fn finish(&self) -> Option<i64> {
            Some(self.0)
        }

        fn encode(&self, out: &mut Vec<u8>) {
            out.extend(self.0.to_le_bytes());
        }

        fn decode(&self, bytes: &[u8]) -> Option<Self> {
            let lost = i64::from(self.1 == "encode");
            Some(Product(i64::from_le_bytes(bytes.try_into().ok()?) + lost, self.1))
        }
    }

    #[test]
    fn breaches_of_the_law_are_found_and_named() {
        let values = [3, 5, 7, 7, 11, 13].map(Value::Int);
        let check = |breach| check_law(|| Product(1, breach), &values);
        assert_eq!(check(""), Ok(()));
        for (breach, words) in [("order", "in another order"), ("merge", "merged from 1 parts"), ("encode", "encoded")]
        {
            let said = check(breach).unwrap_err();
            assert!(said.contains(words), "{breach}: {said}");
        }
    }

    #[test]
    fn states_are_made_with_their_first_value_and_a_group_without_one_answers_fresh() {
        let how = How::User(UserAggregate::new("product", || Product(1, "")));
        let mut held = Held::default();
        let (mut bytes, mut arena) = (Vec::new(), Vec::new());
        held.encode(&mut bytes);
        assert!(bytes.is_empty() && held.bytes() == 0 && Held::decode(&how, &bytes).is_none());
        assert_eq!(held.answer(&how, &Function::First, &mut arena).0.bits(), 1);
        let row = |value| Row { value, by: Cell::NULL, arena: b"x", origin: Default::default() };
        assert!(held.add(&how, &row(Cell::int(6))) && !held.add(&how, &row(Cell::str(0, 1))));
        held.encode(&mut bytes);
        let other = Held::decode(&how, &bytes).unwrap();
        assert!(Held::decode(&how, &bytes[..5]).is_none() && Held::decode(&how, b"xxxxxxxxx").is_none());
        held.merge(&how, &other);
        assert_eq!(held.answer(&how, &Function::First, &mut arena).0.bits(), 36);
        assert_eq!(held.bytes(), size_of::<Product>());
    }
}
