//! Plans are executed here: batches, checks, commits, events. Nothing here prints.
//!
//! [`observe`]: what sources' files hold now, [`asked`]: what others are to be asked for · [`dispatch`]: assets in order of their inputs, several at once · [`asset`]: one asset,
//! batch by batch · [`kinds`]: one small trait, one file per kind of asset · [`checks`] · [`event`]: what happened, for whoever
//! shows it · [`judge`]: what a failed check means for the rest · [`fresh`]: assets whose newest session is too old · [`cancel`] · [`lanes`]: the
//! instruments that changed · [`audit`]: partitions made once more, and compared · [`known`]: sources as they were known at an instant

mod asked;
mod asset;
mod audit;
mod batch;
mod cancel;
mod checks;
mod dispatch;
mod event;
#[cfg(test)]
mod fetched_tests;
mod fresh;
mod judge;
mod kinds;
mod known;
mod lanes;
#[cfg(test)]
mod law_tests;
mod observe;
mod usage;

pub use asked::{Fetchers, fetchers};
pub use audit::{AuditFinding, Audited, audit};
pub use cancel::Cancel;
pub use checks::{Rechecked, recheck};
pub use dispatch::{Options, RunError, Work, materialize, note_clean};
pub use event::{AssetReport, AssetStatus, RunEvent, RunReport};
pub use fresh::{Late, judge_freshness};
pub use known::take_over;
pub use observe::{FileSchemas, ObserveError, Sources, copied, file_source, observe};
