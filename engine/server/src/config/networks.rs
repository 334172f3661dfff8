//! Lists of networks.

use std::net::IpAddr;
use std::ops::Deref;

use ipnet::IpNet;

use crate::setting::{Setting, Value};

/// The most networks of one setting: each is compared with the address of each new connection.
pub(super) const NETWORKS_MAX: usize = 64;

/// Addresses and networks between commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Deref for Networks {
    type Target = [IpNet];

    fn deref(&self) -> &[IpNet] {
        &self.0
    }
}

impl Setting for Networks {
    fn value(&self) -> Value {
        let networks: Vec<_> = self.iter().map(ToString::to_string).collect();
        Value::Text(networks.join(", "))
    }

    fn set(&mut self, value: Value) -> bool {
        let Value::Text(text) = value else { return false };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let networks = items.map(network).collect::<Option<Vec<_>>>();
        let networks = networks.filter(|it| it.len() <= NETWORKS_MAX);
        networks.map(|networks| self.0 = networks).is_some()
    }
}

/// A network, or one address as a network of its own.
fn network(text: &str) -> Option<IpNet> {
    let whole = text.parse::<IpAddr>().map(IpNet::from).ok();
    whole.or_else(|| text.parse().ok()).map(|network| network.trunc())
}
