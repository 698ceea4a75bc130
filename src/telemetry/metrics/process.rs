//! What the process takes of the machine, by the names that client libraries of Prometheus have for it. On Linux; elsewhere there are none.

use std::sync::atomic::Ordering;

use super::families::{Families, Labelled, Level, Seconds};

/// Ticks of `/proc/*/stat` in a second: 100 on every architecture that Linux tells programs of (`USER_HZ`).
const TICKS: f64 = 100.0;

pub(super) struct ProcessGauges {
    cpu: Labelled<Seconds, 0>,
    resident: Labelled<Level, 0>,
    open_fds: Labelled<Level, 0>,
    max_fds: Labelled<Level, 0>,
    start: Labelled<Level, 0>,
    threads: Labelled<Level, 0>,
}

/// What the system tells; `None` where it does not.
#[derive(Debug, Default, PartialEq)]
struct Process {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
    /// In seconds since 1970.
    start: Option<f64>,
    threads: Option<f64>,
}

impl ProcessGauges {
    pub fn new(families: &mut Families) -> Self {
        Self {
            cpu: families.seconds(
                "process_cpu_seconds_total",
                [],
                "Processor time that the process has had, user and system, in seconds",
            ),
            resident: families.levels(
                "process_resident_memory_bytes",
                [],
                "Memory of the process that is in RAM, in bytes",
            ),
            open_fds: families.levels("process_open_fds", [], "Files, sockets and pipes that the process has open"),
            max_fds: families.levels(
                "process_max_fds",
                [],
                "How many files, sockets and pipes the process may have open",
            ),
            start: families.levels("process_start_time_seconds", [], "When the process began, in seconds since 1970"),
            threads: families.levels("process_threads", [], "Threads of the process"),
        }
    }

    pub fn show(&self) {
        let process = Process::now();
        if let Some(seconds) = process.cpu_seconds {
            self.cpu.of([]).inner().store(seconds.to_bits(), Ordering::Relaxed);
        }
        for (gauge, value) in [
            (&self.resident, process.resident_bytes),
            (&self.open_fds, process.open_fds),
            (&self.max_fds, process.max_fds),
            (&self.start, process.start),
            (&self.threads, process.threads),
        ] {
            if let Some(value) = value {
                gauge.of([]).set(value);
            }
        }
    }
}

impl Process {
    #[cfg(not(target_os = "linux"))]
    fn now() -> Self {
        Self::default()
    }

    #[cfg(target_os = "linux")]
    fn now() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let mut process = Self::of(
            &read("/proc/self/stat"),
            &read("/proc/self/status"),
            &read("/proc/self/limits"),
            &read("/proc/stat"),
        );
        // The folder itself is open while it is counted.
        process.open_fds = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as f64);
        process
    }

    /// What the files of `/proc` say.
    #[cfg(target_os = "linux")]
    fn of(stat: &str, status: &str, limits: &str, system: &str) -> Self {
        // The name of the program, in brackets, may hold anything. What follows it begins with field 3.
        let fields: Vec<&str> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
        let ticks = |field: usize| Some(fields.get(field - 3)?.parse::<f64>().ok()? / TICKS);
        let line = |text: &str, key: &str| -> Option<f64> {
            text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
        };
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            resident_bytes: line(status, "VmRSS:").map(|kibibytes| kibibytes * 1024.0),
            open_fds: None,
            max_fds: line(limits, "Max open files"),
            start: ticks(22).zip(line(system, "btime")).map(|(since, boot)| boot + since),
            threads: line(status, "Threads:"),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 12345 1000 20 0";
        let status = "Name:\ta\nVmHWM:\t   900 kB\nVmRSS:\t   800 kB\nThreads:\t7\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        let process = Process::of(stat, status, limits, "cpu 1 2\nbtime 1000000\n");
        let expected = Process {
            cpu_seconds: Some(3.0),
            resident_bytes: Some(819_200.0),
            open_fds: None,
            max_fds: Some(1024.0),
            start: Some(1_000_123.45),
            threads: Some(7.0),
        };
        assert_eq!(process, expected);
        assert_eq!(Process::of("", "", "", ""), Process::default());
    }

    #[test]
    fn this_process_is_seen() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let process = Process::now();
        drop(file);
        assert!(process.open_fds > Some(1.0) && process.max_fds >= process.open_fds, "{process:?}");
        assert!(process.resident_bytes > Some(1e6) && process.start > Some(1e9), "{process:?}");
    }
}
