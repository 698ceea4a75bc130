//! What the daemon does, for the systems that watch over programs: metrics, traces, lineage. Events come in as JSON objects and the state
//! as plain structs; nothing that goes wrong here reaches a run.
//!
//! - [`metrics`]: events and state → Prometheus and OpenMetrics text, at `/metrics`
//! - [`traces`]: events → spans of OpenTelemetry, sent to a collector by OTLP
//! - [`lineage`]: events and the graph → run events of OpenLineage, posted to a receiver
//! - [`client`]: how others are asked; [`event`]: the fields of an event; [`ids`]: what a run is called in other systems
//! - [`trouble`]: what goes wrong, said once

mod client;
mod event;
mod ids;
pub mod lineage;
pub mod metrics;
#[cfg(test)]
mod testing;
pub mod traces;
mod trouble;

pub use ids::trace_id;
pub use trouble::Tell;
