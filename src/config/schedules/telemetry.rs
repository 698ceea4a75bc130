//! Where what the daemon does is told, and what a schema cannot state about it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::rules::Rules;
use crate::diagnostic::Diagnostic;
use crate::project::Places;
use crate::spec::{Secret, TelemetrySpec};

/// `telemetry:` of `schedules.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub spec: TelemetrySpec,
    /// The folder that its paths are relative to.
    pub base: PathBuf,
}

pub(super) fn rules(spec: &TelemetrySpec, places: &Places, problems: &mut Vec<Diagnostic>) {
    let mut rules = Rules { places, problems };
    if let Some(metrics) = &spec.metrics
        && metrics.listen.parse::<SocketAddr>().is_err()
    {
        rules.error(
            format!("`{}` is not an address with a port", metrics.listen),
            &["telemetry", "metrics", "listen"],
            "listens where?",
            "write `127.0.0.1:9464`, or `0.0.0.0:9464` for all that can reach this machine",
        );
    }
    if let Some(traces) = &spec.traces {
        if let Some(endpoint) = &traces.endpoint {
            address(endpoint, &["telemetry", "traces", "endpoint"], "http://localhost:4318", &mut rules);
        }
        for (name, value) in traces.headers.iter() {
            let path = ["telemetry", "traces", "headers", name];
            if !is_header(name) {
                rules.error_key(
                    format!("`{name}` cannot be the name of a header"),
                    &path,
                    "no such header",
                    "letters, digits and `-`: `x-api-key`",
                );
            }
            let is_secret = ["authorization", "key", "token", "secret"];
            let sounds_secret = is_secret.iter().any(|word| name.to_ascii_lowercase().contains(word));
            if sounds_secret && matches!(value, Secret::Text(_)) {
                written(&path, "headers", "OTLP_KEY", &mut rules);
            }
        }
        let names = [traces.service_name.as_deref()];
        empty(&names, &["telemetry", "traces", "service_name"], &mut rules);
    }
    if let Some(lineage) = &spec.openlineage {
        address(&lineage.url, &["telemetry", "openlineage", "url"], "http://marquez:5000", &mut rules);
        empty(&[lineage.namespace.as_deref()], &["telemetry", "openlineage", "namespace"], &mut rules);
        if let Some(Secret::Text(_)) = lineage.token {
            written(&["telemetry", "openlineage", "token"], "token", "OPENLINEAGE_TOKEN", &mut rules);
        }
    }
}

fn address(text: &str, path: &[&str], example: &str, rules: &mut Rules<'_>) {
    let key = path.last().copied().unwrap_or_default();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
        rules.error(
            format!("`{key}` must be an address that begins with `https://` or `http://`"),
            path,
            "sent how?",
            format!("write `{example}`, say"),
        );
    } else if host.is_some_and(|host| host.split('/').next().is_some_and(|host| host.contains('@'))) {
        rules.error(
            "a secret does not stand in a file that is shared",
            path,
            "a login in an address",
            "leave it out, and send a key in a header, or as the `token`",
        );
    }
}

fn empty(names: &[Option<&str>], path: &[&str], rules: &mut Rules<'_>) {
    let key = path.last().copied().unwrap_or_default();
    if names.iter().flatten().any(|name| name.trim().is_empty()) {
        rules.error(format!("`{key}` is empty"), path, "no name", "leave it out for `assetctl`");
    }
}

fn written(path: &[&str], key: &str, variable: &str, rules: &mut Rules<'_>) {
    let name = if key == "headers" { path.last().copied().unwrap_or_default() } else { key };
    rules.error(
        "a secret does not stand in a file that is shared",
        path,
        "written down here",
        format!("keep it elsewhere: `{name}: {{ env: {variable} }}`"),
    );
}

/// A token of RFC 9110.
fn is_header(name: &str) -> bool {
    let special = "!#$%&'*+-.^_`|~";
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || special.contains(letter))
}
