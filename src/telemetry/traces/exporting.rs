//! Spans → a collector, by OTLP over HTTP.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _};
use thiserror::Error;
use tokio::runtime::Handle;

use super::TracesTo;
use crate::client::{TIMEOUT, client};
use crate::trouble::{Tell, Trouble};

/// Where collectors take traces, below their address.
const PATH: &str = "/v1/traces";
/// Spans that may wait to be sent; what comes then is dropped.
const WAITING: usize = 8_192;
/// Spans wait so long for others to be sent with.
const DELAY: Duration = Duration::from_secs(2);

/// Why traces cannot be sent.
#[derive(Debug, Error)]
pub enum TracesError {
    #[error("`{0}` is not the address of a collector: write one that begins with `http://` or `https://`")]
    Address(String),
    #[error("no connection can be made: {0}")]
    Client(String),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
}

/// Gathers spans on a thread of its own, and sends them on the runtime that this is called in.
pub(super) fn processor(to: &TracesTo, version: &str, tell: Tell) -> Result<BatchSpanProcessor, TracesError> {
    let address = address(&to.endpoint)?;
    let otlp = Otlp::builder()
        .with_http()
        .with_http_client(client().map_err(TracesError::Client)?)
        .with_endpoint(&address)
        .with_headers(to.headers.iter().cloned().collect::<HashMap<_, _>>())
        .with_timeout(TIMEOUT)
        .build()?;
    let trouble = Trouble::new(format!("sending traces to `{}`", shown(&address)), tell);
    let exporter = OnRuntime { otlp: Arc::new(otlp), runtime: Handle::current(), trouble: Arc::new(trouble) };
    let config = BatchConfigBuilder::default().with_max_queue_size(WAITING).with_scheduled_delay(DELAY).build();
    let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let resource = Resource::builder()
        .with_service_name(to.service_name.clone())
        .with_attribute(KeyValue::new("service.version", version.to_owned()))
        .build();
    processor.set_resource(&resource);
    Ok(processor)
}

fn address(endpoint: &str) -> Result<String, TracesError> {
    let url = url::Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| TracesError::Address(shown(endpoint)))?;
    let path = url.path().trim_end_matches('/');
    let path = if path.ends_with(PATH) { path.to_owned() } else { format!("{path}{PATH}") };
    let mut url = url.clone();
    url.set_path(&path);
    Ok(url.into())
}

/// An address without what may be secret in it.
pub(crate) fn shown(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(mut url) if url.has_host() => {
            // Only addresses without a host have no place for these.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.into()
        }
        _ => address.split(['?', '@']).next().unwrap_or_default().to_owned(),
    }
}

/// Sends on a runtime, whatever thread asks for it.
#[derive(Debug)]
struct OnRuntime {
    otlp: Arc<Otlp>,
    runtime: Handle,
    trouble: Arc<Trouble>,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let otlp = self.otlp.clone();
        let sent = self.runtime.spawn(async move { otlp.export(batch).await }).await;
        let sent = sent.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        match &sent {
            Ok(()) => self.trouble.works(),
            Err(error) => self.trouble.failed(&error.to_string()),
        }
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        // It is set once, before anything is sent.
        if let Some(otlp) = Arc::get_mut(&mut self.otlp) {
            otlp.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_stands_once_behind_an_address() {
        for (written, expected) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://otel.example/in/v1/traces", "https://otel.example/in/v1/traces"),
            ("https://otel.example/in/?key=1", "https://otel.example/in/v1/traces?key=1"),
        ] {
            assert_eq!(address(written).unwrap(), expected);
        }
        for wrong in ["localhost:4318", "", "ftp://a.example", "http://"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        assert_eq!(shown("https://me:hunter2@otel.example/v1?key=swordfish"), "https://otel.example/v1");
        assert!(!shown("otel?key=swordfish").contains("swordfish"));
    }
}
