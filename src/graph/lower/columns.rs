//! The columns of `indicators` and `scores`: built-in ones, those that are written out, and their languages.

use std::ops::Range;
use std::sync::Arc;

use assetctl_config::{Asset, ColumnType, ColumnsSpec, Compat, Diagnostic, FeatureSet, Loc, WindowAxis};
use assetctl_expr::{
    ColumnKind, ColumnRead, Dialect, ExprError, Feature, InputScope, Node, Program, Source, Type, compile_in,
};
use serde_json::json;

use super::{Lowered, Lowering, error, list, version};
use crate::node::{AssetNode, Body, Edge, EdgeColumns};
use crate::references::Reference;

/// The column of completed bars that says that a row is no traded bar.
const SUSPENDED: &str = "is_suspended";

impl Lowering<'_> {
    pub(super) fn columns(
        &mut self,
        spec: &ColumnsSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let before = self.problems.len();
        for (at, (input, reference)) in inputs.iter().zip(references).enumerate() {
            let has_instruments =
                input.schema.as_ref().is_none_or(|schema| schema.iter().any(|(name, _)| name == "instrument"));
            // The rows are those of the first; a table beside it says the same of its instruments in every session.
            if at == 0 || !has_instruments {
                self.need_sessions(input, reference.loc.clone());
            }
            self.need_one_row(input, reference.loc.clone());
        }
        let scopes: Vec<InputScope> = inputs
            .iter()
            .zip(references)
            .map(|(input, reference)| InputScope {
                alias: reference.alias.clone(),
                columns: input
                    .schema
                    .as_ref()
                    .map(|schema| schema.iter().map(|(name, ty)| (name.clone(), column_kind(*ty))).collect()),
            })
            .collect();
        let columns = Columns::of(spec);
        self.problems.extend(columns.clashes(self.asset));
        if let Some(problem) = columns.missing(self.asset, inputs[0]) {
            // Every feature would say so again.
            self.problems.push(problem);
            return None;
        }
        let program = match columns.compile(&scopes) {
            Ok(program) => program,
            Err(mistakes) => {
                for mistake in mistakes {
                    let loc = columns.locate(self.asset, mistake.column, mistake.span);
                    self.problems.push(error(loc, mistake.message, "", mistake.help));
                }
                return None;
            }
        };
        if spec.window_axis == WindowAxis::Traded {
            for column in over_cross_section(&program) {
                self.problems.push(columns.over_cross_section(self.asset, column));
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let key = inputs[0].schema.as_ref().map_or(Some("instrument"), |schema| {
            schema.iter().any(|(name, _)| name == "instrument").then_some("instrument")
        });
        let schema = key
            .map(|key| (key.to_owned(), ColumnType::Text))
            .into_iter()
            .chain(program.outputs.iter().map(|output| {
                let ty = match output.ty {
                    Type::Number => ColumnType::Number,
                    Type::Bool => ColumnType::Bool,
                    Type::Category => ColumnType::Text,
                };
                (output.name.clone(), ty)
            }))
            .collect();
        Some(Lowered {
            edges: self.edges_of(&program, spec.window_axis, references, inputs[0]),
            schema: Some(schema),
            spec: columns_spec(&program.canonical(), spec.window_axis),
            recursive: program.is_recursive() || spec.window_axis == WindowAxis::Traded,
            body: Body::Columns(Arc::new(program)),
            window_axis: spec.window_axis,
        })
    }

    /// What a program reads of its inputs. The rows of the result are those of the first one.
    ///
    /// Over traded bars it reads its own session alone: how many sessions a window of bars spans no calendar says, so the last
    /// bars of each instrument are a state that is carried from session to session.
    fn edges_of(
        &self,
        program: &Program,
        window_axis: WindowAxis,
        references: &[Reference],
        first: &AssetNode,
    ) -> Vec<Edge> {
        let is_traded = window_axis == WindowAxis::Traded;
        let mut edges = self.edges(references, |at| {
            let mut reads = program.reads(at);
            if is_traded {
                reads.iter_mut().for_each(|read| read.back = 0);
                let has =
                    |name: &str| first.schema.as_ref().is_some_and(|all| all.iter().any(|(known, _)| known == name));
                if at == 0 && has(SUSPENDED) && reads.iter().all(|read| read.column != SUSPENDED) {
                    reads.push(ColumnRead { column: SUSPENDED.into(), back: 0 });
                    reads.sort_by(|a, b| a.column.cmp(&b.column));
                }
            }
            let back = reads.iter().map(|read| read.back).max().unwrap_or(0);
            (EdgeColumns::Named(reads), back)
        });
        if let Some(first) = edges.first_mut().filter(|_| !is_traded) {
            first.key_back = program.presence_back();
            first.back = first.back.max(first.key_back);
        }
        edges
    }
}

/// The columns of an asset, in their order.
struct Columns<'a> {
    spec: &'a ColumnsSpec,
    /// Each with the place of its set in the list under `features`, and that set.
    features: Vec<(usize, FeatureSet, Feature)>,
}

/// What is built in.
fn features(set: FeatureSet) -> Vec<Feature> {
    match set {
        FeatureSet::Alpha158 => assetctl_expr::FeatureSet::Alpha158.features(),
        FeatureSet::Alpha360 => assetctl_expr::FeatureSet::Alpha360.features(),
    }
}

impl<'a> Columns<'a> {
    fn of(spec: &'a ColumnsSpec) -> Self {
        let mut all: Vec<(usize, FeatureSet, Feature)> = Vec::new();
        let sets = spec.features.iter().flat_map(|sets| sets.as_slice());
        for (at, set) in sets.enumerate() {
            for feature in features(*set) {
                // The sets share a few features, which are there once.
                if !all.iter().any(|(_, _, known)| *known == feature) {
                    all.push((at, *set, feature));
                }
            }
        }
        Self { spec, features: all }
    }

    /// Columns that are written out and have the name of a feature, which SQL could not tell apart.
    fn clashes(&self, asset: &Asset) -> Vec<Diagnostic> {
        let clash = |name: &String| {
            let (_, set, feature) = self.features.iter().find(|(_, _, known)| known.name.eq_ignore_ascii_case(name))?;
            let message = format!("`{name}` is a feature of `{}` already: `{}`", set.name(), feature.text);
            let help = "choose another name; upper and lower case are the same to SQL".to_owned();
            Some(error(asset.locate_key(&["columns", name]), message, "the same name again", Some(help)))
        };
        self.spec.columns.keys().filter_map(clash).collect()
    }

    /// Columns that features need and the asset that they are made of does not have as numbers.
    fn missing(&self, asset: &Asset, input: &AssetNode) -> Option<Diagnostic> {
        let schema = input.schema.as_ref().filter(|_| !self.features.is_empty())?;
        let is_number = |name: &str| schema.iter().any(|(known, ty)| known == name && *ty == ColumnType::Number);
        let missing: Vec<&str> =
            assetctl_expr::FeatureSet::NEEDS.into_iter().filter(|needed| !is_number(needed)).collect();
        if missing.is_empty() {
            return None;
        }
        let columns = if missing.len() == 1 { "column" } else { "columns" };
        let message = format!(
            "the features are made of {}, and `{}` has no {columns} of numbers {}",
            list(&assetctl_expr::FeatureSet::NEEDS),
            input.name,
            list(&missing)
        );
        let definition = |name: &&str| match *name {
            "vwap" => "`vwap: amount / volume`, or `vwap: (high + low + close) / 3`".to_owned(),
            name => format!("`{name}: …`"),
        };
        let help = format!(
            "make an asset of kind `indicators` of `{}` that has all six, with {}, and name it as the input",
            input.name,
            missing.iter().map(definition).collect::<Vec<_>>().join(" and ")
        );
        Some(error(asset.locate(&["features"]), message, "made of the first input's columns", Some(help)))
    }

    /// # Errors
    ///
    /// Every mistake in the expressions.
    fn compile(&self, inputs: &[InputScope]) -> Result<Program, Vec<ExprError>> {
        let compat = self.spec.compat == Some(Compat::Qlib);
        let built_in = self.features.iter().map(|(_, _, feature)| (&feature.name, &feature.text));
        let sources: Vec<Source<'_>> =
            built_in.chain(self.spec.columns.iter()).map(|(name, text)| Source { name, text }).collect();
        let dialect = |column: usize| match self.spec.dialect {
            _ if column < self.features.len() => Dialect::Feature { compat },
            assetctl_config::Dialect::Native => Dialect::Native,
            assetctl_config::Dialect::Qlib => Dialect::Qlib { compat },
        };
        compile_in(&sources, &dialect, inputs)
    }

    /// The place of a range of bytes of a column's expression.
    fn locate(&self, asset: &Asset, column: usize, span: Range<usize>) -> Loc {
        match self.features.get(column) {
            Some(_) => asset.locate(&["features"]),
            None => {
                let name = self.spec.columns.keys().nth(column - self.features.len());
                asset.locate_within(&["columns", name.map_or("", String::as_str)], span)
            }
        }
    }

    /// The refusal of a window over a function of all instruments where windows count each instrument's own bars.
    fn over_cross_section(&self, asset: &Asset, column: usize) -> Diagnostic {
        let name = self.spec.columns.keys().nth(column.saturating_sub(self.features.len()));
        let name = name.map_or("", String::as_str);
        error(
            asset.locate(&["columns", name]),
            format!("`{name}` has a window over a function of all instruments, with `window_axis: traded`"),
            "each instrument would count other sessions",
            Some(
                "put the function of all instruments into an asset of its own, and the window into one that reads it"
                    .into(),
            ),
        )
    }
}

/// The outputs, by position, that have a window or a recursive function over a function of all instruments.
fn over_cross_section(program: &Program) -> Vec<usize> {
    let mut is_cross = vec![false; program.nodes.len()];
    let mut is_over = vec![false; program.nodes.len()];
    for (at, node) in program.nodes.iter().enumerate() {
        let operands = node.operands();
        let below = operands.iter().any(|operand| is_cross[operand.0 as usize]);
        let looks_back = matches!(node, Node::Window { .. } | Node::Recursive { .. });
        is_cross[at] = below || matches!(node, Node::Cross { .. });
        is_over[at] = (looks_back && below) || operands.iter().any(|operand| is_over[operand.0 as usize]);
    }
    let outputs = program.outputs.iter().enumerate();
    outputs.filter(|(_, output)| is_over[output.node.0 as usize]).map(|(at, _)| at).collect()
}

fn column_kind(ty: ColumnType) -> ColumnKind {
    match ty {
        ColumnType::Number => ColumnKind::Number,
        ColumnType::Bool => ColumnKind::Bool,
        ColumnType::Text => ColumnKind::Text,
        ColumnType::Date => ColumnKind::Other("date"),
        ColumnType::Time => ColumnKind::Other("time"),
    }
}

/// The dialect is not part of it: what its expressions come to is the program.
fn columns_spec(program: &str, window_axis: WindowAxis) -> serde_json::Value {
    let mut spec = json!({ "kind": "columns", "version": version::COLUMNS, "program": program });
    if window_axis != WindowAxis::default() {
        spec["window_axis"] = json!(window_axis);
    }
    spec
}
