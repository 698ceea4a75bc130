//! Bad input: a clear error, and the store untouched.
