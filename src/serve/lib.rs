//! The HTTP API: what the command line prints, for programs and dashboards, and a token's worth of actions.
