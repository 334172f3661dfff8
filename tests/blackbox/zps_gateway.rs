//! `uringcast gateway`: zero-pub-sub's own command line.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;
use uringcast_tests::server_binary;

/// A gateway that is ended with its owner.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    /// Starts one and waits for the line that scripts of the original wait for.
    fn start(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child =
            command(flags, variables).stdout(Stdio::piped()).spawn().expect("the gateway answers");
        let mut lines = BufReader::new(child.stdout.take().expect("the gateway answers"))
            .lines()
            .map_while(Result::ok);
        let line = lines.find(|line| line.starts_with('[')).expect("the line comes");
        let address = line.strip_prefix("[zero-pub-sub] gateway listening on ws://");
        let address =
            address.expect("the words of the original").parse().expect("the gateway answers");
        Self { child, address }
    }

    /// A websocket that has said who it is.
    fn connect(&self) -> tungstenite::WebSocket<TcpStream> {
        let stream = TcpStream::connect(self.address).expect("the gateway answers");
        let url = format!("ws://{}/", self.address);
        let (mut socket, _) = tungstenite::client(url, stream).expect("the gateway answers");
        socket.send(r#"{"type":"init","subscriberId":"s"}"#.into()).expect("the gateway answers");
        assert_eq!(
            socket.read().expect("the gateway answers").to_string(),
            r#"{"type":"ready","subscriberId":"s"}"#
        );
        socket
    }

    /// What a client that is subscribed is told after it publishes.
    fn publish(&self) -> serde_json::Value {
        let mut socket = self.connect();
        socket.send(r#"{"type":"subscribe","room":"chat:1"}"#.into()).expect("the gateway answers");
        socket.read().expect("the gateway answers");
        let event = json!({ "room": "chat:1", "type": "t", "payload": 1 });
        let publish = json!({ "type": "publish", "event": event });
        socket.send(publish.to_string().into()).expect("the gateway answers");
        serde_json::from_str(&socket.read().expect("the gateway answers").to_string())
            .expect("the gateway answers")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(flags: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(server_binary());
    command.args(["gateway", "--host", "127.0.0.1", "--cores", "1"]).args(flags).env_clear();
    if let Some(value) = std::env::var_os("MONOIO_FORCE_LEGACY_DRIVER") {
        command.env("MONOIO_FORCE_LEGACY_DRIVER", value);
    }
    command.envs(variables.iter().copied());
    command
}

fn refused(flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        command(flags, variables).output().expect("the gateway answers");
    (status.code(), String::from_utf8(stderr).expect("the gateway answers"))
}

#[test]
fn clients_publish_where_that_is_allowed() {
    let flags = ["--provider", "memory", "--port", "0"];
    let gateway = Gateway::start(&[&flags[..], &["--allow-client-publish"]].concat(), &[]);
    let told = gateway.publish();
    assert_eq!((&told["type"], &told["data"]["sequence"]), (&json!("event"), &json!(1)));
    assert_eq!(told["data"]["metadata"]["provider"], "memory");
    let gateway = Gateway::start(&flags, &[]);
    assert_eq!(gateway.publish()["message"], "Realtime client publish is disabled");
}

#[test]
fn the_environment_says_the_same() {
    let dir = std::env::temp_dir().join(format!("uringcast-gateway-{}", std::process::id()));
    let path = dir.to_str().expect("the gateway answers");
    let variables =
        [("ZERO_PUBSUB_PROVIDER", "file"), ("ZERO_PUBSUB_CONNECTION", path), ("PORT", "0")];
    let gateway = Gateway::start(&["--allow-client-publish"], &variables);
    assert_eq!(gateway.publish()["data"]["metadata"]["provider"], "file");
    assert!(dir.is_dir());
    drop(gateway);
    std::fs::remove_dir_all(dir).expect("the gateway answers");
}

#[test]
fn other_providers_end_with_a_clear_error() {
    for provider in ["mongo", "postgres", "redis", "hybrid", ""] {
        let (code, text) = refused(&["--provider", provider, "--port", "0"], &[]);
        assert_eq!(code, Some(64), "{text}");
        assert!(text.contains("log.driver must be memory or file"), "{text}");
    }
    let (code, text) = refused(&["--port", "0"], &[("ZERO_PUBSUB_PROVIDER", "redis")]);
    assert_eq!(code, Some(64));
    assert!(text.contains("ZERO_PUBSUB_PROVIDER: log.driver must be memory or file"), "{text}");
}

/// Nobody can use what everybody knows: the development app's secret is not that of a gateway.
#[test]
fn the_development_apps_secret_opens_nothing() {
    let gateway = Gateway::start(&["--port", "0"], &[]);
    let mut http = uringcast_tests::Http::connect(gateway.address);
    let headers = [("Authorization", "Bearer app-secret")];
    assert_eq!(http.request_with("GET", "/health", &headers).status, 401);
}
