//! Who sends a request: whether it is the app's own server.
//!
//! This is a step of its own, between finding the app and reading what is wanted, so that another
//! way to prove the same needs no other change than a [`Proof`].

use std::sync::Arc;

use uringcast_proto::pusher::signature::{self, Query, SignatureError, Verified};
use uringcast_shard::app::{App, AppKey, Apps};
use uringcast_shard::id::AppIndex;

use super::error::ApiError;
use super::head::{Head, decode};
use super::zintrust::{ZinTrustError, is_publish_secret};

/// A request of somebody who may act for an app.
#[derive(Clone, Debug)]
pub(super) struct Authenticated {
    pub(super) index: AppIndex,
    pub(super) app: Arc<App>,
    proof: Proof,
}

/// What was shown, and what of it is still open.
#[derive(Clone, Debug)]
enum Proof {
    /// A signature over the head, which names the body's digest.
    Signature(Verified),
    /// The app's publish secret, on a connection that nobody else can read.
    Secret,
}

impl Authenticated {
    /// Check that a request to the app at `index` is signed with one of its keys.
    pub(super) fn by_signature(
        apps: &Apps,
        index: AppIndex,
        head: &Head<'_>,
        query: &Query<'_>,
        now_unix_s: u64,
    ) -> Result<Self, ApiError> {
        let app = apps.app(index);
        let named = query.value("auth_key").unwrap_or_default();
        if apps.by_key(named).is_some_and(|it| it != index) {
            return Err(ApiError::OtherApp);
        }
        let AppKey { key, secret } = app.key_or_primary(named);
        let window_s = app.policy.signature_window_s.into();
        let verify = |path: &str| {
            signature::verify(head.method, path, query, key, secret, now_unix_s, window_s)
        };
        // Many libraries sign a path as they build it, and their HTTP clients escape it later.
        let verified = match verify(head.path) {
            Err(SignatureError::Signature) if head.path.contains('%') => {
                verify(&decode(head.path)?)?
            }
            verified => verified?,
        };
        if !app.policy.enabled {
            return Err(ApiError::AppDisabled);
        }
        Ok(Self { index, app: Arc::clone(app), proof: Proof::Signature(verified) })
    }

    /// Check that a request to the app at `index` has its publish secret.
    pub(super) fn by_secret(apps: &Apps, index: AppIndex, secret: &str) -> Result<Self, ApiError> {
        let app = apps.app(index);
        if !is_publish_secret(app, secret) {
            return Err(ZinTrustError::Secret.into());
        }
        if !app.policy.enabled {
            return Err(ApiError::AppDisabled);
        }
        Ok(Self { index, app: Arc::clone(app), proof: Proof::Secret })
    }

    /// Check that the body belongs to the request.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), ApiError> {
        match &self.proof {
            Proof::Signature(verified) => Ok(signature::check_body(verified, body)?),
            Proof::Secret => Ok(()),
        }
    }
}
