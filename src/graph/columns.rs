//! The columns of `indicators` and `scores`: built-in ones, those that are written out, and their languages.

use std::ops::Range;

use assetctl_config::{Asset, ColumnType, ColumnsSpec, Compat, Diagnostic, FeatureSet, Loc};
use assetctl_expr::{Dialect, ExprError, Feature, InputScope, Node, Program, Source, compile_in};

use crate::lower::{error, list};
use crate::node::AssetNode;

/// The columns of an asset, in their order.
pub struct Columns<'a> {
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
    pub fn of(spec: &'a ColumnsSpec) -> Self {
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
    pub fn clashes(&self, asset: &Asset) -> Vec<Diagnostic> {
        let clash = |name: &String| {
            let (_, set, feature) = self.features.iter().find(|(_, _, known)| known.name.eq_ignore_ascii_case(name))?;
            let message = format!("`{name}` is a feature of `{}` already: `{}`", set.name(), feature.text);
            let help = "choose another name; upper and lower case are the same to SQL".to_owned();
            Some(error(asset.locate_key(&["columns", name]), message, "the same name again", Some(help)))
        };
        self.spec.columns.keys().filter_map(clash).collect()
    }

    /// Columns that features need and the asset that they are made of does not have as numbers.
    pub fn missing(&self, asset: &Asset, input: &AssetNode) -> Option<Diagnostic> {
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
    pub fn compile(&self, inputs: &[InputScope]) -> Result<Program, Vec<ExprError>> {
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
    pub fn locate(&self, asset: &Asset, column: usize, span: Range<usize>) -> Loc {
        match self.features.get(column) {
            Some(_) => asset.locate(&["features"]),
            None => {
                let name = self.spec.columns.keys().nth(column - self.features.len());
                asset.locate_within(&["columns", name.map_or("", String::as_str)], span)
            }
        }
    }

    /// The refusal of a window over a function of all instruments where windows count each instrument's own bars.
    pub fn over_cross_section(&self, asset: &Asset, column: usize) -> Diagnostic {
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
pub fn over_cross_section(program: &Program) -> Vec<usize> {
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
