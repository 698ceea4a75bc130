//! `complete`: the bars, and the tables that say what bars alone cannot.

use assetctl_config::{Adjust, ColumnType, CompleteSpec, MissingBars, WindowAxis};
use assetctl_expr::ColumnRead;
use serde_json::{Value, json};

use super::{Lowered, Lowering, Schema, error, list, version};
use crate::node::{AssetNode, Axis, Body, CompleteParts, Dated, EdgeColumns, Limits};
use crate::references::Reference;

/// A table that completion reads.
struct Table<'a> {
    /// What it is called in messages.
    called: &'static str,
    needed: &'a [(&'static str, ColumnType)],
    /// Columns of which there may be any.
    optional: &'a [(&'static str, ColumnType)],
    /// What to do about one that is no table.
    help: &'static str,
}

const LISTING: Table<'static> = Table {
    called: "a listing",
    needed: &[("instrument", ColumnType::Text), ("listed", ColumnType::Date), ("delisted", ColumnType::Date)],
    optional: &[],
    help: "declare one with the columns `instrument`, `listed` and `delisted`, or take `listing` away",
};

const ACTIONS: Table<'static> = Table {
    called: "a table of corporate actions",
    needed: &[("instrument", ColumnType::Text), ("ex_date", ColumnType::Date)],
    optional: &[
        ("dividend", ColumnType::Number),
        ("split", ColumnType::Number),
        ("rights", ColumnType::Number),
        ("rights_price", ColumnType::Number),
    ],
    help: "declare one with the columns `instrument`, `ex_date` and any of `dividend`, `split`, `rights` and `rights_price`",
};

const SUSPENSIONS: Table<'static> = Table {
    called: "a table of suspensions",
    needed: &[("instrument", ColumnType::Text), ("from", ColumnType::Date), ("to", ColumnType::Date)],
    optional: &[],
    help: "declare one with the columns `instrument`, `from` and `to`, or take `suspensions` away",
};

const SPECIAL: Table<'static> = Table {
    called: "a table of instruments under special treatment",
    needed: &[("instrument", ColumnType::Text), ("from", ColumnType::Date), ("to", ColumnType::Date)],
    optional: &[],
    help: "declare one with the columns `instrument`, `from` and `to`, or take `special` away",
};

impl Lowering<'_> {
    pub(super) fn complete(
        &mut self,
        spec: &CompleteSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let before = self.problems.len();
        let bars = inputs[0];
        let keys: Vec<&[&str]> = spec.inputs().map(|(_, keys)| keys).collect();
        let at = |key: &str| keys.iter().position(|known| known.last() == Some(&key));
        let parts = CompleteParts {
            actions: at("actions"),
            dividends: spec.dividends.unwrap_or_default(),
            adjust: spec.adjust == Some(Adjust::Back),
            suspensions: at("suspensions"),
            missing: spec.missing.unwrap_or_default(),
            fallback: at("fallback"),
            limits: spec.limits.as_ref().map(|limits| Limits {
                rules: limits.rules().to_vec(),
                special: at("special"),
                tick: limits.tick(),
            }),
        };
        let schema = bars.schema.clone();
        if let Some(schema) = &schema {
            self.bars(spec, &parts, bars, schema);
        }
        self.need_sessions(bars, references[0].loc.clone());
        self.need_one_row(bars, references[0].loc.clone());
        if let Some(fallback) = parts.fallback {
            self.fallback(bars, inputs[fallback], &references[fallback]);
        }
        for (key, table) in
            [("listing", LISTING), ("actions", ACTIONS), ("suspensions", SUSPENSIONS), ("special", SPECIAL)]
        {
            if let Some(at) = at(key) {
                self.table(&table, inputs[at], &references[at]);
            }
        }
        if let Some(at) = parts.actions {
            self.actions(inputs[at], &references[at]);
        }
        if self.problems.len() > before {
            return None;
        }

        let between = |first: &str, last: &str| Dated {
            first: first.into(),
            last: Some(last.into()),
            needs_first: false,
            young: 0,
        };
        let ex_date = Dated { first: "ex_date".into(), last: None, needs_first: true, young: 0 };
        let listed = Dated {
            needs_first: true,
            young: parts.limits.as_ref().map_or(0, Limits::first_sessions),
            ..between("listed", "delisted")
        };
        let special = parts.limits.as_ref().and_then(|limits| limits.special);
        let mut edges = self.edges(references, |_| (EdgeColumns::All, 0));
        for (at, table, dated) in [
            (at("listing"), LISTING, listed),
            (parts.actions, ACTIONS, ex_date),
            (parts.suspensions, SUSPENSIONS, between("from", "to")),
            (special, SPECIAL, between("from", "to")),
        ] {
            let Some(at) = at else { continue };
            edges[at].columns = EdgeColumns::Named(table.reads(inputs[at]));
            edges[at].dated = Some(dated);
        }
        let schema = schema.map(|mut schema| {
            let made = parts.made(schema.iter().map(|(name, _)| name.as_str()));
            schema.extend(made);
            schema
        });
        Some(Lowered {
            edges,
            schema,
            spec: self.complete_text(spec, &parts),
            body: Body::Complete { fill: spec.fill.clone(), listing: spec.listing.is_some(), parts },
            window_axis: WindowAxis::Calendar,
            recursive: true,
        })
    }

    /// What rows depend on. What is not asked for is not in it, so that what it was before such a thing could be asked for stands.
    fn complete_text(&self, spec: &CompleteSpec, parts: &CompleteParts) -> Value {
        let mut text = json!({ "kind": "complete", "version": version::COMPLETE, "fill": spec.fill, "listing": spec.listing.is_some() });
        let mut add = |key: &str, value: Value| {
            if let Some(text) = text.as_object_mut() {
                text.insert(key.to_owned(), value);
            }
        };
        if parts.actions.is_some() {
            add(
                "actions",
                json!({ "version": version::ACTIONS, "dividends": parts.dividends, "adjust": parts.adjust }),
            );
        }
        if parts.suspensions.is_some() {
            // Whether a gap stops a session decides which sessions there are.
            add("suspensions", json!({ "missing": parts.missing != MissingBars::Error }));
        }
        if let Some(name) = &spec.fallback {
            // Rows that are taken from it say its name.
            add("fallback", json!(name));
        }
        if let Some(limits) = &parts.limits {
            let special = limits.special.is_some();
            add(
                "limits",
                json!({ "version": version::LIMITS, "rules": limits.rules, "special": special, "tick": limits.tick }),
            );
        }
        text
    }

    fn bars(&mut self, spec: &CompleteSpec, parts: &CompleteParts, bars: &AssetNode, schema: &Schema) {
        for needed in ["instrument", "close"] {
            self.need(schema, needed, &bars.name, self.asset.locate(&["input"]));
        }
        for column in spec.fill.keys() {
            self.need(schema, column, &bars.name, self.asset.locate_key(&["fill", column]));
        }
        for (made, _) in parts.made(schema.iter().map(|(name, _)| name.as_str())) {
            if schema.iter().any(|(name, _)| *name == made) {
                self.problems.push(error(
                    self.asset.locate(&["input"]),
                    format!("`{}` has a column `{made}` already", bars.name),
                    format!("`{}` makes that column", self.asset.name),
                    Some("rename it in the source's `columns:`".into()),
                ));
            }
        }
        let prices = ["open", "high", "low", "close", "volume"];
        if parts.actions.is_some() {
            for (name, ty) in schema.iter().filter(|(name, _)| prices.contains(&name.as_str())) {
                if *ty != ColumnType::Number {
                    self.problems.push(error(
                        self.asset.locate(&["input"]),
                        format!("`{}.{name}` is not a number", bars.name),
                        "`actions` adjust it",
                        Some("correct its type in the source's `types:`".into()),
                    ));
                }
            }
        }
    }

    /// Bars that stand in for others must be such bars.
    fn fallback(&mut self, bars: &AssetNode, fallback: &AssetNode, reference: &Reference) {
        self.need_sessions(fallback, reference.loc.clone());
        self.need_one_row(fallback, reference.loc.clone());
        if fallback.axis == Axis::Session && fallback.calendar.name() != bars.calendar.name() {
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` is on the calendar {}", fallback.name, fallback.calendar.name()),
                format!("`{}` is on {}", bars.name, bars.calendar.name()),
                Some("bars that stand in for others are of the same sessions".into()),
            ));
        }
        let (Some(of_bars), Some(of_fallback)) = (&bars.schema, &fallback.schema) else { return };
        for needed in ["instrument", "close"] {
            self.need(of_fallback, needed, &fallback.name, reference.loc.clone());
        }
        for (name, ty) in of_bars {
            if let Some((_, other)) = of_fallback.iter().find(|(known, other)| known == name && other != ty) {
                self.problems.push(error(
                    reference.loc.clone(),
                    format!("`{}.{name}` is of type {}", fallback.name, other.name()),
                    format!("`{}.{name}` is of type {}", bars.name, ty.name()),
                    Some("make their types the same".into()),
                ));
            }
        }
    }

    fn table(&mut self, table: &Table<'_>, input: &AssetNode, reference: &Reference) {
        if input.axis != Axis::Static {
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` is not a table", input.name),
                format!("{} is an asset of kind `table`", table.called),
                Some(table.help.into()),
            ));
            return;
        }
        let Some(schema) = &input.schema else { return };
        for (column, _) in table.needed {
            self.need(schema, column, &input.name, reference.loc.clone());
        }
        for (column, ty) in table.needed.iter().chain(table.optional) {
            if schema.iter().any(|(name, has)| name == column && has != ty) {
                let names: Vec<&str> = table.needed.iter().map(|(name, _)| *name).collect();
                let label = match names.split_last() {
                    Some((last, [])) => format!("{} has the column `{last}`", table.called),
                    Some((last, first)) => format!("{} has the columns {} and `{last}`", table.called, list(first)),
                    None => String::new(),
                };
                self.problems.push(error(
                    reference.loc.clone(),
                    format!("`{}.{column}` is not a {}", input.name, ty.name()),
                    label,
                    Some(format!("declare it in `{}`: `types: {{ {column}: {} }}`", input.name, ty.name())),
                ));
            }
        }
    }

    /// A table of actions says something of them.
    fn actions(&mut self, input: &AssetNode, reference: &Reference) {
        let Some(schema) = input.schema.as_ref().filter(|_| input.axis == Axis::Static) else { return };
        let has = |column: &str| schema.iter().any(|(name, _)| name == column);
        if !["dividend", "split", "rights"].into_iter().any(has) {
            let names: Vec<&str> = schema.iter().map(|(name, _)| name.as_str()).collect();
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` has none of the columns `dividend`, `split` and `rights`", input.name),
                "nothing is done on its ex-dates",
                Some(format!("map one of its columns to such a name by its `columns:`; it has {}", list(&names))),
            ));
        }
        if has("rights") && !has("rights_price") {
            self.problems.push(error(
                reference.loc.clone(),
                format!("`{}` has `rights` but no `rights_price`", input.name),
                "what a new share costs is not known",
                Some("add the column `rights_price`, or leave `rights` out".into()),
            ));
        }
    }
}

impl Table<'_> {
    /// The columns that are read, of those that there are; sorted by name.
    fn reads(&self, input: &AssetNode) -> Vec<ColumnRead> {
        let there = |column: &str| input.schema.iter().flatten().any(|(name, _)| name == column);
        let known = self.needed.iter().chain(self.optional).map(|(name, _)| *name).filter(|name| there(name));
        let mut reads: Vec<ColumnRead> =
            known.map(|column| ColumnRead { column: column.to_owned(), back: 0 }).collect();
        reads.sort_unstable_by(|one, other| one.column.cmp(&other.column));
        reads
    }
}
