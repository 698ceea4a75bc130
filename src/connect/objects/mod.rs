//! Files in an object store: `s3://bucket/bars/*.csv.gz`.
//!
//! - `address`: what a path says: bucket, glob, where its copies lie
//! - `client`: a store that speaks S3's protocol, and what its refusals mean
//! - `mirror`: the copies of the objects, which the scan reads as it reads files. A listing says which objects are not what was copied;
//!   those are fetched, and no others
//! - `newest`: the object that was written last

mod address;
mod client;
mod index;
mod mirror;
mod newest;
#[cfg(test)]
mod tests;

pub(crate) use address::is_object;
pub use client::bucket;
pub use mirror::{Refreshed, refresh};
pub(crate) use mirror::{copies, has_copies};
pub use newest::newest_object;
