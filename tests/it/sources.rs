//! Where bars come from: files in all their forms, object stores, databases.

mod database;
mod files;
mod minutes;
mod objects;
