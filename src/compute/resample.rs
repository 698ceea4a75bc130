//! Longer bars of shorter ones.

use polars::prelude::*;

/// What becomes of the values of several rows. Missing values are passed over; of none that is there comes a missing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    First,
    Last,
    Max,
    Min,
    /// In the order of the rows, so that a sum has the same bits in every run.
    Sum,
    Mean,
    /// How many values there are.
    Count,
}

/// One column of the longer bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resampled {
    pub name: String,
    /// The column of the shorter bars.
    pub of: String,
    pub by: Aggregate,
    /// The column that a mean is weighed with.
    pub weight: Option<String>,
}

/// Rows of the shorter bars that make one longer bar, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub first: usize,
    pub rows: usize,
}

/// The groups of rows that have equal `keys`, of rows in order.
pub fn groups<K: PartialEq>(keys: &[K]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if keys[group.first] == *key => group.rows += 1,
            _ => groups.push(Group { first: at, rows: 1 }),
        }
    }
    groups
}

/// One column with a value for each group, in their order.
///
/// # Errors
/// A column that is not in `bars`, or is not of numbers where it is reckoned with.
pub fn aggregate(bars: &DataFrame, groups: &[Group], column: &Resampled) -> PolarsResult<Column> {
    let values = bars.column(&column.of)?;
    let name = PlSmallStr::from_str(&column.name);
    match column.by {
        Aggregate::First | Aggregate::Last => {
            let there = values.is_not_null();
            let at = |group: &Group| -> Option<IdxSize> {
                let mut rows = group.first..group.first + group.rows;
                let is_there = |row: &usize| there.get(*row) == Some(true);
                let found = match column.by {
                    Aggregate::First => rows.find(is_there),
                    _ => rows.rfind(is_there),
                };
                found.map(|row| row as IdxSize)
            };
            let at: IdxCa = groups.iter().map(at).collect_ca(PlSmallStr::EMPTY);
            Ok(values.take(&at)?.with_name(name))
        }
        Aggregate::Count => {
            let there = values.is_not_null();
            let count = |group: &Group| {
                (group.first..group.first + group.rows).filter(|row| there.get(*row) == Some(true)).count() as f64
            };
            Ok(Float64Chunked::from_iter_values(name, groups.iter().map(count)).into_column())
        }
        Aggregate::Max | Aggregate::Min | Aggregate::Sum | Aggregate::Mean => {
            let values: Vec<Option<f64>> = values.f64()?.iter().collect();
            let weights: Option<Vec<Option<f64>>> = match &column.weight {
                None => None,
                Some(weight) => Some(bars.column(weight)?.f64()?.iter().collect()),
            };
            let fold = |group: &Group| {
                let rows = group.first..group.first + group.rows;
                match &weights {
                    Some(weights) => weighted_mean(&values[rows.clone()], &weights[rows]),
                    None => reckon(&values[rows], column.by),
                }
            };
            Ok(Float64Chunked::from_iter_options(name, groups.iter().map(fold)).into_column())
        }
    }
}

fn reckon(values: &[Option<f64>], by: Aggregate) -> Option<f64> {
    let there = values.iter().flatten().copied();
    match by {
        Aggregate::Max => there.reduce(f64::max),
        Aggregate::Min => there.reduce(f64::min),
        Aggregate::Sum => there.reduce(|sum, value| sum + value),
        _ => {
            let count = there.clone().count();
            there.reduce(|sum, value| sum + value).map(|sum| sum / count as f64)
        }
    }
}

/// `Σ w·x / Σ w` over the rows that have both; missing where the weights add up to nothing.
fn weighted_mean(values: &[Option<f64>], weights: &[Option<f64>]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (value, by) in values.iter().zip(weights) {
        if let (Some(value), Some(by)) = (value, by) {
            sum += value * by;
            weight += by;
        }
    }
    (weight != 0.0).then(|| sum / weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> DataFrame {
        df!(
            "price" => [Some(10.0), None, Some(12.0), Some(11.0), None],
            "size" => [Some(1.0), Some(5.0), Some(3.0), Some(0.0), Some(7.0)],
            "venue" => [Some("a"), Some("b"), None, None, None],
        )
        .unwrap()
    }

    fn made(of: &str, by: Aggregate, weight: Option<&str>) -> Vec<String> {
        let column = Resampled { name: "made".into(), of: of.into(), by, weight: weight.map(str::to_owned) };
        let groups = groups(&[1, 1, 1, 2, 3]);
        let made = aggregate(&bars(), &groups, &column).unwrap();
        assert_eq!(made.name().as_str(), "made");
        (0..made.len()).map(|at| made.get(at).unwrap().to_string()).collect()
    }

    #[test]
    fn missing_values_are_passed_over() {
        assert_eq!(made("price", Aggregate::First, None), ["10.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Last, None), ["12.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Max, None), ["12.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Min, None), ["10.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Sum, None), ["22.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Mean, None), ["11.0", "11.0", "null"]);
        assert_eq!(made("price", Aggregate::Count, None), ["2.0", "1.0", "0.0"]);
        assert_eq!(made("price", Aggregate::Mean, Some("size")), ["11.5", "null", "null"]);
        assert_eq!(made("venue", Aggregate::Last, None), ["\"b\"", "null", "null"]);
    }

    #[test]
    fn rows_are_grouped_where_they_follow_each_other() {
        let group = |first, rows| Group { first, rows };
        assert_eq!(groups(&["a", "a", "b", "a"]), [group(0, 2), group(2, 1), group(3, 1)]);
        assert_eq!(groups::<u8>(&[]), []);
    }
}
