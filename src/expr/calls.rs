//! Calls: which function, which argument for which parameter, and the numbers that are written out in them.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::ast::{Arg, Ast, ExprId, Ident, Literal};
use crate::catalogue::{Function, Op, Param, ParamKind, functions, overloads};
use crate::error::Mistake;
use crate::names::did_you_mean;
use crate::program::WindowFn;
use crate::suggest::{code, nearest};

/// The longest window, in sessions: about four centuries. It keeps sums of windows far from overflow.
const MAX_SESSIONS: u64 = 100_000;

/// Functions that people look for, and that carry a state from session to session.
const RECURSIVE: [&str; 16] = [
    "ema", "dema", "tema", "kama", "rma", "rsi", "atr", "adx", "macd", "obv", "ewm", "ewma", "cumsum", "cumprod",
    "sar", "kdj",
];

/// A call that is right but for the types of its arguments.
#[derive(Debug)]
pub(crate) struct Bound {
    pub function: &'static Function,
    /// One for each parameter that takes an expression, in their order.
    pub operands: Vec<(&'static Param, ExprId)>,
    /// 0 where the function has no such parameter, as are the next two.
    pub n: u32,
    pub min_periods: u32,
    pub param: f64,
}

/// A call whose arguments have found their parameters.
struct Call<'a> {
    ast: &'a Ast,
    text: &'a str,
    name: &'a Ident,
    function: &'static Function,
}

/// Binds the call `name(args)`. Arguments that are read here, as numbers written out, are added to `literals`; the others are left
/// to be compiled, also where the call as a whole is wrong.
pub(crate) fn bind(
    ast: &Ast,
    text: &str,
    name: &Ident,
    args: &[Arg],
    literals: &mut Vec<ExprId>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Bound> {
    let Some(function) = choose(ast, &name.text, args) else {
        mistakes.push(unknown(name));
        return None;
    };
    let call = Call { ast, text, name, function };
    let before = mistakes.len();
    let given = call.assign(args, mistakes);
    let mut bound = Bound { function, operands: Vec::new(), n: 0, min_periods: 0, param: 0.0 };
    for (param, value) in function.params.iter().zip(&given) {
        if let Some(value) = value.filter(|_| param.kind.is_expression()) {
            bound.operands.push((param, value));
            continue;
        }
        literals.extend(*value);
        if let Err(mistake) = call.literal(&mut bound, param, *value) {
            mistakes.push(mistake);
        }
    }
    if let (Op::Clip, [_, (_, lo), (_, hi)]) = (function.op, &bound.operands[..])
        && let (Some(lo), Some(hi)) = (ast.literal(*lo), ast.literal(*hi))
        && lo.value > hi.value
    {
        mistakes.push(
            Mistake::new(name.span.clone(), format!("`clip` from {} to {} is empty", lo.value, hi.value))
                .help("give the lower bound first"),
        );
    }
    (mistakes.len() == before).then_some(bound)
}

/// The function of this name: of several the one for the last sessions, if a number is written out where it has its window.
fn choose(ast: &Ast, name: &str, args: &[Arg]) -> Option<&'static Function> {
    let mut found = overloads(name);
    let first = found.next()?;
    let Some(window) = found.next() else { return Some(first) };
    let named =
        |arg: &Arg| arg.name.as_ref().is_some_and(|name| window.params[1..].iter().any(|p| p.name == name.text));
    let second = args.get(1).is_some_and(|arg| arg.name.is_none() && ast.literal(arg.value).is_some());
    Some(if second || args.iter().any(named) { window } else { first })
}

fn unknown(name: &Ident) -> Mistake {
    let wanted = name.text.as_str();
    let folded = wanted.to_lowercase();
    if folded == "lead" {
        return look_ahead(name.span.clone(), "`lead` looks ahead");
    }
    let cross_sectional = format!("cs_{folded}");
    let names = functions().iter().flat_map(|f| [f.name].into_iter().chain(f.aliases.iter().copied()));
    let help = if RECURSIVE.contains(&folded.as_str()) {
        "functions that carry a state from session to session are not supported; `mean(x, 20)`, say, has a window"
            .to_owned()
    } else if let Some(near) = nearest(wanted, names) {
        did_you_mean(near)
    } else if let Some(near) = functions().iter().find(|f| f.name == cross_sectional) {
        did_you_mean(near.name)
    } else {
        let names: BTreeSet<&str> = functions().iter().map(|f| f.name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        format!("the functions are: `{}`", names.join("`, `"))
    };
    Mistake::new(name.span.clone(), format!("unknown function {}", code(wanted))).help(help)
}

fn look_ahead(span: Range<usize>, what: &str) -> Mistake {
    Mistake::new(span, format!("{what}: a partition may read nothing after its own session"))
        .help("look back instead: `ref(x, 1)` is the value of the session before")
}

impl Call<'_> {
    fn span(&self, id: ExprId) -> Range<usize> {
        self.ast.get(id).span.clone()
    }

    /// The argument for each parameter of the function.
    fn assign(&self, args: &[Arg], mistakes: &mut Vec<Mistake>) -> Vec<Option<ExprId>> {
        let params = self.function.params;
        let mut given: Vec<Option<ExprId>> = vec![None; params.len()];
        let positional = self.function.positional_params().count();
        let mut too_many = false;
        let before = mistakes.len();
        for (at, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                None if at < positional => at,
                None => {
                    too_many = true;
                    continue;
                }
                Some(name) => match params.iter().position(|param| param.name == name.text) {
                    Some(place) => place,
                    None => {
                        let message = format!("{} has no argument {}", code(&self.name.text), code(&name.text));
                        let help = nearest(&name.text, params.iter().map(|param| param.name))
                            .map_or_else(|| format!("it is {}", code(&self.function.signature())), did_you_mean);
                        mistakes.push(Mistake::new(name.span.clone(), message).help(help));
                        continue;
                    }
                },
            };
            if given[place].is_some() {
                let span = arg.name.as_ref().map_or(self.span(arg.value), |name| name.span.clone());
                mistakes.push(Mistake::new(span, format!("{} is given twice", code(params[place].name))));
            } else {
                given[place] = Some(arg.value);
            }
        }
        let missing = params.iter().zip(&given).find(|(param, value)| param.kind.is_required() && value.is_none());
        // A wrong name is why something is missing: one message for one mistake.
        if too_many || (missing.is_some() && mistakes.len() == before) {
            mistakes.push(self.wrong_count(args, missing.map(|(param, _)| param), too_many));
        }
        given
    }

    /// `mean` takes 2 arguments (x, n), got 1
    fn wrong_count(&self, args: &[Arg], missing: Option<&Param>, too_many: bool) -> Mistake {
        let takes: Vec<String> = self.function.positional_params().map(Param::to_string).collect();
        let required = self.function.positional_params().filter(|param| param.kind.is_required()).count();
        let counts =
            if required == takes.len() { required.to_string() } else { format!("{required} or {}", takes.len()) };
        let plural = if takes.len() == 1 { "" } else { "s" };
        let by_name_only = self.function.params.iter().find(|param| param.kind.is_named_only());
        let positional = |arg: &&Arg| self.function.params.iter().all(|p| !p.kind.is_named_only() || !arg.is(p.name));
        let got = args.iter().filter(positional).count();
        let message =
            format!("{} takes {counts} argument{plural} ({}), got {got}", code(&self.name.text), takes.join(", "));
        let mut other_forms = overloads(&self.name.text).filter(|function| !std::ptr::eq(*function, self.function));
        let help = match (by_name_only, missing) {
            (Some(param), _) if too_many => {
                let surplus = args.get(takes.len()).map_or("", |arg| &self.text[self.span(arg.value)]);
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
                let cross_sectional = format!("cs_{}", self.name.text);
                let across = functions().iter().find(|f| f.name == cross_sectional && f.params.len() == args.len());
                Some(match (other_forms.next(), across) {
                    (Some(other), _) => format!("or it is {}", code(&other.signature())),
                    (None, Some(across)) => {
                        format!("across the instruments of a session it is {}", code(&across.signature()))
                    }
                    (None, None) => format!("it is {}", code(&self.function.signature())),
                })
            }
        };
        Mistake::new(self.name.span.clone(), message).maybe_help(help)
    }

    /// Reads a number that is written out, or its default, into `bound`.
    fn literal(&self, bound: &mut Bound, param: &Param, value: Option<ExprId>) -> Result<(), Mistake> {
        match (param.kind, value) {
            (ParamKind::Sessions, Some(id)) => bound.n = self.sessions(param, id, 1)?,
            (ParamKind::Lag { least }, Some(id)) => bound.n = self.sessions(param, id, least)?,
            (ParamKind::MinPeriods { default }, Some(id)) => {
                bound.min_periods = self.min_periods(param, id, default, bound.n)?
            }
            (ParamKind::MinPeriods { default }, None) => {
                bound.min_periods = default;
                if bound.n > 0 && bound.n < default {
                    return Err(Mistake::new(
                        self.name.span.clone(),
                        format!("{} needs a window of at least {default} sessions", code(&self.name.text)),
                    ));
                }
            }
            (ParamKind::Quantile, Some(id)) => {
                bound.param = self.number(param, id, "from 0 to 1", |q| (0.0..=1.0).contains(&q))?;
            }
            (ParamKind::Factor { .. }, Some(id)) => bound.param = self.number(param, id, "above 0", |k| k > 0.0)?,
            (ParamKind::Factor { default }, None) => bound.param = default,
            // Expressions are not read here, and a missing argument is reported where arguments are counted.
            _ => {}
        }
        Ok(())
    }

    fn mistake(&self, id: ExprId, message: String) -> Mistake {
        Mistake::new(self.span(id), message)
    }

    fn written_out(&self, param: &Param, id: ExprId, what: &str) -> Result<Literal, Mistake> {
        self.ast.literal(id).ok_or_else(|| {
            let message = format!("{} of {} must be {what} written out", code(param.name), code(&self.name.text));
            self.mistake(id, message).help("it is read before anything runs, to know what must be recomputed")
        })
    }

    /// A whole number of sessions, at least `least`.
    fn sessions(&self, param: &Param, id: ExprId, least: u32) -> Result<u32, Mistake> {
        let literal = self.written_out(param, id, "a whole number")?;
        let (argument, function) = (code(param.name), code(&self.name.text));
        let shown = &self.text[self.span(id)];
        let lag = matches!(param.kind, ParamKind::Lag { .. });
        let negative = literal.negative && literal.integer != Some(0);
        let mistake = match literal.integer {
            Some(n) if !negative && (u64::from(least)..=MAX_SESSIONS).contains(&n) => {
                return u32::try_from(n)
                    .map_err(|_| self.mistake(id, format!("{argument} of {function} is too large")));
            }
            None => {
                self.mistake(id, format!("{argument} of {function} must be a whole number of sessions, got `{shown}`"))
            }
            Some(_) if negative && lag => {
                return Err(look_ahead(self.span(id), &format!("{function} with a negative lag looks ahead")));
            }
            Some(0) if !lag => self
                .mistake(id, format!("{argument} of {function} must be at least 1, got `{shown}`"))
                .help("a window of all sessions so far is not supported; give a number of them, as in `mean(x, 250)`"),
            Some(n) if !negative && n > MAX_SESSIONS => {
                self.mistake(id, format!("{argument} of {function} is more than {MAX_SESSIONS} sessions"))
            }
            Some(_) => self.mistake(id, format!("{argument} of {function} must be at least {least}, got `{shown}`")),
        };
        // Who writes `max(x, 0)` does not mean a window of no session.
        Err(match self.function.op {
            Op::Window(WindowFn::Max) => {
                mistake.help(format!("for the greater of two numbers, write `greater(x, {shown})`"))
            }
            Op::Window(WindowFn::Min) => {
                mistake.help(format!("for the lesser of two numbers, write `less(x, {shown})`"))
            }
            _ => mistake,
        })
    }

    fn min_periods(&self, param: &Param, id: ExprId, least: u32, n: u32) -> Result<u32, Mistake> {
        let literal = self.written_out(param, id, "a whole number")?;
        // A wrong window was reported: then any number that is not too small may be right.
        let most = if n == 0 { u64::from(u32::MAX) } else { u64::from(n) };
        let fits = |value: &u64| !literal.negative && (u64::from(least)..=most).contains(value);
        literal.integer.filter(fits).and_then(|value| u32::try_from(value).ok()).ok_or_else(|| {
            let range = if n == 0 { format!("at least {least}") } else { format!("from {least} to its window of {n}") };
            let (argument, function, shown) = (code(param.name), code(&self.name.text), &self.text[self.span(id)]);
            self.mistake(id, format!("{argument} of {function} must be a whole number {range}, got `{shown}`"))
        })
    }

    fn number(&self, param: &Param, id: ExprId, range: &str, fits: impl Fn(f64) -> bool) -> Result<f64, Mistake> {
        let value = self.written_out(param, id, "a number")?.value;
        if fits(value) {
            return Ok(value);
        }
        let (argument, function, shown) = (code(param.name), code(&self.name.text), &self.text[self.span(id)]);
        Err(self.mistake(id, format!("{argument} of {function} must be a number {range}, got `{shown}`")))
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
    use crate::testing::{assert_refusals, compile_one, refusal};

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
                "for the greater of two numbers, write `greater(x, 0)`",
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
        let state =
            "functions that carry a state from session to session are not supported; `mean(x, 20)`, say, has a window";
        assert_refusals(&[
            ("meen(close, 20)", "meen", "unknown function `meen`", "did you mean `mean`?"),
            ("Mean(close, 20)", "Mean", "unknown function `Mean`", "did you mean `mean`?"),
            ("zscore(close)", "zscore", "unknown function `zscore`", "did you mean `cs_zscore`?"),
            ("EMA(close, 20)", "EMA", "unknown function `EMA`", state),
        ]);
        assert!(refusal("foobarbaz(close)").2.starts_with("the functions are: `abs`, `clip`, `corr`, "));
    }

    #[test]
    fn look_ahead_is_refused() {
        let help = "look back instead: `ref(x, 1)` is the value of the session before";
        let sentence = "a partition may read nothing after its own session";
        assert_refusals(&[
            ("ref(close, -2)", "-2", &format!("`ref` with a negative lag looks ahead: {sentence}"), help),
            ("delta(close, n=-1)", "-1", &format!("`delta` with a negative lag looks ahead: {sentence}"), help),
            ("lead(close, 2)", "lead", &format!("`lead` looks ahead: {sentence}"), help),
        ]);
    }

    #[test]
    fn counts_of_arguments() {
        assert_refusals(&[
            ("mean(close)", "mean", "`mean` takes 2 arguments (x, n), got 1", "it is `mean(x, n, min_periods=1)`"),
            (
                "rank(close)",
                "rank",
                "`rank` takes 2 arguments (x, n), got 1",
                "across the instruments of a session it is `cs_rank(x)`",
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
                "it is `cs_winsorize(x, k=3)`",
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
        let example = "a window of all sessions so far is not supported; give a number of them, as in `mean(x, 250)`";
        assert_refusals(&[
            ("mean(close, open)", "open", "`n` of `mean` must be a whole number written out", why),
            ("mean(close, nowhere + 2)", "nowhere + 2", "`n` of `mean` must be a whole number written out", why),
            ("mean(close, 2.5)", "2.5", "`n` of `mean` must be a whole number of sessions, got `2.5`", ""),
            ("mean(close, 20.0)", "20.0", "`n` of `mean` must be a whole number of sessions, got `20.0`", ""),
            ("mean(close, 0)", "0", "`n` of `mean` must be at least 1, got `0`", example),
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
