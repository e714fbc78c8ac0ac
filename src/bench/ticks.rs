//! An index, turned into one event of the inputs that patterns other than funnels need: the same bytes on every machine.
//!
//! As in [`crate::generate`], an event is a function of the settings and its index alone, and one event in ten is moved
//! back in time by up to two seconds.

use super::baseline::OUT_OF_ORDERNESS;
use super::table::hash;

/// The event time of the first event, microseconds.
const START: i64 = 1_767_614_400_000_000;

/// Random bits of event `index`; `salt` keeps what they are for apart.
fn bits(index: u64, salt: u64) -> u64 {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&index.to_le_bytes());
    key[8..].copy_from_slice(&salt.to_le_bytes());
    hash(&key)
}

/// When event `index` of `rate` a second happened, microseconds.
fn time(index: u64, rate: u64) -> i64 {
    let due = START + (u128::from(index) * 1_000_000 / u128::from(rate.max(1))) as i64;
    let chance = bits(index, 1);
    let back = if chance.is_multiple_of(10) { (chance >> 8) % (OUT_OF_ORDERNESS as u64 + 1) } else { 0 };
    due - back as i64
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn whole(out: &mut Vec<u8>, n: u64) {
    put(out, itoa::Buffer::new().format(n));
}

/// Microseconds as seconds with 6 decimals.
fn seconds(out: &mut Vec<u8>, us: i64) {
    whole(out, (us / 1_000_000).unsigned_abs());
    out.push(b'.');
    let mut unit = 1_000_000;
    while unit > 1 {
        unit /= 10;
        out.push(b'0' + (us / unit % 10) as u8);
    }
}

/// Prices and letters: each symbol in turn, ten events a second for each.
///
/// `price`, a whole number, climbs and falls with some noise. `kind` is `b` in one of 32 events of a symbol and `a`
/// otherwise; `rare` is `a` eight times and then `b` once in 500 events of a symbol (50 s), and `x` otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    /// How many events.
    pub events: u64,
    /// How many symbols.
    pub symbols: u64,
}

impl Ticks {
    /// Appends event `index`.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        let symbols = self.symbols.max(1);
        let (symbol, turn) = (index % symbols, index / symbols);
        let phase = (turn + symbol * 7) % 24;
        let trend = if phase < 16 { phase * 10 } else { (24 - phase) * 20 };
        let price = 1_000 + trend + bits(index, 2) % 25;
        let letter = if (turn + symbol) % 32 == 31 { "b" } else { "a" };
        let rare = match (turn + symbol * 37) % 500 {
            0..8 => "a",
            8 => "b",
            _ => "x",
        };
        put(out, "{\"id\":\"t");
        whole(out, index);
        put(out, "\",\"timestamp\":");
        seconds(out, time(index, symbols * 10));
        put(out, ",\"symbol\":\"s");
        whole(out, symbol);
        put(out, "\",\"price\":");
        whole(out, price);
        put(out, ",\"kind\":\"");
        put(out, letter);
        put(out, "\",\"rare\":\"");
        put(out, rare);
        put(out, "\"}\n");
    }
}

/// Keys that wait: a fifth as many as there are events. The first fifth of the events is an `a` for each key; then
/// come four times a `c` for each, in another order, of which only the last of one key in 500 has a greater value than
/// its `a`.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// How many events.
    pub events: u64,
    /// Events a second.
    pub rate: u64,
}

impl Waiting {
    /// How many keys there are.
    pub fn keys(events: u64) -> u64 {
        (events / 5).max(1)
    }

    /// Appends event `index`.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        // A prime greater than any number of keys goes through all of them.
        const STRIDE: u64 = 2_147_483_647;
        let keys = Self::keys(self.events);
        let round = index / keys;
        let key = ((index % keys) * STRIDE + round * 7_919) % keys;
        let value = match round {
            0 => 500 + bits(key, 3) % 500,
            4 if key.is_multiple_of(500) => 1_000,
            _ => bits(index, 4) % 500,
        };
        put(out, "{\"id\":\"w");
        whole(out, index);
        put(out, "\",\"timestamp\":");
        seconds(out, time(index, self.rate));
        put(out, ",\"key\":\"k");
        whole(out, key);
        put(out, if round == 0 { "\",\"kind\":\"a\",\"value\":" } else { "\",\"kind\":\"c\",\"value\":" });
        whole(out, value);
        put(out, "}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    fn events(count: u64, write: impl Fn(u64, &mut Vec<u8>)) -> Vec<Value> {
        let mut out = Vec::new();
        (0..count).for_each(|i| write(i, &mut out));
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn disorder(events: &[Value]) -> (usize, f64) {
        let (mut newest, mut behind, mut most) = (0.0_f64, 0, 0.0_f64);
        for event in events {
            let time = event["timestamp"].as_f64().unwrap();
            behind += usize::from(time < newest);
            most = most.max(newest - time);
            newest = newest.max(time);
        }
        (behind, most)
    }

    #[test]
    fn ticks_when_made_then_have_few_rare_letters_and_bounded_disorder() {
        let ticks = Ticks { events: 20_000, symbols: 20 };
        let events = events(20_000, |i, out| ticks.write(i, out));
        let (behind, most) = disorder(&events);
        assert!((1_500..2_500).contains(&behind) && most <= 2.0 && most > 1.5, "{behind} {most}");
        let with = |field: &str, letter: &str| events.iter().filter(|e| e[field] == letter).count();
        assert_eq!((with("rare", "a"), with("rare", "b")), (20 * 2 * 8, 20 * 2));
        assert!((620..=640).contains(&with("kind", "b")));
        let prices: BTreeSet<u64> = events.iter().map(|e| e["price"].as_u64().unwrap()).collect();
        assert!(prices.len() > 100);
    }

    #[test]
    fn keys_that_wait_when_made_then_each_has_five_events_and_few_are_served() {
        let waiting = Waiting { events: 10_000, rate: 1_000 };
        let events = events(10_000, |i, out| waiting.write(i, out));
        assert!(disorder(&events).1 <= 2.0);
        let mut keys: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for event in &events {
            keys.entry(event["key"].as_str().unwrap()).or_default().push(event);
        }
        assert_eq!(keys.len(), 2_000);
        let mut served = 0;
        for of in keys.values() {
            let values: Vec<u64> = of.iter().map(|e| e["value"].as_u64().unwrap()).collect();
            assert_eq!((of.len(), &of[0]["kind"], &of[1]["kind"]), (5, &Value::from("a"), &Value::from("c")));
            served += usize::from(values[1..].iter().any(|v| *v > values[0]));
        }
        assert_eq!(served, 4);
    }
}
