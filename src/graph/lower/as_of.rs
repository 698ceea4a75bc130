//! `as_of`: a table's rows session by session.

use assetctl_config::{AsOfSpec, ColumnType, OneOrMany, Reports, WindowAxis};
use serde_json::json;

use super::{Lowered, Lowering, Schema, error, version};
use crate::node::{AsOfRows, AssetNode, Axis, Body, EdgeColumns};
use crate::references::Reference;

/// The key that a table has unless it says otherwise.
const INSTRUMENT: &str = "instrument";

impl Lowering<'_> {
    pub(super) fn as_of(
        &mut self,
        spec: &AsOfSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let before = self.problems.len();
        let (table, reference) = (inputs[0], &references[0]);
        if table.axis != Axis::Static {
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` has sessions already", table.name),
                "an asset of kind `table` is needed here",
                Some("`as_of` makes sessions of a table; read this asset as it is".into()),
            ));
            return None;
        }
        let Some(schema) = &table.schema else {
            self.problems.push(error(
                reference.loc.clone(),
                format!("the columns of `{}` are not known", table.name),
                "only a run can tell them",
                Some(format!("declare them in `{}`: `columns: {{ instrument: text, … }}`", table.name)),
            ));
            return None;
        };
        if schema.iter().any(|(name, _)| name == "session") {
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` has a column `session`", table.name),
                "the sessions are made here",
                Some(format!("give it another name in `{}`: `columns: {{ day: session }}`", table.name)),
            ));
        }
        let key = self.as_of_key(spec, schema, table);
        let mut made: Schema = Vec::new();
        let rows = match (&spec.valid, &spec.reports) {
            (Some(valid), None) => {
                self.date(schema, &valid.from, table, &["valid", "from"]);
                if let Some(to) = &valid.to {
                    self.date(schema, to, table, &["valid", "to"]);
                }
                let is_bound = |name: &String| *name == valid.from || Some(name) == valid.to.as_ref();
                made.extend(schema.iter().filter(|(name, _)| !is_bound(name)).cloned());
                AsOfRows::Valid(valid.clone())
            }
            (None, Some(reports)) => {
                made.extend(schema.iter().cloned());
                self.reports(reports, schema, table, &mut made);
                AsOfRows::Reports(Box::new(reports.clone()))
            }
            // Reported where the keys are.
            (None, None) | (Some(_), Some(_)) => return None,
        };
        if self.problems.len() > before {
            return None;
        }
        // The key first, as everywhere.
        let is_key = |(name, _): &(String, ColumnType)| key.contains(name);
        let (mut schema, others): (Schema, Schema) = made.into_iter().partition(is_key);
        schema.sort_by_key(|(name, _)| key.iter().position(|known| known == name));
        schema.extend(others);
        Some(Lowered {
            edges: self.edges(references, |_| (EdgeColumns::All, 0)),
            schema: Some(schema),
            spec: json!({
                "kind": "as_of",
                "version": version::AS_OF,
                "key": key,
                "valid": spec.valid,
                "reports": spec.reports,
            }),
            body: Body::AsOf { rows, key },
            window_axis: WindowAxis::Calendar,
            recursive: false,
        })
    }

    /// The key of a row within its session.
    fn as_of_key(&mut self, spec: &AsOfSpec, schema: &Schema, table: &AssetNode) -> Vec<String> {
        let Some(key) = &spec.key else {
            let has = schema.iter().any(|(name, _)| name == INSTRUMENT);
            return if has { vec![INSTRUMENT.to_owned()] } else { Vec::new() };
        };
        for (at, column) in key.as_slice().iter().enumerate() {
            let item = at.to_string();
            let path: &[&str] = if matches!(key, OneOrMany::One(_)) { &["key"] } else { &["key", &item] };
            self.need(schema, column, &table.name, self.asset.locate(path));
            let bounds = spec.valid.iter().flat_map(|valid| std::iter::once(&valid.from).chain(&valid.to));
            if bounds.into_iter().any(|bound| bound == column) {
                self.problems.push(error(
                    self.asset.locate(path),
                    format!("`{column}` says when a row is valid, and cannot be part of the key"),
                    "the key tells rows of one session apart",
                    Some("leave it out: rows of one key with other intervals are one after the other".into()),
                ));
            }
        }
        key.as_slice().to_vec()
    }

    fn reports(&mut self, reports: &Reports, schema: &Schema, table: &AssetNode, made: &mut Schema) {
        self.date(schema, &reports.period, table, &["reports", "period"]);
        self.date(schema, &reports.announced, table, &["reports", "announced"]);
        if let Some(ingested) = &reports.ingested {
            self.date(schema, ingested, table, &["reports", "ingested"]);
        }
        for (form, columns) in [("ttm", &reports.ttm), ("year_ago", &reports.year_ago), ("previous", &reports.previous)]
        {
            for (at, column) in columns.iter().enumerate() {
                let path = ["reports", form, &at.to_string()];
                self.need(schema, column, &table.name, self.asset.locate(&path));
                if schema.iter().any(|(name, ty)| name == column && *ty != ColumnType::Number) {
                    self.problems.push(error(
                        self.asset.locate(&path),
                        format!("`{}.{column}` is not a column of numbers", table.name),
                        "",
                        Some("name a column of numbers".into()),
                    ));
                }
                let name = format!("{column}_{form}");
                if made.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    self.problems.push(error(
                        self.asset.locate(&path),
                        format!("`{}` has a column `{name}` already", table.name),
                        format!("`{}` makes that column", self.asset.name),
                        Some(format!("give it another name in `{}`", table.name)),
                    ));
                }
                made.push((name, ColumnType::Number));
            }
        }
    }

    /// That a column is there and holds dates.
    fn date(&mut self, schema: &Schema, column: &str, table: &AssetNode, path: &[&str]) {
        self.need(schema, column, &table.name, self.asset.locate(path));
        if schema.iter().any(|(name, ty)| name == column && *ty != ColumnType::Date) {
            self.problems.push(error(
                self.asset.locate(path),
                format!("`{}.{column}` is not a date", table.name),
                "a day is needed here",
                Some(format!("declare it in `{}`: `types: {{ {column}: date }}`", table.name)),
            ));
        }
    }
}
