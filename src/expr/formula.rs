//! Functions that are defined in the language itself, by definitions separated by `;`:
//! `middle = mean(x, n); upper = middle + k * std(x, n)`.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use crate::ast::{Ast, ExprId, Ident};
use crate::builder::Value;
use crate::calls::Bound;
use crate::catalogue::{Function, ParamKind, functions};
use crate::compile::{Column, Names};
use crate::constants::{Binding, Bindings, number};
use crate::error::Mistake;
use crate::parse::parse;
use crate::suggest::code;

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

impl Column<'_> {
    /// What a function is that is defined in the language: its definitions, one after the other.
    pub(crate) fn formula(&mut self, name: &Ident, call: &Bound, operands: &[Value]) -> Option<Value> {
        let function = call.function;
        let wrong = |mistake: Mistake| {
            let message =
                format!("{} cannot be computed with these arguments: {}", code(function.name), mistake.message);
            Mistake::new(name.span.clone(), message).maybe_help(mistake.help)
        };
        let mut bindings = Bindings::new();
        for (param, number) in &call.numbers {
            bindings.insert(param.name.to_owned(), Binding::Number(*number));
            if let ParamKind::Choice(words) = param.kind {
                let words = words.iter().enumerate();
                bindings.extend(words.map(|(place, word)| ((*word).to_owned(), Binding::Number(place as f64))));
            }
        }
        for ((param, _), value) in call.operands.iter().zip(operands) {
            bindings.insert(param.name.to_owned(), Binding::Value(*value));
        }
        let definitions = match definitions(function) {
            Ok(definitions) => definitions,
            Err(mistake) => {
                self.mistakes.push(wrong(mistake));
                return None;
            }
        };
        let mut last = None;
        for definition in definitions {
            let id = ExprId(definition.ast.exprs.len() - 1);
            if let Some(constant) = number(&definition.ast, id, &bindings) {
                bindings.insert(definition.name.to_owned(), Binding::Number(constant));
                continue;
            }
            let names = Names::Formula(&bindings);
            let mistakes = Vec::new();
            let mut inner =
                Column { text: definition.text, ast: &definition.ast, names, builder: self.builder, mistakes };
            let value = inner.compile();
            if let Some(mistake) = inner.mistakes.into_iter().next() {
                self.mistakes.push(wrong(mistake));
                return None;
            }
            bindings.insert(definition.name.to_owned(), Binding::Value(value?));
            last = value;
        }
        let Some(part) = function.parts.get(call.part) else { return last };
        match bindings.get(*part)? {
            Binding::Value(value) => Some(*value),
            Binding::Number(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::compile_one;

    fn same(text: &str, other: &str) {
        assert_eq!(compile_one(text).unwrap(), compile_one(other).unwrap(), "{text} and {other}");
    }

    #[test]
    fn results_are_named_by_definitions() {
        for f in functions().iter().filter(|f| f.is_formula()) {
            let definitions = definitions(f).unwrap();
            let names: Vec<&str> = definitions.iter().map(|definition| definition.name).collect();
            for part in f.parts {
                assert!(names.contains(part), "{} does not define {part}", f.name);
            }
            let (last, before) = names.split_last().unwrap();
            assert!(before.iter().all(|name| !name.is_empty()), "{} computes something for nothing", f.name);
            assert_eq!(last.is_empty(), f.parts.is_empty(), "{} ends with {last}", f.name);
        }
    }

    #[test]
    fn a_formula_is_what_it_says() {
        same("sma(close, 9)", "mean(close, 9, min_periods=9)");
        same("dema(close, 9)", "2 * ema(close, 9) - ema(ema(close, 9), 9)");
        same("bbands(close, 9, 3).lower", "mean(close, 9, min_periods=9) - 3 * std_pop(close, 9, min_periods=9)");
        same("bbands(close, 20, 2).upper", "bbands(close).upper");
        same("ewm(close, span=9)", "ewm(close, alpha=0.2)");
        same("cummax(close)", "max(close, n=0)");
    }

    #[test]
    fn numbers_are_computed_from_arguments() {
        same("trima(close, 9)", "sma(sma(close, 5), 5)");
        same("trima(close, 8)", "sma(sma(close, 4), 5)");
        same("hma(close, 9)", "wma(2 * wma(close, 4, min_periods=4) - wma(close, 9, min_periods=9), 3, min_periods=3)");
        same("aroon(open, close, 9).up", "100 * (argmax(open, 10, ties=last, min_periods=10) - 1) / 9");
        let folded = compile_one("t3(close, 5, 0.5)").unwrap().canonical();
        assert!(folded.contains("(-0.125*"), "{folded}");
    }

    #[test]
    fn a_choice_decides_what_is_computed() {
        same("apo(close, 3, 6, ma=sma)", "sma(close, 3) - sma(close, 6)");
        same("apo(close, 6, 3)", "ema(close, 3) - ema(close, 6)");
        let kdj = |seed: &str| compile_one(&format!("kdj(open, open, close, seed={seed}).d")).unwrap().canonical();
        assert!(kdj("first").contains("sma_tdx#1(") && !kdj("first").contains("rma#1("));
        assert!(kdj("fifty").contains(",3,50)"), "{}", kdj("fifty"));
    }

    #[test]
    fn parts_share_what_they_need() {
        let all = "macd(close).line + macd(close).signal + macd(close).hist";
        let program = compile_one(all).unwrap();
        // close, macd_line, ema, is_missing, if, -, and two sums
        assert_eq!(program.nodes.len(), 8);
    }
}
