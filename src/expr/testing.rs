//! What the tests of this crate share: a set of inputs, and expressions made at random.

use proptest::prelude::*;

use crate::catalogue::{Function, ParamKind};
use crate::compile::compile;
use crate::error::ExprError;
use crate::names::{ColumnKind, InputScope, Source};
use crate::program::Program;

pub(crate) fn input(alias: &str, columns: &[(&str, ColumnKind)]) -> InputScope {
    let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    InputScope { alias: alias.to_owned(), columns: Some(columns) }
}

/// One input, `bars`, with numbers, of which one must be quoted, a condition, a text and a date.
pub(crate) fn bars() -> Vec<InputScope> {
    use ColumnKind::{Bool, Number, Other, Text};
    vec![input(
        "bars",
        &[
            ("open", Number),
            ("close", Number),
            ("adj close", Number),
            ("halted", Bool),
            ("industry", Text),
            ("listed", Other("date")),
        ],
    )]
}

/// Calls of a function over [`bars`]: of each of its results, and with each word of its choices.
pub(crate) fn calls_of(function: &Function) -> Vec<String> {
    let mut args = Vec::new();
    let mut more = vec![String::new()];
    for param in function.params {
        let value = match param.kind {
            ParamKind::Choice(words) => {
                more.extend(words.iter().map(|word| format!(", {}={word}", param.name)));
                continue;
            }
            ParamKind::Group => "industry",
            ParamKind::Numbers | ParamKind::Number | ParamKind::Branch => "close",
            ParamKind::Bool | ParamKind::Countable => "halted",
            _ if !param.is_required() => continue,
            ParamKind::Real(_) => "0.5",
            _ => "5",
        };
        args.push(if param.named_only { format!("{}={value}", param.name) } else { value.to_owned() });
    }
    let parts = function.parts.iter().map(|part| format!(".{part}"));
    let parts: Vec<String> = if function.parts.is_empty() { vec![String::new()] } else { parts.collect() };
    let call = |more: &String, part: &String| format!("{}({}{more}){part}", function.name, args.join(", "));
    more.iter().flat_map(|more| parts.iter().map(|part| call(more, part))).collect()
}

pub(crate) fn columns<'a>(columns: &[(&'a str, &'a str)]) -> Vec<Source<'a>> {
    columns.iter().map(|(name, text)| Source { name, text }).collect()
}

/// The one column `out` over [`bars`].
pub(crate) fn compile_one(text: &str) -> Result<Program, Vec<ExprError>> {
    compile(&[Source { name: "out", text }], &bars())
}

/// The only mistake of an expression over [`bars`]: the text it is at, the message and the help.
pub(crate) fn refusal(text: &str) -> (String, String, String) {
    let errors = compile_one(text).unwrap_err();
    let [error] = &errors[..] else { panic!("{text}: {errors:?}") };
    (text[error.span.clone()].to_owned(), error.message.clone(), error.help.clone().unwrap_or_default())
}

/// Asserts the only mistake of each expression: (expression, what it is at, message, help).
pub(crate) fn assert_refusals(cases: &[(&str, &str, &str, &str)]) {
    for (text, at, message, help) in cases {
        let expected = ((*at).to_owned(), (*message).to_owned(), (*help).to_owned());
        assert_eq!(refusal(text), expected, "{text}");
    }
}

/// An expression as a tree, apart from the parser's own form of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Number(f64),
    Bool(bool),
    Name(&'static str),
    Prefix(&'static str, Box<Tree>),
    Infix(Box<Tree>, &'static str, Box<Tree>),
    Call(&'static str, Vec<Tree>),
}

const OPERATORS: [(&str, u8); 13] = [
    ("or", 1),
    ("and", 2),
    ("<", 4),
    ("<=", 4),
    (">", 4),
    (">=", 4),
    ("==", 4),
    ("!=", 4),
    ("+", 5),
    ("-", 5),
    ("*", 6),
    ("/", 6),
    ("^", 8),
];

fn strength(operator: &str) -> u8 {
    OPERATORS.iter().find(|(name, _)| *name == operator).map_or(0, |(_, strength)| *strength)
}

impl Tree {
    /// The words of the text: with parentheses around every operation, or around those that need them.
    pub(crate) fn words(&self, all_parentheses: bool) -> Vec<String> {
        let mut words = Vec::new();
        self.write(all_parentheses, &mut words);
        words
    }

    fn write(&self, all: bool, words: &mut Vec<String>) {
        // An operand: in parentheses unless it is an atom or an operator that `may_stand_bare`.
        let operand = |tree: &Tree, may_stand_bare: &dyn Fn(u8) -> bool, words: &mut Vec<String>| {
            let bare = match tree {
                Tree::Number(_) | Tree::Bool(_) | Tree::Name(_) | Tree::Call(..) => true,
                Tree::Prefix("-", _) => !all && may_stand_bare(7),
                Tree::Prefix(..) => !all && may_stand_bare(3),
                Tree::Infix(_, operator, _) => !all && may_stand_bare(strength(operator)),
            };
            if !bare {
                words.push("(".into());
            }
            tree.write(all, words);
            if !bare {
                words.push(")".into());
            }
        };
        match self {
            Tree::Number(value) => words.push(value.to_string()),
            Tree::Bool(value) => words.push(value.to_string()),
            Tree::Name(name) => words.push((*name).into()),
            Tree::Prefix(operator, x) => {
                words.push((*operator).into());
                let own = if *operator == "-" { 7 } else { 3 };
                operand(x, &|strength| strength >= own, words);
            }
            Tree::Infix(x, operator, y) => {
                let own = strength(operator);
                // Powers group from the right, comparisons not at all, the rest from the left.
                operand(x, &|strength| strength > own || (strength == own && own != 4 && own != 8), words);
                words.push((*operator).into());
                operand(y, &|strength| strength > own || (strength == own && own == 8), words);
            }
            Tree::Call(function, args) => {
                words.extend([(*function).to_owned(), "(".into()]);
                for (at, arg) in args.iter().enumerate() {
                    if at > 0 {
                        words.push(",".into());
                    }
                    arg.write(all, words);
                }
                words.push(")".into());
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        self.words(false).join(" ")
    }
}

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![(0_u32..1000).prop_map(f64::from), 0.0..10.0].prop_map(Tree::Number)
}

/// Any expression that can be parsed, whether it makes sense or not.
pub(crate) fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        number(),
        any::<bool>().prop_map(Tree::Bool),
        prop::sample::select(vec!["close", "_x1", "收盘价", "bars.close", "`adj close`", "`a``b`.`and`"])
            .prop_map(Tree::Name),
    ];
    leaf.prop_recursive(6, 60, 3, |inner| {
        let operators = prop::sample::select(OPERATORS.map(|(name, _)| name).to_vec());
        prop_oneof![
            1 => (prop::sample::select(vec!["-", "not"]), inner.clone()).prop_map(|(op, x)| Tree::Prefix(op, x.into())),
            3 => (inner.clone(), operators, inner.clone()).prop_map(|(x, op, y)| Tree::Infix(x.into(), op, y.into())),
            1 => (prop::sample::select(vec!["f", "mean"]), prop::collection::vec(inner, 0..3)).prop_map(|(f, args)| Tree::Call(f, args)),
        ]
    })
}

/// A number over [`bars`] that compiles.
pub(crate) fn typed_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => number(),
        4 => prop::sample::select(vec!["open", "close", "bars.close", "`adj close`"]).prop_map(Tree::Name),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let select = |names: &[&'static str]| prop::sample::select(names.to_vec());
        let sessions = (1_u32..7).prop_map(|n| Tree::Number(f64::from(n)));
        let condition = prop_oneof![
            (inner.clone(), select(&["<", "<=", ">", ">=", "==", "!="]), inner.clone())
                .prop_map(|(x, op, y)| Tree::Infix(x.into(), op, y.into())),
            Just(Tree::Name("halted")),
        ];
        let logic = (condition.clone(), select(&["and", "or"]), condition.clone())
            .prop_map(|(x, op, y)| Tree::Infix(x.into(), op, Tree::Prefix("not", y.into()).into()));
        prop_oneof![
            inner.clone().prop_map(|x| Tree::Prefix("-", x.into())),
            (inner.clone(), select(&["+", "-", "*", "/", "^"]), inner.clone()).prop_map(|(x, op, y)| Tree::Infix(
                x.into(),
                op,
                y.into()
            )),
            (select(&["abs", "log", "cs_rank", "cs_zscore"]), inner.clone()).prop_map(|(f, x)| Tree::Call(f, vec![x])),
            (
                select(&["ref", "delta", "roc", "mean", "sum", "max", "count", "rank", "wma", "ema", "rma"]),
                inner.clone(),
                sessions.clone()
            )
                .prop_map(|(f, x, n)| Tree::Call(f, vec![x, n])),
            (select(&["cumsum", "last_valid", "first_valid", "is_missing"]), inner.clone()).prop_map(
                |(f, x)| match f {
                    "is_missing" => Tree::Call("if", vec![Tree::Call(f, vec![x.clone()]), x.clone(), x]),
                    _ => Tree::Call(f, vec![x]),
                }
            ),
            (inner.clone(), inner.clone(), 2_u32..7)
                .prop_map(|(x, y, n)| Tree::Call("corr", vec![x, y, Tree::Number(f64::from(n))])),
            (prop_oneof![condition, logic.clone()], inner.clone(), inner.clone())
                .prop_map(|(c, x, y)| Tree::Call("if", vec![c, x, y])),
            (logic, sessions).prop_map(|(c, n)| Tree::Call("count", vec![c, n])),
        ]
    })
}
