//! Qlib's feature sets: Alpha158 and Alpha360 as its loaders define them by default (`qlib/contrib/data/loader.py`, 0.9.7).

/// A column of a feature set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// As in Qlib: `KMID`, `ROC5`.
    pub name: String,
    /// In Qlib's dialect, letter for letter as Qlib's loader has it.
    pub text: String,
}

/// A feature set of Qlib's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureSet {
    /// 158 features: 9 of the bar, 4 prices, 29 families over 5, 10, 20, 30 and 60 sessions.
    Alpha158,
    /// 360 features: the last 60 values of six columns, in relation to today's.
    Alpha360,
}

/// Sessions of Alpha158's families.
const WINDOWS: [u32; 5] = [5, 10, 20, 30, 60];

/// Sessions that Alpha360 looks at, today's included.
const DAYS: u32 = 60;

/// Alpha158's features of one bar.
const BAR: [(&str, &str); 13] = [
    ("KMID", "($close-$open)/$open"),
    ("KLEN", "($high-$low)/$open"),
    ("KMID2", "($close-$open)/($high-$low+1e-12)"),
    ("KUP", "($high-Greater($open, $close))/$open"),
    ("KUP2", "($high-Greater($open, $close))/($high-$low+1e-12)"),
    ("KLOW", "(Less($open, $close)-$low)/$open"),
    ("KLOW2", "(Less($open, $close)-$low)/($high-$low+1e-12)"),
    ("KSFT", "(2*$close-$high-$low)/$open"),
    ("KSFT2", "(2*$close-$high-$low)/($high-$low+1e-12)"),
    ("OPEN0", "$open/$close"),
    ("HIGH0", "$high/$close"),
    ("LOW0", "$low/$close"),
    ("VWAP0", "$vwap/$close"),
];

/// Alpha158's families; `{d}` stands for the number of sessions.
const FAMILIES: [(&str, &str); 29] = [
    ("ROC", "Ref($close, {d})/$close"),
    ("MA", "Mean($close, {d})/$close"),
    ("STD", "Std($close, {d})/$close"),
    ("BETA", "Slope($close, {d})/$close"),
    ("RSQR", "Rsquare($close, {d})"),
    ("RESI", "Resi($close, {d})/$close"),
    ("MAX", "Max($high, {d})/$close"),
    ("MIN", "Min($low, {d})/$close"),
    ("QTLU", "Quantile($close, {d}, 0.8)/$close"),
    ("QTLD", "Quantile($close, {d}, 0.2)/$close"),
    ("RANK", "Rank($close, {d})"),
    ("RSV", "($close-Min($low, {d}))/(Max($high, {d})-Min($low, {d})+1e-12)"),
    ("IMAX", "IdxMax($high, {d})/{d}"),
    ("IMIN", "IdxMin($low, {d})/{d}"),
    ("IMXD", "(IdxMax($high, {d})-IdxMin($low, {d}))/{d}"),
    ("CORR", "Corr($close, Log($volume+1), {d})"),
    ("CORD", "Corr($close/Ref($close,1), Log($volume/Ref($volume, 1)+1), {d})"),
    ("CNTP", "Mean($close>Ref($close, 1), {d})"),
    ("CNTN", "Mean($close<Ref($close, 1), {d})"),
    ("CNTD", "Mean($close>Ref($close, 1), {d})-Mean($close<Ref($close, 1), {d})"),
    ("SUMP", "Sum(Greater($close-Ref($close, 1), 0), {d})/(Sum(Abs($close-Ref($close, 1)), {d})+1e-12)"),
    ("SUMN", "Sum(Greater(Ref($close, 1)-$close, 0), {d})/(Sum(Abs($close-Ref($close, 1)), {d})+1e-12)"),
    (
        "SUMD",
        "(Sum(Greater($close-Ref($close, 1), 0), {d})-Sum(Greater(Ref($close, 1)-$close, 0), {d}))/(Sum(Abs($close-Ref($close, 1)), {d})+1e-12)",
    ),
    ("VMA", "Mean($volume, {d})/($volume+1e-12)"),
    ("VSTD", "Std($volume, {d})/($volume+1e-12)"),
    ("WVMA", "Std(Abs($close/Ref($close, 1)-1)*$volume, {d})/(Mean(Abs($close/Ref($close, 1)-1)*$volume, {d})+1e-12)"),
    ("VSUMP", "Sum(Greater($volume-Ref($volume, 1), 0), {d})/(Sum(Abs($volume-Ref($volume, 1)), {d})+1e-12)"),
    ("VSUMN", "Sum(Greater(Ref($volume, 1)-$volume, 0), {d})/(Sum(Abs($volume-Ref($volume, 1)), {d})+1e-12)"),
    (
        "VSUMD",
        "(Sum(Greater($volume-Ref($volume, 1), 0), {d})-Sum(Greater(Ref($volume, 1)-$volume, 0), {d}))/(Sum(Abs($volume-Ref($volume, 1)), {d})+1e-12)",
    ),
];

/// Alpha360's columns, and what their values are divided by.
const HISTORIES: [(&str, &str); 6] = [
    ("close", "$close"),
    ("open", "$close"),
    ("high", "$close"),
    ("low", "$close"),
    ("vwap", "$close"),
    ("volume", "($volume+1e-12)"),
];

impl FeatureSet {
    /// The columns that its features are computed from.
    pub const NEEDS: [&'static str; 6] = ["open", "high", "low", "close", "volume", "vwap"];

    /// Its columns, in Qlib's order.
    pub fn features(self) -> Vec<Feature> {
        match self {
            FeatureSet::Alpha158 => alpha158(),
            FeatureSet::Alpha360 => alpha360(),
        }
    }
}

fn alpha158() -> Vec<Feature> {
    let bar = BAR.iter().map(|(name, text)| Feature { name: (*name).to_owned(), text: (*text).to_owned() });
    let families = FAMILIES.iter().flat_map(|(name, text)| {
        WINDOWS.iter().map(move |n| Feature { name: format!("{name}{n}"), text: text.replace("{d}", &n.to_string()) })
    });
    bar.chain(families).collect()
}

fn alpha360() -> Vec<Feature> {
    let history = |(column, base): &(&str, &str)| -> Vec<Feature> {
        let name = column.to_uppercase();
        (0..DAYS)
            .rev()
            .map(|back| {
                let value = if back == 0 { format!("${column}") } else { format!("Ref(${column}, {back})") };
                Feature { name: format!("{name}{back}"), text: format!("{value}/{base}") }
            })
            .collect()
    };
    HISTORIES.iter().flat_map(history).collect()
}
