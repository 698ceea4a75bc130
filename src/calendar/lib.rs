//! Exchange calendars: which dates are trading sessions, when each opens and closes, and sets of sessions.
//!
//! - [`Calendar`]: the ordered sessions of one exchange, built in or from a user's file, and the questions asked of it.
//! - [`Session`], [`TradingDate`], [`SessionIx`]: one session, its date, its position.
//! - [`SessionClock`]: the hours of a session on the exchange's own clock, which session an instant belongs to, and the bars in it.
//! - [`SessionRange`], [`SessionSet`]: sessions by position, for the planner's arithmetic.
//! - [`CalendarError`], [`CalendarFileError`]: what may go wrong, in words that say what to do.
//!
//! The crate is pure: it reads no clock and no files. What it does not know (a session after a calendar's end, say) it
//! refuses to guess.

mod builtin;
mod calendar;
mod clock;
mod error;
mod extend;
mod file;
mod hours;
mod local;
mod range;
mod session;
mod set;

pub use calendar::Calendar;
pub use clock::{Outside, Part, SessionClock, Stamp, WallTime};
pub use error::{CalendarError, CalendarFileError, CalendarFileProblem, Difference};
pub use local::{DailyHours, HoursError, is_time_zone};
pub use range::SessionRange;
pub use session::{Session, SessionIx, TradingDate};
pub use set::SessionSet;
