//! Checks against the columns that there are.

use assetctl_config::{BarLength, Check, ColumnType, Kind, OneOrMany};
use chrono::{NaiveDate, NaiveDateTime};

use super::{Lowering, Schema, SchemaSource, error};
use crate::node::{AssetNode, Axis, CheckReads};

/// The check at a position, for places.
struct At<'a> {
    index: &'a str,
    check: &'a Check,
}

impl Lowering<'_> {
    /// What can be said of an asset's checks before anything has run; without a schema, that is little of columns.
    pub(super) fn checks(
        &mut self,
        schema: Option<&Schema>,
        axis: Axis,
        reads: &CheckReads,
        patterns: &dyn SchemaSource,
    ) {
        let asset = self.asset;
        for (position, check) in asset.common.checks.iter().enumerate() {
            let index = position.to_string();
            let at = At { index: &index, check };
            self.expected_rows(&at);
            self.needs_an_axis(&at, axis);
            self.pattern(&at, patterns);
            for edge in reads.edges.iter().filter(|edge| edge.check == position) {
                let Some(other) = self.nodes[edge.input].as_ref() else { continue };
                self.other_side(&at, schema, axis, other, edge.back);
            }
            if let Some(schema) = schema {
                self.columns_of(&at, schema);
            }
        }
    }

    fn expected_rows(&mut self, at: &At<'_>) {
        if at.check.expected_rows.as_ref().is_some_and(|rows| !rows.is_bounded()) && !self.knows_its_rows() {
            self.problems.push(error(
                self.asset.locate(&["checks", at.index, "expected_rows"]),
                format!("nothing says how many rows `{}` should have", self.asset.name),
                "no bounds",
                Some("give bounds: `expected_rows: { min: 30, max: 50 }`, or `{ of_previous: 80% }`".into()),
            ));
        }
    }

    /// Whether it follows from the asset itself how many rows a session should have.
    fn knows_its_rows(&self) -> bool {
        match &self.asset.kind {
            Kind::Complete(_) | Kind::Indicators(_) | Kind::Scores(_) => true,
            Kind::Source(spec) => spec.time.as_ref().is_some_and(|times| times.every.is_some()),
            Kind::Resample(spec) => spec.every != BarLength::Session,
            _ => false,
        }
    }

    /// What compares sessions is nothing for what has none.
    fn needs_an_axis(&mut self, at: &At<'_>, axis: Axis) {
        if axis == Axis::Session || !(at.check.reads_back() || at.check.freshness.is_some()) {
            return;
        }
        let form = at.check.form();
        self.problems.push(error(
            self.asset.locate(&["checks", at.index, form]),
            format!("`{}` has no sessions, and so no `{form}`", self.asset.name),
            "this check compares sessions",
            Some("take it away, or give it to an asset that has sessions".into()),
        ));
    }

    fn pattern(&mut self, at: &At<'_>, patterns: &dyn SchemaSource) {
        let Some(regex) = &at.check.regex else { return };
        if let Err(mistake) = patterns.pattern(&regex.pattern) {
            self.problems.push(error(
                self.asset.locate(&["checks", at.index, "regex", "pattern"]),
                format!("`{}` is not a regular expression: {mistake}", regex.pattern),
                "in the syntax of RE2",
                Some("a mark that means itself is written with a `\\` before it: `\\.`, `\\(`".into()),
            ));
        }
    }

    /// The other asset of a `reconcile`, or of a `ref()`.
    fn other_side(&mut self, at: &At<'_>, schema: Option<&Schema>, axis: Axis, other: &AssetNode, back: u32) {
        if back > 0 && other.axis == Axis::Static {
            self.problems.push(error(
                self.asset.locate(&["checks", at.index, "custom_sql"]),
                format!("`{}` is a table: it has no sessions", other.name),
                "asked for several sessions of it",
                Some("leave `sessions=` out".into()),
            ));
        }
        let Some(reconcile) = &at.check.reconcile else { return };
        let path = ["checks", at.index, "reconcile"];
        if axis != other.axis {
            let table = if axis == Axis::Static { &self.asset.name } else { &other.name };
            self.problems.push(error(
                self.asset.locate(&[path.as_slice(), &["with"]].concat()),
                format!("`{table}` has no sessions, and the other has"),
                "row by row they cannot agree",
                Some("name an asset of the same kind, or compare by `custom_sql`".into()),
            ));
            return;
        }
        let is_time = |(name, ty): &(String, ColumnType)| name == "time" && *ty == ColumnType::Time;
        let on = reconcile.on(schema.is_some_and(|schema| schema.iter().any(is_time)));
        let on = reconcile.on.clone().unwrap_or(OneOrMany::Many(on));
        for (key, columns) in [("columns", &reconcile.columns), ("on", &on)] {
            for (item, column) in columns.as_slice().iter().enumerate().filter(|(_, column)| *column != "session") {
                let item = item.to_string();
                let steps = [path.as_slice(), &[key, &item]].concat();
                let loc = self.asset.locate(if matches!(columns, OneOrMany::One(_)) { &steps[..4] } else { &steps });
                let before = self.problems.len();
                for (schema, of) in [(schema, &self.asset.name), (other.schema.as_ref(), &other.name)] {
                    if let Some(schema) = schema.filter(|_| self.problems.len() == before) {
                        self.need(schema, column, of, loc.clone());
                    }
                }
            }
        }
    }

    fn columns_of(&mut self, at: &At<'_>, schema: &Schema) {
        let check = at.check;
        let several = [("not_null", &check.not_null), ("unique", &check.unique)];
        for (form, columns) in several {
            self.listed(schema, &["checks", at.index, form], columns.as_ref(), None);
        }
        if let Some(range) = &check.range {
            self.typed(
                schema,
                at,
                &["range", "column"],
                &range.column,
                Some(ColumnType::Number),
                "a range is of numbers",
            );
        }
        if let Some(accepted) = &check.accepted {
            self.typed(schema, at, &["accepted", "column"], &accepted.column, None, "");
            self.accepted(schema, at, &accepted.column, &accepted.values);
        }
        if let Some(regex) = &check.regex {
            let label = "a pattern is matched by texts";
            self.typed(schema, at, &["regex", "column"], &regex.column, Some(ColumnType::Text), label);
        }
        if let Some(ohlc) = &check.ohlc_sane {
            for (key, column) in
                [("open", &ohlc.open), ("high", &ohlc.high), ("low", &ohlc.low), ("close", &ohlc.close)]
            {
                self.typed(schema, at, &["ohlc_sane", key], column, Some(ColumnType::Number), "prices are numbers");
            }
        }
        if let Some(jump) = &check.jump {
            self.typed(schema, at, &["jump", "column"], &jump.column, Some(ColumnType::Number), "a jump is of numbers");
            self.listed(schema, &["checks", at.index, "jump", "except"], jump.except.as_ref(), Some(ColumnType::Bool));
        }
        if let Some(volume) = &check.monotonic_volume {
            let label = "a running total is of numbers";
            let path = ["monotonic_volume", "column"];
            self.typed(schema, at, &path, &volume.column, Some(ColumnType::Number), label);
            self.typed(schema, at, &["monotonic_volume", "time"], &volume.time, None, "");
        }
    }

    /// A list of columns, or one.
    fn listed(&mut self, schema: &Schema, path: &[&str], columns: Option<&OneOrMany>, wanted: Option<ColumnType>) {
        let Some(columns) = columns else { return };
        for (item, column) in columns.as_slice().iter().enumerate().filter(|(_, column)| *column != "session") {
            let item = item.to_string();
            let mut path = path.to_vec();
            if matches!(columns, OneOrMany::Many(_)) {
                path.push(&item);
            }
            let loc = self.asset.locate(&path);
            self.need(schema, column, &self.asset.name, loc.clone());
            if let Some(wanted) = wanted {
                self.of_type(schema, column, wanted, loc, "a row passes where it is true");
            }
        }
    }

    fn typed(
        &mut self,
        schema: &Schema,
        at: &At<'_>,
        path: &[&str],
        column: &str,
        wanted: Option<ColumnType>,
        label: &str,
    ) {
        let loc = self.asset.locate(&[&["checks", at.index], path].concat());
        if column == "session" && wanted.is_none() {
            return;
        }
        self.need(schema, column, &self.asset.name, loc.clone());
        if let Some(wanted) = wanted {
            self.of_type(schema, column, wanted, loc, label);
        }
    }

    fn of_type(&mut self, schema: &Schema, column: &str, wanted: ColumnType, loc: assetctl_config::Loc, label: &str) {
        if schema.iter().any(|(name, ty)| name == column && *ty != wanted) {
            let of = match wanted {
                ColumnType::Number => "numbers",
                ColumnType::Text => "texts",
                ColumnType::Bool => "`true` and `false`",
                ColumnType::Date => "dates",
                ColumnType::Time => "times",
            };
            self.problems.push(error(
                loc,
                format!("`{column}` is not a column of {of}"),
                label,
                Some("name another column, or take this check away".into()),
            ));
        }
    }

    /// That values could stand in the column.
    fn accepted(&mut self, schema: &Schema, at: &At<'_>, column: &str, values: &[String]) {
        let Some((_, ty)) = schema.iter().find(|(name, _)| name == column) else { return };
        for (item, value) in values.iter().enumerate() {
            let fits = match ty {
                ColumnType::Text => true,
                ColumnType::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
                ColumnType::Bool => matches!(value.as_str(), "true" | "false"),
                ColumnType::Date => value.parse::<NaiveDate>().is_ok(),
                ColumnType::Time => NaiveDateTime::parse_from_str(value, "%Y-%m-%d %H:%M:%S").is_ok(),
            };
            if !fits {
                self.problems.push(error(
                    self.asset.locate(&["checks", at.index, "accepted", "values", &item.to_string()]),
                    format!("`{value}` cannot stand in `{column}`"),
                    format!("`{column}` is a {}", ty.name()),
                    Some("list values of that type: `0.1`, `true`, `2024-03-15`".into()),
                ));
            }
        }
    }
}
