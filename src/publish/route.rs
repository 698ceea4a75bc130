//! What goes where.

use assetctl_config::{DeclaredSink, Project};
use assetctl_store::RouteKey;

/// Rows of one asset that go to one target of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub sink: String,
    /// What the sink is: `postgres`.
    pub kind: &'static str,
    /// The table, stream, routing key, subject or folder.
    pub target: String,
    pub asset: String,
    /// These columns; all where there are none.
    pub columns: Vec<String>,
    /// Whether messages carry rows.
    pub with_rows: bool,
}

impl Route {
    /// As the store knows it.
    pub fn key(&self) -> RouteKey<'_> {
        RouteKey { sink: &self.sink, target: &self.target, asset: &self.asset }
    }
}

/// Every route of a project: by sink, then in the order of the assets.
pub fn routes(project: &Project) -> Vec<Route> {
    project.sinks.iter().flat_map(|sink| routes_to(project, sink)).collect()
}

fn routes_to<'p>(project: &'p Project, sink: &'p DeclaredSink) -> impl Iterator<Item = Route> + 'p {
    let all = project.assets.iter().flat_map(|asset| asset.common.publish.iter().map(move |publish| (asset, publish)));
    all.filter(|(_, publish)| publish.to == sink.name).filter_map(|(asset, publish)| {
        Some(Route {
            sink: sink.name.clone(),
            kind: sink.kind()?.key(),
            target: publish.target(&asset.name).to_owned(),
            asset: asset.name.clone(),
            columns: publish.columns.clone(),
            with_rows: publish.rows.unwrap_or(true),
        })
    })
}
