//! What happens is told as it happens, to who comes, goes and comes back.

use serde_json::Value;

use super::{Served, project};
use crate::support::wait_until;

const WITH_TOKEN: &str = "api: { token: { env: ASSETCTL_TOKEN } }\n";

fn kinds(heard: &[(String, String)]) -> Vec<&str> {
    heard.iter().map(|(_, kind)| kind.as_str()).collect()
}

#[test]
fn a_run_is_told_as_it_goes() {
    let project = project(WITH_TOKEN);
    let served = Served::new(&project);
    let body = r#"{ "select": ["scores"], "from": "2015-08-03", "to": "2015-08-05", "force": true, "only": true }"#;
    let heard = std::thread::scope(|scope| {
        // Who comes first hears all of it.
        let listener = scope
            .spawn(|| served.listen("/api/v1/events?request=1&replay=true", &[], |kind, _| kind == "run_succeeded"));
        served.post("/api/v1/requests", body).is(202);
        listener.join().unwrap()
    });
    let expected = [
        "run_queued",
        "run_started",
        "run_planned",
        "asset_started",
        "batch_committed",
        "asset_finished",
        "run_succeeded",
    ];
    assert_eq!(kinds(&heard), expected);
    // Who comes back goes on after what it had.
    let again = served.listen("/api/v1/events", &[("Last-Event-ID", &heard[2].0)], |kind, _| kind == "run_succeeded");
    assert_eq!(again, heard[3..]);
    // Who names an event of another daemon is told that nobody knows what is lost.
    let mut lost = Value::Null;
    let foreign = served.listen("/api/v1/events", &[("Last-Event-ID", "1f-3")], |kind, event| {
        if kind == "lost" {
            lost = event.clone();
        }
        kind == "run_succeeded"
    });
    assert_eq!(kinds(&foreign)[..2], ["lost", "daemon_started"]);
    assert_eq!(lost, serde_json::json!({ "lost": null }));
}

#[cfg(unix)]
#[test]
fn listeners_are_let_go_when_the_daemon_ends() {
    let project = project("");
    let served = Served::new(&project);
    let address = served.address.clone();
    let heard = std::thread::scope(|scope| {
        let (begins, begun) = std::sync::mpsc::channel::<()>();
        let served = &served;
        let listener = scope.spawn(move || {
            served.listen("/api/v1/events?replay=true", &[], |_, _| {
                // Only the first is waited for.
                let _ = begins.send(());
                false
            })
        });
        begun.recv().unwrap();
        served.daemon.interrupt();
        listener.join().unwrap()
    });
    assert_eq!(kinds(&heard), ["daemon_started", "daemon_stopped"]);
    served.daemon.wait().ok();
    wait_until("nobody answers", || std::net::TcpStream::connect(&address).is_err());
}
