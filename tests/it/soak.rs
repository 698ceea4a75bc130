//! Runs upon runs in one daemon: what it holds stays as it is. The benchmark `soak` does the same with 5,000.

#[path = "../../benches/support/soak.rs"]
mod soaking;

use std::path::Path;

use soaking::{Sample, lay_down, slope, slowing, watch};

use crate::support::Project;

#[test]
fn what_a_daemon_holds_does_not_grow_with_its_runs() {
    let project = Project::empty();
    let stretch = lay_down(&project.root(), 80).unwrap();
    let samples = watch(Path::new(env!("CARGO_BIN_EXE_assetctl")), &project.root(), &stretch, 5).unwrap();
    assert_eq!(samples.len(), 16);
    let of = |value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<f64>>();
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    // One that is not closed after a run is as many as there are runs.
    let handles = of(|sample| sample.handles);
    assert!(most(&handles[8..]) <= most(&handles[..8]) + 10.0, "handles: {handles:?}");
    let threads = of(|sample| sample.threads);
    assert!(most(&threads[8..]) <= most(&threads[..8]) + 4.0, "threads: {threads:?}");
    let kilobytes = of(|sample| sample.kilobytes);
    assert!(slope(&samples[6..], |sample| sample.kilobytes) < 512.0, "KB: {kilobytes:?}");
    // Told here, and held against a bound by the benchmark, which has the runs for it.
    println!(
        "a run takes {:.2} times the CPU in the end; the ledger grows by {:.0} bytes a run, logs by {:.0}",
        slowing(&samples),
        slope(&samples[6..], |sample| sample.ledger),
        slope(&samples[6..], |sample| sample.logs)
    );
}
