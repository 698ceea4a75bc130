//! Windows: how far a change reaches.
