//! What pages may send (CORS) is what the routes read.

use std::fs;
use std::path::{Path, PathBuf};

/// Finds each place of the sources that reads a header. One that reads another header than these
/// fails here until it is added to them, and to what pages may send.
#[test]
fn a_page_may_send_every_header_that_a_route_reads() {
    let read: [(&str, &[&str]); 7] = [
        ("AUTHORIZATION", &["authorization"]),
        ("KEY_HEADER", &["x-app-key"]),
        ("SECRET_HEADER", &["x-zintrust-socket-secret"]),
        ("name", &["idempotency-key", "x-idempotency-key"]),
        ("&name", &["authorization"]), // And cookies, which no page can set.
        ("ORIGIN", &[]),
        ("ACCESS_CONTROL_REQUEST_METHOD", &[]),
    ];
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine");
    let cors = fs::read_to_string(engine.join("api/src/cors.rs")).unwrap();
    let allowed = cors.split("const ALLOW_HEADERS: &str = \"").nth(1).unwrap();
    let allowed = allowed.split('"').next().unwrap().replace('\\', " ").to_ascii_lowercase();
    let is_allowed = |name: &str| allowed.split(',').any(|it| it.trim() == name);
    for source in sources(&engine.join("api/src")) {
        let reads = ["headers.get(", "headers.get_all(", "headers.contains_key("];
        let reads = reads.iter().flat_map(|read| source.split(read).skip(1));
        for name in reads.filter_map(|rest| rest.split(')').next()) {
            let known = read.iter().find(|(known, _)| *known == name);
            let (_, headers) = known.unwrap_or_else(|| panic!("{name}: which header is it?"));
            assert!(headers.iter().all(|it| is_allowed(it)), "{name}: {headers:?}");
        }
    }
    // Streams of server-sent events are served where the sockets are.
    let streams = fs::read_to_string(engine.join("server/src/io/stream.rs")).unwrap();
    let names = streams.split("HeaderName::from_static(\"").skip(1);
    let names: Vec<_> = names.filter_map(|rest| rest.split('"').next()).collect();
    assert!(!names.is_empty() && names.iter().all(|name| is_allowed(name)), "{names:?}");
}

/// The text of every source file in and below `folder`, without its tests.
fn sources(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder)
        .expect("it is a folder")
        .map(|entry| entry.expect("it is read").path());
    let of = |path: PathBuf| {
        if path.is_dir() {
            return sources(&path);
        }
        let text = fs::read_to_string(path).expect("sources are text");
        vec![text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()]
    };
    paths.flat_map(of).collect()
}
