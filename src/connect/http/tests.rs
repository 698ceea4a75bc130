//! Vendors asked for real, on loopback: all presets, and all that can go wrong.

mod backfills;
mod faults;
mod pieces;
mod readers;
mod secrets;
mod support;
