//! Which argument is for which parameter.

use crate::ast::{Arg, ExprId, ExprKind, Ident};
use crate::calls::Call;
use crate::catalogue::{Param, ParamKind, overloads};
use crate::error::Mistake;
use crate::names::did_you_mean;
use crate::suggest::{code, nearest};

impl Call<'_> {
    /// The arguments for each parameter of the function.
    pub(crate) fn assign(&self, args: &[Arg], mistakes: &mut Vec<Mistake>) -> Vec<Vec<ExprId>> {
        let params = self.function.params;
        let mut given: Vec<Vec<ExprId>> = vec![Vec::new(); params.len()];
        let positional: Vec<usize> = (0..params.len()).filter(|place| !params[*place].named_only).collect();
        let several = |place: usize| params[place].kind == ParamKind::Numbers;
        let rest = positional.last().copied().filter(|last| several(*last));
        let mut too_many = false;
        let before = mistakes.len();
        for (at, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                None => match positional.get(at).copied().or(rest) {
                    Some(place) => place,
                    None => {
                        too_many = true;
                        continue;
                    }
                },
                Some(name) => match params.iter().position(|param| param.name == name.text) {
                    Some(place) => place,
                    None => {
                        mistakes.push(self.no_such_argument(name));
                        continue;
                    }
                },
            };
            if !given[place].is_empty() && !several(place) {
                let span = arg.name.as_ref().map_or(self.span(arg.value), |name| name.span.clone());
                mistakes.push(Mistake::new(span, format!("{} is given twice", code(params[place].name))));
            } else {
                given[place].push(arg.value);
            }
        }
        let missing = params.iter().zip(&given).find(|(param, values)| param.is_required() && values.is_empty());
        // A wrong name is why something is missing: one message for one mistake.
        if too_many || (missing.is_some() && mistakes.len() == before) {
            mistakes.push(self.wrong_count(args, missing.map(|(param, _)| param), too_many));
        }
        given
    }

    /// Words of the function's choices that were given without the choice's name: they are no columns.
    pub(crate) fn words_without_names(&self, args: &[Arg]) -> Vec<ExprId> {
        let is_word = |name: &str| {
            self.function
                .params
                .iter()
                .any(|param| matches!(param.kind, ParamKind::Choice(words) if words.contains(&name)))
        };
        let surplus = args.iter().filter(|arg| arg.name.is_none()).skip(self.function.positional_params().count());
        surplus
            .map(|arg| arg.value)
            .filter(|id| match &self.context.ast.get(*id).kind {
                ExprKind::Name { input: None, column } => is_word(&column.text),
                _ => false,
            })
            .collect()
    }

    fn no_such_argument(&self, name: &Ident) -> Mistake {
        let names = self.function.params.iter().map(|param| param.name);
        let help = nearest(&name.text, names)
            .map_or_else(|| format!("it is {}", code(&self.function.signature())), did_you_mean);
        let message = format!("{} has no argument {}", code(&self.name.text), code(&name.text));
        Mistake::new(name.span.clone(), message).help(help)
    }

    /// `mean` takes 2 arguments (x, n), got 1
    fn wrong_count(&self, args: &[Arg], missing: Option<&Param>, too_many: bool) -> Mistake {
        let mut other_forms = overloads(&self.name.text).filter(|function| !std::ptr::eq(*function, self.function));
        if let Some(param) = missing.filter(|param| param.named_only && !too_many) {
            let message = format!("{} needs {}", code(&self.name.text), code(&param.to_string()));
            let other = other_forms.next().map(|other| format!("or it is {}", code(&other.signature())));
            return Mistake::new(self.name.span.clone(), message).maybe_help(other);
        }
        let takes: Vec<String> = self.function.positional_params().map(Param::to_string).collect();
        let required = self.function.positional_params().filter(|param| param.is_required()).count();
        let counts = match takes.len() - required {
            0 => required.to_string(),
            1 => format!("{required} or {}", takes.len()),
            _ => format!("{required} to {}", takes.len()),
        };
        let plural = if takes.len() == 1 { "" } else { "s" };
        let by_name_only =
            self.function.params.iter().find(|param| param.named_only && !args.iter().any(|a| a.is(param.name)));
        let positional = |arg: &&Arg| self.function.params.iter().all(|p| !p.named_only || !arg.is(p.name));
        let got = args.iter().filter(positional).count();
        let message =
            format!("{} takes {counts} argument{plural} ({}), got {got}", code(&self.name.text), takes.join(", "));
        let help = match (by_name_only, missing) {
            (Some(param), _) if too_many => {
                let surplus = args.get(takes.len()).map_or("", |arg| &self.context.text[self.span(arg.value)]);
                Some(format!(
                    "{} is given by its name: {}",
                    code(param.name),
                    code(&format!("{}={surplus}", param.name))
                ))
            }
            (_, Some(param)) if args.iter().any(|arg| arg.name.is_some()) => {
                Some(format!("{} is missing", code(param.name)))
            }
            _ => {
                let across = overloads(&format!("cs_{}", self.name.text))
                    .find(|f| f.positional_params().count() == args.len())
                    .map(|f| format!("; across the instruments of a session {}", code(&f.signature())))
                    .unwrap_or_default();
                Some(match other_forms.next() {
                    Some(other) => format!("or it is {}", code(&other.signature())),
                    None => format!("it is {}{across}", code(&self.function.signature())),
                })
            }
        };
        Mistake::new(self.name.span.clone(), message).maybe_help(help)
    }
}

impl Arg {
    /// Whether it is given by this name.
    fn is(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|given| given.text == name)
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
    fn counts_of_arguments() {
        assert_refusals(&[
            (
                "mean(close)",
                "mean",
                "`mean` takes 2 arguments (x, n), got 1",
                "it is `mean(x, n, min_periods=1)`; across the instruments of a session `cs_mean(x, by=…)`",
            ),
            (
                "rank(close)",
                "rank",
                "`rank` takes 2 arguments (x, n), got 1",
                "it is `rank(x, n, min_periods=1)`; across the instruments of a session `cs_rank(x, by=…)`",
            ),
            (
                "mean(close, 20, 10)",
                "mean",
                "`mean` takes 2 arguments (x, n), got 3",
                "`min_periods` is given by its name: `min_periods=10`",
            ),
            ("mean(close, min_periods=2)", "mean", "`mean` takes 2 arguments (x, n), got 1", "`n` is missing"),
            ("abs()", "abs", "`abs` takes 1 argument (x), got 0", "it is `abs(x)`"),
            ("if(halted, 1)", "if", "`if` takes 3 arguments (condition, a, b), got 2", "it is `if(condition, a, b)`"),
            (
                "cs_winsorize(close, 1, 2)",
                "cs_winsorize",
                "`cs_winsorize` takes 1 or 2 arguments (x, k=3), got 3",
                "`by` is given by its name: `by=2`",
            ),
            ("mean(close, 20, x=open)", "x", "`x` is given twice", ""),
            (
                "mean(close, 20, min_period=3)",
                "min_period",
                "`mean` has no argument `min_period`",
                "did you mean `min_periods`?",
            ),
            ("abs(close, n=2)", "n", "`abs` has no argument `n`", "it is `abs(x)`"),
            ("ref(close, 1, min_periods=1)", "min_periods", "`ref` has no argument `min_periods`", "it is `ref(x, n)`"),
        ]);
    }

    #[test]
    fn arguments_by_position_name_and_default() {
        let of = |text: &str| window(&compile_one(text).unwrap());
        assert_eq!(of("mean(close, 20)"), (WindowFn::Mean, 20, 1, 0.0));
        assert_eq!(of("mean(n=20, x=close)"), (WindowFn::Mean, 20, 1, 0.0));
        assert_eq!(of("mean(close, 20, min_periods=20)"), (WindowFn::Mean, 20, 20, 0.0));
        assert_eq!(of("std(close, 20)"), (WindowFn::Std, 20, 2, 0.0));
        assert_eq!(of("quantile(close, 1_0, .25)"), (WindowFn::Quantile, 10, 1, 0.25));
        assert_eq!(of("corr(y=open, x=close, n=5)"), of("corr(close, open, 5)"));
        same("corr(y=open, x=close, n=5)", "corr(close, open, 5)");
        same("cs_winsorize(close)", "cs_winsorize(close, k=3.0)");
        same("cs_winsorize(close)", "cs_winsorize(close, 3)");
        assert_ne!(compile_one("cs_winsorize(close)"), compile_one("cs_winsorize(close, 2.5)"));
    }
}
