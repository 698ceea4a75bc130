//! Which assets have to be asked for, and whom.

use assetctl_config::{Asset, Diagnostic, Kind};

use crate::database::Database;
use crate::fetch::Fetch;
use crate::http;

/// Who is asked for the rows of an asset; `None` for an asset that is read from files, or computed. Asks nobody and reads no secret, so
/// that a configuration can be checked where there are none.
///
/// # Errors
/// What the asset declares of its vendor cannot be: templates, paths, units. Each with its place.
pub fn fetcher(asset: &Asset) -> Result<Option<Box<dyn Fetch>>, Vec<Diagnostic>> {
    match &asset.kind {
        Kind::Source(spec) => match (spec.database.engine(), &spec.http) {
            (Some(engine), _) => Ok(Some(Box::new(Database::new(asset, spec, engine)?))),
            (None, Some(vendor)) => Ok(Some(Box::new(http::Vendor::new(asset, vendor)?))),
            (None, None) => Ok(None),
        },
        Kind::Table(_)
        | Kind::AsOf(_)
        | Kind::Complete(_)
        | Kind::Indicators(_)
        | Kind::Scores(_)
        | Kind::Resample(_)
        | Kind::Signals(_)
        | Kind::Sql(_)
        | Kind::Exec(_) => Ok(None),
    }
}
