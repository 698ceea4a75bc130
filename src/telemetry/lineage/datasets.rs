//! Assets as datasets.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::facets::{Facets, map};

/// An asset, as catalogues of data see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    pub asset: String,
    pub description: Option<String>,
    /// Names and types; `None` where only a run can tell.
    pub columns: Option<Vec<(String, String)>>,
    /// The assets that it is made of.
    pub inputs: Vec<String>,
    /// Where it comes from, if it comes from outside.
    pub origins: Vec<Origin>,
}

/// Something outside that an asset is read from, by the conventions for naming datasets: <https://openlineage.io/docs/spec/naming>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `file`, `s3://bucket`, `postgres://host:5432`, `https://stooq.com`.
    pub namespace: String,
    /// Within it: a path, a table.
    pub name: String,
}

/// The assets of a project.
#[derive(Default)]
pub(super) struct Datasets {
    by_asset: HashMap<String, Dataset>,
}

impl Datasets {
    pub fn new(datasets: Vec<Dataset>) -> Self {
        Self { by_asset: datasets.into_iter().map(|dataset| (dataset.asset.clone(), dataset)).collect() }
    }

    /// What an asset is made of.
    pub fn inputs(&self, asset: &str, namespace: &str, facets: &Facets) -> Vec<Value> {
        let Some(dataset) = self.by_asset.get(asset) else { return Vec::new() };
        let own = dataset.inputs.iter().map(|input| self.dataset(input, namespace, facets));
        let outside = dataset.origins.iter().map(|Origin { namespace, name }| {
            let uri = if namespace.contains("://") { namespace.clone() } else { format!("{namespace}:{name}") };
            let facets = map([("dataSource", Some(facets.source(namespace, &uri)))]);
            json!({ "namespace": namespace, "name": name, "facets": facets })
        });
        own.chain(outside).collect()
    }

    /// An asset itself.
    pub fn dataset(&self, asset: &str, namespace: &str, facets: &Facets) -> Value {
        let known = self.by_asset.get(asset);
        let schema = known.and_then(|known| known.columns.as_ref()).map(|columns| facets.schema(columns));
        let documentation = known.and_then(|known| known.description.as_ref()).map(|text| facets.documentation(text));
        // A URI of its own: where the files of the store lie is nobody's concern.
        let source = facets.source(namespace, &format!("assetctl:{}", encoded(namespace)));
        let facets = map([("schema", schema), ("dataSource", Some(source)), ("documentation", documentation)]);
        json!({ "namespace": namespace, "name": asset, "facets": facets })
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
