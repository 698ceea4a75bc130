//! Sources that have to be asked → nodes.

use assetctl_config::{ColumnType, Instruments, SourceSpec, WindowAxis};
use assetctl_expr::ColumnRead;
use serde_json::{Value, json};

use super::{Lowered, Lowering, SchemaSource, error, version};
use crate::node::{AssetNode, Axis, Body, EdgeColumns, Wanted};
use crate::references::Reference;

impl Lowering<'_> {
    /// A source whose rows somebody is asked for; the table that says for which instruments is its one edge.
    pub(super) fn fetched(
        &mut self,
        schemas: &dyn SchemaSource,
        spec: &SourceSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let before = self.problems.len();
        if let (Some(table), Some(input), Some(reference)) =
            (spec.instrument_table(), inputs.first(), references.first())
        {
            if input.axis != Axis::Static {
                self.problems.push(error(
                    reference.loc.clone(),
                    format!("`{}` is not a table", input.name),
                    "instruments are the rows of an asset of kind `table`",
                    Some("name a table, or list the instruments: `instruments: [600519.XSHG]`".into()),
                ));
            } else if let Some(schema) = &input.schema {
                let loc = self.asset.locate(&["instruments", "column"]);
                self.need(schema, &table.column, &input.name, loc.clone());
                if schema.iter().any(|(name, ty)| *name == table.column && *ty != ColumnType::Text) {
                    self.problems.push(error(
                        loc,
                        format!("`{}.{}` is not a column of texts", input.name, table.column),
                        "instruments have names",
                        Some(format!("declare it in `{}`: `types: {{ {}: text }}`", input.name, table.column)),
                    ));
                }
            }
        }
        let fetched = match schemas.fetched(self.asset) {
            Ok(fetched) => fetched,
            Err(mut problems) => {
                self.problems.append(&mut problems);
                return None;
            }
        };
        if self.problems.len() > before {
            return None;
        }
        let (wanted, instruments) = match &spec.fetch.instruments {
            None => (Wanted::All, Value::Null),
            Some(Instruments::Names(names)) => {
                let mut names = names.clone();
                names.sort();
                let text = json!(names);
                (Wanted::Names(names), text)
            }
            Some(Instruments::Table(table)) => {
                (Wanted::Column(table.column.clone()), json!({ "column": table.column }))
            }
        };
        let request: Value = serde_json::from_str(&fetched.request).unwrap_or_else(|_| json!(fetched.request));
        let reads = match &wanted {
            Wanted::Column(column) => vec![ColumnRead { column: column.clone(), back: 0 }],
            Wanted::All | Wanted::Names(_) => Vec::new(),
        };
        Some(Lowered {
            edges: self.edges(references, |_| (EdgeColumns::Named(reads.clone()), 0)),
            schema: Some(fetched.schema),
            spec: json!({ "kind": "fetch", "version": version::FETCH, "request": request, "instruments": instruments }),
            body: Body::Fetched { request: fetched.request, wanted },
            window_axis: WindowAxis::Calendar,
            recursive: false,
        })
    }
}
