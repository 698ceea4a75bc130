//! Traces of OpenTelemetry: a trace for each attempt of a run, with a span for each asset in it and for each batch of an asset. They are made
//! of events, which have their times with them, so nothing has to be carried through the engine.
//!
//! - [`spans`]: events → spans
//! - [`exporting`]: spans → a collector, by OTLP over HTTP

mod exporting;
mod spans;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor as _};
use serde_json::Value;

pub use self::exporting::TracesError;
pub(crate) use self::exporting::shown;
use self::spans::Spans;
use crate::Tell;
use crate::event::Event;

/// How long the last spans may take to be sent.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where traces go.
#[derive(Clone)]
pub struct TracesTo {
    /// The address of a collector: `http://localhost:4318`. `/v1/traces` is put behind it unless it ends so.
    pub endpoint: String,
    pub headers: Vec<(String, String)>,
    /// What the program is called there.
    pub service_name: String,
}

/// Makes spans of events and sends them.
pub struct Traces {
    spans: Mutex<Spans>,
    processor: BatchSpanProcessor,
}

impl Traces {
    /// Begins to send; must be called within a runtime of tokio, which does it.
    ///
    /// # Errors
    /// [`TracesError`]: the address is none.
    pub fn new(to: &TracesTo, version: &str, tell: Tell) -> Result<Self, TracesError> {
        let processor = exporting::processor(to, version, tell)?;
        Ok(Self { spans: Mutex::new(Spans::new(version)), processor })
    }

    /// Takes an event of the daemon. Never waits: where a collector does not answer, spans are dropped.
    pub fn observe(&self, event: &Value) {
        let ended = self.spans.lock().unwrap_or_else(PoisonError::into_inner).observe(Event(event));
        for span in ended {
            self.processor.on_end(span);
        }
    }

    /// Sends what is left, for two seconds at most. Blocks.
    pub fn end(&self) {
        // What is not taken by then is lost, which was said when it began to be.
        let _ = self.processor.shutdown_with_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Receiver, Said};

    fn to(endpoint: &str) -> TracesTo {
        let headers = vec![("x-key".to_owned(), "hunter2".to_owned())];
        TracesTo { endpoint: endpoint.to_owned(), headers, service_name: "desk".to_owned() }
    }

    fn run(traces: &Traces, request: u64) {
        for kind in ["run_started", "run_succeeded"] {
            traces.observe(
                &json!({ "kind": kind, "at": "2017-12-27T01:00:00Z", "request": request, "job": "sync", "attempt": 1 }),
            );
        }
    }

    async fn end(traces: Traces) {
        tokio::task::spawn_blocking(move || traces.end()).await.unwrap();
    }

    #[tokio::test]
    async fn spans_are_sent_as_protobuf_to_the_path_of_traces() {
        let receiver = Receiver::start(&[]).await;
        let said = Said::default();
        let traces = Traces::new(&to(&receiver.address), "0.1.0", said.tell()).unwrap();
        run(&traces, 1);
        run(&traces, 2);
        end(traces).await;
        let got = receiver.all();
        assert_eq!(got.len(), 1, "both in one");
        assert_eq!(
            (got[0].path.as_str(), &got[0].headers["content-type"]),
            ("/v1/traces", &"application/x-protobuf".parse().unwrap())
        );
        assert_eq!(got[0].headers["x-key"], "hunter2");
        let holds = |text: &str| got[0].body.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
        assert_eq!((holds("run sync"), holds("desk"), holds("service.name")), (2, 1, 1));
        assert!(said.all().is_empty(), "{:?}", said.all());
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_is_told_once_and_keeps_nobody_waiting() {
        let said = Said::default();
        let gone = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let traces = Traces::new(&to(&gone), "0.1.0", said.tell()).unwrap();
        // More than may wait.
        (0..20_000).for_each(|request| run(&traces, request));
        end(traces).await;
        let said = said.all();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with(&format!("sending traces to `{gone}/v1/traces`: ")) && !said[0].contains("hunter2"),
            "{said:?}"
        );
    }
}
