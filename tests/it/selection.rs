//! What is selected, and what is left alone.
