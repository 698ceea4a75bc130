//! Frames to Parquet as segments are written: polars's writer with choices by column that its simple form does not have.
//!
//! - Statistics for the columns that rows are looked up by, and no others: they are a pass over the values, and no query that is worth
//!   its while skips months by the range of a close.
//! - A column of numbers is made a dictionary where a sample of it repeats; to look at every value for that is dear.
//! - Zstd at its fastest level. A column that it would hardly make smaller, as it does not numbers of which every bit is used, is
//!   stored as it is.

use std::collections::HashSet;
use std::io::Write;

use polars::prelude::*;
use polars_parquet::write::{
    CompressedPage, CompressionOptions, DynIter, DynStreamingIterator, Encoding, FileWriter, Page, ParquetType,
    Version, WriteOptions, ZstdLevel, array_to_columns, compress, fallible_streaming_iterator, get_dtype_encoding,
};

use crate::parallel;

/// Most rows of a row group.
const GROUP: usize = 512 * 512;
/// Below so many bytes of values nothing is compressed: what the codec sets up costs more than it saves.
const TINY: usize = 1024;
/// Values that are looked at to judge a column by.
const SAMPLE: usize = 2048;
/// A column whose sample has more different values than this share is no dictionary.
const DISTINCT: f64 = 0.95;
/// A column of which this share is left when it is compressed is not.
const WORTH: f64 = 0.94;

/// Writes `frame`, with statistics for its first `leading` columns; `spread` takes several threads.
pub(crate) fn encode(to: impl Write, frame: &DataFrame, leading: usize, spread: bool) -> PolarsResult<()> {
    let options =
        |statistics, compression| WriteOptions { statistics, compression, version: Version::V1, data_page_size: None };
    let schema = frame.schema().to_arrow(CompatLevel::newest());
    // As the writer is told so, it makes no index of pages, which would need statistics of all.
    let bare = options(StatisticsOptions::empty(), CompressionOptions::Uncompressed);
    let mut writer = FileWriter::try_new(to, schema, bare)?;
    let fields: Vec<ParquetType> = writer.parquet_schema().fields().to_vec();
    for offset in (0..frame.height()).step_by(GROUP) {
        let group = frame.slice(offset as i64, GROUP);
        let columns: Vec<(usize, &Column)> = group.columns().iter().enumerate().collect();
        let pages = |(at, column): &(usize, &Column)| {
            let statistics = if *at < leading { StatisticsOptions::default() } else { StatisticsOptions::empty() };
            pages_of(column, &fields[*at], |compression| options(statistics, compression))
        };
        let encoded: Vec<PolarsResult<Vec<CompressedPage>>> =
            if spread { parallel::map(&columns, pages) } else { columns.iter().map(pages).collect() };
        let encoded: Vec<Vec<CompressedPage>> = encoded.into_iter().collect::<PolarsResult<_>>()?;
        let pages = encoded.iter().map(|pages| {
            let pages = pages.iter().map(PolarsResult::Ok);
            Ok(DynStreamingIterator::new(fallible_streaming_iterator::convert(pages)))
        });
        writer.write(group.height() as u64, DynIter::new(pages))?;
    }
    writer.end(None).map(|_| ())
}

/// One column of a row group.
fn pages_of(
    column: &Column,
    field: &ParquetType,
    options: impl Fn(CompressionOptions) -> WriteOptions,
) -> PolarsResult<Vec<CompressedPage>> {
    let series = column.as_materialized_series().rechunk();
    let array = series.to_arrow(0, CompatLevel::newest());
    let mut encodings = get_dtype_encoding(array.dtype());
    let mut compression = if series.len() * 8 < TINY { CompressionOptions::Uncompressed } else { fast()? };
    let encode = |series: &Series, encodings: &[Encoding], options| -> PolarsResult<Vec<Page>> {
        let array = series.to_arrow(0, CompatLevel::newest());
        array_to_columns(array, field.clone(), options, encodings)?.into_iter().flatten().collect()
    };
    if let Ok(numbers) = series.f64()
        && !repeats(numbers)
    {
        encodings.fill(Encoding::Plain);
        if compression != CompressionOptions::Uncompressed {
            let sample = series.slice((series.len() / 2) as i64, 2 * SAMPLE);
            let quiet = options(compression);
            let raw: usize = 8 * (sample.len() - sample.null_count());
            let mut left = 0;
            for page in encode(&sample, &encodings, WriteOptions { statistics: StatisticsOptions::empty(), ..quiet })? {
                left += compressed_size(&compress(page, Vec::new(), compression)?);
            }
            if left as f64 > WORTH * raw as f64 {
                compression = CompressionOptions::Uncompressed;
            }
        }
    }
    let pages = encode(&series, &encodings, options(compression))?;
    pages.into_iter().map(|page| Ok(compress(page, Vec::new(), compression)?)).collect()
}

fn fast() -> PolarsResult<CompressionOptions> {
    Ok(CompressionOptions::Zstd(Some(ZstdLevel::try_new(1)?)))
}

fn compressed_size(page: &CompressedPage) -> usize {
    match page {
        CompressedPage::Data(page) => page.compressed_size(),
        CompressedPage::Dict(_) => 0,
    }
}

/// Whether a sample, taken all over the column, has values more than once.
fn repeats(numbers: &Float64Chunked) -> bool {
    let step = numbers.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<u64> = numbers.iter().step_by(step).flatten().map(f64::to_bits).collect();
    let distinct: HashSet<&u64> = sample.iter().collect();
    sample.is_empty() || distinct.len() as f64 <= DISTINCT * sample.len() as f64
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn round_trip(frame: &DataFrame, leading: usize) -> (Vec<u8>, DataFrame) {
        let mut bytes = Vec::new();
        encode(&mut bytes, frame, leading, false).unwrap();
        let read = ParquetReader::new(Cursor::new(bytes.clone())).finish().unwrap();
        (bytes, read)
    }

    /// Deterministic, without a pattern.
    fn bits(rows: usize) -> Vec<u64> {
        let mut state = 1u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..rows).map(|_| next()).collect()
    }

    #[test]
    fn columns_of_every_kind_over_several_row_groups() {
        let rows = GROUP + 1000;
        let bits = bits(rows);
        let noise: Vec<f64> = bits.iter().map(|bits| (bits >> 11) as f64 / (1u64 << 53) as f64).collect();
        let cents: Vec<f64> = noise.iter().map(|value| (value * 9000.0).round() / 100.0).collect();
        let holes: Vec<Option<f64>> = noise.iter().map(|value| Some(*value).filter(|value| *value > 0.1)).collect();
        let names: Vec<String> = (0..rows).map(|at| format!("{:06}.XSHG", at % 5000)).collect();
        let bools: Vec<Option<bool>> =
            noise.iter().map(|value| [Some(true), Some(false), None][(value * 3.0) as usize]).collect();
        let days = Series::new("day".into(), (0..rows as i32).map(|at| at / 5000).collect::<Vec<_>>());
        let columns = vec![
            days.cast(&DataType::Date).unwrap().into_column(),
            Column::new("name".into(), names),
            Column::new("noise".into(), noise),
            Column::new("cents".into(), cents),
            Column::new("static".into(), bits.iter().map(|bits| f64::from_bits(bits >> 2)).collect::<Vec<_>>()),
            Column::new("holes".into(), holes),
            Column::new("none".into(), vec![None::<f64>; rows]),
            Column::new("bool".into(), bools),
            days.cast(&DataType::Int64)
                .unwrap()
                .cast(&DataType::Datetime(TimeUnit::Microseconds, None))
                .unwrap()
                .with_name("time".into())
                .into_column(),
        ];
        let frame = DataFrame::new(rows, columns).unwrap();
        let (bytes, read) = round_trip(&frame, 2);
        assert!(read.equals_missing(&frame));
        // The prices are a dictionary, the noise is compressed as far as its exponents go, and the static not at all.
        let size = |name: &str| round_trip(&frame.select([name]).unwrap(), 0).0.len();
        assert!(size("cents") < 4 * rows, "{}", size("cents"));
        assert!((6 * rows..8 * rows).contains(&size("noise")), "{}", size("noise"));
        assert!((8 * rows..9 * rows).contains(&size("static")), "{}", size("static"));
        // Threads and chunks make no difference.
        let mut spread = Vec::new();
        let halves = frame.slice(0, 7).vstack(&frame.slice(7, rows)).unwrap();
        encode(&mut spread, &halves, 2, true).unwrap();
        assert!(spread == bytes);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn numbers_come_back_bit_by_bit(
            values in prop::collection::vec(prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO), 0..400),
            times in 1usize..8,
        ) {
            let frame = DataFrame::new(values.len() * times, vec![Column::new("x".into(), values.repeat(times))]).unwrap();
            let read = round_trip(&frame, 0).1;
            let bits = |frame: &DataFrame| -> Vec<Option<u64>> {
                frame.column("x").unwrap().f64().unwrap().iter().map(|value| value.map(f64::to_bits)).collect()
            };
            prop_assert_eq!(bits(&read), bits(&frame));
        }
    }
}
