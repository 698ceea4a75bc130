//! Functions that are defined in the language itself, by definitions separated by `;`:
//! `middle = mean(x, n); upper = middle + k * std(x, n)`.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use crate::ast::Ast;
use crate::catalogue::{Function, functions};
use crate::error::Mistake;
use crate::parse::parse;

/// One definition of a formula.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Empty for a result without a name.
    pub name: &'static str,
    pub text: &'static str,
    pub ast: Ast,
}

type Parsed = Result<Vec<Definition>, Mistake>;

/// The formulas that were asked for.
static PARSED: LazyLock<HashMap<&'static str, OnceLock<Parsed>>> =
    LazyLock::new(|| functions().iter().filter(|f| f.is_formula()).map(|f| (f.formula, OnceLock::new())).collect());

/// The definitions of a function that is a formula, in their order. An error is a mistake in the catalogue, which a test finds.
pub(crate) fn definitions(function: &Function) -> Result<&'static [Definition], Mistake> {
    let Some(parsed) = PARSED.get(function.formula) else { return Ok(&[]) };
    parsed.get_or_init(|| function.formula.split(';').map(definition).collect()).as_deref().map_err(Clone::clone)
}

fn definition(text: &'static str) -> Result<Definition, Mistake> {
    let (name, text) = match text.split_once(" = ") {
        // `=` gives a name to an argument too, but there something stands before it that is no name.
        Some((name, text)) if name.trim().chars().all(|c| c.is_alphanumeric() || c == '_') => (name.trim(), text),
        _ => ("", text),
    };
    Ok(Definition { name, text, ast: parse(text)? })
}
