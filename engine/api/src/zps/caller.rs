//! Which app a bearer token speaks for.

use uringcast_proto::pusher::auth::verify_secret;
use uringcast_shard::id::AppIndex;

use super::body::Limits;
use super::error::ZpsError;
use crate::error::ApiError;
use crate::head::Asked;
use crate::zintrust::bearer;

/// The app with the secret that a request came with, and its limits.
///
/// Every secret of every app is compared, each in a time that does not depend on where it differs.
/// A secret of several apps is nobody's: one of them would get what is meant for another.
pub(super) fn app_of(asked: &Asked<'_>) -> Result<(AppIndex, Limits), ApiError> {
    let apps = asked.apps;
    let token = bearer(asked.head.headers).ok_or(ZpsError::SecretMissing)?;
    let mut found = None;
    for (index, app) in apps.iter() {
        let is_its =
            app.keys.iter().fold(false, |is_its, key| is_its | verify_secret(&key.secret, token));
        if is_its && found.replace(index).is_some() {
            return Err(ZpsError::SecretShared.into());
        }
    }
    let index = found.ok_or(ZpsError::SecretUnknown)?;
    let policy = &apps.app(index).policy;
    if policy.enabled { Ok((index, Limits::of(policy))) } else { Err(ApiError::AppDisabled) }
}
