//! Readers beside runs: the warehouse held open, and earlier snapshots.
