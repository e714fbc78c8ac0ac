//! An index, turned into one event as a struct.
//!
//! Shares: user actions 55 %, system metrics 20 %, transactions 12 %, errors 8 %, custom 5 %. About 6 % of users are
//! guests: no type, no session. Optional fields are missing here and there.

use super::draw::{Draws, Share, Skew, mix, size};
use super::settings::Settings;
use super::words::{self, Phrase};
use crate::time::EventTime;

/// Sessions of one user begin this far apart at most; each user has its own phase.
const SESSION: i64 = 270_000_000;

/// A year; so far apart that nobody waits for it.
const MAX_SLACK: u128 = 365 * 86_400_000_000;

/// One event of a generated stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneratedEvent {
    /// The index in the whole stream; `event_id` is `evt_` and this number.
    pub index: u64,
    /// `timestamp`.
    pub time: EventTime,
    /// `source`.
    pub source: &'static str,
    /// `event_type` and `data`.
    pub body: Body,
    /// `tags.env`; user events have none.
    pub env: Option<&'static str>,
    /// `tags.device`; only user actions and custom events may have one.
    pub device: Option<&'static str>,
    /// The user; system metrics and errors have none.
    pub visitor: Option<Visitor>,
    /// True where the event was moved back by more than `max_delay`.
    pub late: bool,
    /// Where the line is not a valid event: what is wrong with it.
    pub defect: Option<Defect>,
}

/// The user of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// `user_id` is `user_` and this number.
    pub user: u64,
    /// `tags.user_type`; guests have none.
    pub user_type: Option<&'static str>,
    /// `session_id` is `session_`, the user, `_` and this number; guests have none.
    pub session: Option<u64>,
}

/// `data`, and with it the type of the event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Body {
    /// `user_action` on a page.
    PageAction {
        /// `data.action`.
        action: &'static str,
        /// `data.page` is `product_` and this number.
        page: u64,
        /// `data.duration`, seconds.
        duration: Option<Number>,
        /// Whether the page's name is written with an escape in it.
        escaped: bool,
    },
    /// `user_action` with `data.action` `search`; it has no page.
    Search {
        /// `data.query`.
        query: Phrase,
        /// `data.duration`, seconds.
        duration: Option<Number>,
    },
    /// `transaction`.
    Transaction {
        /// `data.type`.
        kind: &'static str,
        /// `data.amount`.
        amount: Number,
        /// `data.currency`; missing for most transactions in euros.
        currency: Option<&'static str>,
        /// `data.duration`, seconds.
        duration: Option<Number>,
    },
    /// `system_metric`.
    SystemMetric {
        /// `data.response_time`, milliseconds.
        response_time: Number,
        /// `data.endpoint`, or `data.query` where the source is the database.
        request: &'static str,
    },
    /// `error`.
    Error {
        /// `data.error_code`.
        code: &'static str,
        /// `data.endpoint`.
        endpoint: &'static str,
        /// `data.message`.
        message: Option<Phrase>,
    },
    /// `custom`.
    Custom {
        /// `data.name`.
        name: &'static str,
        /// `data.context.variant`.
        variant: &'static str,
        /// `data.context.path` is `["shop", N]` with this number.
        step: u64,
        /// `data.score`.
        score: Number,
    },
}

impl Body {
    /// `event_type`.
    pub fn event_type(&self) -> &'static str {
        match self {
            Body::PageAction { .. } | Body::Search { .. } => "user_action",
            Body::Transaction { .. } => "transaction",
            Body::SystemMetric { .. } => "system_metric",
            Body::Error { .. } => "error",
            Body::Custom { .. } => "custom",
        }
    }
}

/// A decimal number: `scaled` divided by 10 to the `decimals` (0 to 3), written with all its decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The number times 10 to the `decimals`.
    pub scaled: u64,
    /// How many decimals are written; 0 for a whole number.
    pub decimals: u8,
}

impl Number {
    fn whole(n: u64) -> Self {
        Self { scaled: n, decimals: 0 }
    }

    /// The number as JSON readers see it.
    pub fn as_f64(self) -> f64 {
        self.scaled as f64 / [1.0, 10.0, 100.0, 1_000.0][usize::from(self.decimals.min(3))]
    }
}

/// What is wrong with a line that is not a valid event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The line ends in the middle.
    CutShort,
    /// There is no `timestamp`.
    NoTime,
    /// `timestamp` is a word.
    WordTime,
    /// An array instead of an object.
    NotAnObject,
    /// Words that are no JSON.
    NotJson,
    /// A string holds a raw control character.
    RawControl,
}

const DEFECTS: [Defect; 6] =
    [Defect::CutShort, Defect::NoTime, Defect::WordTime, Defect::NotAnObject, Defect::NotJson, Defect::RawControl];

/// Settings, turned into what each event needs.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    key: u64,
    start: i64,
    /// Microseconds between two events of the stream, with 32 bits of fraction.
    period: u128,
    max_delay: u64,
    /// What late events are moved back by at least.
    late_delay: u64,
    late: Share,
    late_or_disorder: Share,
    bad: Share,
    users: Skew,
    pages: Skew,
}

impl Recipe {
    pub(super) fn new(settings: &Settings) -> Self {
        let period = (1e6 / settings.rate * 4_294_967_296.0) as u128;
        let max_delay = settings.max_delay.0 as u64;
        // A second is the greatest tick. Sixteen events of the partition cover those before this one that may be out
        // of order themselves, so that a late event is late by the partition's clock as well.
        let slack = ((period * 16 * u128::from(settings.partitions)) >> 32).min(MAX_SLACK) as u64;
        Self {
            key: mix(settings.seed ^ 0x6869_6768_7761_7465),
            start: settings.start.0,
            period,
            max_delay,
            late_delay: max_delay.saturating_add(1_000_000).saturating_add(slack),
            late: Share::new(settings.late),
            late_or_disorder: Share::new((settings.late + settings.disorder).min(1.0)),
            bad: Share::new(settings.bad),
            users: Skew::new(settings.users),
            pages: Skew::new(u64::from(settings.pages)),
        }
    }

    /// The event time of event `index` before any disorder.
    #[inline]
    pub(super) fn due(&self, index: u64) -> EventTime {
        let since = (self.period.saturating_mul(u128::from(index)) >> 32).min(i64::MAX as u128) as i64;
        EventTime(self.start.saturating_add(since).min(EventTime::LATEST.0))
    }

    /// Event `index` of the stream.
    #[inline]
    pub(super) fn event(&self, index: u64) -> GeneratedEvent {
        let mut draws = Draws::new(self.key, index);
        let fate = draws.bits();
        let order = fate as u32;
        let late = self.late.holds(order);
        let back = if late {
            self.late_delay + draws.below(9_000_000)
        } else if self.late_or_disorder.holds(order) {
            draws.below(self.max_delay + 1)
        } else {
            0
        };
        let time = self.due(index).0.saturating_sub(back as i64).max(EventTime::EARLIEST.0);
        let defect = self.bad.holds((fate >> 32) as u32).then(|| draws.one_of(&DEFECTS));

        let choice = draws.bits();
        // Independent parts of one draw: which kind, and the small decisions of that kind.
        let (kind, small) = (((choice & 0xFFFF) * 100) >> 16, choice >> 16);
        let chance = |shift: u32, of_256: u64| (small >> shift) & 0xFF < of_256;
        let (mut env, mut device, mut visitor) = (None, None, None);
        let (source, body) = match kind {
            0..55 => {
                visitor = Some(self.visitor(&mut draws, time));
                device = chance(0, 16).then(|| draws.one_of(&words::DEVICES));
                let duration = chance(8, 248).then(|| Number::whole(size(draws.bits(), 24)));
                let body = if chance(16, 20) {
                    Body::Search { query: draws.one_of(&words::QUERIES), duration }
                } else {
                    let page = self.pages.rank(draws.bits());
                    let action = draws.one_of(&words::PAGE_ACTIONS);
                    Body::PageAction { action, page, duration, escaped: chance(24, 1) }
                };
                (draws.one_of(&words::APPS), body)
            }
            55..75 => {
                env = draws.one_of(&words::ENVIRONMENTS);
                let (source, median, decimals) = draws.one_of(&words::SERVICES);
                let request = match source {
                    "database" => draws.one_of(&words::STATEMENTS),
                    _ => draws.one_of(&words::ENDPOINTS),
                };
                let unit = [1_000, 100, 10, 1][usize::from(decimals)];
                let scaled = (size(draws.bits(), median) / unit).max(1);
                (source, Body::SystemMetric { response_time: Number { scaled, decimals }, request })
            }
            75..87 => {
                visitor = Some(self.visitor(&mut draws, time));
                let body = Body::Transaction {
                    kind: draws.one_of(&words::TRANSACTIONS),
                    amount: Number { scaled: size(draws.bits(), 4_500), decimals: 2 },
                    currency: draws.one_of(&words::CURRENCIES),
                    duration: chance(8, 128).then(|| Number::whole(size(draws.bits(), 6))),
                };
                ("payment_service", body)
            }
            87..95 => {
                env = draws.one_of(&words::ENVIRONMENTS);
                let (source, ..) = draws.one_of(&words::SERVICES);
                let body = Body::Error {
                    code: draws.one_of(&words::CODES),
                    endpoint: draws.one_of(&words::ENDPOINTS),
                    message: chance(8, 96).then(|| draws.one_of(&words::MESSAGES)),
                };
                (source, body)
            }
            _ => {
                visitor = Some(self.visitor(&mut draws, time));
                device = chance(0, 128).then(|| draws.one_of(&words::DEVICES));
                let body = Body::Custom {
                    name: draws.one_of(&words::CUSTOM),
                    variant: draws.one_of(&words::VARIANTS),
                    step: draws.below(20),
                    score: Number { scaled: draws.below(1_001), decimals: 3 },
                };
                (draws.one_of(&words::APPS), body)
            }
        };
        GeneratedEvent { index, time: EventTime(time), source, body, env, device, visitor, late, defect }
    }

    /// A user and what follows from it: its type, and its session at `time`.
    #[inline]
    fn visitor(&self, draws: &mut Draws, time: i64) -> Visitor {
        let user = self.users.rank(draws.bits());
        let nature = mix(self.key ^ user.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        if nature & 0xFF < 15 {
            return Visitor { user, user_type: None, session: None };
        }
        let phase = ((nature >> 32) as i64 * SESSION) >> 32;
        // One session of room before the start for events that were moved back.
        let number = (time.saturating_sub(self.start).saturating_add(phase + SESSION) / SESSION).max(0) as u64;
        let user_type = words::USER_TYPES[(nature >> 8) as usize % words::USER_TYPES.len()];
        Visitor { user, user_type: Some(user_type), session: Some(number) }
    }
}
