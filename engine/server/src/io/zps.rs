//! The rules of zero-pub-sub connections, with the keys of tokens read from their files.

use std::fs;
use std::io;

use uringcast_proto::zps::Provider;

use crate::config::{Config, ZpsConfig};
use crate::dialect::zps::{Access, KeyError, RoomAuthLimits, RoomRules, Verifier};

/// What `config` says, once for all cores.
///
/// # Errors
/// If a file with keys cannot be read or used.
pub(super) fn rules(config: &Config) -> io::Result<RoomRules> {
    let provider = Provider(config.log.provider());
    let config = &config.zps;
    let scopes = config.scopes.split(',').filter(|scope| !scope.is_empty());
    let access = Access {
        verifier: verifier(config)?,
        scopes: scopes.map(Box::from).collect(),
        is_open: config.authorize == "open",
        is_app_key_good: config.app_key_opens_rooms,
        must_match_sub: config.subscriber_must_match_sub,
    };
    Ok(RoomRules {
        provider,
        access,
        room_auth: RoomAuthLimits {
            cache_ttl_ms: config.authorize_cache_ttl_ms.into(),
            cache_entries_max: config.authorize_cache_entries_max as usize,
            in_flight_max: config.authorize_in_flight_max as usize,
        },
    })
}

/// `None` if there is no key for tokens at all.
fn verifier(config: &ZpsConfig) -> io::Result<Option<Verifier>> {
    let ZpsConfig { jwt_secret, jwt_public_key_file, jwks_file, .. } = config;
    if jwt_secret.is_empty() && jwt_public_key_file.is_none() && jwks_file.is_none() {
        return Ok(None);
    }
    let mut verifier = Verifier::default();
    if !jwt_secret.is_empty() {
        verifier = verifier.with_secret(jwt_secret);
    }
    if let Some(path) = jwt_public_key_file {
        let key = "zps.jwt_public_key_file";
        verifier = read(key, path, |pem| verifier.with_pem(pem))?;
    }
    if let Some(path) = jwks_file {
        verifier = read("zps.jwks_file", path, |json| verifier.with_key_set(json))?;
    }
    Ok(Some(verifier))
}

fn read(
    key: &str,
    path: &str,
    take: impl FnOnce(&str) -> Result<Verifier, KeyError>,
) -> io::Result<Verifier> {
    let failed = |reason: String| io::Error::other(format!("{key} = {path:?}: {reason}"));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    take(&text).map_err(|error| failed(error.to_string()))
}
