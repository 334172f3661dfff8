//! `protocol` and `version` of a websocket's URL.

use percent_encoding::percent_decode_str;
use uringcast_proto::form;

use crate::Refused;

/// The versions of the protocol that are spoken here.
///
/// 5 is the first whose clients answer `pusher:ping`, without which they would be closed as dead;
/// 6 changed nothing on the wire for a client that knows close codes, 7 added `activity_timeout`
/// (the change log of Pusher's protocol). There is no other.
const SUPPORTED: std::ops::RangeInclusive<u32> = 5..=7;

/// The longest version of a client library; real ones have 5 to 20 bytes.
const VERSION_BYTES_MAX: usize = 64;

/// Check what a client says of itself. `client` is any text and not looked at.
///
/// A parameter without a value counts as missing, and of several the first counts.
pub fn check_version(query: &str, is_protocol_required: bool) -> Result<(), Refused> {
    match parameter(query, "protocol") {
        Some(protocol) => check_protocol(&protocol)?,
        None if is_protocol_required => return Err(Refused::ProtocolMissing),
        None => {}
    }
    match parameter(query, "version") {
        Some(version) if !is_version(&version) => Err(Refused::VersionForm),
        Some(_) | None => Ok(()),
    }
}

fn check_protocol(protocol: &str) -> Result<(), Refused> {
    if !protocol.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::ProtocolForm);
    }
    // A number beyond `u32` is a number all the same.
    let is_supported = protocol.parse().is_ok_and(|number| SUPPORTED.contains(&number));
    if is_supported { Ok(()) } else { Err(Refused::ProtocolUnsupported) }
}

/// Whether `text` looks like the version of a library: `8.6.0`, `1.1.2.0`, `v0.3-beta+7`.
fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix('v').unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+ ".contains(&byte);
    rest.starts_with(|first: char| first.is_ascii_digit())
        && text.len() <= VERSION_BYTES_MAX
        && rest.bytes().all(is_allowed)
}

/// The first value of `name`, decoded; `None` if it is missing or empty.
fn parameter(query: &str, name: &str) -> Option<String> {
    let (_, value) = form::pairs(query).find(|(found, _)| *found == name)?;
    let value = percent_decode_str(value?).decode_utf8_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_supported_protocol_is_taken_and_their_neighbours_are_not() {
        for protocol in 5..=7 {
            assert_eq!(check_version(&format!("protocol={protocol}"), true), Ok(()));
        }
        for protocol in ["4", "8", "0", "1", "70", "4294967303", "99999999999999999999999"] {
            let checked = check_version(&format!("protocol={protocol}"), true);
            assert_eq!(checked, Err(Refused::ProtocolUnsupported), "{protocol}");
        }
    }

    #[test]
    fn a_protocol_is_a_whole_number() {
        for protocol in ["seven", "7.0", "-7", "+7", "%2B7", "7%20", "0x7", "%00", "\u{fffd}"] {
            let checked = check_version(&format!("protocol={protocol}&version=8.6.0"), true);
            assert_eq!(checked, Err(Refused::ProtocolForm), "{protocol}");
        }
    }

    #[test]
    fn a_protocol_may_be_missing_where_none_is_required() {
        for query in ["", "client=js&version=8.6.0", "protocol", "protocol=", "Protocol=7"] {
            assert_eq!(check_version(query, true), Err(Refused::ProtocolMissing), "{query}");
            assert_eq!(check_version(query, false), Ok(()), "{query}");
        }
        assert_eq!(check_version("protocol=4", false), Err(Refused::ProtocolUnsupported));
    }

    #[test]
    fn of_several_the_first_counts() {
        assert_eq!(check_version("protocol=7&protocol=4", true), Ok(()));
        assert_eq!(check_version("protocol=4&protocol=7", true), Err(Refused::ProtocolUnsupported));
    }

    #[test]
    fn the_versions_of_real_libraries_are_taken() {
        let versions = ["8.6.0", "7.0.3", "1.1.2.0", "v2", "10.1.5-beta.1", "0.3%2B7", "0.3+7", ""];
        for version in versions {
            let query = format!("protocol=7&client=iOS-libPusher&version={version}&flash=false");
            assert_eq!(check_version(&query, true), Ok(()), "{version}");
        }
        assert_eq!(check_version("protocol=7", true), Ok(()), "none is not a wrong one");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for version in
            ["latest", "vv1", "v", ".1", "-1", "1%0d%0a", "1/2", "%3CVERSION%3E", "1%C3%A9"]
        {
            let checked = check_version(&format!("protocol=7&version={version}"), true);
            assert_eq!(checked, Err(Refused::VersionForm), "{version}");
        }
    }

    #[test]
    fn a_version_may_be_as_long_as_the_limit() {
        let version = "1".repeat(VERSION_BYTES_MAX);
        assert_eq!(check_version(&format!("protocol=7&version={version}"), true), Ok(()));
        let checked = check_version(&format!("protocol=7&version={version}1"), true);
        assert_eq!(checked, Err(Refused::VersionForm));
    }
}
