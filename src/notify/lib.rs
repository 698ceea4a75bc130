//! Observers: who is told of what happens, and how. A run never fails because somebody could not be told.
//!
//! - [`event`]: what is read of an event, which is a JSON object
//! - [`observer`]: an observer of `schedules.yaml`, with its secrets; which events it tells
//! - [`writing`]: events → title and text, by the observer's template or a default for each markup
//! - [`check()`]: what can be said of templates and addresses before anything happens
//! - [`outbox`]: what is still to be told, kept so that a kill loses nothing; [`memory`]: one for tests
//! - [`notifier`]: keeps events, groups them, sends what is due, tries again; [`pace`]: how often and how long
//! - [`channel`]: one file for each sort of receiver; [`http`], [`sign`]: what they share
//! - [`secrets`]: taken out of every text that leaves

mod channel;
mod check;
mod event;
mod http;
mod memory;
mod notifier;
mod observer;
mod outbox;
mod pace;
mod secrets;
mod sign;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod testing;
mod writing;

pub use channel::SendError;
pub use check::check;
pub use memory::MemoryOutbox;
pub use notifier::{Clock, Notifier, NotifierError, try_out};
pub use observer::{Observer, ObserverError, observers};
pub use outbox::{Kept, MOST_WAITING, Message, Notice, Open, Outbox, OutboxError, Outcome};
