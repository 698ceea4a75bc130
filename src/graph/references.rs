//! Who reads whom: the names of inputs, and the `ref()`s of queries.

use std::collections::BTreeMap;

use assetctl_config::{Asset, Diagnostic, Kind, Label, Loc, Project, did_you_mean};

use crate::lower::{error, list};
use crate::template::{self, Rendered};

/// An asset's mention of another.
#[derive(Debug, Clone)]
pub struct Reference {
    pub input: usize,
    pub alias: String,
    pub loc: Loc,
}

/// What an asset reads.
#[derive(Debug, Clone)]
pub struct Mentions {
    /// Of a `sql` asset.
    pub template: Option<Rendered>,
    /// In the order written; that of a `universe` last.
    pub references: Vec<Reference>,
    /// Whether that is all: what is not there has been reported, or is one of the project's broken assets.
    pub whole: bool,
}

/// A name, as what expressions know it, and where it stands.
struct Mention {
    name: String,
    alias: String,
    loc: Loc,
}

/// What each asset reads, in the project's order.
pub fn references(project: &Project, problems: &mut Vec<Diagnostic>) -> Vec<Mentions> {
    let by_name: BTreeMap<&str, usize> =
        project.assets.iter().enumerate().map(|(ix, asset)| (asset.name.as_str(), ix)).collect();
    project
        .assets
        .iter()
        .map(|asset| {
            let before = problems.len();
            let (mentions, template) = mentions(project, asset, problems);
            let mut whole = problems.len() == before;
            let mut references = Vec::with_capacity(mentions.len());
            for Mention { name, alias, loc } in mentions {
                match by_name.get(name.as_str()) {
                    Some(input) => references.push(Reference { input: *input, alias, loc }),
                    None => {
                        whole = false;
                        if !project.broken.contains(&name) {
                            problems.push(unknown(project, asset, &name, loc));
                        }
                    }
                }
            }
            Mentions { template, references, whole }
        })
        .collect()
}

fn unknown(project: &Project, asset: &Asset, name: &str, loc: Loc) -> Diagnostic {
    let declared = project.assets.iter().map(|asset| asset.name.as_str());
    let known: Vec<&str> =
        declared.chain(project.broken.iter().map(String::as_str)).filter(|known| *known != asset.name).collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", list(&known)),
    };
    error(loc, format!("there is no asset `{name}`"), format!("read by `{}`", asset.name), Some(help))
}

fn mentions(project: &Project, asset: &Asset, problems: &mut Vec<Diagnostic>) -> (Vec<Mention>, Option<Rendered>) {
    let at =
        |name: &str, path: &str| Mention { name: name.to_owned(), alias: name.to_owned(), loc: asset.locate(&[path]) };
    let mut mentions: Vec<Mention> = match &asset.kind {
        Kind::Source(spec) => {
            let table = spec.instrument_table().map(|table| table.table.clone());
            let loc = || asset.locate(&["instruments", "table"]);
            table.map(|name| Mention { alias: name.clone(), name, loc: loc() }).into_iter().collect()
        }
        Kind::Table(_) => Vec::new(),
        Kind::AsOf(spec) => vec![at(&spec.input, "input")],
        Kind::Complete(spec) => std::iter::once(at(&spec.input, "input"))
            .chain(spec.listing.iter().map(|name| at(name, "listing")))
            .collect(),
        Kind::Indicators(spec) | Kind::Scores(spec) => {
            let pairs = spec.input.pairs().into_iter().enumerate();
            pairs
                .map(|(at, (alias, name))| {
                    let path = spec.input.path(at);
                    let loc = asset.locate(&path.iter().map(String::as_str).collect::<Vec<_>>());
                    Mention { name, alias, loc }
                })
                .collect()
        }
        Kind::Signals(spec) => vec![at(&spec.input, "input")],
        Kind::Sql(spec) => return query(project, asset, &spec.query, problems),
    };
    if let Some(universe) = asset.kind.universe() {
        let name = universe.asset().to_owned();
        mentions.push(Mention { alias: name.clone(), name, loc: asset.locate(universe.path()) });
    }
    (mentions, None)
}

/// The `ref()`s of a query, each asset once.
fn query(
    project: &Project,
    asset: &Asset,
    query: &str,
    problems: &mut Vec<Diagnostic>,
) -> (Vec<Mention>, Option<Rendered>) {
    let rendered = match template::render(query) {
        Ok(rendered) => rendered,
        Err(mistake) => {
            problems.push(error(
                locate_line(asset, query, mistake.line, mistake.word.as_deref()),
                format!("the query of `{}` is not a valid template: {}", asset.name, mistake.message),
                "here",
                Some(
                    "`{{ ref('completed_bars', sessions=20) }}` is an input's last 20 sessions, `{{ session }}` the date"
                        .into(),
                ),
            ));
            return (Vec::new(), None);
        }
    };
    let mut mentions: Vec<Mention> = Vec::new();
    for reference in &rendered.refs {
        if mentions.iter().all(|known| known.name != reference.asset) {
            let loc = locate_text(asset, query, &reference.asset);
            mentions.push(Mention { name: reference.asset.clone(), alias: reference.asset.clone(), loc });
        }
    }
    if mentions.is_empty() {
        let words: Vec<&str> = query.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let likely = project.assets.iter().map(|asset| asset.name.as_str()).find(|name| words.contains(name));
        let likely = likely.unwrap_or("completed_bars");
        problems.push(error(
            asset.locate(&["query"]),
            format!("the query of `{}` reads no asset", asset.name),
            "no `ref()` in this query",
            Some(format!("name the assets it reads: `from {{{{ ref('{likely}') }}}}`")),
        ));
    }
    (mentions, Some(rendered))
}

/// Where a name first stands in quotes in a query.
fn locate_text(asset: &Asset, query: &str, name: &str) -> Loc {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    match quoted.iter().find_map(|text| query.find(text.as_str())) {
        Some(quote) => asset.locate_within(&["query"], quote + 1..quote + 1 + name.len()),
        None => asset.locate(&["query"]),
    }
}

/// A word of a line of a query, or the line.
fn locate_line(asset: &Asset, query: &str, line: Option<usize>, word: Option<&str>) -> Loc {
    let Some(line) = line.filter(|line| *line >= 1) else { return asset.locate(&["query"]) };
    let mut start = 0;
    for (at, text) in query.split('\n').enumerate() {
        if at + 1 == line {
            if let Some(word) = word
                && let Some(at) = text.find(word)
            {
                return asset.locate_within(&["query"], start + at..start + at + word.len());
            }
            let indent = text.len() - text.trim_start().len();
            let end = start + text.trim_end().len();
            return asset.locate_within(&["query"], start + indent..end.max(start + indent));
        }
        start += text.len() + 1;
    }
    asset.locate(&["query"])
}

/// A cycle, shown as the path that closes.
pub fn cycle(project: &Project, mentions: &[Mentions], path: &[usize]) -> Diagnostic {
    let names: Vec<&str> = path.iter().map(|ix| project.assets[*ix].name.as_str()).collect();
    let closed = names.iter().chain(names.first()).copied().collect::<Vec<_>>().join(" → ");
    let reads = |reader: usize, input: usize| {
        mentions[reader].references.iter().find(|reference| reference.input == input).map(|reference| Label {
            loc: reference.loc.clone(),
            text: format!("`{}` reads `{}`", project.assets[reader].name, project.assets[input].name),
        })
    };
    let mut labels: Vec<Label> =
        (0..path.len()).filter_map(|at| reads(path[(at + 1) % path.len()], path[at])).collect();
    let primary = labels.pop();
    Diagnostic {
        severity: assetctl_config::DiagnosticSeverity::Error,
        message: format!("assets depend on each other in a circle: {closed}"),
        primary,
        secondary: labels,
        help: vec!["an asset cannot be made from itself; take one of these inputs away".into()],
    }
}
