//! Assets as catalogues of data see them.

use assetctl_config::{Asset, Files, Kind};
use assetctl_daemon::Declared;
use assetctl_telemetry::lineage::{Dataset, Origin};

/// All assets of a project.
pub fn datasets(declared: &Declared) -> Vec<Dataset> {
    let Declared { project, graph } = declared;
    let name_of =
        |ty| serde_json::to_value(ty).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    graph
        .nodes()
        .iter()
        .enumerate()
        .map(|(ix, node)| Dataset {
            asset: node.name.clone(),
            description: node.description.clone(),
            columns: node
                .schema
                .as_ref()
                .map(|schema| schema.iter().map(|(name, ty)| (name.clone(), name_of(*ty))).collect()),
            inputs: graph.inputs(ix).into_iter().map(|input| graph.node(input).name.clone()).collect(),
            origins: project.assets.get(node.asset).map(origins).unwrap_or_default(),
        })
        .collect()
}

/// Where an asset comes from, by the conventions for naming datasets. Addresses of databases may be secret, and are left out.
fn origins(asset: &Asset) -> Vec<Origin> {
    match &asset.kind {
        Kind::Source(spec) => {
            let engine = spec
                .database
                .engine()
                .map(|engine| Origin { namespace: engine.key().to_owned(), name: asset.name.clone() });
            let base = spec.http.as_ref().and_then(|vendor| vendor.base_url.clone());
            let vendor = base
                .filter(|base| !base.contains(['@', '?', '{']))
                .map(|base| Origin { namespace: base.trim_end_matches('/').to_owned(), name: asset.name.clone() });
            files(&spec.files).into_iter().chain(engine).chain(vendor).collect()
        }
        Kind::Table(spec) => files(&spec.files),
        _ => Vec::new(),
    }
}

fn files(files: &Files) -> Vec<Origin> {
    let written = [&files.csv, &files.jsonl, &files.parquet].into_iter().flatten();
    written
        .flat_map(|paths| paths.as_slice())
        .map(|path| match path.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
            Some((bucket, key)) => Origin { namespace: format!("s3://{bucket}"), name: key.to_owned() },
            None => Origin { namespace: "file".to_owned(), name: path.clone() },
        })
        .collect()
}
