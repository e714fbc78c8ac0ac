//! One table of `[streams]` into a [`StreamConfig`].

use super::reader::{Context, Fields};
use super::reference::{Key, KeyKind};
use super::sections::{STREAM, STREAM_DEDUP, STREAM_SAMPLE};
use super::settings::{DedupConfig, SampleConfig, StreamConfig};
use super::table;
use super::tree::{Data, Node};
use super::value;

/// Reads one stream; `None` where its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<StreamConfig> {
    let fields = Fields::open(node, &[&STREAM], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let rest_of = fields.list("rest_of", ctx);
    let enrich = table::enrich(&fields, ctx);
    let filter = fields.get("where", ctx, value::text);
    let sample = sample(&fields, ctx);
    let set = fields.expressions("set", ctx);
    let dedup = dedup(&fields, ctx);
    if from.is_empty() {
        return None;
    }
    Some(StreamConfig {
        name: name.to_owned(),
        line: node.place.line,
        from,
        rest_of,
        enrich,
        filter,
        sample,
        set,
        dedup,
    })
}

fn dedup(fields: &Fields<'_>, ctx: &mut Context) -> Option<DedupConfig> {
    let (_, node) = fields.entry("dedup", ctx);
    let table = Fields::open(node?, &[&STREAM_DEDUP], ctx)?;
    table.unknown_keys(&[], ctx);
    let by = table.get("by", ctx, value::text);
    let within = table.get("within", ctx, value::span);
    Some(DedupConfig { by: by?, within: within?.value })
}

/// A share alone, or a table.
fn sample(fields: &Fields<'_>, ctx: &mut Context) -> Option<SampleConfig> {
    let (key, node) = fields.entry("sample", ctx);
    let node = node?;
    let Data::Table(_) = node.data else {
        let KeyKind::NumberOrTable { least, most } = key.kind else { return None };
        let number = Key { kind: KeyKind::Number { least, most }, ..*key };
        let rate = match value::number(node, &number) {
            // The table is as good as the number.
            Err(Some(wrong)) if wrong.code == "config.type" => value::wrong(
                wrong.code,
                wrong.message.replace(&number.kind.to_string(), &key.kind.to_string()),
                wrong.help,
            ),
            read => read,
        };
        return ctx.keep(rate, &node.place).map(|rate| SampleConfig { rate, by: None, seed: 0 });
    };
    let table = Fields::open(node, &[&STREAM_SAMPLE], ctx)?;
    table.unknown_keys(&[], ctx);
    let rate = table.get("rate", ctx, value::number).map(|rate| rate.value);
    let by = table.get("by", ctx, value::text);
    let seed = table.or_default("seed", ctx, value::count);
    Some(SampleConfig { rate: rate?, by, seed })
}
