//! What can be said of observers before anything happens: their templates, and their addresses.

use assetctl_config::{Diagnostic, OneOrMany, Schedules};

use crate::channel::mailbox;
use crate::writing::parse;

/// Everything that is wrong with the templates and mail addresses of observers.
pub fn check(schedules: &Schedules) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for observer in &schedules.observers {
        let spec = &observer.spec;
        let key = spec.dedup.as_ref().and_then(|dedup| dedup.parts().1);
        let templates: [(Option<&str>, &[&str]); 3] =
            [(spec.title.as_deref(), &["title"]), (spec.template.as_deref(), &["template"]), (key, &["dedup", "key"])];
        for (template, path) in templates {
            if let Some(Err(mistake)) = template.map(parse) {
                problems.push(
                    Diagnostic::error(format!("a template of observer `{}` cannot be read", observer.name))
                        .at(observer.locate(path), mistake)
                        .help("templates are minijinja's: `{{ event.message }}`, `{% for event in events %}…{% endfor %}`"),
                );
            }
        }
        let Some(email) = &spec.to.email else { continue };
        let one = |text: &String, path: &[&str], problems: &mut Vec<Diagnostic>| {
            if let Err(mistake) = mailbox(text) {
                problems.push(
                    Diagnostic::error(mistake)
                        .at(observer.locate(path), "no such address")
                        .help("write `alerts@desk.example`, or `assetctl <alerts@desk.example>`"),
                );
            }
        };
        one(&email.from, &["to", "email", "from"], &mut problems);
        for (list, name) in [(Some(&email.to), "to"), (email.cc.as_ref(), "cc")] {
            match list {
                Some(OneOrMany::One(text)) => one(text, &["to", "email", name], &mut problems),
                Some(OneOrMany::Many(texts)) => {
                    for (at, text) in texts.iter().enumerate() {
                        one(text, &["to", "email", name, &at.to_string()], &mut problems);
                    }
                }
                None => {}
            }
        }
    }
    problems
}
