//! Publishing: what a run committed, written to the databases, caches, brokers and folders that others read.
