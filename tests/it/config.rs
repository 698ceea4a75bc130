//! Configurations: mistakes with their messages, and what is valid.
