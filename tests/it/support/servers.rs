//! Real servers that some stories need.

use std::io::Write as _;

/// The address of a server, from an environment variable. Without one, the test says that it is skipped: on standard error itself, which
/// no harness holds back.
pub fn server(variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: `{variable}` is not set; docs/sources-databases.md says how to start the servers"
        );
    }
    address
}
