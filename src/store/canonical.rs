//! One form for one content: the same rows give the same order, the same bits and the same hashes, whatever order they came in.
//!
//! Canonical are: rows sorted by (session, key), and, where keys repeat or there is none, by all columns; no NaN, no infinity
//! (null instead), no negative zero. A column's hash covers its type, its number of rows and its values in that order; its
//! name is not in it, so that a renamed column keeps it.

use std::cmp::Ordering;

use assetctl_plan::{Hash128, STATIC_SESSION};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::error::{Error, Result};
use crate::parallel;
use crate::schema::{AssetSchema, ColumnType};

/// Beyond this magnitude a 64-bit float no longer holds every integer.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;
/// Frames with fewer cells are worked on by one thread.
const CELLS_WORTH_THREADS: usize = 200_000;

/// Rows of one partition within a canonical frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub session: NaiveDate,
    pub offset: usize,
    pub rows: usize,
}

/// Hashes of one partition's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentHashes {
    pub key: Hash128,
    /// In the order of the schema's columns.
    pub columns: Vec<Hash128>,
}

/// Whether a frame is worth several threads.
pub(crate) fn is_large(frame: &DataFrame) -> bool {
    frame.height() * frame.width() >= CELLS_WORTH_THREADS
}

/// Brings `frame` into canonical form, columns in the order of the schema that is made of it.
pub(crate) fn canonicalize(
    asset: &str,
    frame: &DataFrame,
    key: &[String],
    is_static: bool,
) -> Result<(DataFrame, AssetSchema)> {
    let clean = |column: &Column| clean(asset, column);
    let clean: Vec<Result<Column>> = if is_large(frame) {
        parallel::map(frame.columns(), clean)
    } else {
        frame.columns().iter().map(clean).collect()
    };
    let clean: Vec<Column> = clean.into_iter().collect::<Result<_>>()?;
    let frame = DataFrame::new(frame.height(), clean).map_err(Error::frame(asset))?;

    let is_key = |name: &str| key.iter().any(|key| key == name);
    let is_session = |name: &str| !is_static && name == "session";
    let typed = |column: &Column| {
        let kind = ColumnType::of(column.dtype()).unwrap_or(ColumnType::Number);
        (column.name().to_string(), kind)
    };
    let find = |name: &String| {
        frame.column(name).map(typed).map_err(|_| Error::rows(asset, format!("its key column `{name}` is missing")))
    };
    let others = frame.columns().iter().filter(|column| !is_key(column.name()) && !is_session(column.name()));
    let schema = AssetSchema {
        is_static,
        key: key.iter().map(find).collect::<Result<_>>()?,
        columns: others.map(typed).collect(),
    };

    let mut leading = schema.key_names();
    if !is_static {
        match frame.column("session").map(Column::dtype) {
            Ok(DataType::Date) => {}
            Ok(other) => return Err(Error::rows(asset, format!("its `session` is of type {other}, not date"))),
            Err(_) => return Err(Error::rows(asset, "they have no column `session`")),
        }
        leading.insert(0, "session".to_owned());
    }
    for name in &leading {
        let missing = frame.column(name).map_err(Error::frame(asset))?.null_count();
        if missing > 0 {
            return Err(Error::rows(asset, format!("`{name}`, which identifies a row, is missing in {missing} rows")));
        }
    }

    let names: Vec<PlSmallStr> = schema.polars().iter_names().cloned().collect();
    let frame = frame.select(names.iter().cloned()).map_err(Error::frame(asset))?;
    Ok((sorted(asset, frame, &leading, &names)?, schema))
}

/// One of our five types, without NaN, infinity and negative zero.
fn clean(asset: &str, column: &Column) -> Result<Column> {
    let dtype = column.dtype();
    let name = column.name();
    let number = match dtype {
        DataType::Float64 => column.clone(),
        DataType::Boolean | DataType::String | DataType::Date => return Ok(column.clone()),
        // Whatever unit a program counts in; nanoseconds are cut off, and with them nothing that a bar has.
        DataType::Datetime(_, None) => return column.cast(&ColumnType::Time.dtype()).map_err(Error::frame(asset)),
        DataType::Null => return Ok(Column::full_null(name.clone(), column.len(), &DataType::Float64)),
        _ if dtype.is_primitive_numeric() => {
            let number = column.cast(&DataType::Float64).map_err(Error::frame(asset))?;
            let values = number.f64().map_err(Error::frame(asset))?;
            if dtype.is_integer() && values.iter().flatten().any(|value| value.abs() >= EXACT_INTEGERS) {
                let why = format!("column `{name}` has integers too large for a number: make it text");
                return Err(Error::rows(asset, why));
            }
            number
        }
        _ => {
            let why = format!("column `{name}` is of type {dtype}: make it a number, text, bool, date or time");
            return Err(Error::rows(asset, why));
        }
    };
    let values = number.f64().map_err(Error::frame(asset))?;
    // Where the slots of missing values are clean too, which they mostly are, no value is looked at one by one.
    if values.downcast_iter().all(|chunk| are_clean(chunk.values())) || values.iter().flatten().all(is_clean) {
        return Ok(number);
    }
    // Adding zero turns -0.0 into 0.0 and leaves every other number as it is.
    let cleaned = values.iter().map(|value| value.filter(|value| value.is_finite()).map(|value| value + 0.0));
    Ok(Float64Chunked::from_iter_options(name.clone(), cleaned).into_series().into_column())
}

fn is_clean(value: f64) -> bool {
    value.is_finite() && value.to_bits() != (-0.0f64).to_bits()
}

/// Whether all values are, in steps that a processor takes many values at a time.
fn are_clean(values: &[f64]) -> bool {
    values.chunks(1024).all(|chunk| chunk.iter().fold(true, |clean, value| clean & is_clean(*value)))
}

/// `frame` sorted by `leading`, and where those repeat by all the other columns too.
pub(crate) fn sorted(asset: &str, frame: DataFrame, leading: &[String], all: &[PlSmallStr]) -> Result<DataFrame> {
    let sort = |frame: &DataFrame, by: Vec<PlSmallStr>| {
        frame.sort(by, SortMultipleOptions::default().with_maintain_order(true)).map_err(Error::frame(asset))
    };
    let leading: Vec<PlSmallStr> = leading.iter().map(|name| PlSmallStr::from_str(name)).collect();
    if leading.is_empty() {
        return if all.is_empty() { Ok(frame) } else { sort(&frame, all.to_vec()) };
    }
    let frame = match neighbours(asset, &frame, &leading)? {
        Some(Ordering::Less) | None => return Ok(frame),
        Some(Ordering::Equal) => frame,
        Some(Ordering::Greater) => sort(&frame, leading.clone())?,
    };
    if neighbours(asset, &frame, &leading)? == Some(Ordering::Equal) {
        // Keys repeat: the rest of the row decides, so that the order they came in does not.
        let rest = all.iter().filter(|name| !leading.contains(name)).cloned();
        return sort(&frame, leading.iter().cloned().chain(rest).collect());
    }
    Ok(frame)
}

/// The greatest ordering of any row against the next: `Less` for strictly ascending rows, `None` for fewer than two.
fn neighbours(asset: &str, frame: &DataFrame, by: &[PlSmallStr]) -> Result<Option<Ordering>> {
    let mut orders = vec![Ordering::Equal; frame.height().saturating_sub(1)];
    for name in by {
        let column = frame.column(name).map_err(Error::frame(asset))?;
        let failed = Error::frame(asset);
        match ColumnType::of(column.dtype()) {
            Some(ColumnType::Date) => {
                compare(&mut orders, column.date().map_err(failed)?.physical().iter(), |a, b| a.cmp(b));
            }
            Some(ColumnType::Time) => {
                compare(&mut orders, column.datetime().map_err(failed)?.physical().iter(), |a, b| a.cmp(b));
            }
            Some(ColumnType::Text) => compare(&mut orders, column.str().map_err(failed)?.iter(), |a, b| a.cmp(b)),
            Some(ColumnType::Bool) => compare(&mut orders, column.bool().map_err(failed)?.iter(), |a, b| a.cmp(b)),
            _ => compare(&mut orders, column.f64().map_err(failed)?.iter(), |a, b| {
                a.partial_cmp(b).unwrap_or(Ordering::Equal)
            }),
        }
    }
    Ok(orders.into_iter().max())
}

fn compare<T>(orders: &mut [Ordering], values: impl Iterator<Item = T>, order: impl Fn(&T, &T) -> Ordering) {
    let mut values = values;
    let Some(mut before) = values.next() else { return };
    for (slot, value) in orders.iter_mut().zip(values) {
        *slot = slot.then_with(|| order(&before, &value));
        before = value;
    }
}

/// Where each session's rows lie in a canonical frame; a static asset has one partition.
pub(crate) fn extents(asset: &str, frame: &DataFrame, is_static: bool) -> Result<Vec<Extent>> {
    if is_static {
        return Ok(vec![Extent { session: STATIC_SESSION, offset: 0, rows: frame.height() }]);
    }
    let sessions = frame.column("session").and_then(Column::date).map_err(Error::frame(asset))?;
    let mut extents: Vec<Extent> = Vec::new();
    let mut current = None;
    for (offset, days) in sessions.physical().iter().flatten().enumerate() {
        match extents.last_mut() {
            Some(extent) if current == Some(days) => extent.rows += 1,
            _ => {
                let session = date(days).ok_or_else(|| Error::rows(asset, "a `session` is out of range"))?;
                extents.push(Extent { session, offset, rows: 1 });
                current = Some(days);
            }
        }
    }
    Ok(extents)
}

/// Days since 1970-01-01 to a date, as Arrow counts them.
pub(crate) fn date(days: i32) -> Option<NaiveDate> {
    STATIC_SESSION.checked_add_signed(chrono::TimeDelta::days(days.into()))
}

/// A date to days since 1970-01-01.
pub(crate) fn days(date: NaiveDate) -> i32 {
    // A `NaiveDate` spans half a million years: its days fit by far.
    (date - STATIC_SESSION).num_days() as i32
}

/// Content hashes of the rows of each extent of a canonical frame.
pub(crate) fn content_hashes(
    asset: &str,
    frame: &DataFrame,
    schema: &AssetSchema,
    extents: &[Extent],
) -> Result<Vec<ContentHashes>> {
    let columns: Vec<&(String, ColumnType)> = schema.key.iter().chain(&schema.columns).collect();
    let hash = |(name, kind): &&(String, ColumnType)| column_hashes(asset, frame, name, *kind, extents);
    let by_column: Vec<Result<Vec<Hash128>>> =
        if is_large(frame) { parallel::map(&columns, hash) } else { columns.iter().map(hash).collect() };
    let by_column: Vec<Vec<Hash128>> = by_column.into_iter().collect::<Result<_>>()?;
    let (keys, others) = by_column.split_at(schema.key.len());
    let of_extent = |(at, extent): (usize, &Extent)| {
        let mut key = blake3::Hasher::new();
        key.update(&(extent.rows as u64).to_le_bytes());
        for ((name, _), hashes) in schema.key.iter().zip(keys) {
            key.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(&hashes[at].0);
        }
        ContentHashes { key: Hash128::finish(&key), columns: others.iter().map(|hashes| hashes[at]).collect() }
    };
    Ok(extents.iter().enumerate().map(of_extent).collect())
}

fn column_hashes(
    asset: &str,
    frame: &DataFrame,
    name: &str,
    kind: ColumnType,
    extents: &[Extent],
) -> Result<Vec<Hash128>> {
    let column = frame.column(name).map_err(Error::frame(asset))?.rechunk();
    let mut bytes = Vec::new();
    let mut hashes = Vec::with_capacity(extents.len());
    for extent in extents {
        bytes.clear();
        bytes.push(kind.tag());
        bytes.extend_from_slice(&(extent.rows as u64).to_le_bytes());
        let part = column.slice(extent.offset as i64, extent.rows);
        let failed = Error::frame(asset);
        match kind {
            ColumnType::Number => part.f64().map_err(failed)?.downcast_iter().for_each(|chunk| {
                let validity = chunk.validity().filter(|validity| validity.unset_bits() > 0);
                push_numbers(&mut bytes, chunk.values(), validity.map(|validity| validity.iter()));
            }),
            ColumnType::Bool => part.bool().map_err(failed)?.iter().for_each(|value| {
                bytes.push(value.map_or(2, u8::from));
            }),
            ColumnType::Date => part.date().map_err(failed)?.physical().iter().for_each(|value| {
                bytes.extend_from_slice(&value.unwrap_or(i32::MIN).to_le_bytes());
            }),
            ColumnType::Time => part.datetime().map_err(failed)?.physical().iter().for_each(|value| {
                bytes.extend_from_slice(&value.unwrap_or(i64::MIN).to_le_bytes());
            }),
            ColumnType::Text => part.str().map_err(failed)?.iter().for_each(|value| {
                bytes.extend_from_slice(&value.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
            }),
        }
        hashes.push(Hash128::of(&bytes));
    }
    Ok(hashes)
}

/// Appends the bits of `values`. NaN is never stored, so that its bits can stand for a missing value, as numbers that no date and no
/// length has stand for missing dates and texts.
fn push_numbers(bytes: &mut Vec<u8>, values: &[f64], validity: Option<impl Iterator<Item = bool>>) {
    let start = bytes.len();
    bytes.resize(start + 8 * values.len(), 0);
    let (slots, _) = bytes[start..].as_chunks_mut::<8>();
    match validity {
        None => slots.iter_mut().zip(values).for_each(|(slot, value)| *slot = value.to_bits().to_le_bytes()),
        Some(validity) => slots.iter_mut().zip(values).zip(validity).for_each(|((slot, value), is_valid)| {
            *slot = if is_valid { value.to_bits() } else { u64::MAX }.to_le_bytes();
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sessions: &[i32], instruments: &[&str], close: &[Option<f64>]) -> DataFrame {
        let session = Series::new("session".into(), sessions).cast(&DataType::Date).unwrap();
        let instrument = Series::new("instrument".into(), instruments);
        let close = Series::new("close".into(), close);
        DataFrame::new(sessions.len(), vec![session.into(), instrument.into(), close.into()]).unwrap()
    }

    fn hashes(frame: &DataFrame, key: &[&str]) -> Vec<ContentHashes> {
        let key: Vec<String> = key.iter().map(ToString::to_string).collect();
        let (frame, schema) = canonicalize("bars", frame, &key, false).unwrap();
        let extents = extents("bars", &frame, false).unwrap();
        content_hashes("bars", &frame, &schema, &extents).unwrap()
    }

    #[test]
    fn order_of_rows_does_not_matter() {
        let one = frame(&[5, 5, 6], &["a", "b", "a"], &[Some(1.0), None, Some(3.0)]);
        let two = frame(&[6, 5, 5], &["a", "b", "a"], &[Some(3.0), None, Some(1.0)]);
        assert_eq!(hashes(&one, &["instrument"]), hashes(&two, &["instrument"]));
        assert_eq!(hashes(&one, &[]), hashes(&two, &[]));
        let other = frame(&[5, 5, 6], &["a", "b", "a"], &[Some(1.0), None, Some(4.0)]);
        assert_eq!(hashes(&one, &["instrument"])[0], hashes(&other, &["instrument"])[0]);
        assert_ne!(hashes(&one, &["instrument"])[1], hashes(&other, &["instrument"])[1]);
    }

    #[test]
    fn repeated_keys_have_one_order_too() {
        let one = frame(&[5, 5], &["a", "a"], &[Some(1.0), Some(2.0)]);
        let two = frame(&[5, 5], &["a", "a"], &[Some(2.0), Some(1.0)]);
        assert_eq!(hashes(&one, &["instrument"]), hashes(&two, &["instrument"]));
    }

    #[test]
    fn one_bit_pattern_per_value() {
        let odd = frame(&[5, 5, 5], &["a", "b", "c"], &[Some(f64::NAN), Some(-0.0), Some(f64::INFINITY)]);
        let plain = frame(&[5, 5, 5], &["a", "b", "c"], &[None, Some(0.0), None]);
        assert_eq!(hashes(&odd, &["instrument"]), hashes(&plain, &["instrument"]));
    }

    /// The form of a hash is kept in every ledger: it must not change unless its version does.
    #[test]
    fn hashes_are_those_of_before() {
        let rows = frame(&[5, 5, 6], &["a", "b", "a"], &[Some(1.0), None, Some(-3.5)]);
        let hashes = hashes(&rows, &["instrument"]);
        let mut first = vec![1u8];
        first.extend_from_slice(&2u64.to_le_bytes());
        first.extend_from_slice(&1f64.to_bits().to_le_bytes());
        first.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(hashes[0].columns, [Hash128::of(&first)]);
        let mut second = vec![1u8];
        second.extend_from_slice(&1u64.to_le_bytes());
        second.extend_from_slice(&(-3.5f64).to_bits().to_le_bytes());
        assert_eq!(hashes[1].columns, [Hash128::of(&second)]);
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let rows = frame(&[5], &["a"], &[Some(1.0)]);
        let refused = |frame: &DataFrame, key: &[&str]| {
            let key: Vec<String> = key.iter().map(ToString::to_string).collect();
            canonicalize("bars", frame, &key, false).unwrap_err().to_string()
        };
        assert!(refused(&rows, &["symbol"]).contains("`symbol`"));
        assert!(refused(&rows.drop("session").unwrap(), &[]).contains("`session`"));
        let mut null_key = rows.clone();
        null_key.with_column(Column::full_null("instrument".into(), 1, &DataType::String)).unwrap();
        assert!(refused(&null_key, &["instrument"]).contains("missing in 1 rows"));
        let mut large = rows;
        large.with_column(Column::new("close".into(), [i64::MAX])).unwrap();
        assert!(refused(&large, &["instrument"]).contains("too large"));
    }

    #[test]
    fn days_round_trip() {
        for day in [-800_000, -1, 0, 19_000] {
            assert_eq!(days(date(day).unwrap()), day);
        }
    }
}
