//! Facets: what is said of runs, jobs and datasets, each with the address of the schema that it keeps to.
//! <https://openlineage.io/docs/spec/facets/>

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// The schema of run events.
pub(super) const RUN_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// Makes facets in the name of a producer.
pub(super) struct Facets {
    /// A URI of the program and its version.
    pub producer: String,
}

impl Facets {
    fn facet(&self, version: &str, name: &str, mut fields: Value) -> Value {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("_producer".to_owned(), json!(self.producer));
            let schema = format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}");
            fields.insert("_schemaURL".to_owned(), json!(schema));
        }
        fields
    }

    pub fn engine(&self, version: &str) -> Value {
        let fields = json!({ "name": "assetctl", "version": version, "openlineageAdapterVersion": version });
        self.facet("1-1-0", "ProcessingEngineRunFacet", fields)
    }

    pub fn nominal_time(&self, due: DateTime<Utc>) -> Value {
        self.facet("1-0-0", "NominalTimeRunFacet", json!({ "nominalStartTime": instant(due) }))
    }

    pub fn parent(&self, run: &str, namespace: &str, job: &str) -> Value {
        let fields = json!({ "run": { "runId": run }, "job": { "namespace": namespace, "name": job } });
        self.facet("1-0-0", "ParentRunFacet", fields)
    }

    pub fn error(&self, message: &str) -> Value {
        self.facet("1-0-0", "ErrorMessageRunFacet", json!({ "message": message, "programmingLanguage": "RUST" }))
    }

    /// `kind`: `JOB` or `ASSET`.
    pub fn job_type(&self, kind: &str) -> Value {
        let fields = json!({ "processingType": "BATCH", "integration": "ASSETCTL", "jobType": kind });
        self.facet("2-0-2", "JobTypeJobFacet", fields)
    }

    pub fn schema(&self, columns: &[(String, String)]) -> Value {
        let fields: Vec<Value> = columns.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
        self.facet("1-0-0", "SchemaDatasetFacet", json!({ "fields": fields }))
    }

    pub fn source(&self, name: &str, uri: &str) -> Value {
        self.facet("1-0-0", "DatasourceDatasetFacet", json!({ "name": name, "uri": uri }))
    }

    pub fn documentation(&self, description: &str) -> Value {
        self.facet("1-0-0", "DocumentationDatasetFacet", json!({ "description": description }))
    }

    pub fn output_statistics(&self, rows: u64, bytes: u64) -> Value {
        self.facet("1-0-0", "OutputStatisticsOutputDatasetFacet", json!({ "rowCount": rows, "size": bytes }))
    }
}

/// Facets by their names.
pub(super) fn map<const N: usize>(facets: [(&str, Option<Value>); N]) -> Value {
    let there = facets.into_iter().filter_map(|(name, facet)| Some((name.to_owned(), facet?)));
    Value::Object(there.collect::<Map<_, _>>())
}

pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
