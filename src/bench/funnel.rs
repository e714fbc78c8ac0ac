//! PA, PD and PD1 by hand: a shop's events, turned into visits that went from a view over a cart to a purchase within
//! five minutes; for all products together, or for each of some products by itself.
//!
//! Of a key's open funnels the oldest is stated when a purchase comes, and all of them are over then. An open one is
//! its view's time and three short texts; a key that has none open is forgotten.

use super::order::{Event, Matcher, Short, Wanted};
use super::patterns::names;
use super::rows::Rows;
use super::scan::{Cursor, Text};
use super::table::{Reset, Table};

/// The greatest distance from the view to the purchase, itself not included, microseconds.
const WITHIN: i64 = 300_000_000;
/// Keys are looked through for such that can be forgotten after so much event time, microseconds.
const SWEEP: i64 = WITHIN / 2;

const VIEW: u8 = 0;
const CART: u8 = 1;
const BUY: u8 = 2;

/// A view whose purchase may come.
#[derive(Debug)]
struct View {
    time: i64,
    id: Short,
    user: Option<Short>,
    /// The first cart after it.
    cart: Short,
}

/// The views of a key since the last purchase, oldest first.
#[derive(Debug, Default)]
struct Funnel {
    views: Vec<View>,
    /// So many of them have a cart.
    carted: usize,
}

impl Funnel {
    /// Drops the views for which it is too late at `time`.
    #[inline]
    fn expire(&mut self, time: i64) {
        let gone = self.views.iter().take_while(|view| time - view.time >= WITHIN).count();
        if gone > 0 {
            self.views.drain(..gone);
            self.carted = self.carted.saturating_sub(gone);
        }
    }

    fn view(&mut self, event: &Event<'_>) {
        self.expire(event.time);
        // Most have one or two.
        if self.views.capacity() < 2 {
            self.views.reserve_exact(1);
        }
        self.views.push(View {
            time: event.time,
            id: Short::new(event.id),
            user: event.text.map(Short::new),
            cart: Short::default(),
        });
    }

    fn cart(&mut self, event: &Event<'_>) {
        self.expire(event.time);
        for view in &mut self.views[self.carted..] {
            view.cart = Short::new(event.id);
        }
        self.carted = self.views.len();
    }

    /// A purchase: states the oldest funnel that has a cart, after which none is open.
    fn buy(&mut self, name: &str, event: &Event<'_>, rows: &mut Rows) {
        self.expire(event.time);
        if self.carted == 0 {
            return;
        }
        let view = &self.views[0];
        rows.matched(name, event.key, view.time, event.time);
        match &view.user {
            Some(user) => rows.text("user", user.bytes()),
            None => rows.number("user", None),
        };
        rows.number("amount", event.number);
        rows.step("view", [view.id.bytes()]).step("cart", [view.cart.bytes()]).step("buy", [event.id]).end();
        self.views.clear();
        self.carted = 0;
    }

    fn is_open(&self, time: i64) -> bool {
        self.views.last().is_some_and(|view| time - view.time < WITHIN)
    }
}

impl Reset for Funnel {
    fn reset(&mut self) {
        self.views.clear();
        self.carted = 0;
    }
}

/// Reads what a funnel needs. Stops where the event turns out not to be of any step.
#[inline]
fn read(line: &[u8], page_too: bool) -> Option<(i64, Option<Wanted<'_>>, Option<Text<'_>>)> {
    let mut cursor = Cursor::new(line);
    if !cursor.enter() {
        return None;
    }
    let (mut time, mut kind, mut action, mut deal) = (None, None, None, None);
    let (mut id, mut page, mut amount, mut session, mut user) = (None, None, None, None, None);
    let step = |kind: Option<Text<'_>>, action: Option<Text<'_>>, deal: Option<Text<'_>>| match kind?.raw {
        b"user_action" => match action?.raw {
            b"view_product" => Some(VIEW),
            b"add_to_cart" => Some(CART),
            _ => None,
        },
        b"transaction" => (deal?.raw == b"purchase").then_some(BUY),
        _ => None,
    };
    while let Some(key) = cursor.key() {
        match key {
            b"event_id" => id = cursor.text(),
            b"event_type" => kind = cursor.text(),
            b"timestamp" => {
                time = cursor.seconds();
                if kind.is_some_and(|kind: Text<'_>| !matches!(kind.raw, b"user_action" | b"transaction")) {
                    return Some((time?, None, None));
                }
            }
            b"data" if cursor.enter() => {
                while let Some(key) = cursor.key() {
                    match key {
                        b"action" => action = cursor.text(),
                        b"type" => deal = cursor.text(),
                        b"amount" => amount = cursor.number(),
                        b"page" if page_too => page = cursor.text(),
                        _ => cursor.skip(),
                    }
                }
                if let (Some(time), true) = (time, kind.is_some())
                    && step(kind, action, deal).is_none()
                {
                    return Some((time, None, None));
                }
            }
            b"session_id" => session = cursor.text(),
            b"user_id" => user = cursor.text(),
            _ => cursor.skip(),
        }
    }
    let none = Text { raw: b"", escaped: false };
    let global = Text { raw: b"global", escaped: false };
    let wanted = step(kind, action, deal).map(|step| Wanted {
        step,
        part: 0,
        key: session.or(user).unwrap_or(global),
        id: id.unwrap_or(none),
        text: user,
        number: amount,
    });
    Some((time?, wanted, page))
}

/// PA: the funnel of all products.
#[derive(Debug, Default)]
pub struct Funnels {
    keys: Table<Funnel>,
    sweep: Option<i64>,
}

/// Whether it is time to look for keys that can be forgotten.
#[inline]
fn sweeps(due: &mut Option<i64>, time: i64) -> bool {
    let is_due = due.is_some_and(|due| time >= due);
    if is_due || due.is_none() {
        *due = Some(time + SWEEP);
    }
    is_due
}

impl Matcher for Funnels {
    const NAME: &'static str = "pa";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        read(line, false).map(|(time, wanted, _)| (time, wanted))
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        if sweeps(&mut self.sweep, event.time) {
            self.keys.retain(|funnel| funnel.is_open(event.time));
        }
        match event.step {
            VIEW => self.keys.state(event.hash, event.key).view(event),
            step => {
                if let Some(funnel) = self.keys.find_mut(event.hash, event.key) {
                    if step == CART { funnel.cart(event) } else { funnel.buy(Self::NAME, event, rows) }
                }
            }
        }
    }
}

/// PD and PD1: a funnel for each of some products, found by the product of a view and a cart.
#[derive(Debug)]
pub struct Products {
    names: Vec<String>,
    keys: Table<Visit>,
    sweep: Option<i64>,
}

/// A key's funnels by product; few have more than a handful.
#[derive(Debug, Default)]
struct Visit {
    products: Vec<(u32, Funnel)>,
}

impl Reset for Visit {
    fn reset(&mut self) {
        self.products.clear();
    }
}

impl Products {
    /// The funnels of the first `count` products, their rows named `pd_0`, `pd_1` and so on.
    pub fn new(count: usize) -> Self {
        Self { names: names(count), keys: Table::default(), sweep: None }
    }

    /// The number of a page, where it is one of the products.
    fn product(&self, page: Text<'_>) -> Option<u32> {
        let mut scratch = Vec::new();
        let digits = page.plain(&mut scratch).strip_prefix(b"product_")?;
        let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let is_plain = digits == b"0" || matches!(digits.first(), Some(b'1'..=b'9'));
        (is_plain && (number as usize) < self.names.len()).then_some(number)
    }
}

impl Matcher for Products {
    const NAME: &'static str = "pd";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        let (time, wanted, page) = read(line, true)?;
        let wanted = wanted.and_then(|wanted| {
            let part = if wanted.step == BUY { 0 } else { self.product(page?)? };
            Some(Wanted { part, ..wanted })
        });
        Some((time, wanted))
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        if sweeps(&mut self.sweep, event.time) {
            self.keys.retain(|visit| {
                visit.products.retain(|(_, funnel)| funnel.is_open(event.time));
                !visit.products.is_empty()
            });
        }
        if event.step == VIEW {
            let visit = self.keys.state(event.hash, event.key);
            let found = visit.products.iter().position(|(product, _)| *product == event.part);
            let at = found.unwrap_or_else(|| {
                visit.products.push((event.part, Funnel::default()));
                visit.products.len() - 1
            });
            visit.products[at].1.view(event);
        } else if let Some(visit) = self.keys.find_mut(event.hash, event.key) {
            for (product, funnel) in &mut visit.products {
                if event.step == BUY {
                    funnel.buy(&self.names[*product as usize], event, rows);
                } else if *product == event.part {
                    funnel.cart(event);
                }
            }
            if event.step == BUY {
                visit.products.retain(|(_, funnel)| !funnel.views.is_empty());
            }
        }
    }
}
