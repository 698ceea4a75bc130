//! Two processes at once, and interruptions.
