//! `--memory` bounds what a run holds at once, and changes no bit.

use crate::support::{Project, STAGES, assert_same};

/// Wide columns, states and windows over traded bars, beside the five stages.
const MORE: &str = "
  bars:
    kind: indicators
    input: completed_bars
    columns: { open: open, high: high, low: low, close: close, volume: volume, vwap: (high + low + close) / 3 }
  alpha: { kind: indicators, input: bars, features: alpha158 }
  states: { kind: indicators, input: completed_bars, columns: { x: 'rsi(close, 14)' } }
  technical: { kind: indicators, input: completed_bars, window_axis: traded, columns: { x: 'mean(close, 20)' } }
";

#[test]
fn memory_changes_no_bit() {
    let yaml = format!("{STAGES}{MORE}");
    let one = Project::new();
    one.yaml(&yaml);
    one.materialize();
    for memory in ["64MB", "1MB"] {
        let other = Project::new();
        other.yaml(&yaml);
        other.run(&["materialize", "--memory", memory, "--jobs", "2"]).ok();
        assert_same(&one.contents(), &other.contents());
    }
}
