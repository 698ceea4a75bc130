//! The units of a file's columns.

use assetctl_config::{ColumnType, Kind};

use super::{Lowering, Schema, error};

impl Lowering<'_> {
    /// Whether the columns whose units are given are there, and are numbers; reports it if not.
    pub(super) fn units(&mut self, schema: &Schema) -> bool {
        let (Kind::Source(assetctl_config::SourceSpec { files, .. })
        | Kind::Table(assetctl_config::TableSpec { files, .. })) = &self.asset.kind
        else {
            return true;
        };
        let before = self.problems.len();
        for column in files.units.keys() {
            let loc = self.asset.locate_key(&["units", column]);
            self.need(schema, column, &self.asset.name, loc.clone());
            if schema.iter().any(|(name, ty)| name == column && *ty != ColumnType::Number) {
                self.problems.push(error(
                    loc,
                    format!("`{column}` is not a column of numbers"),
                    "a unit multiplies numbers",
                    Some("correct its type, or take the unit away".into()),
                ));
            }
        }
        self.problems.len() == before
    }
}
