//! Every command: its JSON, its exit codes, its words.
