use std::sync::{Arc, OnceLock};

use chrono::NaiveDate;

use crate::Calendar;
use crate::hours::Hours;

/// A calendar that is part of the binary, as `build.rs` encodes it.
struct Builtin {
    name: &'static str,
    time_zone: &'static str,
    table: &'static [u8],
    decoded: OnceLock<Option<Arc<Calendar>>>,
}

macro_rules! builtins {
    ($($name:literal $file:literal $zone:literal),* $(,)?) => {
        pub(crate) const NAMES: &[&str] = &[$($name),*];
        static BUILTINS: [Builtin; NAMES.len()] = [$(Builtin {
            name: $name,
            time_zone: $zone,
            table: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".bin")),
            decoded: OnceLock::new(),
        }),*];
    };
}

builtins! {
    "XSHG" "XSHG" "Asia/Shanghai",
    "XSHE" "XSHE" "Asia/Shanghai",
    "XNYS" "XNYS" "America/New_York",
    "XHKG" "XHKG" "Asia/Hong_Kong",
    "XTKS" "XTKS" "Asia/Tokyo",
    "XLON" "XLON" "Europe/London",
    "24/7" "247" "UTC",
}

pub(crate) fn get(name: &str) -> Option<Arc<Calendar>> {
    let builtin = BUILTINS.iter().find(|b| b.name == name)?;
    builtin.decoded.get_or_init(|| decode(builtin).map(Arc::new)).clone()
}

/// `None` only for a table that `build.rs` did not write; that every built-in decodes is a test.
fn decode(builtin: &Builtin) -> Option<Calendar> {
    let mut table = Table(builtin.table);
    let [sessions, distinct, mut day] = table.ints()?;
    let distinct = (0..distinct).map(|_| table.hours()).collect::<Option<Vec<Hours>>>()?;
    let (rows, rest) = table.0.as_chunks::<2>();
    if rows.len() != usize::try_from(sessions).ok()? || rows.is_empty() || !rest.is_empty() {
        return None;
    }
    let mut dates = Vec::with_capacity(rows.len());
    let mut hours = Vec::with_capacity(rows.len());
    for [step, index] in rows {
        day += i32::from(*step);
        dates.push(NaiveDate::from_num_days_from_ce_opt(day)?);
        hours.push(u32::from(*index));
    }
    Some(Calendar {
        name: builtin.name.into(),
        time_zone: builtin.time_zone.into(),
        dates,
        hours,
        distinct,
        daily: None,
    })
}

/// What is left to read of a table.
struct Table(&'static [u8]);

impl Table {
    fn ints<const N: usize>(&mut self) -> Option<[i32; N]> {
        let mut ints = [0; N];
        for int in &mut ints {
            let (head, rest) = self.0.split_first_chunk::<4>()?;
            *int = i32::from_le_bytes(*head);
            self.0 = rest;
        }
        Some(ints)
    }

    fn hours(&mut self) -> Option<Hours> {
        let [open, close, break_start, break_end] = self.ints()?;
        let (half_day, rest) = self.0.split_first()?;
        self.0 = rest;
        // `build.rs` writes `i32::MIN` where there is no break.
        let lunch = (break_start != i32::MIN).then_some((break_start, break_end));
        Some(Hours { open, close, lunch, half_day: *half_day == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SessionIx, file};

    #[test]
    fn every_builtin_is_what_its_file_says() {
        for builtin in &BUILTINS {
            let stem = builtin.name.replace('/', "");
            let path = format!("{}/data/{stem}.csv", env!("CARGO_MANIFEST_DIR"));
            let from_file = file::read(builtin.name, &std::fs::read(path).unwrap()).unwrap();
            let decoded = get(builtin.name).unwrap();
            assert_eq!(decoded.len(), from_file.len());
            for ix in decoded.all().iter() {
                assert_eq!(decoded.session(ix), from_file.session(ix), "{}", builtin.name);
            }
        }
    }

    #[test]
    fn every_builtin_ascends_and_stays_within_its_bounds() {
        for (name, sessions, first, last, half_days) in [
            ("XSHG", 8797, "1990-12-19", "2026-12-31", 0),
            ("XSHE", 8797, "1990-12-19", "2026-12-31", 0),
            ("XNYS", 9318, "1990-01-02", "2026-12-31", 79),
            ("XHKG", 9128, "1990-01-02", "2026-12-31", 64),
            ("XTKS", 7349, "1997-01-06", "2026-12-30", 0),
            ("XLON", 9351, "1990-01-02", "2026-12-31", 73),
            ("24/7", 9862, "2000-01-01", "2026-12-31", 0),
        ] {
            let calendar = get(name).unwrap();
            assert_eq!((calendar.name(), calendar.len()), (name, sessions));
            assert_eq!((calendar.first().to_string(), calendar.last().to_string()), (first.into(), last.into()));
            let all: Vec<_> = calendar.all().iter().map(|ix| calendar.session(ix)).collect();
            assert_eq!(all.iter().filter(|s| s.half_day).count(), half_days, "{name}");
            assert!(all.iter().all(|s| s.open < s.close), "{name}");
            assert!(all.windows(2).all(|s| s[0].date < s[1].date && s[0].close <= s[1].open), "{name}");
        }
        assert!(get("XXXX").is_none());
        assert_eq!(NAMES.len(), 7);
    }

    #[test]
    fn a_builtin_is_decoded_once() {
        assert!(Arc::ptr_eq(&get("XTKS").unwrap(), &get("XTKS").unwrap()));
        assert_eq!(get("XTKS").unwrap().date(SessionIx(0)).to_string(), "1997-01-06");
    }
}
