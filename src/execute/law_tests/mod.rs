//! The laws over executor, store and engine together: random assets over a random market, and a history of edits and runs.
//!
//! After every complete run the contents are those of one evaluation of everything, and the (session, instrument) pairs that were
//! computed are those of an oracle that compares histories by brute force.
//!
//! [`market`]: bars with holes, and edits of them · [`expressions`]: assets of random expressions · [`world`]: a project and a store
//! in a temporary folder · [`oracle`]: contents and pairs by brute force · [`story`]: steps, each checked · [`laws`]: random stories ·
//! [`examples`]: stories worth reading

mod examples;
mod expressions;
mod laws;
mod market;
mod oracle;
mod story;
mod world;
