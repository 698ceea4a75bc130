//! `assetctl plan`: what is stale, and why. Writes nothing.

use crate::args::Plan;
use crate::context::{Context, Wish};
use crate::error::CliError;
use crate::report;

pub fn run(context: &Context, args: &Plan) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let snapshot = store.as_ref().map(assetctl_store::Store::snapshot).transpose()?;
    let wish = Wish {
        selecting: &args.selecting,
        dates: args.dates.clone(),
        only: args.only,
        force: args.force,
        again: false,
    };
    let planned = loaded.plan(store.as_ref(), snapshot.as_ref(), &wish, context.clock.now())?;
    report::result(context.format, &planned.plan, report::plan::human)?;
    if args.exit_code && !planned.plan.is_empty() { Err(CliError::Stale) } else { Ok(()) }
}
