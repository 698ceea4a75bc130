//! Alpha158 in the expression language; the names are Qlib's.

/// The families that polars has no functions for.
const NOT_IN_POLARS: [&str; 6] = ["BETA", "RSQR", "RESI", "IMAX", "IMIN", "IMXD"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// All 158.
    All,
    /// The 128 that polars has functions for.
    InPolars,
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::InPolars => "in-polars",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        [Self::All, Self::InPolars].into_iter().find(|set| set.name() == name)
    }

    /// Names and expressions, in Qlib's order.
    pub fn features(self) -> Vec<(String, String)> {
        let mut features = alpha158();
        if self == Self::InPolars {
            features.retain(|(name, _)| !NOT_IN_POLARS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit())));
        }
        features
    }
}

const BARS: [(&str, &str); 13] = [
    ("KMID", "(close - open) / open"),
    ("KLEN", "(high - low) / open"),
    ("KMID2", "(close - open) / (high - low + 1e-12)"),
    ("KUP", "(high - greater(open, close)) / open"),
    ("KUP2", "(high - greater(open, close)) / (high - low + 1e-12)"),
    ("KLOW", "(less(open, close) - low) / open"),
    ("KLOW2", "(less(open, close) - low) / (high - low + 1e-12)"),
    ("KSFT", "(2 * close - high - low) / open"),
    ("KSFT2", "(2 * close - high - low) / (high - low + 1e-12)"),
    ("OPEN0", "open / close"),
    ("HIGH0", "high / close"),
    ("LOW0", "low / close"),
    ("VWAP0", "vwap / close"),
];

/// `#` stands for the window.
const WINDOWED: [(&str, &str); 29] = [
    ("ROC", "ref(close, #) / close"),
    ("MA", "mean(close, #) / close"),
    ("STD", "std(close, #) / close"),
    ("BETA", "slope(close, #) / close"),
    ("RSQR", "rsquare(close, #)"),
    ("RESI", "resid(close, #) / close"),
    ("MAX", "max(high, #) / close"),
    ("MIN", "min(low, #) / close"),
    ("QTLU", "quantile(close, #, 0.8) / close"),
    ("QTLD", "quantile(close, #, 0.2) / close"),
    ("RANK", "rank(close, #)"),
    ("RSV", "(close - min(low, #)) / (max(high, #) - min(low, #) + 1e-12)"),
    ("IMAX", "argmax(high, #) / #"),
    ("IMIN", "argmin(low, #) / #"),
    ("IMXD", "(argmax(high, #) - argmin(low, #)) / #"),
    ("CORR", "corr(close, log(volume + 1), #)"),
    ("CORD", "corr(close / ref(close, 1), log(volume / ref(volume, 1) + 1), #)"),
    ("CNTP", "mean(if(close > ref(close, 1), 1, 0), #)"),
    ("CNTN", "mean(if(close < ref(close, 1), 1, 0), #)"),
    ("CNTD", "mean(if(close > ref(close, 1), 1, 0), #) - mean(if(close < ref(close, 1), 1, 0), #)"),
    ("SUMP", "sum(greater(delta(close, 1), 0), #) / (sum(abs(delta(close, 1)), #) + 1e-12)"),
    ("SUMN", "sum(greater(-delta(close, 1), 0), #) / (sum(abs(delta(close, 1)), #) + 1e-12)"),
    (
        "SUMD",
        "(sum(greater(delta(close, 1), 0), #) - sum(greater(-delta(close, 1), 0), #)) / (sum(abs(delta(close, 1)), #) + 1e-12)",
    ),
    ("VMA", "mean(volume, #) / (volume + 1e-12)"),
    ("VSTD", "std(volume, #) / (volume + 1e-12)"),
    (
        "WVMA",
        "std(abs(close / ref(close, 1) - 1) * volume, #) / (mean(abs(close / ref(close, 1) - 1) * volume, #) + 1e-12)",
    ),
    ("VSUMP", "sum(greater(delta(volume, 1), 0), #) / (sum(abs(delta(volume, 1)), #) + 1e-12)"),
    ("VSUMN", "sum(greater(-delta(volume, 1), 0), #) / (sum(abs(delta(volume, 1)), #) + 1e-12)"),
    (
        "VSUMD",
        "(sum(greater(delta(volume, 1), 0), #) - sum(greater(-delta(volume, 1), 0), #)) / (sum(abs(delta(volume, 1)), #) + 1e-12)",
    ),
];

fn alpha158() -> Vec<(String, String)> {
    let bars = BARS.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let windowed = WINDOWED.iter().flat_map(|(name, text)| {
        [5, 10, 20, 30, 60].map(|n: u32| (format!("{name}{n}"), text.replace('#', &n.to_string())))
    });
    bars.into_iter().chain(windowed).collect()
}
