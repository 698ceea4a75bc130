//! `assetctl init`: a project that works as it stands, with a few months of real bars.

use std::path::Path;

use crate::args::Init;
use crate::context::Context;
use crate::error::CliError;
use crate::report;

/// What is written, relative to the folder.
const FILES: [(&str, &str); 4] = [
    ("assets.yaml", include_str!("init/assets.yaml")),
    ("data/source/bars/bars.csv", include_str!("init/bars.csv")),
    ("data/source/README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
];

pub fn run(context: &Context, args: &Init) -> Result<(), CliError> {
    let taken: Vec<String> = FILES
        .iter()
        .map(|(name, _)| args.folder.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        return Err(CliError::usage(
            format!("`{}` exists already; nothing was written", taken.join("`, `")),
            Some("choose an empty folder: `assetctl init my_project`"),
        ));
    }
    for (name, content) in FILES {
        let path = args.folder.join(name);
        assetctl_store::write_whole(&path, content.as_bytes())?;
    }
    if context.quiet {
        return Ok(());
    }
    let place = if args.folder == Path::new(".") { String::new() } else { format!("cd {}\n  ", args.folder.display()) };
    report::text(&format!(
        "wrote a project to `{}`; now\n\n  {place}assetctl plan\n  assetctl materialize\n  assetctl sql \"select * from signals order by session desc, rank limit 10\"\n",
        args.folder.display()
    ))
}
