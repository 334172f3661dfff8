//! Who asks for a signature, for which app, and whether they get it.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use uringcast_dialect::pusher::member_limits;
use uringcast_proto::pusher::auth::sign_channel;
use uringcast_proto::pusher::channel::{ChannelKind, check_channel_name};
use uringcast_proto::pusher::rest::SigningBody;
use uringcast_proto::pusher::signature::Query;
use uringcast_shard::app::{App, AppKey, AuthPolicy};
use uringcast_shard::id::SocketId;

use super::signin::Signin;
use super::webhook::{Question, Wanted};
use super::{Grant, Signing, jwt};
use crate::answer::HttpAnswer;
use crate::error::ApiError;
use crate::head::Asked;
use crate::zintrust::{ZinTrustError, bearer};

/// The head of a request for a signature.
#[derive(Clone)]
pub(super) struct Caller {
    app: Arc<App>,
    /// The app's key that signs.
    key: AppKey,
    /// What shows who the caller is, for JWT and for the app's server.
    token: Option<String>,
    credentials: Vec<(String, String)>,
    now_unix_s: u64,
}

/// Nothing is shown: it has a token, which lets its owner in.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

/// A subscription to be signed, its names valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) app: Arc<App>,
    pub(super) key: AppKey,
    pub(super) socket_id: String,
    pub(super) channel: String,
    pub(super) channel_data: Option<String>,
}

/// Names the app by its key, where several are served.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-app-key");

impl Caller {
    /// Find the app: the one that the request names by key or id, or else the only one.
    pub(super) fn new(asked: &Asked<'_>) -> Result<Self, ApiError> {
        let Asked { apps, head, now_unix_s, .. } = *asked;
        let query = Query::parse(head.query)?;
        let header = head.headers.get(KEY_HEADER).and_then(|value| value.to_str().ok());
        let key = query.value("app_key").or(header);
        let index = match (key, query.value("app_id")) {
            (Some(key), _) => apps.by_key(key).ok_or(ZinTrustError::AuthAppUnknown)?,
            (None, Some(id)) => apps.by_id(id).ok_or(ZinTrustError::AuthAppUnknown)?,
            (None, None) => {
                let mut all = apps.iter();
                match (all.next(), all.next()) {
                    (Some((index, _)), None) => index,
                    _ => return Err(ZinTrustError::AuthAppUnnamed.into()),
                }
            }
        };
        let app = Arc::clone(apps.app(index));
        if !app.policy.enabled {
            return Err(ApiError::AppDisabled);
        }
        Ok(Self {
            key: app.key_or_primary(key.unwrap_or_default()).clone(),
            app,
            token: bearer(head.headers).map(str::to_owned),
            credentials: credentials(head.headers),
            now_unix_s,
        })
    }

    /// Sign a subscription, refuse, or say whom to ask.
    pub(super) fn decide(self, body: &[u8]) -> Result<Signing, ApiError> {
        let SigningBody { socket_id, channel_name, channel_data, .. } = SigningBody::parse(body);
        let (Some(socket_id), Some(channel)) = (socket_id, channel_name) else {
            return Err(ZinTrustError::AuthFields.into());
        };
        // What is signed joins these by colons, so neither may have one of its own.
        let socket_id = socket_id.parse::<SocketId>()?.to_string();
        let kind = check_channel_name(&channel)?;
        if !kind.needs_auth() {
            return Err(ZinTrustError::Forbidden.into());
        }
        let Self { app, key, token, credentials, now_unix_s, .. } = self;
        let subscription = Subscription { app, key, socket_id, channel, channel_data };
        let app = Arc::clone(&subscription.app);
        match &app.auth {
            AuthPolicy::Deny => Err(ZinTrustError::Forbidden.into()),
            AuthPolicy::AllowAll => Ok(subscription.with_anybody(kind).signed()),
            AuthPolicy::Jwt(key) => {
                let claims = token.and_then(|token| jwt::claims(key, &token, now_unix_s));
                let claims = claims.ok_or(ZinTrustError::Forbidden)?;
                Ok(claims.allow(subscription, kind, member_limits(&app.policy))?.signed())
            }
            AuthPolicy::Webhook(url) => {
                let wanted = Wanted::Subscription(subscription);
                Ok(Signing::Consult(Box::new(Question::new(url.clone(), wanted, credentials))))
            }
        }
    }

    /// Sign a user, refuse, or say whom to ask.
    pub(super) fn decide_signin(self, body: &[u8]) -> Result<Signing, ApiError> {
        let fields = SigningBody::parse(body);
        let socket_id = fields.socket_id.ok_or(ZinTrustError::UserAuthFields)?;
        let socket_id = socket_id.parse::<SocketId>()?.to_string();
        let Self { app, key, token, credentials, now_unix_s, .. } = self;
        let signin = Signin { app: Arc::clone(&app), key, socket_id, user_data: fields.user_data };
        let signin = match &app.auth {
            AuthPolicy::Deny => return Err(ZinTrustError::Forbidden.into()),
            AuthPolicy::AllowAll => signin.with_anybody(),
            AuthPolicy::Jwt(key) => {
                let claims = token.and_then(|token| jwt::claims(key, &token, now_unix_s));
                signin.with_claims(&claims.ok_or(ZinTrustError::Forbidden)?)?
            }
            AuthPolicy::Webhook(url) => {
                let wanted = Wanted::Signin(signin);
                let question = Question::new(url.clone(), wanted, credentials);
                return Ok(Signing::Consult(Box::new(question)));
            }
        };
        Ok(Signing::Granted(signin.signed(None).expect("all of these say who it is")))
    }
}

impl Subscription {
    /// On presence channels somebody must be there: the socket itself, if no one else is named.
    fn with_anybody(mut self, kind: ChannelKind) -> Self {
        if kind == ChannelKind::Presence && self.channel_data.is_none() {
            self.channel_data = Some(format!(r#"{{"user_id":"{}"}}"#, self.socket_id));
        }
        self
    }

    fn signed(self) -> Signing {
        Signing::Granted(self.signed_with(None))
    }

    /// The answer, with `auth` if somebody else has signed.
    pub(super) fn signed_with(&self, auth: Option<String>) -> HttpAnswer {
        let AppKey { key, secret } = &self.key;
        let channel_data = self.channel_data.as_deref();
        let own = || sign_channel(key, secret, &self.socket_id, &self.channel, channel_data);
        Grant { auth: auth.unwrap_or_else(own), channel_data }.answer()
    }
}

/// The headers that show an application's server who its user is.
fn credentials(headers: &HeaderMap) -> Vec<(String, String)> {
    let named = [AUTHORIZATION, COOKIE].into_iter().filter_map(|name| {
        let value = headers.get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    named.collect()
}
