//! Which server, and as which application.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// A server's address, from a URL such as `ws://127.0.0.1:6001`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// `host:port` as the `Host` header needs it.
    pub authority: String,
    /// Where to connect.
    pub address: SocketAddr,
    /// Path in front of `/app/...` and `/apps/...`: empty, or starting with a slash.
    pub prefix: String,
}

/// Why a text is not an [`Endpoint`].
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Neither `ws://` nor `http://`: the load speaks no TLS.
    #[error("expected ws://HOST:PORT, without TLS")]
    Scheme,
    /// The host has no address.
    #[error("no address for {0}")]
    Unresolved(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let rest = url.strip_prefix("ws://").or_else(|| url.strip_prefix("http://"));
        let rest = rest.ok_or(EndpointError::Scheme)?;
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = match authority.rsplit_once(':') {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:80"),
        };
        let address = authority.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        let address = address.ok_or_else(|| EndpointError::Unresolved(authority.clone()))?;
        Ok(Self { authority, address, prefix: prefix.trim_end_matches('/').to_owned() })
    }
}

/// An application's credentials, written `id:key:secret`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct App {
    /// The id in HTTP paths.
    pub id: String,
    /// The public key in the websocket path and in signatures.
    pub key: String,
    /// The secret that signs.
    pub secret: String,
}

/// A text that is not `id:key:secret`.
#[derive(Debug, thiserror::Error)]
#[error("expected ID:KEY:SECRET")]
pub struct AppError;

impl FromStr for App {
    type Err = AppError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split(':').collect::<Vec<_>>()[..] {
            [id, key, secret] if ![id, key, secret].contains(&"") => {
                Ok(Self { id: id.to_owned(), key: key.to_owned(), secret: secret.to_owned() })
            }
            _ => Err(AppError),
        }
    }
}

impl std::fmt::Display for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.id, self.key, self.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> (String, String, String) {
        let endpoint: Endpoint = url.parse().unwrap();
        (endpoint.authority, endpoint.address.to_string(), endpoint.prefix)
    }

    fn expected(authority: &str, address: &str, prefix: &str) -> (String, String, String) {
        (authority.to_owned(), address.to_owned(), prefix.to_owned())
    }

    #[test]
    fn a_url_gives_address_and_prefix() {
        let plain = expected("127.0.0.1:6001", "127.0.0.1:6001", "");
        assert_eq!(endpoint("ws://127.0.0.1:6001"), plain);
        assert_eq!(endpoint("http://127.0.0.1:6001/"), plain);
        assert_eq!(endpoint("ws://127.0.0.1"), expected("127.0.0.1:80", "127.0.0.1:80", ""));
        let prefixed = expected("127.0.0.1:80", "127.0.0.1:80", "/a/b");
        assert_eq!(endpoint("ws://127.0.0.1:80/a/b/"), prefixed);
    }

    #[test]
    fn tls_and_nonsense_are_refused() {
        for url in ["wss://127.0.0.1:1", "127.0.0.1:6001", "ws://127.0.0.1:notaport"] {
            assert!(url.parse::<Endpoint>().is_err(), "{url}");
        }
    }

    #[test]
    fn an_app_has_three_parts() {
        let app: App = "app-id:app-key:app-secret".parse().unwrap();
        assert_eq!((&*app.id, &*app.key, &*app.secret), ("app-id", "app-key", "app-secret"));
        assert_eq!(app.to_string(), "app-id:app-key:app-secret");
        for text in ["", "a:b", "a::c", "a:b:c:d"] {
            assert!(text.parse::<App>().is_err(), "{text}");
        }
    }
}
