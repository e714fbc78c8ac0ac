//! Arguments that must be literals, checked before any row is read: patterns, zones, formats of times.

use super::build::Builder;
use super::function::{Code, Function};
use super::tree::{Literal, Node};
use super::{pattern, zones};

fn text(node: &Node) -> Option<&str> {
    match node {
        Node::Const(Literal::Str(text)) => Some(text),
        _ => None,
    }
}

impl Builder<'_> {
    /// Checks the arguments of `function` that are used when it is compiled.
    pub(super) fn literals(&mut self, function: &Function, args: &[Node], at: Option<usize>) -> Option<()> {
        let name = function.name;
        if let Code::Regex(flags, _) = function.code {
            let (Some(pattern), Some(flags)) = (text(&args[1]), args.get(flags).map_or(Some(""), text)) else {
                return self.wrong(
                    "expr.function",
                    at,
                    format!(
                        "the pattern and the flags of {name} are literals: they are compiled once, not for each row"
                    ),
                    "write the pattern in single quotes; use contains(a, b) or LIKE for a text that is in a field",
                );
            };
            if let Err(why) = pattern::regex(pattern, flags) {
                return self.wrong(
                    "expr.pattern",
                    at,
                    format!("'{pattern}' is not a pattern: {why}"),
                    "patterns are Perl's without look-around and back-references; \\. is a dot",
                );
            }
        }
        if let Some(zone) = function.zone(args.len()).and_then(|i| args.get(i)) {
            let Some(zone) = text(zone) else {
                return self.wrong(
                    "expr.function",
                    at,
                    format!("the zone of {name} is a literal: it is looked up once, not for each row"),
                    "write it in single quotes, such as 'Europe/Berlin'",
                );
            };
            if let Err(near) = zones::find(zone) {
                let help = near.map_or_else(
                    || "write a name of the IANA database, such as 'Europe/Berlin' or 'UTC'".to_owned(),
                    |near| format!("did you mean '{near}'?"),
                );
                return self.wrong("expr.zone", at, format!("there is no time zone '{zone}'"), help);
            }
        }
        if let ("strftime", Some(format)) = (name, args.get(1).and_then(text))
            && let Err(why) = zones::check_format(format)
        {
            return self.wrong(
                "expr.function",
                at,
                format!("'{format}' is not a format: {why}"),
                "write such as '%Y-%m-%d %H:%M:%S'; %% is a percent sign",
            );
        }
        if let ("encode" | "decode", Some(format)) = (name, args.get(1).and_then(text))
            && !matches!(format, "hex" | "base64")
        {
            return self.wrong("expr.function", at, format!("{name} knows no '{format}'"), "write 'hex' or 'base64'");
        }
        Some(())
    }
}
