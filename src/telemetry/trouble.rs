//! What goes wrong, said once.

use std::sync::{Arc, Mutex, PoisonError};

/// Says something to the people who look after the program.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether something works: it is said when it stops doing so, and when it does again.
pub(crate) struct Trouble {
    /// What is done: "sending traces to `https://…`".
    doing: String,
    tell: Tell,
    broken: Mutex<bool>,
}

impl Trouble {
    pub fn new(doing: String, tell: Tell) -> Self {
        Self { doing, tell, broken: Mutex::new(false) }
    }

    pub fn failed(&self, why: &str) {
        if !self.was_broken(true) {
            (self.tell)(&format!(
                "{}: {why}; runs are not touched by it, and it is not said again until it works",
                self.doing
            ));
        }
    }

    pub fn works(&self) {
        if self.was_broken(false) {
            (self.tell)(&format!("{}: it works again", self.doing));
        }
    }

    fn was_broken(&self, is_broken: bool) -> bool {
        std::mem::replace(&mut *self.broken.lock().unwrap_or_else(PoisonError::into_inner), is_broken)
    }
}

impl std::fmt::Debug for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Said;

    #[test]
    fn trouble_is_said_once_and_its_end_too() {
        let said = Said::default();
        let trouble = Trouble::new("sending".to_owned(), said.tell());
        trouble.works();
        trouble.failed("no answer");
        trouble.failed("no answer");
        trouble.works();
        trouble.works();
        trouble.failed("gone");
        let all = said.all();
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all[0].starts_with("sending: no answer;") && all[1] == "sending: it works again" && all[2].contains("gone")
        );
    }
}
