//! The functions of the language: one entry each, by subject.

mod cross;
mod examples;
mod params;
mod pointwise;
mod recursive;
mod technical;
mod window;

use crate::catalogue::Function;

pub(crate) use examples::EXAMPLES;
pub use examples::{SAMPLE_BARS, SAMPLE_GROUPS, SAMPLE_SESSION};

/// All functions. Of several that are the same operation the first gives the operation its name.
pub(crate) fn all() -> Vec<Function> {
    [
        pointwise::FUNCTIONS,
        window::FUNCTIONS,
        recursive::FUNCTIONS,
        technical::OVERLAP,
        technical::MOMENTUM,
        technical::OSCILLATOR,
        technical::TREND,
        technical::VOLUME,
        cross::FUNCTIONS,
    ]
    .concat()
}
