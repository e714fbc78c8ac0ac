//! Joins, planned: the two sides of one, each a number of roads that end at it, and which columns come with an event of
//! each side.

use super::building::{Building, Built, Local, Names};
use super::{HeadInput, JoinPlan};
use crate::config::{JoinConfig, JoinKind};
use crate::event::FieldPath;
use crate::expr;
use crate::stream::Bounds;

/// The fields of a pair begin with one of these.
const SIDES: [&str; 2] = ["left", "right"];
/// What `explain` calls a column that is only the key of a join.
pub(super) const KEY: &str = "join on";

/// The side of a join that a field of its pairs is of, and its name there.
fn side_of(path: &FieldPath) -> Option<(usize, FieldPath)> {
    let (side, rest) = path.steps().split_first()?;
    let side = SIDES.iter().position(|name| name == side)?;
    (!rest.is_empty()).then(|| (side, FieldPath::new(rest.to_vec())))
}

/// The plan of a join behind which these fields are read.
pub(super) fn plan(join: &JoinConfig, tick: i64, paths: &[FieldPath]) -> JoinPlan {
    let outer = join.kind == JoinKind::Left;
    let places = |side: usize| {
        let of = |path: &FieldPath| side_of(path).is_some_and(|(of, _)| of == side);
        paths.iter().enumerate().filter(|(_, path)| of(path)).map(|(at, _)| at).collect()
    };
    JoinPlan {
        from: join.from.each_ref().map(|from| from.value.clone()),
        on: join.on.each_ref().map(|on| on.value.clone()),
        bounds: Bounds::new(join.before.0, join.after.0, join.allowed_lateness.0, outer, tick),
        columns: [places(0), places(1)],
    }
}

impl Building<'_> {
    /// Ends a road at each join that reads `from`, once for each of its sides.
    pub(super) fn join_roads(&mut self, from: &str, selection: usize, names: &Names) {
        let config = self.config;
        for join in config.joins.iter().filter(|join| self.needed.contains(join.name.as_str())) {
            for side in (0..2).filter(|side| join.from[*side].value == from) {
                if !self.has_room(&join.name, &join.from[side]) {
                    continue;
                }
                let mut local = Local { first: self.computed(), ..Local::default() };
                let Some(tree) = self.parse(&join.on[side]) else { continue };
                let key = self.column(&tree, names, KEY, join.on[side].value.clone(), &mut local);
                let heads = self.heads;
                let found = heads.iter().enumerate().find_map(|(h, head)| {
                    let head = head.as_ref().filter(|head| head.name == join.name)?;
                    Some((h, head.stage.paths.iter().filter_map(side_of).filter(|(of, _)| *of == side)))
                });
                if let Some((h, paths)) = found {
                    let columns = paths.map(|(_, path)| self.slot(names, &path)).collect();
                    let mut road: Vec<usize> = self.road.iter().map(|(_, input)| *input).collect();
                    road.push(side);
                    road.reverse();
                    let (from, selection) = (self.head, self.steps.len() + 1);
                    self.inputs.push((h, HeadInput { from, side, selection, keys: vec![key], columns, road }));
                }
                self.steps.push(Built::computing(&join.name, selection, local));
            }
        }
    }

    /// Reports a field that no pair of the join has.
    pub(super) fn pair_field(&mut self, path: &FieldPath) {
        let (Some(join), Some(at)) = (self.joined, &self.at) else { return };
        if side_of(path).is_some() {
            return;
        }
        let field = expr::field(path);
        let message = format!("'{field}' is not a field of a pair of join '{}'", join.name);
        let help = match path.steps() {
            [side] if SIDES.contains(&side.as_str()) => format!("write a field of that side, such as {side}.user_id"),
            _ => format!("write left.{field} or right.{field}, or set it in a stream of the join"),
        };
        self.problems.push(at.problem("join.field", message, Some(help)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{compile, explain_dot, explain_json, explain_text};
    use crate::config::Config;

    const PARTS: &str = "[sources.e]\ntype = \"stdin\"\n[joins.j]\nleft = \"e\"\nright = \"e\"\non = { left = \"id\", right = \"lower(of)\" }\n\
                         within = { before = \"1s\", after = \"1500ms\" }\nkind = \"left\"\nallowed_lateness = \"1s\"\n";

    fn config(text: &str) -> Config {
        let (config, problems) = crate::config::parse("t.toml", text, &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        config.unwrap()
    }

    #[test]
    fn a_field_of_neither_side_is_a_problem_where_it_is_written() {
        let text = format!(
            "{PARTS}[streams.s]\nfrom = \"j\"\nwhere = \"left.a > 1 AND b > 1\"\nset = {{ c = \"right.c\" }}\n[windows.w]\n\
             from = \"s\"\nsize = \"1s\"\ngroup_by = [\"c\", \"left\"]\nselect = {{ n = \"sum(leftx.d)\" }}\n[patterns.p]\nfrom = \"s\"\n\
             match = \"a\"\nwithin = \"1s\"\n"
        );
        let problems = compile(&config(&text)).unwrap_err();
        let found: Vec<_> =
            problems.list.iter().map(|p| (p.code, p.line, p.help.clone().unwrap_or_default())).collect();
        let help = |field: &str| format!("write left.{field} or right.{field}, or set it in a stream of the join");
        assert_eq!(
            found,
            [
                ("join.field", 12, help("b")),
                ("join.field", 17, "write a field of that side, such as left.user_id".to_owned()),
                ("join.field", 18, help("leftx.d")),
            ]
        );
    }

    #[test]
    fn a_join_is_told_with_what_it_keeps_and_how_far_behind_it_is() {
        let plan = compile(&config(&format!(
            "{PARTS}[windows.w]\nfrom = \"j\"\nsize = \"1s\"\nselect = {{ n = \"sum(left.a - right.b)\" }}\n"
        )))
        .unwrap();
        let text = explain_text(&plan);
        for line in [
            "join j  from e",
            "pairs         an event of e (left) with each of e (right) that is at most 1s before and 1500ms after it",
            "on            id = lower(of)",
            "watermark     3s behind that of its inputs",
            "exchanges     left events by id, with left.a",
            "exchanges     right events by lower(of), with right.b",
            "kept          a left event until the watermark passes its time + 2500ms",
            "kept          a right event until the watermark passes its time + 2s",
            "decodes       id, a, of, b",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let join = &explain_json(&plan)["joins"][0];
        assert_eq!((join["kind"].as_str(), join["watermark_behind_us"].as_i64()), (Some("left"), Some(3_000_000)));
        let dot = explain_dot(&plan);
        assert!(dot.contains("\"e\" -> \"j\";") && dot.contains("\"j\" -> \"w\";"), "{dot}");
    }
}
