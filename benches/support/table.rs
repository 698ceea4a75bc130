//! What was measured, as text: ours, and below each of ours its peers with how many times as much they take.

use crate::measure::Taken;

pub fn header(title: &str) {
    println!("\n{title}\n");
    println!("{:<44} {:>9} {:>9} {:>9} {:>8} {:>8}", "", "wall s", "CPU s", "peak MB", "× wall", "× CPU");
}

/// What the rows below it do.
pub fn section(name: &str) {
    println!("{name}");
}

pub fn ours(taken: Taken) {
    row("assetctl", taken, None);
}

pub fn peer(name: &str, taken: Taken, ours: Option<Taken>) {
    row(name, taken, ours);
}

fn row(name: &str, taken: Taken, ours: Option<Taken>) {
    let cpu = ours.and_then(|ours| Some(taken.cpu? / ours.cpu?));
    println!(
        "  {name:<42} {:>9} {:>9} {:>9} {:>8} {:>8}",
        shown(Some(taken.wall), 2),
        shown(taken.cpu, 2),
        shown(taken.megabytes, 0),
        shown(ours.map(|ours| taken.wall / ours.wall), 1),
        shown(cpu, 1)
    );
}

fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}
