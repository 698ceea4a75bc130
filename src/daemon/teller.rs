//! How what goes on beside the runs is told.

use tokio::sync::mpsc::UnboundedSender;

use crate::event::Event;
use crate::work::Message;

/// Tells whoever listens to the daemon of what happens beside its runs.
#[derive(Debug, Clone)]
pub struct Teller(pub(crate) UnboundedSender<Message>);

impl Teller {
    pub fn tell(&self, event: Event) {
        // Where the loop is gone nobody needs to know.
        let _ = self.0.send(Message::Happened(Box::new(event)));
    }
}
