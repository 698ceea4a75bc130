//! The keys of sensors: what has to happen for a job to run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::storage::Storage;
use super::{OneOrMany, Secret};
use crate::duration::Span;
use crate::ordered::Ordered;

/// Runs a job when something has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SensorSpec {
    /// The job.
    pub job: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// What has to happen.
    pub when: SensorWhen,
    /// How often to look (default 30s).
    #[serde(default)]
    pub every: Option<Span>,
    /// What was seen must have stayed as it is for so long: a file that still grows waits.
    #[serde(default)]
    pub debounce: Option<Span>,
    /// The least time from one run of it to the next.
    #[serde(default)]
    pub min_interval: Option<Span>,
    /// Nothing runs until `assetctl schedule resume`.
    #[serde(default)]
    pub paused: bool,
    /// Values for the job's variables.
    #[serde(default)]
    pub vars: Ordered<OneOrMany>,
}

/// One of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SensorWhen {
    /// A run of the job `of` has ended so.
    pub run: Option<RunEnd>,
    /// The job whose runs count.
    pub of: Option<String>,
    /// The content of this asset has changed.
    pub updated: Option<String>,
    /// This asset has become stale: something that it reads has changed, or its spec has.
    pub stale: Option<String>,
    /// This asset breaks its `freshness` check.
    pub late: Option<String>,
    /// A file or object has come or has changed: a path or glob relative to this file, or `s3://…`; or several.
    pub file: Option<OneOrMany>,
    /// Where `s3://…` paths lead: endpoint, region, keys.
    pub storage: Option<Storage>,
    /// The first value of this query over the assets has become true.
    pub sql: Option<String>,
    /// An address has begun to answer.
    pub http: Option<HttpPoll>,
}

/// How a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    Succeeded,
    Failed,
    /// Either way.
    Finished,
}

impl RunEnd {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// An address that is asked again and again: it holds while the answer is a 200 that has `contains` in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpPoll {
    /// `https://…`
    pub url: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: Ordered<Secret>,
    /// A text that the answer must have in it.
    #[serde(default)]
    pub contains: Option<String>,
}
