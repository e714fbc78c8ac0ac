//! The words that events are made of. Lists repeat what should come more often.

/// Text that a person typed, and how it stands in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase {
    /// The text.
    pub text: &'static str,
    /// Its JSON form without the quotes; escapes may be other than the shortest.
    pub json: &'static str,
}

const fn plain(text: &'static str) -> Phrase {
    Phrase { text, json: text }
}

/// What users search for: mostly plain, some with accents, other scripts, quotes and escapes.
pub(super) const QUERIES: [Phrase; 24] = [
    plain("running shoes"),
    plain("usb c cable 2m"),
    plain("headphones"),
    plain("winter jacket"),
    plain("coffee grinder"),
    plain("running shoes size 42"),
    plain("desk lamp"),
    plain("water bottle"),
    plain("gift card"),
    plain("notebook a5"),
    plain("phone case"),
    plain("backpack"),
    plain("bike lights"),
    plain("keyboard"),
    plain("café crème"),
    plain("grün-weiße Tasse"),
    plain("緑茶 ティーポット"),
    plain("🎧 wireless"),
    Phrase { text: "27\" monitor", json: "27\\\" monitor" },
    Phrase { text: "and/or game", json: "and\\/or game" },
    Phrase { text: "crème brûlée set", json: "cr\\u00e8me br\\u00fbl\\u00e9e set" },
    Phrase { text: "party 🎉 lights", json: "party \\ud83c\\udf89 lights" },
    Phrase { text: "cable\tadapter", json: "cable\\tadapter" },
    Phrase { text: "c:\\temp manual", json: "c:\\\\temp manual" },
];

/// What services say when they fail.
pub(super) const MESSAGES: [Phrase; 6] = [
    plain("upstream timed out"),
    plain("connection reset by peer"),
    plain("too many requests"),
    plain("deadlock detected, transaction rolled back"),
    Phrase { text: "unexpected token \"<\" in body", json: "unexpected token \\\"<\\\" in body" },
    Phrase { text: "panic: index out of range\n\tat handler", json: "panic: index out of range\\n\\tat handler" },
];

/// What a user does on a page.
pub(super) const PAGE_ACTIONS: [&str; 16] = [
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "view_product",
    "add_to_cart",
    "add_to_cart",
    "add_to_cart",
    "remove_from_cart",
    "add_to_wishlist",
    "share",
    "scroll",
];

/// Where user actions come from.
pub(super) const APPS: [&str; 8] =
    ["web_app", "web_app", "web_app", "web_app", "web_app", "ios_app", "ios_app", "android_app"];

/// The devices of the tag.
pub(super) const DEVICES: [&str; 4] = ["desktop", "mobile", "mobile", "tablet"];

/// User types by share; users without one are guests.
pub(super) const USER_TYPES: [&str; 8] =
    ["regular", "regular", "regular", "regular", "regular", "premium", "premium", "trial"];

/// What a transaction is.
pub(super) const TRANSACTIONS: [&str; 16] = [
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "purchase",
    "refund",
    "refund",
    "subscription",
];

/// Currencies of transactions.
pub(super) const CURRENCIES: [Option<&str>; 8] =
    [None, None, None, None, Some("EUR"), Some("USD"), Some("USD"), Some("GBP")];

/// A service: its name, its median response time in thousandths of a millisecond, how many decimals it reports.
pub(super) type Service = (&'static str, u64, u8);

/// The services that report metrics and errors.
pub(super) const SERVICES: [Service; 16] = [
    ("api_service", 120_000, 0),
    ("api_service", 120_000, 0),
    ("api_service", 120_000, 0),
    ("api_service", 120_000, 0),
    ("database", 18_000, 2),
    ("database", 18_000, 2),
    ("database", 18_000, 2),
    ("auth_service", 45_000, 0),
    ("auth_service", 45_000, 0),
    ("search_service", 80_000, 1),
    ("search_service", 80_000, 1),
    ("payment_service", 310_000, 0),
    ("cart_service", 35_000, 1),
    ("inventory_service", 60_000, 3),
    ("recommendation_service", 150_000, 0),
    ("mail_service", 700_000, 0),
];

/// What services are asked for.
pub(super) const ENDPOINTS: [&str; 8] =
    ["/users", "/orders", "/payments", "/api", "/api/v2/search", "/cart", "/products", "/login"];

/// What the database is asked for.
pub(super) const STATEMENTS: [&str; 4] = [
    "SELECT * FROM orders",
    "SELECT * FROM users WHERE id = $1",
    "UPDATE stock SET n = n - 1",
    "INSERT INTO carts VALUES ($1, $2)",
];

/// How requests fail.
pub(super) const CODES: [&str; 8] = ["500", "500", "503", "503", "502", "504", "429", "404"];

/// Where services run.
pub(super) const ENVIRONMENTS: [Option<&str>; 16] = [
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("production"),
    Some("staging"),
    Some("staging"),
    None,
];

/// Names of custom events.
pub(super) const CUSTOM: [&str; 4] = ["experiment_seen", "newsletter_opened", "survey_answered", "video_played"];

/// Variants of experiments.
pub(super) const VARIANTS: [&str; 4] = ["control", "a", "b", "c"];
