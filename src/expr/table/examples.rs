//! An example of each function, which the tests of the engine compute, and the sample that they are over.
//!
//! Made by a script. The values are those of a naive evaluation in numpy, which was compared with TA-Lib 0.8.2 and pandas 3.1.1 where these
//! have the function.

use crate::catalogue::Example;

/// Bars of one instrument, oldest first; `thin` is the close, which is missing at three sessions (NaN).
pub static SAMPLE_BARS: &[(&str, [f64; 50])] = &[
    (
        "open",
        [
            20.17, 20.15, 20.73, 21.25, 21.15, 20.78, 20.85, 21.13, 20.85, 21.47, 20.66, 21.49, 21.33, 21.73, 21.75,
            21.48, 21.92, 22.23, 22.27, 22.11, 22.68, 22.26, 21.54, 21.86, 21.69, 20.98, 20.28, 20.43, 19.94, 19.32,
            19.26, 19.93, 19.57, 19.54, 19.81, 19.79, 19.86, 20.0, 20.66, 20.77, 20.54, 20.26, 20.55, 21.21, 20.82,
            20.44, 20.01, 19.48, 19.54, 19.76,
        ],
    ),
    (
        "high",
        [
            20.28, 20.71, 21.25, 21.26, 21.18, 20.97, 21.12, 21.31, 21.46, 21.69, 21.59, 21.57, 22.05, 21.74, 21.82,
            22.06, 22.44, 22.62, 22.39, 22.63, 22.77, 22.38, 21.82, 21.91, 21.72, 21.14, 20.32, 20.57, 20.0, 19.43,
            20.1, 20.15, 19.69, 19.75, 20.07, 19.98, 20.36, 20.75, 20.81, 20.79, 20.64, 20.73, 21.19, 21.38, 20.9,
            20.45, 20.05, 19.59, 20.07, 19.77,
        ],
    ),
    (
        "low",
        [
            20.02, 19.99, 20.64, 20.93, 20.84, 20.47, 20.74, 20.8, 20.53, 20.57, 20.6, 21.32, 21.25, 21.63, 21.56,
            21.45, 21.69, 22.18, 22.07, 22.09, 22.11, 21.47, 21.42, 21.48, 20.71, 20.46, 20.21, 19.86, 19.26, 19.26,
            19.26, 19.63, 19.27, 19.41, 19.7, 19.68, 19.83, 19.92, 20.54, 20.2, 20.32, 20.13, 20.35, 20.61, 20.21,
            20.1, 19.22, 19.21, 19.31, 19.46,
        ],
    ),
    (
        "close",
        [
            20.05, 20.65, 21.2, 21.03, 20.95, 20.77, 21.05, 21.07, 21.43, 20.69, 21.39, 21.39, 21.73, 21.71, 21.59,
            21.84, 22.24, 22.2, 22.18, 22.53, 22.18, 21.56, 21.78, 21.53, 20.76, 20.47, 20.32, 19.88, 19.33, 19.38,
            19.78, 19.72, 19.47, 19.66, 19.98, 19.9, 20.16, 20.63, 20.58, 20.29, 20.48, 20.62, 21.12, 20.62, 20.39,
            20.1, 19.45, 19.54, 19.78, 19.53,
        ],
    ),
    (
        "volume",
        [
            4400.0, 7800.0, 2100.0, 5900.0, 4300.0, 5200.0, 5000.0, 2100.0, 5100.0, 7900.0, 2400.0, 1100.0, 1500.0,
            4700.0, 8800.0, 1400.0, 8900.0, 5300.0, 2000.0, 4300.0, 2700.0, 6700.0, 5300.0, 3300.0, 3000.0, 7900.0,
            7100.0, 4500.0, 4200.0, 6900.0, 8800.0, 1600.0, 2300.0, 3900.0, 5100.0, 1600.0, 1400.0, 2800.0, 4100.0,
            6900.0, 5900.0, 1200.0, 1400.0, 4600.0, 8000.0, 8300.0, 3900.0, 8100.0, 8400.0, 4300.0,
        ],
    ),
    (
        "thin",
        [
            20.05,
            20.65,
            21.2,
            21.03,
            20.95,
            20.77,
            21.05,
            f64::NAN,
            21.43,
            20.69,
            21.39,
            21.39,
            21.73,
            21.71,
            21.59,
            21.84,
            22.24,
            22.2,
            22.18,
            22.53,
            22.18,
            21.56,
            f64::NAN,
            21.53,
            20.76,
            20.47,
            20.32,
            19.88,
            19.33,
            19.38,
            19.78,
            19.72,
            19.47,
            19.66,
            19.98,
            19.9,
            20.16,
            20.63,
            20.58,
            20.29,
            20.48,
            20.62,
            21.12,
            20.62,
            20.39,
            20.1,
            19.45,
            19.54,
            f64::NAN,
            19.53,
        ],
    ),
];

/// Two numbers of the instruments of one session.
pub static SAMPLE_SESSION: &[(&str, [f64; 6])] =
    &[("x", [3.0, -1.0, 4.5, 0.5, 9.0, 2.0]), ("y", [1.0, 2.0, -1.5, 2.5, 4.0, 0.0])];

/// The instruments' `industry`.
pub static SAMPLE_GROUPS: [&str; 6] = ["bank", "bank", "coal", "coal", "coal", "food"];

const fn e(expression: &'static str, expected: &'static [Option<f64>]) -> Example {
    Example { expression, expected }
}

/// By the function's signature.
pub(crate) static EXAMPLES: &[(&str, &[Example])] = &[
    ("if(condition, a, b)", &[e("if(close > open, high, low)", &[Some(19.59), Some(20.07), Some(19.46)])]),
    (
        "abs(x)",
        &[e("abs(open - close)", &[Some(0.05999999999999872), Some(0.240000000000002), Some(0.23000000000000043)])],
    ),
    ("sign(x)", &[e("sign(close - open)", &[Some(1.0), Some(1.0), Some(-1.0)])]),
    ("log(x)", &[e("log(close)", &[Some(2.972463646614637), Some(2.984671326194566), Some(2.9719517448885875)])]),
    ("exp(x)", &[e("exp(close / 10)", &[Some(7.056858635459995), Some(7.228271975024498), Some(7.049805304078005)])]),
    ("sqrt(x)", &[e("sqrt(close)", &[Some(4.420407221060069), Some(4.447471191587417), Some(4.419275958796871)])]),
    ("floor(x)", &[e("floor(close)", &[Some(19.0), Some(19.0), Some(19.0)])]),
    ("ceil(x)", &[e("ceil(close)", &[Some(20.0), Some(20.0), Some(20.0)])]),
    ("round(x)", &[e("round(close)", &[Some(20.0), Some(20.0), Some(20.0)])]),
    (
        "tanh(x)",
        &[e("tanh(close - open)", &[Some(0.05992810352914223), Some(0.23549574953849986), Some(-0.22602835227867135)])],
    ),
    (
        "atan(x)",
        &[e("atan(close - open)", &[Some(0.05992815512120661), Some(0.23554498072086522), Some(-0.22606838799388432)])],
    ),
    (
        "sigmoid(x)",
        &[e("sigmoid(close - open)", &[Some(0.5149955016194098), Some(0.5597136492671935), Some(0.44275214540144436)])],
    ),
    (
        "power(x, y)",
        &[e("power(close, 0.5)", &[Some(4.420407221060069), Some(4.447471191587417), Some(4.419275958796871)])],
    ),
    (
        "signed_power(x, y)",
        &[e(
            "signed_power(close - open, 2)",
            &[Some(0.0035999999999998464), Some(0.057600000000000956), Some(-0.0529000000000002)],
        )],
    ),
    ("greater(x, y)", &[e("greater(close, open)", &[Some(19.54), Some(19.78), Some(19.76)])]),
    ("less(x, y)", &[e("less(close, open)", &[Some(19.48), Some(19.54), Some(19.53)])]),
    ("max(x, y)", &[e("max(open, close)", &[Some(19.54), Some(19.78), Some(19.76)])]),
    ("min(x, y)", &[e("min(open, close)", &[Some(19.48), Some(19.54), Some(19.53)])]),
    ("clip(x, lo, hi)", &[e("clip(close, 19, 20.5)", &[Some(19.54), Some(19.78), Some(19.53)])]),
    ("between(x, lo, hi)", &[e("between(close, 19, 20.5)", &[Some(1.0), Some(1.0), Some(1.0)])]),
    ("is_missing(x)", &[e("is_missing(thin)", &[Some(0.0), Some(1.0), Some(0.0)])]),
    ("coalesce(x, y)", &[e("coalesce(thin, open)", &[Some(19.54), Some(19.54), Some(19.53)])]),
    ("where(x, condition)", &[e("where(close, close > open)", &[Some(19.54), Some(19.78), None])]),
    (
        "avgprice(open, high, low, close)",
        &[e("avgprice(open, high, low, close)", &[Some(19.455), Some(19.675), Some(19.630000000000003)])],
    ),
    (
        "medprice(high, low)",
        &[e("medprice(high, low)", &[Some(19.4), Some(19.689999999999998), Some(19.615000000000002)])],
    ),
    (
        "typprice(high, low, close)",
        &[e("typprice(high, low, close)", &[Some(19.446666666666665), Some(19.72), Some(19.58666666666667)])],
    ),
    ("wclprice(high, low, close)", &[e("wclprice(high, low, close)", &[Some(19.47), Some(19.735), Some(19.5725)])]),
    (
        "bop(open, high, low, close)",
        &[e(
            "bop(open, high, low, close)",
            &[Some(0.1578947368421023), Some(0.3157894736842125), Some(-0.7419354838709722)],
        )],
    ),
    ("ref(x, n)", &[e("ref(close, 5)", &[Some(21.12), Some(20.62), Some(20.39)])]),
    (
        "delta(x, n=1)",
        &[e("delta(close, 5)", &[Some(-1.5800000000000018), Some(-0.8399999999999999), Some(-0.8599999999999994)])],
    ),
    (
        "roc(x, n=10)",
        &[e("roc(close, 5)", &[Some(-7.481060606060619), Some(-4.073714839961207), Some(-4.217753800882784)])],
    ),
    (
        "mean(x, n, min_periods=1)",
        &[
            e("mean(thin, 5)", &[Some(20.02), Some(19.869999999999997), Some(19.655)]),
            e("mean(close, 0)", &[Some(20.778541666666666), Some(20.758163265306123), Some(20.733600000000003)]),
        ],
    ),
    ("sum(x, n, min_periods=1)", &[e("sum(close, 5)", &[Some(100.1), Some(99.25999999999999), Some(98.4)])]),
    (
        "product(x, n, min_periods=1)",
        &[e(
            "product(close / open, 5)",
            &[Some(0.9128675784040834), Some(0.9505205667914485), Some(0.9592688030214415)],
        )],
    ),
    ("min(x, n, min_periods=1)", &[e("min(close, 5)", &[Some(19.45), Some(19.45), Some(19.45)])]),
    (
        "max(x, n, min_periods=1)",
        &[
            e("max(close, 5)", &[Some(20.62), Some(20.39), Some(20.1)]),
            e("max(close, n=0)", &[Some(22.53), Some(22.53), Some(22.53)]),
        ],
    ),
    ("argmin(x, n, ties=first, min_periods=1)", &[e("argmin(close, 5)", &[Some(4.0), Some(3.0), Some(2.0)])]),
    ("argmax(x, n, ties=first, min_periods=1)", &[e("argmax(close, 5)", &[Some(1.0), Some(1.0), Some(1.0)])]),
    ("median(x, n, min_periods=1)", &[e("median(close, 5)", &[Some(20.1), Some(19.78), Some(19.54)])]),
    ("quantile(x, n, q, min_periods=1)", &[e("quantile(close, 5, 0.25)", &[Some(19.54), Some(19.54), Some(19.53)])]),
    ("rank(x, n, min_periods=1)", &[e("rank(close, 5)", &[Some(0.4), Some(0.6), Some(0.4)])]),
    (
        "count(x, n, min_periods=1)",
        &[
            e("count(thin, 5)", &[Some(5.0), Some(4.0), Some(4.0)]),
            e("count(close > open, 5)", &[Some(1.0), Some(2.0), Some(2.0)]),
        ],
    ),
    (
        "std(x, n, min_periods=2)",
        &[
            e("std(close, 5)", &[Some(0.5144414446756802), Some(0.3921351807731622), Some(0.2652357441974977)]),
            e("std(close, 0)", &[Some(0.8697248026068384), Some(0.8723595241961783), Some(0.8807088054516091)]),
        ],
    ),
    (
        "var(x, n, min_periods=2)",
        &[e("var(close, 5)", &[Some(0.2646500000000009), Some(0.15377000000000057), Some(0.07035000000000041)])],
    ),
    (
        "std_pop(x, n, min_periods=1)",
        &[e("std_pop(close, 5)", &[Some(0.46013041629520723), Some(0.35073636823118365), Some(0.23723406163534005)])],
    ),
    (
        "var_pop(x, n, min_periods=1)",
        &[e("var_pop(close, 5)", &[Some(0.2117200000000007), Some(0.12301600000000046), Some(0.05628000000000033)])],
    ),
    (
        "skew(x, n, min_periods=3)",
        &[e("skew(close, 5)", &[Some(-0.08758919606909113), Some(0.5200814959074596), Some(1.2683999993522563)])],
    ),
    (
        "kurt(x, n, min_periods=4)",
        &[e("kurt(close, 5)", &[Some(-2.520481246168913), Some(-1.4881558964521049), Some(0.8161537727142385)])],
    ),
    (
        "mad(x, n, min_periods=1)",
        &[e("mad(close, 5)", &[Some(0.420000000000001), Some(0.31439999999999985), Some(0.20800000000000055)])],
    ),
    (
        "wma(x, n, min_periods=1)",
        &[e("wma(close, 5)", &[Some(19.813333333333333), Some(19.733333333333334), Some(19.625999999999998)])],
    ),
    (
        "ewm_window(x, n, alpha=…, min_periods=1)",
        &[e(
            "ewm_window(close, 5, alpha=0.3)",
            &[Some(19.814875770798025), Some(19.75350293894919), Some(19.634329811402402)],
        )],
    ),
    (
        "slope(x, n, min_periods=2)",
        &[e("slope(close, 5)", &[Some(-0.3100000000000005), Some(-0.1780000000000001), Some(-0.08099999999999988)])],
    ),
    (
        "rsquare(x, n, min_periods=2)",
        &[e("rsquare(close, 5)", &[Some(0.9078027583600982), Some(0.5151199843922729), Some(0.23315565031982732)])],
    ),
    (
        "resid(x, n, min_periods=2)",
        &[e("resid(close, 5)", &[Some(0.14000000000000057), Some(0.284000000000006), Some(0.012000000000000455)])],
    ),
    (
        "linearreg(x, n=14, min_periods=n)",
        &[e("linearreg(close, 5)", &[Some(19.4), Some(19.495999999999995), Some(19.518)])],
    ),
    (
        "corr(x, y, n, min_periods=2)",
        &[e(
            "corr(close, volume, 5)",
            &[Some(0.061877029230287546), Some(0.5493453586230866), Some(0.679401120054766)],
        )],
    ),
    (
        "cov(x, y, n, min_periods=2)",
        &[e("cov(close, volume, 5)", &[Some(68.25000000000054), Some(415.65000000000117), Some(412.50000000000057)])],
    ),
    (
        "ema(x, n, seed=mean)",
        &[
            e("ema(close, 5)", &[Some(19.906950209651466), Some(19.864633473100977), Some(19.753088982067318)]),
            e(
                "ema(close, 5, seed=first)",
                &[Some(19.906950210225105), Some(19.864633473483405), Some(19.75308898232227)],
            ),
        ],
    ),
    (
        "rma(x, n)",
        &[e("rma(close, 5)", &[Some(20.086592216377923), Some(20.025273773102338), Some(19.92621901848187)])],
    ),
    (
        "wilder_sum(x, n)",
        &[e("wilder_sum(close, 5)", &[Some(100.43183229722206), Some(100.12546583777765), Some(99.63037267022213)])],
    ),
    (
        "ewm(x, span=…)",
        &[e("ewm(thin, span=5)", &[Some(19.906925448745557), Some(19.906925448745557), Some(19.745384749059376)])],
    ),
    (
        "ewm(x, alpha=…)",
        &[e("ewm(thin, alpha=0.3)", &[Some(19.952057159986442), Some(19.952057159986442), Some(19.791778266858934)])],
    ),
    (
        "ewm(x, halflife=…)",
        &[e("ewm(thin, halflife=3)", &[Some(20.077236265270404), Some(20.077236265270404), Some(19.942168253354353)])],
    ),
    (
        "kama(x, n=30)",
        &[e("kama(close, 5)", &[Some(19.97736030710654), Some(19.945510438115214), Some(19.877286798611507)])],
    ),
    (
        "macd_line(x, fast=12, slow=26)",
        &[e(
            "macd_line(close, 3, 6)",
            &[Some(-0.25727849252292856), Some(-0.16971573222195957), Some(-0.16776964179704734)],
        )],
    ),
    (
        "sma_tdx(x, n, m=1)",
        &[
            e("sma_tdx(close, 5)", &[Some(20.086579928101088), Some(20.02526394248087), Some(19.926211153984696)]),
            e("sma_tdx(close, 5, 2)", &[Some(19.821683471706358), Some(19.805010083023813), Some(19.69500604981429)]),
        ],
    ),
    (
        "sma_from(x, n, start=50)",
        &[e("sma_from(close, 5, 20)", &[Some(20.08657881306383), Some(20.025263050451066), Some(19.926210440360855)])],
    ),
    ("cumsum(x)", &[e("cumsum(close)", &[Some(997.37), Some(1017.15), Some(1036.68)])]),
    (
        "cumprod(x)",
        &[e("cumprod(close / open)", &[Some(0.9261147663602117), Some(0.937489768608239), Some(0.9265776913420499)])],
    ),
    ("cummax(x)", &[e("cummax(close)", &[Some(22.53), Some(22.53), Some(22.53)])]),
    ("cummin(x)", &[e("cummin(close)", &[Some(19.33), Some(19.33), Some(19.33)])]),
    (
        "drawdown(x)",
        &[e("drawdown(close)", &[Some(-0.1327119396360409), Some(-0.12205947625388369), Some(-0.13315579227696406)])],
    ),
    ("first_valid(x)", &[e("first_valid(thin)", &[Some(20.05), Some(20.05), Some(20.05)])]),
    ("last_valid(x)", &[e("last_valid(thin)", &[Some(19.54), Some(19.54), Some(19.53)])]),
    ("bars_since(condition)", &[e("bars_since(close > open)", &[Some(0.0), Some(0.0), Some(1.0)])]),
    (
        "sar(high, low, step=0.02, max=0.2)",
        &[e("sar(high, low, 0.02, 0.2)", &[Some(21.3368), Some(21.251728), Some(21.17005888)])],
    ),
    (
        "supertrend_of(high, low, close, width, k=3)",
        &[
            e(
                "supertrend_of(high, low, close, high - low, 2).line",
                &[Some(20.159999999999997), Some(20.159999999999997), Some(20.159999999999997)],
            ),
            e("supertrend_of(high, low, close, high - low, 2).direction", &[Some(-1.0), Some(-1.0), Some(-1.0)]),
        ],
    ),
    (
        "supertrend(high, low, close, n=10, k=3)",
        &[
            e(
                "supertrend(high, low, close, 5, 3).line",
                &[Some(19.21561083248263), Some(19.21561083248263), Some(19.21561083248263)],
            ),
            e("supertrend(high, low, close, 5, 3).direction", &[Some(1.0), Some(1.0), Some(1.0)]),
        ],
    ),
    ("sma(x, n=30)", &[e("sma(close, 5)", &[Some(20.02), Some(19.851999999999997), Some(19.68)])]),
    (
        "dema(x, n=30)",
        &[e("dema(close, 5)", &[Some(19.60954924785255), Some(19.638155007534706), Some(19.52774034433403)])],
    ),
    (
        "tema(x, n=30)",
        &[e("tema(close, 5)", &[Some(19.443836237394134), Some(19.574961331384195), Some(19.486364445455678)])],
    ),
    (
        "trima(x, n=30)",
        &[e("trima(close, 5)", &[Some(20.015555555555554), Some(19.755555555555556), Some(19.634444444444444)])],
    ),
    (
        "t3(x, n=5, v=0.7)",
        &[e("t3(close, 5, 0.7)", &[Some(20.214844279207725), Some(20.005652096013335), Some(19.82682148861143)])],
    ),
    (
        "hma(x, n=20)",
        &[e("hma(close, 5)", &[Some(19.22266666666667), Some(19.513333333333332), Some(19.622666666666667)])],
    ),
    (
        "zlema(x, n=30)",
        &[e("zlema(close, 5)", &[Some(19.40326246374534), Some(19.638841642496892), Some(19.599227761664597)])],
    ),
    (
        "vwma(x, volume, n=30)",
        &[e("vwma(close, volume, 5)", &[Some(20.028297872340424), Some(19.897302452316076), Some(19.73)])],
    ),
    (
        "vwap(high, low, close, volume, n=14)",
        &[
            e(
                "vwap(high, low, close, volume, 5)",
                &[Some(20.111073961499493), Some(19.926439600363302), Some(19.743121212121213)],
            ),
            e(
                "vwap(high, low, close, volume, 0)",
                &[Some(20.748051420838973), Some(20.71052151238592), Some(20.689904721274175)],
            ),
        ],
    ),
    ("midpoint(x, n=14)", &[e("midpoint(close, 5)", &[Some(20.035), Some(19.92), Some(19.775)])]),
    ("midprice(high, low, n=14)", &[e("midprice(high, low, 5)", &[Some(20.295), Some(20.055), Some(19.83)])]),
    (
        "bbands(x, n=20, k=2)",
        &[
            e(
                "bbands(close, 5, 2).upper",
                &[Some(20.940260832590415), Some(20.553472736462364), Some(20.15446812327068)],
            ),
            e("bbands(close, 5, 2).middle", &[Some(20.02), Some(19.851999999999997), Some(19.68)]),
            e(
                "bbands(close, 5, 2).lower",
                &[Some(19.099739167409584), Some(19.15052726353763), Some(19.20553187672932)],
            ),
            e(
                "bbands(close, 5, 2).width",
                &[Some(0.09193414910993158), Some(0.07067023337319842), Some(0.048218305210434846)],
            ),
            e(
                "bbands(close, 5, 2).percent",
                &[Some(0.23920437391165364), Some(0.44867940245040566), Some(0.34192826383572955)],
            ),
        ],
    ),
    (
        "donchian(high, low, n=20)",
        &[
            e("donchian(high, low, 5).upper", &[Some(21.38), Some(20.9), Some(20.45)]),
            e("donchian(high, low, 5).middle", &[Some(20.295), Some(20.055), Some(19.83)]),
            e("donchian(high, low, 5).lower", &[Some(19.21), Some(19.21), Some(19.21)]),
        ],
    ),
    (
        "accbands(high, low, close, n=20)",
        &[
            e(
                "accbands(high, low, close, 5).upper",
                &[Some(21.701994566831004), Some(21.436213492931454), Some(21.054560905756034)],
            ),
            e("accbands(high, low, close, 5).middle", &[Some(20.02), Some(19.851999999999997), Some(19.68)]),
            e(
                "accbands(high, low, close, 5).lower",
                &[Some(18.68199456683101), Some(18.42621349293146), Some(18.42456090575603)],
            ),
        ],
    ),
    (
        "keltner(high, low, close, n=20, m=10, k=2)",
        &[
            e(
                "keltner(high, low, close, 5, 4, 2).upper",
                &[Some(21.098460901393892), Some(21.115950071462613), Some(20.87058770609731)],
            ),
            e(
                "keltner(high, low, close, 5, 4, 2).middle",
                &[Some(19.934747254993688), Some(19.86316483666246), Some(19.770998779997196)],
            ),
            e(
                "keltner(high, low, close, 5, 4, 2).lower",
                &[Some(18.771033608593484), Some(18.610379601862306), Some(18.67140985389708)],
            ),
        ],
    ),
    (
        "linearreg_slope(x, n=14)",
        &[e(
            "linearreg_slope(close, 5)",
            &[Some(-0.3100000000000005), Some(-0.1780000000000001), Some(-0.08099999999999988)],
        )],
    ),
    (
        "linearreg_angle(x, n=14)",
        &[e(
            "linearreg_angle(close, 5)",
            &[Some(-17.223436191131487), Some(-10.092939831982038), Some(-4.630848134413645)],
        )],
    ),
    (
        "linearreg_intercept(x, n=14)",
        &[e("linearreg_intercept(close, 5)", &[Some(20.64), Some(20.207999999999995), Some(19.842)])],
    ),
    ("tsf(x, n=14)", &[e("tsf(close, 5)", &[Some(19.089999999999996), Some(19.317999999999994), Some(19.437)])]),
    (
        "ichimoku(high, low, n1=9, n2=26, n3=52)",
        &[
            e("ichimoku(high, low, 3, 5, 8).tenkan", &[Some(19.83), Some(19.64), Some(19.64)]),
            e("ichimoku(high, low, 3, 5, 8).kijun", &[Some(20.295), Some(20.055), Some(19.83)]),
            e("ichimoku(high, low, 3, 5, 8).span_a", &[Some(20.755), Some(20.775), Some(20.740000000000002)]),
            e(
                "ichimoku(high, low, 3, 5, 8).span_b",
                &[Some(20.604999999999997), Some(20.65), Some(20.740000000000002)],
            ),
        ],
    ),
    (
        "mom(x, n=10)",
        &[e("mom(close, 5)", &[Some(-1.5800000000000018), Some(-0.8399999999999999), Some(-0.8599999999999994)])],
    ),
    (
        "rocp(x, n=10)",
        &[e("rocp(close, 5)", &[Some(-0.07481060606060615), Some(-0.04073714839961202), Some(-0.04217753800882783)])],
    ),
    (
        "rocr(x, n=10)",
        &[e("rocr(close, 5)", &[Some(0.9251893939393938), Some(0.9592628516003879), Some(0.9578224619911722)])],
    ),
    (
        "rocr100(x, n=10)",
        &[e("rocr100(close, 5)", &[Some(92.51893939393938), Some(95.92628516003879), Some(95.78224619911721)])],
    ),
    (
        "log_return(x, n=1)",
        &[e(
            "log_return(close, 5)",
            &[Some(-0.07775681222342418), Some(-0.041590152394247855), Some(-0.043092839697776227)],
        )],
    ),
    (
        "apo(x, fast=12, slow=26, ma=ema)",
        &[
            e("apo(close, 3, 6)", &[Some(-0.2572784925229499), Some(-0.16971573222197023), Some(-0.16776964179705445)]),
            e(
                "apo(close, 3, 6, ma=sma)",
                &[Some(-0.5066666666666677), Some(-0.39000000000000057), Some(-0.18166666666666487)],
            ),
        ],
    ),
    (
        "ppo(x, fast=12, slow=26, ma=ema)",
        &[e("ppo(close, 3, 6)", &[Some(-1.288215914992202), Some(-0.8521182914766741), Some(-0.8470488024589528)])],
    ),
    (
        "trix(x, n=30)",
        &[e("trix(close, 5)", &[Some(-0.3227347953739468), Some(-0.401466550171925), Some(-0.4541550689580731)])],
    ),
    (
        "macd(x, fast=12, slow=26, signal=9)",
        &[
            e(
                "macd(close, 3, 6, 4).line",
                &[Some(-0.25727849252292856), Some(-0.16971573222195957), Some(-0.16776964179704734)],
            ),
            e(
                "macd(close, 3, 6, 4).signal",
                &[Some(-0.16047359736255165), Some(-0.16417045130631483), Some(-0.16561012750260784)],
            ),
            e(
                "macd(close, 3, 6, 4).hist",
                &[Some(-0.09680489516037691), Some(-0.00554528091564474), Some(-0.002159514294439502)],
            ),
        ],
    ),
    (
        "rsi(x, n=14)",
        &[e("rsi(close, 5)", &[Some(28.193928939153423), Some(39.735301607129315), Some(32.85854820523485)])],
    ),
    (
        "cmo(x, n=14)",
        &[e("cmo(close, 5)", &[Some(-43.612142121693154), Some(-20.529396785741362), Some(-34.28290358953029)])],
    ),
    (
        "cmou(x, n=14)",
        &[e("cmou(close, 5)", &[Some(-89.7727272727273), Some(-55.99999999999986), Some(-56.5789473684209)])],
    ),
    (
        "imi(open, close, n=14)",
        &[e("imi(open, close, 5)", &[Some(3.030303030302965), Some(18.404907975460137), Some(20.97902097902098)])],
    ),
    (
        "qstick(open, close, n=10)",
        &[e(
            "qstick(open, close, 5)",
            &[Some(-0.3720000000000006), Some(-0.20600000000000024), Some(-0.16600000000000037)],
        )],
    ),
    (
        "rvi(x, n=14, m=10)",
        &[e("rvi(close, 5, 4)", &[Some(39.79376627324787), Some(49.80569017038596), Some(45.1986303491972)])],
    ),
    (
        "stochf(high, low, close, k=5, d=3)",
        &[
            e(
                "stochf(high, low, close, 5, 3).k",
                &[Some(15.207373271889335), Some(33.72781065088763), Some(25.80645161290328)],
            ),
            e(
                "stochf(high, low, close, 5, 3).d",
                &[Some(8.6185071400125), Some(19.86111069030838), Some(24.913878511893415)],
            ),
        ],
    ),
    (
        "stoch(high, low, close, k=5, slow_k=3, slow_d=3)",
        &[
            e(
                "stoch(high, low, close, 5, 3, 3).k",
                &[Some(8.6185071400125), Some(19.86111069030838), Some(24.913878511893415)],
            ),
            e(
                "stoch(high, low, close, 5, 3, 3).d",
                &[Some(13.033741063131785), Some(12.98744462656788), Some(17.79783211407143)],
            ),
        ],
    ),
    (
        "stochrsi(x, n=14, k=5, d=3)",
        &[
            e(
                "stochrsi(close, 5, 5, 3).k",
                &[Some(14.577923916526359), Some(73.02034537721822), Some(56.79982904181239)],
            ),
            e(
                "stochrsi(close, 5, 5, 3).d",
                &[Some(4.859307972175453), Some(29.19942309791486), Some(48.13269944518566)],
            ),
        ],
    ),
    (
        "kdj(high, low, close, n=9, m1=3, m2=3, seed=mean)",
        &[
            e(
                "kdj(high, low, close, 5, 3, 3).k",
                &[Some(22.42697507660809), Some(26.193920268034606), Some(26.064764049657498)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3).d",
                &[Some(36.93601165787004), Some(33.3553145279249), Some(30.9251310351691)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3).j",
                &[Some(-6.591098085915803), Some(11.87113174825403), Some(16.344030078634297)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=first).k",
                &[Some(22.426975171555835), Some(26.1939203313331), Some(26.064764091856492)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=first).d",
                &[Some(36.9360131363826), Some(33.355315534699436), Some(30.925131720418452)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=first).j",
                &[Some(-6.591100758097696), Some(11.871129924600424), Some(16.344028834732576)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=fifty).k",
                &[Some(22.42697471440002), Some(26.193920026562562), Some(26.064763888676136)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=fifty).d",
                &[Some(36.93600597427493), Some(33.355310658370804), Some(30.925128401805917)],
            ),
            e(
                "kdj(high, low, close, 5, 3, 3, seed=fifty).j",
                &[Some(-6.591087805349787), Some(11.871138762946075), Some(16.34403486241657)],
            ),
        ],
    ),
    (
        "willr(high, low, close, n=14)",
        &[e(
            "willr(high, low, close, 5)",
            &[Some(-84.79262672811068), Some(-66.27218934911237), Some(-74.19354838709671)],
        )],
    ),
    (
        "cci(high, low, close, n=14)",
        &[e(
            "cci(high, low, close, 5)",
            &[Some(-91.96655761541322), Some(-30.5733999524155), Some(-39.152759948651166)],
        )],
    ),
    (
        "mfi(high, low, close, volume, n=14)",
        &[e("mfi(high, low, close, volume, 5)", &[Some(0.0), Some(22.651158826218687), Some(25.424735581092303)])],
    ),
    (
        "ultosc(high, low, close, n1=7, n2=14, n3=28)",
        &[e(
            "ultosc(high, low, close, 3, 5, 8)",
            &[Some(33.32255133542327), Some(47.15774098418246), Some(51.63187373298897)],
        )],
    ),
    (
        "aroon(high, low, n=14)",
        &[
            e("aroon(high, low, 5).up", &[Some(20.0), Some(0.0), Some(0.0)]),
            e("aroon(high, low, 5).down", &[Some(100.0), Some(80.0), Some(60.0)]),
        ],
    ),
    ("aroonosc(high, low, n=14)", &[e("aroonosc(high, low, 5)", &[Some(-80.0), Some(-80.0), Some(-60.0)])]),
    (
        "tsi(x, slow=25, fast=13)",
        &[e("tsi(close, 6, 3)", &[Some(-51.066833724425265), Some(-35.939745922389534), Some(-37.52784778654508)])],
    ),
    (
        "smi(high, low, close, n=13, fast=2, slow=25, signal=9)",
        &[
            e(
                "smi(high, low, close, 5, 3, 6, 4).line",
                &[Some(-46.035758192134), Some(-48.33930781441996), Some(-49.126161704786156)],
            ),
            e(
                "smi(high, low, close, 5, 3, 6, 4).signal",
                &[Some(-20.91416725431298), Some(-31.88422347835577), Some(-38.78099876892793)],
            ),
        ],
    ),
    (
        "kst(x, signal=9)",
        &[
            e("kst(close, 3).line", &[Some(-30.077963405382814), Some(-28.39456221800508), Some(-28.337591309010605)]),
            e(
                "kst(close, 3).signal",
                &[Some(-30.661921226048932), Some(-29.787412485943207), Some(-28.936705644132832)],
            ),
        ],
    ),
    (
        "coppock(x, n=10, fast=11, slow=14)",
        &[e(
            "coppock(close, 5, 3, 6)",
            &[Some(-7.372359627111529), Some(-8.199322667737123), Some(-7.434189262220462)],
        )],
    ),
    (
        "dpo(x, n=20)",
        &[e("dpo(close, 5)", &[Some(0.370000000000001), Some(0.24800000000000466), Some(-0.23000000000000043)])],
    ),
    (
        "ao(high, low, fast=5, slow=34)",
        &[e("ao(high, low, 3, 6)", &[Some(-0.5016666666666652), Some(-0.5166666666666657), Some(-0.293333333333333)])],
    ),
    (
        "bias(x, n=26)",
        &[e(
            "bias(close, 5)",
            &[Some(-0.023976023976024052), Some(-0.0036268386056818036), Some(-0.007621951219512146)],
        )],
    ),
    ("psl(x, n=12)", &[e("psl(close, 5)", &[Some(20.0), Some(40.0), Some(40.0)])]),
    (
        "efficiency_ratio(x, n=10)",
        &[e(
            "efficiency_ratio(close, 5)",
            &[Some(0.8977272727272729), Some(0.5599999999999986), Some(0.565789473684209)],
        )],
    ),
    (
        "vhf(x, n=28)",
        &[e("vhf(close, 5)", &[Some(0.6647727272727276), Some(0.626666666666666), Some(0.4276315789473689)])],
    ),
    (
        "ac(high, low, fast=5, slow=34, signal=5)",
        &[e(
            "ac(high, low, 3, 6, 4)",
            &[Some(-0.34833333333333183), Some(-0.196041666666666), Some(0.10666666666666647)],
        )],
    ),
    (
        "eri(high, low, close, n=13)",
        &[
            e(
                "eri(high, low, close, 5).bull",
                &[Some(-0.31695020965146625), Some(0.20536652689902368), Some(0.01691101793268146)],
            ),
            e(
                "eri(high, low, close, 5).bear",
                &[Some(-0.6969502096514653), Some(-0.5546334731009779), Some(-0.29308898206731726)],
            ),
        ],
    ),
    (
        "fosc(x, n=5)",
        &[e("fosc(close, 5)", &[Some(1.8526100307062352), Some(3.48837209302328), Some(1.0855094726062817)])],
    ),
    (
        "trange(high, low, close)",
        &[e(
            "trange(high, low, close)",
            &[Some(0.379999999999999), Some(0.7600000000000016), Some(0.3200000000000003)],
        )],
    ),
    (
        "atr(high, low, close, n=14)",
        &[e(
            "atr(high, low, close, 5)",
            &[Some(0.5816110649906638), Some(0.6172888519925314), Some(0.5578310815940252)],
        )],
    ),
    (
        "natr(high, low, close, n=14)",
        &[e("natr(high, low, close, 5)", &[Some(2.9765151739542675), Some(3.120772760326245), Some(2.85627793954954)])],
    ),
    (
        "plus_dm(high, low, n=14)",
        &[e("plus_dm(high, low, 5)", &[Some(0.3502711318477412), Some(0.7602169054781934), Some(0.6081735243825548)])],
    ),
    (
        "minus_dm(high, low, n=14)",
        &[e("minus_dm(high, low, 5)", &[Some(1.1338444449662233), Some(0.9070755559729786), Some(0.7256604447783829)])],
    ),
    (
        "plus_di(high, low, close, n=14)",
        &[e(
            "plus_di(high, low, close, 5)",
            &[Some(12.04499885345487), Some(24.63104941013339), Some(21.805105279400173)],
        )],
    ),
    (
        "minus_di(high, low, close, n=14)",
        &[e(
            "minus_di(high, low, close, 5)",
            &[Some(38.99023869757825), Some(29.389273872883546), Some(26.017414045692508)],
        )],
    ),
    (
        "dx(high, low, close, n=14)",
        &[e("dx(high, low, close, 5)", &[Some(52.797324235395706), Some(8.808211749902764), Some(8.808211749902766)])],
    ),
    (
        "adx(high, low, close, n=14)",
        &[e("adx(high, low, close, 5)", &[Some(31.720253510770522), Some(27.13784515859697), Some(23.47191847685813)])],
    ),
    (
        "adxr(high, low, close, n=14)",
        &[e(
            "adxr(high, low, close, 5)",
            &[Some(30.01537874367715), Some(24.90493878302496), Some(21.708186120218546)],
        )],
    ),
    (
        "dmi(high, low, close, n=14)",
        &[
            e(
                "dmi(high, low, close, 5).plus",
                &[Some(12.04499885345487), Some(24.63104941013339), Some(21.805105279400173)],
            ),
            e(
                "dmi(high, low, close, 5).minus",
                &[Some(38.99023869757825), Some(29.389273872883546), Some(26.017414045692508)],
            ),
            e(
                "dmi(high, low, close, 5).adx",
                &[Some(31.720253510770522), Some(27.13784515859697), Some(23.47191847685813)],
            ),
        ],
    ),
    (
        "vortex(high, low, close, n=14)",
        &[
            e(
                "vortex(high, low, close, 5).plus",
                &[Some(0.6449511400651462), Some(0.591503267973856), Some(0.7360594795539032)],
            ),
            e(
                "vortex(high, low, close, 5).minus",
                &[Some(1.5048859934853427), Some(1.4117647058823524), Some(1.397769516728623)],
            ),
        ],
    ),
    (
        "adr(high, low, n=14)",
        &[e("adr(high, low, 5)", &[Some(0.6039999999999992), Some(0.6019999999999996), Some(0.5259999999999998)])],
    ),
    (
        "cvi(high, low, n=10, m=10)",
        &[e("cvi(high, low, 5, 4)", &[Some(-15.344317740197223), Some(-6.631066864823831), Some(-7.621317805217576)])],
    ),
    (
        "choppiness(high, low, close, n=14)",
        &[e(
            "choppiness(high, low, close, 5)",
            &[Some(21.557240038046114), Some(36.88780924337876), Some(48.11802978007165)],
        )],
    ),
    (
        "mass_index(high, low, fast=9, slow=25)",
        &[e(
            "mass_index(high, low, 3, 6)",
            &[Some(6.1498880311012805), Some(6.035677824749424), Some(5.800840836912328)],
        )],
    ),
    (
        "zscore(x, n=30)",
        &[e("zscore(close, 10)", &[Some(-1.5301365832438965), Some(-0.872447356512436), Some(-1.1087626318050556)])],
    ),
    (
        "beta(x, y, n=5)",
        &[e("beta(open, close, 5)", &[Some(-0.23294278835746818), Some(0.7815516505831278), Some(0.256200707258119)])],
    ),
    (
        "correl(x, y, n=30)",
        &[e(
            "correl(close, volume, 5)",
            &[Some(0.061877029230287546), Some(0.5493453586230866), Some(0.679401120054766)],
        )],
    ),
    (
        "ulcer_index(x, n=14)",
        &[e("ulcer_index(close, 5)", &[Some(5.115324961638718), Some(5.180310700391545), Some(5.104370708137507)])],
    ),
    (
        "parkinson(high, low, n=20)",
        &[e(
            "parkinson(high, low, 5)",
            &[Some(0.01888010475348129), Some(0.019154743678988135), Some(0.017424768237429177)],
        )],
    ),
    (
        "garman_klass(open, high, low, close, n=20)",
        &[e(
            "garman_klass(open, high, low, close, 5)",
            &[Some(0.017728552690988948), Some(0.019461692159968066), Some(0.01772255824819604)],
        )],
    ),
    ("cross_above(x, y)", &[e("cross_above(close, open)", &[Some(1.0), Some(0.0), Some(0.0)])]),
    ("cross_below(x, y)", &[e("cross_below(close, open)", &[Some(0.0), Some(0.0), Some(1.0)])]),
    ("obv(close, volume)", &[e("obv(close, volume)", &[Some(-29000.0), Some(-20600.0), Some(-24900.0)])]),
    (
        "ad(high, low, close, volume)",
        &[e(
            "ad(high, low, close, volume)",
            &[Some(-21196.21623942713), Some(-19206.74255521657), Some(-21564.807071345585)],
        )],
    ),
    (
        "adosc(high, low, close, volume, fast=3, slow=10)",
        &[e(
            "adosc(high, low, close, volume, 3, 6)",
            &[Some(-2631.2176724805577), Some(-1207.4958883673316), Some(-1031.8239491592067)],
        )],
    ),
    (
        "cmf(high, low, close, volume, n=20)",
        &[e(
            "cmf(high, low, close, volume, 5)",
            &[Some(-0.3761926930479367), Some(-0.16094676938820443), Some(-0.1345067877622541)],
        )],
    ),
    (
        "force_index(close, volume, n=13)",
        &[e(
            "force_index(close, volume, 5)",
            &[Some(-968.1011144653356), Some(26.59925702311523), Some(-340.6004953179231)],
        )],
    ),
    (
        "eom(high, low, volume, n=14, divisor=100000000)",
        &[e(
            "eom(high, low, volume, 5, 1000)",
            &[Some(-0.03186480100011114), Some(-0.03414979064814407), Some(-0.027641185996981288)],
        )],
    ),
    (
        "pvt(close, volume)",
        &[e("pvt(close, volume)", &[Some(-394.6771603115915), Some(-291.50418180596114), Some(-345.85200789291764)])],
    ),
    (
        "nvi(close, volume)",
        &[e("nvi(close, volume)", &[Some(958.2182247612641), Some(958.2182247612641), Some(946.1072765211065)])],
    ),
    (
        "pvi(close, volume)",
        &[e("pvi(close, volume)", &[Some(1017.0580832620391), Some(1029.5500965672024), Some(1029.5500965672024)])],
    ),
    (
        "wad(high, low, close)",
        &[e(
            "wad(high, low, close)",
            &[Some(-1.5000000000000036), Some(-1.0300000000000011), Some(-1.2800000000000011)],
        )],
    ),
    (
        "rvol(volume, n=20)",
        &[e("rvol(volume, 5)", &[Some(1.5458015267175573), Some(1.2765957446808511), Some(0.5858310626702997)])],
    ),
    (
        "cs_rank(x, by=…)",
        &[
            e(
                "cs_rank(x)",
                &[
                    Some(0.6666666666666666),
                    Some(0.16666666666666666),
                    Some(0.8333333333333334),
                    Some(0.3333333333333333),
                    Some(1.0),
                    Some(0.5),
                ],
            ),
            e(
                "cs_rank(x, by=industry)",
                &[Some(1.0), Some(0.5), Some(0.6666666666666666), Some(0.3333333333333333), Some(1.0), Some(1.0)],
            ),
        ],
    ),
    (
        "cs_zscore(x, by=…)",
        &[
            e(
                "cs_zscore(x)",
                &[
                    Some(0.0),
                    Some(-1.140531897024402),
                    Some(0.42769946138415077),
                    Some(-0.7128324356402512),
                    Some(1.710797845536603),
                    Some(-0.2851329742561005),
                ],
            ),
            e(
                "cs_zscore(x, by=industry)",
                &[
                    Some(0.7071067811865475),
                    Some(-0.7071067811865475),
                    Some(-0.03919309008348109),
                    Some(-0.9798272520870256),
                    Some(1.0190203421705064),
                    None,
                ],
            ),
        ],
    ),
    (
        "cs_robust_zscore(x, clip=3, by=…)",
        &[e(
            "cs_robust_zscore(x)",
            &[
                Some(0.1686226898691488),
                Some(-1.1803588290840417),
                Some(0.6744907594765952),
                Some(-0.6744907594765952),
                Some(2.1920949682989344),
                Some(-0.1686226898691488),
            ],
        )],
    ),
    (
        "cs_demean(x, by=…)",
        &[e("cs_demean(x)", &[Some(0.0), Some(-4.0), Some(1.5), Some(-2.5), Some(6.0), Some(-1.0)])],
    ),
    (
        "cs_winsorize(x, k=3, by=…)",
        &[e(
            "cs_winsorize(x, 1)",
            &[Some(3.0), Some(-0.46519999999999984), Some(4.5), Some(0.5), Some(5.465199999999999), Some(2.0)],
        )],
    ),
    (
        "cs_scale(x, a=1, by=…)",
        &[e("cs_scale(x)", &[Some(0.15), Some(-0.05), Some(0.225), Some(0.025), Some(0.45), Some(0.1)])],
    ),
    (
        "cs_neutralize(x, on=…, by=…)",
        &[
            e(
                "cs_neutralize(x, by=industry)",
                &[
                    Some(2.0),
                    Some(-2.0),
                    Some(-0.16666666666666874),
                    Some(-4.166666666666669),
                    Some(4.333333333333331),
                    Some(0.0),
                ],
            ),
            e(
                "cs_neutralize(x, on=y)",
                &[
                    Some(0.1327433628318575),
                    Some(-4.265486725663718),
                    Some(2.6283185840707954),
                    Some(-2.9646017699115053),
                    Some(4.938053097345132),
                    Some(-0.4690265486725673),
                ],
            ),
        ],
    ),
    (
        "cs_bucket(x, n, by=…)",
        &[e("cs_bucket(x, 3)", &[Some(2.0), Some(1.0), Some(3.0), Some(1.0), Some(3.0), Some(2.0)])],
    ),
    (
        "cs_quantile(x, q, by=…)",
        &[e("cs_quantile(x, 0.25)", &[Some(0.875), Some(0.875), Some(0.875), Some(0.875), Some(0.875), Some(0.875)])],
    ),
    ("cs_mean(x, by=…)", &[e("cs_mean(x)", &[Some(3.0), Some(3.0), Some(3.0), Some(3.0), Some(3.0), Some(3.0)])]),
    (
        "cs_std(x, by=…)",
        &[e(
            "cs_std(x)",
            &[
                Some(3.5071355833500366),
                Some(3.5071355833500366),
                Some(3.5071355833500366),
                Some(3.5071355833500366),
                Some(3.5071355833500366),
                Some(3.5071355833500366),
            ],
        )],
    ),
    ("cs_sum(x, by=…)", &[e("cs_sum(x)", &[Some(18.0), Some(18.0), Some(18.0), Some(18.0), Some(18.0), Some(18.0)])]),
    ("cs_min(x, by=…)", &[e("cs_min(x)", &[Some(-1.0), Some(-1.0), Some(-1.0), Some(-1.0), Some(-1.0), Some(-1.0)])]),
    ("cs_max(x, by=…)", &[e("cs_max(x)", &[Some(9.0), Some(9.0), Some(9.0), Some(9.0), Some(9.0), Some(9.0)])]),
    ("cs_median(x, by=…)", &[e("cs_median(x)", &[Some(2.5), Some(2.5), Some(2.5), Some(2.5), Some(2.5), Some(2.5)])]),
    ("cs_count(x, by=…)", &[e("cs_count(x)", &[Some(6.0), Some(6.0), Some(6.0), Some(6.0), Some(6.0), Some(6.0)])]),
];
