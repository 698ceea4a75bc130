//! What the platform says of itself to other systems: metrics, traces and lineage events.
