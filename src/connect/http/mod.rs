//! A vendor asked over HTTP, as its description in YAML says.
//!
//! The way of a request: `calls` (what is asked in how many calls) → `template` and `request` (the texts to send) → `account` (login,
//! rate limit, waiting) → `client` (bytes) → `faults` (what the answer means) → `format` (rows of fields; `scan`, where they are
//! laid out as usual) → `read` (typed rows; `names` of instruments, sessions by `moment`) → `spool` (kept until they are committed) → `deliver` (one frame). `ask`
//! puts a call together from these, `vendor` all calls.
//! `poll` asks whether an address answers.

mod account;
mod ask;
mod calls;
mod client;
mod deliver;
mod faults;
mod format;
mod moment;
mod names;
mod num;
mod pages;
mod poll;
mod prepare;
mod read;
mod request;
mod retry;
mod scan;
mod secrets;
mod spool;
mod symbols;
mod template;
mod units;
mod values;
mod vendor;

#[cfg(test)]
mod tests;

pub use poll::poll;
pub use vendor::Vendor;
