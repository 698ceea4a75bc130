//! Segments: Parquet files, written once and read by column and by range of sessions.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::schema::AssetSchema;

/// Writes a segment whole and synced; gives its size in bytes.
pub(crate) fn write(path: &Path, frame: &mut DataFrame) -> Result<u64> {
    let failed = |source| Error::WriteSegment { path: path.to_path_buf(), source };
    Layout::write_whole(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 18, file);
        encode(&mut file, frame).map_err(failed)?;
        file.flush().map_err(Error::io("write", path))
    })
}

/// `frame` as Parquet.
pub(crate) fn encode(to: impl Write, frame: &mut DataFrame) -> PolarsResult<()> {
    // Zstd's own default level, 3: a good ratio at a speed that the disk, not the compressor, sets.
    let compression = ParquetCompression::Zstd(None);
    let writer = ParquetWriter::new(to).with_compression(compression);
    writer.with_statistics(StatisticsOptions::default()).finish(frame).map(|_| ())
}

/// What to read of one segment.
pub(crate) struct Cut<'a> {
    pub asset: &'a str,
    pub path: &'a Path,
    /// The segment's own columns.
    pub schema: &'a AssetSchema,
    /// Rows that the ledger says the file has.
    pub total: usize,
    pub offset: usize,
    pub rows: usize,
}

impl Cut<'_> {
    /// The rows in stored order, with those columns of `wanted` that the segment has, in the order of the file.
    pub(crate) fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<DataFrame> {
        let damaged = |why: String| Error::Damaged { asset: self.asset.to_owned(), path: self.path.to_path_buf(), why };
        let names =
            self.schema.polars().iter_names().filter(|name| wanted(name)).map(|name| name.to_string()).collect();
        let file = File::open(self.path).map_err(|error| damaged(error.to_string()))?;
        let mut reader = ParquetReader::new(file);
        let found = reader.num_rows().map_err(|error| damaged(error.to_string()))?;
        if found != self.total {
            return Err(damaged(format!("it has {found} rows instead of {}", self.total)));
        }
        let frame = reader
            .with_columns(Some(names))
            .with_slice(Some((self.offset, self.rows)))
            .finish()
            .map_err(|error| damaged(error.to_string()))?;
        if frame.height() != self.rows {
            return Err(damaged(format!("{} of {} rows can be read", frame.height(), self.rows)));
        }
        Ok(frame)
    }
}

/// `frame` with exactly the columns of `target`, in its order; what it lacks is null.
pub(crate) fn conform(asset: &str, frame: &DataFrame, target: &Schema) -> Result<DataFrame> {
    let column = |(name, dtype): (&PlSmallStr, &DataType)| match frame.column(name) {
        Ok(column) => column.clone(),
        Err(_) => Column::full_null(name.clone(), frame.height(), dtype),
    };
    DataFrame::new(frame.height(), target.iter().map(column).collect()).map_err(Error::frame(asset))
}

/// Frames of one schema, one below the other.
pub(crate) fn stack(asset: &str, parts: Vec<DataFrame>, schema: &Schema) -> Result<DataFrame> {
    let mut whole = DataFrame::empty_with_schema(schema);
    for part in parts {
        if part.height() > 0 {
            whole.vstack_mut_owned(part).map_err(Error::frame(asset))?;
        }
    }
    whole.rechunk_mut_par();
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ColumnType;

    fn schema() -> AssetSchema {
        AssetSchema {
            is_static: true,
            key: vec![("name".into(), ColumnType::Text)],
            columns: vec![("day".into(), ColumnType::Date), ("ok".into(), ColumnType::Bool)],
        }
    }

    #[test]
    fn rows_columns_and_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("中文 'segment'.parquet");
        let names = Column::new("name".into(), ["NAN", "000001", "贵州茅台"]);
        let day = Column::new("day".into(), [Some(1i32), None, Some(3)]).cast(&DataType::Date).unwrap();
        let mut frame =
            DataFrame::new(3, vec![names, day, Column::new("ok".into(), [Some(true), None, Some(false)])]).unwrap();
        let size = write(&path, &mut frame).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);

        let schema = schema();
        let cut = Cut { asset: "names", path: &path, schema: &schema, total: 3, offset: 1, rows: 2 };
        assert!(cut.read(|_| true).unwrap().equals_missing(&frame.slice(1, 2)));
        assert_eq!(cut.read(|name| name == "ok").unwrap().get_column_names(), ["ok"]);
        let short = Cut { total: 4, ..cut };
        assert!(short.read(|_| true).unwrap_err().to_string().contains("3 rows instead of 4"));

        let bytes = std::fs::read(&path).unwrap();
        let cut_off = folder.path().join("cut.parquet");
        Layout::write_whole(&cut_off, |mut file| {
            file.write_all(&bytes[..bytes.len() / 2]).map_err(Error::io("write", &cut_off))
        })
        .unwrap();
        let truncated = Cut { path: &cut_off, total: 3, ..short };
        assert!(matches!(truncated.read(|_| true), Err(Error::Damaged { .. })));
    }

    #[test]
    fn no_rows_are_rows_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.parquet");
        let schema = schema();
        let mut none = DataFrame::empty_with_schema(&schema.polars());
        write(&path, &mut none).unwrap();
        let cut = Cut { asset: "names", path: &path, schema: &schema, total: 0, offset: 0, rows: 0 };
        assert_eq!(*cut.read(|_| true).unwrap().schema().as_ref(), schema.polars());
    }
}
