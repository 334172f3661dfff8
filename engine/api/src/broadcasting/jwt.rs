//! Bearer tokens that say who a user is and which channels are theirs.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use uringcast_proto::pusher::channel::ChannelKind;
use uringcast_proto::pusher::presence::{Member, MemberLimits};
use uringcast_shard::app::{JwtKey, is_match};

use super::caller::Subscription;
use crate::zintrust::ZinTrustError;

/// Seconds by which the clocks of two servers may differ, as JWT libraries have it.
const CLOCK_SKEW_S: f64 = 60.0;

/// What a token says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    /// The user: a string or a number.
    sub: Option<Value>,
    /// Patterns of channels, `*` for any run of characters.
    #[serde(default)]
    channels: Vec<String>,
    /// What other members of a presence channel are told.
    pub(super) user_info: Option<Value>,
    /// Users whose coming and going this one may hear of, once it has signed in.
    pub(super) watchlist: Option<Value>,
    /// Seconds since 1970. A token without an end would be good for ever and is refused.
    exp: f64,
    #[serde(default)]
    nbf: f64,
}

/// The claims of `token`, if it is signed with `key` and of now.
#[expect(clippy::cast_precision_loss, reason = "seconds stay exact for 285 million years")]
pub(super) fn claims(key: &JwtKey, token: &str, now_unix_s: u64) -> Option<Claims> {
    let (algorithm, key) = match key {
        JwtKey::Hs256(secret) => (Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes())),
        JwtKey::Rs256(pem) => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?),
    };
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false; // By our caller's clock, below.
    validation.validate_aud = false; // Who the token is for is a matter of its key.
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    let now = now_unix_s as f64;
    let is_current = now < claims.exp + CLOCK_SKEW_S && claims.nbf <= now + CLOCK_SKEW_S;
    is_current.then_some(claims)
}

impl Claims {
    /// The user, if the token has one.
    pub(super) fn user_id(&self) -> Option<String> {
        match self.sub.as_ref()? {
            Value::String(user_id) => Some(user_id.clone()).filter(|user_id| !user_id.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// `subscription` as this user may have it.
    ///
    /// A presence channel's member is the token's user: `channel_data` may name no other.
    pub(super) fn allow(
        &self,
        mut subscription: Subscription,
        kind: ChannelKind,
        limits: MemberLimits,
    ) -> Result<Subscription, ZinTrustError> {
        if !self.channels.iter().any(|pattern| is_match(pattern, &subscription.channel)) {
            return Err(ZinTrustError::Forbidden);
        }
        if kind != ChannelKind::Presence {
            return Ok(subscription);
        }
        let user_id = self.user_id().ok_or(ZinTrustError::Forbidden)?;
        if let Some(data) = &subscription.channel_data {
            let member = Member::parse(data, limits).map_err(|_| ZinTrustError::Forbidden)?;
            if member.user_id != user_id {
                return Err(ZinTrustError::Forbidden);
            }
        } else {
            let mut member = json!({ "user_id": user_id });
            if let Some(user_info) = &self.user_info {
                member["user_info"] = user_info.clone();
            }
            subscription.channel_data = Some(member.to_string());
        }
        Ok(subscription)
    }
}
