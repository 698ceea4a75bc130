//! The keys of `telemetry:`: where what the daemon does is told to systems that watch over programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use crate::interpolate::process_environment;
use crate::ordered::Ordered;

/// What the daemon does, told to systems that watch over programs. Each is off unless it is declared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TelemetrySpec {
    /// An address of its own for `/metrics`.
    pub metrics: Option<MetricsSpec>,
    /// Traces of runs, to a collector of OpenTelemetry.
    pub traces: Option<TracesSpec>,
    /// What ran, read and wrote, to a receiver of OpenLineage.
    pub openlineage: Option<OpenlineageSpec>,
}

/// Where Prometheus asks for metrics, if not where the API is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsSpec {
    /// Address and port: `127.0.0.1:9464`.
    pub listen: String,
}

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TracesSpec {
    /// Its address (default: the environment's `OTEL_EXPORTER_OTLP_ENDPOINT`): `http://localhost:4318`.
    pub endpoint: Option<String>,
    /// Headers of each request, such as a key: `{ env: NAME }` or `{ file: path }` where they are secret.
    pub headers: Ordered<Secret>,
    /// What the program is called there (default `assetctl`).
    pub service_name: Option<String>,
}

/// A receiver of OpenLineage's run events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenlineageSpec {
    /// Its address: `http://marquez:5000`; without a path, `/api/v1/lineage` is meant.
    pub url: String,
    /// What the jobs and datasets belong to there (default `assetctl`).
    #[serde(default)]
    pub namespace: Option<String>,
    /// The key that it asks for: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub token: Option<Secret>,
}

/// What the environment says of traces, by the names that OpenTelemetry has for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TracesEnvironment {
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: Option<String>,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
}

impl TracesEnvironment {
    /// That of this process. `OTEL_SDK_DISABLED=true` switches it off.
    pub fn read() -> Self {
        Self::read_with(&process_environment)
    }

    fn read_with(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| environment(name).filter(|value| !value.is_empty());
        if value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::default();
        }
        Self {
            endpoint: value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| value("OTEL_EXPORTER_OTLP_ENDPOINT")),
            service_name: value("OTEL_SERVICE_NAME"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where_traces_go() {
        let read = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> =
                set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            TracesEnvironment::read_with(&move |name| {
                set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        let common = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:4318/v1/traces");
        assert_eq!(read(&[common]).endpoint.as_deref(), Some("http://a:4318"));
        assert_eq!(read(&[common, own]).endpoint.as_deref(), Some("http://b:4318/v1/traces"));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), TracesEnvironment::default());
        assert_eq!(read(&[common, ("OTEL_SDK_DISABLED", "true")]), TracesEnvironment::default());
        assert_eq!(read(&[("OTEL_SERVICE_NAME", "desk")]).service_name.as_deref(), Some("desk"));
    }
}
