//! The environment's app: which of its names counts.

use super::*;

fn env_app(variables: &[(&str, &str)]) -> App {
    let mut apps = load("", variables, &[]).unwrap().config.apps;
    assert_eq!(apps.len(), 1);
    apps.remove(0)
}

/// Every name of each part, the strongest first.
const PARTS: [&[&str]; 3] = [
    &["PUSHER_APP_ID", "BROADCAST_APP_ID", "REVERB_APP_ID", "SOKETI_DEFAULT_APP_ID"],
    &[
        "PUSHER_APP_KEY",
        "BROADCAST_AUTH_KEY",
        "BROADCAST_APP_KEY",
        "REVERB_APP_KEY",
        "SOKETI_DEFAULT_APP_KEY",
    ],
    &[
        "PUSHER_APP_SECRET",
        "BROADCAST_SECRET",
        "BROADCAST_APP_SECRET",
        "REVERB_APP_SECRET",
        "SOKETI_DEFAULT_APP_SECRET",
    ],
];

#[test]
fn the_first_name_that_is_set_counts() {
    for weakest in 0..5 {
        let from = |names: &[&'static str]| {
            let first = weakest.min(names.len() - 1);
            names[first..].iter().map(|name| (*name, *name)).collect::<Vec<_>>()
        };
        let parts = PARTS.map(from);
        let expected = parts.clone().map(|names| names[0].1);
        let app = env_app(&parts.concat());
        let primary = app.primary();
        assert_eq!([&*app.id, &*primary.key, &*primary.secret], expected);
    }
}

#[test]
fn the_publish_secret_is_apart_only_if_it_differs() {
    let publish_secret = |variables: &[(&'static str, &'static str)]| {
        let base = [("PUSHER_APP_ID", "i"), ("PUSHER_APP_KEY", "k"), ("PUSHER_APP_SECRET", "s")];
        env_app(&[&base, variables].concat()).publish_secret
    };
    let names = [
        ("BROADCAST_BRIDGE_SECRET", "1"),
        ("X_ZINTRUST_SOCKET_SEC", "2"),
        ("BROADCAST_SECRET", "3"),
        ("BROADCAST_APP_SECRET", "4"),
    ];
    assert_eq!(publish_secret(&names).as_deref(), Some("1"));
    assert_eq!(publish_secret(&names[1..]).as_deref(), Some("2"));
    assert_eq!(publish_secret(&names[2..]).as_deref(), Some("3"));
    assert_eq!(publish_secret(&names[3..]), None, "PUSHER_APP_SECRET comes first");
    assert_eq!(publish_secret(&[]), None);
}

#[test]
fn what_is_ignored_is_said() {
    let variables = [
        ("SOCKET_ENABLED", "false"),
        ("SOCKET_TRANSPORT", "cloudflare"),
        ("BROADCAST_BRIDGE_SECRET", "hidden"),
    ];
    let notices = load("", &variables, &[]).unwrap().notices;
    assert_eq!(
        notices,
        [
            "BROADCAST_BRIDGE_SECRET means nothing without an app's id, key and secret in the \
             environment; the file has publish_secret",
            "SOCKET_ENABLED is ignored: this server always serves websockets",
            "SOCKET_TRANSPORT is ignored: this server has one transport of its own",
        ]
    );
    assert_eq!(load("", &[], &[]).unwrap().notices, [""; 0]);
}

#[test]
fn a_publish_secret_that_cannot_be_used_is_reported() {
    check(
        "",
        &[
            ("PUSHER_APP_ID", "i"),
            ("PUSHER_APP_KEY", "k"),
            ("PUSHER_APP_SECRET", "s"),
            ("BROADCAST_BRIDGE_SECRET", "a\n"),
        ],
        &[],
        &["environment PUSHER_APP_ID, PUSHER_APP_KEY, PUSHER_APP_SECRET: the publish secret of \
             an app must be 1 to 256 bytes without control characters"],
    );
}

#[test]
fn the_socket_path_and_the_activity_timeout_have_short_names() {
    let variables = [("SOCKET_PATH", "ws/"), ("BROADCAST_ACTIVITY_TIMEOUT", "45")];
    let config = load("", &variables, &[]).unwrap().config;
    assert_eq!(config.server.socket_path, "/ws");
    assert_eq!(config.connection.activity_timeout_s, 45);
    check(
        "[server]\nsocket_path = 5",
        &[("SOCKET_PATH", "/apps")],
        &[],
        &[
            "FILE:2: server.socket_path must be a path such as /app, of at most 128 letters, \
             digits or any of - . _ ~ and single slashes, and not under /apps, /broadcasting, \
             /ready, /up or /usage",
            "environment SOCKET_PATH: server.socket_path must be a path such as /app, of at most \
             128 letters, digits or any of - . _ ~ and single slashes, and not under /apps, \
             /broadcasting, /ready, /up or /usage",
        ],
    );
}
