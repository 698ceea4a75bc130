//! What a function is, and how it is found by its name. The functions themselves stand in [`table`](crate::table).

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use crate::program::{BinaryOp, CrossFn, Node, RecursiveFn, UnaryOp, WindowFn};
use crate::table;

/// What a function reads for one session of one instrument, which decides what a change to its input makes stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The same session and instrument.
    Pointwise,
    /// The last sessions of the same instrument.
    Window,
    /// Sessions after its own: refused, as a partition may read nothing after its own session.
    Forward,
    /// The same session, and a state that the session before left.
    Recursive,
    /// All sessions of the same instrument so far.
    Expanding,
    /// All instruments of the same session.
    CrossSection,
}

impl Class {
    /// All classes, in the order in which functions are listed.
    pub const ALL: [Class; 6] =
        [Class::Pointwise, Class::Window, Class::Forward, Class::Recursive, Class::Expanding, Class::CrossSection];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Pointwise => "pointwise",
            Class::Window => "window",
            Class::Forward => "forward",
            Class::Recursive => "recursive",
            Class::Expanding => "expanding",
            Class::CrossSection => "cross-section",
        })
    }
}

/// The numbers that may be written out for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    Any,
    Positive,
    NotNegative,
    /// From 0 to 1.
    Unit,
    /// Above 0, up to 1.
    Share,
}

impl Interval {
    pub(crate) fn contains(self, value: f64) -> bool {
        match self {
            Interval::Any => true,
            Interval::Positive => value > 0.0,
            Interval::NotNegative => value >= 0.0,
            Interval::Unit => (0.0..=1.0).contains(&value),
            Interval::Share => value > 0.0 && value <= 1.0,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interval::Any => "of any size",
            Interval::Positive => "above 0",
            Interval::NotNegative => "not below 0",
            Interval::Unit => "from 0 to 1",
            Interval::Share => "above 0 and up to 1",
        })
    }
}

/// What may be given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// An expression that is a number.
    Number,
    /// An expression that is true or false.
    Bool,
    /// An expression of either type.
    Countable,
    /// An expression of either type, the same for all parameters of this kind.
    Branch,
    /// Any number of expressions that are numbers, or none.
    Numbers,
    /// A text column, whose values are groups of instruments; or none.
    Group,
    /// A number of sessions, written out, at least `least`; with `expanding` also 0, for all sessions so far.
    Sessions { least: u32, expanding: bool },
    /// A distance in sessions, written out, at least `least`.
    Lag { least: u32 },
    /// The number of valid values that a window needs; `least` is the least that makes sense. Without a default it is the
    /// window itself.
    MinPeriods { least: u32 },
    /// A whole number, written out, at least `least`.
    Whole { least: u32 },
    /// A number, written out.
    Real(Interval),
    /// One of these words; its number is its place among them.
    Choice(&'static [&'static str]),
}

impl ParamKind {
    /// Whether a panel is given, and not a number that is written out.
    pub fn is_expression(self) -> bool {
        use ParamKind::{Bool, Branch, Countable, Group, Number, Numbers};
        matches!(self, Number | Bool | Countable | Branch | Numbers | Group)
    }
}

/// A parameter of a function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    pub name: &'static str,
    pub kind: ParamKind,
    /// What is taken if it is not given, of a number that is written out; of a choice the word's place.
    pub default: Option<f64>,
    /// Whether it must be given by its name.
    pub named_only: bool,
}

impl Param {
    pub fn is_required(&self) -> bool {
        use ParamKind::{Group, MinPeriods, Numbers};
        self.default.is_none() && !matches!(self.kind, Group | Numbers | MinPeriods { .. })
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.default) {
            (ParamKind::Choice(words), Some(place)) => {
                write!(f, "{}={}", self.name, words.get(place as usize).copied().unwrap_or_default())
            }
            (ParamKind::MinPeriods { .. }, None) => write!(f, "{}=n", self.name),
            (ParamKind::Group | ParamKind::Numbers, _) => write!(f, "{}=…", self.name),
            (_, Some(default)) => write!(f, "{}={default}", self.name),
            (_, None) if self.named_only => write!(f, "{}=…", self.name),
            (_, None) => f.write_str(self.name),
        }
    }
}

/// A function of the language. Some names have several entries, which differ in their parameters: `min` and `max` are of
/// two numbers, and of a window.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    /// Other names under which it is found: those of pandas, numpy, Qlib, TA-Lib and the "101 Formulaic Alphas".
    pub aliases: &'static [&'static str],
    pub class: Class,
    pub params: &'static [Param],
    /// The names of its results, if it has several: `macd(close).hist`.
    pub parts: &'static [&'static str],
    /// What it is, in one line.
    pub doc: &'static str,
    /// How it is computed. If [`Function::is_formula`] says so, this is the definition itself in the language: definitions
    /// separated by `;`, of which the results are those named in `parts`, or the last one.
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

    /// Whether the function is defined by other functions of the language, by the text of `formula`.
    pub fn is_formula(&self) -> bool {
        self.op == Op::Formula
    }

    /// Calls of the function and what they give, at least one for each of its results; none for what is refused.
    pub fn examples(&self) -> &'static [Example] {
        let signature = self.signature();
        table::EXAMPLES.iter().find(|(of, _)| *of == signature).map_or(&[], |(_, examples)| examples)
    }

    /// `(x, n)`: the parameters that may be given without a name.
    pub(crate) fn positional_params(&self) -> impl Iterator<Item = &'static Param> + use<> {
        self.params.iter().filter(|param| !param.named_only)
    }
}

/// A call over a sample, and what it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    pub expression: &'static str,
    /// Of a function of one instrument over [`SAMPLE_BARS`](crate::SAMPLE_BARS) the values of the last sessions, true as 1 and
    /// false as 0; of a cross-section over [`SAMPLE_SESSION`](crate::SAMPLE_SESSION) those of its instruments. `None` is missing.
    pub expected: &'static [Option<f64>],
}

/// What a call is compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Unary(UnaryOp),
    Binary(BinaryOp),
    If,
    Window(WindowFn),
    Cross(CrossFn),
    /// Its numbers, in their order, are the node's parameters.
    Recursive(RecursiveFn),
    /// `Ema` or `EmaFirst`, by the choice of the seed.
    Ema,
    /// Refused.
    Forward,
    /// What the function's formula says.
    Formula,
}

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(table::all);

/// Where in [`FUNCTIONS`] the functions of a name or alias stand.
static PLACES: LazyLock<HashMap<&'static str, Vec<usize>>> = LazyLock::new(|| {
    let mut places: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for (place, function) in FUNCTIONS.iter().enumerate() {
        for name in function.aliases.iter().chain([&function.name]) {
            places.entry(name).or_default().push(place);
        }
    }
    places
});

/// All functions, by subject and then as a reader looks for them.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

/// The function of this name or alias; of several the first: of `min` and `max` the one of two numbers.
pub fn function(name: &str) -> Option<&'static Function> {
    overloads(name).next()
}

/// All functions of this name or alias.
pub(crate) fn overloads(name: &str) -> impl Iterator<Item = &'static Function> + use<> {
    PLACES.get(name).into_iter().flatten().map(|place| &FUNCTIONS[*place])
}

/// The name and version under which a node stands in its program's canonical form, if it is written as a call.
pub(crate) fn identity(node: &Node) -> (&'static str, u32) {
    let op = match node {
        Node::Unary { op, .. } => Op::Unary(*op),
        Node::Binary { op, .. } => Op::Binary(*op),
        Node::If { .. } => Op::If,
        Node::Window { f, .. } => Op::Window(*f),
        Node::Cross { f, .. } => Op::Cross(*f),
        Node::Recursive { f: RecursiveFn::Expanding(f), .. } => Op::Window(*f),
        Node::Recursive { f: RecursiveFn::Ema | RecursiveFn::EmaFirst, .. } => Op::Ema,
        Node::Recursive { f, .. } => Op::Recursive(*f),
        Node::Input { .. } | Node::Number(_) | Node::Bool(_) => return ("", 0),
    };
    // The first of several functions that are the same operation gives the name: `greater` for `max` of two numbers. Each
    // operation that is written as a call is in the catalogue: a test of `canonical` goes through all of them.
    FUNCTIONS.iter().find(|function| function.op == op).map_or(("", 0), |function| (function.name, function.version))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::compile::compile;
    use crate::names::{ColumnKind, Source};
    use crate::program::Program;
    use crate::testing::{calls_of, compile_one, input};

    #[test]
    fn functions_of_one_name_differ_in_their_parameters() {
        let mut signatures = HashSet::new();
        for f in functions() {
            for name in f.aliases.iter().chain([&f.name]) {
                let params: Vec<&str> = f.params.iter().map(|param| param.name).collect();
                assert!(signatures.insert((*name, params)), "{name} of {}", f.signature());
            }
        }
        let mut several: Vec<&str> =
            PLACES.iter().filter(|(_, places)| places.len() > 1).map(|(name, _)| *name).collect();
        several.sort_unstable();
        assert_eq!(several, ["ewm", "max", "min"]);
    }

    #[test]
    fn every_entry_is_complete_and_its_parameters_are_in_order() {
        for f in functions() {
            for text in [f.doc, f.formula, f.source, f.missing, f.first_valid] {
                assert!(!text.is_empty(), "{}", f.name);
            }
            assert!(f.version >= 1, "{}", f.name);
            // Expressions, then what is written out, then what may be left away, then what is given by name.
            let order = f.params.iter().map(|p| (p.named_only, !p.kind.is_expression(), !p.is_required()));
            assert!(order.is_sorted(), "{}", f.signature());
            let names: HashSet<&str> = f.params.iter().map(|p| p.name).collect();
            assert_eq!(names.len(), f.params.len(), "{}", f.name);
        }
    }

    #[test]
    fn lookup_by_name_and_alias() {
        assert_eq!(function("med").map(|f| f.name), Some("median"));
        assert_eq!(function("max").map(|f| f.class), Some(Class::Pointwise));
        assert_eq!(overloads("max").count(), 2);
        assert!(function("Mean").is_none());
        let signature = |name: &str| function(name).map(Function::signature).unwrap_or_default();
        assert_eq!(signature("corr"), "corr(x, y, n, min_periods=2)");
        assert_eq!(signature("linearreg"), "linearreg(x, n=14, min_periods=n)");
        assert_eq!(signature("argmax"), "argmax(x, n, ties=first, min_periods=1)");
        assert_eq!(signature("cs_winsorize"), "cs_winsorize(x, k=3, by=…)");
        assert_eq!(signature("cs_neutralize"), "cs_neutralize(x, on=…, by=…)");
        assert_eq!(signature("ewm"), "ewm(x, span=…)");
    }

    #[test]
    fn every_function_has_examples_of_all_its_results() {
        let numbers =
            table::SAMPLE_BARS.iter().map(|(name, _)| *name).chain(table::SAMPLE_SESSION.iter().map(|(name, _)| *name));
        let mut columns: Vec<(&str, ColumnKind)> = numbers.map(|name| (name, ColumnKind::Number)).collect();
        columns.push(("industry", ColumnKind::Text));
        let inputs = [input("sample", &columns)];
        for f in functions() {
            let examples = f.examples();
            assert_eq!(examples.is_empty(), f.class == Class::Forward, "{}", f.signature());
            for part in f.parts {
                assert!(examples.iter().any(|e| e.expression.ends_with(&format!(").{part}"))), "{} .{part}", f.name);
            }
            for example in examples {
                assert!(example.expression.starts_with(&format!("{}(", f.name)), "{}", example.expression);
                assert!(example.expected.iter().any(Option::is_some), "{}", example.expression);
                let compiled = compile(&[Source { name: "out", text: example.expression }], &inputs);
                assert!(compiled.is_ok(), "{}: {compiled:?}", example.expression);
            }
        }
        assert!(table::EXAMPLES.iter().all(|(of, _)| functions().iter().any(|f| f.signature() == *of)));
    }

    /// What the class of a function must be, by the programs that its calls become.
    fn classes(programs: &[Program]) -> Vec<Class> {
        let any = |is: fn(&Program) -> bool| programs.iter().any(is);
        if any(Program::is_cross_sectional) {
            vec![Class::CrossSection]
        } else if any(Program::is_recursive) {
            vec![Class::Recursive, Class::Expanding]
        } else if programs.iter().any(|program| program.window(0).back > 0) {
            vec![Class::Window]
        } else {
            vec![Class::Pointwise]
        }
    }

    #[test]
    fn every_function_compiles_with_its_defaults_and_is_of_its_class() {
        for f in functions().iter().filter(|f| f.class != Class::Forward) {
            let programs: Vec<Program> = calls_of(f)
                .iter()
                .map(|call| compile_one(call).unwrap_or_else(|errors| panic!("{call}: {errors:?}")))
                .collect();
            assert!(classes(&programs).contains(&f.class), "{} is {}", f.signature(), f.class);
        }
    }

    #[test]
    fn a_native_function_is_written_by_its_name() {
        for f in functions().iter().filter(|f| !f.is_formula() && f.class != Class::Forward) {
            let first = functions().iter().find(|other| other.op == f.op).unwrap();
            for call in calls_of(f) {
                let canonical = compile_one(&call).unwrap().canonical();
                let written = format!("{}#{}(", first.name, first.version);
                assert!(canonical.contains(&written), "{call} is written {canonical}");
            }
        }
    }
}
