//! Who reads whom: the names of inputs, and the `ref()`s of queries.

use std::collections::BTreeMap;

use assetctl_config::{Asset, Diagnostic, Kind, Label, Loc, Project, did_you_mean};

use crate::check_reads;
use crate::lower::{error, list};
use crate::node::CheckReads;
use crate::template::{self, Rendered, TemplateError};

/// An asset's mention of another.
#[derive(Debug, Clone)]
pub struct Reference {
    pub input: usize,
    pub alias: String,
    pub loc: Loc,
}

/// What an asset reads.
#[derive(Debug, Clone, Default)]
pub struct Mentions {
    /// Of a `sql` asset.
    pub template: Option<Rendered>,
    /// In the order written; that of a `universe` last.
    pub references: Vec<Reference>,
    /// What its checks read.
    pub checks: CheckReads,
    /// Where they say so, in the order of `checks.edges`.
    pub check_locs: Vec<Loc>,
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
            let mut all = Mentions { template, references, whole, ..Mentions::default() };
            check_reads::read(project, asset, &by_name, &mut all, problems);
            all
        })
        .collect()
}

pub fn unknown(project: &Project, asset: &Asset, name: &str, loc: Loc) -> Diagnostic {
    let declared = project.assets.iter().map(|asset| asset.name.as_str());
    let known: Vec<&str> =
        declared.chain(project.broken.iter().map(String::as_str)).filter(|known| *known != asset.name).collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "declare it under `assets:`".to_owned(),
        None => format!("there are: {}", list(&known)),
    };
    error(loc, format!("there is no asset `{name}`"), format!("read by `{}`", asset.name), Some(help))
}

fn mentions(project: &Project, asset: &Asset, problems: &mut Vec<Diagnostic>) -> (Vec<Mention>, Option<Rendered>) {
    let at =
        |name: &str, path: &[&str]| Mention { name: name.to_owned(), alias: name.to_owned(), loc: asset.locate(path) };
    let mut mentions: Vec<Mention> = match &asset.kind {
        Kind::Source(spec) => {
            let table = spec.instrument_table().map(|table| table.table.clone());
            let loc = || asset.locate(&["instruments", "table"]);
            table.map(|name| Mention { alias: name.clone(), name, loc: loc() }).into_iter().collect()
        }
        Kind::Table(_) => Vec::new(),
        Kind::AsOf(spec) => vec![at(&spec.input, &["input"])],
        Kind::Complete(spec) => spec.inputs().map(|(name, keys)| at(name, keys)).collect(),
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
        Kind::Resample(spec) => vec![at(&spec.input, &["input"])],
        Kind::Signals(spec) => vec![at(&spec.input, &["input"])],
        Kind::Exec(spec) => {
            let inputs = spec.inputs.iter().map(|(alias, input)| Mention {
                name: input.asset.clone().unwrap_or_else(|| alias.clone()),
                alias: alias.clone(),
                loc: match &input.asset {
                    Some(_) => asset.locate(&["inputs", alias, "asset"]),
                    None => asset.locate_key(&["inputs", alias]),
                },
            });
            inputs.collect()
        }
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
                locate_line(asset, &["query"], query, &mistake),
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
            let loc = locate_text(asset, &["query"], query, &reference.asset);
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

/// Where a name first stands in quotes in the query at a path.
pub fn locate_text(asset: &Asset, path: &[&str], query: &str, name: &str) -> Loc {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    match quoted.iter().find_map(|text| query.find(text.as_str())) {
        Some(quote) => asset.locate_within(path, quote + 1..quote + 1 + name.len()),
        None => asset.locate(path),
    }
}

/// A word of a line of the query at a path, or the line.
pub fn locate_line(asset: &Asset, path: &[&str], query: &str, mistake: &TemplateError) -> Loc {
    let Some(line) = mistake.line.filter(|line| *line >= 1) else { return asset.locate(path) };
    let mut start = 0;
    for (at, text) in query.split('\n').enumerate() {
        if at + 1 == line {
            if let Some(word) = &mistake.word
                && let Some(at) = text.find(word)
            {
                return asset.locate_within(path, start + at..start + at + word.len());
            }
            let indent = text.len() - text.trim_start().len();
            let end = start + text.trim_end().len();
            return asset.locate_within(path, start + indent..end.max(start + indent));
        }
        start += text.len() + 1;
    }
    asset.locate(path)
}

/// A cycle, shown as the path that closes.
pub fn cycle(project: &Project, mentions: &[Mentions], path: &[usize]) -> Diagnostic {
    let names: Vec<&str> = path.iter().map(|ix| project.assets[*ix].name.as_str()).collect();
    let closed = names.iter().chain(names.first()).copied().collect::<Vec<_>>().join(" → ");
    let reads = |reader: usize, input: usize| {
        let Mentions { references, checks, check_locs, .. } = &mentions[reader];
        let (by, of) = (&project.assets[reader].name, &project.assets[input].name);
        let read = references.iter().find(|reference| reference.input == input);
        let checked = || checks.edges.iter().zip(check_locs).find(|(edge, _)| edge.input == input);
        match read {
            Some(reference) => Some(Label { loc: reference.loc.clone(), text: format!("`{by}` reads `{of}`") }),
            None => {
                checked().map(|(_, loc)| Label { loc: loc.clone(), text: format!("a check of `{by}` reads `{of}`") })
            }
        }
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
