//! The window functions as a textbook has them, to compare with.

use assetctl_expr::WindowFn;

/// The window of one cell, newest value first, as far as history goes.
pub struct Window {
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub n: usize,
    pub min_periods: usize,
    pub param: f64,
}

/// A value, NaN for missing, and how far another may be from it; None where rounding or overflow leave it open.
pub fn naive(f: WindowFn, is_bool: bool, window: &Window) -> Option<(f64, f64)> {
    let Window { x, y, n, min_periods, param } = window;
    let paired: Vec<(f64, f64)> =
        x.iter().copied().zip(y.iter().copied()).filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
    // position in the window, value; the newest stands at n
    let placed: Vec<(f64, f64)> =
        x.iter().enumerate().map(|(age, x)| ((n - age) as f64, *x)).filter(|(_, x)| !x.is_nan()).collect();
    let values: Vec<f64> = placed.iter().map(|(_, x)| *x).collect();
    let size = values.iter().fold(1.0_f64, |size, x| size.max(x.abs()));
    let size_y = paired.iter().fold(1.0_f64, |size, (_, y)| size.max(y.abs()));
    let m = if matches!(f, WindowFn::Corr | WindowFn::Cov) { paired.len() } else { values.len() };
    let needs = |at_least: usize| m < at_least.max(*min_periods);
    let (missing, close) = (Some((f64::NAN, 0.0)), |value: f64| Some((value, 1e-9 * value.abs() + 1e-13 * size)));
    let m = m as f64;
    let mut ascending = values.clone();
    ascending.sort_by(f64::total_cmp);
    match f {
        WindowFn::Ref | WindowFn::Roc => None,
        WindowFn::Count if x.len() < *min_periods => missing,
        WindowFn::Count if is_bool => Some((values.iter().filter(|x| **x > 0.0).count() as f64, 0.0)),
        WindowFn::Count => Some((m, 0.0)),
        WindowFn::Sum | WindowFn::Mean | WindowFn::Mad | WindowFn::Wma | WindowFn::EwmWindow if needs(1) => missing,
        WindowFn::Sum => Some((values.iter().sum(), 1e-13 * size * m)),
        WindowFn::Mean => close(mean(&values)),
        WindowFn::Mad => {
            let mean = mean(&values);
            close(values.iter().map(|x| (x - mean).abs()).sum::<f64>() / m)
        }
        WindowFn::Wma => {
            let weights: f64 = placed.iter().map(|(p, _)| p).sum();
            close(placed.iter().map(|(p, x)| p * x).sum::<f64>() / weights)
        }
        WindowFn::EwmWindow => {
            let weights = placed.iter().map(|(p, x)| ((1.0 - param).powf(*n as f64 - p), x));
            let total: f64 = weights.clone().map(|(weight, _)| weight).sum();
            close(weights.map(|(weight, x)| weight * x).sum::<f64>() / total)
        }
        WindowFn::Product if needs(1) => missing,
        WindowFn::Product if values.iter().map(|x| x.abs().ln().max(0.0)).sum::<f64>() > 700.0 => None,
        WindowFn::Product => {
            let product: f64 = values.iter().product();
            Some((product, 1e-9 * product.abs()))
        }
        WindowFn::Min | WindowFn::Max | WindowFn::ArgMin | WindowFn::ArgMax if needs(1) => missing,
        WindowFn::Min => Some((ascending[0], 0.0)),
        WindowFn::Max => Some((ascending[ascending.len() - 1], 0.0)),
        WindowFn::ArgMin | WindowFn::ArgMax => {
            let best = if f == WindowFn::ArgMin { ascending[0] } else { ascending[ascending.len() - 1] };
            let mut places = placed.iter().filter(|(_, x)| *x == best).map(|(p, _)| p - (n - x.len()) as f64);
            // newest first
            let place = if *param == 1.0 { places.next() } else { places.next_back() };
            place.map(|place| (place, 0.0))
        }
        WindowFn::Median | WindowFn::Quantile | WindowFn::Rank if needs(1) => missing,
        WindowFn::Median => {
            let half = ascending.len() / 2;
            close(if ascending.len() % 2 == 1 {
                ascending[half]
            } else {
                (ascending[half - 1] + ascending[half]) / 2.0
            })
        }
        WindowFn::Quantile => {
            let position = param * (ascending.len() - 1) as f64;
            let (low, high) = (ascending[position.floor() as usize], ascending[position.ceil() as usize]);
            close(low * (1.0 - position.fract()) + high * position.fract())
        }
        WindowFn::Rank if x[0].is_nan() => missing,
        WindowFn::Rank => {
            let less = values.iter().filter(|value| **value < x[0]).count();
            let equal = values.iter().filter(|value| **value == x[0]).count();
            Some(((less as f64 + (equal as f64 + 1.0) / 2.0) / m, 0.0))
        }
        WindowFn::VarPop | WindowFn::StdPop if needs(1) => missing,
        WindowFn::Var | WindowFn::Std if needs(2) => missing,
        WindowFn::VarPop => Some(within(moment(&values, 2) / m)),
        WindowFn::StdPop => Some(within((moment(&values, 2) / m).sqrt())),
        WindowFn::Var => Some(within(moment(&values, 2) / (m - 1.0))),
        WindowFn::Std => Some(within((moment(&values, 2) / (m - 1.0)).sqrt())),
        WindowFn::Skew if needs(3) || moment(&values, 2) == 0.0 => missing,
        WindowFn::Skew => {
            let value = m * (m - 1.0).sqrt() / (m - 2.0) * moment(&values, 3) / moment(&values, 2).powf(1.5);
            Some((value, 1e-9 * (1.0 + value.abs())))
        }
        WindowFn::Kurt if needs(4) || moment(&values, 2) == 0.0 => missing,
        WindowFn::Kurt => {
            let ratio = moment(&values, 4) / moment(&values, 2).powi(2);
            let value = (m - 1.0) / ((m - 2.0) * (m - 3.0)) * (m * (m + 1.0) * ratio - 3.0 * (m - 1.0));
            Some((value, 1e-9 * (1.0 + value.abs())))
        }
        WindowFn::Cov | WindowFn::Corr if needs(2) => missing,
        WindowFn::Cov => Some((co_moment(&paired) / (m - 1.0), 1e-12 * size * size_y)),
        WindowFn::Corr => {
            let (x, y): (Vec<f64>, Vec<f64>) = paired.iter().copied().unzip();
            if is_flat(&x)? | is_flat(&y)? {
                return missing;
            }
            Some((co_moment(&paired) / (moment(&x, 2) * moment(&y, 2)).sqrt(), 1e-9))
        }
        WindowFn::Slope | WindowFn::Fitted | WindowFn::Resid | WindowFn::RSquare if needs(2) => missing,
        WindowFn::Slope => Some((slope(&placed), 1e-11 * size)),
        WindowFn::Fitted => Some((line(&placed, *n as f64), 1e-11 * size)),
        WindowFn::Resid => Some((x[0] - line(&placed, *n as f64), 1e-11 * size)),
        WindowFn::RSquare if is_flat(&values)? => missing,
        WindowFn::RSquare => {
            let positions: Vec<f64> = placed.iter().map(|(p, _)| *p).collect();
            Some((co_moment(&placed).powi(2) / (moment(&positions, 2) * moment(&values, 2)), 1e-9))
        }
    }
}

fn within(value: f64) -> (f64, f64) {
    (value, 1e-9 * value)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The values less their mean. Less the first of them at once, because a mean of large values is a large value, and rounded.
fn centred(values: &[f64]) -> Vec<f64> {
    let less = |values: &[f64], y: f64| values.iter().map(|x| x - y).collect::<Vec<f64>>();
    let near = less(values, values[0]);
    let rough = less(&near, mean(&near));
    less(&rough, mean(&rough))
}

/// Σ(x - mean)^power.
fn moment(values: &[f64], power: i32) -> f64 {
    centred(values).iter().map(|x| x.powi(power)).sum()
}

/// Σ(x - mean x)(y - mean y).
fn co_moment(pairs: &[(f64, f64)]) -> f64 {
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    centred(&x).iter().zip(centred(&y)).map(|(x, y)| x * y).sum()
}

/// Whether the sample standard deviation is 2e-5 at most; None where it is too near to that to tell.
fn is_flat(values: &[f64]) -> Option<bool> {
    let std = (moment(values, 2) / (values.len() - 1) as f64).sqrt();
    ((std - 2e-5).abs() > 1e-12).then_some(std < 2e-5)
}

fn slope(placed: &[(f64, f64)]) -> f64 {
    let positions: Vec<f64> = placed.iter().map(|(p, _)| *p).collect();
    co_moment(placed) / moment(&positions, 2)
}

/// The value of the least-squares line at a position.
fn line(placed: &[(f64, f64)], at: f64) -> f64 {
    let (positions, values): (Vec<f64>, Vec<f64>) = placed.iter().copied().unzip();
    mean(&values) + slope(placed) * (at - mean(&positions))
}
