//! `resample` → nodes.

use assetctl_config::{Aggregate, BarLength, ColumnType, Gaps, ResampleSpec, WindowAxis};
use assetctl_expr::ColumnRead;
use serde_json::json;

use super::{Lowered, Lowering, Schema, error, version};
use crate::node::{AssetNode, Body, EdgeColumns, Resample, Resampled};
use crate::references::Reference;

impl Lowering<'_> {
    /// Longer bars of shorter ones; the one edge is those.
    pub(super) fn resample(
        &mut self,
        spec: &ResampleSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let (bars, loc) = (*inputs.first()?, references.first()?.loc.clone());
        let before = self.problems.len();
        self.need_sessions(bars, loc.clone());
        let Some(intraday) = bars.intraday else {
            if self.problems.len() == before {
                self.problems.push(error(
                    loc,
                    format!("the rows of `{}` have no time", bars.name),
                    "there is nothing to make longer bars of",
                    Some(format!(
                        "if they are of times within a session, say so in `{}`: `time: {{ every: 1m }}`",
                        bars.name
                    )),
                ));
            }
            return None;
        };
        if self.asset.calendar.name() != bars.calendar.name() {
            self.problems.push(error(
                self.asset.name_loc(),
                format!("`{}` is on the calendar {}", bars.name, bars.calendar.name()),
                format!("this asset is on {}", self.asset.calendar.name()),
                Some("bars are made longer within the hours of one calendar: give both the same".into()),
            ));
        }
        if let (BarLength::Span(every), Some(shorter)) = (spec.every, intraday.every)
            && every.to_chrono().num_seconds() % shorter.to_chrono().num_seconds().max(1) != 0
        {
            self.problems.push(error(
                self.asset.locate(&["every"]),
                format!("bars of {every} cannot be made of bars of {shorter}"),
                format!("`{}` has bars of {shorter}", bars.name),
                Some(format!("choose a multiple of {shorter}")),
            ));
        }
        let columns = self.resampled(spec, bars);
        if self.problems.len() > before {
            return None;
        }
        let every = match spec.every {
            BarLength::Session => None,
            BarLength::Span(every) => Some(every),
        };
        let schema = bars.schema.as_ref().map(|of_bars| schema_of(of_bars, &columns, every.is_some(), spec.gaps));
        let mut reads: Vec<String> =
            columns.iter().flat_map(|column| [Some(&column.of), column.weight.as_ref()]).flatten().cloned().collect();
        reads.sort();
        reads.dedup();
        let reads: Vec<ColumnRead> = reads.into_iter().map(|column| ColumnRead { column, back: 0 }).collect();
        let made: Vec<_> = columns.iter().map(|c| json!([c.name, c.of, c.by, c.weight])).collect();
        let hours: Vec<_> = self.asset.calendar.daily_hours().map(ToString::to_string).into_iter().collect();
        Some(Lowered {
            edges: self.edges(references, |_| (EdgeColumns::Named(reads.clone()), 0)),
            schema,
            spec: json!({
                "kind": "resample",
                "version": version::RESAMPLE,
                "every": spec.every,
                "stamp": intraday.stamp,
                "columns": made,
                "gaps": spec.gaps,
                "hours": hours,
            }),
            body: Body::Resample(Resample { every, stamp: intraday.stamp, columns, gaps: spec.gaps }),
            window_axis: WindowAxis::Calendar,
            recursive: false,
        })
    }

    /// What is declared, and the usual columns of bars that the input has.
    fn resampled(&mut self, spec: &ResampleSpec, bars: &AssetNode) -> Vec<Resampled> {
        let mut columns: Vec<Resampled> = Vec::new();
        for (name, _) in bars.schema.iter().flatten().filter(|(_, ty)| *ty == ColumnType::Number) {
            if let Some(by) = ResampleSpec::usual(name).filter(|_| spec.columns.get(name).is_none()) {
                columns.push(Resampled { name: name.clone(), of: name.clone(), by, weight: None });
            }
        }
        for (name, column) in spec.columns.iter() {
            let (of, by, weight) = column.parts(name);
            if let Some(schema) = &bars.schema {
                self.need(schema, of, &bars.name, self.asset.locate(&["columns", name]));
                let is_number =
                    |column: &str| schema.iter().any(|(own, ty)| own == column && *ty == ColumnType::Number);
                let is_there = schema.iter().any(|(own, _)| own == of);
                let any_type = matches!(by, Aggregate::First | Aggregate::Last | Aggregate::Count);
                if is_there && !any_type && !is_number(of) {
                    self.problems.push(error(
                        self.asset.locate(&["columns", name]),
                        format!("`{}.{of}` is not a number", bars.name),
                        "cannot be reckoned with",
                        Some("of other columns there are `first`, `last` and `count`".into()),
                    ));
                }
                if let Some(weight) = weight {
                    self.need(schema, weight, &bars.name, self.asset.locate(&["columns", name, "weight"]));
                    if schema.iter().any(|(own, _)| own == weight) && !is_number(weight) {
                        self.problems.push(error(
                            self.asset.locate(&["columns", name, "weight"]),
                            format!("`{}.{weight}` is not a number", bars.name),
                            "cannot weigh",
                            None,
                        ));
                    }
                }
            }
            let (of, weight) = (of.to_owned(), weight.map(str::to_owned));
            columns.push(Resampled { name: name.clone(), of, by, weight });
        }
        if columns.is_empty() && bars.schema.is_some() {
            self.problems.push(error(
                self.asset.name_loc(),
                format!("nothing says which columns `{}` has", self.asset.name),
                format!("`{}` has none of `open`, `high`, `low`, `close`, `volume`, `amount`", bars.name),
                Some("say how its columns are put together: `columns: { price: last, size: sum }`".into()),
            ));
        }
        columns
    }
}

fn schema_of(of_bars: &Schema, columns: &[Resampled], has_time: bool, gaps: Gaps) -> Schema {
    let mut schema: Schema = of_bars.iter().filter(|(name, _)| name == "instrument").cloned().collect();
    if has_time {
        schema.push(("time".to_owned(), ColumnType::Time));
    }
    for column in columns {
        let own = of_bars.iter().find(|(name, _)| *name == column.of).map_or(ColumnType::Number, |(_, ty)| *ty);
        let ty = if column.by == Aggregate::Count { ColumnType::Number } else { own };
        schema.push((column.name.clone(), ty));
    }
    if gaps == Gaps::Carry {
        schema.push(("is_filled".to_owned(), ColumnType::Bool));
    }
    schema
}
