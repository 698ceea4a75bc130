//! Completed bars against the oracle, and the checks that guard them.
