//! Segments: Parquet files, written once and read by column and by range of sessions.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use assetctl_plan::Hash128;
use polars::prelude::*;

use crate::cache::SegmentCache;
use crate::encode::encode;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::month::MonthRow;
use crate::schema::AssetSchema;

/// Writes a segment whole and synced, as every commit does; gives its size in bytes. `leading` columns are those that rows are
/// looked up by; `spread` takes several threads.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, frame: &DataFrame, leading: usize, spread: bool) -> Result<u64> {
    let failed = |source| Error::WriteSegment { path: path.to_path_buf(), source };
    Layout::write_whole(path, |file| {
        let mut file = BufWriter::with_capacity(1 << 18, file);
        encode(&mut file, frame, leading, spread).map_err(failed)?;
        file.flush().map_err(Error::io("write", path))
    })
}

/// What to read of one segment.
pub(crate) struct Cut<'a> {
    pub asset: &'a str,
    pub path: PathBuf,
    pub content: Hash128,
    /// Bytes that the file was written with.
    pub size: u64,
    /// The segment's own columns.
    pub schema: &'a AssetSchema,
    /// Rows that the ledger says the file has.
    pub total: usize,
    pub offset: usize,
    pub rows: usize,
}

impl<'a> Cut<'a> {
    /// All rows of a segment.
    pub(crate) fn whole(layout: &Layout, asset: &'a str, month: &'a MonthRow) -> Self {
        let (path, total) = (layout.segment(asset, &month.file()), month.rows());
        let (content, size, schema) = (month.content, month.size, month.schema.as_ref());
        Self { asset, path, content, size, schema, total, offset: 0, rows: total }
    }

    /// The rows in stored order, with those columns of `wanted` that the segment has, in the order of the file. Columns that the cache
    /// has are not read, as long as a file of the right size is there; those that are read are kept in it.
    pub(crate) fn read(&self, cache: &SegmentCache, wanted: impl Fn(&str) -> bool) -> Result<DataFrame> {
        let schema = self.schema.polars();
        let names: Vec<&PlSmallStr> = schema.iter_names().filter(|name| wanted(name)).collect();
        let file = File::open(&self.path).map_err(|error| self.damaged(error.to_string()))?;
        let is_whole = file.metadata().is_ok_and(|found| found.is_file() && found.len() == self.size);
        // Text takes more, numbers are what there is most of.
        if !is_whole || names.is_empty() || !cache.takes(8 * self.total as u64) {
            return self.decode(file, &names, self.offset, self.rows);
        }
        let mut columns: Vec<Option<Column>> = names.iter().map(|name| cache.get(self.content, name)).collect();
        let missing: Vec<&PlSmallStr> =
            names.iter().zip(&columns).filter(|(_, column)| column.is_none()).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let mut read = self.decode(file, &missing, 0, self.total)?;
            read.rechunk_mut_par();
            let mut read = read.into_columns().into_iter();
            for slot in columns.iter_mut().filter(|slot| slot.is_none()) {
                *slot = read.next().inspect(|column| cache.put(self.content, column.clone()));
            }
        }
        let columns = columns.into_iter().flatten().map(|column| column.slice(self.offset as i64, self.rows));
        DataFrame::new(self.rows, columns.collect()).map_err(Error::frame(self.asset))
    }

    fn decode(&self, file: File, names: &[&PlSmallStr], offset: usize, rows: usize) -> Result<DataFrame> {
        let names = names.iter().map(|name| name.to_string()).collect();
        let mut reader = ParquetReader::new(file);
        let found = reader.num_rows().map_err(|error| self.damaged(error.to_string()))?;
        if found != self.total {
            return Err(self.damaged(format!("it has {found} rows instead of {}", self.total)));
        }
        let frame = reader
            .with_columns(Some(names))
            .with_slice(Some((offset, rows)))
            .finish()
            .map_err(|error| self.damaged(error.to_string()))?;
        if frame.height() != rows {
            return Err(self.damaged(format!("{} of {rows} rows can be read", frame.height())));
        }
        Ok(frame)
    }

    fn damaged(&self, why: String) -> Error {
        Error::Damaged { asset: self.asset.to_owned(), path: self.path.clone(), why }
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

/// Frames of one schema, one below the other, each a chunk of its own.
pub(crate) fn stack(asset: &str, parts: Vec<DataFrame>, schema: &Schema) -> Result<DataFrame> {
    let mut parts = parts.into_iter().filter(|part| part.height() > 0);
    let mut whole = parts.next().unwrap_or_else(|| DataFrame::empty_with_schema(schema));
    for part in parts {
        whole.vstack_mut_owned(part).map_err(Error::frame(asset))?;
    }
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
        let frame =
            DataFrame::new(3, vec![names, day, Column::new("ok".into(), [Some(true), None, Some(false)])]).unwrap();
        let size = write(&path, &frame, 1, false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);

        let schema = schema();
        let cache = SegmentCache::default();
        let content = Hash128::of(b"names");
        let cut = |path: &Path, total, offset, rows| Cut {
            asset: "names",
            path: path.to_path_buf(),
            content,
            size,
            schema: &schema,
            total,
            offset,
            rows,
        };
        let middle = cut(&path, 3, 1, 2);
        assert!(middle.read(&cache, |_| true).unwrap().equals_missing(&frame.slice(1, 2)));
        assert_eq!(middle.read(&cache, |name| name == "ok").unwrap().get_column_names(), ["ok"]);
        let error = cut(&path, 4, 1, 2).read(&SegmentCache::default(), |_| true).unwrap_err();
        assert!(error.to_string().contains("3 rows instead of 4"));

        let bytes = std::fs::read(&path).unwrap();
        let cut_off = folder.path().join("cut.parquet");
        Layout::write_whole(&cut_off, |mut file| {
            file.write_all(&bytes[..bytes.len() / 2]).map_err(Error::io("write", &cut_off))
        })
        .unwrap();
        // The rows are in memory, and nevertheless.
        assert!(matches!(cut(&cut_off, 3, 1, 2).read(&cache, |_| true), Err(Error::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(middle.read(&cache, |_| true), Err(Error::Damaged { .. })));
    }

    #[test]
    fn no_rows_are_rows_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.parquet");
        let schema = schema();
        let none = DataFrame::empty_with_schema(&schema.polars());
        let size = write(&path, &none, 1, false).unwrap();
        let content = Hash128::of(b"none");
        let cut = Cut { asset: "names", path, content, size, schema: &schema, total: 0, offset: 0, rows: 0 };
        for _ in 0..2 {
            let cache = SegmentCache::default();
            assert_eq!(*cut.read(&cache, |_| true).unwrap().schema().as_ref(), schema.polars());
        }
    }
}
