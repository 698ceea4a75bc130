//! Cases worth reading, the simulated year, and laws under random clocks.

mod cases;
mod laws;
mod sensors;
mod year;
