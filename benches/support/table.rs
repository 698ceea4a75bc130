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
    row("assetctl", taken, ["-", "-"].map(str::to_owned));
    println!();
}

/// With how many times as much CPU it takes as ours, and how many times are wanted.
pub fn peer(name: &str, taken: Taken, ours: Taken, target: Option<f64>) {
    let times = taken.cpu.zip(ours.cpu).map(|(taken, ours)| taken / ours);
    row(name, taken, [shown(Some(taken.wall / ours.wall), 1), shown(times, 1)]);
    match target.zip(times) {
        Some((target, times)) if times < target => println!("  missed: {target} × CPU"),
        Some((target, _)) => println!("  met: {target} × CPU"),
        None => println!(),
    }
}

/// One line: what was measured, and two numbers beside it.
pub fn row(name: &str, taken: Taken, [wall, cpu]: [String; 2]) {
    print!(
        "  {name:<42} {:>9} {:>9} {:>9} {wall:>8} {cpu:>8}",
        shown(Some(taken.wall), 2),
        shown(taken.cpu, 2),
        shown(taken.megabytes, 0),
    );
}

pub fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}
