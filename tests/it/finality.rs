//! What is final, and when.
