//! Five thousand runs of small jobs in one daemon: whether what it holds, and the time that a run takes, stay as they are. See README.md beside
//! this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

#[path = "support/soak.rs"]
mod soak;

use std::path::Path;

use soak::{Sample, lay_down, slope, slowing, watch};

const RUNS: u64 = 5000;
const EVERY: u64 = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(RUNS);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data/soak");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let stretch = lay_down(&folder, runs)?;
    let samples = watch(Path::new(env!("CARGO_BIN_EXE_assetctl")), &folder, &stretch, EVERY)?;
    println!("\n{runs} runs, one half of which fail\n");
    println!(
        "{:>6} {:>8} {:>8} {:>8} {:>8} {:>11} {:>9}",
        "runs", "CPU s", "handles", "threads", "RSS MB", "ledger KB", "logs KB"
    );
    let shown = samples.len().div_ceil(20).max(1);
    for sample in samples.iter().step_by(shown).chain(samples.last()) {
        let Sample { runs, seconds, handles, threads, kilobytes, ledger, logs } = sample;
        let (megabytes, ledger, logs) = (kilobytes / 1024.0, ledger / 1024.0, logs / 1024.0);
        println!("{runs:>6} {seconds:>8.1} {handles:>8} {threads:>8} {megabytes:>8.1} {ledger:>11.0} {logs:>9.0}");
    }
    // What is taken once, such as caches, is there by then.
    let warm = &samples[samples.len() / 5..];
    println!();
    verdict("handles in 1,000 runs", 1000.0 * slope(warm, |sample| sample.handles), 1.0);
    verdict("threads in 1,000 runs", 1000.0 * slope(warm, |sample| sample.threads), 1.0);
    verdict("MB in 1,000 runs", 1000.0 * slope(warm, |sample| sample.kilobytes) / 1024.0, 2.0);
    verdict("CPU of a run, last quarter to first", slowing(&samples), 1.5);
    println!("  ledger: {:.2} KB a run", slope(warm, |sample| sample.ledger) / 1024.0);
    println!("  logs: {:.2} KB a run", slope(warm, |sample| sample.logs) / 1024.0);
    Ok(())
}

fn verdict(what: &str, found: f64, most: f64) {
    let how = if found <= most { "met" } else { "missed" };
    println!("  {what}: {found:.2} ({how}: at most {most})");
}
