//! `assetctl schema`: the JSON Schema of `assets.yaml` or `schedules.yaml`, made from the types that read it; the OpenAPI document, made
//! from the routes that answer.

use crate::args::{Schema, SchemaOf};
use crate::error::CliError;
use crate::report;

pub fn run(args: &Schema) -> Result<(), CliError> {
    let schema = match args.of {
        SchemaOf::Assets => assetctl_config::json_schema(),
        SchemaOf::Schedules => assetctl_config::schedules_schema(),
        SchemaOf::Api => {
            serde_json::to_value(assetctl_serve::openapi()).map_err(CliError::other("writing the document"))?
        }
    };
    let text = serde_json::to_string_pretty(&schema).map_err(CliError::other("writing the schema"))?;
    report::line(&text)
}
