//! One table of `[streams]` into a [`StreamConfig`].

use super::reader::{Context, Fields};
use super::reference::Key;
use super::sections::STREAM;
use super::settings::StreamConfig;
use super::tree::{Data, Node};
use super::value::{self, Read};

/// Reads one stream; `None` where its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<StreamConfig> {
    let fields = Fields::open(node, &[&STREAM], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.get("from", ctx, input);
    let filter = fields.get("where", ctx, value::text);
    let set = fields.expressions("set", ctx);
    Some(StreamConfig { name: name.to_owned(), line: node.place.line, from: from?, filter, set })
}

/// The one input of a stream or a window.
pub(super) fn input(node: &Node, key: &Key) -> Read<String> {
    if let Data::Array(_) = node.data {
        let message = "several inputs are planned but not in this version".to_owned();
        return value::wrong("config.planned", message, "name one source or stream".to_owned());
    }
    value::text(node, key)
}
