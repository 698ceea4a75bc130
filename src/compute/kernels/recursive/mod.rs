//! Functions that carry a state of each instrument from session to session.
//!
//! A state is `state_len` numbers per instrument and begins as all zeros, which means that nothing was seen; it stays so until
//! the first value. `advance` takes all lanes over one session. The state after a session is a function of the values since
//! the start alone: not of how sessions were split into calls, nor of the lanes beside. Its numbers are canonical (finite and
//! without a negative zero, or the one NaN), so that two states say the same if their bits are equal, and a replay that finds
//! the bits of the state it found last time can stop.
//!
//! How soon that is, is measured in `law_tests`: a smoothing forgets a change at the rate of its alpha, until the last bit
//! rounds away. A correction by 1 % of one of a series' prices is gone from an `ema(x, 12)` after 193 sessions (median; 99 % of
//! cases: 218) and from an `rma(x, 14)` after 435 (491). How the step is written (`s + a (x - s)`, `a x + (1 - a) s`,
//! `(x + (n - 1) s) / n`) makes no difference of more than 3 %, so it is written as TA-Lib writes it. While an instrument does
//! not move at all, two states near its price may stay apart, and meet when it moves.
//!
//! What overflows: a smoothing (or a stop, a trend line) forgets everything and begins anew at the next value; a sum, product or
//! moment over all sessions is missing from there on.

mod advance;
mod carry;
mod cumulate;
mod expanding;
mod kama;
mod lanes;
mod macd;
mod sar;
mod smooth;
mod supertrend;

pub use advance::{advance, state_len};
