//! `universe:` → one more edge, of which nothing but who is in it is read.

use assetctl_config::{ColumnType, UniverseOf};
use assetctl_expr::ColumnRead;
use serde_json::json;

use super::{Lowered, Lowering, error};
use crate::node::{AssetNode, Body, Edge, EdgeColumns, Member, Universe};
use crate::references::Reference;

impl Lowering<'_> {
    /// Adds the edge of a universe to what the body of its asset came to. Members of earlier sessions are read where a window is
    /// taken over a function of all instruments.
    pub(super) fn universe(
        &mut self,
        spec: &UniverseOf,
        reference: &Reference,
        members: &AssetNode,
        first: &AssetNode,
        lowered: &mut Lowered,
    ) -> Option<Universe> {
        let before = self.problems.len();
        if let Some(schema) = &first.schema
            && schema.iter().all(|(name, _)| name != "instrument")
        {
            self.problems.push(error(
                self.asset.locate_key(&["universe"]),
                format!("`{}` has no instruments, of which some could take part", first.name),
                format!("the rows of `{}` are those of `{}`", self.asset.name, first.name),
                Some("take `universe` away".into()),
            ));
        }
        let mut rule = spec.rule().map(|(column, value)| (column.to_owned(), Member::Text(value.to_owned())));
        if let Some(schema) = &members.schema {
            self.need(schema, "instrument", &members.name, reference.loc.clone());
            if let Some((column, is)) = &mut rule {
                self.need(schema, column, &members.name, self.asset.locate(&["universe", "column"]));
                let ty = schema.iter().find(|(name, _)| name == column).map(|(_, ty)| *ty);
                if let Some(value) = ty.and_then(|ty| self.member(ty, column, spec, members)) {
                    *is = value;
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let back = match &lowered.body {
            Body::Columns(program) => program.presence_back(),
            _ => 0,
        };
        let columns = rule.iter().map(|(column, _)| ColumnRead { column: column.clone(), back }).collect();
        let edge = Edge::new(reference.input, &reference.alias, EdgeColumns::Named(columns), back);
        lowered.spec["universe"] = match &rule {
            None => json!({}),
            Some((column, Member::Text(text))) => json!({ "column": column, "equals": text }),
            Some((column, Member::Bool(value))) => json!({ "column": column, "equals": value }),
        };
        lowered.edges.push(Edge { key_back: back, ..edge });
        Some(Universe { edge: lowered.edges.len() - 1, rule })
    }

    /// What a column of that type must have.
    fn member(&mut self, ty: ColumnType, column: &str, spec: &UniverseOf, members: &AssetNode) -> Option<Member> {
        let (_, value) = spec.rule()?;
        match (ty, value) {
            (ColumnType::Text, text) => Some(Member::Text(text.to_owned())),
            (ColumnType::Bool, "true") => Some(Member::Bool(true)),
            (ColumnType::Bool, "false") => Some(Member::Bool(false)),
            (ColumnType::Bool, _) => {
                self.problems.push(error(
                    self.asset.locate(&["universe", "equals"]),
                    format!("`{}.{column}` is a column of bools, and never `{value}`", members.name),
                    "`true` or `false`",
                    Some("say which of the two members have".into()),
                ));
                None
            }
            (ColumnType::Number | ColumnType::Date | ColumnType::Time, _) => {
                self.problems.push(error(
                    self.asset.locate(&["universe", "column"]),
                    format!("`{}.{column}` is a {}", members.name, ty.name()),
                    "a universe is chosen by a text or a bool",
                    Some("make a column of bools of it, `liquid: amount > 1000000`, and name that".into()),
                ));
                None
            }
        }
    }
}
