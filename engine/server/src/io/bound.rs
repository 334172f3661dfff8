//! The addresses the process listens on.

use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::http::Purpose;
use super::listener::bind;
use crate::app::AppKey;
use crate::config::{Config, ServerConfig};

/// Listening sockets of every purpose, not yet given to the cores.
pub(super) struct Bound {
    public: Vec<Option<TcpListener>>,
    /// Served by core 0 alone: a scrape asks every core anyway.
    metrics: Option<TcpListener>,
    echo: Vec<Option<TcpListener>>,
}

impl Bound {
    /// Bind all that `config` asks for.
    pub(super) fn new(config: &ServerConfig, cores: usize) -> io::Result<Self> {
        let all = |host, port| -> io::Result<Vec<Option<TcpListener>>> {
            let listeners = bind(SocketAddr::new(host, port), cores)?;
            Ok(listeners.into_iter().map(Some).collect())
        };
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let metrics = match config.metrics_port {
            Some(port) => bind(SocketAddr::new(config.metrics_host, port), 1)?.pop(),
            None => None,
        };
        let echo = match config.test_echo_port {
            Some(port) => all(loopback, port)?,
            None => Vec::new(),
        };
        Ok(Self { public: all(config.host, config.port)?, metrics, echo })
    }

    /// The line that zero-pub-sub's gateway prints when it listens.
    pub(super) fn describe_gateway(&self) -> String {
        let address = self.public[0].as_ref().and_then(|it| it.local_addr().ok());
        let line = |address| format!("[zero-pub-sub] gateway listening on ws://{address}\n");
        address.map(line).unwrap_or_default()
    }

    /// What `core` listens on.
    pub(super) fn take(&mut self, core: usize) -> Vec<(TcpListener, Purpose)> {
        let public = self.public[core].take().map(|it| (it, Purpose::Public));
        let echo = self.echo.get_mut(core).and_then(Option::take).map(|it| (it, Purpose::Echo));
        let metrics = self.metrics.take_if(|_| core == 0).map(|it| (it, Purpose::Metrics));
        [public, echo, metrics].into_iter().flatten().collect()
    }

    /// A line for each address, and for the development app its credentials.
    pub(super) fn describe(&self, config: &Config) -> String {
        let mut lines = String::new();
        let mut line = |name: &str, listener: Option<&TcpListener>| {
            if let Some(address) = listener.and_then(|it| it.local_addr().ok()) {
                let _ = writeln!(lines, "{name} on {address}"); // A string takes every write.
            }
        };
        line("listening", self.public[0].as_ref());
        line("metrics", self.metrics.as_ref());
        line("echo", self.echo.first().and_then(Option::as_ref));
        if config.is_development() {
            let (id, AppKey { key, secret }) = (&config.apps[0].id, config.apps[0].primary());
            let _ = writeln!(lines, "development app id={id} key={key} secret={}", &**secret);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_an_address_of_their_own() {
        let config = ServerConfig {
            host: [127, 0, 0, 2].into(),
            port: 0,
            metrics_port: Some(0),
            ..ServerConfig::default()
        };
        let bound = Bound::new(&config, 1).unwrap();
        let host = |listener: Option<&TcpListener>| listener.unwrap().local_addr().unwrap().ip();
        assert_eq!(host(bound.public[0].as_ref()), config.host);
        assert_eq!(host(bound.metrics.as_ref()), IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
