//! Turns `data/*.csv` into tables that are part of the binary, so that a built-in calendar costs nothing until it is
//! asked for, and then some microseconds.
//!
//! A table is, little-endian: the number of sessions (u32), the number of distinct opening hours (u32), the day of the first
//! session (i32, days from 0001-01-01, which is day 1), the hours (each: open, close, break start, break end as i32 seconds
//! from the midnight UTC of the session's date, with `i32::MIN` for no break, and one byte for a half-day), and per session
//! two bytes: days since the session before, and the number of its hours.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment and files")]

use std::path::{Path, PathBuf};
use std::{env, fs};

const NO_BREAK: i32 = i32::MIN;
const HEADER: &str = "session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("data");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", data.display());
    for entry in fs::read_dir(&data)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        println!("cargo:rerun-if-changed={}", path.display());
        let table = table(&fs::read_to_string(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
        let stem = path.file_stem().unwrap_or_default();
        fs::write(out.join(Path::new(stem).with_extension("bin")), table)?;
    }
    Ok(())
}

type Hours = ([i32; 4], u8);

fn table(text: &str) -> Result<Vec<u8>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("line 1 must be `{HEADER}`"));
    }
    let mut hours: Vec<Hours> = Vec::new();
    let mut sessions: Vec<u8> = Vec::new();
    let mut first = None;
    let mut previous = 0;
    for (n, line) in lines.enumerate() {
        let fail = |what: &str| format!("line {}: {what}: `{line}`", n + 2);
        let fields: Vec<&str> = line.split(',').collect();
        let [date, open, break_start, break_end, close, half] = fields[..] else {
            return Err(fail("six fields expected"));
        };
        let day = day(date).ok_or_else(|| fail("not a date"))?;
        let seconds = |field: &str| instant(field, day).ok_or_else(|| fail("not an instant"));
        let optional = |field: &str| if field.is_empty() { Ok(NO_BREAK) } else { seconds(field) };
        let half = half.parse::<u8>().map_err(|_| fail("`is_half_day` must be 0 or 1"))?;
        let of_day: Hours = ([seconds(open)?, seconds(close)?, optional(break_start)?, optional(break_end)?], half);
        let index = hours.iter().position(|h| *h == of_day).unwrap_or_else(|| {
            hours.push(of_day);
            hours.len() - 1
        });
        let step = if first.is_none() { 0 } else { day - previous };
        if first.is_some() && step < 1 {
            return Err(fail("sessions must ascend"));
        }
        first.get_or_insert(day);
        previous = day;
        sessions.push(u8::try_from(step).map_err(|_| fail("more than 255 days after the session before"))?);
        sessions.push(u8::try_from(index).map_err(|_| fail("more than 256 distinct hours"))?);
    }
    let first = first.ok_or("no sessions")?;
    let mut table = Vec::with_capacity(12 + hours.len() * 17 + sessions.len());
    table.extend(u32::try_from(sessions.len() / 2).map_err(|e| e.to_string())?.to_le_bytes());
    table.extend(u32::try_from(hours.len()).map_err(|e| e.to_string())?.to_le_bytes());
    table.extend(first.to_le_bytes());
    for (times, half) in hours {
        table.extend(times.iter().flat_map(|t| t.to_le_bytes()));
        table.push(half);
    }
    table.extend(sessions);
    Ok(table)
}

/// Days from 0001-01-01 (day 1) of `YYYY-MM-DD`, proleptic Gregorian.
fn day(text: &str) -> Option<i32> {
    let mut parts = text.split('-').map(|p| p.parse::<i32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The year is counted from March, so that the leap day is its last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 306)
}

/// Seconds from the midnight UTC of `day` of `YYYY-MM-DDTHH:MM:SSZ`.
fn instant(text: &str, of: i32) -> Option<i32> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = time.split(':').map(|p| p.parse::<i32>().ok());
    let (h, m, s) = (parts.next()??, parts.next()??, parts.next()??);
    Some((day(date)? - of) * 86_400 + h * 3_600 + m * 60 + s)
}
