//! What a function is, and how it is found by its name. The functions themselves stand in [`table`](crate::table).

use std::fmt;

use crate::program::{BinaryOp, CrossFn, RecursiveFn, UnaryOp, WindowFn};
use crate::table::FUNCTIONS;

/// What a function reads for one session of one instrument, which decides what a change to its input makes stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The same session and instrument.
    Pointwise,
    /// The last sessions of the same instrument.
    Window,
    /// All instruments of the same session.
    CrossSection,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Pointwise => "pointwise",
            Class::Window => "window",
            Class::CrossSection => "cross-section",
        })
    }
}

/// What may be given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// An expression that is a number.
    Number,
    /// An expression that is true or false.
    Bool,
    /// An expression of either type.
    Countable,
    /// An expression of either type, the same for all parameters of this kind.
    Branch,
    /// A number of sessions, written out, at least 1.
    Sessions,
    /// A distance in sessions, written out, at least `least`.
    Lag { least: u32 },
    /// The number of valid values that a window needs, by name only; `default` is also the least that makes sense.
    MinPeriods { default: u32 },
    /// A number from 0 to 1, written out.
    Quantile,
    /// A number above 0, written out.
    Factor { default: f64 },
}

impl ParamKind {
    /// Whether a panel is given, and not a number that is written out.
    pub fn is_expression(self) -> bool {
        matches!(self, ParamKind::Number | ParamKind::Bool | ParamKind::Countable | ParamKind::Branch)
    }

    pub fn is_required(self) -> bool {
        !matches!(self, ParamKind::MinPeriods { .. } | ParamKind::Factor { .. })
    }

    /// Whether it must be given by its name.
    pub fn is_named_only(self) -> bool {
        matches!(self, ParamKind::MinPeriods { .. })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    pub name: &'static str,
    pub kind: ParamKind,
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ParamKind::MinPeriods { default } => write!(f, "{}={default}", self.name),
            ParamKind::Factor { default } => write!(f, "{}={default}", self.name),
            _ => f.write_str(self.name),
        }
    }
}

/// A function of the language. `min` and `max` have two entries: of two numbers, and of a window.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// Other names under which it is found: those of pandas, numpy, Qlib and the "101 Formulaic Alphas".
    pub aliases: &'static [&'static str],
    pub class: Class,
    pub params: &'static [Param],
    /// What it is, in one line.
    pub doc: &'static str,
    pub formula: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// What it does with missing values.
    pub missing: &'static str,
    /// The first session of an instrument, counted from 1, at which it can have a value.
    pub first_valid: &'static str,
    /// Raised when the function gives other results than before: it enters the spec hash. What a function is defined by
    /// (`delta` by `-` and `ref`) counts by its own version.
    pub version: u32,
    pub(crate) op: Op,
}

impl Function {
    /// `mean(x, n, min_periods=1)`
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.params.iter().map(Param::to_string).collect::<Vec<_>>().join(", "))
    }

    /// `(x, n)`: the parameters that may be given without a name.
    pub(crate) fn positional_params(&self) -> impl Iterator<Item = &'static Param> + use<> {
        self.params.iter().filter(|param| !param.kind.is_named_only())
    }
}

/// What a call is compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Unary(UnaryOp),
    Binary(BinaryOp),
    Clip,
    If,
    Delta,
    Window(WindowFn),
    Cross(CrossFn),
    Recursive(RecursiveFn),
}

/// All functions, by class and then as a reader looks for them.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

/// The function of this name or alias; of `min` and `max` the one of two numbers.
pub fn function(name: &str) -> Option<&'static Function> {
    overloads(name).next()
}

/// All functions of this name or alias.
pub(crate) fn overloads(name: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| function.name == name || function.aliases.contains(&name))
}

/// The name and version under which an operation of a [`Program`](crate::Program) stands in its canonical form.
pub(crate) fn identity(op: Op) -> Option<(&'static str, u32)> {
    // The first of several functions that are the same operation gives the name: `greater` for `max` of two numbers.
    FUNCTIONS.iter().find(|function| function.op == op).map(|function| (function.name, function.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_unique_but_for_the_overloads() {
        let mut names: Vec<&str> =
            functions().iter().flat_map(|f| f.aliases.iter().chain([&f.name])).copied().collect();
        names.sort_unstable();
        let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert_eq!(twice, ["max", "min"]);
    }

    #[test]
    fn every_entry_is_complete_and_its_parameters_are_in_order() {
        for f in functions() {
            for text in [f.doc, f.formula, f.source, f.missing, f.first_valid] {
                assert!(!text.is_empty(), "{}", f.name);
            }
            assert!(f.version >= 1, "{}", f.name);
            // Expressions, then what is written out, then what may be left away.
            let order =
                f.params.iter().map(|p| (!p.kind.is_expression(), !p.kind.is_required(), p.kind.is_named_only()));
            assert!(order.is_sorted(), "{}", f.name);
            let sessions = f.params.iter().any(|p| matches!(p.kind, ParamKind::Sessions | ParamKind::Lag { .. }));
            assert_eq!(sessions, f.class == Class::Window, "{}", f.name);
        }
    }

    #[test]
    fn lookup_by_name_and_alias() {
        assert_eq!(function("med").map(|f| f.name), Some("median"));
        assert_eq!(function("max").map(|f| f.class), Some(Class::Pointwise));
        assert_eq!(overloads("max").count(), 2);
        assert!(function("Mean").is_none());
        assert_eq!(function("corr").map(Function::signature).as_deref(), Some("corr(x, y, n, min_periods=2)"));
        assert_eq!(function("cs_winsorize").map(Function::signature).as_deref(), Some("cs_winsorize(x, k=3)"));
    }

    #[test]
    fn every_operation_has_an_identity() {
        assert_eq!(identity(Op::Binary(BinaryOp::Max)), Some(("greater", 1)));
        assert_eq!(identity(Op::Window(WindowFn::Max)), Some(("max", 1)));
        for f in functions() {
            assert!(identity(f.op).is_some(), "{}", f.name);
        }
    }
}
