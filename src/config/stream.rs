//! One table of `[streams]` into a [`StreamConfig`].

use super::reader::{Context, Fields};
use super::sections::STREAM;
use super::settings::StreamConfig;
use super::tree::Node;
use super::value;

/// Reads one stream; `None` where its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<StreamConfig> {
    let fields = Fields::open(node, &[&STREAM], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let rest_of = fields.list("rest_of", ctx);
    let filter = fields.get("where", ctx, value::text);
    let set = fields.expressions("set", ctx);
    if from.is_empty() {
        return None;
    }
    Some(StreamConfig { name: name.to_owned(), line: node.place.line, from, rest_of, filter, set })
}
