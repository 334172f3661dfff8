//! What a server says of itself, over HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::socket::connect;

/// The counters of `GET /health` of a zero-pub-sub server, or `None` where it has no such page;
/// `secret` opens it.
pub fn metrics(endpoint: &Endpoint, secret: &str) -> Option<Value> {
    let Endpoint { authority, prefix, .. } = endpoint;
    let request = format!(
        "GET {prefix}/health HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Authorization: Bearer {secret}\r\n\r\n"
    );
    let body = body(endpoint.address, &request).ok()?;
    let mut page: Value = serde_json::from_str(&body).ok()?;
    page.get_mut("metrics").map(Value::take)
}

/// The sum of the metric `name` over all its labels, from the page of `address` that Prometheus
/// reads, or `None` where there is no such page or metric.
pub fn metric(address: SocketAddr, name: &str) -> Option<u64> {
    let request = "GET /metrics HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n";
    sum(&body(address, request).ok()?, name)
}

fn sum(page: &str, name: &str) -> Option<u64> {
    let samples = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with(['{', ' ']);
        rest.rsplit_once(' ').filter(|_| is_it)?.1.parse::<u64>().ok()
    });
    samples.reduce(|sum, value| sum + value)
}

/// The body of what comes back until the server closes.
fn body(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = connect::dial(address, 0)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let head = answer.find("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(answer.split_off(head + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_sum_over_its_labels() {
        let page =
            "# HELP a_total a\na_total{core=\"0\"} 2\na_total{core=\"1\"} 3\na_totals 9\nb 4\n";
        assert_eq!((sum(page, "a_total"), sum(page, "b")), (Some(5), Some(4)));
        assert_eq!(sum(page, "a"), None);
    }
}
