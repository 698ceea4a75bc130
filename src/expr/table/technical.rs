//! Technical indicators, which are all formulas. Those that TA-Lib has follow it to the digit, and to the first row.

mod momentum;
mod oscillator;
mod overlap;
mod trend;
mod volume;

pub(super) use momentum::FUNCTIONS as MOMENTUM;
pub(super) use oscillator::FUNCTIONS as OSCILLATOR;
pub(super) use overlap::FUNCTIONS as OVERLAP;
pub(super) use trend::FUNCTIONS as TREND;
pub(super) use volume::FUNCTIONS as VOLUME;
