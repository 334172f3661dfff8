//! What a proxy says about the client behind it, and whether it is believed.

use core::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::request::Request;

/// Whether `address` is that of a trusted proxy.
pub fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

/// The client that `peer` speaks for: `peer` itself unless it is a trusted proxy, else the last
/// address of `X-Forwarded-For` that is none.
///
/// Each proxy appends the address that it was asked from, so everything before the last untrusted
/// address is that client's own word. Text that is no address ends the search at the proxy that
/// passed it on.
pub fn client_address(proxies: &[IpNet], peer: IpAddr, request: &Request) -> IpAddr {
    let mut client = peer.to_canonical();
    let hops = request.forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops {
        if !is_trusted(proxies, client) {
            break;
        }
        let Some(address) = address(hop.trim()) else { break };
        client = address.to_canonical();
    }
    client
}

/// Whether the client's own connection was encrypted, as a trusted proxy says. Its first word
/// counts: with several proxies that is the client's side.
pub(super) fn came_over_tls(proxies: &[IpNet], peer: IpAddr, request: &Request) -> bool {
    let said = request.forwarded_proto.as_deref().unwrap_or_default();
    let first = said.split(',').next().unwrap_or_default().trim();
    let is_tls = first.eq_ignore_ascii_case("https") || first.eq_ignore_ascii_case("wss");
    is_tls && is_trusted(proxies, peer)
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()))
}

/// Loopback and the private ranges (RFC 1918, RFC 4193), as many operators would name them.
#[cfg(test)]
pub(super) fn private_networks() -> Vec<IpNet> {
    let networks =
        ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"];
    networks.map(|network| network.parse().expect("the texts above are networks")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(forwarded_for: &[&str], proto: Option<&str>) -> Request {
        Request {
            forwarded_for: forwarded_for.iter().map(ToString::to_string).collect(),
            forwarded_proto: proto.map(str::to_owned),
            ..Request::default()
        }
    }

    fn check(peer: &str, forwarded_for: &[&str], expected: &str) {
        let request = request(forwarded_for, None);
        let found = client_address(&private_networks(), peer.parse().unwrap(), &request);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded_for:?}");
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_says() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9");
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1, 10.0.0.7"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1, 198.51.100.1,10.0.0.7 , 172.16.0.1"], "198.51.100.1");
        check("10.0.0.1", &["192.0.2.1", "198.51.100.1", "10.0.0.7"], "198.51.100.1");
    }

    #[test]
    fn addresses_come_with_ports_and_brackets() {
        check("10.0.0.1", &["198.51.100.1:5001"], "198.51.100.1");
        check("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1");
        check("10.0.0.1", &["2001:db8::1"], "2001:db8::1");
    }

    #[test]
    fn where_all_are_trusted_the_first_is_the_client() {
        check("10.0.0.1", &["192.168.1.20, 10.0.0.7"], "192.168.1.20");
        check("10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        check("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1, _hidden, 10.0.0.7"], "10.0.0.7");
        check("10.0.0.1", &[""], "10.0.0.1");
    }

    #[test]
    fn tls_is_what_a_trusted_proxy_says() {
        let is_tls = |peer: &str, proto: Option<&str>| {
            came_over_tls(&private_networks(), peer.parse().unwrap(), &request(&[], proto))
        };
        for proto in ["https", "HTTPS", "wss", " https , http"] {
            assert!(is_tls("127.0.0.1", Some(proto)), "{proto}");
            assert!(!is_tls("203.0.113.9", Some(proto)), "{proto} from a stranger");
        }
        for proto in [None, Some(""), Some("http"), Some("http, https"), Some("httpss")] {
            assert!(!is_tls("127.0.0.1", proto), "{proto:?}");
        }
    }

    #[test]
    fn the_edges_of_the_private_ranges_are_trusted_and_their_neighbours_are_not() {
        let networks = private_networks();
        let trusted = |text: &str| is_trusted(&networks, text.parse().unwrap());
        for address in
            ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "::1", "fd00::1"]
        {
            assert!(trusted(address), "{address}");
        }
        for address in
            ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "::2", "fe00::"]
        {
            assert!(!trusted(address), "{address}");
        }
    }
}
