//! A project's assets → nodes. Every mistake that takes more than one asset to see is found here, and all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use assetctl_config::{
    Asset, ColumnType, CompleteSpec, Diagnostic, Kind, Label, Loc, OneOrMany, Project, SignalsSpec, TopK,
};
use assetctl_expr::{ColumnKind, InputScope, Source, Type};
use serde_json::json;

use crate::node::{AssetNode, Axis, Body, Edge, EdgeColumns, SqlRef};
use crate::template::{self, Rendered, TemplateRef};

/// Columns besides `session`, the key first.
pub type Schema = Vec<(String, ColumnType)>;

/// Knows the columns of assets that are read from files.
pub trait SchemaSource {
    /// The columns of a `source` or `table`; a missing or malformed file is reported where the asset names it.
    fn schema(&self, asset: &Asset) -> Result<Schema, Vec<Diagnostic>>;
}

/// An asset's mention of another.
#[derive(Debug, Clone)]
pub struct Reference {
    pub input: usize,
    pub alias: String,
    pub loc: Loc,
}

/// (reader, its rendered template if it is `sql`, what it reads in the order written).
pub type References = Vec<(usize, Option<Rendered>, Vec<Reference>)>;

/// Versions of the algorithms behind the kinds: a change of results moves the number, and with it every spec hash.
mod version {
    pub const FILES: u32 = 1;
    pub const COMPLETE: u32 = 1;
    pub const COLUMNS: u32 = 1;
    pub const TOP_K: u32 = 1;
    pub const SQL: u32 = 1;
}

pub fn error(loc: Loc, message: impl Into<String>, label: impl Into<String>, help: Option<String>) -> Diagnostic {
    Diagnostic {
        severity: assetctl_config::DiagnosticSeverity::Error,
        message: message.into(),
        primary: Some(Label { loc, text: label.into() }),
        secondary: Vec::new(),
        help: help.into_iter().collect(),
    }
}

fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(wanted.chars().count()) / 4)
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

fn list(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// Who reads whom.
pub fn references(project: &Project) -> Result<References, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let by_name: BTreeMap<&str, usize> =
        project.assets.iter().enumerate().map(|(ix, asset)| (asset.name.as_str(), ix)).collect();
    let mut all = Vec::with_capacity(project.assets.len());
    for (reader, asset) in project.assets.iter().enumerate() {
        let mut rendered = None;
        let mentions: Vec<(String, String, Loc)> = match &asset.kind {
            Kind::Source(_) | Kind::Table(_) => Vec::new(),
            Kind::Complete(spec) => {
                let bars = (spec.input.clone(), spec.input.clone(), asset.locate(&["input"]));
                let listing = spec.listing.iter().map(|name| (name.clone(), name.clone(), asset.locate(&["listing"])));
                std::iter::once(bars).chain(listing).collect()
            }
            Kind::Indicators(spec) | Kind::Scores(spec) => {
                spec.input.pairs().into_iter().map(|(alias, name)| (alias, name, asset.locate(&["input"]))).collect()
            }
            Kind::Signals(spec) => vec![(spec.input.clone(), spec.input.clone(), asset.locate(&["input"]))],
            Kind::Sql(spec) => match template::render(&spec.query) {
                Ok(found) => {
                    let mut mentions: Vec<(String, String, Loc)> = Vec::new();
                    for reference in &found.refs {
                        if !mentions.iter().any(|(alias, _, _)| *alias == reference.asset) {
                            let loc = locate_text(asset, &spec.query, &reference.asset);
                            mentions.push((reference.asset.clone(), reference.asset.clone(), loc));
                        }
                    }
                    if mentions.is_empty() {
                        problems.push(error(
                            asset.locate(&["query"]),
                            format!("the query of `{}` reads no asset", asset.name),
                            "no `ref()` in this query",
                            Some("name the assets it reads: `from {{ ref('completed_bars') }}`".into()),
                        ));
                    }
                    rendered = Some(found);
                    mentions
                }
                Err(mistake) => {
                    problems.push(error(
                        locate_line(asset, &spec.query, mistake.line),
                        format!("the query of `{}` is not a valid template: {}", asset.name, mistake.message),
                        "here",
                        Some("`{{ ref('completed_bars', sessions=20) }}` is an input's last 20 sessions, `{{ session }}` the date".into()),
                    ));
                    Vec::new()
                }
            },
        };
        let mut found = Vec::with_capacity(mentions.len());
        for (alias, name, loc) in mentions {
            match by_name.get(name.as_str()) {
                Some(input) => found.push(Reference { input: *input, alias, loc }),
                None => problems.push(error(
                    loc,
                    format!("there is no asset `{name}`"),
                    format!("read by `{}`", asset.name),
                    did_you_mean(&name, by_name.keys().copied())
                        .or_else(|| Some("`assetctl ls` lists all assets".into())),
                )),
            }
        }
        all.push((reader, rendered, found));
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// Where a name first stands in a query.
fn locate_text(asset: &Asset, query: &str, name: &str) -> Loc {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    match quoted.iter().find_map(|text| query.find(text.as_str()).map(|at| at..at + text.len())) {
        Some(range) => asset.locate_within(&["query"], range),
        None => asset.locate(&["query"]),
    }
}

fn locate_line(asset: &Asset, query: &str, line: Option<usize>) -> Loc {
    let Some(line) = line.filter(|line| *line >= 1) else { return asset.locate(&["query"]) };
    let mut start = 0;
    for (at, text) in query.split('\n').enumerate() {
        if at + 1 == line {
            let indent = text.len() - text.trim_start().len();
            let end = start + text.trim_end().len();
            return asset.locate_within(&["query"], start + indent..end.max(start + indent));
        }
        start += text.len() + 1;
    }
    asset.locate(&["query"])
}

/// A cycle, shown as the path that closes.
pub fn cycle_diagnostic(project: &Project, references: &References, path: &[usize]) -> Diagnostic {
    let names: Vec<&str> = path.iter().map(|ix| project.assets[*ix].name.as_str()).collect();
    let closed = names.iter().chain(names.first()).copied().collect::<Vec<_>>().join(" → ");
    let reads = |reader: usize, input: usize| {
        references[reader].2.iter().find(|reference| reference.input == input).map(|reference| Label {
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

/// Lowers all assets, inputs first.
pub fn nodes(
    project: &Project,
    references: &References,
    order: &[usize],
    schemas: &dyn SchemaSource,
) -> Result<Vec<AssetNode>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut nodes: Vec<Option<AssetNode>> = vec![None; project.assets.len()];
    for &ix in order {
        let mut lowering = Lowering { nodes: &nodes, asset: &project.assets[ix], problems: Vec::new() };
        let node = lowering.node(ix, &references[ix], schemas);
        problems.append(&mut lowering.problems);
        nodes[ix] = node;
    }
    let complete: Option<Vec<AssetNode>> = nodes.into_iter().collect();
    match complete {
        Some(nodes) if problems.is_empty() => Ok(nodes),
        _ => {
            problems.sort_by_key(|problem| {
                problem.primary.as_ref().map(|label| (label.loc.file, label.loc.range.start))
            });
            Err(problems)
        }
    }
}

struct Lowering<'a> {
    nodes: &'a [Option<AssetNode>],
    asset: &'a Asset,
    problems: Vec<Diagnostic>,
}

/// What the body of an asset says of it.
struct Lowered {
    edges: Vec<Edge>,
    schema: Option<Schema>,
    spec: serde_json::Value,
    body: Body,
    recursive: bool,
}

impl Lowering<'_> {
    /// `None` when something is wrong with it, or when an input could not be lowered (which was reported there).
    fn node(&mut self, ix: usize, references: &(usize, Option<Rendered>, Vec<Reference>), schemas: &dyn SchemaSource) -> Option<AssetNode> {
        let (_, rendered, references) = references;
        let asset = self.asset;
        let inputs: Vec<&AssetNode> =
            references.iter().map(|reference| self.nodes[reference.input].as_ref()).collect::<Option<_>>()?;
        let lowered = match &asset.kind {
            Kind::Source(spec) => self.files(schemas, files_spec(&spec.files, Some(spec.off_calendar)), Body::Source),
            Kind::Table(spec) => self.files(schemas, files_spec(&spec.files, None), Body::Table),
            Kind::Complete(spec) => self.complete(spec, references, &inputs),
            Kind::Indicators(spec) | Kind::Scores(spec) => self.columns(&spec.columns, references, &inputs),
            Kind::Signals(spec) => self.signals(spec, references, &inputs),
            Kind::Sql(spec) => self.sql(spec, rendered.as_ref()?, references, &inputs),
        }?;
        let axis = match &asset.kind {
            Kind::Table(_) => Axis::Static,
            Kind::Sql(_) if inputs.iter().all(|input| input.axis == Axis::Static) => Axis::Static,
            _ => Axis::Session,
        };
        let primary = inputs.iter().find(|input| input.axis == Axis::Session).map(|input| input.start_date());
        let wanted = primary.map_or(asset.start, |start| start.max(asset.start));
        let start = match asset.calendar.at_or_after(wanted) {
            Ok(start) => start,
            Err(mistake) => {
                self.problems.push(error(asset.name_loc(), mistake.to_string(), "this asset starts there", None));
                return None;
            }
        };
        if let Some(schema) = &lowered.schema {
            self.checks(schema);
        }
        let common = &asset.common;
        Some(AssetNode {
            name: asset.name.clone(),
            kind: asset.kind.name(),
            asset: ix,
            axis,
            calendar: Arc::clone(&asset.calendar),
            start,
            settlement: common.settlement.as_ref().map_or_else(chrono::Duration::zero, |span| span.to_chrono()),
            edges: lowered.edges,
            recursive: lowered.recursive,
            schema: lowered.schema,
            spec_text: lowered.spec.to_string(),
            body: lowered.body,
            checks: common.checks.clone(),
            tags: common.tags.clone(),
            owner: common.owner.clone(),
            description: common.description.clone(),
        })
    }

    fn files(&mut self, schemas: &dyn SchemaSource, spec: serde_json::Value, body: Body) -> Option<Lowered> {
        match schemas.schema(self.asset) {
            Ok(schema) => Some(Lowered { edges: Vec::new(), schema: Some(schema), spec, body, recursive: false }),
            Err(mut problems) => {
                self.problems.append(&mut problems);
                None
            }
        }
    }

    fn complete(&mut self, spec: &CompleteSpec, references: &[Reference], inputs: &[&AssetNode]) -> Option<Lowered> {
        let bars = inputs[0];
        let before = self.problems.len();
        let schema = bars.schema.clone();
        if let Some(schema) = &schema {
            for needed in ["instrument", "close"] {
                self.need(schema, needed, &bars.name, self.asset.locate(&["input"]));
            }
            for column in spec.fill.keys() {
                self.need(schema, column, &bars.name, self.asset.locate(&["fill", column]));
            }
            for made in ["is_filled", "is_suspended"] {
                if schema.iter().any(|(name, _)| name == made) {
                    self.problems.push(error(
                        self.asset.locate(&["input"]),
                        format!("`{}` has a column `{made}` already", bars.name),
                        format!("`{}` makes that column", self.asset.name),
                        Some("rename it in the source's `columns:`".into()),
                    ));
                }
            }
        }
        self.need_sessions(bars, references[0].loc.clone());
        if let Some(listing) = inputs.get(1) {
            if listing.axis != Axis::Static {
                self.problems.push(error(
                    references[1].loc.clone(),
                    format!("`{}` is not a table", listing.name),
                    "a listing is an asset of kind `table`",
                    None,
                ));
            }
            if let Some(schema) = &listing.schema {
                for (column, ty) in [
                    ("instrument", ColumnType::Text),
                    ("listed", ColumnType::Date),
                    ("delisted", ColumnType::Date),
                ] {
                    self.need(schema, column, &listing.name, references[1].loc.clone());
                    if schema.iter().any(|(name, has)| name == column && *has != ty) {
                        self.problems.push(error(
                            references[1].loc.clone(),
                            format!("`{}.{column}` is not a {}", listing.name, type_name(ty)),
                            "a listing has the columns `instrument`, `listed` and `delisted`",
                            Some(format!("declare it in `{}`: `types: {{ {column}: {} }}`", listing.name, type_name(ty))),
                        ));
                    }
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let schema = schema.map(|mut schema| {
            schema.push(("is_filled".into(), ColumnType::Bool));
            schema.push(("is_suspended".into(), ColumnType::Bool));
            schema
        });
        Some(Lowered {
            edges: self.edges(references, |_| (EdgeColumns::All, 0)),
            schema,
            spec: json!({ "kind": "complete", "version": version::COMPLETE, "fill": spec.fill, "listing": spec.listing.is_some() }),
            body: Body::Complete { fill: spec.fill.clone(), listing: spec.listing.is_some() },
            recursive: true,
        })
    }

    fn columns(
        &mut self,
        columns: &assetctl_config::Ordered<String>,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let before = self.problems.len();
        for (input, reference) in inputs.iter().zip(references) {
            self.need_sessions(input, reference.loc.clone());
        }
        let sources: Vec<Source<'_>> = columns.iter().map(|(name, text)| Source { name, text }).collect();
        let scopes: Vec<InputScope> = inputs
            .iter()
            .zip(references)
            .map(|(input, reference)| InputScope {
                alias: reference.alias.clone(),
                columns: input.schema.as_ref().map(|schema| {
                    schema.iter().map(|(name, ty)| (name.clone(), column_kind(*ty))).collect()
                }),
            })
            .collect();
        let program = match assetctl_expr::compile(&sources, &scopes) {
            Ok(program) => program,
            Err(mistakes) => {
                for mistake in mistakes {
                    let column = sources[mistake.column].name;
                    self.problems.push(error(
                        self.asset.locate_within(&["columns", column], mistake.span),
                        mistake.message,
                        "",
                        mistake.help,
                    ));
                }
                return None;
            }
        };
        if self.problems.len() > before {
            return None;
        }
        let key = inputs[0].schema.as_ref().map_or(Some("instrument"), |schema| {
            schema.iter().any(|(name, _)| name == "instrument").then_some("instrument")
        });
        let schema = key
            .map(|key| (key.to_owned(), ColumnType::Text))
            .into_iter()
            .chain(program.outputs.iter().map(|output| {
                let ty = match output.ty {
                    Type::Number => ColumnType::Number,
                    Type::Bool => ColumnType::Bool,
                };
                (output.name.clone(), ty)
            }))
            .collect();
        Some(Lowered {
            edges: self.edges(references, |at| (EdgeColumns::Named(program.columns_read(at)), program.window(at).back)),
            schema: Some(schema),
            spec: json!({ "kind": "columns", "version": version::COLUMNS, "program": program.canonical() }),
            body: Body::Columns(Arc::new(program)),
            recursive: false,
        })
    }

    fn signals(&mut self, spec: &SignalsSpec, references: &[Reference], inputs: &[&AssetNode]) -> Option<Lowered> {
        let before = self.problems.len();
        let scores = inputs[0];
        let TopK { by, k, weights } = &spec.top_k;
        self.need_sessions(scores, references[0].loc.clone());
        if let Some(schema) = &scores.schema {
            self.need(schema, by, &scores.name, self.asset.locate(&["top_k", "by"]));
            self.need(schema, "instrument", &scores.name, references[0].loc.clone());
            if schema.iter().any(|(name, ty)| name == by && *ty != ColumnType::Number) {
                self.problems.push(error(
                    self.asset.locate(&["top_k", "by"]),
                    format!("`{}.{by}` is not a number", scores.name),
                    "instruments are ordered by this column",
                    None,
                ));
            }
        }
        if ["rank", "weight", "instrument"].contains(&by.as_str()) {
            self.problems.push(error(
                self.asset.locate(&["top_k", "by"]),
                format!("signals have a column `{by}` of their own"),
                "this column keeps its name in the result",
                Some(format!("give it another name in `{}`", scores.name)),
            ));
        }
        if self.problems.len() > before {
            return None;
        }
        Some(Lowered {
            edges: self.edges(references, |_| (EdgeColumns::Named(vec![by.clone()]), 0)),
            schema: Some(vec![
                ("instrument".into(), ColumnType::Text),
                ("rank".into(), ColumnType::Number),
                (by.clone(), ColumnType::Number),
                ("weight".into(), ColumnType::Number),
            ]),
            spec: json!({ "kind": "top_k", "version": version::TOP_K, "by": by, "k": k, "weights": weights }),
            body: Body::Signals(spec.clone()),
            recursive: false,
        })
    }

    fn sql(
        &mut self,
        spec: &assetctl_config::SqlSpec,
        rendered: &Rendered,
        references: &[Reference],
        inputs: &[&AssetNode],
    ) -> Option<Lowered> {
        let refs: Vec<SqlRef> = rendered
            .refs
            .iter()
            .enumerate()
            .filter_map(|(at, TemplateRef { asset, sessions })| {
                let edge = references.iter().position(|reference| reference.alias == *asset)?;
                Some(SqlRef { name: TemplateRef::view(at), edge, sessions: *sessions })
            })
            .collect();
        for reference in &refs {
            if inputs[reference.edge].axis == Axis::Static && reference.sessions > 1 {
                self.problems.push(error(
                    references[reference.edge].loc.clone(),
                    format!("`{}` is a table: it has no sessions", inputs[reference.edge].name),
                    "asked for several sessions of it",
                    Some("leave `sessions=` out".into()),
                ));
                return None;
            }
        }
        let key = spec.key.as_ref().map(|key| key.as_slice().to_vec());
        let schema = (!spec.columns.is_empty())
            .then(|| spec.columns.iter().map(|(name, ty)| (name.clone(), *ty)).filter(|(name, _)| name != "session").collect());
        let back = |edge: usize| refs.iter().filter(|r| r.edge == edge).map(|r| r.sessions - 1).max().unwrap_or(0);
        Some(Lowered {
            edges: self.edges(references, |at| (EdgeColumns::All, back(at))),
            schema,
            spec: json!({
                "kind": "sql",
                "version": version::SQL,
                "query": template::normalize(&rendered.sql),
                "refs": refs.iter().map(|r| json!([r.edge, r.sessions])).collect::<Vec<_>>(),
                "key": key,
                "columns": spec.columns,
            }),
            body: Body::Sql { sql: rendered.sql.clone(), refs, key },
            recursive: false,
        })
    }

    fn edges(&self, references: &[Reference], reads: impl Fn(usize) -> (EdgeColumns, u32)) -> Vec<Edge> {
        references
            .iter()
            .enumerate()
            .map(|(at, reference)| {
                let (columns, back) = reads(at);
                Edge { input: reference.input, alias: reference.alias.clone(), columns, back }
            })
            .collect()
    }

    fn need(&mut self, schema: &Schema, column: &str, of: &str, loc: Loc) {
        if schema.iter().all(|(name, _)| name != column) {
            let names: Vec<&str> = schema.iter().map(|(name, _)| name.as_str()).collect();
            self.problems.push(error(
                loc,
                format!("`{of}` has no column `{column}`"),
                "",
                did_you_mean(column, names.iter().copied()).or_else(|| Some(format!("it has {}", list(&names)))),
            ));
        }
    }

    fn need_sessions(&mut self, input: &AssetNode, loc: Loc) {
        if input.axis == Axis::Static {
            self.problems.push(error(
                loc,
                format!("`{}` is a table: it has no sessions", input.name),
                format!("`{}` is made session by session", self.asset.name),
                None,
            ));
        }
    }

    fn checks(&mut self, schema: &Schema) {
        for (at, check) in self.asset.common.checks.iter().enumerate() {
            let index = at.to_string();
            for (form, columns) in [("not_null", &check.not_null), ("unique", &check.unique)] {
                for column in columns.iter().flat_map(OneOrMany::as_slice).filter(|column| *column != "session") {
                    self.need(schema, column, &self.asset.name, self.asset.locate(&["checks", &index, form]));
                }
            }
            if let Some(rows) = &check.expected_rows
                && rows.min.is_none()
                && rows.max.is_none()
                && !matches!(self.asset.kind, Kind::Complete(_) | Kind::Indicators(_) | Kind::Scores(_))
            {
                self.problems.push(error(
                    self.asset.locate(&["checks", &index, "expected_rows"]),
                    format!("nothing says how many rows `{}` should have", self.asset.name),
                    "no bounds",
                    Some("give bounds: `expected_rows: { min: 30, max: 50 }`".into()),
                ));
            }
            let Some(range) = &check.range else { continue };
            let loc = self.asset.locate(&["checks", &index, "range", "column"]);
            self.need(schema, &range.column, &self.asset.name, loc.clone());
            if schema.iter().any(|(name, ty)| *name == range.column && *ty != ColumnType::Number) {
                self.problems.push(error(loc, format!("`{}` is not a number", range.column), "a range is of numbers", None));
            }
        }
    }
}

fn column_kind(ty: ColumnType) -> ColumnKind {
    match ty {
        ColumnType::Number => ColumnKind::Number,
        ColumnType::Bool => ColumnKind::Bool,
        ColumnType::Text => ColumnKind::Other("text"),
        ColumnType::Date => ColumnKind::Other("date"),
    }
}

fn type_name(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Number => "number",
        ColumnType::Text => "text",
        ColumnType::Bool => "bool",
        ColumnType::Date => "date",
    }
}

/// How rows are read out of files; where the files lie is left out, for it changes no row.
fn files_spec(files: &assetctl_config::Files, off_calendar: Option<assetctl_config::OffCalendar>) -> serde_json::Value {
    json!({
        "kind": "files",
        "version": version::FILES,
        "columns": files.columns,
        "types": files.types,
        "date_format": files.date_format,
        "encoding": files.encoding,
        "delimiter": files.delimiter,
        "thousands": files.thousands,
        "decimal": files.decimal,
        "missing": files.missing,
        "off_calendar": off_calendar,
    })
}
