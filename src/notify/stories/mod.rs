//! Stories: observers of YAML, events, and exactly what receivers on loopback got.

mod bots;
mod email;
mod lasting;
mod smtp;
mod telling;
mod webhook;
