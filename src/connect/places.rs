//! Where rows of a table stand, for who finds something wrong with them later.

use crate::error::{ConnectError, Place, Problem};
use crate::load::Loader;
use crate::scan::Scan;
use crate::source::FileSource;

/// A problem with one or two rows of a table, given by their positions in what [`read`](crate::read) gave on the same scan. `None`
/// where those rows are not there.
pub fn problem_of_rows(
    source: &FileSource,
    scan: &Scan,
    rows: &[usize],
    message: &str,
    help: Option<&str>,
) -> Option<ConnectError> {
    let loader = Loader::new(source).ok()?;
    let place = |row: usize| -> Option<Place> {
        let mut before = 0;
        for (at, file) in scan.sources.iter().enumerate() {
            let Some(parsed) = scan.parsed.get(&at) else { continue };
            if row - before < parsed.len() {
                return Some(loader.place(file, parsed, row - before));
            }
            before += parsed.len();
        }
        None
    };
    let (one, other) = match rows {
        [one] => (*one, None),
        [first, second] => (*second, Some(*first)),
        _ => return None,
    };
    let other = match other {
        Some(other) => Some(Box::new(place(other)?)),
        None => None,
    };
    let problem = Problem { other, ..Problem::new(place(one)?, message) };
    Some(match help {
        Some(help) => problem.help(help).into(),
        None => problem.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use crate::{read, scan};

    #[test]
    fn rows_are_found_in_the_files_they_stand_in() {
        let mut folder = Folder::new();
        folder.table = true;
        folder.write("a.csv", "name,n\nx,1\n\ny,2\n");
        folder.write("b.csv", "name,n\nz,3\n");
        folder.files.types.insert("name".into(), assetctl_config::ColumnType::Text);
        let source = folder.source();
        let mut scan = scan(&source, &[]).unwrap();
        assert_eq!(read(&source, &mut scan, |_| true).unwrap().height(), 3);
        let error = problem_of_rows(&source, &scan, &[1, 2], "both are wrong", Some("correct one")).unwrap();
        let said = error.to_string();
        assert!(said.contains("b.csv:2") && said.contains("a.csv:4") && said.contains("; correct one"), "{said}");
        let error = problem_of_rows(&source, &scan, &[0], "it is wrong", None).unwrap().to_string();
        assert!(error.contains("a.csv:2"), "{error}");
        assert!(problem_of_rows(&source, &scan, &[3], "", None).is_none());
    }
}
