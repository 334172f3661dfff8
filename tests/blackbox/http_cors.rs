//! Web pages that read the HTTP API.

use uringcast_tests::{Api, Http, Options, Response, Server};

const ORIGIN: (&str, &str) = ("Origin", "https://app.example.com");
const PREFLIGHT: [(&str, &str); 3] = [
    ORIGIN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "content-type"),
];

fn start(origins: &str) -> Server {
    Server::start(Options::new().config(&format!("http.cors_origins = \"{origins}\"")))
}

fn preflight(server: &Server, path: &str) -> Response {
    Http::connect(server.address()).request_with("OPTIONS", path, &PREFLIGHT)
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

#[test]
fn pages_of_every_origin_may_read_and_none_with_cookies() {
    let server = Server::start(Options::new());
    let mut api = Api::new(&server);
    let request = api.signed("GET", "/channels", "").header(ORIGIN.0, ORIGIN.1);
    let response = api.send(&request);
    assert_eq!((response.status, allowed(&response)), (200, Some("*")));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let exposed = response.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("Retry-After"), "{exposed}");
    assert_eq!(allowed(&api.get("/channels")), None, "no page has asked");
}

#[test]
fn a_page_may_read_why_it_was_refused() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    for (path, status) in [("/apps/app-id/channels", 401), ("/nowhere", 404)] {
        let response = http.request_with("GET", path, &[ORIGIN]);
        assert_eq!((response.status, allowed(&response)), (status, Some("*")), "{path}");
    }
}

#[test]
fn a_preflight_is_answered_without_a_body_whatever_the_path() {
    let server = Server::start(Options::new());
    for path in ["/apps/app-id/events", "/up", "/nowhere"] {
        let response = preflight(&server, path);
        assert_eq!((response.status, response.body.len()), (204, 0), "{path}");
        assert_eq!(allowed(&response), Some("*"));
        assert_eq!(response.header("content-type"), None);
        let methods = response.header("access-control-allow-methods").unwrap();
        assert!(["GET", "POST"].iter().all(|method| methods.contains(method)), "{methods}");
        let headers = response.header("access-control-allow-headers").unwrap();
        for header in ["Content-Type", "Authorization", "Idempotency-Key", "X-Socket-Id"] {
            assert!(headers.contains(header), "{headers}");
        }
        assert!(response.header("access-control-max-age").is_some());
    }
}

#[test]
fn an_options_request_that_is_no_preflight_is_like_any_other() {
    let server = Server::start(Options::new());
    let mut http = Http::connect(server.address());
    let response = http.request("OPTIONS", "/apps/app-id/events", b"");
    assert_eq!((response.status, response.header("allow")), (405, Some("POST")));
    assert_eq!(http.request_with("OPTIONS", "/up", &[ORIGIN]).status, 405);
}

#[test]
fn only_listed_origins_may_read_and_with_cookies() {
    let server = start("https://other.example, https://app.example.com");
    let mut http = Http::connect(server.address());
    let listed = http.request_with("GET", "/up", &[ORIGIN]);
    assert_eq!(allowed(&listed), Some(ORIGIN.1));
    assert_eq!(listed.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(listed.header("vary"), Some("Origin"));
    let stranger = http.request_with("GET", "/up", &[("Origin", "https://app.example.com.evil")]);
    assert_eq!((stranger.status, allowed(&stranger)), (200, None));
    assert_eq!(stranger.header("vary"), Some("Origin"));
    assert_eq!(http.get("/up").header("vary"), Some("Origin"));
    assert_eq!(allowed(&preflight(&server, "/up")), Some(ORIGIN.1));
}

#[test]
fn nobody_may_read_when_it_is_off() {
    let server = start("off");
    let response = preflight(&server, "/apps/app-id/events");
    assert_eq!((response.status, allowed(&response)), (204, None));
    assert_eq!(response.header("access-control-allow-methods"), None);
    let simple = Http::connect(server.address()).request_with("GET", "/up", &[ORIGIN]);
    assert_eq!((simple.status, allowed(&simple)), (200, None));
}
