//! Calls: which function, which argument for which parameter, and which of its results.

use crate::ast::{Arg, Ast, ExprId, ExprKind, Ident};
use crate::catalogue::{Function, Op, Param, ParamKind, functions, overloads};
use crate::constants::{Bindings, literal};
use crate::error::Mistake;
use crate::literals::look_ahead;
use crate::names::did_you_mean;
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
    mistakes.extend(call.empty_clip(&bound));
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
    /// The arguments for each parameter of the function.
    fn assign(&self, args: &[Arg], mistakes: &mut Vec<Mistake>) -> Vec<Vec<ExprId>> {
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
    fn words_without_names(&self, args: &[Arg]) -> Vec<ExprId> {
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
    fn words_are_chosen_by_name() {
        let node = |text: &str| compile_one(text).unwrap().canonical();
        assert_eq!(node("ema(close, 9)"), "`out`=ema#1($0.`close`,9)\n");
        assert_eq!(node("ema(close, 9, seed=first)"), "`out`=first.ema#1($0.`close`,0.2)\n");
        assert_eq!(window(&compile_one("argmax(close, 5, ties=last)").unwrap()), (WindowFn::ArgMax, 5, 1, 1.0));
        assert_refusals(&[
            (
                "ema(close, 9, seed=frist)",
                "frist",
                "`seed` of `ema` is `mean` or `first`, not `frist`",
                "did you mean `first`?",
            ),
            ("ema(close, 9, seed=1)", "1", "`seed` of `ema` must be `mean` or `first`, got `1`", ""),
            (
                "ema(close, 9, first)",
                "ema",
                "`ema` takes 2 arguments (x, n), got 3",
                "`seed` is given by its name: `seed=first`",
            ),
        ]);
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

    #[test]
    fn look_ahead_is_refused() {
        let help = "look back instead: `ref(x, 1)` is the value of the session before";
        let sentence = "a partition may read nothing after its own session";
        assert_refusals(&[
            ("ref(close, -2)", "-2", &format!("`ref` with a negative lag looks ahead: {sentence}"), help),
            ("delta(close, n=-1)", "-1", &format!("`delta` with a negative lag looks ahead: {sentence}"), help),
            ("lead(close, 2)", "lead", &format!("`lead` looks ahead: {sentence}"), help),
            ("lead(close)", "lead", &format!("`lead` looks ahead: {sentence}"), help),
        ]);
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
    fn numbers_that_must_be_written_out() {
        let why = "it is read before anything runs, to know what must be recomputed";
        let bounded = "`median` of all sessions so far is not supported; give a number of them";
        assert_refusals(&[
            ("mean(close, open)", "open", "`n` of `mean` must be a whole number written out", why),
            ("mean(close, nowhere + 2)", "nowhere + 2", "`n` of `mean` must be a whole number written out", why),
            ("mean(close, 2.5)", "2.5", "`n` of `mean` must be a whole number of sessions, got `2.5`", ""),
            ("mean(close, 20.0)", "20.0", "`n` of `mean` must be a whole number of sessions, got `20.0`", ""),
            ("median(close, 0)", "0", "`n` of `median` must be at least 1, got `0`", bounded),
            ("mean(close, -5)", "-5", "`n` of `mean` must be at least 1, got `-5`", ""),
            ("delta(close, 0)", "0", "`n` of `delta` must be at least 1, got `0`", ""),
            ("sum(close, 100_001)", "100_001", "`n` of `sum` is more than 100000 sessions", ""),
            (
                "ref(close, 99999999999999999999)",
                "99999999999999999999",
                "`n` of `ref` is more than 100000 sessions",
                "",
            ),
            ("std(close, 1)", "std", "`std` needs a window of at least 2 sessions", ""),
            (
                "mean(close, 5, min_periods=6)",
                "6",
                "`min_periods` of `mean` must be a whole number from 1 to its window of 5, got `6`",
                "",
            ),
            (
                "std(close, 5, min_periods=1)",
                "1",
                "`min_periods` of `std` must be a whole number from 2 to its window of 5, got `1`",
                "",
            ),
            ("quantile(close, 5, 1.5)", "1.5", "`q` of `quantile` must be a number from 0 to 1, got `1.5`", ""),
            ("quantile(close, 5, open)", "open", "`q` of `quantile` must be a number written out", why),
            ("cs_winsorize(close, 0)", "0", "`k` of `cs_winsorize` must be a number above 0, got `0`", ""),
            ("clip(close, 2, -1)", "clip", "`clip` from 2 to -1 is empty", "give the lower bound first"),
        ]);
        assert!(compile_one("sum(close, 100_000)").is_ok());
    }

    #[test]
    fn a_lag_of_zero_is_the_day_itself() {
        same("ref(close, 0)", "close");
        same("ref(close, -0)", "close");
    }
}
