use std::fs;

use crate::testing::{Scratch, bars, commit_of, day, numbers};
use crate::{Error, Store};

const A: &str = "2024-01-30";
const B: &str = "2024-01-31";
const C: &str = "2024-02-01";

fn three(scratch: &Scratch) {
    scratch.commit("bars", &[A, B, C], &[(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", None)]).unwrap();
}

/// Replaces a file by bytes that are as many and not Parquet: what is read from it is an error.
fn garble(path: &std::path::Path) {
    crate::write_whole(path, &vec![b'x'; fs::metadata(path).unwrap().len() as usize]).unwrap();
}

fn closes(store: &Store, from: &str, to: &str) -> Result<Vec<Option<f64>>, Error> {
    let frame = store.snapshot().unwrap().read("bars", day(from), day(to), Some(&["close".to_owned()]))?;
    Ok(numbers(&frame, "close"))
}

#[test]
fn what_was_written_is_not_read_again() {
    let scratch = Scratch::new();
    three(&scratch);
    garble(&scratch.file("bars", "2024-01"));
    assert_eq!(closes(&scratch.store, A, C).unwrap(), [Some(1.0), Some(2.0), None]);
    assert_eq!(closes(&scratch.store, B, B).unwrap(), [Some(2.0)]);
    // Another process has it not.
    assert!(matches!(closes(&Store::open(&scratch.dir).unwrap(), A, C), Err(Error::Damaged { .. })));
    // Nor has this one without memory.
    scratch.store.set_memory(0);
    assert!(matches!(closes(&scratch.store, A, C), Err(Error::Damaged { .. })));
}

#[test]
fn what_was_read_is_not_read_again() {
    let scratch = Scratch::new();
    three(&scratch);
    let other = Store::open(&scratch.dir).unwrap();
    assert_eq!(closes(&other, B, B).unwrap(), [Some(2.0)]);
    garble(&scratch.file("bars", "2024-01"));
    assert_eq!(closes(&other, A, B).unwrap(), [Some(1.0), Some(2.0)]);
}

#[test]
fn a_file_that_is_gone_or_cut_off_is_noticed_nevertheless() {
    let scratch = Scratch::new();
    three(&scratch);
    fs::OpenOptions::new().write(true).open(scratch.file("bars", "2024-01")).unwrap().set_len(40).unwrap();
    assert!(matches!(closes(&scratch.store, A, B), Err(Error::Damaged { .. })));
    fs::remove_file(scratch.file("bars", "2024-02")).unwrap();
    assert!(matches!(closes(&scratch.store, C, C), Err(Error::Damaged { .. })));
}

#[test]
fn each_snapshot_reads_its_own_versions() {
    let scratch = Scratch::new();
    three(&scratch);
    let before = scratch.store.snapshot().unwrap();
    scratch.store.commit(commit_of("bars", &[B], bars(&[(B, "x", Some(7.0))]))).unwrap();
    let then = before.read("bars", day(A), day(C), None).unwrap();
    assert_eq!(numbers(&then, "close"), [Some(1.0), Some(2.0), None]);
    assert_eq!(closes(&scratch.store, A, C).unwrap(), [Some(1.0), Some(7.0), None]);
}

#[test]
fn what_memory_does_not_hold_is_read_from_the_files() {
    let scratch = Scratch::new();
    for memory in [0, 1, 20, 100, 1 << 20] {
        scratch.store.set_memory(memory);
        three(&scratch);
        scratch.commit("bars", &[A], &[(A, "x", Some(memory as f64))]).unwrap();
        assert_eq!(closes(&scratch.store, A, C).unwrap(), [Some(memory as f64), Some(2.0), None]);
        assert!(scratch.store.cache.used() <= memory);
    }
}
