//! Parameters that many functions share.

use crate::catalogue::{Interval, Param, ParamKind};

const fn required(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, default: None, named_only: false }
}

/// A number for each session.
pub(super) const fn number(name: &'static str) -> Param {
    required(name, ParamKind::Number)
}

/// A window without a default, of at least one session.
pub(super) const fn sessions(name: &'static str) -> Param {
    required(name, ParamKind::Sessions { least: 1, expanding: false })
}

/// A window of at least `least` sessions, with a default.
pub(super) const fn window(name: &'static str, least: u32, default: u32) -> Param {
    let kind = ParamKind::Sessions { least, expanding: false };
    Param { name, kind, default: Some(default as f64), named_only: false }
}

/// A distance of at least one session, with a default.
pub(super) const fn lag(name: &'static str, default: u32) -> Param {
    Param { name, kind: ParamKind::Lag { least: 1 }, default: Some(default as f64), named_only: false }
}

pub(super) const fn real(name: &'static str, interval: Interval, default: f64) -> Param {
    Param { name, kind: ParamKind::Real(interval), default: Some(default), named_only: false }
}

pub(super) const fn real_without_default(name: &'static str, interval: Interval) -> Param {
    required(name, ParamKind::Real(interval))
}

/// One of some words, by name only; the first is the default.
pub(super) const fn choice(name: &'static str, words: &'static [&'static str]) -> Param {
    Param { name, kind: ParamKind::Choice(words), default: Some(0.0), named_only: true }
}

const fn least_valid(least: u32, default: Option<f64>) -> Param {
    Param { name: "min_periods", kind: ParamKind::MinPeriods { least }, default, named_only: true }
}

/// The same parameter, given by its name only.
pub(super) const fn by_name(param: Param) -> Param {
    Param { named_only: true, ..param }
}

pub(super) const X: Param = number("x");
pub(super) const Y: Param = number("y");
pub(super) const OPEN: Param = number("open");
pub(super) const HIGH: Param = number("high");
pub(super) const LOW: Param = number("low");
pub(super) const CLOSE: Param = number("close");
pub(super) const VOLUME: Param = number("volume");
pub(super) const CONDITION: Param = required("condition", ParamKind::Bool);
pub(super) const COUNTABLE: Param = required("x", ParamKind::Countable);
/// A window that may be all sessions so far.
pub(super) const SESSIONS: Param = required("n", ParamKind::Sessions { least: 1, expanding: true });
/// A window that may not.
pub(super) const BOUNDED: Param = sessions("n");
pub(super) const MIN1: Param = least_valid(1, Some(1.0));
pub(super) const MIN2: Param = least_valid(2, Some(2.0));
pub(super) const MIN3: Param = least_valid(3, Some(3.0));
pub(super) const MIN4: Param = least_valid(4, Some(4.0));
/// The whole window must be valid, unless less is asked for.
pub(super) const FULL2: Param = least_valid(2, None);
pub(super) const BY: Param = by_name(required("by", ParamKind::Group));
