//! Tables by session: members of an index, industries, reports.

mod members;
mod reports;
mod us;
