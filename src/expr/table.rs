//! The functions of the language: one entry each, by subject.

mod cross;
mod params;
mod pointwise;
mod recursive;
mod technical;
mod window;

use crate::catalogue::Function;

/// All functions. Of several that are the same operation the first gives the operation its name.
pub(crate) fn all() -> Vec<Function> {
    [
        pointwise::FUNCTIONS,
        window::FUNCTIONS,
        recursive::FUNCTIONS,
        technical::OVERLAP,
        technical::MOMENTUM,
        technical::TREND,
        technical::VOLUME,
        cross::FUNCTIONS,
    ]
    .concat()
}
