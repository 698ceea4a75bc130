//! `assetctl schedule pause` and `resume`.

use assetctl_store::SwitchRow;

use crate::args::SchedulePause;
use crate::context::Context;
use crate::error::CliError;
use crate::report;

pub fn run(context: &Context, args: &SchedulePause, pause: bool) -> Result<(), CliError> {
    let loaded = context.load()?;
    let switch =
        SwitchRow { at: context.clock.now(), paused: pause, who: assetctl_config::who(), why: args.why.clone() };
    let switched = loaded.view().switch(&loaded.store()?, &args.name, switch)?;
    report::result(context.format, &switched, |switched| {
        let name = &switched.name;
        match (switched.paused, switched.changed) {
            (true, true) => format!("`{name}` is paused: nothing of it runs until `assetctl schedule resume {name}`\n"),
            (false, true) => format!("`{name}` goes on; what was due meanwhile is not made up for\n"),
            (true, false) => format!("`{name}` was paused before\n"),
            (false, false) => format!("`{name}` was not paused\n"),
        }
    })
}
