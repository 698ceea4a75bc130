//! A project's assets → nodes. Every mistake that takes more than one asset to see is found here, and all at once.

mod as_of;
mod checks;
mod columns;
mod complete;
mod exec;
mod fetched;
mod resample;
mod units;
mod universe;

use std::path::Path;
use std::sync::Arc;

use assetctl_config::{
    Asset, BarStamp, ColumnType, Diagnostic, Kind, Loc, Project, SignalsSpec, TopK, WindowAxis, did_you_mean,
};
use assetctl_expr::ColumnRead;
use serde_json::json;

use crate::node::{AssetNode, Axis, Body, Edge, EdgeColumns, Intraday, SqlRef};
use crate::references::{Mentions, Reference};
use crate::template::{self, Rendered, TemplateRef};

/// Columns besides `session`, the key first.
pub type Schema = Vec<(String, ColumnType)>;

/// Knows the columns of assets that come from outside.
pub trait SchemaSource {
    /// The columns of a `source` or `table` that is read from files; a missing or malformed file is reported where the asset names it.
    fn schema(&self, asset: &Asset) -> Result<Schema, Vec<Diagnostic>>;

    /// Whether a text is a regular expression, in the syntax of who will match by it; in words what is wrong with it if not.
    fn pattern(&self, _pattern: &str) -> Result<(), String> {
        Ok(())
    }

    /// A hash of what a file holds; `None` if it cannot be read.
    fn content(&self, _file: &Path) -> Option<String> {
        None
    }

    /// What is known of a `source` that has to be asked, without asking.
    fn fetched(&self, asset: &Asset) -> Result<Fetched, Vec<Diagnostic>>;
}

/// What a source that has to be asked declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub schema: Schema,
    /// All that its rows depend on but the instruments, as canonical JSON.
    pub request: String,
}

/// Versions of the algorithms behind the kinds: a change of results moves the number, and with it every spec hash.
mod version {
    pub const FILES: u32 = 1;
    pub const AS_OF: u32 = 1;
    pub const FETCH: u32 = 1;
    pub const COMPLETE: u32 = 1;
    pub const ACTIONS: u32 = 1;
    pub const LIMITS: u32 = 1;
    pub const COLUMNS: u32 = 1;
    pub const TOP_K: u32 = 1;
    pub const SQL: u32 = 1;
    pub const EXEC: u32 = 1;
    pub const RESAMPLE: u32 = 1;
}

pub fn error(loc: Loc, message: impl Into<String>, label: impl Into<String>, help: Option<String>) -> Diagnostic {
    let problem = Diagnostic::error(message).at(loc, label);
    Diagnostic { help: help.into_iter().collect(), ..problem }
}

/// Names in backticks, separated by commas.
pub fn list(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// Lowers all assets, inputs first. `problems` are those found before; an asset that reads what is not there is passed over, and so
/// is what reads it.
pub fn nodes(
    project: &Project,
    mentions: &[Mentions],
    order: &[usize],
    schemas: &dyn SchemaSource,
    mut problems: Vec<Diagnostic>,
) -> Result<Vec<AssetNode>, Vec<Diagnostic>> {
    let mut nodes: Vec<Option<AssetNode>> = vec![None; project.assets.len()];
    for &ix in order {
        let mut lowering = Lowering { nodes: &nodes, asset: &project.assets[ix], problems: Vec::new() };
        let node = lowering.node(ix, &mentions[ix], schemas);
        problems.append(&mut lowering.problems);
        nodes[ix] = node;
    }
    let complete: Option<Vec<AssetNode>> = nodes.into_iter().collect();
    match complete {
        Some(nodes) if problems.is_empty() => Ok(nodes),
        _ => {
            Diagnostic::sort(&mut problems);
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
    window_axis: WindowAxis,
    recursive: bool,
}

impl Lowering<'_> {
    /// `None` when something is wrong with it, or when an input could not be lowered (which was reported there).
    fn node(&mut self, ix: usize, mentions: &Mentions, schemas: &dyn SchemaSource) -> Option<AssetNode> {
        let Mentions { template, references, checks, whole: true, .. } = mentions else { return None };
        let asset = self.asset;
        let inputs: Vec<&AssetNode> =
            references.iter().map(|reference| self.nodes[reference.input].as_ref()).collect::<Option<_>>()?;
        // Of a universe nothing but who is in it is read.
        let own = references.len() - usize::from(asset.kind.universe().is_some());
        let ((references, of_universe), (inputs, universes)) = (references.split_at(own), inputs.split_at(own));
        let mut lowered = match &asset.kind {
            Kind::Source(spec) if spec.is_fetched() => self.fetched(schemas, spec, references, inputs),
            Kind::Source(spec) => self.files(schemas, source_spec(spec), Body::Source),
            Kind::Table(spec) => self.files(schemas, files_spec(&spec.files, None), Body::Table),
            Kind::AsOf(spec) => self.as_of(spec, references, inputs),
            Kind::Complete(spec) => self.complete(spec, references, inputs),
            Kind::Indicators(spec) | Kind::Scores(spec) => self.columns(spec, references, inputs),
            Kind::Resample(spec) => self.resample(spec, references, inputs),
            Kind::Signals(spec) => self.signals(spec, references, inputs),
            Kind::Sql(spec) => self.sql(spec, template.as_ref()?, references, inputs),
            Kind::Exec(spec) => self.exec(spec, references, inputs, schemas),
        }?;
        let universe = match (asset.kind.universe(), of_universe, universes) {
            (Some(spec), [reference], [members]) => {
                Some(self.universe(spec, reference, members, inputs[0], &mut lowered)?)
            }
            _ => None,
        };
        let axis = match &asset.kind {
            Kind::Table(_) => Axis::Static,
            Kind::Sql(_) | Kind::Exec(_) if inputs.iter().all(|input| input.axis == Axis::Static) => Axis::Static,
            _ => Axis::Session,
        };
        let primary = inputs.iter().find(|input| input.axis == Axis::Session).map(|input| input.start_date());
        let wanted = primary.map_or(asset.start, |start| start.max(asset.start));
        let start = match asset.calendar.at_or_after(wanted) {
            Ok(start) => start,
            Err(mistake) => {
                let text = mistake.to_string();
                let (message, help) =
                    text.split_once("; ").map_or((text.as_str(), None), |(a, b)| (a, Some(b.to_owned())));
                self.problems.push(error(asset.name_loc(), message, "this asset starts there", help));
                return None;
            }
        };
        self.checks(lowered.schema.as_ref(), axis, checks, schemas);
        let common = &asset.common;
        let intraday = intraday(&asset.kind, &lowered);
        Some(AssetNode {
            name: asset.name.clone(),
            kind: asset.kind.name(),
            asset: ix,
            axis,
            calendar: Arc::clone(&asset.calendar),
            start,
            settlement: common.settlement.as_ref().map_or_else(chrono::Duration::zero, |span| span.to_chrono()),
            edges: lowered.edges,
            universe,
            window_axis: lowered.window_axis,
            recursive: lowered.recursive,
            intraday,
            schema: lowered.schema,
            spec_text: lowered.spec.to_string(),
            body: lowered.body,
            checks: common.checks.clone(),
            check_reads: checks.clone(),
            tags: common.tags.clone(),
            owner: common.owner.clone(),
            description: common.description.clone(),
        })
    }

    fn files(&mut self, schemas: &dyn SchemaSource, spec: serde_json::Value, body: Body) -> Option<Lowered> {
        match schemas.schema(self.asset) {
            Ok(schema) if !self.units(&schema) => None,
            Ok(schema) => Some(Lowered {
                edges: Vec::new(),
                schema: Some(schema),
                spec,
                body,
                window_axis: WindowAxis::Calendar,
                recursive: false,
            }),
            Err(mut problems) => {
                self.problems.append(&mut problems);
                None
            }
        }
    }

    fn signals(&mut self, spec: &SignalsSpec, references: &[Reference], inputs: &[&AssetNode]) -> Option<Lowered> {
        let before = self.problems.len();
        let scores = inputs[0];
        let TopK { by, k, weights } = &spec.top_k;
        self.need_sessions(scores, references[0].loc.clone());
        self.need_one_row(scores, references[0].loc.clone());
        if let Some(schema) = &scores.schema {
            self.need(schema, by, &scores.name, self.asset.locate(&["top_k", "by"]));
            self.need(schema, "instrument", &scores.name, references[0].loc.clone());
            if schema.iter().any(|(name, ty)| name == by && *ty != ColumnType::Number) {
                self.problems.push(error(
                    self.asset.locate(&["top_k", "by"]),
                    format!("`{}.{by}` is not a number", scores.name),
                    "instruments are ordered by this column",
                    Some("order by a column of numbers; `if(condition, 1, 0)` makes one of a condition".into()),
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
            edges: self
                .edges(references, |_| (EdgeColumns::Named(vec![ColumnRead { column: by.clone(), back: 0 }]), 0)),
            schema: Some(vec![
                ("instrument".into(), ColumnType::Text),
                ("rank".into(), ColumnType::Number),
                (by.clone(), ColumnType::Number),
                ("weight".into(), ColumnType::Number),
            ]),
            spec: json!({ "kind": "top_k", "version": version::TOP_K, "by": by, "k": k, "weights": weights }),
            body: Body::Signals(spec.clone()),
            window_axis: WindowAxis::Calendar,
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
        let schema = (!spec.columns.is_empty()).then(|| {
            spec.columns.iter().map(|(name, ty)| (name.clone(), *ty)).filter(|(name, _)| name != "session").collect()
        });
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
            window_axis: WindowAxis::Calendar,
            recursive: false,
        })
    }

    fn edges(&self, references: &[Reference], reads: impl Fn(usize) -> (EdgeColumns, u32)) -> Vec<Edge> {
        references
            .iter()
            .enumerate()
            .map(|(at, reference)| {
                let (columns, back) = reads(at);
                Edge::new(reference.input, &reference.alias, columns, back)
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
                Some(match did_you_mean(column, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("its columns are: {}", list(&names)),
                }),
            ));
        }
    }

    /// That an instrument has one row in a session.
    fn need_one_row(&mut self, input: &AssetNode, loc: Loc) {
        if let Body::AsOf { key, .. } = &input.body
            && key.iter().any(|column| column != "instrument")
        {
            let others: Vec<&str> = key.iter().map(String::as_str).filter(|column| *column != "instrument").collect();
            self.problems.push(error(
                loc.clone(),
                format!("`{}` may have several rows for one instrument of a session", input.name),
                format!("its key has {} too", list(&others)),
                Some("make a table for each, or choose the rows in an asset of kind `sql`".into()),
            ));
        }
        if input.intraday.is_some() {
            self.problems.push(error(
                loc,
                format!("`{}` has several rows of an instrument in a session", input.name),
                format!("`{}` is made of one row of each", self.asset.name),
                Some(format!(
                    "make bars of sessions of them, `kind: resample` with `input: {}` and `every: session`, or read them by an asset of kind `sql`",
                    input.name
                )),
            ));
        }
    }

    fn need_sessions(&mut self, input: &AssetNode, loc: Loc) {
        if input.axis == Axis::Static {
            self.problems.push(error(
                loc,
                format!("`{}` is a table: it has no sessions", input.name),
                format!("`{}` is made session by session", self.asset.name),
                Some("join a table in an asset of kind `sql`".into()),
            ));
        }
    }
}

/// Whether rows have a time, and of which bars.
fn intraday(kind: &Kind, lowered: &Lowered) -> Option<Intraday> {
    let schema = lowered.schema.as_ref();
    if let Body::Resample(resample) = &lowered.body {
        return resample.every.map(|every| Intraday { every: Some(every), stamp: resample.stamp });
    }
    match kind {
        Kind::Source(spec) => spec.time.as_ref().map(|times| Intraday { every: times.every, stamp: times.stamp }),
        Kind::Sql(_) | Kind::Exec(_) => {
            let is_time = |(name, ty): &(String, ColumnType)| name == "time" && *ty == ColumnType::Time;
            schema
                .is_some_and(|schema| schema.iter().any(is_time))
                .then_some(Intraday { every: None, stamp: BarStamp::End })
        }
        _ => None,
    }
}

fn source_spec(source: &assetctl_config::SourceSpec) -> serde_json::Value {
    let mut spec = files_spec(&source.files, Some(source.off_calendar));
    // Added only where it is said: what was there before keeps its text.
    if let Some(session) = &source.session {
        spec["session"] = json!(session);
    }
    if let Some(times) = &source.time {
        spec["time"] = json!(times);
    }
    spec
}

/// How rows are read out of files; where the files lie is left out, for it changes no row.
fn files_spec(files: &assetctl_config::Files, off_calendar: Option<assetctl_config::OffCalendar>) -> serde_json::Value {
    let mut text = json!({
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
    });
    if let Some(text) = text.as_object_mut().filter(|_| !files.units.is_empty()) {
        text.insert("units".to_owned(), json!(files.units));
    }
    text
}
