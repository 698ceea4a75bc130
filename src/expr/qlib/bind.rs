//! Calls: which operator, which argument for which parameter, and the numbers that are written out in them.

use std::ops::Range;

use super::operators::{Meaning, OPERATORS, Operator, ParamKind, operator};
use crate::ast::{Arg, Ast, ExprId, ExprKind, Ident};
use crate::catalogue::function;
use crate::error::Mistake;
use crate::program::{BinaryOp, UnaryOp, WindowFn};
use crate::suggest::{code, nearest};

/// The longest window, as in our own language.
const MAX_SESSIONS: f64 = 100_000.0;

/// What Qlib's `N` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Length {
    /// So many rows; for `Ref` and `Delta` so many rows ago.
    Rows(u32),
    /// 0: all rows so far; for `Ref` and `Delta` the first one.
    All,
    /// A fraction: an exponentially weighted mean with this alpha, whatever the operator is.
    Alpha(f64),
}

/// A call that is right but for the types of its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub operator: &'static Operator,
    /// One for each parameter that takes an expression, in their order.
    pub operands: Vec<ExprId>,
    pub length: Option<Length>,
    pub quantile: f64,
}

/// A number that Python would have before any data is read.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Constant {
    value: f64,
    /// Whether it is an `int` of Python's.
    integer: bool,
}

/// Binds the call `name(args)`. Arguments that are read here, as numbers written out, are added to `literals`; the others are
/// left to be compiled, also where the call as a whole is wrong.
pub(crate) fn bind(
    ast: &Ast,
    text: &str,
    name: &Ident,
    args: &[Arg],
    literals: &mut Vec<ExprId>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Call> {
    let Some(operator) = operator(&name.text) else {
        mistakes.push(unknown(name));
        return None;
    };
    let binder = Binder { ast, text, name, operator };
    let before = mistakes.len();
    let given = binder.assign(args, mistakes);
    let mut call = Call { operator, operands: Vec::new(), length: None, quantile: 0.0 };
    for ((param, kind), value) in operator.params.iter().zip(given) {
        let Some(id) = value else { continue };
        let read = match kind {
            ParamKind::Number | ParamKind::Condition => {
                call.operands.push(id);
                continue;
            }
            ParamKind::Length => binder.length(param, id).map(|length| call.length = Some(length)),
            ParamKind::Quantile => binder.quantile(param, id).map(|quantile| call.quantile = quantile),
        };
        literals.push(id);
        mistakes.extend(read.err());
    }
    (mistakes.len() == before).then_some(call)
}

fn unknown(name: &Ident) -> Mistake {
    let help = if let Some(near) = nearest(&name.text, OPERATORS.iter().map(|operator| operator.name)) {
        format!("did you mean `{near}`?")
    } else if function(&name.text).is_some() {
        "it is a function of our own language: use it in an asset without `dialect: qlib`".to_owned()
    } else {
        let mut names: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
        names.sort_unstable();
        format!("Qlib's operators are: `{}`", names.join("`, `"))
    };
    Mistake::new(name.span.clone(), format!("unknown operator {}", code(&name.text))).help(help)
}

/// The value of an expression of numbers alone, as Python has it; not by recursion, as a sum may have ten thousand terms.
fn constant(ast: &Ast, id: ExprId) -> Option<Constant> {
    let first = ast.get(id).first;
    let mut values: Vec<Constant> = Vec::with_capacity(id.0 + 1 - first);
    for expr in &ast.exprs[first..=id.0] {
        let of = |id: &ExprId| values[id.0 - first];
        values.push(match &expr.kind {
            ExprKind::Number { value, integer } => Constant { value: *value, integer: integer.is_some() },
            ExprKind::Unary { op: UnaryOp::Neg, x } => Constant { value: -of(x).value, ..of(x) },
            ExprKind::Binary { op, x, y } => {
                let (x, y) = (of(x), of(y));
                let value = match op {
                    BinaryOp::Add => x.value + y.value,
                    BinaryOp::Sub => x.value - y.value,
                    BinaryOp::Mul => x.value * y.value,
                    BinaryOp::Div => x.value / y.value,
                    BinaryOp::Pow => x.value.powf(y.value),
                    _ => return None,
                };
                let integer = x.integer && y.integer && *op != BinaryOp::Div && value.fract() == 0.0;
                Constant { value, integer }
            }
            _ => return None,
        });
    }
    values.pop()
}

struct Binder<'a> {
    ast: &'a Ast,
    text: &'a str,
    name: &'a Ident,
    operator: &'static Operator,
}

impl Binder<'_> {
    fn span(&self, id: ExprId) -> Range<usize> {
        self.ast.get(id).span.clone()
    }

    fn mistake(&self, id: ExprId, message: String) -> Mistake {
        Mistake::new(self.span(id), message)
    }

    /// The argument for each parameter of the operator.
    fn assign(&self, args: &[Arg], mistakes: &mut Vec<Mistake>) -> Vec<Option<ExprId>> {
        let params = self.operator.params;
        let mut given: Vec<Option<ExprId>> = vec![None; params.len()];
        let before = mistakes.len();
        for (at, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                None => Some(at).filter(|at| *at < params.len()),
                Some(name) => {
                    let place = params.iter().position(|(param, _)| *param == name.text);
                    if place.is_none() {
                        let message = format!("{} has no argument {}", code(&self.name.text), code(&name.text));
                        let help = format!("it is {}", code(&self.operator.signature()));
                        mistakes.push(Mistake::new(name.span.clone(), message).help(help));
                        continue;
                    }
                    place
                }
            };
            // Too many: said once, below.
            let Some(place) = place else { continue };
            if given[place].is_some() {
                let message = format!("{} is given twice", code(params[place].0));
                mistakes.push(self.mistake(arg.value, message));
            }
            given[place] = Some(arg.value);
        }
        let too_many = args.len() > params.len();
        if mistakes.len() == before && (too_many || given.iter().any(Option::is_none)) {
            let names: Vec<&str> = params.iter().map(|(name, _)| *name).collect();
            let plural = if params.len() == 1 { "" } else { "s" };
            let message = format!(
                "{} takes {} argument{plural} ({}), got {}",
                code(&self.name.text),
                params.len(),
                names.join(", "),
                args.len()
            );
            let help = format!("it is {}", code(&self.operator.signature()));
            mistakes.push(Mistake::new(self.name.span.clone(), message).help(help));
        }
        given
    }

    fn written_out(&self, param: &str, id: ExprId) -> Result<Constant, Mistake> {
        constant(self.ast, id).ok_or_else(|| {
            let message = format!("{} of {} must be a number written out", code(param), code(&self.name.text));
            self.mistake(id, message).help("it is read before anything runs, to know what must be recomputed")
        })
    }

    fn length(&self, param: &str, id: ExprId) -> Result<Length, Mistake> {
        let constant = self.written_out(param, id)?;
        let (argument, function) = (code(param), code(&self.name.text));
        let shown = code(&self.text[self.span(id)]);
        let mistake = |what: String| self.mistake(id, what);
        let is_lag = matches!(self.operator.meaning, Meaning::Ref | Meaning::Delta);
        let Constant { value, integer } = constant;
        if value < 0.0 && is_lag {
            return Err(mistake(format!(
                "{function} with a negative lag looks ahead: a partition may read nothing after its own session"
            ))
            .help("look back instead: `Ref($close, 1)` is the value of the session before"));
        }
        if !integer && value > 0.0 && value < 1.0 {
            return match self.operator.meaning {
                Meaning::Ema | Meaning::Window(WindowFn::Mean) => Ok(Length::Alpha(value)),
                _ => Err(mistake(format!("{argument} of {function} must be a whole number of rows, got {shown}")).help(
                    "a fraction makes an exponentially weighted mean of any of Qlib's operators: write that as `EMA` or `Mean`",
                )),
            };
        }
        if !integer || value < 0.0 {
            return Err(mistake(format!("{argument} of {function} must be a whole number of rows, got {shown}")));
        }
        if value > MAX_SESSIONS {
            return Err(mistake(format!("{argument} of {function} is more than {MAX_SESSIONS} rows")));
        }
        // Whole, and within bounds.
        let n = value as u32;
        match self.operator.meaning {
            Meaning::Ref | Meaning::Delta if n == 0 => Ok(Length::All),
            Meaning::Window(f) if n == 0 && f.has_expanding() => Ok(Length::All),
            _ if n == 0 => Err(mistake(format!("{function} of all rows so far (`N` = 0) is not supported"))
                .help("give a number of rows, as in 250")),
            Meaning::Window(f) if n < least(f) => {
                let least = least(f);
                Err(mistake(format!("{function} needs a window of at least {least} rows, got {shown}")))
            }
            _ => Ok(Length::Rows(n)),
        }
    }

    fn quantile(&self, param: &str, id: ExprId) -> Result<f64, Mistake> {
        let value = self.written_out(param, id)?.value;
        if (0.0..=1.0).contains(&value) {
            return Ok(value);
        }
        let (argument, function) = (code(param), code(&self.name.text));
        let shown = code(&self.text[self.span(id)]);
        Err(self.mistake(id, format!("{argument} of {function} must be a number from 0 to 1, got {shown}")))
    }
}

/// The rows, and valid values, below which a window can have no value: what `min_periods` is in our own language.
pub(crate) fn least(f: WindowFn) -> u32 {
    use WindowFn::{Corr, Cov, Kurt, RSquare, Resid, Skew, Slope, Std, Var};
    match f {
        WindowFn::Ref => 0,
        Std | Var | Corr | Cov | Slope | RSquare | Resid => 2,
        Skew => 3,
        Kurt => 4,
        _ => 1,
    }
}
