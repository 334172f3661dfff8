//! Bearer tokens: who signed them, and which rooms they open.
//!
//! The claim `rooms` lists patterns, `*` for any run of characters: each opens its rooms for all
//! that can be done, or as `{"room": "chat:*", "actions": ["subscribe", "replay", "ack"]}` for some
//! of it. A token without an end would be good for ever and is refused.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uringcast_shard::app::is_match;

use super::access::RoomAction;

/// Seconds by which the clocks of two servers may differ, as JWT libraries have it.
const CLOCK_SKEW_S: f64 = 60.0;

/// Keys that tokens may be signed with.
#[derive(Clone, Default)]
pub struct Verifier {
    keys: Vec<Signer>,
}

#[derive(Clone)]
struct Signer {
    /// Only tokens that name it are checked with it; `None` is for all.
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.keys.len())
    }
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, or not of an RSA key.
    #[error("it is no public RSA key in PEM")]
    Pem,
    /// Not a key set, or one without keys.
    #[error("it is no JSON Web Key Set with at least one key")]
    KeySet,
    /// A key of the set is of a kind that is not supported: RSA and symmetric keys are.
    #[error("key {0} is neither for RS256, RS384, RS512 nor for HS256")]
    Kind(usize),
}

impl Verifier {
    /// Take HS256 tokens with `secret`.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        let key = DecodingKey::from_secret(secret.as_bytes());
        self.keys.push(Signer { id: None, algorithm: Algorithm::HS256, key });
        self
    }

    /// Take RS256 tokens with the public key `pem`.
    pub fn with_pem(mut self, pem: &str) -> Result<Self, KeyError> {
        let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        self.keys.push(Signer { id: None, algorithm: Algorithm::RS256, key });
        Ok(self)
    }

    /// Take tokens with the keys of the JSON Web Key Set `json`.
    pub fn with_key_set(mut self, json: &str) -> Result<Self, KeyError> {
        let set: JwkSet = serde_json::from_str(json).map_err(|_| KeyError::KeySet)?;
        if set.keys.is_empty() {
            return Err(KeyError::KeySet);
        }
        for (index, jwk) in set.keys.iter().enumerate() {
            let algorithm = algorithm(jwk).ok_or(KeyError::Kind(index))?;
            let key = DecodingKey::from_jwk(jwk).map_err(|_| KeyError::Kind(index))?;
            self.keys.push(Signer { id: jwk.common.key_id.clone(), algorithm, key });
        }
        Ok(self)
    }

    /// The claims of `token`, if one of the keys has signed it and it is of now.
    #[expect(clippy::cast_precision_loss, reason = "seconds stay exact for 285 million years")]
    pub fn verify(&self, token: &str, now_unix_s: u64) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let is_meant = |key: &&Signer| {
            key.algorithm == header.alg && (key.id.is_none() || key.id == header.kid)
        };
        let decode = |key: &Signer| {
            let mut validation = Validation::new(key.algorithm);
            validation.required_spec_claims.clear();
            validation.validate_exp = false; // By our caller's clock, below.
            validation.validate_aud = false; // Who the token is for is a matter of its key.
            jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok()
        };
        let claims = self.keys.iter().filter(is_meant).find_map(decode)?.claims;
        let now = now_unix_s as f64;
        let is_current = now_unix_s < claims.end_unix_s() && claims.nbf <= now + CLOCK_SKEW_S;
        is_current.then_some(claims)
    }
}

/// What a key of a set is for; RSA keys are often not marked.
const fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    match (jwk.common.key_algorithm, &jwk.algorithm) {
        (Some(KeyAlgorithm::RS256) | None, AlgorithmParameters::RSA(_)) => Some(Algorithm::RS256),
        (Some(KeyAlgorithm::RS384), AlgorithmParameters::RSA(_)) => Some(Algorithm::RS384),
        (Some(KeyAlgorithm::RS512), AlgorithmParameters::RSA(_)) => Some(Algorithm::RS512),
        (Some(KeyAlgorithm::HS256) | None, AlgorithmParameters::OctetKey(_)) => {
            Some(Algorithm::HS256)
        }
        _ => None,
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claims {
    #[serde(default)]
    rooms: Vec<Grant>,
    /// Seconds since 1970.
    exp: f64,
    #[serde(default)]
    nbf: f64,
    /// Whose token it is; empty if it does not say.
    #[serde(default, deserialize_with = "name")]
    sub: String,
}

/// A name, which some write as a number. What is neither is no name.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    })
}

/// Rooms that a token opens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Grant {
    Everything(String),
    Some { room: String, actions: Vec<String> },
}

impl Claims {
    /// Whose token it is, if it says so.
    pub(super) fn sub(&self) -> Option<&str> {
        Some(&*self.sub).filter(|sub| !sub.is_empty())
    }

    /// The second since 1970 from which on the token is good for nothing, by any server's clock.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub fn end_unix_s(&self) -> u64 {
        (self.exp + CLOCK_SKEW_S).ceil() as u64
    }

    /// Whether they allow to do `action` with the room called `name`.
    pub fn allow(&self, name: &str, action: RoomAction) -> bool {
        self.rooms.iter().any(|grant| match grant {
            Grant::Everything(pattern) => is_match(pattern, name),
            Grant::Some { room, actions } => {
                is_match(room, name) && actions.iter().any(|it| it == action.name())
            }
        })
    }
}
