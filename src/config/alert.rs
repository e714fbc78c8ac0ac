//! One table of `[alerts]` into an [`AlertConfig`].

use super::reader::{Context, Fields};
use super::sections::ALERT;
use super::settings::AlertConfig;
use super::tree::Node;
use super::value;

/// Reads one alert; `None` where what it looks at is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<AlertConfig> {
    let fields = Fields::open(node, &[&ALERT], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.get("from", ctx, value::text);
    let when = fields.get("when", ctx, value::text);
    let until = fields.get("until", ctx, value::text);
    let hold = fields.get("for", ctx, value::span).expect("the key has a default in the reference");
    let keep_firing_for = fields.or_default("keep_firing_for", ctx, value::span);
    let no_data_after = fields.get("no_data_after", ctx, value::span);
    let no_data_of_all = fields.or_default("no_data", ctx, value::word) == "all";
    let pending = fields.or_default("pending", ctx, value::flag);
    let severity = fields.or_default("severity", ctx, value::text);
    let labels = fields.texts("labels", ctx);
    let summary = fields.get("summary", ctx, value::text);
    let annotations = fields.texts("annotations", ctx);
    let notify = match fields.entry("notify", ctx) {
        (_, Some(_)) => fields.list("notify", ctx),
        _ => Vec::new(),
    };
    Some(AlertConfig {
        name: name.to_owned(),
        line: node.place.line,
        place: node.located(()),
        from: from?,
        when,
        until,
        hold,
        keep_firing_for,
        no_data_after,
        no_data_of_all,
        pending,
        severity,
        labels,
        summary,
        annotations,
        notify,
    })
}
