//! Where `s3://…` paths lead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// An object store that speaks S3's protocol: Amazon's, MinIO, Ceph, R2, OSS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Storage {
    /// Its address (default: Amazon's of the region): `https://minio.internal:9000`. `http://` is as open as it looks.
    pub endpoint: Option<String>,
    /// Its region (default `us-east-1`).
    pub region: Option<String>,
    /// The access key's id: `{ env: NAME }` or `{ file: path }`. Without keys, requests are not signed: a public bucket.
    pub access_key: Option<Secret>,
    /// The secret of the access key: `{ env: NAME }` or `{ file: path }`.
    pub secret_key: Option<Secret>,
    /// The token of temporary keys.
    pub session_token: Option<Secret>,
    /// Whether the bucket is in the host's name, `bucket.s3.amazonaws.com`, and not in the path (default: in the path if there is an
    /// `endpoint`).
    pub virtual_host: Option<bool>,
}
