//! Parameters that many functions share.

use crate::catalogue::{Interval, Param, ParamKind};

const fn required(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, default: None, named_only: false }
}

/// A number for each session.
pub(in crate::table) const fn number(name: &'static str) -> Param {
    required(name, ParamKind::Number)
}

/// A window without a default, of at least one session.
pub(in crate::table) const fn sessions(name: &'static str) -> Param {
    required(name, ParamKind::Sessions { least: 1, expanding: false })
}

/// A window of at least `least` sessions, with a default.
pub(in crate::table) const fn window(name: &'static str, least: u32, default: u32) -> Param {
    let kind = ParamKind::Sessions { least, expanding: false };
    Param { name, kind, default: Some(default as f64), named_only: false }
}

/// A distance of at least one session, with a default.
pub(in crate::table) const fn lag(name: &'static str, default: u32) -> Param {
    Param { name, kind: ParamKind::Lag { least: 1 }, default: Some(default as f64), named_only: false }
}

pub(in crate::table) const fn real(name: &'static str, interval: Interval, default: f64) -> Param {
    Param { name, kind: ParamKind::Real(interval), default: Some(default), named_only: false }
}

pub(in crate::table) const fn real_without_default(name: &'static str, interval: Interval) -> Param {
    required(name, ParamKind::Real(interval))
}

/// One of some words, by name only; the first is the default.
pub(in crate::table) const fn choice(name: &'static str, words: &'static [&'static str]) -> Param {
    Param { name, kind: ParamKind::Choice(words), default: Some(0.0), named_only: true }
}

const fn least_valid(least: u32, default: Option<f64>) -> Param {
    Param { name: "min_periods", kind: ParamKind::MinPeriods { least }, default, named_only: true }
}

/// The same parameter, given by its name only.
pub(in crate::table) const fn by_name(param: Param) -> Param {
    Param { named_only: true, ..param }
}

pub(in crate::table) const X: Param = number("x");
pub(in crate::table) const Y: Param = number("y");
pub(in crate::table) const OPEN: Param = number("open");
pub(in crate::table) const HIGH: Param = number("high");
pub(in crate::table) const LOW: Param = number("low");
pub(in crate::table) const CLOSE: Param = number("close");
pub(in crate::table) const VOLUME: Param = number("volume");
pub(in crate::table) const CONDITION: Param = required("condition", ParamKind::Bool);
pub(in crate::table) const COUNTABLE: Param = required("x", ParamKind::Countable);
/// A window that may be all sessions so far.
pub(in crate::table) const SESSIONS: Param = required("n", ParamKind::Sessions { least: 1, expanding: true });
/// A window that may not.
pub(in crate::table) const BOUNDED: Param = sessions("n");
pub(in crate::table) const MIN1: Param = least_valid(1, Some(1.0));
pub(in crate::table) const MIN2: Param = least_valid(2, Some(2.0));
pub(in crate::table) const MIN3: Param = least_valid(3, Some(3.0));
pub(in crate::table) const MIN4: Param = least_valid(4, Some(4.0));
/// The whole window must be valid, unless less is asked for.
pub(in crate::table) const FULL2: Param = least_valid(2, None);
pub(in crate::table) const BY: Param = by_name(required("by", ParamKind::Group));
