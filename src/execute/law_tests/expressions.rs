//! Assets of random expressions, as the project file says them.

use std::fmt::Write;

use super::market::{NUMBERS, START};

/// What decides on a column: its kind, its function, the operands and a number of rows. Taken modulo what there is.
#[derive(Debug, Clone, Copy)]
pub struct Gene {
    pub kind: u8,
    pub function: u8,
    pub picks: [u8; 3],
    pub n: u8,
}

#[derive(Debug, Clone)]
pub struct AssetSeed {
    /// Bits: whether it reads the bars, the asset above, or both; in which order.
    pub inputs: u8,
    pub traded: bool,
    /// Whether members of the index alone take part.
    pub universe: bool,
    /// Whether functions of all instruments may occur.
    pub across: bool,
    /// Whether functions with a state may.
    pub recursive: bool,
    pub genes: Vec<Gene>,
}

const POINTWISE: [&str; 8] =
    ["x + y", "x - y * 2", "x * y", "abs(x - 5)", "if(x > y, x, z)", "coalesce(x, y)", "max(x, 4)", "where(x, x > y)"];
const FLAGS: [&str; 3] = ["x > y", "x > 6", "is_missing(x) or x <= y"];
const WINDOWS: [&str; 16] = [
    "mean(x, n)",
    "ref(x, n)",
    "sum(x, n)",
    "std(x, n)",
    "max(x, n)",
    "rank(x, n)",
    "corr(x, y, n)",
    "count(x > y, n)",
    "delta(x, n)",
    "median(x, n)",
    "slope(x, n)",
    "wma(x, n)",
    "min(x, n)",
    "argmax(x, n)",
    "mad(x, n)",
    "quantile(x, n, 0.3)",
];
const RECURSIONS: [&str; 16] = [
    "ema(x, n)",
    "rma(x, n)",
    "cumsum(x)",
    "cummax(x)",
    "last_valid(x)",
    "bars_since(x > y)",
    "kama(x, n)",
    "sma_tdx(x, n, 1)",
    "mean(x, 0)",
    "ewm(x, alpha=0.5)",
    "rsi(x, n)",
    "atr(x, y, z, n)",
    "macd_line(x, 2, 5)",
    "sar(x, y)",
    "first_valid(x)",
    "kdj(x, y, z, n).k",
];
const ACROSS: [&str; 3] = ["cs_rank(x)", "cs_zscore(x)", "cs_demean(x)"];

/// A column that others may read.
#[derive(Clone)]
struct Term {
    text: String,
    /// Whether it depends on other instruments in the same session.
    across: bool,
}

fn pick<'a>(terms: &[&'a Term], pick: u8) -> &'a Term {
    // mostly what was made last, so that chains get long
    let back = if pick % 3 == 0 { 0 } else { usize::from(pick / 3) % terms.len() };
    terms[terms.len() - 1 - back]
}

/// The name of an asset.
pub fn name(at: usize) -> String {
    format!("asset_{at}")
}

/// The project file.
pub fn yaml(assets: &[AssetSeed]) -> String {
    let mut text = format!(
        "calendar: XSHG\nstart: {START}\nassets:\n  bars:\n    kind: source\n    csv: bars.csv\n    types: {{ is_suspended: bool }}\n"
    );
    if assets.iter().any(|asset| asset.universe) {
        text.push_str(
            "  members:\n    kind: table\n    csv: members.csv\n    types: { joined: date, left: date }\n  \
             index:\n    kind: as_of\n    input: members\n    key: instrument\n    valid: { from: joined, to: left }\n",
        );
    }
    let mut above: Option<(String, Vec<String>)> = None;
    for (at, asset) in assets.iter().enumerate() {
        let (inputs, columns) = of_asset(at, asset, above.as_ref());
        let axis = if asset.traded { "    window_axis: traded\n" } else { "" };
        let universe = if asset.universe { "    universe: index\n" } else { "" };
        let (name_of, inputs) = (name(at), inputs.join(", "));
        let _ = write!(text, "  {name_of}:\n    kind: scores\n    input: [{inputs}]\n{axis}{universe}    columns:\n");
        for (column, expression) in &columns {
            let _ = writeln!(text, "      {column}: {expression}");
        }
        let columns = columns.into_iter().filter(|(name, _)| !name.starts_with("flag"));
        above = Some((name(at), columns.map(|(name, _)| name).collect()));
    }
    text
}

/// The inputs of an asset and its columns.
fn of_asset(
    at: usize,
    asset: &AssetSeed,
    above: Option<&(String, Vec<String>)>,
) -> (Vec<String>, Vec<(String, String)>) {
    let bars = ("bars".to_owned(), NUMBERS.map(str::to_owned).to_vec());
    let inputs: Vec<&(String, Vec<String>)> = match (above, asset.inputs % 4) {
        (Some(above), 0 | 1) => vec![above],
        (Some(above), 2) => vec![&bars, above],
        (Some(above), _) => vec![above, &bars],
        (None, _) => vec![&bars],
    };
    let terms = |(name, columns): &&(String, Vec<String>)| {
        let term = |column: &String| Term { text: format!("{name}.{column}"), across: false };
        columns.iter().map(term).collect::<Vec<_>>()
    };
    let mut terms: Vec<Term> = inputs.iter().flat_map(terms).collect();
    let mut columns = Vec::new();
    for (gene_at, gene) in asset.genes.iter().enumerate() {
        let function = usize::from(gene.function);
        // the asset below needs a column of numbers
        let is_flag = gene.kind % 12 == 2 && gene_at > 0;
        let (template, looks_back, looks_across) = match gene.kind % 12 {
            2 if !is_flag => (POINTWISE[function % POINTWISE.len()], false, false),
            0 | 1 => (POINTWISE[function % POINTWISE.len()], false, false),
            2 => (FLAGS[function % FLAGS.len()], false, false),
            3 | 4 if asset.across => (ACROSS[function % ACROSS.len()], false, true),
            5..=8 if asset.recursive => (RECURSIONS[function % RECURSIONS.len()], true, false),
            _ => (WINDOWS[function % WINDOWS.len()], true, false),
        };
        let usable: Vec<&Term> = terms.iter().filter(|term| !(asset.traded && looks_back && term.across)).collect();
        let operands = gene.picks.map(|choice| pick(&usable, choice));
        let expression: String = template
            .split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .map(|word| {
                let end = word.trim_end_matches(|letter: char| !letter.is_alphanumeric() && letter != '_').len();
                let (word, rest) = word.split_at(end);
                let word = match word {
                    "x" => operands[0].text.clone(),
                    "y" => operands[1].text.clone(),
                    "z" => operands[2].text.clone(),
                    "n" => (2 + gene.n % 6).to_string(),
                    word => word.to_owned(),
                };
                format!("{word}{rest}")
            })
            .collect();
        let name = format!("{}_{at}_{gene_at}", if is_flag { "flag" } else { "x" });
        if !is_flag {
            let across = looks_across || operands.iter().any(|operand| operand.across);
            terms.push(Term { text: name.clone(), across });
        }
        columns.push((name, expression));
    }
    (inputs.into_iter().map(|(name, _)| name.clone()).collect(), columns)
}
