//! Which app a bearer token speaks for.

use http::HeaderMap;
use uringcast_proto::pusher::auth::verify_secret;

use super::super::zintrust::bearer;
use super::error::ZpsError;
use crate::app::Apps;
use crate::id::AppIndex;
use crate::rest::RestError;

/// The app with the secret that a request came with.
///
/// Every secret of every app is compared, each in a time that does not depend on where it differs.
/// A secret of several apps is nobody's: one of them would get what is meant for another.
pub(in super::super) fn app_of(apps: &Apps, headers: &HeaderMap) -> Result<AppIndex, RestError> {
    let token = bearer(headers).ok_or(ZpsError::SecretMissing)?;
    let mut found = None;
    for (index, app) in apps.iter() {
        let is_its =
            app.keys.iter().fold(false, |is_its, key| is_its | verify_secret(&key.secret, token));
        if is_its && found.replace(index).is_some() {
            return Err(ZpsError::SecretShared.into());
        }
    }
    let index = found.ok_or(ZpsError::SecretUnknown)?;
    if apps.app(index).policy.enabled { Ok(index) } else { Err(RestError::AppDisabled) }
}
