//! Which column of which input, or which earlier column of the asset, a name means.

use crate::ast::Ident;
use crate::builder::Value;
use crate::catalogue::function;
use crate::error::Mistake;
use crate::program::Type;
use crate::suggest::{code, nearest, quoted, written};

/// A column of the asset: its name and its expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// An input of the asset, by the name under which its columns can be qualified (`bars.close`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputScope {
    pub alias: String,
    /// `None` if the columns are not known before the input has run: then any name is accepted, as a number.
    pub columns: Option<Vec<(String, ColumnKind)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Number,
    Bool,
    /// Text, which tells groups of instruments apart.
    Text,
    /// What cannot be computed with, by the word for it: `date`.
    Other(&'static str),
}

impl InputScope {
    fn kind(&self, column: &str) -> Option<ColumnKind> {
        self.columns.as_ref()?.iter().find(|(name, _)| name == column).map(|(_, kind)| *kind)
    }

    fn column_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().flatten().map(|(name, _)| name.as_str())
    }
}

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// An earlier column of the asset; `None` if that one has mistakes, which are reported there.
    Column(Option<Value>),
    /// `ty` is `None` if the input's columns are not known: a number, or a text where one is wanted.
    Input { input: usize, ty: Option<Type> },
}

/// The names that the column in hand can use.
pub(crate) struct Scope<'a> {
    columns: &'a [Source<'a>],
    inputs: &'a [InputScope],
    /// The columns before the one in hand.
    done: Vec<Option<Value>>,
}

impl<'a> Scope<'a> {
    pub fn new(columns: &'a [Source<'a>], inputs: &'a [InputScope]) -> Scope<'a> {
        Scope { columns, inputs, done: Vec::with_capacity(columns.len()) }
    }

    /// The column in hand is done: the next one can use it.
    pub fn define(&mut self, value: Option<Value>) {
        self.done.push(value);
    }

    /// The name of the column in hand.
    fn own(&self) -> &str {
        self.columns.get(self.done.len()).map_or("", |column| column.name)
    }

    /// What `column`, or `input.column`, means. In the expression of a column its own name means the input's column.
    pub fn resolve(&self, input: Option<&Ident>, column: &Ident) -> Result<Meaning, Mistake> {
        match input {
            Some(alias) => self.qualified(alias, column),
            None => self.unqualified(column),
        }
    }

    fn qualified(&self, alias: &Ident, column: &Ident) -> Result<Meaning, Mistake> {
        let aliases = self.inputs.iter().map(|input| input.alias.as_str());
        let Some(input) = self.inputs.iter().position(|input| input.alias == alias.text) else {
            let help = nearest(&alias.text, aliases.clone())
                .map(did_you_mean)
                .or_else(|| listing("the inputs are", aliases.map(quoted)));
            return Err(
                Mistake::new(alias.span.clone(), format!("unknown input {}", quoted(&alias.text))).maybe_help(help)
            );
        };
        let scope = &self.inputs[input];
        match scope.kind(&column.text) {
            Some(kind) => typed(input, kind, column),
            None if scope.columns.is_none() => Ok(Meaning::Input { input, ty: None }),
            None => {
                let message = format!("{} has no column {}", quoted(&alias.text), quoted(&column.text));
                let help = nearest(&column.text, scope.column_names())
                    .map(did_you_mean)
                    .or_else(|| listing("its columns are", scope.column_names().map(quoted)));
                Err(Mistake::new(column.span.clone(), message).maybe_help(help))
            }
        }
    }

    fn unqualified(&self, column: &Ident) -> Result<Meaning, Mistake> {
        let name = column.text.as_str();
        let (before, after) = self.columns.split_at(self.done.len());
        let other = |source: &Source| source.name == name && name != self.own();
        if let Some(earlier) = before.iter().rposition(other) {
            return Ok(Meaning::Column(self.done[earlier]));
        }
        let known: Vec<usize> =
            (0..self.inputs.len()).filter(|input| self.inputs[*input].kind(name).is_some()).collect();
        match known[..] {
            [] => {}
            [input] => {
                let kind = self.inputs[input].kind(name).unwrap_or(ColumnKind::Number);
                return typed(input, kind, column);
            }
            _ => return Err(self.ambiguous(column, &known, "is a column of several inputs")),
        }
        if after.iter().any(other) {
            let message = format!("{} is a later column: a column may use earlier ones only", quoted(name));
            let help = format!("move {} above {}", quoted(name), quoted(self.own()));
            return Err(Mistake::new(column.span.clone(), message).help(help));
        }
        let open: Vec<usize> = (0..self.inputs.len()).filter(|input| self.inputs[*input].columns.is_none()).collect();
        match open[..] {
            [] => Err(self.unknown(column)),
            [input] => Ok(Meaning::Input { input, ty: None }),
            _ => Err(self.ambiguous(column, &open, "may be a column of several inputs")),
        }
    }

    fn ambiguous(&self, column: &Ident, inputs: &[usize], what: &str) -> Mistake {
        let candidates = inputs
            .iter()
            .map(|input| code(&format!("{}.{}", written(&self.inputs[*input].alias), written(&column.text))))
            .collect::<Vec<_>>();
        Mistake::new(column.span.clone(), format!("{} {what}", quoted(&column.text)))
            .help(format!("write {}", candidates.join(" or ")))
    }

    fn unknown(&self, column: &Ident) -> Mistake {
        let name = column.text.as_str();
        let mistake = |message: String| Mistake::new(column.span.clone(), message);
        if name == self.own() {
            return mistake(format!("{} refers to itself", quoted(name)))
                .help("a column's own name means that column of an input, and no input has it");
        }
        let earlier = self.columns[..self.done.len()].iter().map(|source| source.name);
        let available = self.inputs.iter().flat_map(InputScope::column_names).chain(earlier);
        let help = if self.inputs.iter().any(|input| input.alias == name) {
            Some(format!("{} is an input; its columns are written {}", quoted(name), code(&(written(name) + ".close"))))
        } else if let Some(function) = function(name) {
            Some(format!("`{name}` is a function: {}", code(&function.signature())))
        } else {
            nearest(name, available.clone()).map(did_you_mean).or_else(|| listing("there are", available.map(quoted)))
        };
        mistake(format!("unknown column {}", quoted(name))).maybe_help(help)
    }
}

fn typed(input: usize, kind: ColumnKind, column: &Ident) -> Result<Meaning, Mistake> {
    match kind {
        ColumnKind::Number => Ok(Meaning::Input { input, ty: Some(Type::Number) }),
        ColumnKind::Bool => Ok(Meaning::Input { input, ty: Some(Type::Bool) }),
        ColumnKind::Text => Ok(Meaning::Input { input, ty: Some(Type::Category) }),
        ColumnKind::Other(kind) => Err(Mistake::new(
            column.span.clone(),
            format!("{} is a {kind} column, which cannot be computed with", quoted(&column.text)),
        )
        .help("expressions compute with numbers and with true and false")),
    }
}

pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean {}?", quoted(name))
}

/// ``its columns are: `close`, `open` ``, cut off after a dozen.
fn listing(intro: &str, names: impl Iterator<Item = String>) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<String> = names.collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("{intro}: {}{more}", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;
    use crate::program::{Node, Program};
    use crate::testing::{assert_refusals, columns, input};

    fn two_inputs() -> Vec<InputScope> {
        vec![
            input("bars", &[("close", ColumnKind::Number), ("volume", ColumnKind::Number)]),
            input("index bars", &[("close", ColumnKind::Number), ("halted", ColumnKind::Bool)]),
        ]
    }

    fn inputs_read(program: &Program) -> Vec<(usize, &str)> {
        program
            .nodes
            .iter()
            .filter_map(|node| match node {
                Node::Input { input, column, .. } => Some((*input, column.as_str())),
                _ => None,
            })
            .collect()
    }

    fn first_error(sources: &[(&str, &str)], inputs: &[InputScope]) -> (usize, String, String) {
        let error = compile(&columns(sources), inputs).unwrap_err().remove(0);
        (error.column, error.message, error.help.unwrap_or_default())
    }

    #[test]
    fn a_name_is_an_earlier_column_then_an_input() {
        let program = compile(&columns(&[("volume", "volume * 2"), ("b", "volume + 1")]), &two_inputs()).unwrap();
        assert_eq!(inputs_read(&program), [(0, "volume")]);
        assert_eq!(program.outputs[1].node.0 as usize, program.nodes.len() - 1);
        assert!(program.nodes.contains(&Node::Number(2.0)), "the second column uses the first");
        let program = compile(&columns(&[("volume", "1"), ("b", "bars.volume")]), &two_inputs()).unwrap();
        assert_eq!(inputs_read(&program), [(0, "volume")]);
    }

    #[test]
    fn a_name_of_several_inputs_must_be_qualified() {
        assert_eq!(
            first_error(&[("a", "close")], &two_inputs()),
            (
                0,
                "`close` is a column of several inputs".into(),
                "write `bars.close` or `` `index bars`.close ``".into()
            )
        );
        let program = compile(&columns(&[("a", "bars.close / `index bars`.close")]), &two_inputs()).unwrap();
        assert_eq!(inputs_read(&program), [(0, "close"), (1, "close")]);
    }

    #[test]
    fn inputs_of_unknown_columns_take_any_name() {
        let open = |alias: &str| InputScope { alias: alias.into(), columns: None };
        let mut inputs = vec![two_inputs().remove(0), open("query")];
        let sources = columns(&[("a", "anything + volume"), ("b", "query.volume")]);
        let program = compile(&sources, &inputs).unwrap();
        assert_eq!(inputs_read(&program), [(1, "anything"), (0, "volume"), (1, "volume")]);
        inputs.push(open("other"));
        let (_, message, help) = first_error(&[("a", "anything")], &inputs);
        assert_eq!(message, "`anything` may be a column of several inputs");
        assert_eq!(help, "write `query.anything` or `other.anything`");
        // Neither a later column nor itself is taken for the input's by accident.
        let (_, message, _) = first_error(&[("a", "b"), ("b", "1")], &[open("query")]);
        assert_eq!(message, "`b` is a later column: a column may use earlier ones only");
        assert!(compile(&columns(&[("a", "a + 1")]), &[open("query")]).is_ok());
    }

    #[test]
    fn columns_use_earlier_columns_only() {
        assert_eq!(
            first_error(&[("a", "b"), ("b", "volume")], &two_inputs()),
            (0, "`b` is a later column: a column may use earlier ones only".into(), "move `b` above `a`".into())
        );
        assert_eq!(
            first_error(&[("a", "a + 1")], &two_inputs()),
            (
                0,
                "`a` refers to itself".into(),
                "a column's own name means that column of an input, and no input has it".into()
            )
        );
    }

    #[test]
    fn what_uses_a_wrong_column_is_not_reported_for_it() {
        let errors =
            compile(&columns(&[("a", "clse"), ("b", "a and (a > 1)"), ("c", "(")]), &two_inputs()).unwrap_err();
        let found: Vec<_> = errors.iter().map(|error| (error.column, error.message.as_str())).collect();
        assert_eq!(found, [(0, "unknown column `clse`"), (2, "unexpected end of expression")]);
    }

    #[test]
    fn unknown_names_get_suggestions() {
        assert_refusals(&[
            ("clsoe + 1", "clsoe", "unknown column `clsoe`", "did you mean `close`?"),
            ("Close", "Close", "unknown column `Close`", "did you mean `close`?"),
            ("adjclose", "adjclose", "unknown column `adjclose`", "did you mean `` `adj close` ``?"),
            (
                "turnover",
                "turnover",
                "unknown column `turnover`",
                "there are: `open`, `close`, `` `adj close` ``, `halted`, `industry`, `listed`",
            ),
            ("bar.close", "bar", "unknown input `bar`", "did you mean `bars`?"),
            ("universe.close", "universe", "unknown input `universe`", "the inputs are: `bars`"),
            ("bars.opne", "opne", "`bars` has no column `opne`", "did you mean `open`?"),
            (
                "bars.turnover",
                "turnover",
                "`bars` has no column `turnover`",
                "its columns are: `open`, `close`, `` `adj close` ``, `halted`, `industry`, `listed`",
            ),
            ("bars + 1", "bars", "unknown column `bars`", "`bars` is an input; its columns are written `bars.close`"),
            ("mean + 1", "mean", "unknown column `mean`", "`mean` is a function: `mean(x, n, min_periods=1)`"),
            (
                "listed",
                "listed",
                "`listed` is a date column, which cannot be computed with",
                "expressions compute with numbers and with true and false",
            ),
        ]);
    }
}
