//! `assetctl schema`: the JSON Schema of `assets.yaml`, made from the types that read it.

use crate::error::CliError;
use crate::report;

pub fn run() -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(&assetctl_config::json_schema()).map_err(CliError::other("writing the schema"))?;
    report::line(&text)
}
