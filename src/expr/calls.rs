//! Calls: which function, which argument for which parameter, and which of its results.

use crate::ast::{Arg, Ast, ExprId, Ident};
use crate::catalogue::{Function, Op, Param, ParamKind, functions, overloads};
use crate::constants::{Bindings, literal};
use crate::error::Mistake;
use crate::literals::look_ahead;
use crate::names::did_you_mean;
use crate::program::RecursiveFn;
use crate::suggest::{code, nearest, quoted};

/// A call that is right but for the types of its arguments.
#[derive(Debug)]
pub(crate) struct Bound {
    pub function: &'static Function,
    /// One for each parameter that takes an expression, in their order; any number for one that takes several.
    pub operands: Vec<(&'static Param, ExprId)>,
    /// The column of groups.
    pub by: Option<ExprId>,
    /// One for each parameter that takes a number written out, in their order.
    pub numbers: Vec<(&'static Param, f64)>,
    /// Which of the function's results.
    pub part: usize,
}

impl Bound {
    /// The number given for the parameter whose kind `is`; 0 without one.
    fn number(&self, is: impl Fn(ParamKind) -> bool) -> f64 {
        self.numbers.iter().find(|(param, _)| is(param.kind)).map_or(0.0, |(_, value)| *value)
    }

    /// The window or the distance, in sessions; 0 where the function has none, as are the next two.
    pub fn sessions(&self) -> u32 {
        self.number(|kind| matches!(kind, ParamKind::Sessions { .. } | ParamKind::Lag { .. })) as u32
    }

    pub fn min_periods(&self) -> u32 {
        self.number(|kind| matches!(kind, ParamKind::MinPeriods { .. })) as u32
    }

    /// What else a function has as a number.
    pub fn param(&self) -> f64 {
        self.number(|kind| matches!(kind, ParamKind::Real(_) | ParamKind::Whole { .. } | ParamKind::Choice(_)))
    }
}

/// Where calls stand.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub ast: &'a Ast,
    pub text: &'a str,
    /// What the names mean, in the formula of a function.
    pub bindings: Option<&'a Bindings>,
}

/// A call whose arguments have found their parameters.
pub(crate) struct Call<'a> {
    pub context: Context<'a>,
    pub name: &'a Ident,
    pub function: &'static Function,
}

/// Binds the call `name(args).part`. Arguments that are read here, as numbers written out, are added to `literals`; the others are
/// left to be compiled, also where the call as a whole is wrong.
pub(crate) fn bind(
    context: Context<'_>,
    name: &Ident,
    args: &[Arg],
    part: Option<&Ident>,
    literals: &mut Vec<ExprId>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Bound> {
    let Some(function) = choose(context, &name.text, args) else {
        mistakes.push(unknown(name));
        return None;
    };
    let call = Call { context, name, function };
    let before = mistakes.len();
    let given = call.assign(args, mistakes);
    literals.extend(call.words_without_names(args));
    let mut bound = Bound { function, operands: Vec::new(), by: None, numbers: Vec::new(), part: 0 };
    for (param, values) in function.params.iter().zip(&given) {
        match (param.kind, values.first()) {
            (ParamKind::Group, by) => bound.by = by.copied(),
            (kind, _) if kind.is_expression() => bound.operands.extend(values.iter().map(|value| (param, *value))),
            (_, value) => {
                literals.extend(value);
                match call.literal(bound.sessions(), param, value.copied()) {
                    Ok(number) => bound.numbers.extend(number.map(|number| (param, number))),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
    }
    match call.part(part) {
        Ok(place) => bound.part = place,
        Err(mistake) => mistakes.push(mistake),
    }
    // What looks ahead is refused as such, whatever else is wrong with it.
    if function.op == Op::Forward {
        mistakes.truncate(before);
        mistakes.push(look_ahead(name.span.clone(), &format!("{} looks ahead", code(&name.text))));
    }
    mistakes.extend(call.empty_clip(&bound).or_else(|| call.weight_above_one(&bound)));
    (mistakes.len() == before).then_some(bound)
}

/// The function of this name: of several the one that has all arguments given by name, and numbers where numbers are written
/// out: `max(x, 5)` is of a window, `max(x, y)` is not.
fn choose(context: Context<'_>, name: &str, args: &[Arg]) -> Option<&'static Function> {
    let fit = |function: &'static Function| {
        let mut fit = 0;
        for (at, arg) in args.iter().enumerate() {
            let param = match &arg.name {
                Some(name) => function.params.iter().find(|param| param.name == name.text),
                None => function.positional_params().nth(at),
            };
            let is_number = literal(context.ast, arg.value, context.bindings).is_some();
            fit += match param {
                None => -2,
                Some(param) if param.kind.is_expression() => i32::from(arg.name.is_some()),
                Some(_) => i32::from(is_number) * 2 - 1,
            };
        }
        fit
    };
    let mut best: Option<(i32, &'static Function)> = None;
    for function in overloads(name) {
        let own = fit(function);
        if best.is_none_or(|(fit, _)| own > fit) {
            best = Some((own, function));
        }
    }
    best.map(|(_, function)| function)
}

fn unknown(name: &Ident) -> Mistake {
    let wanted = name.text.as_str();
    let cross_sectional = format!("cs_{}", wanted.to_lowercase());
    let names = functions().iter().flat_map(|f| [f.name].into_iter().chain(f.aliases.iter().copied()));
    let help = if let Some(near) = nearest(wanted, names) {
        did_you_mean(near)
    } else if let Some(near) = overloads(&cross_sectional).next() {
        did_you_mean(near.name)
    } else {
        "`assetctl functions` lists the functions there are".to_owned()
    };
    Mistake::new(name.span.clone(), format!("unknown function {}", code(wanted))).help(help)
}

impl Call<'_> {
    /// Which of the function's results is meant.
    fn part(&self, part: Option<&Ident>) -> Result<usize, Mistake> {
        let parts = self.function.parts;
        let name = code(&self.name.text);
        let listed = || parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(", ");
        match part {
            None if parts.is_empty() => Ok(0),
            None => Err(Mistake::new(self.name.span.clone(), format!("{name} has several results: {}", listed()))
                .help(format!("write which: {}", code(&format!("{}(…).{}", self.name.text, parts[0]))))),
            Some(part) if parts.is_empty() => Err(Mistake::new(
                part.span.clone(),
                format!("{name} has one result, and none by the name {}", quoted(&part.text)),
            )
            .help(format!("leave {} away", code(&format!(".{}", part.text))))),
            Some(part) => parts.iter().position(|known| *known == part.text).ok_or_else(|| {
                let help = nearest(&part.text, parts.iter().copied())
                    .map_or_else(|| format!("its results are: {}", listed()), did_you_mean);
                Mistake::new(part.span.clone(), format!("{name} has no result {}", quoted(&part.text))).help(help)
            }),
        }
    }

    /// Tongdaxin's mean with a new value that counts more than all of it.
    fn weight_above_one(&self, bound: &Bound) -> Option<Mistake> {
        let [(_, n), (_, m)] = bound.numbers[..] else { return None };
        (bound.function.op == Op::Recursive(RecursiveFn::SmaTdx) && m > n).then(|| {
            let message = format!("`m` of {} must not be above its `n` of {n}, got `{m}`", code(&self.name.text));
            Mistake::new(self.name.span.clone(), message).help("a new value counts m parts of n")
        })
    }

    /// `clip` between bounds that are written out in the wrong order.
    fn empty_clip(&self, bound: &Bound) -> Option<Mistake> {
        let [_, (_, lo), (_, hi)] = bound.operands[..] else { return None };
        let of = |id| literal(self.context.ast, id, self.context.bindings);
        let (lo, hi) = (of(lo)?, of(hi)?);
        (bound.function.name == "clip" && lo.value > hi.value).then(|| {
            Mistake::new(self.name.span.clone(), format!("`clip` from {} to {} is empty", lo.value, hi.value))
                .help("give the lower bound first")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::program::{Node, Program, WindowFn};
    use crate::testing::{assert_refusals, compile_one};

    fn same(text: &str, other: &str) {
        assert_eq!(compile_one(text).unwrap(), compile_one(other).unwrap(), "{text} and {other}");
    }

    /// The window function of a program that has one: what it is, its sessions, its least number of values, its parameter.
    fn window(program: &Program) -> (WindowFn, u32, u32, f64) {
        let found = program.nodes.iter().find_map(|node| match node {
            Node::Window { f, n, min_periods, param, .. } => Some((*f, *n, *min_periods, *param)),
            _ => None,
        });
        found.unwrap()
    }

    #[test]
    fn aliases_are_the_functions() {
        same("med(close, 5)", "median(close, 5)");
        same("shift(close, 5)", "ref(close, 5)");
        same("ts_max(close, 5)", "max(close, 5)");
        same("pow(close, 2)", "close ^ 2");
    }

    #[test]
    fn min_and_max_are_of_a_window_where_a_number_is_written_out() {
        assert_eq!(window(&compile_one("max(close, 5)").unwrap()), (WindowFn::Max, 5, 1, 0.0));
        assert_eq!(window(&compile_one("min(close, n=5, min_periods=3)").unwrap()), (WindowFn::Min, 5, 3, 0.0));
        same("max(close, open)", "greater(close, open)");
        same("min(5, close)", "less(5, close)");
        assert_refusals(&[
            (
                "max(close, 0)",
                "0",
                "`n` of `max` must be at least 1, got `0`",
                "for the greater of two numbers, write `greater(x, 0)`; for all sessions so far, write `n=0`",
            ),
            (
                "min(close, 2.5)",
                "2.5",
                "`n` of `min` must be a whole number of sessions, got `2.5`",
                "for the lesser of two numbers, write `less(x, 2.5)`",
            ),
            (
                "max(close, -1)",
                "-1",
                "`n` of `max` must be at least 1, got `-1`",
                "for the greater of two numbers, write `greater(x, -1)`",
            ),
            ("max(close)", "max", "`max` takes 2 arguments (x, y), got 1", "or it is `max(x, n, min_periods=1)`"),
        ]);
    }

    #[test]
    fn unknown_functions_get_suggestions() {
        assert_refusals(&[
            ("meen(close, 20)", "meen", "unknown function `meen`", "did you mean `mean`?"),
            ("Mean(close, 20)", "Mean", "unknown function `Mean`", "did you mean `mean`?"),
            ("neutralize(close)", "neutralize", "unknown function `neutralize`", "did you mean `cs_neutralize`?"),
            ("EMA(close, 20)", "EMA", "unknown function `EMA`", "did you mean `ema`?"),
            (
                "foobarbaz(close)",
                "foobarbaz",
                "unknown function `foobarbaz`",
                "`assetctl functions` lists the functions there are",
            ),
        ]);
    }

    #[test]
    fn numbers_that_do_not_fit_together_are_refused() {
        assert_refusals(&[
            ("clip(close, 2, -1)", "clip", "`clip` from 2 to -1 is empty", "give the lower bound first"),
            (
                "sma_tdx(close, 3, 4)",
                "sma_tdx",
                "`m` of `sma_tdx` must not be above its `n` of 3, got `4`",
                "a new value counts m parts of n",
            ),
        ]);
        assert!(compile_one("sma_tdx(close, 3, 3)").is_ok());
    }

    #[test]
    fn results_are_chosen_by_their_names() {
        assert_refusals(&[
            (
                "macd(close)",
                "macd",
                "`macd` has several results: `line`, `signal`, `hist`",
                "write which: `macd(…).line`",
            ),
            ("macd(close).histo", "histo", "`macd` has no result `histo`", "did you mean `hist`?"),
            ("macd(close).x", "x", "`macd` has no result `x`", "its results are: `line`, `signal`, `hist`"),
            ("mean(close, 5).line", "line", "`mean` has one result, and none by the name `line`", "leave `.line` away"),
        ]);
        assert_ne!(compile_one("macd(close).line"), compile_one("macd(close).hist"));
    }

    #[test]
    fn of_several_forms_the_one_with_the_arguments_is_meant() {
        assert_ne!(compile_one("ewm(close, halflife=9)"), compile_one("ewm(close, span=9)"));
        assert_refusals(&[
            ("ewm(close)", "ewm", "`ewm` needs `span=…`", "or it is `ewm(x, alpha=…)`"),
            ("ewm(close, 9)", "ewm", "`ewm` takes 1 argument (x), got 2", "`span` is given by its name: `span=9`"),
            ("ewm(close, alpha=2)", "2", "`alpha` of `ewm` must be a number above 0 and up to 1, got `2`", ""),
        ]);
    }
}
