//! Stories worth reading.
