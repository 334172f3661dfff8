//! Who may connect: every check between a websocket's handshake and its first message.
//!
//! A refusal is a websocket, too: the handshake is completed, `pusher:error` says why and the close
//! frame carries the same code, because clients act on codes and would take an HTTP status for an
//! outage to try again after. Only the rate of one address is checked before that, at its cheapest.
//!
//! Nothing here does I/O or reads a clock: addresses and times come in as arguments.

mod ip_rate;
mod origin;
mod proxy;
mod request;

pub use ip_rate::IpRate;
#[cfg(test)]
use proxy::private_networks;
pub use proxy::{client_address, is_trusted};
pub use request::Request;

use core::net::IpAddr;

use ipnet::IpNet;

use crate::app::{App, Apps};
use crate::dialect::Refused;
use crate::dialect::pusher::{check_version, socket_key};
use crate::dialect::zps::{StreamPath, ZpsPath};
use crate::id::AppIndex;

/// What the operator decides about every connection; what an app decides is its policy.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionRules<'a> {
    /// `server.trusted_proxies`.
    pub trusted_proxies: &'a [IpNet],
    /// `server.socket_path`: what an app's path may begin with, besides `/app`.
    pub socket_path: &'a str,
    /// `connection.protocol_required`.
    pub is_protocol_required: bool,
    /// `zps.app`; `None` where `zps.enabled` is off.
    pub zps_app: Option<&'a str>,
    /// `zps.sse_path`.
    pub sse_path: &'a str,
}

impl AdmissionRules<'_> {
    /// The path of zero-pub-sub that `request` is for; `None` if it is for another protocol.
    pub fn zps_path(&self, request: &Request) -> Option<ZpsPath> {
        self.zps_app?;
        ZpsPath::parse(&request.target)
    }

    /// The stream at `path`, which has no query; `None` if there is none.
    pub fn stream_path(&self, path: &str) -> Option<StreamPath> {
        self.zps_app?;
        StreamPath::parse(self.sse_path, path)
    }

    /// The id of the app at zero-pub-sub's `/`; empty for the first one.
    fn root_app(&self) -> &str {
        self.zps_app.unwrap_or_default()
    }
}

/// Find the app that `request` from `peer` wants to connect to, and check all that one look tells.
///
/// What depends on who else is connected is the shard's to check.
pub fn admit(
    apps: &Apps,
    rules: &AdmissionRules<'_>,
    peer: IpAddr,
    request: &Request,
) -> Result<AppIndex, Refused> {
    let index = match rules.zps_path(request) {
        Some(path) => path.app(apps, rules.root_app()).ok_or(Refused::KeyUnknown)?,
        None => admit_key(apps, rules, request)?,
    };
    check_app(apps.app(index), rules, peer, request)?;
    Ok(index)
}

/// Find the app whose stream of server-sent events `request` from `peer` wants at `path`, and check
/// all that one look tells.
pub fn admit_stream(
    apps: &Apps,
    rules: &AdmissionRules<'_>,
    peer: IpAddr,
    path: &StreamPath,
    request: &Request,
) -> Result<AppIndex, Refused> {
    let index = path.app(apps, rules.root_app()).ok_or(Refused::KeyUnknown)?;
    check_app(apps.app(index), rules, peer, request)?;
    Ok(index)
}

fn admit_key(
    apps: &Apps,
    rules: &AdmissionRules<'_>,
    request: &Request,
) -> Result<AppIndex, Refused> {
    let key = socket_key(rules.socket_path, &request.target).ok_or(Refused::PathUnknown)?;
    let index = apps.by_key(&key).ok_or(Refused::KeyUnknown)?;
    check_version(request.query(), rules.is_protocol_required)?;
    Ok(index)
}

fn check_app(
    app: &App,
    rules: &AdmissionRules<'_>,
    peer: IpAddr,
    request: &Request,
) -> Result<(), Refused> {
    if !app.policy.enabled {
        return Err(Refused::AppDisabled);
    }
    if app.policy.force_tls && !proxy::came_over_tls(rules.trusted_proxies, peer, request) {
        return Err(Refused::TlsRequired);
    }
    if !origin::are_allowed(&app.origins, &request.origins) {
        return Err(Refused::Origin);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
