//! Arguments that are read before anything runs: numbers that are written out, and words.

use std::ops::Range;

use crate::ast::{ExprId, ExprKind, Literal};
use crate::calls::Call;
use crate::catalogue::{Interval, Op, Param, ParamKind};
use crate::constants::literal;
use crate::error::Mistake;
use crate::names::did_you_mean;
use crate::program::WindowFn;
use crate::suggest::{code, nearest, quoted};

/// The longest window, in sessions: about four centuries. It keeps sums of windows far from overflow.
const MAX_SESSIONS: u64 = 100_000;

pub(crate) fn look_ahead(span: Range<usize>, what: &str) -> Mistake {
    Mistake::new(span, format!("{what}: a partition may read nothing after its own session"))
        .help("look back instead: `ref(x, 1)` is the value of the session before")
}

impl Call<'_> {
    pub(crate) fn span(&self, id: ExprId) -> Range<usize> {
        self.context.ast.get(id).span.clone()
    }

    fn shown(&self, id: ExprId) -> &str {
        &self.context.text[self.span(id)]
    }

    /// The number given for a parameter, or its default; `None` if it is missing, which is reported where arguments are counted.
    /// `n` is the call's window, as far as it was read.
    pub(crate) fn literal(&self, n: u32, param: &Param, value: Option<ExprId>) -> Result<Option<f64>, Mistake> {
        let Some(id) = value else { return self.default(n, param) };
        Ok(Some(match param.kind {
            ParamKind::Sessions { least, expanding } => f64::from(self.sessions(param, id, least, expanding)?),
            ParamKind::Lag { least } => f64::from(self.sessions(param, id, least, false)?),
            ParamKind::MinPeriods { least } => f64::from(self.min_periods(param, id, least, n)?),
            ParamKind::Whole { least } => self.whole(param, id, least)?,
            ParamKind::Real(interval) => self.number(param, id, interval)?,
            ParamKind::Choice(words) => self.choice(param, id, words)?,
            // Expressions are not read here.
            _ => return Ok(None),
        }))
    }

    fn default(&self, n: u32, param: &Param) -> Result<Option<f64>, Mistake> {
        let ParamKind::MinPeriods { least } = param.kind else { return Ok(param.default) };
        if n > 0 && n < least {
            let message = format!("{} needs a window of at least {least} sessions", code(&self.name.text));
            return Err(Mistake::new(self.name.span.clone(), message));
        }
        Ok(Some(param.default.unwrap_or(f64::from(n.max(least)))))
    }

    fn mistake(&self, id: ExprId, message: String) -> Mistake {
        Mistake::new(self.span(id), message)
    }

    fn written_out(&self, param: &Param, id: ExprId, what: &str) -> Result<Literal, Mistake> {
        literal(self.context.ast, id, self.context.bindings).ok_or_else(|| {
            let message = format!("{} of {} must be {what} written out", code(param.name), code(&self.name.text));
            self.mistake(id, message).help("it is read before anything runs, to know what must be recomputed")
        })
    }

    /// A whole number of sessions, at least `least`, or 0 for all.
    fn sessions(&self, param: &Param, id: ExprId, least: u32, expanding: bool) -> Result<u32, Mistake> {
        let literal = self.written_out(param, id, "a whole number")?;
        let (argument, function) = (code(param.name), code(&self.name.text));
        let shown = self.shown(id);
        let lag = matches!(param.kind, ParamKind::Lag { .. });
        let negative = literal.negative && literal.integer != Some(0);
        // Who writes `max(x, 0)` means neither a window of no session nor the greatest value of all time.
        let pairwise = match self.function.op {
            Op::Window(WindowFn::Max) => Some("for the greater of two numbers, write `greater(x, "),
            Op::Window(WindowFn::Min) => Some("for the lesser of two numbers, write `less(x, "),
            _ => None,
        };
        let positional = self.context.text[..self.span(id).start].trim_end().ends_with(',');
        let mistake = match literal.integer {
            Some(0) if expanding && pairwise.is_some() && positional && self.context.bindings.is_none() => {
                let help = format!("{}{shown})`; for all sessions so far, write `n=0`", pairwise.unwrap_or_default());
                return Err(self
                    .mistake(id, format!("{argument} of {function} must be at least {least}, got `{shown}`"))
                    .help(help));
            }
            Some(0) if expanding => return Ok(0),
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
            Some(0) if !lag => {
                let help = format!("{function} of all sessions so far is not supported; give a number of them");
                self.mistake(id, format!("{argument} of {function} must be at least {least}, got `{shown}`")).help(help)
            }
            Some(n) if !negative && n > MAX_SESSIONS => {
                self.mistake(id, format!("{argument} of {function} is more than {MAX_SESSIONS} sessions"))
            }
            Some(_) => self.mistake(id, format!("{argument} of {function} must be at least {least}, got `{shown}`")),
        };
        Err(match pairwise {
            Some(help) => mistake.help(format!("{help}{shown})`")),
            None => mistake,
        })
    }

    fn min_periods(&self, param: &Param, id: ExprId, least: u32, n: u32) -> Result<u32, Mistake> {
        let literal = self.written_out(param, id, "a whole number")?;
        // A window of all sessions, or a wrong one that was reported: then any number that is not too small may be right.
        let most = if n == 0 { u64::from(u32::MAX) } else { u64::from(n) };
        let fits = |value: &u64| !literal.negative && (u64::from(least)..=most).contains(value);
        literal.integer.filter(fits).and_then(|value| u32::try_from(value).ok()).ok_or_else(|| {
            let range = if n == 0 { format!("at least {least}") } else { format!("from {least} to its window of {n}") };
            self.wrong(param, id, &format!("a whole number {range}"))
        })
    }

    fn whole(&self, param: &Param, id: ExprId, least: u32) -> Result<f64, Mistake> {
        let literal = self.written_out(param, id, "a whole number")?;
        let fits = |value: &u64| !literal.negative && (u64::from(least)..=MAX_SESSIONS).contains(value);
        match literal.integer.filter(fits) {
            Some(_) => Ok(literal.value),
            None => Err(self.wrong(param, id, &format!("a whole number from {least} to {MAX_SESSIONS}"))),
        }
    }

    fn number(&self, param: &Param, id: ExprId, interval: Interval) -> Result<f64, Mistake> {
        let value = self.written_out(param, id, "a number")?.value;
        if interval.contains(value) {
            // There is no negative zero.
            return Ok(value + 0.0);
        }
        Err(self.wrong(param, id, &format!("a number {interval}")))
    }

    /// The place of the word among those there are.
    fn choice(&self, param: &Param, id: ExprId, words: &[&str]) -> Result<f64, Mistake> {
        let listed = words.iter().map(|word| code(word)).collect::<Vec<_>>().join(" or ");
        if let Some(place) = self.context.bindings.and_then(|_| literal(self.context.ast, id, self.context.bindings)) {
            return Ok(place.value);
        }
        let ExprKind::Name { input: None, column: word } = &self.context.ast.get(id).kind else {
            return Err(self.wrong(param, id, &listed));
        };
        let place = words.iter().position(|known| *known == word.text).ok_or_else(|| {
            let near = nearest(&word.text, words.iter().copied()).map(did_you_mean);
            let message =
                format!("{} of {} is {listed}, not {}", code(param.name), code(&self.name.text), quoted(&word.text));
            self.mistake(id, message).maybe_help(near)
        })?;
        Ok(place as f64)
    }

    fn wrong(&self, param: &Param, id: ExprId, what: &str) -> Mistake {
        let (argument, function, shown) = (code(param.name), code(&self.name.text), code(self.shown(id)));
        self.mistake(id, format!("{argument} of {function} must be {what}, got {shown}"))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refusals, compile_one};

    fn same(text: &str, other: &str) {
        assert_eq!(compile_one(text).unwrap(), compile_one(other).unwrap(), "{text} and {other}");
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
        ]);
        assert!(compile_one("sum(close, 100_000)").is_ok());
    }

    #[test]
    fn a_lag_of_zero_is_the_day_itself() {
        same("ref(close, 0)", "close");
        same("ref(close, -0)", "close");
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
    fn words_are_chosen_by_name() {
        let node = |text: &str| compile_one(text).unwrap().canonical();
        assert_eq!(node("ema(close, 9)"), "`out`=ema#1($0.`close`,9)\n");
        assert_eq!(node("ema(close, 9, seed=first)"), "`out`=first.ema#1($0.`close`,0.2)\n");
        assert_eq!(node("argmax(close, 5, ties=last)"), "`out`=argmax#1($0.`close`,5,1,1)\n");
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
}
